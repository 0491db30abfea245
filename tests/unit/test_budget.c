#include "carousel-rx/budget.h"
#include "tests/lib/test.h"

static void test_counts_and_refuses(void **state)
{
	struct budget b;
	void *one, *two;
	(void)state;
	budget_init(&b, NULL, 1000);
	one = memory_alloc(&b.allocator, 1, 400);
	assert_non_null(one);
	assert_int_equal((uintptr_t)one % 16, 0);
	two = memory_alloc(&b.allocator, 1, 400);
	assert_non_null(two);
	assert_int_equal(atomic_load(&b.now_bytes), 832);
	assert_null(memory_alloc(&b.allocator, 1, 153));
	assert_null(memory_alloc(&b.allocator, 1, 1001));
	assert_null(memory_alloc(&b.allocator, 1, SIZE_MAX - 8));
	assert_int_equal(atomic_load(&b.now_bytes), 832);
	memory_free(&b.allocator, one);
	one = memory_alloc(&b.allocator, 1, 552);
	assert_non_null(one);
	memory_free(&b.allocator, one);
	memory_free(&b.allocator, two);
	memory_free(&b.allocator, NULL);
	assert_int_equal(atomic_load(&b.now_bytes), 0);
	assert_int_equal(atomic_load(&b.peak_bytes), 984);
}

static void *no_memory(void *user, size_t bytes)
{
	(void)user;
	(void)bytes;
	return NULL;
}

static void test_gives_back_what_it_did_not_get(void **state)
{
	const struct carousel_allocator nothing = {NULL, no_memory, NULL};
	struct budget b;
	(void)state;
	budget_init(&b, &nothing, 1000);
	assert_null(memory_alloc(&b.allocator, 1, 10));
	assert_int_equal(atomic_load(&b.now_bytes), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts_and_refuses),
		cmocka_unit_test(test_gives_back_what_it_did_not_get),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
