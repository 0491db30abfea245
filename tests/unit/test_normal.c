#include "tests/lib/test.h"

#include "common/normal.h"

#include <math.h>

static void test_normal_quantile_inverts(void **state)
{
	(void)state;
	/* Tables of the normal distribution. */
	assert_true(fabs(normal_quantile(0.975) - 1.959963984540054) < 1e-9);
	assert_true(fabs(normal_quantile(0.999) - 3.090232306167813) < 1e-9);
	assert_true(fabs(normal_quantile(1e-9) + 5.997807015007686) < 1e-7);
	assert_true(fabs(normal_quantile(0.5)) < 1e-12);
	for (double x = -6; x <= 6; x += 0.125)
		assert_true(fabs(normal_quantile(normal_cdf(x)) - x) < 1e-6);
	assert_true(isfinite(normal_quantile(0)) && isfinite(normal_quantile(1)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_normal_quantile_inverts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
