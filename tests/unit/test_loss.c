#include "carousel-rx/loss.h"
#include "tests/lib/test.h"

static const struct carousel_addr home = {.family = 4, .ip = {192, 0, 2, 1}, .port = 1};

static void push(struct loss *l, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i != to; i++)
		loss_push(l, &home, 0, i);
}

static void test_gaps_are_bursts(void **state)
{
	struct loss l;
	(void)state;
	loss_init(&l);
	push(&l, 1000, 1100);
	push(&l, 1101, 1110);
	push(&l, 1115, 1200);
	assert_int_equal(l.lost, 6);
	assert_int_equal(l.bursts, 2);
	assert_int_equal(l.longest_burst, 5);
	assert_true(loss_share(&l) > 0.0299 && loss_share(&l) < 0.0301);
}

static void test_late_is_not_lost(void **state)
{
	struct loss l;
	(void)state;
	loss_init(&l);
	push(&l, 0xfffffff0u, 0xfffffff8u);
	push(&l, 0xfffffff9u, 0x10u); /* over the wrap */
	assert_int_equal(l.lost, 1);
	loss_push(&l, &home, 0, 0xfffffff8u);
	assert_int_equal(l.lost, 0);
	assert_int_equal(l.late, 1);
	loss_push(&l, &home, 0, 0xfffffff8u);
	loss_push(&l, &home, 0, 0xfu);
	assert_int_equal(l.duplicates, 2);
	assert_int_equal(l.lost, 0);
	loss_push(&l, &home, 0, 0x10u - 100); /* too old to tell */
	assert_int_equal(l.late, 1);
}

static void test_a_new_beginning_needs_two(void **state)
{
	struct loss l;
	(void)state;
	loss_init(&l);
	push(&l, 5, 10);
	loss_push(&l, &home, 0, 0x40000000u); /* one stray number */
	push(&l, 10, 20);
	assert_int_equal(l.lost, 0);
	push(&l, 0x50000000u, 0x50000010u); /* a transmitter that started anew */
	assert_int_equal(l.lost, 0);
	loss_push(&l, &home, 0, 0x50000012u);
	assert_int_equal(l.lost, 2);
}

static void test_numbering_off(void **state)
{
	struct loss l;
	(void)state;
	loss_init(&l);
	for (int i = 0; i < 100; i++)
		loss_push(&l, &home, 0, 0);
	assert_int_equal(l.received, 100);
	assert_int_equal(l.lost + l.duplicates + l.late, 0);
	assert_true(loss_share(&l) == 0);
}

static void test_streams_are_apart(void **state)
{
	struct loss l;
	struct carousel_addr other = home;
	(void)state;
	loss_init(&l);
	for (uint32_t i = 0; i < 50; i++) {
		loss_push(&l, &home, 0, i + 1);
		loss_push(&l, &home, 1, i + 70000);
		other.ip[3] = 2;
		loss_push(&l, &other, 0, i + 900000);
		other.port++; /* which does not count */
	}
	assert_int_equal(l.lost, 0);
	assert_int_equal(l.num_streams, 3);
	/* More sources than there is room for. */
	for (unsigned i = 0; i < 100; i++) {
		other.ip[3] = (uint8_t)i;
		loss_push(&l, &other, 3, i);
	}
	assert_int_equal(l.num_streams, LOSS_MAX_STREAMS);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gaps_are_bursts),
		cmocka_unit_test(test_late_is_not_lost),
		cmocka_unit_test(test_a_new_beginning_needs_two),
		cmocka_unit_test(test_numbering_off),
		cmocka_unit_test(test_streams_are_apart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
