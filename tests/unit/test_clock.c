#include "tests/lib/test.h"

#include "common/io/clock.h"

static void test_clocks_go_forward(void **state)
{
	const uint64_t before = clock_monotonic_ns(), cpu = clock_cpu_ns();
	volatile unsigned work = 0;
	(void)state;
	while (clock_monotonic_ns() == before)
		work++;
	assert_true(clock_monotonic_ns() > before);
	assert_true(clock_cpu_ns() >= cpu);
	assert_true(clock_wall_s() > 1600000000u);
	assert_true(clock_wall_ns() / 1000000000u - clock_wall_s() <= 1);
}

static void test_format(void **state)
{
	char out[25];
	(void)state;
	assert_string_equal(clock_format_utc(0, out), "1970-01-01T00:00:00.000Z");
	assert_string_equal(clock_format_utc(1795255200123456789u, out), "2026-11-21T10:00:00.123Z");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clocks_go_forward),
		cmocka_unit_test(test_format),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
