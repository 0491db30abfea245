#include "carousel-rx/store/index_check.h"

#include "carousel-rx/store/symbol_check.h"
#include "common/hash.h"
#include "policy-map/chunk_index.h"

#include <string.h>

#define INDEX_CHUNK  CHUNK_INDEX_CHUNK_BYTES
#define INDEX_WINDOW JOURNAL_SCAN_BYTES
#define INDEX_SPARSE 4096u /* records farther apart are read one by one */

int index_check_file(
	struct place_io *io, const uint8_t sha256[32], uint64_t index_bytes, uint8_t *buf, size_t buf_bytes)
{
	struct chunk_index_header header;
	struct hash_stream stream;
	uint8_t digest[HASH_SHA256_BYTES];
	int result;
	if (index_bytes != chunk_index_bytes(io->geometry->layout.image_bytes))
		return CAROUSEL_E_DIGEST;
	result = hash_stream_init(&stream);
	for (uint64_t at = 0; result == 0 && at < index_bytes;) {
		size_t len = index_bytes - at < buf_bytes ? (size_t)(index_bytes - at) : buf_bytes;
		result = place_io_read(io, RX_INDEX, at, buf, len);
		if (result == 0 && at == 0)
			result = chunk_index_decode_header(buf, &header);
		if (result == 0)
			result = hash_stream_update(&stream, buf, len);
		at += len;
	}
	if (result == 0)
		result = hash_stream_final(&stream, digest);
	if (result == 0 && memcmp(digest, sha256, sizeof(digest)) != 0)
		result = CAROUSEL_E_DIGEST;
	hash_stream_deinit(&stream);
	if (result == 0 && header.image_bytes != io->geometry->layout.image_bytes)
		result = CAROUSEL_E_DIGEST;
	return result == CAROUSEL_E_NEED_MORE || result == CAROUSEL_E_MALFORMED || result == CAROUSEL_E_UNSUPPORTED
		       ? CAROUSEL_E_DIGEST
		       : result;
}

static int index_record(struct place_io *io, uint64_t chunk, struct chunk_index_record *record)
{
	uint8_t raw[CHUNK_INDEX_RECORD_BYTES];
	int result = place_io_read(io, RX_INDEX, chunk_index_offset(chunk), raw, sizeof(raw));
	return result ? result : chunk_index_decode_record(raw, chunk, record);
}

static size_t index_chunk_bytes(const struct geometry *g, uint64_t chunk)
{
	uint64_t left = g->layout.image_bytes - chunk * INDEX_CHUNK;
	return left < INDEX_CHUNK ? (size_t)left : INDEX_CHUNK;
}

/* Whether these bytes of the slot are the chunk; data is then its 4096 bytes, else zeros. */
static int index_try(struct place_io *io, const struct chunk_index_record *record, uint64_t at, size_t len,
	uint8_t *data, bool *is_it)
{
	int result;
	memset(data, 0, INDEX_CHUNK);
	result = place_io_read(io, RX_SLOT_TARGET, at, data, len);
	*is_it = result == 0 && chunk_index_verify(record, data, len) == 0;
	if (!*is_it)
		memset(data, 0, INDEX_CHUNK);
	/* A slot that is a file may still be shorter, and a page worn. */
	return result == CAROUSEL_E_NEED_MORE || place_io_is_unreadable(result) ? 0 : result;
}

int index_look(struct place_io *io, uint64_t chunk, struct index_look *look, enum index_chunk *what, uint8_t *data)
{
	struct chunk_index_record record;
	bool is_it = false;
	int result = index_record(io, chunk, &record);
	*what = INDEX_UNKNOWN;
	memset(data, 0, INDEX_CHUNK);
	if (result)
		return result;
	if (!look->is_again)
		result = index_try(
			io, &record, chunk * INDEX_CHUNK, index_chunk_bytes(io->geometry, chunk), data, &is_it);
	if (result == 0 && is_it) {
		*what = INDEX_PRESENT;
	} else if (record.repeat == CHUNK_INDEX_ZERO) {
		*what = INDEX_ZERO;
	} else if (result == 0 && record.repeat != CHUNK_INDEX_UNIQUE && record.repeat == look->missing) {
		*what = INDEX_LATER;
	} else if (result == 0 && record.repeat != CHUNK_INDEX_UNIQUE) {
		result = index_try(io, &record, record.repeat * (uint64_t)INDEX_CHUNK, INDEX_CHUNK, data, &is_it);
		*what = is_it ? INDEX_REPEAT : INDEX_LATER;
		look->missing = is_it ? CHUNK_INDEX_UNIQUE : record.repeat;
	}
	return result;
}

/* ---- records, many at a time ---------------------------------------------------------------------- */

static int index_next_record(
	struct place_io *io, struct held_window *w, uint64_t chunk, struct chunk_index_record *record)
{
	uint64_t at = chunk_index_offset(chunk), end = chunk_index_bytes(io->geometry->layout.image_bytes);
	int result = 0;
	if (at < w->at || at - w->at + CHUNK_INDEX_RECORD_BYTES > w->len) {
		w->at = at;
		w->len = end - at < w->most ? (size_t)(end - at) : w->most;
		result = place_io_read(io, RX_INDEX, at, w->buf, w->len);
		if (result)
			w->len = 0;
	}
	return result ? result : chunk_index_decode_record(w->buf + (at - w->at), chunk, record);
}

/* A block's records lie at even distances: unless these are long many are read at once, into memory that is free
 * between decodes. */
static struct held_window index_window(const struct held *h)
{
	const struct geometry *g = h->io->geometry;
	uint64_t step = g->layout.kind == OBJECT_STRIPED ? g->blocks : 1;
	return (struct held_window){.buf = h->scan_buf,
		.most = step * CHUNK_INDEX_RECORD_BYTES <= INDEX_SPARSE ? INDEX_WINDOW : CHUNK_INDEX_RECORD_BYTES};
}

/* ---- a block ------------------------------------------------------------------------------------- */

/* The source symbols of the block that a chunk of the image touches; *edges: which of its ends other blocks have, too.
 */
static bool index_symbols(
	const struct geometry *g, uint64_t chunk, uint32_t sbn, uint32_t *first, uint32_t *last, uint8_t *edges)
{
	uint32_t first_sbn, last_sbn;
	uint64_t start = chunk * INDEX_CHUNK, end = start + index_chunk_bytes(g, chunk) - 1;
	if (object_symbol_at(&g->layout, start, &first_sbn, first) ||
		object_symbol_at(&g->layout, end, &last_sbn, last) || first_sbn > sbn || last_sbn < sbn)
		return false;
	*edges = (uint8_t)((first_sbn < sbn ? MAP_EDGE_FIRST : 0) | (last_sbn > sbn ? MAP_EDGE_LAST : 0));
	if (first_sbn < sbn)
		*first = 0;
	if (last_sbn > sbn)
		*last = geometry_block(g, sbn).num_source - 1;
	return true;
}

/* Symbols from `esi` on, up to `last`, that follow each other like it: own in the slot, or all in the scratch. */
static uint32_t index_run(const struct held *h, uint32_t esi, uint32_t last, bool is_own)
{
	const struct geometry *g = h->io->geometry;
	uint64_t first = geometry_offset(g, h->sbn, esi);
	uint32_t end = esi + 1;
	while (end <= last && map_is_own(h->map, h->sbn, end) == is_own &&
		geometry_offset(g, h->sbn, end) == first + (uint64_t)(end - esi) * g->symbol_size)
		end++;
	return end;
}

static int index_read_chunk(
	struct held *h, struct scratch *scratch, uint64_t chunk, uint32_t first, uint32_t last, uint8_t *data)
{
	const struct geometry *g = h->io->geometry;
	uint64_t start = chunk * INDEX_CHUNK, end = start + index_chunk_bytes(g, chunk);
	int result = 0;
	for (uint32_t esi = first, next; result == 0 && esi <= last; esi = next) {
		bool is_own = map_is_own(h->map, h->sbn, esi);
		uint64_t at = geometry_offset(g, h->sbn, esi), from = at < start ? start : at, to;
		next = h->ram ? esi + 1 : index_run(h, esi, last, is_own);
		to = at + (uint64_t)(next - esi) * g->symbol_size;
		if (to > end)
			to = end;
		if (h->ram && (is_own || held_find(h, esi) == NULL))
			memcpy(data + (from - start), held_ram(h, esi) + (from - at), (size_t)(to - from));
		else if (is_own)
			result = place_io_read(h->io, RX_SLOT_TARGET, from, data + (from - start), (size_t)(to - from));
		else
			result = scratch_read(scratch, (uint64_t)held_rank(h, esi) * g->symbol_size + (from - at),
				(size_t)(to - from), data + (from - start));
	}
	return result;
}

struct index_verdict {
	uint32_t wrong; /* chunks */
	bool has_forged;
	struct held_window window;
};

/* The chunk came whole and is wrong. */
static void index_blame(struct held *h, uint32_t first, uint32_t last, struct index_verdict *v)
{
	v->has_forged = true;
	for (uint32_t esi = first; esi <= last; esi++)
		if (map_is_own(h->map, h->sbn, esi))
			h->bad_own[esi / MAP_GROUP_PLACES] |= 1u << esi % MAP_GROUP_PLACES;
}

static bool index_is_met(const struct held *h, uint32_t first, uint32_t last)
{
	if (!h->meet_run)
		return false;
	for (uint32_t esi = first; esi <= last; esi++)
		if ((h->good_own[esi / MAP_GROUP_PLACES] >> esi % MAP_GROUP_PLACES & 1u) == 0)
			return false;
	return true;
}

static int index_check_chunk(struct held *h, struct scratch *scratch, uint64_t chunk, struct index_verdict *v)
{
	struct chunk_index_record record;
	uint32_t first, last, own = 0;
	uint8_t edges;
	bool is_right;
	int result = 0;
	if (!index_symbols(h->io->geometry, chunk, h->sbn, &first, &last, &edges))
		return 0;
	if (edges) {
		/* Its other part is another block's: what is wrong was found with both at hand. */
		if (h->map->block[h->sbn].wrong_edges & edges) {
			v->wrong++;
			index_blame(h, first, last, v);
		}
		return 0;
	}
	is_right = index_is_met(h, first, last);
	if (!is_right)
		result = index_next_record(h->io, &v->window, chunk, &record);
	if (!is_right && result == 0)
		result = index_read_chunk(h, scratch, chunk, first, last, h->buf);
	if (result)
		return result;
	if (!is_right)
		is_right = chunk_index_verify(&record, h->buf, index_chunk_bytes(h->io->geometry, chunk)) == 0;
	v->wrong += !is_right;
	for (uint32_t esi = first; esi <= last; esi++) {
		if (is_right)
			h->good_own[esi / MAP_GROUP_PLACES] |= 1u << esi % MAP_GROUP_PLACES;
		own += map_is_own(h->map, h->sbn, esi);
	}
	if (!is_right && own == last - first + 1)
		index_blame(h, first, last, v);
	return 0;
}

/* The checks of own symbols that go, so that what stays in their group still adds up. */
static int index_sum_bad(struct held *h)
{
	size_t size = h->io->geometry->symbol_size;
	for (uint32_t i = 0; i < map_num_groups(h->map, h->sbn); i++) {
		h->bad_sum[i] = 0;
		for (uint32_t left = h->bad_own[i]; left; left &= left - 1) {
			uint32_t place = i * MAP_GROUP_PLACES + (uint32_t)__builtin_ctz(left);
			int result = place_read(h->io, h->sbn, place, true, 0, size, h->buf);
			if (result)
				return result;
			h->bad_sum[i] ^= symbol_check(h->buf, size, place);
			h->num_bad++;
		}
	}
	return 0;
}

/* Chunks that a block may contain: striped every Z-th, linear a range. */
static void index_chunks(const struct geometry *g, uint32_t sbn, uint64_t *first, uint64_t *end, uint64_t *step)
{
	uint64_t last = geometry_offset(g, sbn, geometry_block(g, sbn).num_source - 1) / INDEX_CHUNK + 1;
	*end = (g->layout.image_bytes + INDEX_CHUNK - 1) / INDEX_CHUNK;
	if (last < *end)
		*end = last;
	*first = geometry_offset(g, sbn, 0) / INDEX_CHUNK;
	*step = g->layout.kind == OBJECT_STRIPED ? g->blocks : 1;
}

/* A symbol that reaches into a neighbour that is right is hardly the forged one, unless there is no other. */
static void index_refine(struct held *h)
{
	uint32_t left = 0;
	for (uint32_t i = 0; i < map_num_groups(h->map, h->sbn); i++)
		left |= h->bad_own[i] & ~h->good_own[i];
	for (uint32_t i = 0; left && i < map_num_groups(h->map, h->sbn); i++)
		h->bad_own[i] &= ~h->good_own[i];
}

/* Whether each symbol lies in one chunk only. */
static bool index_is_even(const struct geometry *g)
{
	return INDEX_CHUNK % g->symbol_size == 0;
}

/* A source symbol in a foreign place whose chunk is right. */
static bool index_is_right(const struct held *h, uint32_t esi)
{
	return index_is_even(h->io->geometry) && esi < h->map->block[h->sbn].real &&
	       (h->good_own[esi / MAP_GROUP_PLACES] >> esi % MAP_GROUP_PLACES & 1) != 0;
}

int index_check_block(struct held *h, struct scratch *scratch)
{
	const struct geometry *g = h->io->geometry;
	struct index_verdict v = {0};
	uint64_t first, end, step;
	int result = 0;
	if (g->num_pieces != 1)
		return 0;
	memset(h->bad_own, 0, map_num_groups(h->map, h->sbn) * sizeof(*h->bad_own));
	index_chunks(g, h->sbn, &first, &end, &step);
	v.window = index_window(h);
	for (uint64_t chunk = first; result == 0 && chunk < end; chunk += step)
		result = index_check_chunk(h, scratch, chunk, &v);
	if (result || v.wrong == 0)
		return result;
	if (v.has_forged) {
		index_refine(h);
	} else {
		for (uint32_t i = 0; i < map_num_groups(h->map, h->sbn); i++)
			h->bad_own[i] = h->map->group[h->sbn * h->map->group_stride + i].own & ~h->good_own[i];
		for (uint32_t i = 0; i < h->count; i++) {
			h->symbol[i].is_bad = !index_is_right(h, h->symbol[i].esi);
			h->num_bad += h->symbol[i].is_bad;
		}
	}
	result = index_sum_bad(h);
	/* Never wrong without consequence. */
	if (result == 0 && h->num_bad == 0)
		result = CAROUSEL_E_INTERNAL;
	return result;
}

/* Own symbols from `place` on, count of them, as they were read: the chunks that they make up. What is not right, or
 * not whole, is index_check_block()'s. */
static int index_meet_run(struct held *h, uint32_t place, uint32_t count, const uint8_t *data)
{
	const struct geometry *g = h->io->geometry;
	uint32_t most = INDEX_CHUNK / g->symbol_size;
	for (uint32_t i = 0; i + most <= count; i++) {
		uint64_t offset = geometry_offset(g, h->sbn, place + i);
		struct chunk_index_record record;
		int result;
		if (offset % INDEX_CHUNK)
			continue;
		result = index_next_record(h->io, &h->window, offset / INDEX_CHUNK, &record);
		if (result)
			return result;
		if (chunk_index_verify(&record, data + (size_t)i * g->symbol_size, INDEX_CHUNK))
			continue;
		for (uint32_t k = 0; k < most; k++)
			h->good_own[(place + i + k) / MAP_GROUP_PLACES] |= 1u << (place + i + k) % MAP_GROUP_PLACES;
	}
	return 0;
}

void index_meet_block(struct held *h)
{
	const struct geometry *g = h->io->geometry;
	h->window = index_window(h);
	h->meet_run = index_is_even(g) && g->num_pieces == 1 ? index_meet_run : NULL;
}

/* ---- chunks that lie in more than one block ------------------------------------------------------- */

/* The chunk that begins before this block and ends in it. */
static bool index_edge(const struct geometry *g, uint32_t sbn, uint64_t *chunk)
{
	uint64_t offset = geometry_offset(g, sbn, 0);
	*chunk = offset / INDEX_CHUNK;
	return g->layout.kind == OBJECT_LINEAR && g->num_pieces == 1 && offset % INDEX_CHUNK != 0;
}

bool index_has_edges(const struct geometry *g)
{
	uint64_t chunk;
	for (uint32_t sbn = 1; sbn < g->blocks; sbn++)
		if (index_edge(g, sbn, &chunk))
			return true;
	return false;
}

int index_check_edges(struct place_io *io, uint8_t *wrong, uint8_t *buf)
{
	const struct geometry *g = io->geometry;
	memset(wrong, 0, (g->blocks + 7) / 8);
	for (uint32_t sbn = 1; sbn < g->blocks; sbn++) {
		struct chunk_index_record record;
		uint64_t chunk;
		size_t len;
		int result;
		if (!index_edge(g, sbn, &chunk))
			continue;
		len = index_chunk_bytes(g, chunk);
		result = index_record(io, chunk, &record);
		if (result == 0)
			result = place_io_read(io, RX_SLOT_TARGET, chunk * INDEX_CHUNK, buf, len);
		if (result)
			return result;
		if (chunk_index_verify(&record, buf, len) != 0)
			wrong[sbn / 8] |= (uint8_t)(1u << sbn % 8);
	}
	return 0;
}
