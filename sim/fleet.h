/* fleet.h - millions of boxes by statistics: the real decisions on a real map, the airtime of completion.h, no packets.
 *
 * Held against packet-level runs of the real cores by the tests; see sim/README.md for how well they agree. */
#ifndef SIM_FLEET_H
#define SIM_FLEET_H

#include "sim/report.h"
#include "sim/scenario.h"

#include <stdint.h>

struct fleet_options {
	uint32_t shard, shards; /* plays the boxes whose number modulo shards is shard; 0 of 0: all */
	/* Called now and then with the share that is done; NULL: never. Non-zero stops the run with that code. */
	int (*progress)(void *user, double done);
	void *user;
};

/* *out is the caller's. The same scenario, seed and box give the same result in any shard. Errors: ARGUMENT (shard),
 * those of policy_map_parse(), LIMIT, MEMORY, what progress returned. */
int fleet_run(
	struct report **out, const struct carousel_allocator *, const struct scenario *, const struct fleet_options *);

#endif
