#include "fec/raptorq/raptorq_dense.h"

#include "common/carousel_error.h"

#include <string.h>

static uint32_t first_bit(const uint8_t *row, uint32_t bits)
{
	for (uint32_t i = 0; i < bits; i += 64) {
		uint64_t word;
		memcpy(&word, row + i / 8, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
		word = __builtin_bswap64(word);
#endif
		if (word)
			return i + (uint32_t)__builtin_ctzll(word);
	}
	return bits;
}

void raptorq_dense_insert(struct raptorq_build *b, uint32_t count)
{
	struct raptorq_program *prog = &b->program;
	const size_t row_bytes = 2 * b->dense_half;
	const uint32_t first = prog->rank;
	for (uint32_t c = 0; c < count && prog->rank < prog->inactive; c++) {
		uint8_t *row = raptorq_dense_row(b, prog->rank);
		uint32_t column;
		if (first + c != prog->rank)
			memcpy(row, raptorq_dense_row(b, first + c), row_bytes);
		for (uint32_t i = 0; i < prog->rank; i++)
			if (raptorq_dense_has(row, b->pivot[i]))
				b->kernels->add(row, raptorq_dense_row(b, i), row_bytes);
		column = first_bit(row, prog->inactive);
		if (column == prog->inactive)
			continue;
		raptorq_dense_flip(row + b->dense_half, prog->rank);
		for (uint32_t i = 0; i < prog->rank; i++)
			if (raptorq_dense_has(raptorq_dense_row(b, i), column))
				b->kernels->add(raptorq_dense_row(b, i), row, row_bytes);
		prog->check_row[prog->rank] = prog->check_row[first + c];
		b->pivot[prog->rank++] = (uint16_t)column;
	}
}

/* ---- HDPC ------------------------------------------------------------------------------------------ */

struct weights {
	uint64_t half[2]; /* octet h: coefficient in HDPC row h */
};

static inline void add_weights(struct weights *to, const struct weights *from)
{
	to->half[0] ^= from->half[0];
	to->half[1] ^= from->half[1];
}

static inline uint64_t twice(uint64_t x)
{
	return (x << 1 & 0xfefefefefefefefeu) ^ (x >> 7 & 0x0101010101010101u) * 0x1d;
}

/* G_HDPC = MT * GAMMA, column by column from the last: each is alpha times the next, plus MT's column. */
static void hdpc_columns(const struct raptorq_build *b, struct weights *w)
{
	const struct raptorq_params *p = b->params;
	const uint32_t n = p->k_prime + p->s;
	struct weights g = {{0, 0}};
	for (uint32_t h = 0; h < p->h; h++)
		g.half[h / 8] ^= (uint64_t)gf256_exp[h] << h % 8 * 8;
	for (uint32_t j = n; j-- > 0;) {
		if (j != n - 1) {
			const uint32_t one = b->pairs[j] & 15, two = b->pairs[j] >> 4;
			g.half[0] = twice(g.half[0]);
			g.half[1] = twice(g.half[1]);
			g.half[one / 8] ^= (uint64_t)1 << one % 8 * 8;
			g.half[two / 8] ^= (uint64_t)1 << two % 8 * 8;
		}
		w[b->program.column_slot[j]] = g;
	}
}

void raptorq_dense_hdpc(struct raptorq_build *b, uint8_t *scratch)
{
	const struct raptorq_params *p = b->params;
	const struct raptorq_program *prog = &b->program;
	struct weights *w = (struct weights *)(void *)scratch;
	const uint16_t *source = prog->sources + prog->num_sources;
	uint32_t op = prog->peeled;
	memset(w + prog->peeled, 0, (prog->inactive + 1) * sizeof *w);
	hdpc_columns(b, w);
	for (uint32_t r = prog->num_runs; r-- > 0;)
		for (uint32_t n = prog->runs[r].count; n; n--) {
			const struct weights *own = &w[--op];
			const uint16_t *pi = prog->pi + 3 * (size_t)op;
			for (unsigned a = prog->runs[r].arity; a; a--)
				add_weights(&w[*--source], own);
			add_weights(&w[pi[0]], own);
			add_weights(&w[pi[1]], own);
			add_weights(&w[pi[2]], own);
		}
	for (uint32_t v = 0; v < prog->inactive; v++)
		for (uint32_t h = 0; h < p->h; h++)
			b->hdpc[h * (size_t)b->max_inactive + v] =
				(uint8_t)(w[prog->peeled + v].half[h / 8] >> h % 8 * 8);
	for (uint32_t h = 0; h < p->h; h++)
		b->hdpc[h * (size_t)b->max_inactive + p->u + h] ^= 1;
}

/* Gauss-Jordan of the H x width matrix on its first `columns` columns; pivots end up in the first rows. */
static int solve_free(const struct raptorq_build *b, uint8_t *rows, size_t width, uint32_t columns)
{
	const uint32_t h = b->params->h;
	for (uint32_t c = 0; c < columns; c++) {
		uint32_t found = c;
		uint8_t *pivot = rows + c * width;
		while (found < h && rows[found * width + c] == 0)
			found++;
		if (found == h)
			return CAROUSEL_E_NEED_MORE;
		if (found != c)
			b->kernels->add(pivot, rows + found * width, width);
		b->kernels->mul(pivot, pivot, gf256_inv(pivot[c]), width);
		for (uint32_t r = 0; r < h; r++)
			if (r != c && rows[r * width + c])
				b->kernels->mad(rows + r * width, pivot, rows[r * width + c], width);
	}
	return 0;
}

/* Which inactive columns no check determines; how many. */
static uint32_t free_columns(const struct raptorq_build *b, uint16_t free_column[RAPTORQ_MAX_H], uint8_t *is_pivot)
{
	uint32_t count = 0;
	memset(is_pivot, 0, b->program.inactive);
	for (uint32_t i = 0; i < b->program.rank; i++)
		is_pivot[b->pivot[i]] = 1;
	for (uint32_t v = 0; v < b->program.inactive; v++)
		if (!is_pivot[v]) {
			if (count < RAPTORQ_MAX_H)
				free_column[count] = (uint16_t)v;
			count++;
		}
	return count;
}

static void write_inverse(struct raptorq_build *b, const uint16_t *free_column)
{
	struct raptorq_program *prog = &b->program;
	const uint32_t words = (prog->rank + 15) / 16;
	memset(prog->inverse, 0, (size_t)words * prog->inactive * sizeof *prog->inverse);
	memset(prog->open, 0, prog->inactive * sizeof *prog->open);
	for (uint32_t i = 0; i < prog->rank; i++) {
		const uint8_t *row = raptorq_dense_row(b, i), *sums = row + b->dense_half;
		for (uint32_t w = 0; w < words; w++)
			prog->inverse[(size_t)w * prog->inactive + b->pivot[i]] =
				(uint16_t)(sums[2 * w] | sums[2 * w + 1] << 8);
		for (uint32_t k = 0; k < prog->num_free; k++)
			if (raptorq_dense_has(row, free_column[k]))
				prog->open[b->pivot[i]] |= (uint16_t)(1u << k);
	}
	for (uint32_t k = 0; k < prog->num_free; k++)
		prog->open[free_column[k]] = (uint16_t)(1u << k);
}

/* One row of the inverse as octets 0 and 1. */
static void expand_bits(const uint8_t *bits, uint32_t count, uint8_t *out)
{
	for (uint32_t i = 0; i < count; i++)
		out[i] = raptorq_dense_has(bits, i);
}

/* Rows of octets are padded to whole vectors. */
static size_t padded(size_t octets)
{
	return (octets + 63) & ~(size_t)63;
}

size_t raptorq_dense_scratch(uint32_t inactive)
{
	return padded(inactive) * (2 + RAPTORQ_MAX_H) + RAPTORQ_MAX_H * padded(2 * (size_t)RAPTORQ_MAX_H + inactive);
}

/* Free columns from checks and HDPC sums: what they take from solved columns is taken from these columns' checks. */
static void write_hdpc_inverse(struct raptorq_build *b, const uint8_t *rows, size_t width, uint8_t *expanded)
{
	struct raptorq_program *prog = &b->program;
	const uint32_t h = b->params->h, n = prog->rank + h;
	const size_t pad = padded(prog->rank);
	uint8_t *sums = expanded + pad;
	memset(expanded, 0, pad * (1 + prog->num_free));
	for (uint32_t i = 0; i < prog->rank; i++) {
		expand_bits(raptorq_dense_row(b, i) + b->dense_half, prog->rank, expanded);
		for (uint32_t k = 0; k < prog->num_free; k++) {
			const uint8_t c = rows[k * width + prog->num_free + RAPTORQ_MAX_H + b->pivot[i]];
			if (c)
				b->kernels->mad(sums + k * pad, expanded, c, pad);
		}
	}
	for (uint32_t k = 0; k < prog->num_free; k++) {
		memcpy(prog->hdpc_inverse + k * (size_t)n, sums + k * pad, prog->rank);
		memcpy(prog->hdpc_inverse + k * (size_t)n + prog->rank, rows + k * width + prog->num_free, h);
	}
}

int raptorq_dense_finish(struct raptorq_build *b)
{
	struct raptorq_program *prog = &b->program;
	const uint32_t h = b->params->h;
	uint16_t free_column[RAPTORQ_MAX_H];
	/* Rows of [Hf | I | H over the solved columns]: the first num_free columns are solved for. */
	uint8_t *is_pivot = b->scratch, *rows = is_pivot + padded(prog->inactive), *expanded;
	size_t width;
	int error;
	prog->num_free = free_columns(b, free_column, is_pivot);
	if (prog->num_free > h)
		return CAROUSEL_E_NEED_MORE;
	width = padded(prog->num_free + RAPTORQ_MAX_H + prog->inactive);
	expanded = rows + h * width;
	memset(rows, 0, h * width);
	for (uint32_t r = 0; r < h; r++) {
		const uint8_t *from = b->hdpc + r * (size_t)b->max_inactive;
		uint8_t *row = rows + r * width, *tail = row + prog->num_free + RAPTORQ_MAX_H;
		row[prog->num_free + r] = 1;
		for (uint32_t v = 0; v < prog->inactive; v++)
			tail[v] = is_pivot[v] ? from[v] : 0;
		for (uint32_t k = 0; k < prog->num_free; k++) {
			row[k] = from[free_column[k]];
			for (uint32_t i = 0; i < prog->rank; i++)
				if (raptorq_dense_has(raptorq_dense_row(b, i), free_column[k]))
					row[k] ^= from[b->pivot[i]];
		}
	}
	error = solve_free(b, rows, width, prog->num_free);
	if (error)
		return error;
	write_hdpc_inverse(b, rows, width, expanded);
	write_inverse(b, free_column);
	return 0;
}
