#include "tests/lib/test.h"

#include "carousel-rx/store/symbol_check.h"

/* Two places that were never written must not pass for two zero symbols. */
static void test_equal_symbols_do_not_cancel(void **state)
{
	uint8_t zero[1024] = {0}, noise[1024];
	(void)state;
	memset(noise, 0xa5, sizeof(noise));
	for (uint32_t a = 0; a < 64; a++) {
		for (uint32_t b = 0; b < a; b++) {
			uint32_t wanted = symbol_check(zero, sizeof(zero), a) ^ symbol_check(zero, sizeof(zero), b);
			uint32_t found = symbol_check(noise, sizeof(noise), a) ^ symbol_check(noise, sizeof(noise), b);
			assert_int_not_equal(wanted, found);
			assert_int_not_equal(wanted, 0);
		}
	}
}

static void test_every_bit_counts(void **state)
{
	uint8_t symbol[64] = {1, 2, 3};
	uint32_t before = symbol_check(symbol, sizeof(symbol), 7);
	(void)state;
	for (size_t bit = 0; bit < 8 * sizeof(symbol); bit++) {
		symbol[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_not_equal(symbol_check(symbol, sizeof(symbol), 7), before);
		symbol[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	assert_int_not_equal(symbol_check(symbol, sizeof(symbol), 8), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equal_symbols_do_not_cancel),
		cmocka_unit_test(test_every_bit_counts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
