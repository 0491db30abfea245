#include "tests/lib/test.h"

#include "policy-map/fleet/crew.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <unistd.h>

#define ITEMS 1000u

struct list {
	unsigned char items[ITEMS];
	pthread_t caller;
	atomic_uint elsewhere, together, most;
	bool meet; /* parts wait until two run at once, five seconds at most */
};

static void work(void *user, size_t from, size_t to)
{
	struct list *l = user;
	unsigned now = atomic_fetch_add(&l->together, 1) + 1, most = atomic_load(&l->most);
	while (now > most && !atomic_compare_exchange_weak(&l->most, &most, now)) {
	}
	for (unsigned ms = 0; l->meet && atomic_load(&l->most) < 2 && ms < 5000; ms++)
		usleep(1000);
	for (size_t i = from; i < to; i++)
		l->items[i]++;
	if (!pthread_equal(pthread_self(), l->caller))
		atomic_fetch_add(&l->elsewhere, 1);
	atomic_fetch_sub(&l->together, 1);
}

static void expect_each(const struct list *l, unsigned char times)
{
	for (size_t i = 0; i < ITEMS; i++)
		assert_int_equal(l->items[i], times);
}

static void test_alone(void **state)
{
	struct list l = {.caller = pthread_self()};
	struct crew *c;
	(void)state;
	assert_int_equal(crew_new(&c, 1), 0);
	crew_wait(c);
	crew_start(c, work, &l, 0);
	crew_start(c, work, &l, ITEMS);
	expect_each(&l, 1);
	assert_int_equal(l.elsewhere, 0);
	crew_free(c);
	crew_free(NULL);
}

static void test_together(void **state)
{
	struct list l = {.caller = pthread_self(), .meet = true};
	struct crew *c;
	(void)state;
	assert_int_equal(crew_new(&c, 4), 0);
	for (unsigned char round = 1; round <= 20; round++) {
		crew_start(c, work, &l, ITEMS);
		crew_wait(c);
		expect_each(&l, round);
	}
	assert_true(l.elsewhere > 0 && l.most >= 2);
	crew_free(c);
}

/* One item, none, more threads than there may be, and nobody who waits. */
static void test_end(void **state)
{
	struct list l = {.caller = pthread_self()};
	struct crew *c;
	(void)state;
	assert_int_equal(crew_new(&c, 1000), 0);
	crew_start(c, work, &l, 1);
	crew_wait(c);
	assert_true(l.items[0] == 1 && l.items[1] == 0);
	crew_start(c, work, &l, 0);
	crew_wait(c);
	l.items[0] = 0;
	crew_start(c, work, &l, ITEMS);
	crew_free(c);
	expect_each(&l, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alone),
		cmocka_unit_test(test_together),
		cmocka_unit_test(test_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
