#include "tests/lib/test.h"

#include "sim/random.h"

#include <math.h>

static void test_same_seed_same_numbers(void **state)
{
	struct random_stream a, b, other;
	unsigned equal = 0;
	(void)state;
	random_init(&a, 7, 3);
	random_init(&b, 7, 3);
	random_init(&other, 7, 4);
	for (unsigned i = 0; i < 1000; i++) {
		const uint64_t x = random_u64(&a);
		assert_true(x == random_u64(&b));
		equal += x == random_u64(&other);
	}
	assert_int_equal(equal, 0);
}

/* The first outputs of xoshiro256++ for the state 1, 2, 3, 4, as its authors' program prints them. */
static void test_generator_is_xoshiro256pp(void **state)
{
	static const uint64_t expected[] = {41943041u, 58720359u, 3588806011781223u, 3591011842654386u};
	struct random_stream r = {{1, 2, 3, 4}};
	(void)state;
	for (unsigned i = 0; i < 4; i++)
		assert_true(random_u64(&r) == expected[i]);
}

static void test_distributions_have_their_moments(void **state)
{
	const unsigned n = 400000;
	double unit = 0, exponential = 0, geometric = 0, normal = 0, square = 0;
	unsigned chance = 0, below[7] = {0};
	struct random_stream r;
	(void)state;
	random_init(&r, 1, 0);
	for (unsigned i = 0; i < n; i++) {
		const double z = random_normal(&r);
		unit += random_unit(&r);
		exponential += random_exponential(&r, 3);
		geometric += (double)random_geometric(&r, 0.2);
		chance += random_chance(&r, 0.125);
		below[random_below(&r, 7)]++;
		normal += z;
		square += z * z;
	}
	assert_true(fabs(unit / n - 0.5) < 0.003);
	assert_true(fabs(exponential / n - 3) < 0.03);
	assert_true(fabs(geometric / n - 5) < 0.05);
	assert_true(fabs((double)chance / n - 0.125) < 0.003);
	assert_true(fabs(normal / n) < 0.01);
	assert_true(fabs(square / n - 1) < 0.015);
	for (unsigned i = 0; i < 7; i++)
		assert_true(fabs((double)below[i] / n - 1.0 / 7) < 0.004);
}

static void test_edges(void **state)
{
	struct random_stream r;
	(void)state;
	random_init(&r, 1, 0);
	assert_true(random_below(&r, 0) == 0);
	assert_true(random_below(&r, 1) == 0);
	assert_true(random_geometric(&r, 0) == UINT64_MAX);
	assert_true(random_geometric(&r, 1) == 1);
	assert_false(random_chance(&r, 0));
	assert_true(random_chance(&r, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_seed_same_numbers),
		cmocka_unit_test(test_generator_is_xoshiro256pp),
		cmocka_unit_test(test_distributions_have_their_moments),
		cmocka_unit_test(test_edges),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
