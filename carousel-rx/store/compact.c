#include "carousel-rx/store/compact.h"

#include "carousel-rx/store/journal_entry.h"
#include "common/bytes.h"

#include <string.h>

struct compact {
	const struct place_map *map;
	struct place_io *io;
	struct journal *from;
	struct journal to;
	uint8_t *scan_buf;
	uint8_t *payload; /* JOURNAL_MAX_PAYLOAD */
	size_t len;       /* of BLOCK parts in it */
	struct journal_payload entries;
	struct compact_symbol *symbol; /* of blocks [first, end), max_source a block */
	uint32_t first, end;
};

/* What lies in a foreign place; esi NONE: nothing. */
struct compact_symbol {
	uint32_t esi, check;
};
#define COMPACT_NONE UINT32_MAX

/* How many pieces the places that hold foreign symbols are in, at most. */
static uint64_t compact_runs(const struct map_block *b)
{
	uint32_t between = b->real > b->num_foreign ? b->real - b->num_foreign : 0;
	return b->num_foreign < between ? b->num_foreign : between + 1;
}

uint64_t compact_live_bytes(const struct place_map *m)
{
	uint64_t bytes = 4 * JOURNAL_HEAD_BYTES;
	for (uint32_t sbn = 0; sbn < m->geometry->blocks; sbn++) {
		const struct map_block *b = &m->block[sbn];
		if (b->held)
			bytes += JOURNAL_BLOCK_BYTES + map_num_groups(m, sbn) * (uint64_t)JOURNAL_GROUP_BYTES;
		if (b->num_foreign)
			bytes += (uint64_t)b->num_foreign * JOURNAL_PACKED_BYTES +
				 compact_runs(b) * JOURNAL_SECTION_BYTES;
		bytes += (uint64_t)b->num_spilled * JOURNAL_ENTRY_BYTES;
	}
	return bytes;
}

static int compact_flush(struct compact *c)
{
	int result = c->len ? journal_append(&c->to, c->io, JOURNAL_BLOCK, c->payload, c->len) : 0;
	c->len = 0;
	return result;
}

static int compact_blocks(struct compact *c)
{
	int result = 0;
	for (uint32_t sbn = 0; result == 0 && sbn < c->map->geometry->blocks; sbn++) {
		const struct map_block *b = &c->map->block[sbn];
		uint32_t groups = map_num_groups(c->map, sbn);
		if (map_count_own(c->map, sbn) == 0)
			continue;
		if (c->len + JOURNAL_BLOCK_BYTES + groups * (size_t)JOURNAL_GROUP_BYTES > JOURNAL_MAX_PAYLOAD)
			result = compact_flush(c);
		bytes_put_le32(c->payload + c->len, sbn);
		bytes_put_le32(c->payload + c->len + 4, b->is_verified ? JOURNAL_VERIFIED : 0);
		c->len += JOURNAL_BLOCK_BYTES;
		for (uint32_t i = 0; i < groups; i++, c->len += JOURNAL_GROUP_BYTES) {
			const struct map_group *g = &c->map->group[sbn * c->map->group_stride + i];
			bytes_put_le32(c->payload + c->len, g->own);
			bytes_put_le32(c->payload + c->len + 4, g->sum);
		}
	}
	return result;
}

/* ---- entries -------------------------------------------------------------------------------------- */

static bool compact_counts(const struct compact *c, const struct journal_record *r, uint32_t sbn)
{
	return sbn < c->map->geometry->blocks && !c->map->block[sbn].is_done &&
	       r->sequence > c->map->block[sbn].reset_sequence;
}

static struct compact_symbol *compact_at(const struct compact *c, uint32_t sbn, uint32_t place)
{
	return &c->symbol[(size_t)(sbn - c->first) * c->map->geometry->max_source + place];
}

/* Foreign symbols go to the table: those of one block came over hours, between those of all others. */
static int compact_foreign_entry(struct compact *c, const struct journal_record *r, const struct journal_entry *e)
{
	struct compact_symbol *s;
	if (e->a < c->first || e->a >= c->end || !compact_counts(c, r, e->a) || e->b >= c->map->block[e->a].real)
		return 0;
	s = compact_at(c, e->a, e->b);
	if (r->type == JOURNAL_FOREIGN)
		*s = (struct compact_symbol){e->c, e->d};
	else if (s->esi == e->c)
		s->esi = COMPACT_NONE;
	return 0;
}

/* Spilled symbols, and what took some of them back, in their order. */
static int compact_spill_entry(struct compact *c, const struct journal_record *r, const struct journal_entry *e)
{
	return compact_counts(c, r, e->b) ? journal_entry_put(&c->entries, &c->to, c->io, r->type, e) : 0;
}

/* Goes through the entries of two types. */
static int compact_scan(struct compact *c, enum journal_type add, enum journal_type drop,
	int (*entry)(struct compact *, const struct journal_record *, const struct journal_entry *))
{
	struct journal_scan scan;
	struct journal_record r;
	int result;
	journal_scan_init(&scan, c->from, c->io, c->scan_buf, c->from->end);
	while ((result = journal_scan_next(&scan, &r)) == 0) {
		struct journal_entries entries;
		struct journal_entry e;
		if (r.type != add && r.type != drop)
			continue;
		journal_entries_init(&entries, &r);
		while (result == 0 && journal_entries_next(&entries, &e))
			result = entry(c, &r, &e);
		if (result)
			return result;
	}
	return result == CAROUSEL_E_NEED_MORE ? 0 : result;
}

static int compact_write_block(struct compact *c, uint32_t sbn)
{
	int result = 0;
	for (uint32_t place = 0; result == 0 && place < c->map->block[sbn].real; place++) {
		const struct compact_symbol *s = compact_at(c, sbn, place);
		const struct journal_entry e = {sbn, place, s->esi, s->check};
		if (s->esi != COMPACT_NONE)
			result = journal_entry_put(&c->entries, &c->to, c->io, JOURNAL_FOREIGN, &e);
	}
	return result;
}

/* As many blocks at a time as the decoder's memory has room for. */
static int compact_foreign(struct compact *c, size_t bytes)
{
	uint32_t blocks = c->map->geometry->blocks, stride = c->map->geometry->max_source;
	uint32_t most = (uint32_t)(bytes / sizeof(*c->symbol) / stride);
	int result = most ? 0 : CAROUSEL_E_INTERNAL;
	for (c->first = 0; result == 0 && c->first < blocks; c->first = c->end) {
		c->end = blocks - c->first < most ? blocks : c->first + most;
		for (size_t i = 0; i < (size_t)(c->end - c->first) * stride; i++)
			c->symbol[i].esi = COMPACT_NONE;
		result = compact_scan(c, JOURNAL_FOREIGN, JOURNAL_DROP_FOREIGN, compact_foreign_entry);
		for (uint32_t sbn = c->first; result == 0 && sbn < c->end; sbn++)
			result = compact_write_block(c, sbn);
	}
	return result;
}

/* ---- the journal ---------------------------------------------------------------------------------- */

static int compact_once(struct decode *d, struct journal *journal, uint64_t start)
{
	struct compact c = {.map = d->held.map, .io = d->held.io, .from = journal, .payload = d->payload};
	int result;
	c.scan_buf = d->held.scan_buf;
	c.entries = (struct journal_payload){.buf = d->payload, .cap = JOURNAL_MAX_PAYLOAD, .type = JOURNAL_FOREIGN};
	journal_fork(&c.to, journal, start);
	result = compact_blocks(&c);
	if (result == 0)
		result = compact_flush(&c);
	c.symbol = (struct compact_symbol *)(void *)((uint8_t *)d->decoder + JOURNAL_SCAN_BYTES);
	if (result == 0)
		result = compact_foreign(&c, d->decoder_bytes - JOURNAL_SCAN_BYTES);
	if (result == 0)
		result = compact_scan(&c, JOURNAL_SPILL, JOURNAL_DROP_SPILL, compact_spill_entry);
	if (result == 0)
		result = journal_entry_flush(&c.entries, &c.to, c.io);
	return result ? result : journal_replace(journal, c.io, &c.to);
}

int compact_run(struct decode *d, struct journal *journal)
{
	uint64_t live = compact_live_bytes(d->held.map) * 2 + JOURNAL_MAX_PAYLOAD, front = JOURNAL_START;
	const struct carousel_rx_storage *storage = d->held.io->storage;
	int result = journal_sync_data(journal, d->held.io);
	/* For a moment there are two journals. What the last decoding left in the scratch is in its places, and synced.
	 */
	if (result == 0)
		result = storage->truncate(storage->user, RX_SCRATCH, 0);
	if (result)
		return result;
	if (journal->start - front < live)
		result = compact_once(d, journal, journal_after(journal));
	/* Back to the front, so that the file can end behind it. */
	if (result == 0 && journal->start > front && journal->start - front >= journal->end - journal->start)
		result = compact_once(d, journal, front);
	if (result)
		return result;
	return storage->truncate(storage->user, RX_JOURNAL, journal->end);
}
