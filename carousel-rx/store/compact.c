#include "carousel-rx/store/compact.h"

#include "common/bytes.h"

#include <string.h>

struct compact {
	const struct place_map *map;
	struct place_io *io;
	struct journal *from;
	struct journal to;
	uint8_t *scan_buf;
	uint8_t *payload; /* JOURNAL_MAX_PAYLOAD */
	size_t len;
	enum journal_type type;
};

uint64_t compact_live_bytes(const struct place_map *m)
{
	uint64_t bytes = 4 * JOURNAL_HEAD_BYTES;
	for (uint32_t sbn = 0; sbn < m->geometry->blocks; sbn++) {
		const struct map_block *b = &m->block[sbn];
		if (b->held)
			bytes += JOURNAL_BLOCK_BYTES + map_num_groups(m, sbn) * (uint64_t)JOURNAL_GROUP_BYTES;
		bytes += (uint64_t)(b->num_foreign + b->num_spilled) * JOURNAL_ENTRY_BYTES;
	}
	return bytes;
}

static int compact_flush(struct compact *c)
{
	int result = c->len ? journal_append(&c->to, c->io, c->type, c->payload, c->len) : 0;
	c->len = 0;
	return result;
}

/* Room for so many bytes of a record of this type. */
static int compact_room(struct compact *c, enum journal_type type, size_t bytes)
{
	int result = 0;
	if (c->type != type || c->len + bytes > JOURNAL_MAX_PAYLOAD)
		result = compact_flush(c);
	c->type = type;
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
		result = compact_room(c, JOURNAL_BLOCK, JOURNAL_BLOCK_BYTES + groups * (size_t)JOURNAL_GROUP_BYTES);
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
	size_t at_sbn = r->type == JOURNAL_SPILL || r->type == JOURNAL_DROP_SPILL ? 4 : 0;
	int result = 0;
	for (size_t at = 0; result == 0 && r->len - at >= JOURNAL_ENTRY_BYTES; at += JOURNAL_ENTRY_BYTES) {
		uint32_t sbn = bytes_get_le32(r->payload + at + at_sbn);
		if (sbn >= c->map->geometry->blocks || c->map->block[sbn].is_done ||
			r->sequence <= c->map->block[sbn].reset_sequence)
			continue;
		result = compact_room(c, r->type, JOURNAL_ENTRY_BYTES);
		memcpy(c->payload + c->len, r->payload + at, JOURNAL_ENTRY_BYTES);
		c->len += JOURNAL_ENTRY_BYTES;
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
	return result == CAROUSEL_E_NEED_MORE ? compact_flush(c) : result;
}

static int compact_once(struct decode *d, struct journal *journal, uint64_t start)
{
	struct compact c = {.map = d->held.map, .io = d->held.io, .from = journal, .payload = d->payload};
	int result;
	c.scan_buf = d->held.scan_buf;
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
