#include "tests/lib/fault_alloc.h"
#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "sim/delay_line.h"

static void test_in_order_of_time_then_of_pushing(void **state)
{
	struct delay_line d;
	uint64_t random = 1, last_due = 0, last_order = 0;
	(void)state;
	delay_line_init(&d, NULL, 5000, 1000000);
	assert_true(delay_line_due(&d) == UINT64_MAX);
	assert_null(delay_line_first(&d));
	delay_line_pop(&d);
	for (uint32_t i = 0; i < 3000; i++)
		assert_int_equal(delay_line_push(&d, test_random(&random) % 100, (const uint8_t *)&i, sizeof i), 0);
	assert_int_equal(d.bytes, 3000 * sizeof(uint32_t));
	for (unsigned i = 0; i < 3000; i++) {
		const struct delay_line_packet *p = delay_line_first(&d);
		uint32_t number;
		assert_int_equal(p->len, sizeof number);
		memcpy(&number, p->data, sizeof number);
		assert_int_equal(number, p->order);
		assert_true(delay_line_due(&d) == p->due_ns);
		assert_true(p->due_ns > last_due || i == 0 || (p->due_ns == last_due && p->order > last_order));
		last_due = p->due_ns;
		last_order = p->order;
		delay_line_pop(&d);
	}
	assert_int_equal(d.count, 0);
	assert_int_equal(d.bytes, 0);
	delay_line_deinit(&d);
}

static void test_limits(void **state)
{
	static const uint8_t data[100];
	struct delay_line d;
	(void)state;
	delay_line_init(&d, NULL, 3, 250);
	assert_int_equal(delay_line_push(&d, 1, data, 251), CAROUSEL_E_LIMIT);
	assert_int_equal(delay_line_push(&d, 1, data, 100), 0);
	assert_int_equal(delay_line_push(&d, 1, data, 100), 0);
	assert_int_equal(delay_line_push(&d, 1, data, 51), CAROUSEL_E_LIMIT);
	assert_int_equal(delay_line_push(&d, 1, data, 0), 0);
	assert_int_equal(delay_line_push(&d, 1, data, 1), CAROUSEL_E_LIMIT);
	delay_line_pop(&d);
	assert_int_equal(delay_line_push(&d, 1, data, 1), 0);
	delay_line_deinit(&d);
}

static int attempt(const struct carousel_allocator *allocator, void *user)
{
	static const uint8_t data[10];
	struct delay_line d;
	int result = 0;
	(void)user;
	delay_line_init(&d, allocator, 100, 1000);
	for (unsigned i = 0; i < 20 && result == 0; i++)
		result = delay_line_push(&d, i, data, sizeof data);
	delay_line_deinit(&d);
	return result;
}

static void test_every_allocation_may_fail(void **state)
{
	(void)state;
	assert_int_equal(fault_alloc_all(attempt, NULL), 23);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_order_of_time_then_of_pushing),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_every_allocation_may_fail),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
