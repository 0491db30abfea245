#include "carousel-rx/store/foreign_list.h"

#include "common/carousel_error.h"

#include <string.h>

#define FOREIGN_NONE     UINT32_MAX
#define FOREIGN_FLAT_ESI 254u

static uint32_t foreign_extents(const struct foreign_shape *shape)
{
	uint64_t entries = (uint64_t)shape->blocks * (shape->places + FOREIGN_EXTENT_ENTRIES);
	uint64_t most = entries / FOREIGN_EXTENT_ENTRIES + 1,
		 wanted = shape->pool_bytes / sizeof(struct foreign_extent);
	if (wanted > most)
		wanted = most;
	return wanted ? (uint32_t)wanted : 1;
}

size_t foreign_list_bytes(const struct foreign_shape *shape)
{
	if (shape->max_esi <= FOREIGN_FLAT_ESI)
		return (size_t)shape->blocks * shape->places;
	return shape->blocks * sizeof(struct foreign_block) + foreign_extents(shape) * sizeof(struct foreign_extent);
}

int foreign_list_init(struct foreign_list *list, const struct carousel_allocator *a, const struct foreign_shape *shape)
{
	memset(list, 0, sizeof(*list));
	list->allocator = a;
	list->blocks = shape->blocks;
	list->stride = shape->places;
	list->free_extent = FOREIGN_NONE;
	if (shape->max_esi <= FOREIGN_FLAT_ESI) {
		list->flat = memory_alloc(a, shape->blocks, shape->places);
		return list->flat ? 0 : CAROUSEL_E_MEMORY;
	}
	list->num_extents = foreign_extents(shape);
	list->block = memory_alloc(a, shape->blocks, sizeof(*list->block));
	list->extent = memory_alloc(a, list->num_extents, sizeof(*list->extent));
	if (list->block == NULL || list->extent == NULL) {
		foreign_list_deinit(list);
		return CAROUSEL_E_MEMORY;
	}
	for (uint32_t i = 0; i < shape->blocks; i++)
		list->block[i].first = FOREIGN_NONE;
	for (uint32_t i = list->num_extents; i-- > 0;) {
		list->extent[i].next = list->free_extent;
		list->free_extent = i;
	}
	return 0;
}

void foreign_list_deinit(struct foreign_list *list)
{
	memory_free(list->allocator, list->flat);
	memory_free(list->allocator, list->block);
	memory_free(list->allocator, list->extent);
	list->flat = NULL;
	list->block = NULL;
	list->extent = NULL;
}

static void foreign_give_back(struct foreign_list *list, uint32_t sbn)
{
	struct foreign_block *b = &list->block[sbn];
	while (b->first != FOREIGN_NONE) {
		uint32_t at = b->first;
		b->first = list->extent[at].next;
		list->extent[at].next = list->free_extent;
		list->free_extent = at;
	}
	b->count = 0;
}

static void foreign_evict_longest(struct foreign_list *list)
{
	uint32_t longest = FOREIGN_NONE;
	for (uint32_t i = 0; i < list->blocks; i++)
		if (!list->block[i].is_pinned && list->block[i].count &&
			(longest == FOREIGN_NONE || list->block[i].count > list->block[longest].count))
			longest = i;
	if (longest == FOREIGN_NONE)
		return;
	foreign_give_back(list, longest);
	list->block[longest].is_evicted = 1;
}

void foreign_list_add(struct foreign_list *list, uint32_t sbn, uint32_t place, uint32_t esi)
{
	struct foreign_block *b;
	struct foreign_extent *e;
	if (list->flat) {
		list->flat[(size_t)sbn * list->stride + place] = (uint8_t)(esi + 1);
		return;
	}
	b = &list->block[sbn];
	if (!b->is_evicted && (b->first == FOREIGN_NONE || list->extent[b->first].used == FOREIGN_EXTENT_ENTRIES)) {
		uint32_t at;
		if (list->free_extent == FOREIGN_NONE)
			foreign_evict_longest(list);
		at = list->free_extent;
		if (at == FOREIGN_NONE) {
			foreign_give_back(list, sbn);
			b->is_evicted = 1;
		} else if (!b->is_evicted) {
			list->free_extent = list->extent[at].next;
			list->extent[at].next = b->first;
			list->extent[at].used = 0;
			b->first = at;
		}
	}
	if (b->is_evicted)
		return;
	e = &list->extent[b->first];
	e->entry[e->used++] = (struct foreign_symbol){place, esi};
	b->count++;
}

void foreign_list_remove(struct foreign_list *list, uint32_t sbn, uint32_t place)
{
	if (list->flat) {
		list->flat[(size_t)sbn * list->stride + place] = 0;
		return;
	}
	for (uint32_t at = list->block[sbn].first; at != FOREIGN_NONE; at = list->extent[at].next) {
		struct foreign_extent *e = &list->extent[at];
		for (uint32_t i = 0; i < e->used; i++) {
			struct foreign_extent *head = &list->extent[list->block[sbn].first];
			if (e->entry[i].place != place)
				continue;
			/* The last entry of the head takes the hole. */
			e->entry[i] = head->entry[--head->used];
			list->block[sbn].count--;
			if (head->used == 0) {
				at = list->block[sbn].first;
				list->block[sbn].first = head->next;
				head->next = list->free_extent;
				list->free_extent = at;
			}
			return;
		}
	}
}

void foreign_list_clear(struct foreign_list *list, uint32_t sbn)
{
	if (list->flat) {
		memset(list->flat + (size_t)sbn * list->stride, 0, list->stride);
		return;
	}
	foreign_give_back(list, sbn);
	list->block[sbn].is_evicted = 0;
}

void foreign_list_pin(struct foreign_list *list, uint32_t sbn, bool is_pinned)
{
	if (list->block)
		list->block[sbn].is_pinned = is_pinned ? 1 : 0;
}

bool foreign_list_is_evicted(const struct foreign_list *list, uint32_t sbn)
{
	return list->block && list->block[sbn].is_evicted;
}

uint32_t foreign_list_copy(const struct foreign_list *list, uint32_t sbn, struct foreign_symbol *out, uint32_t cap)
{
	uint32_t count = 0;
	if (list->flat) {
		const uint8_t *flat = list->flat + (size_t)sbn * list->stride;
		for (uint32_t place = 0; place < list->stride; place++) {
			if (flat[place] == 0)
				continue;
			if (count < cap)
				out[count] = (struct foreign_symbol){place, flat[place] - 1u};
			count++;
		}
		return count;
	}
	for (uint32_t at = list->block[sbn].first; at != FOREIGN_NONE; at = list->extent[at].next) {
		const struct foreign_extent *e = &list->extent[at];
		for (uint32_t i = 0; i < e->used; i++, count++)
			if (count < cap)
				out[count] = e->entry[i];
	}
	return count;
}
