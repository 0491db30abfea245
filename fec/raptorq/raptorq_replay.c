#include "fec/raptorq/raptorq_replay.h"

#include <string.h>

enum { TABLE_SLOTS = 64, SUM_SLOTS = RAPTORQ_MAX_H + 1, FREE_SLOTS = RAPTORQ_MAX_H, SOURCES_AT_ONCE = 128 };

static size_t extra_slots(size_t rank)
{
	return 1 + rank + SUM_SLOTS + FREE_SLOTS + TABLE_SLOTS;
}

size_t raptorq_replay_slots(const struct raptorq_program *prog)
{
	return prog->peeled + prog->inactive + extra_slots(prog->rank);
}

size_t raptorq_replay_max_slots(const struct raptorq_params *p)
{
	return p->l + extra_slots(raptorq_max_inactive(p));
}

struct places {
	uint8_t *inactive, *checks, *sums, *last, *open, *tables;
	size_t slot;
};

/* The free columns from the checks and the HDPC sums over the peeled columns, which follow each other. */
static void solve_free(const struct raptorq_params *p, const struct raptorq_program *prog,
	const struct gf256_kernels *k, const struct places *at)
{
	const uint8_t *src[SOURCES_AT_ONCE];
	const uint32_t total = prog->rank + p->h;
	for (uint32_t h = 0; h < p->h; h++)
		k->mad(at->sums + h * at->slot, at->last, gf256_exp[h], at->slot);
	for (uint32_t first = 0; first < total; first += SOURCES_AT_ONCE) {
		const uint32_t n = total - first < SOURCES_AT_ONCE ? total - first : SOURCES_AT_ONCE;
		for (uint32_t j = 0; j < n; j++)
			src[j] = at->checks + (first + j) * at->slot;
		for (uint32_t f = 0; f < prog->num_free; f += GF256_DOT_ROWS) {
			const uint32_t rows = prog->num_free - f < GF256_DOT_ROWS ? prog->num_free - f : GF256_DOT_ROWS;
			uint8_t *part[GF256_DOT_ROWS];
			for (uint32_t r = 0; r < rows; r++)
				part[r] = first ? at->tables + r * at->slot : at->open + (f + r) * at->slot;
			k->dot(part, rows, src, n, prog->hdpc_inverse + f * (size_t)total + first, total, at->slot);
			for (uint32_t r = 0; first && r < rows; r++)
				k->add(at->open + (f + r) * at->slot, part[r], at->slot);
		}
	}
}

void raptorq_replay(const struct raptorq_params *p, const struct raptorq_program *prog, const struct gf256_kernels *k,
	uint8_t *work, unsigned lines, const uint8_t *const *data, size_t off)
{
	const uint32_t zero = prog->peeled + prog->inactive;
	struct places at = {.slot = lines * (size_t)GF256_LINE};
	at.inactive = work + prog->peeled * at.slot;
	at.checks = work + (zero + 1) * at.slot;
	at.sums = at.checks + prog->rank * at.slot;
	at.last = at.sums + RAPTORQ_MAX_H * at.slot;
	at.open = at.last + at.slot;
	at.tables = at.open + FREE_SLOTS * at.slot;
	memset(at.inactive, 0, (prog->inactive + 1) * at.slot);
	k->solve(&(struct gf256_solve){work, lines, 0, prog->runs, prog->num_runs, prog->sources, NULL, data, off});
	k->solve(&(struct gf256_solve){work, lines, zero + 1, prog->check_runs, prog->num_check_runs,
		prog->sources + prog->num_sources, NULL, data + prog->peeled, off});
	if (prog->num_free) {
		memset(at.sums, 0, RAPTORQ_MAX_H * at.slot);
		k->hdpc(work, lines, prog->column_slot, prog->hdpc_pairs, p->k_prime + p->s, at.sums, at.last);
	}
	for (uint32_t i = 0; i < prog->rank; i += 16)
		k->combine(at.inactive, NULL, prog->inactive, at.checks + i * at.slot,
			prog->rank - i < 16 ? prog->rank - i : 16, prog->inverse + i / 16 * (size_t)prog->inactive, 1,
			lines, at.tables);
	if (prog->num_free) {
		solve_free(p, prog, k, &at);
		k->combine(at.inactive, NULL, prog->inactive, at.open, prog->num_free, prog->open, 1, lines, at.tables);
	}
	for (uint32_t i = 0; i < prog->inactive; i += 16)
		k->combine(work, prog->combined_slot, prog->num_combined, at.inactive + i * at.slot,
			prog->inactive - i < 16 ? prog->inactive - i : 16,
			prog->combined_bits + i / 16 * (size_t)prog->num_combined, 1, lines, at.tables);
	k->solve(&(struct gf256_solve){work, lines, 0, prog->runs, prog->num_runs, prog->sources, prog->pi, data, off});
}
