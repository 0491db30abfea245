#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "sim/timetable.h"
#include "tests/lib/fault_alloc.h"

#include <math.h>

#define SECOND 1000000000u
#define HOUR   (3600ull * SECOND)

static void test_once(void **state)
{
	struct timetable t;
	(void)state;
	assert_int_equal(timetable_parse(&t, NULL, "1h-2h, 5h-6h", 0), 0);
	assert_int_equal(t.num_windows, 2);
	assert_false(timetable_is_inside(&t, 0, 0));
	assert_true(timetable_is_inside(&t, 0, HOUR));
	assert_true(timetable_is_inside(&t, 0, 2 * HOUR - 1));
	assert_false(timetable_is_inside(&t, 0, 2 * HOUR));
	assert_false(timetable_is_inside(&t, 0, 24 * HOUR + HOUR));
	assert_true(timetable_next_change(&t, 0, 0) == HOUR);
	assert_true(timetable_next_change(&t, 0, HOUR) == 2 * HOUR);
	assert_true(timetable_next_change(&t, 0, 2 * HOUR) == 5 * HOUR);
	assert_true(timetable_next_change(&t, 0, 6 * HOUR) == TIMETABLE_NEVER);
	/* Shifted by three hours. */
	assert_false(timetable_is_inside(&t, 3 * HOUR, HOUR));
	assert_true(timetable_next_change(&t, 3 * HOUR, HOUR) == 4 * HOUR);
	assert_true(timetable_is_inside(&t, 3 * HOUR, 4 * HOUR));
	timetable_deinit(&t, NULL);
}

static void test_every_day(void **state)
{
	struct timetable t;
	(void)state;
	assert_int_equal(timetable_parse(&t, NULL, "0s-1h,18h-24h", 24 * HOUR), 0);
	assert_true(fabs(timetable_share(&t) - 7.0 / 24) < 1e-12);
	assert_true(timetable_is_inside(&t, 0, 0));
	assert_false(timetable_is_inside(&t, 0, HOUR));
	assert_true(timetable_is_inside(&t, 0, 48 * HOUR + HOUR / 2));
	assert_true(timetable_next_change(&t, 0, 2 * HOUR) == 18 * HOUR);
	/* The evening's window goes on after midnight. */
	assert_true(timetable_next_change(&t, 0, 20 * HOUR) == 25 * HOUR);
	assert_true(timetable_next_change(&t, 2 * HOUR, 20 * HOUR) == 27 * HOUR);
	assert_true(timetable_is_inside(&t, 2 * HOUR, 2 * HOUR));
	assert_false(timetable_is_inside(&t, 2 * HOUR, 3 * HOUR));
	timetable_deinit(&t, NULL);
	assert_int_equal(timetable_parse(&t, NULL, "0s-24h", 24 * HOUR), 0);
	assert_true(timetable_next_change(&t, 0, 5 * HOUR) == TIMETABLE_NEVER);
	timetable_deinit(&t, NULL);
}

/* Walking from change to change must agree with asking at every minute. */
static void test_changes_agree_with_inside(void **state)
{
	struct timetable t;
	(void)state;
	assert_int_equal(timetable_parse(&t, NULL, "10m-40m,2h-3h,20h-24h", 24 * HOUR), 0);
	for (uint64_t shift = 0; shift < 30 * HOUR; shift += 7 * HOUR) {
		uint64_t now = 0, change = timetable_next_change(&t, shift, 0);
		bool inside = timetable_is_inside(&t, shift, 0);
		for (; now < 72 * HOUR; now += 60ull * SECOND) {
			if (now >= change) {
				inside = !inside;
				change = timetable_next_change(&t, shift, change);
			}
			assert_int_equal(timetable_is_inside(&t, shift, now), inside);
		}
	}
	timetable_deinit(&t, NULL);
}

static void test_bad_text(void **state)
{
	static const struct {
		const char *text;
		int code;
	} bad[] = {{"", CAROUSEL_E_SYNTAX}, {"1h", CAROUSEL_E_SYNTAX}, {"1h-", CAROUSEL_E_SYNTAX},
		{"2h-1h", CAROUSEL_E_RANGE}, {"1h-1h", CAROUSEL_E_RANGE}, {"1h-2h,", CAROUSEL_E_SYNTAX},
		{"1h-3h,2h-4h", CAROUSEL_E_RANGE}, {"23h-25h", CAROUSEL_E_RANGE}, {"1h-2h 3h-4h", CAROUSEL_E_SYNTAX},
		{"-1h-2h", CAROUSEL_E_SYNTAX}};
	struct timetable t;
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_int_equal(timetable_parse(&t, NULL, bad[i].text, 24 * HOUR), bad[i].code);
		assert_null(t.windows);
	}
	assert_int_equal(timetable_parse(&t, NULL, "never", 0), 0);
	assert_true(timetable_next_change(&t, 0, 5) == TIMETABLE_NEVER);
	assert_false(timetable_is_inside(&t, 0, 5));
}

static void test_drawn_windows_have_their_means(void **state)
{
	struct timetable t;
	struct random_stream r;
	double inside = 0;
	(void)state;
	random_init(&r, 5, 0);
	assert_int_equal(timetable_draw(&t, NULL, &r, 20000 * HOUR, 9 * HOUR, HOUR), 0);
	for (size_t i = 0; i < t.num_windows; i++) {
		inside += (double)(t.windows[i].end_ns - t.windows[i].start_ns);
		assert_true(i == 0 || t.windows[i].start_ns > t.windows[i - 1].end_ns);
	}
	assert_true(fabs(inside / (20000.0 * HOUR) - 0.1) < 0.01);
	assert_in_range(t.num_windows, 1850, 2150);
	timetable_deinit(&t, NULL);
	assert_int_equal(timetable_draw(&t, NULL, &r, UINT64_MAX / 2, SECOND, SECOND), CAROUSEL_E_LIMIT);
	assert_null(t.windows);
}

static int attempt(const struct carousel_allocator *allocator, void *user)
{
	struct timetable t;
	int result = timetable_parse(
		&t, allocator, "1h-2h,3h-4h,5h-6h,7h-8h,9h-10h,11h-12h,13h-14h,15h-16h,17h-18h,19h-20h", 0);
	(void)user;
	if (result == 0)
		timetable_deinit(&t, allocator);
	return result;
}

static void test_no_memory(void **state)
{
	(void)state;
	assert_int_equal(fault_alloc_all(attempt, NULL), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_once),
		cmocka_unit_test(test_every_day),
		cmocka_unit_test(test_changes_agree_with_inside),
		cmocka_unit_test(test_bad_text),
		cmocka_unit_test(test_drawn_windows_have_their_means),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
