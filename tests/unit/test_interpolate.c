#include "tests/lib/test.h"

#include "fec/gf256/gf256.h"
#include "fec/reed_solomon/interpolate.h"

/* Values of a polynomial at known points give its values at others. */
static void test_polynomials_are_continued(void **state)
{
	uint64_t seed = 3;
	(void)state;
	for (unsigned tries = 0; tries < 300; tries++) {
		uint32_t points[255], k = 1 + (uint32_t)(test_random(&seed) % 60),
				      w = (uint32_t)(test_random(&seed) % 40);
		uint8_t poly[60], value[255], weights[60], coef[60 * 40];
		for (uint32_t i = 0; i < 255; i++)
			points[i] = i;
		for (uint32_t i = 254; i > 0; i--) {
			uint32_t j = (uint32_t)(test_random(&seed) % (i + 1)), swap = points[i];
			points[i] = points[j];
			points[j] = swap;
		}
		for (uint32_t i = 0; i < k; i++)
			poly[i] = (uint8_t)test_random(&seed);
		for (uint32_t i = 0; i < 255; i++) {
			value[i] = 0;
			for (uint32_t d = k; d-- > 0;) /* Horner */
				value[i] = gf256_mul(value[i], gf256_exp[i]) ^ poly[d];
		}
		interpolate(points, k, points + k, w, weights, coef);
		for (uint32_t r = 0; r < w; r++) {
			uint8_t sum = 0;
			for (uint32_t i = 0; i < k; i++)
				sum ^= gf256_mul(coef[r * k + i], value[points[i]]);
			assert_int_equal(sum, value[points[k + r]]);
		}
	}
}

static void test_one_symbol_is_repeated(void **state)
{
	const uint32_t known = 254, wanted[] = {0, 1, 253};
	uint8_t weight, coef[3];
	(void)state;
	interpolate(&known, 1, wanted, 3, &weight, coef);
	for (int i = 0; i < 3; i++)
		assert_int_equal(coef[i], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_polynomials_are_continued),
		cmocka_unit_test(test_one_symbol_is_repeated),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
