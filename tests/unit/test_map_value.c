#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "policy-map/map_value.h"

static void test_numbers(void **state)
{
	uint64_t value;
	(void)state;
	assert_int_equal(map_value_number("0", 0, 9, &value), 0);
	assert_int_equal(map_value_number("9", 0, 9, &value), 0);
	assert_int_equal(map_value_number("10", 0, 9, &value), CAROUSEL_E_RANGE);
	assert_int_equal(map_value_number("07", 0, 9, &value), CAROUSEL_E_SYNTAX);
	assert_int_equal(map_value_number("+7", 0, 9, &value), CAROUSEL_E_SYNTAX);
	assert_int_equal(map_value_number("", 0, 9, &value), CAROUSEL_E_SYNTAX);
}

/* Seconds computed by GNU date -u -d TIME +%s. */
static void test_times(void **state)
{
	static const struct {
		const char *text;
		uint64_t seconds;
	} good[] = {
		{"1970-01-01T00:00:00Z", 0},
		{"2000-02-29T12:00:01Z", 951825601},
		{"2026-11-21T10:00:00Z", 1795255200},
		{"2100-03-01T00:00:00Z", 4107542400},
		{"9999-12-31T23:59:59Z", 253402300799},
	};
	static const char *const range[] = {"1969-12-31T23:59Z", "2026-02-29T00:00Z", "2100-02-29T00:00Z",
		"2026-13-01T00:00Z", "2026-00-01T00:00Z", "2026-01-00T00:00Z", "2026-01-01T24:00Z", "2026-01-01T00:60Z",
		"2026-01-01T00:00:60Z"};
	static const char *const syntax[] = {"", "2026-11-21", "2026-11-21T10:00", "2026-11-21 10:00Z",
		"2026-11-21T10:00:00z", "26-11-21T10:00Z", "2026-11-2xT10:00Z", "2026-11-21T10:00Z "};
	char out[MAP_VALUE_TIME_BYTES];
	uint64_t seconds;
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		assert_int_equal(map_value_time(good[i].text, &seconds), 0);
		assert_true(seconds == good[i].seconds);
		assert_string_equal(map_value_print_time(out, seconds), good[i].text);
	}
	assert_int_equal(map_value_time("2026-11-21T10:00Z", &seconds), 0);
	assert_true(seconds == 1795255200);
	for (size_t i = 0; i < sizeof range / sizeof *range; i++)
		assert_int_equal(map_value_time(range[i], &seconds), CAROUSEL_E_RANGE);
	for (size_t i = 0; i < sizeof syntax / sizeof *syntax; i++)
		assert_int_equal(map_value_time(syntax[i], &seconds), CAROUSEL_E_SYNTAX);
	assert_string_equal(map_value_print_time(out, UINT64_MAX), "9999-12-31T23:59:59Z");
}

static void test_every_day_comes_back(void **state)
{
	char out[MAP_VALUE_TIME_BYTES];
	uint64_t back;
	(void)state;
	for (uint64_t day = 0; day < 200000; day++) {
		map_value_print_time(out, day * 86400 + day % 86400);
		assert_int_equal(map_value_time(out, &back), 0);
		assert_true(back == day * 86400 + day % 86400);
	}
}

static void test_permyriads(void **state)
{
	static const struct {
		const char *text;
		int result;
		uint32_t value;
	} cases[] = {
		{"0%", 0, 0},
		{"5%", 0, 500},
		{"0.5%", 0, 50},
		{"12.34%", 0, 1234},
		{"100%", 0, 10000},
		{"100.00%", 0, 10000},
		{"100.01%", CAROUSEL_E_RANGE, 0},
		{"999%", CAROUSEL_E_RANGE, 0},
		{"", CAROUSEL_E_SYNTAX, 0},
		{"%", CAROUSEL_E_SYNTAX, 0},
		{".5%", CAROUSEL_E_SYNTAX, 0},
		{"5.%", CAROUSEL_E_SYNTAX, 0},
		{"5", CAROUSEL_E_SYNTAX, 0},
		{"0.123%", CAROUSEL_E_SYNTAX, 0},
		{"-5%", CAROUSEL_E_SYNTAX, 0},
		{"1..2%", CAROUSEL_E_SYNTAX, 0},
		{"123456789%", CAROUSEL_E_SYNTAX, 0},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		uint32_t value = 0;
		assert_int_equal(map_value_permyriad(cases[i].text, &value), cases[i].result);
		if (cases[i].result == 0)
			assert_int_equal(value, cases[i].value);
	}
}

static void test_ramps(void **state)
{
	struct policy_ramp_step steps[POLICY_MAX_RAMP_STEPS];
	uint8_t n = 0;
	(void)state;
	assert_int_equal(map_value_ramp("5%,20%@+48h,100%@+7d", steps, &n), 0);
	assert_int_equal(n, 3);
	assert_int_equal(steps[0].permyriad, 500);
	assert_int_equal(steps[0].after_s, 0);
	assert_int_equal(steps[1].permyriad, 2000);
	assert_int_equal(steps[1].after_s, 48 * 3600);
	assert_int_equal(steps[2].permyriad, 10000);
	assert_int_equal(steps[2].after_s, 7 * 86400);
	assert_int_equal(map_value_ramp("1%@+30m", steps, &n), 0);
	assert_int_equal(steps[0].after_s, 1800);
	assert_int_equal(map_value_ramp("1%@+90s,1%@+91s", steps, &n), 0);
	assert_int_equal(map_value_ramp("5%,4%@+1h", steps, &n), CAROUSEL_E_RANGE);
	assert_int_equal(map_value_ramp("5%@+2h,6%@+2h", steps, &n), CAROUSEL_E_RANGE);
	assert_int_equal(map_value_ramp("5%,6%", steps, &n), CAROUSEL_E_SYNTAX);
	assert_int_equal(map_value_ramp("5%,", steps, &n), CAROUSEL_E_SYNTAX);
	assert_int_equal(map_value_ramp("", steps, &n), CAROUSEL_E_SYNTAX);
	assert_int_equal(map_value_ramp("5%@2h", steps, &n), CAROUSEL_E_SYNTAX);
	assert_int_equal(map_value_ramp("5%@+2", steps, &n), CAROUSEL_E_SYNTAX);
	assert_int_equal(map_value_ramp("5%@+200ms", steps, &n), CAROUSEL_E_SYNTAX);
	assert_int_equal(map_value_ramp("5%@+99999999999999999999d", steps, &n), CAROUSEL_E_RANGE);
	assert_int_equal(
		map_value_ramp(
			"1%,1%@+1h,1%@+2h,1%@+3h,1%@+4h,1%@+5h,1%@+6h,1%@+7h,1%@+8h,1%@+9h,1%@+10h,1%@+11h", steps, &n),
		0);
	assert_int_equal(n, POLICY_MAX_RAMP_STEPS);
	assert_int_equal(
		map_value_ramp("1%,1%@+1h,1%@+2h,1%@+3h,1%@+4h,1%@+5h,1%@+6h,1%@+7h,1%@+8h,1%@+9h,1%@+10h,1%@+11h,"
			       "1%@+12h",
			steps, &n),
		CAROUSEL_E_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_every_day_comes_back),
		cmocka_unit_test(test_permyriads),
		cmocka_unit_test(test_ramps),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
