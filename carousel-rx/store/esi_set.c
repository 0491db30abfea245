#include "carousel-rx/store/esi_set.h"

#include "common/carousel_error.h"

#include <string.h>

#define ESI_FLAT_MOST  4096u /* repair symbols a block, for the flat form */
#define ESI_PAGE_BITS  512u
#define ESI_BUCKETS    1024u
#define ESI_NONE       UINT32_MAX
#define ESI_PAGES_MOST 4096u

static bool esi_is_flat(uint32_t max_repair)
{
	return max_repair <= ESI_FLAT_MOST;
}

/* A block that is heard from anywhere in its repair symbols needs as many pages as symbols / 512, and two for ends. */
static uint32_t esi_pages(uint32_t blocks)
{
	return blocks < ESI_PAGES_MOST / 64 ? (blocks + 1) * 64 : ESI_PAGES_MOST;
}

size_t esi_set_bytes(uint32_t blocks, uint32_t max_repair)
{
	if (esi_is_flat(max_repair))
		return (size_t)blocks * ((max_repair + 31) / 32) * sizeof(uint32_t);
	return esi_pages(blocks) * sizeof(struct esi_page) + ESI_BUCKETS * sizeof(uint32_t);
}

int esi_set_init(struct esi_set *set, const struct carousel_allocator *a, uint32_t blocks, uint32_t max_repair)
{
	memset(set, 0, sizeof(*set));
	set->allocator = a;
	if (esi_is_flat(max_repair)) {
		set->stride = (max_repair + 31) / 32;
		set->flat = memory_alloc(a, (size_t)blocks * set->stride, sizeof(*set->flat));
		return set->flat ? 0 : CAROUSEL_E_MEMORY;
	}
	set->num_pages = esi_pages(blocks);
	set->page = memory_alloc(a, set->num_pages, sizeof(*set->page));
	set->bucket = memory_alloc(a, ESI_BUCKETS, sizeof(*set->bucket));
	if (set->page == NULL || set->bucket == NULL) {
		esi_set_deinit(set);
		return CAROUSEL_E_MEMORY;
	}
	for (uint32_t i = 0; i < ESI_BUCKETS; i++)
		set->bucket[i] = ESI_NONE;
	for (uint32_t i = 0; i < set->num_pages; i++)
		set->page[i].next = i + 1 < set->num_pages ? i + 1 : ESI_NONE;
	return 0;
}

void esi_set_deinit(struct esi_set *set)
{
	memory_free(set->allocator, set->flat);
	memory_free(set->allocator, set->page);
	memory_free(set->allocator, set->bucket);
	set->flat = set->bucket = NULL;
	set->page = NULL;
}

static uint32_t *esi_bucket(const struct esi_set *set, uint32_t sbn, uint32_t number)
{
	return &set->bucket[(number * 37u + sbn * 61u) % ESI_BUCKETS];
}

static struct esi_page *esi_find(const struct esi_set *set, uint32_t sbn, uint32_t number)
{
	uint32_t at = *esi_bucket(set, sbn, number);
	while (at != ESI_NONE && (set->page[at].sbn != sbn || set->page[at].number != number))
		at = set->page[at].next;
	return at == ESI_NONE ? NULL : &set->page[at];
}

bool esi_set_has(const struct esi_set *set, uint32_t sbn, uint32_t index)
{
	const struct esi_page *page;
	if (set->flat)
		return index / 32 < set->stride && set->flat[(size_t)sbn * set->stride + index / 32] >> index % 32 & 1u;
	page = esi_find(set, sbn, index / ESI_PAGE_BITS);
	return page && page->bits[index % ESI_PAGE_BITS / 32] >> index % 32 & 1u;
}

void esi_set_add(struct esi_set *set, uint32_t sbn, uint32_t index)
{
	struct esi_page *page;
	uint32_t at, *bucket;
	if (set->flat) {
		if (index / 32 < set->stride)
			set->flat[(size_t)sbn * set->stride + index / 32] |= 1u << index % 32;
		return;
	}
	page = esi_find(set, sbn, index / ESI_PAGE_BITS);
	if (page == NULL) {
		at = set->free_page;
		if (at == ESI_NONE)
			return;
		page = &set->page[at];
		set->free_page = page->next;
		bucket = esi_bucket(set, sbn, index / ESI_PAGE_BITS);
		*page = (struct esi_page){.sbn = sbn, .number = index / ESI_PAGE_BITS, .next = *bucket};
		*bucket = at;
	}
	page->bits[index % ESI_PAGE_BITS / 32] |= 1u << index % 32;
}

void esi_set_remove(struct esi_set *set, uint32_t sbn, uint32_t index)
{
	struct esi_page *page;
	if (set->flat) {
		if (index / 32 < set->stride)
			set->flat[(size_t)sbn * set->stride + index / 32] &= ~(1u << index % 32);
		return;
	}
	page = esi_find(set, sbn, index / ESI_PAGE_BITS);
	if (page)
		page->bits[index % ESI_PAGE_BITS / 32] &= ~(1u << index % 32);
}

void esi_set_clear_block(struct esi_set *set, uint32_t sbn)
{
	if (set->flat) {
		memset(set->flat + (size_t)sbn * set->stride, 0, set->stride * sizeof(*set->flat));
		return;
	}
	for (uint32_t b = 0; b < ESI_BUCKETS; b++) {
		uint32_t *link = &set->bucket[b];
		while (*link != ESI_NONE) {
			uint32_t at = *link;
			if (set->page[at].sbn != sbn) {
				link = &set->page[at].next;
				continue;
			}
			*link = set->page[at].next;
			set->page[at].next = set->free_page;
			set->free_page = at;
		}
	}
}
