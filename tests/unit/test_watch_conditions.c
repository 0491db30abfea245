/* covers: policy-map/cli/watch_conditions.c */
#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "policy-map/cli/watch.h"

static void test_parse(void **state)
{
	struct watch_conditions c;
	const char *wrong;
	(void)state;
	assert_int_equal(
		watch_conditions_parse("failure>1%,attempt-failure>12.5%,below-minimum>0,silent>500", &c, &wrong), 0);
	assert_int_equal(c.count, 4);
	assert_true(c.list[0].measure == WATCH_FAILURE && !c.list[0].is_count && c.list[0].limit == 100);
	assert_true(c.list[1].measure == WATCH_ATTEMPT_FAILURE && c.list[1].limit == 1250);
	assert_true(c.list[2].measure == WATCH_BELOW_MINIMUM && c.list[2].is_count && c.list[2].limit == 0);
	assert_true(c.list[3].measure == WATCH_SILENT && c.list[3].is_count && c.list[3].limit == 500);
}

static void test_refused(void **state)
{
	static const struct {
		const char *text;
		int error;
		size_t wrong; /* where the wrong condition begins */
	} cases[] = {
		{"", CAROUSEL_E_SYNTAX, 0},
		{"failure", CAROUSEL_E_SYNTAX, 0},
		{"failure>", CAROUSEL_E_SYNTAX, 0},
		{"failure>1%,", CAROUSEL_E_SYNTAX, 11},
		{",failure>1%", CAROUSEL_E_SYNTAX, 0},
		{"failure>1 %", CAROUSEL_E_SYNTAX, 0},
		{"failure>-1", CAROUSEL_E_SYNTAX, 0},
		{"failure>=1%", CAROUSEL_E_SYNTAX, 0},
		{"failure>101%", CAROUSEL_E_RANGE, 0},
		{"failures>1%", CAROUSEL_E_UNKNOWN_WORD, 0},
		{"failure>1%,failure>2%", CAROUSEL_E_DUPLICATE, 11},
		{"silent>5,failure>x,silent>1%", CAROUSEL_E_SYNTAX, 9},
		{"failure>1111111111111111111111111111111111111111111111111111111111111%", CAROUSEL_E_SYNTAX, 0},
	};
	struct watch_conditions c;
	const char *wrong;
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_int_equal(watch_conditions_parse(cases[i].text, &c, &wrong), cases[i].error);
		assert_int_equal(wrong - cases[i].text, cases[i].wrong);
	}
	assert_int_equal(
		watch_conditions_parse("failure>1%,failure>1,silent>1%,silent>1,below-minimum>1%,below-minimum>1,"
				       "attempt-failure>1%,attempt-failure>1",
			&c, &wrong),
		0);
	assert_int_equal(
		watch_conditions_parse("failure>1%,failure>1,silent>1%,silent>1,below-minimum>1%,below-minimum>1,"
				       "attempt-failure>1%,attempt-failure>1,silent>2",
			&c, &wrong),
		CAROUSEL_E_LIMIT);
}

static bool is_over(const struct fleet_kpi_class *k, const char *text)
{
	struct watch_conditions c;
	const char *wrong;
	assert_int_equal(watch_conditions_parse(text, &c, &wrong), 0);
	return watch_is_over(k, &c.list[0], 20);
}

/* More than the share, not as much; a share of a few boxes says nothing, a number of boxes does. */
static void test_over(void **state)
{
	struct fleet_kpi_class k = {.boxes = 300,
		.heard = 200,
		.failed = 2,
		.patched = 18,
		.below_minimum = 30,
		.silent = 25,
		.never_heard = 50};
	(void)state;
	assert_true(is_over(&k, "failure>0.99%"));
	assert_false(is_over(&k, "failure>1%"));
	assert_true(is_over(&k, "failure>1"));
	assert_false(is_over(&k, "failure>2"));
	assert_true(is_over(&k, "attempt-failure>9.99%"));
	assert_false(is_over(&k, "attempt-failure>10%"));
	assert_true(is_over(&k, "below-minimum>9.99%"));
	assert_false(is_over(&k, "below-minimum>10%"));
	assert_true(is_over(&k, "silent>9.99%"));
	assert_false(is_over(&k, "silent>10%"));
	k.patched = 17;
	assert_false(is_over(&k, "attempt-failure>0%"));
	k = (struct fleet_kpi_class){0};
	assert_false(is_over(&k, "failure>0%"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse), cmocka_unit_test(test_refused), cmocka_unit_test(test_over)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
