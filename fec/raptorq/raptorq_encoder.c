#include "fec/raptorq/raptorq.h"

#include "common/carousel_error.h"

#include <string.h>

enum { BATCH = 256 };

struct raptorq_encoder {
	struct fec_encoder base;
	struct raptorq_params params;
	uint8_t *symbols; /* intermediate symbols, one every stride octets */
	size_t stride;
	/* Needed during init only. */
	unsigned lines;
	uint8_t *work;
	const uint8_t **data;
	uint16_t *slot_column;
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
	raptorq_arena_take(&a, 1, sizeof *e);
	e->symbols = raptorq_arena_take(&a, e->params.l, e->stride);
	e->data = raptorq_arena_take(&a, e->params.l, sizeof *e->data);
	e->slot_column = raptorq_arena_take(&a, e->params.l, sizeof *e->slot_column);
	e->work = raptorq_arena_take(&a, slots, e->lines * (size_t)GF256_LINE);
	return a.used;
}

size_t raptorq_encoder_bytes(const struct fec_block *block)
{
	struct raptorq_encoder e;
	if (raptorq_params_init(&e.params, block->num_source))
		return 0;
	return layout(&e, block, NULL);
}

/* The row of the i-th operation or check: its source symbol, or NONE for zeros; and where it may be staged. */
static uint32_t data_esi(const struct raptorq_encoder *e, const struct raptorq_program *prog, uint32_t i)
{
	const uint32_t row = i < prog->peeled ? prog->order_row[i] : prog->check_row[i - prog->peeled];
	return row < e->base.block.num_source ? row : RAPTORQ_NONE;
}

/* Points data at the source symbols; those that are not in memory, and all when the tail is wanted, are read into the
 * row of the intermediate symbol that takes the same slot: a tile of it is overwritten only after it was used. */
static int stage(struct raptorq_encoder *e, const struct raptorq_program *prog, const struct fec_symbols *source,
	size_t from, size_t len, bool tail)
{
	for (uint32_t i = 0; i < prog->peeled + prog->rank; i++) {
		const uint32_t esi = data_esi(e, prog, i);
		const uint8_t *direct = NULL;
		uint8_t *row = e->symbols + e->slot_column[i] * e->stride;
		e->data[i] = raptorq_zeros;
		if (esi == RAPTORQ_NONE)
			continue;
		if (source->direct)
			direct = source->direct(source->user, esi);
		e->data[i] = direct && !tail ? direct : row;
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

static void run_tile(struct raptorq_encoder *e, const struct raptorq_plan *plan, unsigned lines, size_t off)
{
	const uint16_t *slot = plan->program.column_slot;
	const size_t width = lines * (size_t)GF256_LINE;
	raptorq_replay(&e->params, &plan->program, gf256_kernels(), e->work, lines, e->data, off);
	for (uint32_t c = 0; c < e->params.l; c++)
		memcpy(e->symbols + c * e->stride + off, e->work + slot[c] * width, width);
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
	for (uint32_t c = 0; c < e->params.l; c++)
		e->slot_column[plan->program.column_slot[c]] = (uint16_t)c;
	error = stage(e, &plan->program, source, 0, whole, false);
	if (error)
		return error;
	for (size_t off = 0; off < whole;) {
		const unsigned lines = raptorq_next_lines(e->lines, whole - off);
		run_tile(e, plan, lines, off);
		off += lines * (size_t)GF256_LINE;
	}
	if (whole < size) {
		error = stage(e, &plan->program, source, whole, size - whole, true);
		if (error)
			return error;
		run_tile(e, plan, 1, whole);
	}
	*out = &e->base;
	return 0;
}

struct wanted {
	uint32_t first, step, num_source, padding;
};

static uint32_t wanted_isi(const void *user, uint32_t i)
{
	const struct wanted *w = user;
	const uint32_t esi = w->first + i * w->step;
	return esi < w->num_source ? esi : esi + w->padding;
}

static int make_batch(
	const struct raptorq_encoder *e, const struct wanted *w, uint32_t count, uint8_t *out, size_t stride)
{
	uint16_t sources[BATCH * (RAPTORQ_MAX_DEGREE + 3)], order[BATCH];
	uint8_t *dst[BATCH], tails[16][GF256_LINE];
	struct raptorq_batch b = {.sources = sources, .order = order};
	const size_t size = e->base.block.symbol_size, whole = size & ~(size_t)(GF256_LINE - 1);
	const struct gf256_kernels *k = gf256_kernels();
	struct gf256_gather g = {.base = e->symbols, .stride = e->stride, .sources = sources, .dst = dst};
	int error = raptorq_batch_init(&b, &e->params, NULL, count, sizeof sources / sizeof *sources, wanted_isi, w);
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
		const int error = make_batch(e, &w, n, out, stride);
		if (error)
			return error;
		w.first += n * step;
		out += n * stride;
		count -= n;
	}
	return 0;
}
