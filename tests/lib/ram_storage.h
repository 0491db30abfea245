/* ram_storage.h - a receiver's storage in memory, with power cuts, full devices and failing calls. */
#ifndef TESTS_LIB_RAM_STORAGE_H
#define TESTS_LIB_RAM_STORAGE_H

#include "carousel_rx.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A write that was not synced yet. */
struct ram_pending {
	uint64_t off;
	size_t len;
	uint8_t *data;
};

struct ram_file {
	uint8_t *now, *durable; /* what read gives; what a power cut leaves at least */
	uint64_t now_len, durable_len;
	size_t now_cap, durable_cap;
	uint64_t device_bytes; /* 0: a regular file that grows; else a slot of this size */
	struct ram_pending *pending;
	size_t num_pending, cap_pending;
	bool was_truncated; /* since the last sync */
};

struct ram_storage {
	struct carousel_rx_storage table;
	struct ram_file file[RX_NUM_FILES];
	/* Every changing call (write, sync, truncate, replace) counts down; at 0 the power goes: that call and all
	 * later ones fail with STORAGE until ram_storage_power_on(). UINT64_MAX: never. */
	uint64_t calls_left;
	uint64_t calls; /* changing calls so far */
	bool is_off;
	int fail_with; /* non-zero: every changing call fails with this code */
	uint64_t bytes_written, bytes_read;
};

/* Both slots are devices of slot_bytes, filled with zeros. */
void ram_storage_init(struct ram_storage *, uint64_t slot_bytes);
void ram_storage_deinit(struct ram_storage *);

/* Power comes back: of the writes that were not synced some are kept, some lost and some torn at 512 bytes,
 * as the seed says. Everything that was synced is there. */
void ram_storage_power_on(struct ram_storage *, uint64_t seed);

/* Fills a file from outside, as durable content. */
void ram_storage_set(struct ram_storage *, enum carousel_rx_file, const void *, size_t);

#endif
