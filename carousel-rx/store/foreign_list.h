/* foreign_list.h - which symbols lie in foreign places of a block, in bounded memory.
 *
 * Schemes whose ESIs fit a byte have one byte a place. Otherwise a pool of short lists serves all blocks; when it
 * is used up the longest list is given back, and its block is "evicted": its list must be read from the journal. */
#ifndef CAROUSEL_RX_STORE_FOREIGN_LIST_H
#define CAROUSEL_RX_STORE_FOREIGN_LIST_H

#include "common/memory.h"

#include <stdbool.h>
#include <stdint.h>

struct foreign_symbol {
	uint32_t place, esi;
};

#define FOREIGN_EXTENT_ENTRIES 15u
struct foreign_extent {
	uint32_t next, used;
	struct foreign_symbol entry[FOREIGN_EXTENT_ENTRIES];
};

struct foreign_block {
	uint32_t first; /* extent, or none */
	uint32_t count : 30;
	uint32_t is_evicted : 1;
	uint32_t is_pinned : 1; /* a job reads it: not to be evicted */
};

struct foreign_list {
	const struct carousel_allocator *allocator;
	uint8_t *flat; /* stride bytes a block: ESI + 1, or 0 */
	uint32_t stride, blocks;
	struct foreign_block *block;
	struct foreign_extent *extent;
	uint32_t num_extents, free_extent;
};

struct foreign_shape {
	uint32_t blocks, places /* a block */, max_esi;
	size_t pool_bytes;
};

size_t foreign_list_bytes(const struct foreign_shape *);
/* Errors: MEMORY. */
int foreign_list_init(struct foreign_list *, const struct carousel_allocator *, const struct foreign_shape *);
void foreign_list_deinit(struct foreign_list *);

void foreign_list_add(struct foreign_list *, uint32_t sbn, uint32_t place, uint32_t esi);
void foreign_list_remove(struct foreign_list *, uint32_t sbn, uint32_t place);
/* Empties the list of a block; it is not evicted any more. */
void foreign_list_clear(struct foreign_list *, uint32_t sbn);
/* While pinned a list stays. */
void foreign_list_pin(struct foreign_list *, uint32_t sbn, bool);
bool foreign_list_is_evicted(const struct foreign_list *, uint32_t sbn);
/* Copies up to cap entries; returns how many there are. Meaningless for an evicted block. */
uint32_t foreign_list_copy(const struct foreign_list *, uint32_t sbn, struct foreign_symbol *out, uint32_t cap);

#endif
