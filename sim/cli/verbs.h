/* verbs.h - the verbs of carousel-sim. */
#ifndef SIM_CLI_VERBS_H
#define SIM_CLI_VERBS_H

#include "common/io/cli.h"

/* sim/cli/impair.c: relays a live group to another, with loss. */
int sim_impair(const struct cli *, int argc, char **argv);

#endif
