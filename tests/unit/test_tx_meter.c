/* covers: carousel-tx/meter.c */
#include "tests/lib/test.h"

#include "carousel-tx/meter.h"

#define SECOND_NS 1000000000ull

/* A steady rate is told from the first moment on, whenever one looks and however the ticks fall. */
static void test_steady_rate(void **state)
{
	struct tx_window window = {0};
	struct tx_meter meter = {0};
	uint64_t last = 0;
	(void)state;
	assert_int_equal(tx_meter_bps(&meter, &window, 0), 0);
	for (uint64_t now = 1000; now < 60 * SECOND_NS; now += SECOND_NS / 7) {
		meter.total_bytes = now / 1000; /* 8 Mbit/s */
		assert_in_range(tx_meter_bps(&meter, &window, now - last), 7600000, 8400000);
		if (now % 3 == 0) {
			tx_meter_tick(&meter, now - last);
			tx_window_tick(&window, now - last);
			last = now;
		}
	}
}

/* Parts add up to the whole, also when one begins late and another ends early. */
static void test_parts_add_up(void **state)
{
	struct tx_window window = {0};
	struct tx_meter whole = {0}, parts[3] = {0};
	uint64_t seed = 5;
	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		const uint64_t elapsed = SECOND_NS / 4 + test_random(&seed) % SECOND_NS;
		double sum = 0;
		for (unsigned p = 0; p < 3; p++) {
			const uint64_t bytes =
				(p == 1 && i < 100) || (p == 2 && i > 50) ? 0 : test_random(&seed) % 100000;
			parts[p].total_bytes += bytes;
			whole.total_bytes += bytes;
			sum += tx_meter_bytes(&parts[p], elapsed);
		}
		assert_true(sum <= tx_meter_bytes(&whole, elapsed) * 1.000001);
		assert_true(sum >= tx_meter_bytes(&whole, elapsed) * 0.999999);
		for (unsigned p = 0; p < 3; p++)
			tx_meter_tick(&parts[p], elapsed);
		tx_meter_tick(&whole, elapsed);
		tx_window_tick(&window, elapsed);
	}
	/* Silence is seen within half a minute. */
	assert_true(tx_meter_bps(&whole, &window, 30 * SECOND_NS) < 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_steady_rate),
		cmocka_unit_test(test_parts_add_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
