/* covers: carousel-tx/pacer.c */
#include "tests/lib/test.h"

#include "carousel-tx/pacer.h"

#define SECOND_NS 1000000000ull

/* Sends whenever it may for so long, looking only when the deadline says so; returns bytes. */
static uint64_t run(struct tx_pacer *p, uint32_t packet, uint64_t *now, uint64_t duration)
{
	uint64_t end = *now + duration, bytes = 0;
	while (*now < end) {
		while (tx_pacer_is_ready(p, *now)) {
			tx_pacer_sent(p, packet, *now);
			bytes += packet;
		}
		*now = tx_pacer_deadline(p);
	}
	return bytes;
}

static void test_long_run_is_exact(void **state)
{
	static const uint64_t rates[] = {16000, 999983, 50000000, 3500000000u, 100000000000u};
	(void)state;
	for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
		struct tx_pacer p;
		uint64_t now = 12345, seconds = rates[i] > SECOND_NS ? 1 : 1000, bytes;
		double wanted = (double)rates[i] / 8 * (double)seconds, slack;
		tx_pacer_init(&p, rates[i], 0, now);
		bytes = run(&p, 1072, &now, seconds * SECOND_NS);
		slack = (double)p.gather_ns * (double)rates[i] / 8e9 + 2 * 1072;
		assert_true((double)bytes >= wanted - slack && (double)bytes <= wanted + slack);
		/* No drift: the next packet's time is what all bytes so far take, to the nanosecond. */
		assert_true((double)(p.next_ns - 12345) <= (double)bytes * 8e9 / (double)rates[i] + 1);
		assert_true((double)(p.next_ns - 12345) >= (double)bytes * 8e9 / (double)rates[i] - 1);
	}
}

static void test_burst_after_a_delay_is_bounded(void **state)
{
	struct tx_pacer p;
	uint64_t now = 0, bytes = 0;
	(void)state;
	tx_pacer_init(&p, 8000000, 20000, now);
	run(&p, 1000, &now, SECOND_NS);
	now += 10 * SECOND_NS;
	for (; tx_pacer_is_ready(&p, now); bytes += 1000)
		tx_pacer_sent(&p, 1000, now);
	assert_true(bytes >= 20000 && bytes <= 21000);
	/* A delay shorter than the burst is made up in full. */
	now = p.next_ns + 5000000;
	for (bytes = 0; tx_pacer_is_ready(&p, now); bytes += 1000)
		tx_pacer_sent(&p, 1000, now);
	assert_int_equal(bytes, 6000);
}

static void test_slow_packets_leave_one_by_one(void **state)
{
	struct tx_pacer p;
	(void)state;
	tx_pacer_init(&p, 16000, 0, 5);
	assert_true(tx_pacer_is_ready(&p, 5));
	tx_pacer_sent(&p, 1000, 5);
	assert_int_equal(tx_pacer_deadline(&p), 5 + SECOND_NS / 2);
	assert_false(tx_pacer_is_ready(&p, 4 + SECOND_NS / 2));
	assert_true(tx_pacer_is_ready(&p, 5 + SECOND_NS / 2));
}

static void test_fast_packets_gather(void **state)
{
	struct tx_pacer p;
	(void)state;
	tx_pacer_init(&p, 1000000000, 0, 0);
	tx_pacer_sent(&p, 1000, 0);
	assert_int_equal(p.next_ns, 8000);
	assert_int_equal(tx_pacer_deadline(&p), 8000 + 1000000);
}

static void test_unlimited(void **state)
{
	struct tx_pacer p;
	(void)state;
	tx_pacer_init(&p, 0, 0, 7);
	for (int i = 0; i < 1000; i++) {
		assert_true(tx_pacer_is_ready(&p, 7));
		tx_pacer_sent(&p, 1500, 7);
	}
	assert_int_equal(tx_pacer_deadline(&p), 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_long_run_is_exact),
		cmocka_unit_test(test_burst_after_a_delay_is_bounded),
		cmocka_unit_test(test_slow_packets_leave_one_by_one),
		cmocka_unit_test(test_fast_packets_gather),
		cmocka_unit_test(test_unlimited),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
