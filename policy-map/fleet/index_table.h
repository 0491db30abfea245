/* index_table.h - finds the place of an item in a list by its hash: open addressing, never more than half full. */
#ifndef POLICY_MAP_FLEET_INDEX_TABLE_H
#define POLICY_MAP_FLEET_INDEX_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct index_slot {
	uint32_t hash, item; /* item: its place, from 1; 0: free */
};

struct index_table {
	struct index_slot *slots; /* owned */
	size_t count, cap;        /* cap: a power of two, or 0 */
};

/* The place from 1 of the item with this hash for which is_same(user, place) holds. When there is none: 0, and the next
 * item to be put behind the list is entered under the hash as number next + 1. Errors: MEMORY. */
int index_table_find(struct index_table *, uint64_t hash, uint32_t next,
	bool (*is_same)(const void *user, uint32_t place), const void *user, uint32_t *place);
void index_table_deinit(struct index_table *);

/* FNV-1a over more bytes. */
uint64_t index_table_hash(uint64_t hash, const void *data, size_t len);
#define INDEX_TABLE_SEED 14695981039346656037u

#endif
