/* cmocka.h - the few words of cmocka that the codec's tests use, for cross builds where there is no cmocka. */
#ifndef TESTS_LIB_ARM_CMOCKA_H
#define TESTS_LIB_ARM_CMOCKA_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct CMUnitTest {
	const char *name;
	void (*run)(void **state);
};

#define cmocka_unit_test(f)                                                                                            \
	{                                                                                                              \
#f, f                                                                                                  \
	}
#define assert_true(c)                                                                                                 \
	do {                                                                                                           \
		if (!(c)) {                                                                                            \
			printf("%s:%d: %s\n", __FILE__, __LINE__, #c);                                                 \
			exit(1);                                                                                       \
		}                                                                                                      \
	} while (0)
#define assert_false(c)               assert_true(!(c))
#define assert_null(p)                assert_true((p) == NULL)
#define assert_non_null(p)            assert_true((p) != NULL)
#define assert_int_equal(a, b)        assert_true((long long)(a) == (long long)(b))
#define assert_int_not_equal(a, b)    assert_true((long long)(a) != (long long)(b))
#define assert_ptr_equal(a, b)        assert_true((const void *)(a) == (const void *)(b))
#define assert_ptr_not_equal(a, b)    assert_true((const void *)(a) != (const void *)(b))
#define assert_string_equal(a, b)     assert_true(strcmp(a, b) == 0)
#define assert_memory_equal(a, b, n)  assert_true(memcmp(a, b, n) == 0)
#define assert_in_range(x, low, high) assert_true((x) >= (low) && (x) <= (high))

#define cmocka_run_group_tests(tests, setup, teardown) arm_run(tests, sizeof(tests) / sizeof *(tests))

static inline int arm_run(const struct CMUnitTest *tests, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		tests[i].run(NULL);
		printf("[       OK ] %s\n", tests[i].name);
	}
	return 0;
}

#endif
