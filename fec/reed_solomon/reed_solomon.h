/* reed_solomon.h - Reed-Solomon over GF(2^8), FEC Encoding ID 5, RFC 5510; internal to its two halves. */
#ifndef FEC_REED_SOLOMON_REED_SOLOMON_H
#define FEC_REED_SOLOMON_REED_SOLOMON_H

#include "fec/scheme_support.h"

/* Columns of a symbol that are worked on at a time, so that all sources stay in the second-level cache. */
#define REED_SOLOMON_TILE 2048u

size_t reed_solomon_decoder_bytes(const struct fec_block *, size_t strip);
int reed_solomon_decoder_init(struct fec_decoder **, void *mem, size_t, const struct fec_block *, size_t strip);
void reed_solomon_decoder_deinit(struct fec_decoder *);
int reed_solomon_decoder_add(struct fec_decoder *, uint32_t esi);
uint32_t reed_solomon_decoder_count(const struct fec_decoder *);
int reed_solomon_decoder_plan(struct fec_decoder *);
const uint32_t *reed_solomon_decoder_missing(const struct fec_decoder *, uint32_t *count);
int reed_solomon_decoder_apply(struct fec_decoder *, const struct fec_symbols *);

#endif
