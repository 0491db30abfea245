/* power_storage.h - a receiver's storage whose power can be cut at any call, and what the flash then keeps.
 *
 * Each changing call (write, sync, truncate, replace) counts. The one at the cut and all later ones fail. What was not
 * synced before is a matter of luck, sector by sector: power_on() keeps some of it, in no order. */
#ifndef TESTS_LIB_POWER_STORAGE_H
#define TESTS_LIB_POWER_STORAGE_H

#include "carousel_rx.h"
#include "tests/lib/power_file.h"

#include <stdbool.h>
#include <stddef.h>

struct power_storage {
	struct carousel_rx_storage table;
	struct power_file file[RX_NUM_FILES];
	uint64_t calls;  /* changing calls so far */
	uint64_t cut_at; /* the call, counted from 1, at which the power goes; 0: never */
	size_t tear;     /* writes are torn at multiples of this */
	bool is_off;
	bool has_touched_running; /* somebody tried to write to the running slot */
	int fail_with;            /* every changing call fails with this, without a cut */
	enum carousel_rx_file fail_file;
	bool fails_one_file; /* only fail_file does */
	/* Of one file these bytes cannot be read, until some of them are written. */
	enum carousel_rx_file worn_file;
	uint64_t worn_from, worn_to;
	bool is_worn_for_good; /* writing does not mend it */
	/* Before a changing call counts; NULL: nobody asks. */
	void (*before_call)(void *user);
	void *user;
};

/* The target slot is a device of slot_bytes full of noise. */
void power_storage_init(struct power_storage *, uint64_t slot_bytes, size_t tear);
void power_storage_deinit(struct power_storage *);
/* The power comes back. The next cut is set by the caller. */
void power_storage_on(struct power_storage *, enum power_luck, uint64_t seed);

#endif
