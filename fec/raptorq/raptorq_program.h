/* raptorq_program.h - the solution of one linear system of RaptorQ, as a program to be run on columns of data.
 *
 * Running it computes all L intermediate symbols from the symbols of the rows: peeled columns in their order with
 * the inactive ones taken as 0, then the inactive ones from what the remaining rows (checks) and the HDPC rows give,
 * then the peeled columns again with the inactive ones known. A program depends on identities alone. */
#ifndef FEC_RAPTORQ_PROGRAM_H
#define FEC_RAPTORQ_PROGRAM_H

#include "fec/raptorq/raptorq_peel.h"

/* Slots: 0 to peeled-1 peeled columns in their order; then `inactive` inactive columns; then one of zeros. */
struct raptorq_program {
	uint32_t peeled, inactive;
	uint32_t rank;     /* checks used */
	uint32_t num_free; /* inactive columns that the checks leave open: the HDPC rows give them */
	uint32_t num_runs, num_check_runs;
	uint32_t num_sources, num_check_sources;
	uint32_t num_combined; /* columns that LDPC rows solve: cheaper from the inactive columns the second time */
	uint16_t *order_row;   /* [peeled] row of each operation */
	uint16_t *column_slot; /* [L] */
	struct gf256_run *runs, *check_runs;
	uint16_t *sources;   /* [num_sources] LT columns of the operations, then [num_check_sources] of the checks */
	uint16_t *pi;        /* [3 * peeled] PI columns of the operations */
	uint16_t *check_row; /* [rank] */
	uint16_t *combined_slot;   /* [num_combined] */
	uint16_t *combined_bits;   /* [ceil(inactive / 16)][num_combined] which inactive columns go into one */
	uint16_t *inverse;         /* [ceil(rank / 16)][inactive] which checks sum to an inactive column */
	uint16_t *open;            /* [inactive] which of the free columns do */
	uint8_t *hdpc_inverse;     /* [num_free][rank + H] free columns from checks and HDPC sums */
	const uint8_t *hdpc_pairs; /* [K' + S] */
};

/* The workshop in which a program is made. */
struct raptorq_build {
	const struct raptorq_params *params;
	const struct gf256_kernels *kernels;
	const struct raptorq_tuple *tuples; /* rows; more may come after NEED_MORE */
	uint32_t max_rows, max_entries, max_inactive;
	uint32_t rows_done; /* rows that the build has taken in */
	struct raptorq_program program;
	uint8_t *pairs;
	/* Dense part: a row has `inactive` bits and then one bit a check, in two halves of dense_half bytes. */
	size_t dense_half;
	uint8_t *dense;
	uint16_t *pivot; /* [rank] inactive column of a check */
	uint8_t *hdpc;   /* [16][max_inactive] HDPC rows over the inactive columns */
	/* Scratch, dead when the build is done. */
	struct raptorq_peel peel;
	uint8_t *scratch;
	unsigned symbolic_bytes; /* width of the symbolic pass: 8 or 64 */
};

/* Sum of the LT degrees of `rows` rows that a build has room for; random rows come nowhere near. */
uint32_t raptorq_max_entries(uint32_t rows);
/* Inactive columns that a build has room for. */
uint32_t raptorq_max_inactive(const struct raptorq_params *);

/* Lay a build for max_rows rows out in memory; params, kernels, tuples, max_rows and symbolic_bytes are set. The first
 * part is the program's; the dense part lasts until the build is whole, the scratch only during raptorq_build_run. */
void raptorq_build_layout(struct raptorq_build *, struct raptorq_arena *);
void raptorq_build_layout_dense(struct raptorq_build *, struct raptorq_arena *);
void raptorq_build_layout_scratch(struct raptorq_build *, struct raptorq_arena *);

/* Takes in the rows up to num_rows (at most max_rows, max_entries in all). 0 when the program is whole; NEED_MORE when
 * the rows do not determine every column: call again with more. */
int raptorq_build_run(struct raptorq_build *, uint32_t num_rows);

#endif
