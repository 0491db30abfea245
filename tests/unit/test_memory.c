#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "common/memory.h"
#include "tests/lib/fault_alloc.h"

static void test_zeroed_and_never_null_for_nothing(void **state)
{
	uint8_t *p = memory_alloc(NULL, 16, 2);
	(void)state;
	assert_non_null(p);
	for (int i = 0; i < 32; i++)
		assert_int_equal(p[i], 0);
	memory_free(NULL, p);
	p = memory_alloc(NULL, 0, 8);
	assert_non_null(p);
	memory_free(NULL, p);
	memory_free(NULL, NULL);
}

static void test_overflow_is_refused(void **state)
{
	(void)state;
	assert_null(memory_alloc(NULL, SIZE_MAX / 2 + 2, 2));
	assert_null(memory_alloc(NULL, 2, SIZE_MAX / 2 + 2));
	assert_null(memory_copy_string(NULL, "x", SIZE_MAX));
}

static void test_copy_string(void **state)
{
	char *copy = memory_copy_string(NULL, "slot-a", 4);
	(void)state;
	assert_string_equal(copy, "slot");
	memory_free(NULL, copy);
	copy = memory_copy_string(NULL, NULL, 0);
	assert_string_equal(copy, "");
	memory_free(NULL, copy);
}

static int grow_to_twenty(const struct carousel_allocator *a, void *user)
{
	void *array = NULL;
	size_t cap = 0;
	int result = 0;
	(void)user;
	for (uint32_t i = 0; i < 20 && result == 0; i++) {
		result = memory_grow(a, &array, &cap, i, sizeof i, 20);
		if (result == 0)
			((uint32_t *)array)[i] = i;
	}
	for (uint32_t i = 0; result == 0 && i < 20; i++)
		assert_int_equal(((uint32_t *)array)[i], i);
	if (result == 0)
		assert_int_equal(memory_grow(a, &array, &cap, 20, sizeof(uint32_t), 20), CAROUSEL_E_LIMIT);
	assert_true(cap <= 20);
	memory_free(a, array);
	return result;
}

static void test_grow_keeps_and_stops_at_its_limit(void **state)
{
	(void)state;
	assert_int_equal(grow_to_twenty(NULL, NULL), 0);
	assert_int_equal(fault_alloc_all(grow_to_twenty, NULL), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_zeroed_and_never_null_for_nothing),
		cmocka_unit_test(test_overflow_is_refused),
		cmocka_unit_test(test_copy_string),
		cmocka_unit_test(test_grow_keeps_and_stops_at_its_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
