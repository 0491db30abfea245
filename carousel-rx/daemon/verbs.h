/* verbs.h - the verbs of the carousel-rx program. */
#ifndef CAROUSEL_RX_DAEMON_VERBS_H
#define CAROUSEL_RX_DAEMON_VERBS_H

#include "common/io/cli.h"
#include "common/io/control_client.h"

int verb_run(const struct cli *, int argc, char **argv);
int verb_status(const struct cli *, int argc, char **argv);
int verb_explain(const struct cli *, int argc, char **argv);
int verb_report(const struct cli *, int argc, char **argv);
int verb_watch(const struct cli *, int argc, char **argv);
int verb_accept(const struct cli *, int argc, char **argv);
int verb_decline(const struct cli *, int argc, char **argv);
int verb_defer(const struct cli *, int argc, char **argv);
int verb_simple(const struct cli *, int argc, char **argv);
int verb_inhibit(const struct cli *, int argc, char **argv);
/* carousel-rx/daemon/record.c: needs no daemon */
int verb_record(const struct cli *, int argc, char **argv);

#define VERB_TIMEOUT_MS 10000

/* Opens the daemon's control socket; prints why not. */
int verb_open(const struct cli *, const char *path, struct control_client **);

/* What people read: a few lines of a status, or one. */

void show_status(const json_t *status);
void show_line(const json_t *status, bool is_terminal);

#endif
