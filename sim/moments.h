/* moments.h - a scenario's maps over time: which holds when, and when a decision may change. */
#ifndef SIM_MOMENTS_H
#define SIM_MOMENTS_H

#include "common/memory.h"
#include "policy-map/policy.h"
#include "sim/scenario.h"

#include <stddef.h>
#include <stdint.h>

#define MOMENTS_MAX 4096u

struct moments {
	const struct carousel_allocator *allocator;
	const struct scenario *scenario;
	struct policy_map *maps[SCENARIO_MAX_MAPS];
	struct scenario_digests digests[SCENARIO_MAX_IMAGES];
	uint64_t wall_s;    /* UTC at the scenario's beginning: when its first map was issued */
	uint64_t *times_ns; /* ascending: maps set, gates opening, closing and widening */
	size_t num_times, cap_times;
};

/* digests: one an image, or NULL: names. Errors: LIMIT, MEMORY, those of policy_map_parse(). */
int moments_init(
	struct moments *, const struct carousel_allocator *, const struct scenario *, const struct scenario_digests *);
void moments_deinit(struct moments *);

/* The map on the air at a time; NULL before the first. */
const struct policy_map *moments_map(const struct moments *, uint64_t now_ns);
/* The first moment after now; SCENARIO_NEVER. */
uint64_t moments_next(const struct moments *, uint64_t now_ns);
/* What heartbeats say at a time. */
uint64_t moments_gate_time_s(const struct moments *, uint64_t now_ns);
/* The scenario's image of that digest, or num_images. */
size_t moments_image(const struct moments *, const struct policy_image *);

#endif
