#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "tests/lib/fault_alloc.h"
#include "tests/lib/fec_round.h"

#if WITH_RS

static const uint16_t instances[] = {FEC_INSTANCE_RS_VAND, FEC_INSTANCE_ISA_L_CAUCHY};

static struct fec_block small_block(uint16_t instance, uint32_t k, uint32_t n, uint16_t t)
{
	return fec_round_block(FEC_SMALL_BLOCK, instance, k, n, t);
}

static void every_pattern(uint16_t instance, uint32_t k, uint32_t n)
{
	const struct fec_block block = small_block(instance, k, n, 34);
	struct fec_round round;
	fec_round_open(&round, &block, n * 100 + k);
	for (uint32_t set = 0; set < 1u << n; set++) {
		uint32_t esis[8], count = 0;
		for (uint32_t esi = 0; esi < n; esi++)
			if (set >> esi & 1)
				esis[count++] = esi;
		assert_int_equal(fec_round_decode(&round, esis, count, set % 2 ? 0 : 10, set % 3 == 0),
			count < k ? CAROUSEL_E_NEED_MORE : 0);
	}
	fec_round_close(&round);
}

static void test_every_erasure_pattern(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++)
		for (uint32_t n = 1; n <= 7; n++)
			for (uint32_t k = 1; k <= n; k++)
				every_pattern(instances[i], k, n);
}

static void shuffle(uint32_t *esis, uint32_t n, uint64_t *seed)
{
	for (uint32_t i = 0; i < n; i++)
		esis[i] = i;
	for (uint32_t i = n; i > 1; i--) {
		uint32_t j = (uint32_t)(test_random(seed) % i), swap = esis[j];
		esis[j] = esis[i - 1];
		esis[i - 1] = swap;
	}
}

static void test_largest_codes(void **state)
{
	static const struct {
		uint32_t k, n;
		uint16_t t;
		size_t strip;
	} rows[] = {
		{1, 32, 1024, 0}, {16, 32, 1024, 256}, {20, 25, 1400, 512}, {31, 32, 1024, 0}, {28, 32, 60000, 4096}};
	uint64_t seed = 5;
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		for (size_t j = 0; j < sizeof rows / sizeof *rows; j++) {
			const struct fec_block block = small_block(instances[i], rows[j].k, rows[j].n, rows[j].t);
			struct fec_round round;
			uint32_t esis[32];
			fec_round_open(&round, &block, j);
			for (unsigned tries = 0; tries < 12; tries++) {
				shuffle(esis, rows[j].n, &seed);
				assert_int_equal(
					fec_round_decode(&round, esis, rows[j].k, rows[j].strip, tries & 1), 0);
			}
			fec_round_close(&round);
		}
	}
}

/* Blocks whose share of n leaves no repair symbol: the built-in would crash on m = 0. */
static void test_blocks_without_repair(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		const struct fec_block block = small_block(instances[i], 2, 2, 16);
		struct fec_round round;
		fec_round_open(&round, &block, 1);
		assert_int_equal(fec_round_decode(&round, (const uint32_t[]){0, 1}, 2, 0, 0), 0);
		assert_int_equal(fec_round_decode(&round, (const uint32_t[]){1}, 1, 0, 0), CAROUSEL_E_NEED_MORE);
		fec_round_close(&round);
	}
}

static void test_symbol_size_is_whole_words(void **state)
{
	const struct fec_block odd = small_block(FEC_INSTANCE_RS_VAND, 4, 6, 33);
	const struct fec_block odd_bytes = small_block(FEC_INSTANCE_ISA_L_CAUCHY, 4, 6, 33);
	struct fec_plan *plan;
	struct fec_decoder *decoder;
	struct fec_round round;
	void *mem = aligned_alloc(64, 4096);
	(void)state;
	assert_int_equal(fec_plan_new(NULL, &odd, &plan), CAROUSEL_E_OTI);
	assert_int_equal(fec_decoder_init(&decoder, mem, 4096, &odd, 0), CAROUSEL_E_OTI);
	free(mem);
	fec_round_open(&round, &odd_bytes, 1);
	assert_int_equal(fec_round_decode(&round, (const uint32_t[]){1, 3, 4, 5}, 4, 7, 0), 0);
	fec_round_close(&round);
}

static void test_identities_only(void **state)
{
	const struct fec_block block = small_block(FEC_INSTANCE_ISA_L_CAUCHY, 3, 6, 1024);
	struct fec_round round;
	(void)state;
	fec_round_open(&round, &block, 1);
	assert_int_equal(fec_round_decode(&round, (const uint32_t[]){3, 4, 5}, 3, 1, 0), CAROUSEL_E_UNSUPPORTED);
	fec_round_close(&round);
}

static int failing_read(void *user, uint32_t esi, size_t off, size_t len, uint8_t *dst)
{
	(void)user;
	(void)esi;
	(void)off;
	(void)len;
	(void)dst;
	return CAROUSEL_E_STORAGE;
}

static void test_storage_errors_are_handed_on(void **state)
{
	const struct fec_block block = small_block(FEC_INSTANCE_ISA_L_CAUCHY, 2, 4, 64);
	const struct fec_symbols symbols = {NULL, NULL, failing_read, NULL};
	const size_t bytes = fec_encoder_bytes(&block);
	struct fec_decoder *decoder;
	struct fec_encoder *encoder;
	struct fec_plan *plan;
	void *mem = aligned_alloc(64, (bytes + 63) / 64 * 64);
	(void)state;
	assert_int_equal(fec_plan_new(NULL, &block, &plan), 0);
	assert_int_equal(fec_encoder_init(&encoder, mem, bytes, plan, &symbols), CAROUSEL_E_STORAGE);
	assert_null(encoder);
	fec_plan_free(plan);
	assert_int_equal(fec_decoder_init(&decoder, mem, bytes, &block, 0), 0);
	assert_int_equal(fec_decoder_add(decoder, 2), 0);
	assert_int_equal(fec_decoder_apply(decoder, &symbols), CAROUSEL_E_NEED_MORE);
	assert_int_equal(fec_decoder_add(decoder, 3), 0);
	assert_int_equal(fec_decoder_plan(decoder), 0);
	assert_int_equal(fec_decoder_apply(decoder, &symbols), CAROUSEL_E_STORAGE);
	free(mem);
}

static int make_plan(const struct carousel_allocator *a, void *user)
{
	struct fec_plan *plan;
	int result = fec_plan_new(a, user, &plan);
	fec_plan_free(plan);
	return result;
}

static void test_no_memory(void **state)
{
	struct fec_block block = small_block(FEC_INSTANCE_RS_VAND, 4, 6, 8);
	(void)state;
	assert_int_equal(fault_alloc_all(make_plan, &block), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_erasure_pattern),
		cmocka_unit_test(test_largest_codes),
		cmocka_unit_test(test_blocks_without_repair),
		cmocka_unit_test(test_symbol_size_is_whole_words),
		cmocka_unit_test(test_identities_only),
		cmocka_unit_test(test_storage_errors_are_handed_on),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

static void test_scheme_is_not_available(void **state)
{
	const struct fec_block block = fec_round_block(FEC_SMALL_BLOCK, FEC_INSTANCE_RS_VAND, 4, 6, 8);
	struct fec_plan *plan;
	(void)state;
	assert_false(fec_scheme_is_available(FEC_SMALL_BLOCK, FEC_INSTANCE_RS_VAND));
	assert_int_equal(fec_plan_new(NULL, &block, &plan), CAROUSEL_E_UNSUPPORTED);
	assert_int_equal(fec_decoder_bytes(&block, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_scheme_is_not_available)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
