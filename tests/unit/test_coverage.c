#include "tests/lib/test.h"

#include "sim/coverage.h"

#include <math.h>

static bool is_near(double a, double b)
{
	return fabs(a - b) < 1e-9;
}

static void test_parts_of_a_cycle(void **state)
{
	struct coverage c;
	(void)state;
	coverage_init(&c, 0.1);
	assert_true(coverage_missing(&c) == 1);
	coverage_hear(&c, 0.2, 0.3);
	assert_true(is_near(coverage_missing(&c), 0.7 + 0.3 * 0.1));
	/* Over the end of the cycle, and some of it again. */
	coverage_hear(&c, 3.9, 0.4);
	assert_true(is_near(coverage_missing(&c), 0.4 + 0.2 * 0.1 + 0.1 * 0.01 + 0.3 * 0.1));
	/* Whole cycles as well. */
	coverage_hear(&c, 0.5, 2.4);
	assert_true(is_near(coverage_missing(&c), (0.4 * 0.1 + 0.2 * 0.1 + 0.1 * 0.01 + 0.3 * 0.1) * 0.01));
}

static void test_pieces_that_meet_are_one(void **state)
{
	struct coverage c;
	(void)state;
	coverage_init(&c, 0);
	for (unsigned i = 0; i < 1000; i++)
		coverage_hear(&c, i * 0.001, 0.001);
	assert_true(coverage_missing(&c) < 1e-9);
	assert_true(c.count < 3);
}

/* More pieces than there is room for: blurred, so that more seems to be missing than is; never out of bounds. */
static void test_too_many_pieces(void **state)
{
	struct coverage c;
	double before = 1;
	(void)state;
	coverage_init(&c, 0.2);
	for (unsigned i = 0; i < 5000; i++) {
		double now;
		coverage_hear(&c, i * 0.6180339887, 0.0004);
		now = coverage_missing(&c);
		assert_true(now <= before + 1e-12 && c.count <= COVERAGE_MAX_PARTS);
		before = now;
	}
	/* Two cycles' worth, evenly; if each piece were anywhere, exp(-1.6). */
	assert_true(before >= 0.04 && before < 0.21);
}

/* On for a quarter of the time: a cycle of 100 s, heard in pieces of 5 s each 20 s, takes until all of it was on. */
static void test_a_box(void **state)
{
	static struct scenario s = {.transmitter = {.headends = 1}, .duration_ns = 4000000000000u};
	static struct scenario_group g;
	struct airtime_segment segment = {0, 4000000000000u, 1e-9, false};
	struct airtime a = {.scenario = &s};
	double sent;
	uint64_t at;
	(void)state;
	a.images[0] = (struct airtime_image){.segments = &segment, .num_segments = 1};
	assert_true(airtime_sent(&a, 0, 7000000000u) == 7);
	at = coverage_until(&a, 0, &g, 0, 3000000000u, 100, 0, 50, &sent);
	assert_true(fabs((double)at / 1e9 - 53) < 0.01 && fabs(sent - 50) < 0.01); /* without a break */
	assert_int_equal(timetable_parse(&g.on, NULL, "0s-5s", 20000000000u), 0);
	/* The cycle is five periods: ever the same quarter of it is heard. */
	at = coverage_until(&a, 0, &g, 0, 0, 100, 0, 30, &sent);
	assert_true(at == SCENARIO_NEVER);
	/* Four and a half: eight pieces without an overlap in 18 s parts are 40 s; the rest needs the next rounds. */
	at = coverage_until(&a, 0, &g, 0, 0, 90, 0, 40, &sent);
	assert_true(fabs((double)at / 1e9 - 145) < 0.01 && fabs(sent - 40) < 0.01);
	assert_true(coverage_until(&a, 0, &g, 0, 0, 90, 0.1, INFINITY, &sent) == SCENARIO_NEVER);
	timetable_deinit(&g.on, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parts_of_a_cycle),
		cmocka_unit_test(test_pieces_that_meet_are_one),
		cmocka_unit_test(test_too_many_pieces),
		cmocka_unit_test(test_a_box),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
