#include "tests/lib/fec_round.h"

#include "tests/lib/test.h"

struct fec_block fec_round_block(uint8_t id, uint16_t instance_id, uint32_t k, uint32_t n, uint16_t t)
{
	const struct fec_block block = {.encoding_id = id,
		.instance_id = instance_id,
		.num_source = k,
		.esi_limit = n,
		.symbol_size = t,
		.num_sub_blocks = 1,
		.alignment = 1};
	return block;
}

/* A store that holds some of the encoding symbols, and takes missing source symbols. */
struct store {
	const struct fec_round *round;
	uint8_t *held;  /* one an ESI */
	uint8_t *plain; /* K symbols as they are written */
	size_t written;
	int use_direct;
};

static const uint8_t *store_direct(void *user, uint32_t esi)
{
	const struct store *s = user;
	assert_true(esi < s->round->num_encoded && s->held[esi]);
	return s->use_direct ? s->round->encoded + (size_t)esi * s->round->block.symbol_size : NULL;
}

static int store_read(void *user, uint32_t esi, size_t off, size_t len, uint8_t *dst)
{
	const struct store *s = user;
	const size_t t = s->round->block.symbol_size;
	assert_true(esi < s->round->num_encoded && s->held[esi]);
	assert_true(off <= t && len <= t - off);
	memcpy(dst, s->round->encoded + (size_t)esi * t + off, len);
	return 0;
}

static int store_write(void *user, uint32_t esi, size_t off, size_t len, const uint8_t *src)
{
	struct store *s = user;
	const size_t t = s->round->block.symbol_size;
	assert_true(esi < s->round->block.num_source && !s->held[esi]);
	assert_true(off <= t && len <= t - off);
	memcpy(s->plain + (size_t)esi * t + off, src, len);
	s->written += len;
	return 0;
}

static const uint8_t *source_direct(void *user, uint32_t esi)
{
	const struct fec_round *round = user;
	assert_true(esi < round->block.num_source);
	return esi % 2 ? round->source + (size_t)esi * round->block.symbol_size : NULL;
}

static int source_read(void *user, uint32_t esi, size_t off, size_t len, uint8_t *dst)
{
	const struct fec_round *round = user;
	memcpy(dst, round->source + (size_t)esi * round->block.symbol_size + off, len);
	return 0;
}

static void *get_aligned(size_t bytes)
{
	void *mem = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
	assert_true(bytes != 0);
	assert_non_null(mem);
	return mem;
}

void fec_round_open(struct fec_round *round, const struct fec_block *block, uint64_t seed)
{
	const size_t t = block->symbol_size, bytes = fec_encoder_bytes(block);
	const struct fec_symbols source = {round, source_direct, source_read, NULL};
	struct fec_plan *plan;
	struct fec_encoder *encoder;
	void *mem = get_aligned(bytes);
	round->block = *block;
	round->num_encoded = block->esi_limit < 1024 ? block->esi_limit : 1024;
	round->source = malloc(block->num_source * t);
	round->encoded = malloc(round->num_encoded * t);
	assert_true(round->source && round->encoded);
	for (size_t i = 0; i < block->num_source * t; i++)
		round->source[i] = (uint8_t)test_random(&seed);
	assert_int_equal(fec_plan_new(NULL, block, &plan), 0);
	assert_int_equal(fec_encoder_init(&encoder, mem, bytes, plan, &source), 0);
	fec_plan_free(plan);
	assert_int_equal(fec_encoder_symbols(encoder, 0, 1, round->num_encoded, round->encoded, t), 0);
	assert_memory_equal(round->encoded, round->source, block->num_source * t);
	for (uint32_t step = 2; step < 6 && block->num_source > 1; step++) { /* one of n headends */
		uint32_t count = (round->num_encoded - 1 - 1) / step + 1;
		uint8_t *some = malloc(count * (t + 3));
		assert_int_equal(fec_encoder_symbols(encoder, 1, step, count, some, t + 3), 0);
		for (uint32_t i = 0; i < count; i++)
			assert_memory_equal(some + i * (t + 3), round->encoded + (1 + (size_t)i * step) * t, t);
		free(some);
	}
	fec_encoder_deinit(encoder);
	free(mem);
}

void fec_round_close(struct fec_round *round)
{
	free(round->source);
	free(round->encoded);
}

static void check_result(const struct store *s, const struct fec_decoder *decoder)
{
	const size_t t = s->round->block.symbol_size;
	uint32_t count, seen = 0;
	const uint32_t *missing = fec_decoder_missing(decoder, &count);
	for (uint32_t esi = 0; esi < s->round->block.num_source; esi++) {
		if (s->held[esi])
			continue;
		assert_true(seen < count && missing[seen] == esi);
		seen++;
		assert_memory_equal(s->plain + esi * t, s->round->source + esi * t, t);
	}
	assert_int_equal(seen, count);
	assert_int_equal(s->written, count * t);
}

int fec_round_decode(const struct fec_round *round, const uint32_t *esis, uint32_t count, size_t strip, int direct)
{
	const struct fec_block *block = &round->block;
	const size_t bytes = fec_decoder_bytes(block, strip);
	struct store s = {.round = round, .use_direct = direct};
	const struct fec_symbols symbols = {&s, direct ? store_direct : NULL, store_read, store_write};
	struct fec_decoder *decoder;
	void *mem = get_aligned(bytes);
	int result;
	s.held = calloc(round->num_encoded, 1);
	s.plain = calloc(block->num_source, block->symbol_size);
	assert_int_equal(fec_decoder_init(&decoder, mem, bytes, block, strip), 0);
	for (uint32_t i = 0; i < count; i++) {
		assert_int_equal(fec_decoder_add(decoder, esis[i]), 0);
		s.held[esis[i]] = 1;
	}
	assert_int_equal(fec_decoder_count(decoder), count);
	result = fec_decoder_plan(decoder);
	if (result == 0)
		result = fec_decoder_apply(decoder, &symbols);
	if (result == 0)
		check_result(&s, decoder);
	fec_decoder_deinit(decoder);
	free(s.held);
	free(s.plain);
	free(mem);
	return result;
}
