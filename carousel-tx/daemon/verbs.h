/* verbs.h - the program's verbs, and what they share. */
#ifndef CAROUSEL_TX_DAEMON_VERBS_H
#define CAROUSEL_TX_DAEMON_VERBS_H

#include "carousel-tx/daemon/change.h"
#include "carousel-tx/daemon/settings.h"
#include "common/io/cli.h"

#include <jansson.h>

#define VERB_REQUEST_MS 5000

/* Options of every verb, and what they resolve to. */
struct verb_common {
	const char *config, *catalogue, *socket;
	struct settings settings;
	struct change_by by; /* of verbs that change the catalogue */
	bool json;
};

#define VERB_COMMON_OPTIONS(c)                                                                                         \
	{"config", CLI_STRING, &(c)->config, 0, 0, "FILE", "configuration (default " SETTINGS_PATH ")"},               \
		{"catalogue", CLI_STRING, &(c)->catalogue, 0, 0, "DIR", "catalogue, instead of the configuration's"},  \
	{                                                                                                              \
		"socket", CLI_STRING, &(c)->socket, 0, 0, "PATH", "control socket, instead of the configuration's"     \
	}

#define VERB_JSON_OPTION(c)                                                                                            \
	{                                                                                                              \
		"json", CLI_FLAG, &(c)->json, 0, 0, NULL, "print JSON"                                                 \
	}

/* The catalogue and the socket: from the options, else from the configuration, which is read only when it is asked for
 * or needed. Returns the exit status. */
int verb_resolve(const struct cli *, struct verb_common *, bool needs_catalogue);

/* The same of a verb that cannot do without the configuration. */
int verb_resolve_config(const struct cli *, struct verb_common *);

/* One object a line; takes it over, NULL: there was no memory. Returns the exit status. */
int verb_print_json(const struct cli *, json_t *);

int verb_run(const struct cli *, int argc, char **argv);
int verb_status(const struct cli *, int argc, char **argv);
int verb_list(const struct cli *, int argc, char **argv);
int verb_verify(const struct cli *, int argc, char **argv);
int verb_set_rate(const struct cli *, int argc, char **argv);
int verb_plan(const struct cli *, int argc, char **argv);
int verb_publish(const struct cli *, int argc, char **argv);
int verb_withdraw(const struct cli *, int argc, char **argv);
int verb_set_map(const struct cli *, int argc, char **argv);
int verb_set_root(const struct cli *, int argc, char **argv);

#endif
