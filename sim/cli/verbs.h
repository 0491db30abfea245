/* verbs.h - the verbs of carousel-sim. */
#ifndef SIM_CLI_VERBS_H
#define SIM_CLI_VERBS_H

#include "common/io/cli.h"

/* sim/cli/impair.c: relays a live group to another, with loss. */
int sim_impair(const struct cli *, int argc, char **argv);

/* sim/cli/fleet.c */
int sim_run(const struct cli *, int argc, char **argv);
int sim_fleet(const struct cli *, int argc, char **argv);
int sim_merge(const struct cli *, int argc, char **argv);

/* sim/cli/models.c */
int sim_plan(const struct cli *, int argc, char **argv);
int sim_compare(const struct cli *, int argc, char **argv);
int sim_fit(const struct cli *, int argc, char **argv);

#endif
