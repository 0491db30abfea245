#include "carousel-rx/backlog.h"
#include "common/carousel_error.h"
#include "tests/lib/fault_alloc.h"
#include "tests/lib/test.h"

struct seen {
	uint32_t marks[64];
	size_t lens[64], count;
	uint32_t keep_mark;
};

static bool take(void *user, uint32_t mark, const uint8_t *packet, size_t len)
{
	struct seen *s = user;
	for (size_t i = 0; i < len; i++)
		assert_int_equal(packet[i], (uint8_t)mark);
	s->marks[s->count] = mark;
	s->lens[s->count++] = len;
	return mark == s->keep_mark;
}

static void test_keeps_in_order_within_its_bound(void **state)
{
	struct backlog b;
	uint8_t packet[100];
	struct seen seen = {.keep_mark = 2};
	(void)state;
	assert_int_equal(backlog_init(&b, NULL, 250), 0);
	memset(packet, 1, sizeof(packet));
	assert_int_equal(backlog_push(&b, 1, packet, 100), 0);
	memset(packet, 2, sizeof(packet));
	assert_int_equal(backlog_push(&b, 2, packet, 100), 0);
	assert_int_equal(backlog_push(&b, 3, packet, 27), CAROUSEL_E_LIMIT);
	memset(packet, 4, sizeof(packet));
	assert_int_equal(backlog_push(&b, 4, packet, 26), 0);
	assert_int_equal(backlog_push(&b, 5, packet, 0), CAROUSEL_E_LIMIT);
	assert_int_equal(b.count, 3);
	backlog_drain(&b, take, &seen);
	assert_int_equal(seen.count, 3);
	assert_int_equal(seen.marks[0], 1);
	assert_int_equal(seen.lens[2], 26);
	assert_int_equal(b.count, 1);
	seen = (struct seen){.keep_mark = 0};
	backlog_drain(&b, take, &seen);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.marks[0], 2);
	assert_int_equal(b.count, 0);
	assert_int_equal(b.len, 0);
	backlog_deinit(&b, NULL);
}

static int attempt(const struct carousel_allocator *a, void *user)
{
	struct backlog b;
	int result = backlog_init(&b, a, 100);
	(void)user;
	if (result == 0)
		backlog_deinit(&b, a);
	return result;
}

static void test_no_memory(void **state)
{
	(void)state;
	assert_int_equal(fault_alloc_all(attempt, NULL), 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keeps_in_order_within_its_bound),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
