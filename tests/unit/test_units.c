#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "common/units.h"

struct row {
	int (*parse)(const char *, uint64_t *);
	const char *text;
	int result;
	uint64_t value;
};

static void test_numbers(void **state)
{
	static const struct row rows[] = {
		{units_parse_u64, "0", 0, 0},
		{units_parse_u64, "18446744073709551615", 0, UINT64_MAX},
		{units_parse_u64, "18446744073709551616", CAROUSEL_E_RANGE, 0},
		{units_parse_u64, "", CAROUSEL_E_SYNTAX, 0},
		{units_parse_u64, "-1", CAROUSEL_E_SYNTAX, 0},
		{units_parse_u64, "+1", CAROUSEL_E_SYNTAX, 0},
		{units_parse_u64, " 1", CAROUSEL_E_SYNTAX, 0},
		{units_parse_u64, "1 ", CAROUSEL_E_SYNTAX, 0},
		{units_parse_u64, "1K", CAROUSEL_E_SYNTAX, 0},
		{units_parse_bytes, "16M", 0, 16u << 20},
		{units_parse_bytes, "3K", 0, 3072},
		{units_parse_bytes, "4G", 0, 4294967296u},
		{units_parse_bytes, "5", 0, 5},
		{units_parse_bytes, "17179869184G", CAROUSEL_E_RANGE, 0},
		{units_parse_bytes, "1k", CAROUSEL_E_SYNTAX, 0},
		{units_parse_bytes, "M", CAROUSEL_E_SYNTAX, 0},
		{units_parse_rate, "50M", 0, 50000000},
		{units_parse_rate, "16k", 0, 16000},
		{units_parse_rate, "2G", 0, 2000000000},
		{units_parse_rate, "2Gbit", CAROUSEL_E_SYNTAX, 0},
		{units_parse_duration, "250ms", 0, 250000000},
		{units_parse_duration, "2s", 0, 2000000000},
		{units_parse_duration, "3m", 0, 180000000000},
		{units_parse_duration, "1h", 0, 3600000000000},
		{units_parse_duration, "7d", 0, 604800000000000},
		{units_parse_duration, "0", 0, 0},
		{units_parse_duration, "5", CAROUSEL_E_SYNTAX, 0},
		{units_parse_duration, "1e3s", CAROUSEL_E_SYNTAX, 0},
		{units_parse_duration, "18446744074s", CAROUSEL_E_RANGE, 0},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		uint64_t value = 0;
		assert_int_equal(rows[i].parse(rows[i].text, &value), rows[i].result);
		if (rows[i].result == 0)
			assert_true(value == rows[i].value);
	}
}

/* What is printed is read again as the same. */
static void test_durations_as_they_are_written(void **state)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} rows[] = {{0, "0"}, {1000000, "1ms"}, {1500000000, "1500ms"}, {90000000000, "90s"}, {900000000000, "15m"},
		{172800000000000, "2d"}, {176400000000000, "49h"}};
	char out[UNITS_DURATION_BYTES];
	uint64_t again;
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_string_equal(units_print_duration(out, rows[i].ns), rows[i].text);
		assert_int_equal(units_parse_duration(out, &again), 0);
		assert_true(again == rows[i].ns);
	}
	assert_string_equal(units_print_duration(out, UINT64_MAX), "18446744073709551615");
}

static void test_shares(void **state)
{
	static const char *const bad[] = {"", ".5", "0.", "5x", "0.5.5", "-0.1", "nan", "1e-3"};
	double value;
	(void)state;
	assert_int_equal(units_parse_share("0.05", &value), 0);
	assert_true(value > 0.049999 && value < 0.050001);
	assert_int_equal(units_parse_share("5%", &value), 0);
	assert_true(value > 0.049999 && value < 0.050001);
	assert_int_equal(units_parse_share("12.5%", &value), 0);
	assert_true(value == 0.125);
	assert_int_equal(units_parse_share("1", &value), 0);
	assert_true(value == 1);
	assert_int_equal(units_parse_share("1.01", &value), CAROUSEL_E_RANGE);
	assert_int_equal(units_parse_share("101%", &value), CAROUSEL_E_RANGE);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(units_parse_share(bad[i], &value), CAROUSEL_E_SYNTAX);
}

static void test_bools(void **state)
{
	int value = 7;
	(void)state;
	assert_int_equal(units_parse_bool("yes", &value), 0);
	assert_int_equal(value, 1);
	assert_int_equal(units_parse_bool("off", &value), 0);
	assert_int_equal(value, 0);
	assert_int_equal(units_parse_bool("maybe", &value), CAROUSEL_E_UNKNOWN_WORD);
	assert_int_equal(units_parse_bool("", &value), CAROUSEL_E_UNKNOWN_WORD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_durations_as_they_are_written),
		cmocka_unit_test(test_shares),
		cmocka_unit_test(test_bools),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
