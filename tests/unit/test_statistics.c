#include "tests/lib/test.h"

#include "sim/statistics.h"

#include <math.h>

static void test_quantiles(void **state)
{
	double values[] = {5, INFINITY, 1, 4, 2, 3};
	(void)state;
	statistics_sort(values, 6);
	assert_true(values[0] == 1 && isinf(values[5]));
	assert_true(statistics_quantile(values, 6, 0) == 1);
	assert_true(statistics_quantile(values, 6, 0.5) == 3);
	assert_true(statistics_quantile(values, 5, 1) == 5);
	assert_true(isinf(statistics_quantile(values, 6, 1)));
	assert_true(isnan(statistics_quantile(values, 0, 0.5)));
	assert_true(statistics_mean(values, 5) == 3);
	assert_true(isnan(statistics_mean(values, 0)));
}

/* Tables of the chi-square distribution. */
static void test_chi_square(void **state)
{
	(void)state;
	assert_true(fabs(statistics_chi_square_p(3.841458820694124, 1) - 0.05) < 1e-9);
	assert_true(fabs(statistics_chi_square_p(18.30703805327515, 10) - 0.05) < 1e-9);
	assert_true(fabs(statistics_chi_square_p(2.155856481304, 9) - 0.9889) < 1e-3);
	assert_true(fabs(statistics_chi_square_p(140.169, 100) - 0.005) < 1e-5);
	assert_true(statistics_chi_square_p(0, 5) == 1);
	assert_true(statistics_chi_square_p(7, 0) == 1);
}

/* Against the sum of the binomial's terms. */
static void test_binomial_tail(void **state)
{
	static const struct {
		unsigned n;
		double p;
	} cases[] = {{1, 0.5}, {10, 0.3}, {200, 0.95}, {1000, 0.02}};
	(void)state;
	for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
		const double n = cases[c].n, p = cases[c].p;
		double tail = 0;
		for (double k = n; k >= 0; k--) {
			tail += exp(
				lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) + k * log(p) + (n - k) * log1p(-p));
			assert_true(fabs(statistics_binomial_tail(n, k, p) - tail) < 1e-9);
		}
	}
	assert_true(statistics_binomial_tail(5, 6, 0.5) == 0);
	assert_true(statistics_binomial_tail(5, 0, 0.5) == 1);
	assert_true(statistics_binomial_tail(5, 5, 1) == 1);
	assert_true(statistics_binomial_tail(5, 1, 0) == 0);
	/* 16384 of 17300 with 5 % loss: the normal approximation, which is good here. */
	assert_true(fabs(statistics_binomial_tail(17300, 16384, 0.95) -
			    0.5 * erfc((16383.5 - 17300 * 0.95) / sqrt(2 * 17300 * 0.95 * 0.05))) < 2e-3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quantiles),
		cmocka_unit_test(test_chi_square),
		cmocka_unit_test(test_binomial_tail),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
