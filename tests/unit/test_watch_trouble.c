/* covers: policy-map/cli/watch_trouble.c */
#include "tests/lib/test.h"

#include "policy-map/cli/watch.h"

#define MINUTE (60ull * 1000000000u)

static void test_told_in_measure(void **state)
{
	struct watch_trouble t = {0};
	uint64_t start = 5;
	unsigned told = 0;
	(void)state;
	assert_int_equal(watch_trouble_end(&t), 0);
	assert_true(watch_trouble_add(&t, "busy", start));
	/* A look a second for an hour: not a word more. Then one. */
	for (unsigned i = 1; i < 3600; i++)
		assert_false(watch_trouble_add(&t, "busy", start + i * (MINUTE / 60)));
	assert_true(watch_trouble_add(&t, "busy", start + 60 * MINUTE));
	assert_false(watch_trouble_add(&t, "gone", start + 60 * MINUTE + 1));
	assert_true(watch_trouble_add(&t, "gone", start + 61 * MINUTE));
	assert_int_equal(watch_trouble_end(&t), 3603);
	assert_int_equal(watch_trouble_end(&t), 0);
	/* Reasons that take turns, good looks between them: a line a minute at most. */
	for (unsigned i = 0; i < 600; i++) {
		told += watch_trouble_add(&t, i & 1 ? "busy" : "gone", start + 70 * MINUTE + i * (MINUTE / 60));
		if (i % 7 == 0)
			(void)watch_trouble_end(&t);
	}
	assert_int_equal(told, 10);
}

/* What was not told of needs no end. */
static void test_end(void **state)
{
	struct watch_trouble t = {0};
	(void)state;
	assert_true(watch_trouble_add(&t, "busy", 1));
	assert_int_equal(watch_trouble_end(&t), 1);
	assert_false(watch_trouble_add(&t, "busy", 2));
	assert_int_equal(watch_trouble_end(&t), 0);
	assert_true(watch_trouble_add(&t, "busy", 1 + MINUTE));
	assert_int_equal(watch_trouble_end(&t), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_told_in_measure), cmocka_unit_test(test_end)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
