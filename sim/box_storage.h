/* box_storage.h - a simulated box's files and slots in memory.
 *
 * Without payload a slot holds no image but only its name: the 32 bytes of its SHA-256, at the beginning; behind them
 * the name of an image of which it holds parts, and a bit for each chunk. */
#ifndef SIM_BOX_STORAGE_H
#define SIM_BOX_STORAGE_H

#include "carousel_rx.h"
#include "common/memory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct box_file {
	uint8_t *bytes;
	uint64_t len;
	size_t cap;
};

struct box_storage {
	const struct carousel_allocator *allocator;
	struct carousel_rx_storage table;
	struct box_file files[RX_NUM_FILES]; /* the slots' places unused */
	struct box_file slots[2];
	uint64_t slot_bytes;
	int running; /* slot */
	bool has_payload;
};

/* Slots are empty. Errors: MEMORY. */
int box_storage_init(struct box_storage *, const struct carousel_allocator *, uint64_t slot_bytes, bool has_payload);
void box_storage_deinit(struct box_storage *);

/* What a slot holds: an image's bytes, or its name alone. */
int box_storage_fill(struct box_storage *, int slot, const uint8_t sha256[32], const uint8_t *bytes, uint64_t len);
/* A slot that holds those chunks of an image whose bits are set, and noise elsewhere. Errors: MEMORY, NO_SPACE. */
int box_storage_fill_parts(struct box_storage *, int slot, const uint8_t sha256[32], const uint8_t *bytes, uint64_t len,
	const uint8_t *bits, uint32_t chunk_bytes);
/* Without payload: true when the slot says that it holds parts of this image. */
bool box_storage_has_parts_of(const struct box_storage *, int slot, const uint8_t sha256[32]);
/* Without payload: the slot holds no whole image any more; its parts stay, or go too. */
void box_storage_forget(struct box_storage *, int slot, bool with_parts);

#endif
