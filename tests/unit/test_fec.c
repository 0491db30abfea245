#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "fec/fec.h"
#include "tests/lib/fec_round.h"

static void test_availability(void **state)
{
	(void)state;
	assert_true(fec_scheme_is_available(FEC_COMPACT_NO_CODE, 0));
	assert_true(fec_scheme_is_available(FEC_REED_SOLOMON_GF256, 0));
	assert_true(fec_scheme_is_available(FEC_RAPTORQ, 0));
	assert_int_equal(fec_scheme_is_available(FEC_SMALL_BLOCK, FEC_INSTANCE_RS_VAND), WITH_RS);
	assert_false(fec_scheme_is_available(FEC_SMALL_BLOCK, 0));
	assert_false(fec_scheme_is_available(FEC_COMPACT_NO_CODE, 1));
	assert_false(fec_scheme_is_available(2, 0));
}

/* What no OTI that was checked gives, but a caller might. */
static void test_blocks_are_checked(void **state)
{
	static const struct {
		uint8_t id;
		uint32_t k, n;
		uint16_t t;
		int result;
	} rows[] = {
		{FEC_REED_SOLOMON_GF256, 1, 255, 1, 0},
		{FEC_REED_SOLOMON_GF256, 0, 255, 1, CAROUSEL_E_OTI},
		{FEC_REED_SOLOMON_GF256, 1, 256, 1, CAROUSEL_E_OTI},
		{FEC_REED_SOLOMON_GF256, 256, 256, 1, CAROUSEL_E_OTI},
		{FEC_REED_SOLOMON_GF256, 10, 9, 1, CAROUSEL_E_OTI},
		{FEC_REED_SOLOMON_GF256, 10, 20, 0, CAROUSEL_E_OTI},
		{FEC_REED_SOLOMON_GF256, 10, 20, 65529, CAROUSEL_E_OTI},
		{FEC_COMPACT_NO_CODE, 65536, 65536, 8, 0},
		{FEC_COMPACT_NO_CODE, 65537, 65537, 8, CAROUSEL_E_OTI},
		{FEC_COMPACT_NO_CODE, 10, 11, 8, CAROUSEL_E_OTI},
		{FEC_RAPTORQ, 10, 1u << 24, 8, 0},
		{FEC_RAPTORQ, 56404, 1u << 24, 8, CAROUSEL_E_OTI},
		{FEC_RAPTORQ, 10, (1u << 24) + 1, 8, CAROUSEL_E_OTI},
		{2, 10, 11, 8, CAROUSEL_E_UNSUPPORTED},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct fec_block block = fec_round_block(rows[i].id, 0, rows[i].k, rows[i].n, rows[i].t);
		struct fec_plan *plan;
		assert_int_equal(fec_plan_new(NULL, &block, &plan), rows[i].result);
		assert_true((plan == NULL) == (rows[i].result != 0));
		fec_plan_free(plan);
		assert_true((fec_decoder_bytes(&block, 0) == 0) == (rows[i].result != 0));
		assert_true((fec_encoder_bytes(&block) == 0) == (rows[i].result != 0));
	}
}

static void test_memory_is_checked(void **state)
{
	const struct fec_block block = fec_round_block(FEC_REED_SOLOMON_GF256, 0, 4, 6, 16);
	const size_t bytes = fec_decoder_bytes(&block, 0);
	uint8_t *mem = aligned_alloc(64, (bytes + 127) / 64 * 64);
	struct fec_decoder *decoder;
	(void)state;
	assert_int_equal(fec_decoder_init(&decoder, mem, bytes, &block, 0), 0);
	assert_int_equal(fec_decoder_init(&decoder, mem, bytes - 1, &block, 0), CAROUSEL_E_LIMIT);
	assert_null(decoder);
	assert_int_equal(fec_decoder_init(&decoder, mem + 8, bytes, &block, 0), CAROUSEL_E_ARGUMENT);
	assert_int_equal(fec_decoder_init(&decoder, NULL, bytes, &block, 0), CAROUSEL_E_ARGUMENT);
	assert_int_equal(fec_decoder_init(&decoder, mem, bytes, &block, 17), CAROUSEL_E_ARGUMENT);
	assert_int_equal(fec_decoder_bytes(&block, 17), 0);
	fec_decoder_deinit(NULL);
	fec_encoder_deinit(NULL);
	fec_plan_free(NULL);
	free(mem);
}

static const uint8_t zeros[16];

static const uint8_t *all_zero(void *user, uint32_t esi)
{
	(void)user;
	(void)esi;
	return zeros;
}

static void test_requests_for_symbols_are_checked(void **state)
{
	const struct fec_block block = fec_round_block(FEC_REED_SOLOMON_GF256, 0, 4, 6, 16);
	const struct fec_symbols source = {NULL, all_zero, NULL, NULL};
	const size_t bytes = fec_encoder_bytes(&block);
	uint8_t *mem = aligned_alloc(64, (bytes + 127) / 64 * 64), out[6 * 16];
	struct fec_encoder *e;
	struct fec_plan *plan;
	(void)state;
	assert_int_equal(fec_plan_new(NULL, &block, &plan), 0);
	assert_int_equal(fec_encoder_init(&e, mem, bytes - 1, plan, &source), CAROUSEL_E_LIMIT);
	assert_int_equal(fec_encoder_init(&e, mem + 1, bytes, plan, &source), CAROUSEL_E_ARGUMENT);
	assert_int_equal(fec_encoder_init(&e, mem, bytes, plan, &source), 0);
	fec_plan_free(plan);
	assert_int_equal(fec_encoder_symbols(e, 0, 1, 6, out, 16), 0);
	assert_int_equal(fec_encoder_symbols(e, 0, 1, 7, out, 16), CAROUSEL_E_SYMBOL);
	assert_int_equal(fec_encoder_symbols(e, 6, 1, 1, out, 16), CAROUSEL_E_SYMBOL);
	assert_int_equal(fec_encoder_symbols(e, 6, 1, 0, out, 16), 0);
	assert_int_equal(fec_encoder_symbols(e, UINT32_MAX, 1, 1, out, 16), CAROUSEL_E_SYMBOL);
	assert_int_equal(fec_encoder_symbols(e, 1, 4, 2, out, 16), 0);
	assert_int_equal(fec_encoder_symbols(e, 1, 5, 2, out, 16), CAROUSEL_E_SYMBOL);
	assert_int_equal(fec_encoder_symbols(e, 0, UINT32_MAX, 2, out, 16), CAROUSEL_E_SYMBOL);
	assert_int_equal(fec_encoder_symbols(e, 0, UINT32_MAX, UINT32_MAX, out, 16), CAROUSEL_E_SYMBOL);
	assert_int_equal(fec_encoder_symbols(e, 0, 0, 2, out, 16), CAROUSEL_E_ARGUMENT);
	assert_int_equal(fec_encoder_symbols(e, 0, 1, 2, out, 15), CAROUSEL_E_ARGUMENT);
	fec_encoder_deinit(e);
	free(mem);
}

/* Each scheme there and back from its last symbols, in strips, through the one interface. */
static void test_schemes_are_told_apart(void **state)
{
	static const struct {
		uint8_t id;
		uint16_t instance;
		uint32_t k, n;
	} rows[] = {
		{FEC_COMPACT_NO_CODE, 0, 12, 12},
		{FEC_REED_SOLOMON_GF256, 0, 12, 24},
		{FEC_RAPTORQ, 0, 12, 1u << 24},
#if WITH_RS
		{FEC_SMALL_BLOCK, FEC_INSTANCE_RS_VAND, 12, 24},
		{FEC_SMALL_BLOCK, FEC_INSTANCE_ISA_L_CAUCHY, 12, 24},
#endif
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct fec_block block =
			fec_round_block(rows[i].id, rows[i].instance, rows[i].k, rows[i].n, 1024);
		struct fec_round round;
		uint32_t esis[14];
		for (uint32_t j = 0; j < 14; j++)
			esis[j] = (rows[i].n > 12 ? 12 : 0) + j;
		fec_round_open(&round, &block, i);
		assert_int_equal(fec_round_decode(&round, esis, 11, 256, 0), CAROUSEL_E_NEED_MORE);
		assert_int_equal(fec_round_decode(&round, esis, rows[i].id == FEC_RAPTORQ ? 14 : 12, 256, 0), 0);
		fec_round_close(&round);
	}
}

static void test_plans_of_other_blocks_are_refused(void **state)
{
	const struct fec_block block = fec_round_block(FEC_REED_SOLOMON_GF256, 0, 4, 6, 16);
	const struct fec_block other = fec_round_block(FEC_REED_SOLOMON_GF256, 0, 4, 7, 16);
	struct fec_plan *plan, *loaded;
	uint8_t saved[64];
	size_t len = sizeof saved;
	(void)state;
	assert_int_equal(fec_plan_new(NULL, &block, &plan), 0);
	assert_int_equal(fec_plan_save(plan, saved, &len), 0);
	fec_plan_free(plan);
	assert_int_equal(fec_plan_load(NULL, &other, saved, len, &loaded), CAROUSEL_E_CONFLICT);
	assert_null(loaded);
	assert_int_equal(fec_plan_load(NULL, &block, saved, len, &loaded), 0);
	fec_plan_free(loaded);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_availability),
		cmocka_unit_test(test_blocks_are_checked),
		cmocka_unit_test(test_memory_is_checked),
		cmocka_unit_test(test_requests_for_symbols_are_checked),
		cmocka_unit_test(test_schemes_are_told_apart),
		cmocka_unit_test(test_plans_of_other_blocks_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
