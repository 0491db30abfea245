/* power_run.h - a whole reception with power cuts, and what must hold whatever happens. */
#ifndef TESTS_LIB_POWER_RUN_H
#define TESTS_LIB_POWER_RUN_H

#include "tests/lib/power_storage.h"
#include "tests/lib/store_fixture.h"

/* All cut points of a reception, or every `every`-th of them, of those one of `parts` parts: with a block in memory
 * and as if it did not fit; unsynced data lost, kept, or torn at 1, 512 and 4096 bytes; every other time again while
 * recovering. After each cut the fixture's image is received to its end. Fails the cmocka test when something that was
 * synced is asked for again, something is called done or complete that is not, or the running slot is touched.
 * Returns how many cuts. */
struct power_sweep {
	const struct store_fixture_shape *shape;
	uint16_t sub_blocks; /* N of RaptorQ */
	unsigned loss_percent;
	bool repair_first; /* the box comes late: symbols lie in foreign places */
	bool with_index;   /* the chunk index is there */
	bool has_forger;   /* a repair symbol of block 0 is false: its block is dropped by the index, and begun anew */
	unsigned every, part, parts;
};
uint64_t power_sweep(const struct power_sweep *);

#endif
