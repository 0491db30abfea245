/* scheme_support.h - what the schemes with small blocks share. */
#ifndef FEC_SCHEME_SUPPORT_H
#define FEC_SCHEME_SUPPORT_H

#include "fec/scheme.h"

#include <stdbool.h>

/* The set of held ESIs of a block and what follows from it for a code in which any K symbols do. */
struct fec_held {
	uint8_t *bits;     /* one an ESI */
	uint32_t *missing; /* source ESIs; filled by fec_held_plan() */
	uint32_t limit;    /* one more than the largest ESI */
	uint32_t num_source, count, num_missing;
	bool planned;
};

/* Bytes of memory, a multiple of 64, that a set for the block needs beside the struct. */
size_t fec_held_bytes(const struct fec_block *);
void fec_held_init(struct fec_held *, void *mem, const struct fec_block *);
/* Errors: SYMBOL, DUPLICATE. */
int fec_held_add(struct fec_held *, uint32_t esi);
bool fec_held_has(const struct fec_held *, uint32_t esi);
/* 0 when at least K are held: `missing` is then filled. Else NEED_MORE. */
int fec_held_plan(struct fec_held *);
const uint32_t *fec_held_missing(const struct fec_held *, uint32_t *count);
/* The first K held ESIs in ascending order: the source symbols there are, then repair symbols. */
void fec_held_choose(const struct fec_held *, uint32_t *esis);

/* A symbol's bytes [off, off + len): a pointer into the store when it has one, else read into buf. */
int fec_symbols_fetch(
	const struct fec_symbols *, uint32_t esi, size_t off, size_t len, uint8_t *buf, const uint8_t **at);

/* All source symbols of a block, one after the other, to `to` (K * T bytes). */
int fec_symbols_load(const struct fec_symbols *, const struct fec_block *, uint8_t *to);

/* Plans that cost less to make than to keep are saved as the block they are for, with a CRC-32: 32 bytes. */
#define FEC_PLAN_IDENTITY_BYTES 32u
int fec_plan_identity_save(const struct fec_block *, uint8_t *buf, size_t *len);
/* Errors: MALFORMED, CRC, CONFLICT (another block). */
int fec_plan_identity_check(const struct fec_block *, const uint8_t *buf, size_t len);

static inline size_t fec_align64(size_t bytes)
{
	return (bytes + 63) & ~(size_t)63;
}

#endif
