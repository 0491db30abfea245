/* airtime.h - how many symbols of each image a scenario's transmitter sends when, and what a box hears of them. */
#ifndef SIM_AIRTIME_H
#define SIM_AIRTIME_H

#include "carousel-tx/completion.h"
#include "common/memory.h"
#include "sim/scenario.h"

#include <stddef.h>
#include <stdint.h>

#define AIRTIME_MAX_SEGMENTS 512u

struct airtime_segment {
	uint64_t start_ns, end_ns;
	double symbols_per_ns; /* of the image, all headends together */
	bool is_source_pass;   /* the image itself, not repair: what a box has already is no use to it */
};

struct airtime_image {
	struct airtime_segment *segments; /* by time, apart from each other */
	size_t num_segments;
	double symbols;       /* source symbols of the image */
	double index_symbols; /* of its index, sent along evenly */
	uint32_t num_blocks;
};

struct airtime {
	const struct carousel_allocator *allocator;
	const struct scenario *scenario;
	struct airtime_image images[SCENARIO_MAX_IMAGES];
	uint64_t control_period_ns; /* within which a box that listens hears every signed document once */
};

/* Errors: LIMIT (too many changes of what is on the air), MEMORY. */
int airtime_init(struct airtime *, const struct carousel_allocator *, const struct scenario *);
void airtime_deinit(struct airtime *);

/* Is a box of the group, its habits shifted, switched on and reached at a time? */
bool airtime_hears(const struct scenario_group *, uint64_t shift_ns, uint64_t now_ns);
/* The first moment from now on at which it is; SCENARIO_NEVER. */
uint64_t airtime_next_hearing(const struct scenario_group *, uint64_t shift_ns, uint64_t now_ns);

/* Symbols of the image that were sent before. */
double airtime_sent(const struct airtime *, size_t image, uint64_t now_ns);

/* A time in which an image is sent evenly, and a box of the group hears all of it or nothing. */
struct airtime_piece {
	uint64_t start_ns, end_ns;
	const struct airtime_segment *segment; /* that it is of */
	size_t number;                         /* of the segment */
	double symbols;                        /* sent meanwhile */
	bool hears;
};

/* The next piece; at first {.end_ns = when the box begins}. False: there is none. */
bool airtime_next_piece(
	const struct airtime *, size_t image, const struct scenario_group *, uint64_t shift_ns, struct airtime_piece *);

/* When a box that begins to listen at start_ns has been sent so many symbols that are of use to it. `useful` is the
 * share of the source pass that it lacks (1: all of it). *sent (may be NULL): symbols sent while it listened, of use or
 * not. SCENARIO_NEVER when that is not before the end of the scenario. */
uint64_t airtime_until(const struct airtime *, size_t image, const struct scenario_group *, uint64_t shift_ns,
	uint64_t start_ns, double symbols, double useful, double *sent);

#endif
