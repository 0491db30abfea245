/* power_run.h - a whole reception with power cuts, and what must hold whatever happens. */
#ifndef TESTS_LIB_POWER_RUN_H
#define TESTS_LIB_POWER_RUN_H

#include "tests/lib/power_storage.h"
#include "tests/lib/store_fixture.h"

struct power_run_case {
	unsigned loss_percent;
	bool repair_first; /* the box comes late: symbols lie in foreign places */
	bool with_index;   /* the chunk index is there */
	bool has_forger;   /* a repair symbol of block 0 is false: its block is dropped by the index, and begun anew */
	size_t tear;
	enum power_luck luck;
	uint64_t seed;
	uint64_t cut_at;    /* 0: never */
	uint64_t second_at; /* calls after the first restart; 0: never */
};

/* Receives the fixture's image to the end, restarting after each cut, and fails the cmocka test when something that
 * was synced is asked for again, something is called done or complete that is not, or the running slot is touched.
 * Returns the changing calls of a run without cuts, or those of the whole. */
uint64_t power_run(struct store_fixture *, const struct power_run_case *);

/* All cut points of a reception, `every` one of them, in all tears and lucks; second cuts too. Returns how many. */
struct power_sweep {
	const struct store_fixture_shape *shape;
	unsigned loss_percent;
	bool repair_first, with_index, has_forger;
	unsigned every;
};
uint64_t power_sweep(const struct power_sweep *);

#endif
