#include "carousel-rx/store/replay.h"

#include "carousel-rx/store/journal_entry.h"
#include "carousel-rx/store/symbol_check.h"
#include "common/bytes.h"

#include <string.h>

/* An entry that the journal names and the slot does not hold. */
struct replay_refused {
	enum journal_type type;
	struct journal_entry entry;
};

struct replay {
	struct decode *decode;
	struct place_map *map;
	struct journal *journal;
	struct place_io *io;
	struct replay_report *report;
	uint32_t synced; /* all records up to this sequence were synced with their data */
	struct replay_refused *refused;
	uint32_t num_refused, cap_refused;
	struct decode_copy copy[DECODE_BATCH];
	uint32_t num_copies;
};

/* ---- reading back what was written shortly before -------------------------------------------------- */

/* The check of a symbol as the slot or spill holds it; a place that cannot be read does not match. */
static bool replay_check(
	struct replay *r, uint32_t sbn, uint32_t place, uint32_t esi, enum map_kind kind, uint32_t *check)
{
	size_t size = r->io->geometry->symbol_size;
	uint8_t *buf = r->decode->held.buf;
	int result = kind == MAP_SPILL ? place_io_read(r->io, RX_SPILL, (uint64_t)place * size, buf, size)
				       : place_read(r->io, sbn, place, kind == MAP_OWN, 0, size, buf);
	*check = symbol_check(buf, size, esi);
	return result == 0;
}

static bool replay_is_there(struct replay *r, enum journal_type type, const struct journal_entry *e)
{
	uint32_t sum = 0, check;
	if (type == JOURNAL_SPILL)
		return e->a < r->map->num_spill && replay_check(r, e->b, e->a, e->c, MAP_SPILL, &check) &&
		       check == e->d;
	if (e->a >= r->map->geometry->blocks)
		return false;
	if (type == JOURNAL_FOREIGN)
		return e->b < r->map->block[e->a].real && replay_check(r, e->a, e->b, e->c, MAP_FOREIGN, &check) &&
		       check == e->d;
	if (e->b >= r->map->group_stride || e->c & ~map_group_mask(r->map, e->a, e->b))
		return false;
	for (uint32_t mask = e->c; mask; mask &= mask - 1) {
		uint32_t place = e->b * MAP_GROUP_PLACES + (uint32_t)__builtin_ctz(mask);
		if (!replay_check(r, e->a, place, place, MAP_OWN, &check))
			return false;
		sum ^= check;
	}
	return sum == e->d;
}

/* ---- records ------------------------------------------------------------------------------------- */

static void replay_entry(struct replay *r, enum journal_type type, const struct journal_entry *e)
{
	/* Entries that do not fit what came before are of no account: whoever wrote them meant another state. */
	switch (type) {
	case JOURNAL_OWN:
		(void)map_replay_own(r->map, e->a, e->b, e->c, e->d);
		break;
	case JOURNAL_FOREIGN:
		(void)map_replay_foreign(r->map, e->a, e->b, e->c, e->d);
		break;
	case JOURNAL_SPILL:
		(void)map_replay_spill(r->map, e->a, e->b, e->c, e->d);
		break;
	case JOURNAL_DROP_OWN:
		(void)map_replay_drop_own(r->map, e->a, e->b, e->c, e->d);
		break;
	case JOURNAL_DROP_FOREIGN:
		(void)map_replay_drop_foreign(r->map, e->a, e->b, e->c, e->d);
		break;
	default:
		(void)map_replay_drop_spill(r->map, e->a, e->b, e->c);
	}
}

static bool replay_is_add(enum journal_type type)
{
	return type == JOURNAL_OWN || type == JOURNAL_FOREIGN || type == JOURNAL_SPILL;
}

/* Returns false when no more refusals can be kept: the rest is as if never written. */
static bool replay_entries(struct replay *r, const struct journal_record *record)
{
	bool is_young = replay_is_add(record->type) && record->sequence > r->synced;
	struct journal_entries entries;
	struct journal_entry e;
	journal_entries_init(&entries, record);
	while (journal_entries_next(&entries, &e)) {
		if (!is_young || replay_is_there(r, record->type, &e)) {
			replay_entry(r, record->type, &e);
			continue;
		}
		if (r->num_refused == r->cap_refused)
			return false;
		r->refused[r->num_refused++] = (struct replay_refused){record->type, e};
	}
	return true;
}

static void replay_forget_copy(struct replay *r, uint32_t sbn)
{
	for (uint32_t i = 0; i < r->num_copies; i++)
		if (r->copy[i].sbn == sbn)
			r->copy[i].sbn = MAP_NONE;
}

static void replay_blocks(struct replay *r, const struct journal_record *record)
{
	for (size_t at = 0; record->len - at >= JOURNAL_BLOCK_BYTES;) {
		uint32_t sbn = bytes_get_le32(record->payload + at), flags = bytes_get_le32(record->payload + at + 4);
		size_t groups;
		if (sbn >= r->map->geometry->blocks)
			return;
		at += JOURNAL_BLOCK_BYTES;
		groups = map_num_groups(r->map, sbn) * (size_t)JOURNAL_GROUP_BYTES;
		if (groups > record->len - at)
			return;
		map_set_block(r->map, sbn, (flags & JOURNAL_VERIFIED) != 0, record->payload + at);
		r->map->block[sbn].reset_sequence = record->sequence;
		replay_forget_copy(r, sbn);
		at += groups;
	}
}

/* A new COPY means that what an older one promised was kept. */
static void replay_copies(struct replay *r, const struct journal_record *record)
{
	uint64_t offset = 0;
	r->num_copies = 0;
	for (size_t at = 0; record->len - at >= JOURNAL_COPY_BYTES && r->num_copies < DECODE_BATCH;
		at += JOURNAL_COPY_BYTES) {
		struct decode_copy *c = &r->copy[r->num_copies++];
		c->sbn = bytes_get_le32(record->payload + at);
		c->num_missing = bytes_get_le32(record->payload + at + 4);
		c->crc = bytes_get_le32(record->payload + at + 8);
		c->width = bytes_get_le32(record->payload + at + 12);
		c->offset = offset;
		offset += (uint64_t)c->num_missing * r->io->geometry->symbol_size;
	}
}

static bool replay_record(struct replay *r, const struct journal_record *record)
{
	switch (record->type) {
	case JOURNAL_BLOCK:
		replay_blocks(r, record);
		return true;
	case JOURNAL_COPY:
		replay_copies(r, record);
		return true;
	case JOURNAL_OWN:
	case JOURNAL_FOREIGN:
	case JOURNAL_SPILL:
	case JOURNAL_DROP_OWN:
	case JOURNAL_DROP_FOREIGN:
	case JOURNAL_DROP_SPILL:
		return replay_entries(r, record);
	case JOURNAL_EPOCH:
	case JOURNAL_MARK:
		return true;
	}
	return true;
}

/* ---- the job ------------------------------------------------------------------------------------- */

static int replay_find_synced(struct replay *r, struct journal_scan *scan)
{
	struct journal_record record;
	int result;
	while ((result = journal_scan_next(scan, &record)) == 0) {
		if (record.type != JOURNAL_MARK || record.len < 4)
			continue;
		if (bytes_get_le32(record.payload) > r->synced)
			r->synced = bytes_get_le32(record.payload);
	}
	return result == CAROUSEL_E_NEED_MORE ? 0 : result;
}

/* What was refused is taken back for good before anything new is written. */
static int replay_drop_refused(struct replay *r)
{
	static const enum journal_type drops[] = {[JOURNAL_OWN] = JOURNAL_DROP_OWN,
		[JOURNAL_FOREIGN] = JOURNAL_DROP_FOREIGN,
		[JOURNAL_SPILL] = JOURNAL_DROP_SPILL};
	struct journal_payload payload = {
		.buf = r->decode->payload, .cap = JOURNAL_MAX_PAYLOAD, .type = JOURNAL_DROP_OWN};
	int result = 0;
	for (uint32_t i = 0; result == 0 && i < r->num_refused; i++)
		result =
			journal_entry_put(&payload, r->journal, r->io, drops[r->refused[i].type], &r->refused[i].entry);
	if (result == 0)
		result = journal_entry_flush(&payload, r->journal, r->io);
	r->report->entries_refused = r->num_refused;
	/* A mark must not outlive them: it would vouch for what they take back. */
	if (result == 0 && r->num_refused)
		result = place_io_sync(r->io, RX_JOURNAL);
	return result;
}

static int replay_scan(struct replay *r)
{
	uint8_t *buf = r->decode->held.scan_buf;
	struct journal_scan scan;
	struct journal_record record;
	uint64_t size;
	int result = r->io->storage->size(r->io->storage->user, RX_JOURNAL, &size);
	if (result)
		return result;
	journal_scan_init(&scan, r->journal, r->io, buf, size);
	result = replay_find_synced(r, &scan);
	if (result)
		return result;
	journal_scan_init(&scan, r->journal, r->io, buf, size);
	while ((result = journal_scan_next(&scan, &record)) == 0) {
		if (!replay_record(r, &record)) {
			scan.end = record.offset;
			break;
		}
	}
	r->report->bytes_damaged = scan.bytes_damaged;
	if (result && result != CAROUSEL_E_NEED_MORE)
		return result;
	result = journal_resume(r->journal, r->io, &scan);
	return result ? result : replay_drop_refused(r);
}

int replay_run(struct decode *decode, struct place_map *map, struct journal *journal, struct replay_report *report)
{
	struct replay r = {.decode = decode, .map = map, .journal = journal, .io = decode->held.io, .report = report};
	int result = journal_open(journal, r.io);
	memset(report, 0, sizeof(*report));
	if (result == CAROUSEL_E_NOT_FOUND)
		return journal_create(journal, r.io);
	if (result)
		return result;
	r.refused = (struct replay_refused *)(void *)(decode->held.scan_buf + JOURNAL_SCAN_BYTES);
	r.cap_refused = (uint32_t)((decode->decoder_bytes - JOURNAL_SCAN_BYTES) / sizeof(*r.refused));
	result = replay_scan(&r);
	if (result == 0 && r.num_copies)
		result = decode_recover(decode, r.copy, r.num_copies);
	if (result)
		return result;
	decode_finish(decode, map);
	for (uint32_t sbn = 0; sbn < map->geometry->blocks; sbn++)
		map_queue_ready(map, sbn);
	report->symbols_resumed = map->symbols_have;
	return 0;
}
