/* raptorq_peel.h - the first phase of decoding (RFC 6330 section 5.4.2.2): an order in which all but a few columns
 * solve one after the other, each by one sparse row; the few are set inactive. */
#ifndef FEC_RAPTORQ_PEEL_H
#define FEC_RAPTORQ_PEEL_H

#include "fec/gf256/gf256.h"
#include "fec/raptorq/raptorq_arena.h"
#include "fec/raptorq/raptorq_params.h"

#include <stdbool.h>

#define RAPTORQ_NONE 0xffffu

/* Rows: LT row i is tuple i (i < num_rows), LDPC row s is ldpc_base + s. The slot of a column is its place in the order
 * when it is solved by peeling, `peeled` plus its place among the inactive columns when not. */
struct raptorq_peel {
	const struct raptorq_params *params;
	const struct raptorq_tuple *tuples;
	uint32_t num_rows, ldpc_base;
	/* Out. The caller's arrays: W and L. */
	uint16_t *order_row, *column_slot;
	uint32_t peeled, inactive; /* inactive counts the P PI columns, which come first */
	/* The rest is scratch that lives in the arena of _init. */
	uint8_t *state;
	uint32_t *column_start;
	uint16_t *column_rows, *row_degree, *row_xor, *row_next;
	uint16_t *parent, *size, *list_next, *list_prev;
	uint16_t lists[17];
	uint16_t ripe[RAPTORQ_MAX_DEGREE + 1];
	uint32_t num_ripe[RAPTORQ_MAX_DEGREE + 1];
};

/* Sets ldpc_base = max_rows and takes the scratch for up to max_rows LT rows with max_entries LT columns in all. */
void raptorq_peel_scratch(struct raptorq_peel *, struct raptorq_arena *, uint32_t max_rows, uint32_t max_entries);
/* Fills in order_row, column_slot, peeled and inactive. Never fails: in the worst case much is inactive. */
void raptorq_peel_run(struct raptorq_peel *);

#endif
