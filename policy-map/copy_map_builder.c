/* Finds the chunks of a new image in an older one. The rolling hash of a window is moved over the older image byte by
 * byte; a bitmap tells most windows that are no chunk of the new image at once, an open hash table finds the chunk of
 * the others, and the digest decides. After a hit the search goes on behind it. */
#include "policy-map/copy_map.h"

#include "common/bytes.h"
#include "common/carousel_error.h"
#include "policy-map/chunk_index.h"

#include <stdbool.h>
#include <string.h>

#define CHUNK        CHUNK_INDEX_CHUNK_BYTES
#define BUFFER_BYTES (64u * CHUNK)
#define NOWHERE      UINT64_MAX
/* Chunks of one rolling hash that are looked for, and digests that find nothing: more of either are bad luck or bad
 * will, and cost matches, not time. */
#define MAX_ALIKE        8u
#define MISSES_PER_CHUNK 4u

struct copy_map_builder {
	const struct carousel_allocator *allocator;
	const uint8_t *index;
	struct chunk_index_header header;
	uint64_t from_bytes, pushed;
	uint64_t base;   /* offset in the older image of buffer[0] */
	uint64_t at;     /* of the window that is tried next */
	size_t used;     /* bytes in the buffer */
	bool is_rolling; /* rolling is of the window at `at`, which was tried and is no hit */
	uint32_t rolling;
	uint64_t misses_left;
	uint64_t *found; /* of each chunk: offset in the older image, or NOWHERE */
	uint32_t *table; /* chunk number + 1, or 0 */
	uint8_t *filter; /* one bit for each value of slot_bits() that has a chunk */
	uint64_t table_mask, filter_mask;
	struct hash_stream hash;
	uint8_t *file, *buffer;
};

static uint64_t mix(uint32_t rolling)
{
	return rolling * UINT64_C(0x9e3779b97f4a7c15) >> 20;
}

static void record_of(const struct copy_map_builder *b, uint64_t chunk, struct chunk_index_record *r)
{
	/* The builder has looked at every record before. */
	(void)chunk_index_decode_record(b->index + chunk_index_offset(chunk), chunk, r);
}

static uint64_t image_bytes_of(const struct copy_map_builder *b, uint64_t chunk)
{
	const uint64_t left = b->header.image_bytes - chunk * CHUNK;
	return left < CHUNK ? left : CHUNK;
}

static int fill_table(struct copy_map_builder *b)
{
	for (uint64_t chunk = 0; chunk < b->header.num_chunks; chunk++) {
		struct chunk_index_record r, other;
		uint64_t slot;
		unsigned alike = 0;
		int result = chunk_index_decode_record(b->index + chunk_index_offset(chunk), chunk, &r);
		b->found[chunk] = NOWHERE;
		if (result)
			return result;
		if (r.repeat != CHUNK_INDEX_UNIQUE)
			continue;
		slot = mix(r.rolling) & b->table_mask;
		for (; b->table[slot] && alike < MAX_ALIKE; slot = (slot + 1) & b->table_mask) {
			record_of(b, b->table[slot] - 1, &other);
			alike += other.rolling == r.rolling;
		}
		if (alike == MAX_ALIKE)
			continue;
		b->table[slot] = (uint32_t)chunk + 1;
		b->filter[(mix(r.rolling) & b->filter_mask) / 8] |= (uint8_t)(1u << (mix(r.rolling) & 7));
	}
	return 0;
}

static int allocate(struct copy_map_builder *b)
{
	uint64_t slots = 64;
	while (slots < b->header.num_chunks * 2)
		slots *= 2;
	b->table_mask = slots - 1;
	b->filter_mask = slots * 16 - 1;
	b->misses_left = (b->from_bytes / CHUNK + 1) * MISSES_PER_CHUNK;
	b->found = memory_alloc(b->allocator, (size_t)b->header.num_chunks, sizeof *b->found);
	b->table = memory_alloc(b->allocator, (size_t)slots, sizeof *b->table);
	b->filter = memory_alloc(b->allocator, (size_t)slots * 2, 1);
	b->buffer = memory_alloc(b->allocator, BUFFER_BYTES, 1);
	return b->found && b->table && b->filter && b->buffer ? hash_stream_init(&b->hash) : CAROUSEL_E_MEMORY;
}

int copy_map_builder_new(const struct carousel_allocator *a, const uint8_t *index, size_t index_len,
	uint64_t from_bytes, struct copy_map_builder **out)
{
	struct copy_map_builder *b;
	int result;
	*out = NULL;
	if (index_len < CHUNK_INDEX_HEADER_BYTES)
		return CAROUSEL_E_MALFORMED;
	b = memory_alloc(a, 1, sizeof *b);
	if (b == NULL)
		return CAROUSEL_E_MEMORY;
	b->allocator = a;
	b->index = index;
	b->from_bytes = from_bytes;
	result = chunk_index_decode_header(index, &b->header);
	if (result == 0 && index_len != chunk_index_bytes(b->header.image_bytes))
		result = CAROUSEL_E_MALFORMED;
	if (result == 0 && (b->header.num_chunks == 0 || from_bytes == 0 || from_bytes > INT64_MAX))
		result = CAROUSEL_E_LIMIT;
	if (result == 0)
		result = allocate(b);
	if (result == 0)
		result = fill_table(b);
	if (result) {
		copy_map_builder_free(b);
		return result;
	}
	*out = b;
	return 0;
}

/* A chunk that is found already is only of use where it goes on from the chunk before it. */
static bool is_wanted_at(const struct copy_map_builder *b, uint64_t chunk, uint64_t at)
{
	if (image_bytes_of(b, chunk) > b->from_bytes - at)
		return false;
	return b->found[chunk] == NOWHERE ||
	       (chunk > 0 && at >= CHUNK && b->found[chunk] != at && b->found[chunk - 1] == at - CHUNK);
}

/* Whether the window is a chunk that is of use; *is_hit then. */
static int try_window(struct copy_map_builder *b, const uint8_t *window, bool *is_hit)
{
	uint64_t slot = mix(b->rolling) & b->table_mask;
	uint8_t digest[CHUNK_INDEX_DIGEST_BYTES];
	bool has_digest = false;
	struct chunk_index_record r;
	*is_hit = false;
	for (; b->table[slot]; slot = (slot + 1) & b->table_mask) {
		const uint64_t chunk = b->table[slot] - 1;
		record_of(b, chunk, &r);
		if (r.rolling != b->rolling || !is_wanted_at(b, chunk, b->at))
			continue;
		if (!has_digest && b->misses_left == 0 && b->at % CHUNK != 0)
			return 0;
		if (!has_digest && hash_blake2b_128(window, CHUNK, digest) != 0)
			return CAROUSEL_E_INTERNAL;
		has_digest = true;
		if (memcmp(digest, r.digest, sizeof digest) != 0)
			continue;
		b->found[chunk] = b->at;
		*is_hit = true;
		return 0;
	}
	b->misses_left -= has_digest && b->misses_left > 0;
	return 0;
}

/* Rolls on to the next window that may be a chunk, or to the last one that lies wholly in the buffer: there the byte
 * that enters next is not there yet. */
static bool roll_on(struct copy_map_builder *b, bool is_tried)
{
	const uint8_t *window = b->buffer + (b->at - b->base), *last = b->buffer + b->used - CHUNK;
	const uint8_t *filter = b->filter;
	const uint64_t mask = b->filter_mask;
	uint32_t rolling = b->rolling;
	bool is_likely = false;
	for (;;) {
		const uint64_t bit = mix(rolling);
		is_likely = !is_tried && filter[(bit & mask) / 8] >> (bit & 7) & 1;
		if (is_likely || window == last)
			break;
		rolling = chunk_index_roll(rolling, window[0], window[CHUNK]);
		window++;
		is_tried = false;
	}
	b->rolling = rolling;
	b->at = b->base + (uint64_t)(window - b->buffer);
	return is_likely;
}

/* Tries every window that lies wholly in the buffer. */
static int search(struct copy_map_builder *b)
{
	for (;;) {
		const size_t offset = (size_t)(b->at - b->base);
		bool is_hit = false;
		if (offset > b->used || b->used - offset < CHUNK)
			return 0;
		if (!b->is_rolling)
			b->rolling = chunk_index_rolling(b->buffer + offset);
		if (roll_on(b, b->is_rolling)) {
			int result = try_window(b, b->buffer + (b->at - b->base), &is_hit);
			if (result)
				return result;
		} else {
			b->is_rolling = true;
			return 0;
		}
		b->is_rolling = !is_hit;
		b->at += is_hit ? CHUNK : 0;
	}
}

/* Bytes into the buffer, after what no window needs any more went out of it. */
static int take(struct copy_map_builder *b, const uint8_t *data, size_t len)
{
	while (len) {
		size_t n = BUFFER_BYTES - b->used;
		int result;
		if (n == 0) {
			const size_t done = b->at - b->base < b->used ? (size_t)(b->at - b->base) : b->used;
			memmove(b->buffer, b->buffer + done, b->used - done);
			b->base += done;
			b->used -= done;
			n = BUFFER_BYTES - b->used;
		}
		n = n < len ? n : len;
		if (data) {
			memcpy(b->buffer + b->used, data, n);
			data += n;
		} else {
			memset(b->buffer + b->used, 0, n);
		}
		b->used += n;
		len -= n;
		result = search(b);
		if (result)
			return result;
	}
	return 0;
}

int copy_map_builder_push(struct copy_map_builder *b, const void *data, size_t len)
{
	int result;
	if (len > b->from_bytes - b->pushed)
		return CAROUSEL_E_LIMIT;
	result = hash_stream_update(&b->hash, data, len);
	if (result)
		return result;
	b->pushed += len;
	return take(b, data, len);
}

/* Calls of this count the runs (file NULL), then write them. */
static void write_runs(const struct copy_map_builder *b, uint8_t *file, struct copy_map_header *h)
{
	struct copy_map_run run = {0};
	h->num_runs = h->num_chunks = 0;
	for (uint64_t chunk = 0; chunk < b->header.num_chunks; chunk++) {
		if (b->found[chunk] == NOWHERE)
			continue;
		h->num_chunks++;
		if (run.num_chunks && run.first_chunk + (uint64_t)run.num_chunks == chunk &&
			run.from_offset + (uint64_t)run.num_chunks * CHUNK == b->found[chunk]) {
			run.num_chunks++;
		} else {
			run = (struct copy_map_run){(uint32_t)chunk, 1, b->found[chunk]};
			h->num_runs++;
		}
		if (file)
			copy_map_encode_run(file + copy_map_offset(h->num_runs - 1), &run);
	}
}

int copy_map_builder_finish(struct copy_map_builder *b, const uint8_t image_sha256[HASH_SHA256_BYTES],
	const uint8_t **file, size_t *len, struct copy_map_header *h)
{
	int result;
	if (b->pushed != b->from_bytes || b->file)
		return CAROUSEL_E_NEED_MORE;
	/* A short last chunk counts with zeros behind it, at the end of the older image as well. */
	result = take(b, NULL, CHUNK - 1);
	*h = (struct copy_map_header){.image_bytes = b->header.image_bytes, .from_bytes = b->from_bytes};
	memcpy(h->image_sha256, image_sha256, HASH_SHA256_BYTES);
	if (result == 0)
		result = hash_stream_final(&b->hash, h->from_sha256);
	if (result)
		return result;
	write_runs(b, NULL, h);
	*len = (size_t)copy_map_bytes(h->num_runs);
	b->file = memory_alloc(b->allocator, *len, 1);
	if (b->file == NULL)
		return CAROUSEL_E_MEMORY;
	write_runs(b, b->file, h);
	copy_map_encode_header(b->file, h);
	*file = b->file;
	return 0;
}

void copy_map_builder_free(struct copy_map_builder *b)
{
	if (b == NULL)
		return;
	hash_stream_deinit(&b->hash);
	memory_free(b->allocator, b->found);
	memory_free(b->allocator, b->table);
	memory_free(b->allocator, b->filter);
	memory_free(b->allocator, b->buffer);
	memory_free(b->allocator, b->file);
	memory_free(b->allocator, b);
}
