/* raptorq_tables.h - the tables of RFC 6330. */
#ifndef FEC_RAPTORQ_TABLES_H
#define FEC_RAPTORQ_TABLES_H

#include <stdint.h>

#define RAPTORQ_NUM_SYSTEMATIC 477u

/* Section 5.6, Table 2. */
struct raptorq_systematic {
	uint16_t k_prime, j, s, h, w;
};
extern const struct raptorq_systematic raptorq_systematic[RAPTORQ_NUM_SYSTEMATIC];
/* Section 5.5: V0 to V3. */
extern const uint32_t raptorq_rand[4][256];
/* Section 5.3.5.2, Table 1: f[d]. */
extern const uint32_t raptorq_degree[31];

#endif
