/* document.h - the files that the verbs work on: an envelope, or the bare text that goes into one. */
#ifndef POLICY_MAP_CLI_DOCUMENT_H
#define POLICY_MAP_CLI_DOCUMENT_H

#include "common/envelope.h"
#include "common/io/cli.h"
#include "common/json_fields.h"
#include "policy-map/manifest.h"
#include "policy-map/policy_map.h"
#include "policy-map/trust.h"

#include <stdbool.h>

struct document {
	char *text; /* of the file; owned */
	size_t len;
	bool is_envelope;
	struct envelope envelope;
	const char *type; /* payload type; guessed from the content of a bare text, NULL: unknown */
	const uint8_t *payload;
	size_t payload_len;
};

/* All functions say on stderr what is wrong and return an exit status: CLI_OK or CLI_FAILED. "-" reads stdin. */
int document_read(const struct cli *, const char *path, size_t limit, char **text, size_t *len);
int document_load(const struct cli *, const char *path, struct document *);
void document_deinit(struct document *);
int document_write(const struct cli *, const char *path, const void *data, size_t len, unsigned mode);
/* What else a verb that writes `out` reads or writes. */
struct document_other {
	const char *name; /* for the message: "--key" */
	const char *path; /* NULL or "-": none */
	bool is_edited;   /* `out` may take its place */
};
/* Asked before any work: CLI_USAGE when `out`, or the temporary file beside it, is one of the others by whatever name
 * or link, and would be the end of it; CLI_FAILED when it is a device, a pipe or a folder. */
int document_check_out(const struct cli *, const char *out, const struct document_other *, size_t count);
/* CLI_USAGE when a verb that answers in JSON also writes `out`, which is `what`, to stdout. */
int document_check_stdout(const struct cli *, bool json, const char *out, const char *what);
int document_write_envelope(const struct cli *, const char *path, const struct envelope *);

/* file:line:column: what is wrong; CLI_FAILED. What is wrong with the file as a whole stands at its beginning. */
int document_say_error(const struct cli *, const char *path, const struct policy_map_error *);
/* file:line:column on stderr when it does not parse. */
int document_parse_map(
	const struct cli *, const char *path, const struct document *, bool strict, struct policy_map **);
/* The map of a file, without the document that it came in. */
int document_load_map(const struct cli *, const char *path, bool strict, struct policy_map **);
/* The newest root of a chain file (roots.dsse), each link checked. */
int document_load_trust(const struct cli *, const char *path, struct trust *);

/* A path as JSON has it: what is not UTF-8 as question marks. NULL: no memory. */
json_t *document_json_path(const char *path);

#endif
