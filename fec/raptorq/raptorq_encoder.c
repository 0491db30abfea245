#include "fec/raptorq/raptorq.h"

#include "common/carousel_error.h"

#include <string.h>

/* Lines of source symbols that are brought near at once, when the block is large; intermediate symbols of more octets
 * than this are written past the caches. */
enum { BATCH = 256, STAGE_LINES = 2, PAST_CACHES_BYTES = 1 << 20 };

struct raptorq_encoder {
	struct fec_encoder base;
	struct raptorq_params params;
	const struct gf256_kernels *kernels;
	uint8_t *symbols; /* intermediate symbols, one every stride octets */
	size_t stride;
	/* Needed during init only. */
	unsigned lines, stage_lines;
	uint8_t *work, *stage;
	const uint8_t **rows; /* [K] source symbols */
	const uint8_t **data; /* [peeled + rank] of the operations and checks */
};

/* An odd number of lines, so that a column tile of all rows spreads over all sets of a cache. */
static size_t row_stride(size_t symbol_size)
{
	return ((symbol_size + GF256_LINE - 1) / GF256_LINE | 1) * GF256_LINE;
}

static size_t layout(struct raptorq_encoder *e, const struct fec_block *block, uint8_t *mem)
{
	struct raptorq_arena a = {mem, 0};
	const size_t slots = raptorq_replay_max_slots(&e->params);
	e->base = (struct fec_encoder){&fec_scheme_raptorq, *block};
	e->stride = row_stride(block->symbol_size);
	e->lines = raptorq_tile_lines(slots, e->stride);
	e->stage_lines = raptorq_wants_stage(slots) ? STAGE_LINES : 0;
	raptorq_arena_take(&a, 1, sizeof *e);
	e->symbols = raptorq_arena_take(&a, e->params.l, e->stride);
	e->rows = raptorq_arena_take(&a, block->num_source, sizeof *e->rows);
	e->data = raptorq_arena_take(&a, e->params.l, sizeof *e->data);
	e->work = raptorq_arena_take(&a, slots, e->lines * (size_t)GF256_LINE);
	e->stage = raptorq_arena_take(&a, e->params.l, e->stage_lines * (size_t)GF256_LINE);
	return a.used;
}

size_t raptorq_encoder_bytes(const struct fec_block *block)
{
	struct raptorq_encoder e;
	if (raptorq_params_init(&e.params, block->num_source))
		return 0;
	return layout(&e, block, NULL);
}

/* Points rows at the source symbols. Those that are not in memory, and the tails of all, are read into rows of the
 * intermediate symbols: a tile of these is written only after it was used. */
static int find_rows(struct raptorq_encoder *e, const struct fec_symbols *source, size_t from, size_t len, bool tail)
{
	const uint32_t k = e->base.block.num_source;
	for (uint32_t esi = 0; esi < k; esi++) {
		uint8_t *row = e->symbols + esi * e->stride;
		const uint8_t *direct = source->direct ? source->direct(source->user, esi) : NULL;
		e->rows[esi] = direct && !tail ? direct : row;
		if (tail)
			memset(row + from, 0, GF256_LINE);
		if (direct && tail) {
			memcpy(row + from, direct + from, len);
		} else if (!direct && len) {
			const int error = source->read(source->user, esi, from, len, row + from);
			if (error)
				return error;
		}
	}
	return 0;
}

/* Points data at the rows of the operations and checks. */
static void point_data(struct raptorq_encoder *e, const struct raptorq_program *prog)
{
	for (uint32_t i = 0; i < prog->peeled + prog->rank; i++) {
		const uint32_t row = i < prog->peeled ? prog->order_row[i] : prog->check_row[i - prog->peeled];
		e->data[i] = row < e->base.block.num_source ? e->rows[row] : raptorq_zeros;
	}
}

/* Computes columns [off, off + lines * 64), `lines` at a time as they fit the cache. What is staged lies in the order
 * of the operations. fresh: the rows are others than the last time. */
static void run_columns(
	struct raptorq_encoder *e, const struct raptorq_plan *plan, size_t off, unsigned lines, bool fresh)
{
	const struct gf256_kernels *k = e->kernels;
	const struct raptorq_program *prog = &plan->program;
	const size_t ops = prog->peeled + (size_t)prog->rank, size = e->params.l * e->stride;
	const unsigned tile = raptorq_next_lines(e->lines, lines * (size_t)GF256_LINE);
	const size_t width = tile * (size_t)GF256_LINE;
	if (e->stage_lines || fresh)
		point_data(e, prog);
	if (e->stage_lines) {
		k->spread(e->stage, ops * width, tile, e->data, ops, off, lines);
		for (size_t i = 0; i < ops; i++)
			e->data[i] = e->stage + i * width;
	}
	for (unsigned done = 0; done < lines; done += tile, off += width) {
		raptorq_replay(
			&e->params, prog, k, e->work, tile, e->data, e->stage_lines ? done / tile * ops * width : off);
		k->collect(e->symbols + off, e->stride, e->work, tile, prog->column_slot, e->params.l,
			size > PAST_CACHES_BYTES);
	}
}

int raptorq_encoder_init(struct fec_encoder **out, void *mem, size_t mem_bytes, const struct fec_plan *base,
	const struct fec_symbols *source)
{
	const struct raptorq_plan *plan = (const struct raptorq_plan *)(const void *)base;
	struct raptorq_encoder *e = mem;
	const size_t size = base->block.symbol_size, whole = size & ~(size_t)(GF256_LINE - 1);
	int error;
	if (mem_bytes < raptorq_encoder_bytes(&base->block) || (uintptr_t)mem % 64)
		return CAROUSEL_E_LIMIT;
	e->params = plan->params;
	layout(e, &base->block, mem);
	e->kernels = gf256_kernels();
	error = find_rows(e, source, 0, whole, false);
	if (error)
		return error;
	for (size_t off = 0; off < whole;) {
		const unsigned most = e->stage_lines ? e->stage_lines : e->lines;
		const unsigned lines = raptorq_next_lines(most, whole - off);
		run_columns(e, plan, off, lines, off == 0);
		off += lines * (size_t)GF256_LINE;
	}
	if (whole < size) {
		error = find_rows(e, source, whole, size - whole, true);
		if (error)
			return error;
		run_columns(e, plan, whole, 1, true);
	}
	*out = &e->base;
	return 0;
}

struct wanted {
	uint32_t first, step, num_source, padding;
};

static struct raptorq_tuple wanted_tuple(const void *user, uint32_t i)
{
	return ((const struct raptorq_tuple *)user)[i];
}

static uint32_t isi_of(const struct wanted *w, uint32_t i)
{
	const uint32_t esi = w->first + i * w->step;
	return esi < w->num_source ? esi : esi + w->padding;
}

/* One symbol, without the sorting of a batch. */
static void make_one(const struct raptorq_encoder *e, uint32_t isi, uint8_t *out)
{
	const size_t size = e->base.block.symbol_size, whole = size & ~(size_t)(GF256_LINE - 1);
	uint16_t sources[RAPTORQ_MAX_DEGREE + 3];
	uint8_t tail[GF256_LINE], *dst = out;
	struct raptorq_tuple t;
	struct gf256_run run = {0, 1};
	struct gf256_gather g = {
		.base = e->symbols, .stride = e->stride, .sources = sources, .dst = &dst, .runs = &run, .num_runs = 1};
	raptorq_tuple_init(&e->params, isi, &t);
	raptorq_rows_of(&e->params, &t, NULL, sources);
	run.arity = (uint16_t)raptorq_degree_of(&t);
	for (; g.off < whole; g.off = g.dst_off += g.lines * (size_t)GF256_LINE) {
		g.lines = raptorq_next_lines(GF256_MAX_LINES, whole - g.off);
		e->kernels->gather(&g);
	}
	if (whole < size) {
		g.lines = 1;
		g.dst_off = 0;
		dst = tail;
		e->kernels->gather(&g);
		memcpy(out + whole, tail, size - whole);
	}
}

static int make_batch(
	const struct raptorq_encoder *e, const struct wanted *w, uint32_t count, uint8_t *out, size_t stride)
{
	uint16_t sources[BATCH * (RAPTORQ_MAX_DEGREE + 3)], order[BATCH];
	uint8_t *dst[BATCH], tails[16][GF256_LINE];
	struct raptorq_batch b = {.sources = sources, .order = order};
	struct raptorq_tuple tuples[BATCH];
	const size_t size = e->base.block.symbol_size, whole = size & ~(size_t)(GF256_LINE - 1);
	const struct gf256_kernels *k = e->kernels;
	struct gf256_gather g = {.base = e->symbols, .stride = e->stride, .sources = sources, .dst = dst};
	int error;
	tuples[0] = (struct raptorq_tuple){0};
	for (uint32_t i = 0; i < count; i++)
		raptorq_tuple_init(&e->params, isi_of(w, i), &tuples[i]);
	error = raptorq_batch_init(&b, &e->params, NULL, count, sizeof sources / sizeof *sources, wanted_tuple, tuples);
	if (error)
		return error;
	for (uint32_t i = 0; i < count; i++)
		dst[i] = out + order[i] * stride;
	g.runs = b.runs;
	g.num_runs = b.num_runs;
	for (size_t off = 0; off < whole; off += g.lines * (size_t)GF256_LINE) {
		g.lines = raptorq_next_lines(GF256_MAX_LINES, whole - off);
		g.off = g.dst_off = off;
		k->gather(&g);
	}
	if (whole == size)
		return 0;
	g.lines = 1;
	g.off = whole;
	g.dst_off = 0;
	for (uint32_t r = 0, done = 0; r < b.num_runs; r++)
		for (uint32_t left = b.runs[r].count, n; left; left -= n, done += n) {
			const struct gf256_run part = {b.runs[r].arity, (uint16_t)(left < 16 ? left : 16)};
			n = part.count;
			for (uint32_t i = 0; i < n; i++)
				dst[i] = tails[i];
			g.runs = &part;
			g.num_runs = 1;
			k->gather(&g);
			g.sources += n * (size_t)part.arity;
			for (uint32_t i = 0; i < n; i++)
				memcpy(out + order[done + i] * stride + whole, tails[i], size - whole);
		}
	return 0;
}

int raptorq_encoder_symbols(
	const struct fec_encoder *base, uint32_t first, uint32_t step, uint32_t count, uint8_t *out, size_t stride)
{
	const struct raptorq_encoder *e = (const struct raptorq_encoder *)(const void *)base;
	const struct fec_block *block = &base->block;
	struct wanted w = {first, step, block->num_source, e->params.k_prime - block->num_source};
	if (stride < block->symbol_size)
		return CAROUSEL_E_ARGUMENT;
	if (count && (first >= block->esi_limit || (uint64_t)first + (uint64_t)(count - 1) * step >= block->esi_limit))
		return CAROUSEL_E_SYMBOL;
	while (count) {
		const uint32_t n = count < BATCH ? count : BATCH;
		int error = 0;
		if (n == 1)
			make_one(e, isi_of(&w, 0), out);
		else
			error = make_batch(e, &w, n, out, stride);
		if (error)
			return error;
		w.first += n * step;
		out += n * stride;
		count -= n;
	}
	return 0;
}
