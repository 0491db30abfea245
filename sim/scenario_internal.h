/* scenario_internal.h - between the files that read a scenario. */
#ifndef SIM_SCENARIO_INTERNAL_H
#define SIM_SCENARIO_INTERNAL_H

#include "common/config.h"
#include "sim/scenario.h"

/* Reads one [group NAME] into the next place of s->groups; errors go to the config. */
void scenario_read_group(struct scenario *, struct config_section *, const struct scenario_files *);

#endif
