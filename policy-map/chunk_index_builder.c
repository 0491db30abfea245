/* Builds the index of an image; repeats are found through an open hash table of chunk numbers. */
#include "policy-map/chunk_index.h"

#include "common/bytes.h"
#include "common/carousel_error.h"

#include <string.h>

struct chunk_index_builder {
	const struct carousel_allocator *allocator;
	uint64_t image_bytes, num_chunks;
	uint64_t pushed;
	uint8_t *file;
	uint32_t *table; /* chunk number + 1, or 0 */
	uint64_t mask;
	uint8_t partial[CHUNK_INDEX_CHUNK_BYTES];
};

int chunk_index_builder_new(const struct carousel_allocator *a, uint64_t image_bytes, struct chunk_index_builder **out)
{
	struct chunk_index_header header = {.image_bytes = image_bytes};
	struct chunk_index_builder *b;
	uint64_t slots = 16;
	*out = NULL;
	header.num_chunks = chunk_index_chunks(image_bytes);
	if (header.num_chunks == 0 || header.num_chunks > CHUNK_INDEX_MAX_CHUNKS)
		return CAROUSEL_E_LIMIT;
	while (slots < header.num_chunks * 2)
		slots *= 2;
	b = memory_alloc(a, 1, sizeof *b);
	if (b == NULL)
		return CAROUSEL_E_MEMORY;
	b->allocator = a;
	b->image_bytes = image_bytes;
	b->num_chunks = header.num_chunks;
	b->mask = slots - 1;
	b->file = memory_alloc(a, 1, (size_t)chunk_index_bytes(image_bytes));
	b->table = memory_alloc(a, (size_t)slots, sizeof *b->table);
	if (b->file == NULL || b->table == NULL) {
		chunk_index_builder_free(b);
		return CAROUSEL_E_MEMORY;
	}
	chunk_index_encode_header(b->file, &header);
	*out = b;
	return 0;
}

/* The first chunk with this digest, which is the new one itself when there was none before. */
static uint64_t find_first(struct chunk_index_builder *b, const uint8_t *digest, uint64_t chunk)
{
	uint64_t slot = bytes_get_le64(digest) & b->mask;
	for (; b->table[slot]; slot = (slot + 1) & b->mask) {
		uint64_t other = b->table[slot] - 1;
		if (memcmp(b->file + chunk_index_offset(other), digest, CHUNK_INDEX_DIGEST_BYTES) == 0)
			return other;
	}
	b->table[slot] = (uint32_t)chunk + 1;
	return chunk;
}

static int add_chunk(struct chunk_index_builder *b, const uint8_t *data, size_t len)
{
	uint64_t chunk = b->pushed / CHUNK_INDEX_CHUNK_BYTES, first;
	struct chunk_index_record r;
	int result = chunk_index_describe(data, len, &r);
	if (result)
		return result;
	if (r.repeat != CHUNK_INDEX_ZERO) {
		first = find_first(b, r.digest, chunk);
		if (first != chunk)
			r.repeat = (uint32_t)first;
	}
	chunk_index_encode_record(b->file + chunk_index_offset(chunk), &r);
	return 0;
}

int chunk_index_builder_push(struct chunk_index_builder *b, const void *data, size_t len)
{
	const uint8_t *p = data;
	if (len > b->image_bytes - b->pushed)
		return CAROUSEL_E_LIMIT;
	while (len) {
		size_t have = (size_t)(b->pushed % CHUNK_INDEX_CHUNK_BYTES), take = CHUNK_INDEX_CHUNK_BYTES - have;
		int result = 0;
		if (take > len)
			take = len;
		memcpy(b->partial + have, p, take);
		if (have + take == CHUNK_INDEX_CHUNK_BYTES || b->pushed + take == b->image_bytes)
			result = add_chunk(b, b->partial, have + take);
		if (result)
			return result;
		b->pushed += take;
		p += take;
		len -= take;
	}
	return 0;
}

int chunk_index_builder_finish(struct chunk_index_builder *b, const uint8_t **file, size_t *len)
{
	if (b->pushed != b->image_bytes)
		return CAROUSEL_E_NEED_MORE;
	*file = b->file;
	*len = (size_t)chunk_index_bytes(b->image_bytes);
	return 0;
}

void chunk_index_builder_free(struct chunk_index_builder *b)
{
	if (b == NULL)
		return;
	memory_free(b->allocator, b->file);
	memory_free(b->allocator, b->table);
	memory_free(b->allocator, b);
}
