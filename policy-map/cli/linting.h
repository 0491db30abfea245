/* linting.h - runs lint over a map file and prints what it finds; shared by lint, sign and the release verbs. */
#ifndef POLICY_MAP_CLI_LINTING_H
#define POLICY_MAP_CLI_LINTING_H

#include "policy-map/cli/document.h"
#include "policy-map/lint.h"

struct linting {
	const char *previous_path;    /* last signed map, or NULL */
	const char *catalogue_path;   /* or NULL */
	const char *fleet_path;       /* or NULL */
	uint64_t slot_bytes;          /* 0: not known */
	struct fec_limits fec_limits; /* zeros: not known */
	bool errors_only;
	json_t *findings;          /* an array to add to, instead of lines on stderr; NULL: lines */
	unsigned errors, warnings; /* result */
};

/* CLI_OK when it could be done, whatever was found. */
int linting_run(const struct cli *, const char *path, const struct document *, struct linting *);

#endif
