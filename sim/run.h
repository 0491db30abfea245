/* run.h - a scenario packet by packet: real transmitter and receiver cores in virtual time. */
#ifndef SIM_RUN_H
#define SIM_RUN_H

#include "sim/headend.h"
#include "sim/report.h"
#include "sim/scenario.h"

struct run_options {
	uint32_t shard, shards;       /* plays the boxes whose number modulo shards is shard; 0 of 0: all */
	enum headend_payload payload; /* BYTES: written to slots in memory; else identities only */
	int (*progress)(void *user, double done);
	void *user;
};

/* *out is the caller's. Deterministic by seed; a box meets the same fate in any shard. Ends with the scenario, or
 * earlier when nothing more will happen: every box has what it is meant to have, or can never get it, and the report
 * says why. Errors: ARGUMENT (shard), UNSUPPORTED (sudden ends or damaged symbols without payload: see
 * scenario_error()), MEMORY, LIMIT, those of the cores. */
int run_scenario(
	struct report **out, const struct carousel_allocator *, const struct scenario *, const struct run_options *);

#endif
