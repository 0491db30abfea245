#include "carousel-rx/store/held.h"

#include "carousel-rx/store/journal_entry.h"
#include "carousel-rx/store/symbol_check.h"
#include "common/bytes.h"

#include <stdlib.h>
#include <string.h>

uint32_t held_cap(const struct geometry *g)
{
	return g->max_source + MAP_BLOCK_SPILL;
}

static const struct map_group *held_group(const struct held *h, uint32_t place)
{
	return &h->map->group[map_group_index(h->map, h->sbn, place)];
}

/* What a block cannot have in so many places is left out: its lists then do not agree. */
static void held_add(struct held *h, const struct held_symbol *s)
{
	if (h->count < h->cap)
		h->symbol[h->count++] = *s;
}

/* ---- gathering ---------------------------------------------------------------------------------- */

static void held_from_map(struct held *h)
{
	/* The list's entries lie at the end of our larger ones until they are spread. */
	uint32_t count = h->map->block[h->sbn].num_foreign;
	struct foreign_symbol *list;
	if (count > h->cap)
		count = h->cap;
	list = (struct foreign_symbol *)(void *)(h->symbol + h->cap) - count;
	count = foreign_list_copy(&h->map->foreign, h->sbn, list, count) < count ? 0 : count;
	for (uint32_t i = 0; i < count; i++) {
		struct foreign_symbol f = list[i];
		held_add(h, &(struct held_symbol){.esi = f.esi, .place = f.place});
	}
}

static void held_take_entry(struct held *h, enum journal_type type, const struct journal_entry *e)
{
	if (e->a != h->sbn)
		return;
	if (type == JOURNAL_FOREIGN) {
		held_add(h, &(struct held_symbol){.esi = e->c, .place = e->b, .crc = e->d, .has_crc = 1});
		return;
	}
	for (uint32_t i = 0; i < h->count; i++) {
		if (h->symbol[i].place == e->b && h->symbol[i].esi == e->c) {
			h->symbol[i] = h->symbol[--h->count];
			return;
		}
	}
}

static bool held_is_reset(const struct held *h, const struct journal_record *r)
{
	for (size_t at = 0; r->len - at >= JOURNAL_BLOCK_BYTES;) {
		uint32_t sbn = bytes_get_le32(r->payload + at);
		size_t bytes;
		if (sbn == h->sbn)
			return true;
		if (sbn >= h->map->geometry->blocks)
			return false;
		bytes = JOURNAL_BLOCK_BYTES + map_num_groups(h->map, sbn) * JOURNAL_GROUP_BYTES;
		if (bytes > r->len - at)
			return false;
		at += bytes;
	}
	return false;
}

/* Keeps what the map says is there too: the journal may name symbols that were found not to count. */
static void held_keep_mapped(struct held *h)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < h->count; i++) {
		uint32_t place = h->symbol[i].place, bit = 1u << place % MAP_GROUP_PLACES;
		if (place < h->map->block[h->sbn].real &&
			held_group(h, place)->taken & bit & ~held_group(h, place)->own)
			h->symbol[kept++] = h->symbol[i];
	}
	h->count = kept;
}

static int held_from_journal(struct held *h)
{
	struct journal_scan scan;
	struct journal_record r;
	struct journal_entries entries;
	struct journal_entry entry;
	int result;
	journal_scan_init(&scan, h->journal, h->io, h->scan_buf, journal_end(h->journal));
	h->count = 0;
	while ((result = journal_scan_next(&scan, &r)) == 0) {
		if (r.type == JOURNAL_BLOCK && held_is_reset(h, &r))
			h->count = 0;
		if (r.type != JOURNAL_FOREIGN && r.type != JOURNAL_DROP_FOREIGN)
			continue;
		journal_entries_init(&entries, &r);
		while (journal_entries_next(&entries, &entry))
			held_take_entry(h, r.type, &entry);
	}
	held_keep_mapped(h);
	return result == CAROUSEL_E_NEED_MORE ? 0 : result;
}

static void held_add_spill(struct held *h)
{
	for (uint32_t i = 0; h->map->block[h->sbn].num_spilled && i < h->map->num_spill; i++) {
		const struct map_spill *s = &h->map->spill[i];
		if (!s->is_stored || s->sbn != h->sbn)
			continue;
		held_add(h,
			&(struct held_symbol){.esi = s->esi, .place = i, .crc = s->crc, .is_spill = 1, .has_crc = 1});
	}
}

/* ---- checking ----------------------------------------------------------------------------------- */

static int held_crc(struct held *h, const struct held_symbol *s, uint32_t *crc)
{
	size_t size = h->io->geometry->symbol_size;
	uint8_t *data = h->ram && !s->is_spill ? held_ram(h, s->place) : h->buf;
	int result = s->is_spill ? place_io_read(h->io, RX_SPILL, (uint64_t)s->place * size, data, size)
				 : place_read(h->io, h->sbn, s->place, false, 0, size, data);
	if (result == 0)
		*crc = symbol_check(data, size, s->esi);
	return result;
}

/* What lies in a worn page is lost, and is received again. */
static int held_note_read(struct held *h, int result, bool *is_bad)
{
	*is_bad = place_io_is_unreadable(result);
	h->num_unreadable += *is_bad;
	h->num_read += result == 0;
	return *is_bad ? 0 : result;
}

/* Reads foreign symbols back; *sum: XOR of those in the slot. */
static int held_check_foreign(struct held *h, uint32_t *sum)
{
	*sum = 0;
	for (uint32_t i = 0; !h->identities_only && i < h->count; i++) {
		struct held_symbol *s = &h->symbol[i];
		uint32_t crc = 0;
		bool is_bad = false;
		int result = held_note_read(h, held_crc(h, s, &crc), &is_bad);
		if (result)
			return result;
		s->is_bad = is_bad || (s->has_crc && s->crc != crc);
		if (!s->has_crc)
			s->crc = crc;
		if (!s->is_spill)
			*sum ^= crc;
	}
	return 0;
}

/* Own symbols from `place` on whose bytes follow each other in the slot, as many as the buffer takes, in one group. */
static uint32_t held_run(const struct held *h, uint32_t place)
{
	const struct geometry *g = h->io->geometry;
	uint32_t end = place + 1, own = held_group(h, place)->own;
	uint64_t first = geometry_offset(g, h->sbn, place);
	if (g->num_pieces != 1 || geometry_own_bytes(g, h->sbn, place) != g->symbol_size)
		return end;
	while (end % MAP_GROUP_PLACES && own >> end % MAP_GROUP_PLACES & 1u &&
		(end - place + 1) * g->symbol_size <= h->buf_bytes &&
		geometry_offset(g, h->sbn, end) == first + (uint64_t)(end - place) * g->symbol_size &&
		geometry_own_bytes(g, h->sbn, end) == g->symbol_size)
		end++;
	return end;
}

/* Whether a run that cannot be read as a whole can in part: then it is not the device that is gone. */
static int held_read_apart(struct held *h, uint32_t place, uint32_t end)
{
	int result = 0;
	for (; end - place > 1 && result == 0; end--) {
		result = place_read(h->io, h->sbn, end - 1, true, 0, h->io->geometry->symbol_size, h->buf);
		h->num_read += result == 0;
		if (place_io_is_unreadable(result))
			result = 0;
	}
	return result;
}

static int held_check_group(struct held *h, uint32_t group)
{
	const struct map_group *g = &h->map->group[h->sbn * h->map->group_stride + group];
	size_t size = h->io->geometry->symbol_size;
	uint32_t place = group * MAP_GROUP_PLACES, sum = 0;
	bool is_bad = false;
	while (!is_bad && place / MAP_GROUP_PLACES == group && place < h->map->block[h->sbn].real) {
		uint8_t *data = h->ram ? held_ram(h, place) : h->buf;
		uint32_t end;
		int result;
		if ((g->own >> place % MAP_GROUP_PLACES & 1u) == 0) {
			place++;
			continue;
		}
		end = held_run(h, place);
		if (end - place == 1)
			result = place_read(h->io, h->sbn, place, true, 0, size, data);
		else
			result = place_io_read(h->io, RX_SLOT_TARGET, geometry_offset(h->io->geometry, h->sbn, place),
				data, (end - place) * size);
		result = held_note_read(h, result, &is_bad);
		if (is_bad)
			result = held_read_apart(h, place, end);
		if (result)
			return result;
		for (uint32_t i = 0; !is_bad && i < end - place; i++)
			sum ^= symbol_check(data + i * size, size, place + i);
		result = h->meet_run && !is_bad ? h->meet_run(h, place, end - place, data) : 0;
		if (result)
			return result;
		place = end;
	}
	h->bad_own[group] = sum == g->sum && !is_bad ? 0 : g->own;
	h->bad_sum[group] = g->sum;
	return 0;
}

static int held_order_esi(const void *a, const void *b)
{
	const struct held_symbol *x = a, *y = b;
	return x->esi < y->esi ? -1 : x->esi > y->esi;
}

static int held_gather_foreign(struct held *h)
{
	uint32_t sum;
	int result = 0;
	h->count = 0;
	if (foreign_list_is_evicted(&h->map->foreign, h->sbn))
		result = held_from_journal(h);
	else
		held_from_map(h);
	held_add_spill(h);
	if (result == 0)
		result = held_check_foreign(h, &sum);
	if (result || h->identities_only || sum == h->map->block[h->sbn].foreign_sum)
		return result;
	/* Which one it is only the journal knows. */
	result = held_from_journal(h);
	held_add_spill(h);
	return result ? result : held_check_foreign(h, &sum);
}

int held_load(struct held *h, uint32_t sbn)
{
	uint32_t rank = 0;
	int result;
	h->sbn = sbn;
	h->num_bad = h->num_read = h->num_unreadable = 0;
	result = held_gather_foreign(h);
	for (uint32_t i = 0; result == 0 && i < map_num_groups(h->map, sbn); i++) {
		const struct map_group *g = &h->map->group[sbn * h->map->group_stride + i];
		h->rank[i] = rank;
		rank += (uint32_t)__builtin_popcount(~g->own & map_group_mask(h->map, sbn, i));
		h->bad_own[i] = h->good_own[i] = 0;
		if (!h->identities_only)
			result = held_check_group(h, i);
		h->num_bad += (uint32_t)__builtin_popcount(h->bad_own[i]);
	}
	h->num_missing = rank;
	qsort(h->symbol, h->count, sizeof(*h->symbol), held_order_esi);
	for (uint32_t i = 0; i < h->count; i++) {
		if (i && h->symbol[i].esi == h->symbol[i - 1].esi)
			h->symbol[i].is_bad = 1;
		h->num_bad += h->symbol[i].is_bad;
	}
	/* Where nothing at all can be read the trouble is another, and may pass. */
	if (result == 0 && h->num_read == 0 && h->num_unreadable > 1)
		result = CAROUSEL_E_STORAGE;
	return result;
}

/* ---- dropping ----------------------------------------------------------------------------------- */

static bool held_has_good(const struct held *h)
{
	for (uint32_t i = 0; i < h->count; i++)
		if (!h->symbol[i].is_bad)
			return true;
	return false;
}

/* The own symbols that stay count without further ado from now on: their data is synced before. */
static int held_reset(struct held *h)
{
	uint32_t groups = map_num_groups(h->map, h->sbn);
	size_t len = JOURNAL_BLOCK_BYTES;
	int result = journal_sync_data(h->journal, h->io);
	bytes_put_le32(h->buf, h->sbn);
	bytes_put_le32(h->buf + 4, 0);
	for (uint32_t i = 0; i < groups; i++, len += JOURNAL_GROUP_BYTES) {
		const struct map_group *g = &h->map->group[h->sbn * h->map->group_stride + i];
		bytes_put_le32(h->buf + len, g->own & ~h->bad_own[i]);
		bytes_put_le32(h->buf + len + 4, h->bad_own[i] ? g->sum ^ h->bad_sum[i] : g->sum);
	}
	if (result == 0)
		result = journal_append(h->journal, h->io, JOURNAL_BLOCK, h->buf, len);
	h->reset_sequence = journal_sequence(h->journal);
	return result ? result : place_io_sync(h->io, RX_JOURNAL);
}

static int held_drop_each(struct held *h)
{
	struct journal_payload payload = {.buf = h->buf, .cap = JOURNAL_MAX_PAYLOAD, .type = JOURNAL_DROP_OWN};
	int result = 0;
	for (uint32_t i = 0; result == 0 && i < map_num_groups(h->map, h->sbn); i++) {
		const struct journal_entry e = {h->sbn, i, h->bad_own[i], h->bad_sum[i]};
		if (h->bad_own[i])
			result = journal_entry_put(&payload, h->journal, h->io, JOURNAL_DROP_OWN, &e);
	}
	for (uint32_t i = 0; result == 0 && i < h->count; i++) {
		const struct held_symbol *s = &h->symbol[i];
		const struct journal_entry spill = {s->place, h->sbn, s->esi, s->crc};
		const struct journal_entry foreign = {h->sbn, s->place, s->esi, s->crc};
		if (s->is_bad)
			result = journal_entry_put(&payload, h->journal, h->io,
				s->is_spill ? JOURNAL_DROP_SPILL : JOURNAL_DROP_FOREIGN,
				s->is_spill ? &spill : &foreign);
	}
	if (result == 0)
		result = journal_entry_flush(&payload, h->journal, h->io);
	/* Before a mark could vouch for what they take back. */
	return result ? result : place_io_sync(h->io, RX_JOURNAL);
}

int held_drop(struct held *h)
{
	h->reset_sequence = 0;
	return h->count && !held_has_good(h) ? held_reset(h) : held_drop_each(h);
}

void held_forget(const struct held *h, struct place_map *m)
{
	for (uint32_t i = 0; i < map_num_groups(m, h->sbn); i++)
		if (h->bad_own[i])
			map_replay_drop_own(m, h->sbn, i, h->bad_own[i], h->bad_sum[i]);
	for (uint32_t i = 0; i < h->count; i++) {
		const struct held_symbol *s = &h->symbol[i];
		if (s->is_bad && s->is_spill)
			map_replay_drop_spill(m, s->place, h->sbn, s->esi);
		else if (s->is_bad)
			map_replay_drop_foreign(m, h->sbn, s->place, s->esi, s->crc);
	}
	if (h->reset_sequence)
		m->block[h->sbn].reset_sequence = h->reset_sequence;
}

/* ---- reading ------------------------------------------------------------------------------------ */

const struct held_symbol *held_find(const struct held *h, uint32_t esi)
{
	const struct held_symbol key = {.esi = esi};
	return bsearch(&key, h->symbol, h->count, sizeof(*h->symbol), held_order_esi);
}

uint8_t *held_ram(const struct held *h, uint32_t place)
{
	return h->ram + place * (size_t)h->io->geometry->symbol_size;
}

const uint8_t *held_direct(const struct held *h, uint32_t esi)
{
	const struct map_block *b = &h->map->block[h->sbn];
	const struct held_symbol *s;
	if (h->ram == NULL)
		return NULL;
	if (esi >= b->real && esi < b->source)
		return held_ram(h, h->io->geometry->max_source);
	if (esi < b->real && map_is_own(h->map, h->sbn, esi))
		return held_ram(h, esi);
	s = held_find(h, esi);
	return s && !s->is_spill ? held_ram(h, s->place) : NULL;
}

void held_read_begin(struct held *h)
{
	h->ahead_count = 0;
}

/* Own symbols from `place` on that follow each other in the slot, into the buffer. */
static int held_fetch(struct held *h, uint32_t place)
{
	uint32_t count = held_run(h, place) - place;
	int result;
	h->ahead_count = 0;
	if (count == 1)
		result = place_read(h->io, h->sbn, place, true, 0, h->io->geometry->symbol_size, h->buf);
	else
		result = place_io_read(h->io, RX_SLOT_TARGET, geometry_offset(h->io->geometry, h->sbn, place), h->buf,
			count * (size_t)h->io->geometry->symbol_size);
	if (result)
		return result;
	h->ahead_first = place;
	h->ahead_count = count;
	return 0;
}

int held_read_ahead(struct held *h, uint32_t esi, size_t off, size_t len, uint8_t *dst)
{
	int result = 0;
	if (esi >= h->map->block[h->sbn].real || !map_is_own(h->map, h->sbn, esi))
		return held_read(h, esi, off, len, dst);
	if (esi < h->ahead_first || esi - h->ahead_first >= h->ahead_count)
		result = held_fetch(h, esi);
	if (result == 0)
		memcpy(dst, h->buf + (esi - h->ahead_first) * (size_t)h->io->geometry->symbol_size + off, len);
	return result;
}

int held_read(struct held *h, uint32_t esi, size_t off, size_t len, uint8_t *dst)
{
	const struct held_symbol *s;
	const struct map_block *b = &h->map->block[h->sbn];
	if (esi >= b->real && esi < b->source) {
		memset(dst, 0, len);
		return 0;
	}
	if (esi < b->real && map_is_own(h->map, h->sbn, esi))
		return place_read(h->io, h->sbn, esi, true, off, len, dst);
	s = held_find(h, esi);
	if (s == NULL)
		return CAROUSEL_E_SYMBOL;
	if (s->is_spill)
		return place_io_read(
			h->io, RX_SPILL, (uint64_t)s->place * h->io->geometry->symbol_size + off, dst, len);
	return place_read(h->io, h->sbn, s->place, false, off, len, dst);
}

uint32_t held_rank(const struct held *h, uint32_t place)
{
	uint32_t before = (1u << place % MAP_GROUP_PLACES) - 1;
	return h->rank[place / MAP_GROUP_PLACES] + (uint32_t)__builtin_popcount(~held_group(h, place)->own & before);
}
