/* esi_set.h - which repair symbols are held, in bounded memory.
 *
 * Schemes with few repair symbols a block have a bit for each; a fountain's ESIs go into pages of 512 that come and go.
 * When the pages run out a symbol that is held may be taken for a new one: it then costs a place and is found
 * out when the block is decoded. The other mistake does not happen. */
#ifndef CAROUSEL_RX_STORE_ESI_SET_H
#define CAROUSEL_RX_STORE_ESI_SET_H

#include "common/memory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct esi_page {
	uint32_t sbn, number, next;
	uint32_t bits[16];
};

struct esi_set {
	const struct carousel_allocator *allocator;
	uint32_t *flat; /* stride words a block, when repair ESIs are few */
	uint32_t stride;
	struct esi_page *page;
	uint32_t *bucket;
	uint32_t num_pages, free_page;
};

/* max_repair: repair symbols a block has at most; blocks: how many. */
size_t esi_set_bytes(uint32_t blocks, uint32_t max_repair);
/* Errors: MEMORY. */
int esi_set_init(struct esi_set *, const struct carousel_allocator *, uint32_t blocks, uint32_t max_repair);
void esi_set_deinit(struct esi_set *);

/* index: ESI - K. */
bool esi_set_has(const struct esi_set *, uint32_t sbn, uint32_t index);
void esi_set_add(struct esi_set *, uint32_t sbn, uint32_t index);
void esi_set_remove(struct esi_set *, uint32_t sbn, uint32_t index);
void esi_set_clear_block(struct esi_set *, uint32_t sbn);

#endif
