/* geometry.h - places: where in the slot each source symbol of an image lies, and what a place may hold.
 *
 * A place is named by (sbn, source ESI): the bytes of the slot where that source symbol belongs. Padding has no place.
 * A place that the slot's end cuts holds nothing but its own symbol, whose bytes past the image's end are zeros. */
#ifndef CAROUSEL_RX_STORE_GEOMETRY_H
#define CAROUSEL_RX_STORE_GEOMETRY_H

#include "carousel_rx.h"
#include "common/object_layout.h"

#include <stdbool.h>

/* What journal records of foreign symbols can name. */
#define GEOMETRY_MAX_BLOCKS 65536u
#define GEOMETRY_MAX_PLACES 65536u /* of a block */

struct geometry {
	struct object_layout layout;
	uint64_t slot_bytes;
	uint32_t blocks, max_source; /* Z and the longest block's K */
	uint16_t symbol_size, num_pieces;
	uint64_t real_symbols; /* source symbols that are not padding, all blocks */
};

/* Errors: SLOT_TOO_SMALL, UNSUPPORTED (more than GEOMETRY_MAX_). layout is checked already. */
int geometry_init(struct geometry *, const struct object_layout *, uint64_t slot_bytes);
/* sbn < blocks for all that follow. */
struct fec_block geometry_block(const struct geometry *, uint32_t sbn);
/* Source symbols of a block that are not padding; padding is always at its end. */
uint32_t geometry_real(const struct geometry *, uint32_t sbn);
/* Whether a whole foreign symbol fits the place. */
bool geometry_is_whole(const struct geometry *, uint32_t sbn, uint32_t place);
/* Offset in the slot of a place's first byte: to sort by. */
uint64_t geometry_offset(const struct geometry *, uint32_t sbn, uint32_t place);
/* Bytes of its own symbol that a place with one piece holds: less than symbol_size at the image's end. */
size_t geometry_own_bytes(const struct geometry *, uint32_t sbn, uint32_t place);

/* Storage as one lane of jobs sees it. */
struct place_io {
	const struct carousel_rx_storage *storage;
	const struct geometry *geometry;
	uint64_t bytes_written; /* to any file */
};

int place_io_write(struct place_io *, enum carousel_rx_file, uint64_t off, const void *, size_t);
int place_io_read(struct place_io *, enum carousel_rx_file, uint64_t off, void *, size_t);
/* Whether reading failed for what is read: a worn page, not a caller's mistake. */
bool place_io_is_unreadable(int result);
int place_io_sync(struct place_io *, enum carousel_rx_file);
/* Bytes [off, off + len) of the symbol in a place. is_own: the place's own symbol, cut by the image's end. */
int place_read(struct place_io *, uint32_t sbn, uint32_t place, bool is_own, size_t off, size_t len, uint8_t *dst);
int place_write(
	struct place_io *, uint32_t sbn, uint32_t place, bool is_own, size_t off, size_t len, const uint8_t *src);

#endif
