#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "tests/lib/fault_alloc.h"
#include "tests/lib/fec_round.h"

static void test_all_or_nothing(void **state)
{
	const struct fec_block block = fec_round_block(FEC_COMPACT_NO_CODE, 0, 5, 5, 3);
	struct fec_round round;
	(void)state;
	fec_round_open(&round, &block, 1);
	for (uint32_t set = 0; set < 32; set++) {
		uint32_t esis[5], count = 0;
		for (uint32_t esi = 0; esi < 5; esi++)
			if (set >> esi & 1)
				esis[count++] = esi;
		assert_int_equal(fec_round_decode(&round, esis, count, 0, 0), count < 5 ? CAROUSEL_E_NEED_MORE : 0);
	}
	assert_int_equal(fec_round_decode(&round, (const uint32_t[]){4, 3, 2, 1, 0}, 5, 1, 0), CAROUSEL_E_UNSUPPORTED);
	fec_round_close(&round);
}

static void test_largest_block(void **state)
{
	const struct fec_block block = fec_round_block(FEC_COMPACT_NO_CODE, 0, 65536, 65536, 1);
	const size_t bytes = fec_decoder_bytes(&block, 0);
	void *mem = aligned_alloc(64, bytes);
	const struct fec_symbols none = {NULL, NULL, NULL, NULL};
	struct fec_decoder *decoder;
	(void)state;
	assert_true(bytes < 10000);
	assert_int_equal(fec_decoder_init(&decoder, mem, bytes, &block, 0), 0);
	for (uint32_t esi = 0; esi < 65536; esi++) {
		assert_int_equal(fec_decoder_plan(decoder), CAROUSEL_E_NEED_MORE);
		assert_int_equal(fec_decoder_add(decoder, esi), 0);
	}
	assert_int_equal(fec_decoder_add(decoder, 0), CAROUSEL_E_DUPLICATE);
	assert_int_equal(fec_decoder_add(decoder, 65536), CAROUSEL_E_SYMBOL);
	assert_int_equal(fec_decoder_plan(decoder), 0);
	assert_int_equal(fec_decoder_apply(decoder, &none), 0);
	fec_decoder_deinit(decoder);
	free(mem);
}

static int make_plan(const struct carousel_allocator *a, void *user)
{
	struct fec_plan *plan, *loaded = NULL;
	uint8_t saved[64];
	size_t len = sizeof saved;
	int result = fec_plan_new(a, user, &plan);
	if (result)
		return result;
	result = fec_plan_save(plan, saved, &len);
	if (result == 0)
		result = fec_plan_load(a, user, saved, len, &loaded);
	fec_plan_free(plan);
	fec_plan_free(loaded);
	return result;
}

static void test_no_memory(void **state)
{
	struct fec_block block = fec_round_block(FEC_COMPACT_NO_CODE, 0, 5, 5, 3);
	(void)state;
	assert_int_equal(fault_alloc_all(make_plan, &block), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_or_nothing),
		cmocka_unit_test(test_largest_block),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
