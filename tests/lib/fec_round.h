/* fec_round.h - one source block there and back through fec.h, for every scheme's tests. */
#ifndef TESTS_LIB_FEC_ROUND_H
#define TESTS_LIB_FEC_ROUND_H

#include "fec/fec.h"

struct fec_round {
	struct fec_block block;
	uint8_t *source;  /* K symbols, random */
	uint8_t *encoded; /* esi_limit (at most 1024) symbols as the encoder gave them */
	uint32_t num_encoded;
};

/* A block of a scheme. instance_id, K, n and T as in struct fec_block. */
struct fec_block fec_round_block(uint8_t id, uint16_t instance_id, uint32_t k, uint32_t n, uint16_t t);

/* Fills and encodes; asserts that the first K encoding symbols are the source symbols. */
void fec_round_open(struct fec_round *, const struct fec_block *, uint64_t seed);
void fec_round_close(struct fec_round *);

/* Decodes from the encoding symbols esis, reading with `direct` or by copies, and asserts that what is written is
 * exactly what is missing, and right. Returns what plan or apply said. */
int fec_round_decode(const struct fec_round *, const uint32_t *esis, uint32_t count, size_t strip, int direct);

#endif
