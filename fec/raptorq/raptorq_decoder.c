#include "fec/raptorq/raptorq.h"

#include "common/carousel_error.h"

#include <string.h>

/* Symbols that a decoder takes beyond K; strip that holds no payload; outputs made at once. */
enum { EXTRA_SYMBOLS = 64, IDENTITY_STRIP = 1, OUTPUTS = 64 };
/* Octets of a symbol that are moved at once at most, and when symbols are in memory; rows that are moved at once. */
enum { MAX_STRIP = 4096, NEAR_STRIP = 512, ROWS = 256 };

struct raptorq_decoder {
	struct fec_decoder base;
	struct raptorq_params params;
	uint32_t padding;     /* K' - K: the first rows */
	uint32_t count;       /* symbols held, in order of arrival */
	uint32_t held_source; /* of which source symbols */
	uint32_t sum_degrees; /* of all rows */
	uint32_t hash_mask;
	bool planned;
	uint32_t num_missing;
	uint32_t *esi;     /* [K + EXTRA_SYMBOLS] */
	uint16_t *hash;    /* open addressing: index into esi, or RAPTORQ_NONE */
	uint32_t *missing; /* [K], ascending */
	struct raptorq_tuple *tuples;
	struct raptorq_build build;
	/* After planning, in the place of tuples and the dense part. */
	const uint8_t **data;
	uint16_t *output_sources, *output_order;
	size_t max_output_sources;
	struct raptorq_batch outputs;
	/* Payload. Until planned it is the build's scratch. */
	unsigned lines;
	size_t stage_width;
	uint8_t *work, *stage;
};

static size_t round_up(size_t n)
{
	return (n + GF256_LINE - 1) & ~(size_t)(GF256_LINE - 1);
}

/* What of the strip is for staged symbols and what for the work area. */
static void divide_strip(struct raptorq_decoder *d, size_t slots, size_t strip)
{
	size_t width = round_up(strip ? strip : d->base.block.symbol_size);
	const size_t symbol = round_up(d->base.block.symbol_size);
	if (width > symbol + GF256_LINE)
		width = symbol + GF256_LINE;
	if (width > MAX_STRIP)
		width = MAX_STRIP;
	d->lines = width >= 1024 ? raptorq_tile_lines(slots, symbol) : 1;
	d->stage_width = width > d->lines * (size_t)GF256_LINE ? width - d->lines * (size_t)GF256_LINE : GF256_LINE;
}

static void layout_late(struct raptorq_decoder *d, struct raptorq_arena *a)
{
	const uint32_t k = d->base.block.num_source;
	d->max_output_sources = raptorq_max_entries(k) + 3 * (size_t)k;
	d->data = raptorq_arena_take(a, d->params.l, sizeof *d->data);
	d->output_sources = raptorq_arena_take(a, d->max_output_sources, sizeof *d->output_sources);
	d->output_order = raptorq_arena_take(a, k, sizeof *d->output_order);
}

static size_t layout(struct raptorq_decoder *d, const struct fec_block *block, size_t strip, uint8_t *mem)
{
	struct raptorq_arena a = {mem, 0}, late, scratch;
	const uint32_t k = block->num_source, max_symbols = k + EXTRA_SYMBOLS;
	const size_t slots = raptorq_replay_max_slots(&d->params);
	d->base = (struct fec_decoder){&fec_scheme_raptorq, *block};
	d->padding = d->params.k_prime - k;
	for (d->hash_mask = 127; d->hash_mask < 2 * max_symbols - 1;)
		d->hash_mask = d->hash_mask * 2 + 1;
	raptorq_arena_take(&a, 1, sizeof *d);
	d->esi = raptorq_arena_take(&a, max_symbols, sizeof *d->esi);
	d->hash = raptorq_arena_take(&a, d->hash_mask + (size_t)1, sizeof *d->hash);
	d->missing = raptorq_arena_take(&a, k, sizeof *d->missing);
	d->build.params = &d->params;
	d->build.max_rows = d->params.k_prime + EXTRA_SYMBOLS;
	d->build.symbolic_bytes = strip == IDENTITY_STRIP ? 8 : GF256_LINE;
	raptorq_build_layout(&d->build, &a);
	late = a;
	layout_late(d, &late);
	raptorq_build_layout_dense(&d->build, &a);
	d->tuples = raptorq_arena_take(&a, d->build.max_rows, sizeof *d->tuples);
	if (late.used > a.used)
		a.used = late.used;
	scratch = a;
	raptorq_build_layout_scratch(&d->build, &scratch);
	if (strip != IDENTITY_STRIP) {
		divide_strip(d, slots, strip);
		d->work = raptorq_arena_take(&a, slots, d->lines * (size_t)GF256_LINE);
		d->stage = raptorq_arena_take(&a, max_symbols + (size_t)1, d->stage_width);
	}
	return scratch.used > a.used ? scratch.used : a.used;
}

size_t raptorq_decoder_bytes(const struct fec_block *block, size_t strip)
{
	struct raptorq_decoder d = {.lines = 0};
	if (raptorq_params_init(&d.params, block->num_source))
		return 0;
	return layout(&d, block, strip, NULL);
}

int raptorq_decoder_init(
	struct fec_decoder **out, void *mem, size_t mem_bytes, const struct fec_block *block, size_t strip)
{
	struct raptorq_decoder *d = mem;
	const size_t need = raptorq_decoder_bytes(block, strip);
	if (need == 0)
		return CAROUSEL_E_OTI;
	if (mem_bytes < need || (uintptr_t)mem % 64)
		return CAROUSEL_E_LIMIT;
	memset(d, 0, sizeof *d);
	raptorq_params_init(&d->params, block->num_source);
	layout(d, block, strip, mem);
	d->build.kernels = gf256_kernels();
	d->build.tuples = d->tuples;
	memset(d->hash, 0xff, (d->hash_mask + (size_t)1) * sizeof *d->hash);
	for (uint32_t i = 0; i < d->padding; i++) {
		raptorq_tuple_init(&d->params, block->num_source + i, &d->tuples[i]);
		d->sum_degrees += d->tuples[i].d;
	}
	*out = &d->base;
	return 0;
}

static struct raptorq_decoder *decoder_of(struct fec_decoder *base)
{
	return (struct raptorq_decoder *)(void *)base;
}

/* ---- identities ---------------------------------------------------------------------------------------- */

/* The place of esi in the hash table: where it is, or where it would go. */
static uint32_t hash_place(const struct raptorq_decoder *d, uint32_t esi)
{
	uint32_t at = (uint32_t)(esi * UINT64_C(0x9e3779b97f4a7c15) >> 40) & d->hash_mask;
	while (d->hash[at] != RAPTORQ_NONE && d->esi[d->hash[at]] != esi)
		at = (at + 1) & d->hash_mask;
	return at;
}

int raptorq_decoder_add(struct fec_decoder *base, uint32_t esi)
{
	struct raptorq_decoder *d = decoder_of(base);
	const uint32_t k = base->block.num_source;
	struct raptorq_tuple t;
	uint32_t at;
	if (esi >= base->block.esi_limit)
		return CAROUSEL_E_SYMBOL;
	at = hash_place(d, esi);
	if (d->hash[at] != RAPTORQ_NONE)
		return CAROUSEL_E_DUPLICATE;
	if (d->count == k + EXTRA_SYMBOLS)
		return CAROUSEL_E_LIMIT;
	if (!d->planned) {
		raptorq_tuple_init(&d->params, esi < k ? esi : esi + d->padding, &t);
		if (d->sum_degrees + t.d > d->build.max_entries)
			return CAROUSEL_E_LIMIT;
		d->sum_degrees += t.d;
		d->tuples[d->padding + d->count] = t;
	}
	d->hash[at] = (uint16_t)d->count;
	d->esi[d->count++] = esi;
	d->held_source += esi < k;
	return 0;
}

uint32_t raptorq_decoder_count(const struct fec_decoder *base)
{
	return ((const struct raptorq_decoder *)(const void *)base)->count;
}

static int make_outputs(struct raptorq_decoder *d);

static void find_missing(struct raptorq_decoder *d)
{
	d->num_missing = 0;
	for (uint32_t esi = 0; esi < d->base.block.num_source; esi++)
		if (d->hash[hash_place(d, esi)] == RAPTORQ_NONE)
			d->missing[d->num_missing++] = esi;
}

int raptorq_decoder_plan(struct fec_decoder *base)
{
	struct raptorq_decoder *d = decoder_of(base);
	const uint32_t k = base->block.num_source;
	int error;
	if (d->planned)
		return 0;
	if (d->count < k)
		return CAROUSEL_E_NEED_MORE;
	if (d->held_source < k) {
		if (d->build.rows_done == d->padding + d->count)
			return CAROUSEL_E_NEED_MORE;
		error = raptorq_build_run(&d->build, d->padding + d->count);
		if (error)
			return error;
		find_missing(d);
		error = make_outputs(d);
		if (error)
			return error;
	}
	d->planned = true;
	return 0;
}

const uint32_t *raptorq_decoder_missing(const struct fec_decoder *base, uint32_t *count)
{
	const struct raptorq_decoder *d = (const struct raptorq_decoder *)(const void *)base;
	*count = d->num_missing;
	return d->missing;
}

/* ---- bytes ----------------------------------------------------------------------------------------------- */

static struct raptorq_tuple missing_tuple(const void *user, uint32_t i)
{
	const struct raptorq_decoder *d = user;
	struct raptorq_tuple t;
	raptorq_tuple_init(&d->params, d->missing[i], &t);
	return t;
}

static int make_outputs(struct raptorq_decoder *d)
{
	d->outputs.sources = d->output_sources;
	d->outputs.order = d->output_order;
	return raptorq_batch_init(&d->outputs, &d->params, d->build.program.column_slot, d->num_missing,
		d->max_output_sources, missing_tuple, d);
}

/* The symbol index of an operation's or check's row, or RAPTORQ_NONE for zeros. */
static uint32_t data_index(const struct raptorq_decoder *d, uint32_t i)
{
	const struct raptorq_program *prog = &d->build.program;
	const uint32_t row = i < prog->peeled ? prog->order_row[i] : prog->check_row[i - prog->peeled];
	return row < d->padding || row >= d->build.max_rows ? RAPTORQ_NONE : row - d->padding;
}

struct strip {
	const struct fec_symbols *symbols;
	size_t from, len; /* octets of the symbols */
	unsigned lines;   /* of a tile; a whole number of tiles make the strip, rounded up to lines */
	size_t tile_step; /* octets from a tile of the stage to the next */
	enum { STRAIGHT, IN_ORDER, COPIED } how;
};

/* How symbols come to a strip's operations: straight from memory; through the stage in the order of the operations; or
 * read into the stage in the order of arrival, with a row of zeros after them. */
static const uint8_t *direct_of(const struct strip *s, uint32_t esi)
{
	return s->symbols->direct ? s->symbols->direct(s->symbols->user, esi) : NULL;
}

static int read_symbols(struct raptorq_decoder *d, const struct strip *s)
{
	const uint32_t held = d->build.rows_done - d->padding;
	const size_t width = s->lines * (size_t)GF256_LINE;
	const unsigned lines = (unsigned)(round_up(s->len) / GF256_LINE);
	uint8_t copy[MAX_STRIP];
	const uint8_t *row = copy;
	memset(copy, 0, round_up(s->len));
	d->build.kernels->spread(d->stage + held * width, s->tile_step, s->lines, &row, 1, 0, lines);
	for (uint32_t i = 0; i < held; i++) {
		const uint8_t *direct = direct_of(s, d->esi[i]);
		if (direct) {
			memcpy(copy, direct + s->from, s->len);
		} else {
			const int error = s->symbols->read(s->symbols->user, d->esi[i], s->from, s->len, copy);
			if (error)
				return error;
		}
		d->build.kernels->spread(d->stage + i * width, s->tile_step, s->lines, &row, 1, 0, lines);
	}
	return 0;
}

/* Points data at what the strip's first tile is made of. */
static int prepare_data(struct raptorq_decoder *d, const struct strip *s)
{
	const struct raptorq_program *prog = &d->build.program;
	const uint32_t held = d->build.rows_done - d->padding, ops = prog->peeled + prog->rank;
	const size_t width = s->lines * (size_t)GF256_LINE;
	if (s->how == COPIED) {
		const int error = read_symbols(d, s);
		if (error)
			return error;
	}
	for (uint32_t i = 0; i < ops; i++) {
		const uint32_t index = data_index(d, i);
		if (s->how == COPIED)
			d->data[i] = d->stage + (index == RAPTORQ_NONE ? held : index) * width;
		else
			d->data[i] = index == RAPTORQ_NONE ? raptorq_zeros : direct_of(s, d->esi[index]) + s->from;
	}
	if (s->how != IN_ORDER)
		return 0;
	d->build.kernels->spread(d->stage, s->tile_step, s->lines, d->data, ops, 0, (unsigned)(s->len / GF256_LINE));
	for (uint32_t i = 0; i < ops; i++)
		d->data[i] = d->stage + i * width;
	return 0;
}

/* Makes the missing symbols' tile, `at` octets into the strip: into the stage, whose columns there have served, or
 * straight into the symbols. */
static int output_tile(struct raptorq_decoder *d, const struct strip *s, size_t at)
{
	const size_t width = s->lines * (size_t)GF256_LINE;
	uint8_t *const tables = d->work + (raptorq_replay_slots(&d->build.program) - OUTPUTS) * width;
	uint8_t *const staged = d->stage + at / width * s->tile_step;
	struct gf256_gather g = {.base = d->work, .stride = width, .lines = s->lines, .num_runs = 1};
	uint32_t done = 0;
	g.sources = d->output_sources;
	for (size_t r = 0; r < d->outputs.num_runs; r++)
		for (uint32_t left = d->outputs.runs[r].count, n; left; left -= n, done += n) {
			const struct gf256_run run = {
				d->outputs.runs[r].arity, (uint16_t)(left < OUTPUTS ? left : OUTPUTS)};
			uint8_t *dst[OUTPUTS];
			n = run.count;
			for (uint32_t i = 0; i < n; i++)
				dst[i] = s->how != STRAIGHT ? staged + (done + i) * width : tables + i * width;
			g.dst = dst;
			g.runs = &run;
			d->build.kernels->gather(&g);
			g.sources += n * (size_t)run.arity;
			for (uint32_t i = 0; i < n && s->how == STRAIGHT; i++) {
				const uint32_t esi = d->missing[d->output_order[done + i]];
				const int error = s->symbols->write(s->symbols->user, esi, s->from + at, width, dst[i]);
				if (error)
					return error;
			}
		}
	return 0;
}

/* Puts the tiles of every missing symbol together and writes its strip. */
static int write_stage(struct raptorq_decoder *d, const struct strip *s)
{
	const size_t width = s->lines * (size_t)GF256_LINE;
	uint8_t copy[MAX_STRIP];
	for (uint32_t i = 0; i < d->num_missing; i++) {
		int error;
		for (size_t at = 0; at < s->len; at += width)
			memcpy(copy + at, d->stage + at / width * s->tile_step + i * width, width);
		error = s->symbols->write(s->symbols->user, d->missing[d->output_order[i]], s->from, s->len, copy);
		if (error)
			return error;
	}
	return 0;
}

static int run_strip(struct raptorq_decoder *d, const struct strip *s)
{
	const size_t width = s->lines * (size_t)GF256_LINE;
	int error = prepare_data(d, s);
	for (size_t at = 0; at < s->len && error == 0; at += width) {
		raptorq_replay(&d->params, &d->build.program, d->build.kernels, d->work, s->lines, d->data,
			s->how == STRAIGHT ? at : at / width * s->tile_step);
		error = output_tile(d, s, at);
	}
	return error == 0 && s->how != STRAIGHT ? write_stage(d, s) : error;
}

/* How wide the strip at s->from is, and how it is brought near. */
static void size_strip(const struct raptorq_decoder *d, bool all_direct, struct strip *s)
{
	const struct raptorq_program *prog = &d->build.program;
	const size_t left = d->base.block.symbol_size - s->from;
	const size_t room = (d->base.block.num_source + EXTRA_SYMBOLS + (size_t)1) * d->stage_width;
	size_t most = left, rows = d->build.rows_done - d->padding + (size_t)1;
	s->how = !all_direct || left < GF256_LINE ? COPIED : raptorq_wants_stage(d->params.l) ? IN_ORDER : STRAIGHT;
	if (s->how == COPIED && most > d->stage_width)
		most = d->stage_width;
	if (s->how == IN_ORDER) {
		rows = prog->peeled + prog->rank;
		if (most > NEAR_STRIP)
			most = NEAR_STRIP;
		if (most > room / rows)
			most = room / rows;
		if (most < GF256_LINE) {
			s->how = STRAIGHT;
			most = GF256_LINE;
		}
	}
	s->lines = left < GF256_LINE ? 1 : raptorq_next_lines(d->lines, most);
	s->len = most / (s->lines * (size_t)GF256_LINE) * (s->lines * (size_t)GF256_LINE);
	if (s->len == 0)
		s->len = left;
	s->tile_step = rows * s->lines * GF256_LINE;
}

int raptorq_decoder_apply(struct fec_decoder *base, const struct fec_symbols *symbols)
{
	struct raptorq_decoder *d = decoder_of(base);
	struct strip s = {.symbols = symbols};
	bool all_direct = true;
	if (d->lines == 0)
		return CAROUSEL_E_UNSUPPORTED;
	if (!d->planned)
		return CAROUSEL_E_NEED_MORE;
	if (d->num_missing == 0)
		return 0;
	for (uint32_t i = 0; all_direct && i < d->build.rows_done - d->padding; i++)
		all_direct = direct_of(&s, d->esi[i]) != NULL;
	for (s.from = 0; s.from < base->block.symbol_size; s.from += s.len) {
		int error;
		size_strip(d, all_direct, &s);
		error = run_strip(d, &s);
		if (error)
			return error;
	}
	return 0;
}
