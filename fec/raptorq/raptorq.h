/* raptorq.h - RaptorQ (RFC 6330) behind fec/scheme.h: what the parts of the scheme share. */
#ifndef FEC_RAPTORQ_RAPTORQ_H
#define FEC_RAPTORQ_RAPTORQ_H

#include "fec/raptorq/raptorq_replay.h"
#include "fec/scheme.h"

/* The encoder's plan: the program of the rows ISI 0 to K'-1. */
struct raptorq_plan {
	struct fec_plan base;
	struct raptorq_params params;
	struct raptorq_program program;
	uint8_t *pairs;
};

int raptorq_plan_new(const struct carousel_allocator *, const struct fec_block *, struct fec_plan **);
void raptorq_plan_free(struct fec_plan *);
int raptorq_plan_save(const struct fec_plan *, uint8_t *buf, size_t *len);
int raptorq_plan_load(const struct carousel_allocator *, const struct fec_block *, const uint8_t *buf, size_t len,
	struct fec_plan **);

size_t raptorq_encoder_bytes(const struct fec_block *);
int raptorq_encoder_init(
	struct fec_encoder **, void *mem, size_t mem_bytes, const struct fec_plan *, const struct fec_symbols *);
int raptorq_encoder_symbols(
	const struct fec_encoder *, uint32_t first_esi, uint32_t step, uint32_t count, uint8_t *out, size_t stride);

size_t raptorq_decoder_bytes(const struct fec_block *, size_t strip);
int raptorq_decoder_init(struct fec_decoder **, void *mem, size_t mem_bytes, const struct fec_block *, size_t strip);
int raptorq_decoder_add(struct fec_decoder *, uint32_t esi);
uint32_t raptorq_decoder_count(const struct fec_decoder *);
int raptorq_decoder_plan(struct fec_decoder *);
const uint32_t *raptorq_decoder_missing(const struct fec_decoder *, uint32_t *count);
int raptorq_decoder_apply(struct fec_decoder *, const struct fec_symbols *);

/* Encoding symbols to be made from intermediate ones, sorted so that runs of the same degree are long.
 * slot maps a column to the row that holds it; NULL: itself. */
struct raptorq_batch {
	uint32_t count;
	struct gf256_run runs[RAPTORQ_MAX_DEGREE + 4];
	size_t num_runs;
	uint16_t *sources; /* the caller's: room for the sum of degrees */
	uint16_t *order;   /* [count], the caller's: position in the batch of the i-th to be made */
};
/* The number of intermediate symbols that sum to an encoding symbol, and their rows; out: room for that many. */
static inline uint32_t raptorq_degree_of(const struct raptorq_tuple *t)
{
	return t->d + (t->pi[2] == RAPTORQ_NO_PI ? 2u : 3u);
}
static inline void raptorq_rows_of(
	const struct raptorq_params *p, const struct raptorq_tuple *t, const uint16_t *slot, uint16_t *out)
{
	uint32_t column = t->b;
	for (uint32_t d = t->d; d; d--) {
		*out++ = slot ? slot[column] : (uint16_t)column;
		column = raptorq_lt_next(p, t, column);
	}
	for (uint32_t k = 0; k < 3 && t->pi[k] != RAPTORQ_NO_PI; k++) {
		column = p->w + t->pi[k];
		*out++ = slot ? slot[column] : (uint16_t)column;
	}
}
/* tuple(user, i) is that of symbol i of the batch; asked twice. max_sources: room; returns 0 or LIMIT. */
int raptorq_batch_init(struct raptorq_batch *, const struct raptorq_params *, const uint16_t *slot, uint32_t count,
	size_t max_sources, struct raptorq_tuple (*tuple)(const void *user, uint32_t i), const void *user);

/* Octets that a tile of a work area should take for a system of `slots` slots and symbols of `bytes`: in lines. */
unsigned raptorq_tile_lines(size_t slots, size_t bytes);
/* Whether symbols should be brought near the work area, several columns of all at a time, rather than be read where
 * they lie: a line here and a line there costs a large block more than the copy. */
static inline bool raptorq_wants_stage(size_t slots)
{
	return slots > 4096;
}
/* Lines of the next tile when `left` octets (64 or more) are left. */
static inline unsigned raptorq_next_lines(unsigned lines, size_t left)
{
	while (lines > 1 && lines * (size_t)GF256_LINE > left)
		lines /= 2;
	return lines;
}

/* A symbol of zeros. */
extern const uint8_t raptorq_zeros[FEC_MAX_SYMBOL_SIZE + GF256_LINE];

#endif
