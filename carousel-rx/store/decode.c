#include "carousel-rx/store/decode.h"

#include "carousel-rx/store/index_check.h"
#include "carousel-rx/store/scratch.h"
#include "carousel-rx/store/symbol_check.h"
#include "common/bytes.h"
#include "fec/fec.h"

#include <string.h>
#include <libdeflate.h>

#define DECODE_SCRATCH_BATCH (4u * 1024 * 1024)
#define DECODE_MOST_PASSES   1024u
#define DECODE_NEAR_BYTES    512u                               /* strips for symbols in memory */
#define DECODE_LEAST_BYTES   (JOURNAL_SCAN_BYTES + 512u * 1024) /* opening needs room for a list, too */

/* ---- memory ------------------------------------------------------------------------------------- */

static size_t decode_align(size_t bytes)
{
	return (bytes + 63) / 64 * 64;
}

size_t decode_memory_bytes(const struct decode_memory *m)
{
	return m->symbols_bytes + m->groups_bytes + m->buf_bytes + JOURNAL_MAX_PAYLOAD + m->decoder_bytes +
	       m->ram_bytes;
}

/* Of strips such that `passes` of them make a symbol. */
static size_t decode_width(const struct geometry *g, uint32_t passes)
{
	size_t width = decode_align((g->symbol_size + passes - 1) / passes);
	return width < g->symbol_size ? width : g->symbol_size;
}

/* What the decoder takes for them: RaptorQ's work on them takes a line more. */
static size_t decode_strip(const struct fec_block *block, size_t width)
{
	return block->encoding_id == FEC_RAPTORQ ? width + FEC_RAPTORQ_STRIP_WORK : width;
}

/* Whether it fits with a decoder of this strip. */
static bool decode_fits(struct decode_memory *m, const struct fec_block *block, size_t strip, size_t budget)
{
	m->strip = strip;
	m->decoder_bytes = decode_align(fec_decoder_bytes(block, strip));
	if (m->decoder_bytes == 0)
		return false;
	if (m->decoder_bytes < DECODE_LEAST_BYTES && strip != 1)
		m->decoder_bytes = DECODE_LEAST_BYTES;
	return decode_memory_bytes(m) <= budget;
}

int decode_plan_memory(const struct geometry *g, size_t budget, bool identities_only, struct decode_memory *m)
{
	struct fec_block block = geometry_block(g, 0);
	size_t groups = (g->max_source + MAP_GROUP_PLACES - 1) / MAP_GROUP_PLACES, near;
	memset(m, 0, sizeof(*m));
	if (!fec_scheme_is_available(block.encoding_id, block.instance_id))
		return CAROUSEL_E_UNSUPPORTED;
	m->symbols_bytes = decode_align(held_cap(g) * sizeof(struct held_symbol));
	m->groups_bytes = decode_align(4 * groups * sizeof(uint32_t));
	m->buf_bytes = identities_only ? 64 : HELD_BUF_BYTES;
	if (identities_only)
		return decode_fits(m, &block, 1, budget) ? 0 : CAROUSEL_E_LIMIT;
	/* Best of all, the block in memory: each symbol is read once. */
	m->ram_bytes = decode_align(((size_t)g->max_source + 1) * g->symbol_size);
	m->width = g->symbol_size;
	near = decode_width(g, (g->symbol_size + DECODE_NEAR_BYTES - 1) / DECODE_NEAR_BYTES);
	if (decode_fits(m, &block, decode_strip(&block, near), budget))
		return 0;
	m->ram_bytes = 0;
	for (uint32_t passes = 1; passes <= DECODE_MOST_PASSES; passes++) {
		size_t strip;
		m->width = decode_width(g, passes);
		strip = decode_strip(&block, m->width);
		if (strip != m->strip && decode_fits(m, &block, strip, budget))
			return 0;
	}
	return CAROUSEL_E_LIMIT;
}

void decode_init(struct decode *d, const struct decode_memory *m, uint8_t *mem, struct place_io *io,
	struct journal *journal, const struct place_map *map)
{
	memset(d, 0, sizeof(*d));
	d->held = (struct held){.io = io, .journal = journal, .map = map, .cap = held_cap(map->geometry)};
	d->held.symbol = (struct held_symbol *)(void *)mem;
	d->held.rank = (uint32_t *)(void *)(mem + m->symbols_bytes);
	d->held.bad_own = d->held.rank + map->group_stride;
	d->held.bad_sum = d->held.bad_own + map->group_stride;
	d->held.good_own = d->held.bad_sum + map->group_stride;
	d->held.buf = mem + m->symbols_bytes + m->groups_bytes;
	d->held.buf_bytes = m->buf_bytes;
	d->payload = d->held.buf + m->buf_bytes;
	d->decoder = d->payload + JOURNAL_MAX_PAYLOAD;
	d->held.scan_buf = d->decoder;
	d->decoder_bytes = m->decoder_bytes;
	if (m->ram_bytes) {
		d->held.ram = (uint8_t *)d->decoder + m->decoder_bytes;
		memset(held_ram(&d->held, map->geometry->max_source), 0, map->geometry->symbol_size);
	}
	d->strip = m->strip;
	d->width = m->width;
	d->held.identities_only = m->strip == 1;
	d->scratch_most = DECODE_SCRATCH_BATCH;
}

/* ---- the batch ---------------------------------------------------------------------------------- */

static size_t decode_payload_bytes(const struct decode *d, uint32_t sbn)
{
	return JOURNAL_BLOCK_BYTES + map_num_groups(d->held.map, sbn) * (size_t)JOURNAL_GROUP_BYTES;
}

bool decode_has_room(const struct decode *d, uint32_t sbn)
{
	uint64_t scratch = (uint64_t)d->held.map->block[sbn].real * d->held.io->geometry->symbol_size;
	if (d->num_blocks == 0)
		return true;
	return d->num_blocks < DECODE_BATCH && decode_payload_bytes(d, sbn) <= JOURNAL_MAX_PAYLOAD - d->payload_len &&
	       scratch <= d->scratch_most && d->scratch_used <= d->scratch_most - scratch;
}

void decode_add(struct decode *d, uint32_t sbn)
{
	d->block[d->num_blocks++] = (struct decode_block){.sbn = sbn, .payload = d->payload_len};
	d->payload_len += decode_payload_bytes(d, sbn);
	d->scratch_used += (uint64_t)d->held.map->block[sbn].real * d->held.io->geometry->symbol_size;
}

/* ---- scratch ------------------------------------------------------------------------------------ */

/* Reads it back: *copy_crc over all of it; the check of each symbol is XORed to its group in the BLOCK part `groups`.
 */
static int decode_check_scratch(
	struct held *h, uint32_t sbn, struct scratch *scratch, uint32_t *copy_crc, uint8_t *groups)
{
	size_t size = scratch->symbol_size;
	uint32_t most = (uint32_t)(h->buf_bytes / size), place = 0;
	*copy_crc = 0;
	for (uint32_t first = 0; first < scratch->count; first += most) {
		uint32_t count = scratch->count - first < most ? scratch->count - first : most;
		int result = scratch_read(scratch, (uint64_t)first * size, count * size, h->buf);
		if (result)
			return result;
		for (uint32_t i = 0; i < count; i++) {
			uint8_t check[4], *sum;
			while (map_is_own(h->map, sbn, place))
				place++;
			bytes_put_le32(check, symbol_check(h->buf + i * size, size, place));
			*copy_crc = libdeflate_crc32(*copy_crc, check, sizeof(check));
			sum = groups + place++ / MAP_GROUP_PLACES * JOURNAL_GROUP_BYTES + 4;
			bytes_put_le32(sum, bytes_get_le32(sum) ^ bytes_get_le32(check));
		}
	}
	return 0;
}

/* Places from `place` on that are not own and follow each other in the slot, at most `most`. */
static uint32_t decode_copy_run(const struct held *h, uint32_t sbn, uint32_t place, uint32_t most)
{
	const struct geometry *g = h->io->geometry;
	uint64_t first = geometry_offset(g, sbn, place);
	uint32_t end = place + 1;
	if (g->num_pieces != 1 || geometry_own_bytes(g, sbn, place) != g->symbol_size)
		return 1;
	while (end < h->map->block[sbn].real && end - place < most && !map_is_own(h->map, sbn, end) &&
		geometry_offset(g, sbn, end) == first + (uint64_t)(end - place) * g->symbol_size &&
		geometry_own_bytes(g, sbn, end) == g->symbol_size)
		end++;
	return end - place;
}

static int decode_copy_block(struct held *h, uint32_t sbn, struct scratch *scratch)
{
	size_t size = scratch->symbol_size;
	uint32_t most = (uint32_t)(h->buf_bytes / size), place = 0;
	for (uint32_t first = 0; first < scratch->count; first += most) {
		uint32_t count = scratch->count - first < most ? scratch->count - first : most, run;
		int result = scratch_read(scratch, (uint64_t)first * size, count * size, h->buf);
		for (uint32_t i = 0; result == 0 && i < count; i += run) {
			while (map_is_own(h->map, sbn, place))
				place++;
			run = decode_copy_run(h, sbn, place, count - i);
			if (run == 1)
				result = place_write(h->io, sbn, place, true, 0, size, h->buf + i * size);
			else
				result = place_io_write(h->io, RX_SLOT_TARGET,
					geometry_offset(h->io->geometry, sbn, place), h->buf + i * size, run * size);
			place += run;
		}
		if (result)
			return result;
	}
	return 0;
}

/* ---- one block ---------------------------------------------------------------------------------- */

struct decode_target {
	struct held *held;
	struct scratch scratch;
};

static int decode_symbol_read(void *user, uint32_t esi, size_t off, size_t len, uint8_t *dst)
{
	struct decode_target *t = user;
	const uint8_t *direct = held_direct(t->held, esi);
	if (direct == NULL)
		return held_read_ahead(t->held, esi, off, len, dst);
	memcpy(dst, direct + off, len);
	return 0;
}

static const uint8_t *decode_symbol_direct(void *user, uint32_t esi)
{
	struct decode_target *t = user;
	return held_direct(t->held, esi);
}

static int decode_symbol_write(void *user, uint32_t esi, size_t off, size_t len, const uint8_t *src)
{
	struct decode_target *t = user;
	if (esi >= t->held->map->block[t->held->sbn].real)
		return 0; /* padding */
	if (t->held->ram == NULL)
		return scratch_write(&t->scratch, held_rank(t->held, esi), off, len, src);
	/* Over what lay in its place, of which this strip has been read, and no other will be written or read again. */
	memcpy(held_ram(t->held, esi) + off, src, len);
	return 0;
}

/* Tells the decoder all that is held. */
static int decode_tell(struct decode *d, struct fec_decoder *decoder)
{
	const struct held *h = &d->held;
	const struct map_block *b = &h->map->block[h->sbn];
	int result = 0;
	for (uint32_t esi = b->real; result == 0 && esi < b->source; esi++)
		result = fec_decoder_add(decoder, esi);
	for (uint32_t esi = 0; result == 0 && esi < b->real; esi++)
		if (map_is_own(h->map, h->sbn, esi))
			result = fec_decoder_add(decoder, esi);
	for (uint32_t i = 0; result == 0 && i < h->count; i++)
		result = fec_decoder_add(decoder, h->symbol[i].esi);
	return result == CAROUSEL_E_LIMIT ? 0 : result;
}

/* Source symbols that are held, but in foreign places. */
static int decode_move_displaced(struct decode *d, struct decode_target *t)
{
	struct held *h = &d->held;
	size_t size = t->scratch.symbol_size;
	for (uint32_t i = 0; i < h->count; i++) {
		uint32_t esi = h->symbol[i].esi;
		int result;
		if (esi >= h->map->block[h->sbn].real)
			continue;
		result = held_read(h, esi, 0, size, h->buf);
		if (result == 0)
			result = scratch_write(&t->scratch, held_rank(h, esi), 0, size, h->buf);
		if (result)
			return result;
	}
	return 0;
}

/* What was solved in memory, to the scratch; displaced symbols are there. */
static int decode_keep_solved(struct decode *d, struct decode_target *t)
{
	struct held *h = &d->held;
	uint32_t number = 0, real = h->map->block[h->sbn].real;
	int result = 0;
	for (uint32_t place = 0; result == 0 && place < real; place++) {
		if (map_is_own(h->map, h->sbn, place))
			continue;
		if (held_find(h, place) == NULL)
			result = scratch_write(&t->scratch, number, 0, t->scratch.symbol_size, held_ram(h, place));
		number++;
	}
	return result;
}

static int decode_bytes(struct decode *d, struct decode_target *t, struct fec_decoder *decoder)
{
	/* Solved symbols go over what lies in their places. RaptorQ has then done with a strip; others have if they
	 * read it, but not where they look at it directly. */
	bool is_raptorq = geometry_block(d->held.io->geometry, d->held.sbn).encoding_id == FEC_RAPTORQ;
	const struct fec_symbols symbols = {
		t, is_raptorq ? decode_symbol_direct : NULL, decode_symbol_read, decode_symbol_write};
	int result = decode_move_displaced(d, t);
	held_read_begin(&d->held);
	if (result == 0)
		result = fec_decoder_apply(decoder, &symbols);
	if (result == 0 && d->held.ram)
		result = decode_keep_solved(d, t);
	return result ? result : scratch_flush(&t->scratch);
}

static int decode_solve(struct decode *d, struct decode_target *t, enum decode_outcome *outcome)
{
	struct fec_block block = geometry_block(d->held.io->geometry, d->held.sbn);
	struct fec_decoder *decoder;
	int result = fec_decoder_init(&decoder, d->decoder, d->decoder_bytes, &block, d->strip);
	if (result)
		return result;
	result = decode_tell(d, decoder);
	if (result == 0)
		result = fec_decoder_plan(decoder);
	if (result == CAROUSEL_E_NEED_MORE) {
		*outcome = DECODE_NEED_MORE;
		result = 0;
	} else if (result == 0 && !d->held.identities_only) {
		result = decode_bytes(d, t, decoder);
	}
	fec_decoder_deinit(decoder);
	return result;
}

/* The block's part of the BLOCK payload: all places own, with the sums of before. */
static void decode_describe(struct decode *d, const struct decode_block *b)
{
	const struct place_map *m = d->held.map;
	uint8_t *out = d->payload + b->payload;
	bytes_put_le32(out, b->sbn);
	bytes_put_le32(out + 4, b->is_verified ? JOURNAL_VERIFIED : 0);
	for (uint32_t i = 0; i < map_num_groups(m, b->sbn); i++) {
		const struct map_group *g = &m->group[b->sbn * m->group_stride + i];
		uint32_t own = b->outcome == DECODE_DONE ? map_group_mask(m, b->sbn, i) : g->own;
		bytes_put_le32(out + JOURNAL_BLOCK_BYTES + i * JOURNAL_GROUP_BYTES, own);
		bytes_put_le32(out + JOURNAL_BLOCK_BYTES + i * JOURNAL_GROUP_BYTES + 4, g->sum);
	}
}

static void decode_open_scratch(
	struct decode *d, uint64_t offset, uint32_t count, size_t width, struct scratch *scratch)
{
	scratch_init(scratch, d->held.io, offset, count, d->held.io->geometry->symbol_size, width);
}

static int decode_one(struct decode *d, struct decode_block *b)
{
	struct decode_target target = {.held = &d->held};
	const struct map_block *state = &d->held.map->block[b->sbn];
	int result;
	b->outcome = DECODE_DONE;
	d->held.meet_run = NULL;
	if (d->has_index && !d->held.identities_only)
		index_meet_block(&d->held);
	result = held_load(&d->held, b->sbn);
	if (result)
		return result;
	if (d->held.num_bad) {
		b->outcome = DECODE_DAMAGED;
		return 0;
	}
	decode_open_scratch(d, d->scratch_used, d->held.num_missing, d->width, &target.scratch);
	if (d->held.num_missing)
		result = decode_solve(d, &target, &b->outcome);
	if (result)
		return result;
	if (b->outcome == DECODE_NEED_MORE && state->real - d->held.num_missing + d->held.count < state->stored)
		b->outcome = DECODE_RESET;
	decode_describe(d, b);
	if (b->outcome != DECODE_DONE)
		return 0;
	if (d->held.identities_only)
		return 0;
	if (d->has_index) {
		result = index_check_block(&d->held, &target.scratch);
		if (result)
			return result;
		if (d->held.num_bad) {
			b->outcome = DECODE_DAMAGED;
			return 0;
		}
		b->is_verified = true;
		decode_describe(d, b);
	}
	b->num_missing = d->held.num_missing;
	result = decode_check_scratch(
		&d->held, b->sbn, &target.scratch, &b->copy_crc, d->payload + b->payload + JOURNAL_BLOCK_BYTES);
	d->scratch_used += (uint64_t)b->num_missing * d->held.io->geometry->symbol_size;
	return result;
}

/* ---- the jobs ----------------------------------------------------------------------------------- */

/* From here on the scratch counts: what it replaces may go. */
static int decode_commit_scratch(struct decode *d)
{
	struct held *h = &d->held;
	uint8_t copies[DECODE_BATCH * JOURNAL_COPY_BYTES];
	uint64_t offset = 0;
	size_t len = 0;
	/* What was received meanwhile first: that others wait for. */
	int result = journal_sync_data(h->journal, h->io);
	for (uint32_t i = 0; i < d->num_blocks; i++) {
		if (d->block[i].num_missing == 0)
			continue;
		bytes_put_le32(copies + len, d->block[i].sbn);
		bytes_put_le32(copies + len + 4, d->block[i].num_missing);
		bytes_put_le32(copies + len + 8, d->block[i].copy_crc);
		bytes_put_le32(copies + len + 12, (uint32_t)d->width);
		len += JOURNAL_COPY_BYTES;
	}
	if (result == 0)
		result = place_io_sync(h->io, RX_SCRATCH);
	if (result == 0)
		result = journal_append(h->journal, h->io, JOURNAL_COPY, copies, len);
	if (result == 0)
		result = place_io_sync(h->io, RX_JOURNAL);
	for (uint32_t i = 0; result == 0 && i < d->num_blocks; i++) {
		struct scratch scratch;
		decode_open_scratch(d, offset, d->block[i].num_missing, d->width, &scratch);
		result = decode_copy_block(h, d->block[i].sbn, &scratch);
		offset += (uint64_t)d->block[i].num_missing * h->io->geometry->symbol_size;
	}
	return result;
}

/* Blocks that are done, or start over with their own symbols, as records behind one sync of their data. */
static int decode_commit_blocks(struct decode *d)
{
	struct held *h = &d->held;
	size_t len = 0;
	int result;
	for (uint32_t i = 0; i < d->num_blocks; i++) {
		const struct decode_block *b = &d->block[i];
		size_t bytes = decode_payload_bytes(d, b->sbn);
		if (b->outcome != DECODE_DONE && b->outcome != DECODE_RESET)
			continue;
		memmove(d->payload + len, d->payload + b->payload, bytes);
		d->block[i].payload = len;
		len += bytes;
	}
	if (len == 0)
		return 0;
	result = journal_sync_data(h->journal, h->io);
	if (result == 0)
		result = journal_append(h->journal, h->io, JOURNAL_BLOCK, d->payload, len);
	/* No other job writes BLOCK records, and what else follows it is of other blocks. */
	d->block_sequence = journal_sequence(h->journal);
	return result ? result : place_io_sync(h->io, RX_JOURNAL);
}

int decode_run(struct decode *d)
{
	int result = 0;
	d->scratch_used = 0;
	bool is_damaged = false;
	for (uint32_t i = 0; result == 0 && i < d->num_blocks; i++) {
		/* What was found damaged must stay in memory until the map has learnt it. */
		if (is_damaged)
			d->block[i].outcome = DECODE_SKIPPED;
		else
			result = decode_one(d, &d->block[i]);
		is_damaged = d->block[i].outcome == DECODE_DAMAGED || is_damaged;
	}
	return result;
}

static bool decode_has(const struct decode *d, enum decode_outcome outcome)
{
	for (uint32_t i = 0; i < d->num_blocks; i++)
		if (d->block[i].outcome == outcome)
			return true;
	return false;
}

bool decode_syncs(const struct decode *d)
{
	return !d->held.identities_only && (decode_has(d, DECODE_DONE) || decode_has(d, DECODE_RESET));
}

bool decode_has_outcome(const struct decode *d)
{
	return decode_syncs(d) || (!d->held.identities_only && decode_has(d, DECODE_DAMAGED));
}

int decode_commit(struct decode *d)
{
	/* The block that is damaged is the last that was loaded. */
	int result = decode_has(d, DECODE_DAMAGED) ? held_drop(&d->held) : 0;
	if (result == 0 && d->scratch_used)
		result = decode_commit_scratch(d);
	return result ? result : decode_commit_blocks(d);
}

/* ---- afterwards --------------------------------------------------------------------------------- */

void decode_finish(struct decode *d, struct place_map *m)
{
	d->has_damage = false;
	for (uint32_t i = 0; i < d->num_blocks; i++) {
		const struct decode_block *b = &d->block[i];
		switch (b->outcome) {
		case DECODE_DONE:
		case DECODE_RESET:
			map_set_block(m, b->sbn, b->is_verified, d->payload + b->payload + JOURNAL_BLOCK_BYTES);
			m->block[b->sbn].reset_sequence = d->block_sequence;
			break;
		case DECODE_NEED_MORE:
			m->block[b->sbn].want = m->block[b->sbn].held + 1;
			break;
		case DECODE_DAMAGED:
			d->has_damage = true;
			held_forget(&d->held, m);
			m->block[b->sbn].wrong_edges = 0;
			break;
		case DECODE_SKIPPED:
			m->block[b->sbn].is_suspect = m->block[b->sbn].is_done;
			break;
		}
		map_thaw(m, b->sbn);
	}
	d->num_blocks = 0;
	d->payload_len = 0;
	d->scratch_used = 0;
}

int decode_recover(struct decode *d, const struct decode_copy *copy, uint32_t count)
{
	int result;
	for (uint32_t i = 0; i < count; i++) {
		const struct place_map *m = d->held.map;
		struct decode_block *b;
		struct scratch scratch;
		uint32_t crc = 0, sbn = copy[i].sbn;
		if (sbn >= m->geometry->blocks || m->block[sbn].is_done || d->num_blocks == DECODE_BATCH ||
			decode_payload_bytes(d, sbn) > JOURNAL_MAX_PAYLOAD - d->payload_len ||
			copy[i].num_missing != m->block[sbn].real - map_count_own(m, sbn))
			continue;
		decode_add(d, sbn);
		b = &d->block[d->num_blocks - 1];
		b->outcome = DECODE_DONE;
		decode_describe(d, b);
		decode_open_scratch(d, copy[i].offset, copy[i].num_missing, copy[i].width, &scratch);
		result = decode_check_scratch(
			&d->held, sbn, &scratch, &crc, d->payload + b->payload + JOURNAL_BLOCK_BYTES);
		if (result && result != CAROUSEL_E_NEED_MORE && !place_io_is_unreadable(result))
			return result;
		if (result || crc != copy[i].crc) {
			b->outcome = DECODE_SKIPPED;
			continue;
		}
		result = decode_copy_block(&d->held, sbn, &scratch);
		if (result)
			return result;
	}
	return decode_commit_blocks(d);
}
