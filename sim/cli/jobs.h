/* jobs.h - a scenario played in several processes: shards forked, their reports joined. */
#ifndef SIM_CLI_JOBS_H
#define SIM_CLI_JOBS_H

#include "common/io/cli.h"
#include "sim/report.h"

/* Plays one shard of a scenario. */
typedef int (*jobs_play_fn)(const struct scenario *, uint32_t shard, uint32_t shards,
	int (*progress)(void *user, double done), void *user, struct report **);

/* A whole verb: options, scenario, shards, output. Returns the exit status. */
int jobs_verb(const struct cli *, int argc, char **argv, jobs_play_fn, uint64_t default_jobs);

#endif
