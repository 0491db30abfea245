/* raptorq_params.h - what RFC 6330 derives from K' and from an ISI: parameters, tuples, pre-coding relations. */
#ifndef FEC_RAPTORQ_PARAMS_H
#define FEC_RAPTORQ_PARAMS_H

#include <stdint.h>

#define RAPTORQ_MAX_H      16u
#define RAPTORQ_MAX_DEGREE 30u
#define RAPTORQ_NO_PI      0xffffu

/* x % m without a division, for any 32-bit x. */
struct raptorq_modulus {
	uint32_t m;
	uint64_t inverse;
};

/* RFC 6330 sections 5.1.2 and 5.3.3.3; every index fits 16 bits (L <= 57326). */
struct raptorq_params {
	uint32_t k_prime, s, h, w, l, p, p1, u, b;
	uint32_t tuple_a, tuple_b; /* A and B of section 5.3.5.4 */
	struct raptorq_modulus mod_w, mod_w1, mod_p1, mod_p11, mod_s;
};

/* The parameters of a source block of num_source symbols. Returns 0, or OTI when there are none (0, > 56403). */
int raptorq_params_init(struct raptorq_params *, uint32_t num_source);

/* The columns of one encoding row: LT columns b, b + a, ... (d of them, mod W) and PI columns W + pi[i]. */
struct raptorq_tuple {
	uint16_t a, b, d;
	uint16_t pi[3]; /* 0 to P-1; the last is RAPTORQ_NO_PI when d1 = 2 */
};

/* RFC 6330 section 5.3.5.4, with the walk over PI symbols of section 5.3.5.3. */
void raptorq_tuple_init(const struct raptorq_params *, uint32_t isi, struct raptorq_tuple *);

static inline uint32_t raptorq_lt_next(const struct raptorq_params *p, const struct raptorq_tuple *t, uint32_t column)
{
	const uint32_t next = column + t->a;
	return next >= p->w ? next - p->w : next;
}

/* The LT columns of LDPC row `row` (section 5.3.3.3) to columns; returns how many: at most 3 * (B / S + 1) + 1. */
uint32_t raptorq_ldpc_columns(const struct raptorq_params *, uint32_t row, uint16_t *columns);
/* The PI columns, 0 to P-1, of LDPC row `row`. They may be equal: then they cancel. */
static inline void raptorq_ldpc_pi(const struct raptorq_params *p, uint32_t row, uint16_t pi[2])
{
	pi[0] = (uint16_t)(row % p->p);
	pi[1] = (uint16_t)((row + 1) % p->p);
}
/* The one or three LDPC rows of LT column `column`; returns how many. */
uint32_t raptorq_ldpc_rows(const struct raptorq_params *, uint32_t column, uint16_t rows[3]);

/* The two rows of MT's column j that hold a one (section 5.3.3.3), j < K' + S - 1: low and high nibble. */
uint8_t raptorq_hdpc_pair(const struct raptorq_params *, uint32_t j);

#endif
