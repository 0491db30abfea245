#include "policy-map/fleet/index_table.h"

#include "common/carousel_error.h"
#include "common/memory.h"

static struct index_slot *free_slot(const struct index_table *t, uint32_t hash)
{
	size_t at = hash;
	while (t->slots[at & (t->cap - 1)].item)
		at++;
	return &t->slots[at & (t->cap - 1)];
}

static int grow(struct index_table *t)
{
	struct index_table bigger = {.count = t->count, .cap = t->cap ? 2 * t->cap : 256};
	bigger.slots = memory_alloc(NULL, bigger.cap, sizeof *bigger.slots);
	if (bigger.slots == NULL)
		return CAROUSEL_E_MEMORY;
	for (size_t i = 0; i < t->cap; i++) {
		if (t->slots[i].item)
			*free_slot(&bigger, t->slots[i].hash) = t->slots[i];
	}
	memory_free(NULL, t->slots);
	*t = bigger;
	return 0;
}

int index_table_find(struct index_table *t, uint64_t wide_hash, uint32_t next,
	bool (*is_same)(const void *user, uint32_t place), const void *user, uint32_t *place)
{
	uint32_t hash = (uint32_t)(wide_hash ^ wide_hash >> 32);
	size_t at = hash;
	*place = 0;
	if (2 * t->count >= t->cap) {
		int result = grow(t);
		if (result)
			return result;
	}
	for (;; at++) {
		struct index_slot *slot = &t->slots[at & (t->cap - 1)];
		if (slot->item == 0) {
			*slot = (struct index_slot){hash, next + 1};
			t->count++;
			return 0;
		}
		if (slot->hash == hash && is_same(user, slot->item)) {
			*place = slot->item;
			return 0;
		}
	}
}

void index_table_deinit(struct index_table *t)
{
	memory_free(NULL, t->slots);
	*t = (struct index_table){0};
}

uint64_t index_table_hash(uint64_t hash, const void *data, size_t len)
{
	const unsigned char *bytes = data;
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ bytes[i]) * 1099511628211u;
	return hash;
}
