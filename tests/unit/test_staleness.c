#include "carousel-rx/staleness.h"
#include "tests/lib/test.h"

#define SECOND 1000000000ull
#define AFTER  (160 * SECOND)

/* Lets `seconds` pass with a packet in each of them, or none. */
static uint64_t pass(struct staleness *s, uint64_t now_ns, unsigned seconds, bool is_heard)
{
	for (unsigned i = 0; i < seconds; i++) {
		now_ns += SECOND;
		staleness_count(s, is_heard ? now_ns - 1 : 0, now_ns);
	}
	return now_ns;
}

static void test_packets_without_a_heartbeat(void **state)
{
	struct staleness s;
	uint64_t now_ns = 5 * SECOND;
	(void)state;
	staleness_init(&s, AFTER, now_ns);
	now_ns = pass(&s, now_ns, 159, true);
	assert_int_equal(staleness_reason(&s), STALENESS_NONE);
	now_ns = pass(&s, now_ns, 1, true);
	assert_int_equal(staleness_reason(&s), STALENESS_HEARTBEAT);
	staleness_heartbeat(&s);
	assert_int_equal(staleness_reason(&s), STALENESS_NONE);
	pass(&s, now_ns, 159, true);
	assert_int_equal(staleness_reason(&s), STALENESS_NONE);
}

/* Nothing heard, nothing missed: a box that is switched off or has no signal is not stale. */
static void test_silence_does_not_count(void **state)
{
	struct staleness s;
	uint64_t now_ns = SECOND;
	(void)state;
	staleness_init(&s, AFTER, now_ns);
	now_ns = pass(&s, now_ns, 10000, false);
	assert_int_equal(staleness_reason(&s), STALENESS_NONE);
	assert_true(staleness_deadline(&s, now_ns - SECOND / 2) == UINT64_MAX);
	/* A packet after a day: one step counts, not the day. */
	now_ns += 86400 * SECOND;
	assert_true(staleness_deadline(&s, now_ns) <= now_ns);
	staleness_count(&s, now_ns - 1, now_ns);
	assert_int_equal(s.quiet_ns, AFTER / 16);
	assert_int_equal(staleness_reason(&s), STALENESS_NONE);
}

static void test_announced_map_does_not_come(void **state)
{
	struct staleness s;
	uint64_t now_ns = SECOND;
	(void)state;
	staleness_init(&s, AFTER, now_ns);
	staleness_set_behind(&s, true);
	for (unsigned i = 0; i < 16; i++) {
		assert_int_equal(staleness_reason(&s), STALENESS_NONE);
		staleness_set_behind(&s, true);
		now_ns = pass(&s, now_ns, 10, true);
		staleness_heartbeat(&s);
	}
	assert_int_equal(staleness_reason(&s), STALENESS_MAP);
	staleness_set_behind(&s, false);
	assert_int_equal(staleness_reason(&s), STALENESS_NONE);
	/* The next one has its time, too. */
	staleness_set_behind(&s, true);
	assert_int_equal(staleness_reason(&s), STALENESS_NONE);
}

static void test_deadline(void **state)
{
	struct staleness s;
	(void)state;
	staleness_init(&s, AFTER, 7 * SECOND);
	assert_true(staleness_deadline(&s, 0) == UINT64_MAX);
	assert_true(staleness_deadline(&s, 8 * SECOND) == 17 * SECOND);
	staleness_count(&s, 8 * SECOND, 17 * SECOND);
	assert_true(staleness_deadline(&s, 8 * SECOND) == UINT64_MAX);
	/* Time that seems to go backwards counts as none. */
	staleness_count(&s, 18 * SECOND, 3 * SECOND);
	assert_true(staleness_deadline(&s, 18 * SECOND) == 27 * SECOND);
	assert_int_equal(s.quiet_ns, 10 * SECOND);
	/* Never coarser than a minute. */
	staleness_init(&s, 86400 * SECOND, 0);
	assert_true(staleness_deadline(&s, 1) == 60 * SECOND);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(staleness_reason_name(STALENESS_NONE), "none");
	assert_string_equal(staleness_reason_name(STALENESS_HEARTBEAT), "heartbeat");
	assert_string_equal(staleness_reason_name(STALENESS_MAP), "map");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_packets_without_a_heartbeat),
		cmocka_unit_test(test_silence_does_not_count),
		cmocka_unit_test(test_announced_map_does_not_come),
		cmocka_unit_test(test_deadline),
		cmocka_unit_test(test_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
