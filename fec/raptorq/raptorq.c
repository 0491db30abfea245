#include "fec/raptorq/raptorq.h"

#include "common/carousel_error.h"

#include <string.h>

const uint8_t raptorq_zeros[FEC_MAX_SYMBOL_SIZE + GF256_LINE];

unsigned raptorq_tile_lines(size_t slots, size_t bytes)
{
	/* Small systems stay in the first-level cache, large ones in the second. */
	unsigned lines = slots <= 2048 ? 4 : slots <= 6144 ? 2 : 1;
	while (lines > 1 && lines * (size_t)GF256_LINE > bytes)
		lines /= 2;
	return lines;
}

int raptorq_batch_init(struct raptorq_batch *b, const struct raptorq_params *p, const uint16_t *slot, uint32_t count,
	size_t max_sources, struct raptorq_tuple (*tuple)(const void *user, uint32_t i), const void *user)
{
	enum { DEGREES = RAPTORQ_MAX_DEGREE + 4 };
	uint32_t number[DEGREES] = {0}, place[DEGREES];
	size_t start[DEGREES], total = 0;
	struct raptorq_tuple t;
	uint32_t at = 0;
	for (uint32_t i = 0; i < count; i++) {
		t = tuple(user, i);
		number[raptorq_degree_of(&t)]++;
	}
	b->count = count;
	b->num_runs = 0;
	for (uint32_t d = 0; d < DEGREES; d++) {
		place[d] = at;
		start[d] = total;
		at += number[d];
		total += number[d] * (size_t)d;
		if (number[d])
			b->runs[b->num_runs++] = (struct gf256_run){(uint16_t)d, (uint16_t)number[d]};
	}
	if (total > max_sources)
		return CAROUSEL_E_LIMIT;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t degree;
		t = tuple(user, i);
		degree = raptorq_degree_of(&t);
		raptorq_rows_of(p, &t, slot, b->sources + start[degree]);
		start[degree] += degree;
		b->order[place[degree]++] = (uint16_t)i;
	}
	return 0;
}

static int is_available(uint16_t instance_id)
{
	return instance_id == 0;
}

static void decoder_deinit(struct fec_decoder *d)
{
	(void)d;
}

static void encoder_deinit(struct fec_encoder *e)
{
	(void)e;
}

const struct fec_scheme fec_scheme_raptorq = {
	.encoding_id = FEC_RAPTORQ,
	.name = "raptorq",
	.is_available = is_available,
	.decoder_bytes = raptorq_decoder_bytes,
	.decoder_init = raptorq_decoder_init,
	.decoder_deinit = decoder_deinit,
	.decoder_add = raptorq_decoder_add,
	.decoder_count = raptorq_decoder_count,
	.decoder_plan = raptorq_decoder_plan,
	.decoder_missing = raptorq_decoder_missing,
	.decoder_apply = raptorq_decoder_apply,
	.plan_new = raptorq_plan_new,
	.plan_free = raptorq_plan_free,
	.plan_save = raptorq_plan_save,
	.plan_load = raptorq_plan_load,
	.encoder_bytes = raptorq_encoder_bytes,
	.encoder_init = raptorq_encoder_init,
	.encoder_deinit = encoder_deinit,
	.encoder_symbols = raptorq_encoder_symbols,
};
