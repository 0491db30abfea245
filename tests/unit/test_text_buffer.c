#include "tests/lib/fault_alloc.h"
#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "policy-map/text_buffer.h"

static void test_grows_to_its_limit_and_no_further(void **state)
{
	struct text_buffer b;
	char *text;
	size_t len;
	(void)state;
	text_buffer_init(&b, NULL, 1000);
	for (int i = 0; i < 100; i++)
		text_buffer_printf(&b, "%09d\n", i);
	assert_int_equal(b.error, 0);
	assert_int_equal(text_buffer_take(&b, &text, &len), 0);
	assert_int_equal(len, 1000);
	assert_int_equal(strlen(text), 1000);
	assert_memory_equal(text + 990, "000000099\n", 10);
	memory_free(NULL, text);
	text_buffer_init(&b, NULL, 5);
	text_buffer_puts(&b, "12345");
	text_buffer_fill(&b, '6', 1);
	text_buffer_puts(&b, "");
	assert_int_equal(text_buffer_take(&b, &text, &len), CAROUSEL_E_LIMIT);
}

static void test_nothing_is_a_text_too(void **state)
{
	struct text_buffer b;
	char *text;
	size_t len;
	(void)state;
	text_buffer_init(&b, NULL, 5);
	assert_int_equal(text_buffer_take(&b, &text, &len), 0);
	assert_string_equal(text, "");
	assert_int_equal(len, 0);
	memory_free(NULL, text);
}

static int attempt(const struct carousel_allocator *a, void *user)
{
	struct text_buffer b;
	char *text;
	size_t len;
	int result;
	(void)user;
	text_buffer_init(&b, a, 4096);
	for (int i = 0; i < 100; i++)
		text_buffer_puts(&b, "0123456789");
	result = text_buffer_take(&b, &text, &len);
	if (result == 0)
		memory_free(a, text);
	return result;
}

static void test_no_memory(void **state)
{
	(void)state;
	assert_true(fault_alloc_all(attempt, NULL) >= 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grows_to_its_limit_and_no_further),
		cmocka_unit_test(test_nothing_is_a_text_too),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
