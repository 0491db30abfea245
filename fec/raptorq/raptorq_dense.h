/* raptorq_dense.h - the inactive columns: elimination over GF(2) of the checks, over GF(256) of the HDPC rows. */
#ifndef FEC_RAPTORQ_DENSE_H
#define FEC_RAPTORQ_DENSE_H

#include "fec/raptorq/raptorq_program.h"

/* Row `i` of the dense matrix: program.rank rows are reduced, those after are candidates. */
static inline uint8_t *raptorq_dense_row(const struct raptorq_build *b, uint32_t i)
{
	return b->dense + i * 2 * b->dense_half;
}

static inline void raptorq_dense_flip(uint8_t *row, uint32_t bit)
{
	row[bit / 8] ^= (uint8_t)(1u << bit % 8);
}

static inline bool raptorq_dense_has(const uint8_t *row, uint32_t bit)
{
	return row[bit / 8] >> bit % 8 & 1;
}

/* Reduces the candidates rank ... rank + count - 1, whose rows are b->program.check_row[rank ...], and keeps the
 * independent ones. */
void raptorq_dense_insert(struct raptorq_build *, uint32_t count);

/* The HDPC rows over the inactive columns, all peeled columns eliminated (b->hdpc). weights: 16 * (peeled + inactive +
 * 1) octets of scratch. */
void raptorq_dense_hdpc(struct raptorq_build *, uint8_t *weights);

/* Octets of scratch that raptorq_dense_finish wants. */
size_t raptorq_dense_scratch(uint32_t inactive);
/* Solves for the free columns and writes inverse, open and hdpc_inverse. 0 or NEED_MORE. */
int raptorq_dense_finish(struct raptorq_build *);

#endif
