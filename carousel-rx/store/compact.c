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
};

uint64_t compact_live_bytes(const struct place_map *m)
{
	uint64_t bytes = 4 * JOURNAL_HEAD_BYTES;
	for (uint32_t sbn = 0; sbn < m->geometry->blocks; sbn++) {
		const struct map_block *b = &m->block[sbn];
		if (b->held)
			bytes += JOURNAL_BLOCK_BYTES + map_num_groups(m, sbn) * (uint64_t)JOURNAL_GROUP_BYTES;
		bytes += (uint64_t)b->num_foreign * JOURNAL_PACKED_BYTES +
			 (uint64_t)b->num_spilled * JOURNAL_ENTRY_BYTES;
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

/* Foreign and spilled symbols, and what took some of them back, in their order. */
static int compact_entries(struct compact *c, const struct journal_record *r)
{
	bool is_spill = r->type == JOURNAL_SPILL || r->type == JOURNAL_DROP_SPILL;
	struct journal_entries entries;
	struct journal_entry e;
	int result = 0;
	journal_entries_init(&entries, r);
	while (result == 0 && journal_entries_next(&entries, &e)) {
		uint32_t sbn = is_spill ? e.b : e.a;
		if (sbn < c->map->geometry->blocks && !c->map->block[sbn].is_done &&
			r->sequence > c->map->block[sbn].reset_sequence)
			result = journal_entry_put(&c->entries, &c->to, c->io, r->type, &e);
	}
	return result;
}

static int compact_stream(struct compact *c)
{
	struct journal_scan scan;
	struct journal_record r;
	int result;
	journal_scan_init(&scan, c->from, c->io, c->scan_buf, c->from->end);
	while ((result = journal_scan_next(&scan, &r)) == 0) {
		if (r.type == JOURNAL_FOREIGN || r.type == JOURNAL_DROP_FOREIGN || r.type == JOURNAL_SPILL ||
			r.type == JOURNAL_DROP_SPILL)
			result = compact_entries(c, &r);
		if (result)
			return result;
	}
	return result == CAROUSEL_E_NEED_MORE ? journal_entry_flush(&c->entries, &c->to, c->io) : result;
}

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
	if (result == 0)
		result = compact_stream(&c);
	return result ? result : journal_replace(journal, c.io, &c.to);
}

int compact_run(struct decode *d, struct journal *journal)
{
	uint64_t live = compact_live_bytes(d->held.map) * 2 + JOURNAL_MAX_PAYLOAD, front = JOURNAL_START;
	int result = journal_sync_data(journal, d->held.io);
	if (result)
		return result;
	if (journal->start - front < live)
		result = compact_once(d, journal, journal_after(journal));
	/* Back to the front, so that the file can end behind it. */
	if (result == 0 && journal->start > front && journal->start - front >= journal->end - journal->start)
		result = compact_once(d, journal, front);
	if (result)
		return result;
	return d->held.io->storage->truncate(d->held.io->storage->user, RX_JOURNAL, journal->end);
}
