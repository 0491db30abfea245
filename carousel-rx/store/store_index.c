#include "carousel-rx/store/store_internal.h"

#include "policy-map/chunk_index.h"

#include <string.h>

#define LOOK_CHUNK   CHUNK_INDEX_CHUNK_BYTES
#define LOOK_AT_ONCE 4096u /* chunks considered in one go on the receiver's thread */
#define LOOK_ROUNDS  32u   /* while an image is received: looks at what repeats something */

static uint64_t look_end(const struct store *s)
{
	return chunk_index_chunks(s->geometry.layout.image_bytes);
}

/* Source symbols that lie wholly in a chunk: offset in the image of the first, and behind the last. */
static void look_symbols(const struct store *s, uint64_t chunk, uint64_t *first, uint64_t *end)
{
	uint64_t size = s->geometry.symbol_size, start = chunk * LOOK_CHUNK, stop = start + LOOK_CHUNK;
	*first = (start + size - 1) / size * size;
	*end = stop < s->geometry.layout.image_bytes ? stop / size * size : s->geometry.layout.image_bytes;
	if (*end < *first)
		*end = *first;
}

/* Whether the symbol at this offset could be taken into its own place. */
static bool look_is_free(const struct store *s, uint64_t off, uint32_t *sbn, uint32_t *esi)
{
	if (object_symbol_at(&s->geometry.layout, off, sbn, esi) || !map_wants(&s->map, *sbn))
		return false;
	return !map_is_taken(&s->map, *sbn, *esi) && !map_holds(&s->map, *sbn, *esi);
}

/* In the first round nothing of it may have been received, in later ones something may be missing. */
static bool look_is_wanted(const struct store *s, uint64_t chunk)
{
	const struct store_look *l = &s->look;
	uint64_t first, end, count = 0, num_free = 0;
	if (l->is_again && ((unsigned)l->later[chunk / 8] >> chunk % 8 & 1u) == 0)
		return false;
	look_symbols(s, chunk, &first, &end);
	for (uint64_t off = first; off < end; off += s->geometry.symbol_size) {
		uint32_t sbn, esi;
		count++;
		if (look_is_free(s, off, &sbn, &esi))
			num_free++;
	}
	return l->is_again ? num_free > 0 : count > 0 && num_free == count;
}

void store_index_opened(struct store *s)
{
	struct store_look *l = &s->look;
	s->decode.has_index = true;
	l->next = s->geometry.num_pieces == 1 ? 0 : look_end(s);
	l->is_again = false;
	l->num_later = 0;
	memset(l->later, 0, (size_t)(look_end(s) + 7) / 8);
	for (uint32_t sbn = 0; sbn < s->geometry.blocks; sbn++)
		if (!s->map.block[sbn].is_verified)
			map_suspect(&s->map, sbn);
}

/* Where a slot without payload says of what image it holds chunks, and of which. */
#define LOOK_NAME_AT   32u
#define LOOK_CHUNKS_AT 64u

void store_index_named(struct store *s)
{
	const struct carousel_rx_storage *storage = s->config.storage;
	uint8_t name[32];
	if (s->decode.has_index)
		return;
	s->decode.has_index = true;
	s->look.next = look_end(s);
	if (storage && s->geometry.num_pieces == 1 &&
		storage->read(storage->user, RX_SLOT_TARGET, LOOK_NAME_AT, name, sizeof(name)) == 0 &&
		memcmp(name, s->image.sha256, sizeof(name)) == 0)
		s->look.next = 0;
}

static int look_named(struct store *s, uint64_t chunk, enum index_chunk *what)
{
	const struct carousel_rx_storage *storage = s->config.storage;
	uint8_t bits = 0;
	int result = storage->read(storage->user, RX_SLOT_TARGET, LOOK_CHUNKS_AT + chunk / 8, &bits, 1);
	*what = bits >> chunk % 8 & 1 ? INDEX_PRESENT : INDEX_UNKNOWN;
	return result == CAROUSEL_E_NEED_MORE ? 0 : result;
}

/* Chunks a job, so that all their symbols fit the staging. */
static uint32_t look_most(const struct store *s)
{
	if (s->config.allow_absent)
		return LOOK_CHUNKS;
	uint32_t symbols = (LOOK_CHUNK + s->geometry.symbol_size - 1) / s->geometry.symbol_size;
	uint32_t most = staging_room(&s->staging) / symbols;
	return most < LOOK_CHUNKS ? most : LOOK_CHUNKS;
}

/* More has come since the last round: what is repeated may be there now. */
static bool look_begins_again(const struct store *s)
{
	const struct store_look *l = &s->look;
	return l->next >= look_end(s) && l->num_later > 0 && s->map.symbols_have >= l->again_at;
}

static void look_set_later(struct store_look *l, uint64_t chunk, bool is_later)
{
	uint8_t bit = (uint8_t)(1u << chunk % 8), *byte = &l->later[chunk / 8];
	if (((*byte & bit) != 0) == is_later)
		return;
	*byte ^= bit;
	if (is_later)
		l->num_later++;
	else
		l->num_later--;
}

void store_look_synced(struct store *s)
{
	struct store_look *l = &s->look;
	uint64_t missing = s->geometry.real_symbols - s->map.symbols_have;
	if (missing <= l->num_later * 2 * LOOK_CHUNK / s->geometry.symbol_size)
		l->again_at = s->map.symbols_have;
}

bool store_look_is_due(const struct store *s)
{
	return s->decode.has_index && look_most(s) > 0 && (s->look.next < look_end(s) || look_begins_again(s));
}

bool store_look_prepare(struct store *s)
{
	struct store_look *l = &s->look;
	uint32_t most = look_most(s);
	l->data = s->decode.decoder;
	l->count = 0;
	if (most > 0 && look_begins_again(s)) {
		l->next = 0;
		l->is_again = true;
	}
	for (uint32_t i = 0; i < LOOK_AT_ONCE && l->next < look_end(s) && l->count < most; i++, l->next++) {
		if (look_is_wanted(s, l->next))
			l->chunk[l->count++] = l->next;
		else if (l->is_again)
			look_set_later(l, l->next, false);
		l->again_at = s->map.symbols_have + s->geometry.real_symbols / LOOK_ROUNDS + 1;
	}
	return l->count > 0;
}

int store_look_run(struct store *s)
{
	struct store_look *l = &s->look;
	struct index_look look = {.is_again = l->is_again, .missing = CHUNK_INDEX_UNIQUE};
	int result = 0;
	for (uint32_t i = 0; result == 0 && i < l->count; i++)
		result = s->config.allow_absent ? look_named(s, l->chunk[i], &l->what[i])
						: index_look(&s->work_io, l->chunk[i], &look, &l->what[i],
							  l->data + (size_t)i * LOOK_CHUNK);
	return result;
}

/* Takes a chunk's symbols as if they had been received. False: the staging is full. */
static bool look_take(struct store *s, uint32_t i, uint64_t now_ns)
{
	const struct store_look *l = &s->look;
	const uint8_t *data = l->data + (size_t)i * LOOK_CHUNK;
	uint64_t start = l->chunk[i] * LOOK_CHUNK, first, end;
	look_symbols(s, l->chunk[i], &first, &end);
	for (uint64_t off = first; off < end; off += s->geometry.symbol_size) {
		size_t len = end - off < s->geometry.symbol_size ? (size_t)(end - off) : s->geometry.symbol_size;
		uint32_t sbn, esi;
		struct map_spot spot;
		/* It may have been received meanwhile. */
		if (!look_is_free(s, off, &sbn, &esi))
			continue;
		if (s->config.allow_absent) {
			if (map_reserve(&s->map, sbn, esi, &spot) == 0)
				map_stored(&s->map, sbn, esi, &spot, 0);
			continue;
		}
		if (staging_room(&s->staging) == 0)
			return false;
		if (map_reserve(&s->map, sbn, esi, &spot) == 0)
			staging_push(&s->staging, sbn, esi, &spot, data + (off - start), len, now_ns)->is_present =
				l->what[i] == INDEX_PRESENT;
	}
	return true;
}

void store_look_finish(struct store *s, uint64_t now_ns)
{
	struct store_look *l = &s->look;
	for (uint32_t i = 0; i < l->count; i++) {
		enum index_chunk what = l->what[i];
		look_set_later(l, l->chunk[i], what == INDEX_LATER);
		if (what == INDEX_UNKNOWN || what == INDEX_LATER || look_take(s, i, now_ns))
			continue;
		/* Perhaps a part of it was taken: what repeats another is then looked at again. */
		look_set_later(l, l->chunk[i], l->is_again || what == INDEX_REPEAT);
		l->next = l->chunk[i];
		break;
	}
	l->count = 0;
}

/* ---- chunks that lie in two blocks ------------------------------------------------------------------ */

int store_edges_run(struct store *s)
{
	return index_check_edges(&s->work_io, s->decode.decoder, s->decode.held.buf);
}

void store_edges_finish(struct store *s)
{
	const uint8_t *wrong = s->decode.decoder;
	for (uint32_t sbn = 1; sbn < s->geometry.blocks; sbn++) {
		if (((unsigned)wrong[sbn / 8] >> sbn % 8 & 1u) == 0)
			continue;
		s->map.block[sbn - 1].wrong_edges |= MAP_EDGE_LAST;
		s->map.block[sbn].wrong_edges |= MAP_EDGE_FIRST;
		map_suspect(&s->map, sbn - 1);
		map_suspect(&s->map, sbn);
	}
}
