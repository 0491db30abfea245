#include "fec/raptorq/raptorq_program.h"

#include "common/bytes.h"
#include "common/carousel_error.h"
#include "fec/raptorq/raptorq_dense.h"

#include <string.h>

enum { EXTRA_CHECKS = 64, MAX_LDPC_COLUMNS = 256 };

uint32_t raptorq_max_entries(uint32_t rows)
{
	/* The mean LT degree is 4.82, its deviation 4.9: this is dozens of deviations away for any number of rows. */
	const uint64_t usual = rows * (uint64_t)52 / 10 + 8192, most = rows * (uint64_t)RAPTORQ_MAX_DEGREE;
	return (uint32_t)(usual < most ? usual : most);
}

uint32_t raptorq_max_inactive(const struct raptorq_params *p)
{
	uint32_t root = 1;
	while (root * root < p->k_prime)
		root++;
	root = p->p + 64 + 2 * root;
	return root < p->l ? root : p->l;
}

/* Words of bits over the inactive columns, whole symbolic chunks of them. */
static uint32_t combined_words(uint32_t inactive)
{
	return (inactive + 511) / 512 * 32;
}

void raptorq_build_layout(struct raptorq_build *b, struct raptorq_arena *a)
{
	const struct raptorq_params *p = b->params;
	struct raptorq_program *prog = &b->program;
	const uint32_t inactive = raptorq_max_inactive(p), checks = inactive + EXTRA_CHECKS;
	b->max_entries = raptorq_max_entries(b->max_rows);
	b->max_inactive = inactive;
	b->dense_half = ((checks + 7) / 8 + 63) & ~(size_t)63;
	prog->order_row = raptorq_arena_take(a, p->w, 2);
	prog->column_slot = raptorq_arena_take(a, p->l, 2);
	prog->runs = raptorq_arena_take(a, p->w, sizeof *prog->runs);
	prog->sources = raptorq_arena_take(a, b->max_entries + 3 * p->b + p->s, 2);
	prog->pi = raptorq_arena_take(a, 3 * (size_t)p->w, 2);
	b->pairs = raptorq_arena_take(a, p->k_prime + p->s, 1);
	prog->check_runs = raptorq_arena_take(a, checks, sizeof *prog->check_runs);
	prog->check_row = raptorq_arena_take(a, checks, 2);
	prog->open = raptorq_arena_take(a, inactive, 2);
	prog->inverse = raptorq_arena_take(a, (inactive + 15) / 16 * (size_t)inactive, 2);
	prog->combined_slot = raptorq_arena_take(a, p->s, 2);
	prog->combined_bits = raptorq_arena_take(a, p->s * (size_t)combined_words(inactive), 2);
	prog->hdpc_inverse = raptorq_arena_take(a, p->h * (RAPTORQ_MAX_H + (size_t)inactive), 1);
}

void raptorq_build_layout_dense(struct raptorq_build *b, struct raptorq_arena *a)
{
	const uint32_t checks = b->max_inactive + EXTRA_CHECKS;
	b->pivot = raptorq_arena_take(a, checks, 2);
	b->hdpc = raptorq_arena_take(a, b->params->h * (size_t)b->max_inactive, 1);
	b->dense = raptorq_arena_take(a, checks, 2 * b->dense_half);
}

void raptorq_build_layout_scratch(struct raptorq_build *b, struct raptorq_arena *a)
{
	const size_t width = b->symbolic_bytes > 16 ? b->symbolic_bytes : 16;
	const size_t hdpc = raptorq_dense_scratch(b->max_inactive);
	const size_t symbolic = (b->params->l + 1) * width;
	struct raptorq_arena again = *a;
	/* Peeling, HDPC weights, symbolic columns and the HDPC solution come one after the other. */
	b->peel.params = b->params;
	raptorq_peel_scratch(&b->peel, a, b->max_rows, b->max_entries);
	b->scratch = raptorq_arena_take(&again, 1, symbolic > hdpc ? symbolic : hdpc);
	if (a->used < again.used)
		a->used = again.used;
}

/* ---- compiling ------------------------------------------------------------------------------------- */

/* The slots of the LT columns of a row, less the one at `own` (RAPTORQ_NONE: none less). */
static uint32_t compile_row(const struct raptorq_build *b, uint32_t row, uint32_t own, uint16_t *out)
{
	const struct raptorq_params *p = b->params;
	const uint16_t *slot = b->program.column_slot;
	uint32_t n = 0;
	if (row < b->max_rows) {
		const struct raptorq_tuple *t = &b->tuples[row];
		uint32_t column = t->b;
		for (uint32_t d = t->d; d; d--) {
			const uint16_t s = slot[column];
			out[n] = s;
			n += s != own;
			column = raptorq_lt_next(p, t, column);
		}
	} else {
		uint16_t columns[MAX_LDPC_COLUMNS];
		const uint32_t count = raptorq_ldpc_columns(p, row - b->max_rows, columns);
		for (uint32_t i = 0; i < count; i++) {
			out[n] = slot[columns[i]];
			n += out[n] != own;
		}
	}
	return n;
}

static void pi_columns(const struct raptorq_build *b, uint32_t row, uint16_t pi[3])
{
	if (row < b->max_rows) {
		memcpy(pi, b->tuples[row].pi, 3 * sizeof *pi);
	} else {
		raptorq_ldpc_pi(b->params, row - b->max_rows, pi);
		pi[2] = RAPTORQ_NO_PI;
	}
}

/* The operations of the peeled columns; a run is a stretch of the same arity. */
static void compile_peeled(struct raptorq_build *b)
{
	struct raptorq_program *prog = &b->program;
	struct gf256_run *run = prog->runs - 1;
	uint16_t *out = prog->sources;
	const uint16_t zero = (uint16_t)(prog->peeled + prog->inactive);
	bool was_ldpc = false;
	prog->num_runs = 0;
	prog->num_combined = 0;
	for (uint32_t op = 0; op < prog->peeled; op++) {
		const uint32_t row = prog->order_row[op], n = compile_row(b, row, op, out);
		uint16_t *pi = prog->pi + 3 * (size_t)op;
		pi_columns(b, row, pi);
		for (unsigned i = 0; i < 3; i++)
			pi[i] = pi[i] == RAPTORQ_NO_PI ? zero : (uint16_t)(prog->peeled + pi[i]);
		out += n;
		if (row >= b->max_rows)
			prog->combined_slot[prog->num_combined++] = (uint16_t)op;
		if (prog->num_runs == 0 || run->arity != n || (row >= b->max_rows) != was_ldpc) {
			was_ldpc = row >= b->max_rows;
			*++run = (struct gf256_run){(uint16_t)n, 0};
			prog->num_runs++;
		}
		run->count++;
	}
	prog->num_sources = (uint32_t)(out - prog->sources);
}

/* ---- symbolic pass: the peeled columns as sums of inactive ones -------------------------------------- */

static void symbolic_words(const struct raptorq_program *prog, uint64_t *w)
{
	const uint16_t *source = prog->sources, *pi = prog->pi;
	uint32_t op = 0;
	for (uint32_t r = 0; r < prog->num_runs; r++)
		for (uint32_t n = prog->runs[r].count; n; n--, op++, pi += 3) {
			uint64_t sum = w[pi[0]] ^ w[pi[1]] ^ w[pi[2]];
			for (unsigned a = prog->runs[r].arity; a; a--)
				sum ^= w[*source++];
			w[op] = sum;
		}
}

/* Adds to candidate rows the octets [at, at + symbolic_bytes) of their bits. */
static void symbolic_chunk(struct raptorq_build *b, uint32_t first, uint32_t count, size_t at)
{
	const struct raptorq_program *prog = &b->program;
	const uint32_t width = b->symbolic_bytes, base = (uint32_t)at * 8;
	uint8_t *w = b->scratch;
	uint16_t slots[MAX_LDPC_COLUMNS];
	memset(w + prog->peeled * (size_t)width, 0, (prog->inactive + 1) * (size_t)width);
	for (uint32_t v = base; v < prog->inactive && v < base + 8 * width; v++)
		raptorq_dense_flip(w + (prog->peeled + v) * (size_t)width, v - base);
	if (width == GF256_LINE)
		b->kernels->solve(
			&(struct gf256_solve){w, 1, 0, prog->runs, prog->num_runs, prog->sources, prog->pi, NULL, 0});
	else
		symbolic_words(prog, (uint64_t *)(void *)w);
	for (uint32_t c = 0; c < prog->num_combined; c++)
		for (uint32_t i = 0; i < width / 2; i++) {
			const uint8_t *from = w + prog->combined_slot[c] * (size_t)width + 2 * (size_t)i;
			prog->combined_bits[(at / 2 + i) * prog->num_combined + c] = bytes_get_le16(from);
		}
	for (uint32_t i = 0; i < count; i++) {
		uint8_t *to = raptorq_dense_row(b, first + i) + at;
		const uint32_t n = compile_row(b, prog->check_row[first + i], RAPTORQ_NONE, slots);
		for (uint32_t s = 0; s < n; s++)
			b->kernels->add(to, w + slots[s] * (size_t)width, width);
	}
}

/* Brings the rows check_row[rank ...], count of them, into the dense part. */
static void add_checks(struct raptorq_build *b, uint32_t count)
{
	struct raptorq_program *prog = &b->program;
	const uint32_t first = prog->rank;
	for (uint32_t i = first; i < first + count; i++) {
		uint8_t *row = raptorq_dense_row(b, i);
		uint16_t pi[3];
		memset(row, 0, 2 * b->dense_half);
		pi_columns(b, prog->check_row[i], pi);
		for (unsigned k = 0; k < 3; k++)
			if (pi[k] != RAPTORQ_NO_PI)
				raptorq_dense_flip(row, pi[k]);
	}
	for (size_t at = 0; at * 8 < prog->inactive; at += b->symbolic_bytes)
		symbolic_chunk(b, first, count, at);
	raptorq_dense_insert(b, count);
}

/* The rows that peeling did not use; how many. They are inactive - H + (rows - K') at most. */
static uint32_t find_checks(struct raptorq_build *b, uint32_t num_rows)
{
	const struct raptorq_program *prog = &b->program;
	const uint32_t s = b->params->s;
	uint8_t *used = b->scratch;
	uint32_t count = 0;
	memset(used, 0, b->max_rows + s);
	for (uint32_t op = 0; op < prog->peeled; op++)
		used[prog->order_row[op]] = 1;
	for (uint32_t row = 0; row < b->max_rows + s; row++)
		if (!used[row] && (row < num_rows || row >= b->max_rows))
			prog->check_row[count++] = (uint16_t)row;
	return count;
}

static void compile_checks(struct raptorq_build *b)
{
	struct raptorq_program *prog = &b->program;
	uint16_t *out = prog->sources + prog->num_sources;
	for (uint32_t i = 0; i < prog->rank; i++) {
		const uint32_t n = compile_row(b, prog->check_row[i], RAPTORQ_NONE, out);
		prog->check_runs[i] = (struct gf256_run){(uint16_t)n, 1};
		out += n;
	}
	prog->num_check_runs = prog->rank;
	prog->num_check_sources = (uint32_t)(out - prog->sources) - prog->num_sources;
}

/* From now on the columns that LDPC rows solve are left to combine. Runs of such operations hold nothing else. */
static void mark_combined(struct raptorq_program *prog)
{
	uint32_t op = 0, c = 0;
	for (uint32_t r = 0; r < prog->num_runs && c < prog->num_combined; r++) {
		const uint32_t count = prog->runs[r].count;
		if (prog->combined_slot[c] == op) {
			prog->runs[r].arity |= GF256_RUN_COMBINED;
			c += count;
		}
		op += count;
	}
}

static int start(struct raptorq_build *b, uint32_t num_rows)
{
	const struct raptorq_params *p = b->params;
	struct raptorq_program *prog = &b->program;
	b->peel.tuples = b->tuples;
	b->peel.num_rows = num_rows;
	b->peel.order_row = prog->order_row;
	b->peel.column_slot = prog->column_slot;
	raptorq_peel_run(&b->peel);
	if (b->peel.inactive > b->max_inactive)
		return CAROUSEL_E_NEED_MORE;
	prog->peeled = b->peel.peeled;
	prog->inactive = b->peel.inactive;
	prog->rank = 0;
	for (uint32_t j = 0; j < p->k_prime + p->s; j++)
		b->pairs[j] = raptorq_hdpc_pair(p, j);
	prog->hdpc_pairs = b->pairs;
	compile_peeled(b);
	raptorq_dense_hdpc(b, b->scratch);
	add_checks(b, find_checks(b, num_rows));
	return 0;
}

int raptorq_build_run(struct raptorq_build *b, uint32_t num_rows)
{
	int error;
	if (b->rows_done == 0) {
		error = start(b, num_rows);
		if (error)
			return error;
	} else {
		uint32_t count = 0;
		while (b->rows_done + count < num_rows) {
			b->program.check_row[b->program.rank + count] = (uint16_t)(b->rows_done + count);
			count++;
		}
		add_checks(b, count);
	}
	b->rows_done = num_rows;
	error = raptorq_dense_finish(b);
	if (error)
		return error;
	compile_checks(b);
	mark_combined(&b->program);
	return 0;
}
