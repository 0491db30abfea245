#include "tests/lib/test.h"

#include "common/beta.h"

#include <math.h>

/* P(X >= k) of a binomial variable, added up. */
static double added(unsigned n, unsigned k, double p)
{
	double sum = 0;
	for (unsigned i = k; i <= n; i++)
		sum += exp(lgamma(n + 1.0) - lgamma(i + 1.0) - lgamma(n - i + 1.0) + i * log(p) + (n - i) * log1p(-p));
	return sum;
}

static void test_is_the_binomial_tail(void **state)
{
	static const double ps[] = {0.001, 0.05, 0.3, 0.5, 0.9};
	(void)state;
	for (unsigned i = 0; i < 5; i++)
		for (unsigned n = 1; n < 300; n += 23)
			for (unsigned k = 1; k <= n; k += 7) {
				const double wanted = added(n, k, ps[i]);
				const double got = beta_regularised(k, n - k + 1.0, ps[i]);
				assert_true(fabs(got - wanted) <= 1e-10 * wanted + 1e-14);
			}
}

static void test_edges_and_symmetry(void **state)
{
	(void)state;
	assert_true(beta_regularised(3, 4, 0) == 0 && beta_regularised(3, 4, -1) == 0);
	assert_true(beta_regularised(3, 4, 1) == 1 && beta_regularised(3, 4, 2) == 1);
	assert_true(fabs(beta_regularised(1, 1, 0.37) - 0.37) < 1e-14);
	for (double a = 0.25; a < 1e6; a *= 9)
		for (double x = 0.05; x < 1; x += 0.1)
			assert_true(fabs(beta_regularised(a, 7.5, x) + beta_regularised(7.5, a, 1 - x) - 1) < 1e-9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_is_the_binomial_tail),
		cmocka_unit_test(test_edges_and_symmetry),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
