#include "tests/lib/test.h"

#include "common/carousel_error.h"

static void test_every_code_has_name_and_sentence(void **state)
{
	static const int codes[] = {
#define CODE(symbol, number, name, sentence) CAROUSEL_E_##symbol,
		CAROUSEL_ERROR_LIST(CODE)
#undef CODE
	};
	(void)state;
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
		assert_true(codes[i] < 0 && codes[i] > -CAROUSEL_ERROR_NUMBERS);
		assert_string_not_equal(carousel_error_name(codes[i]), "unknown");
		assert_string_not_equal(carousel_strerror(codes[i]), "unknown error");
		for (size_t j = 0; j < i; j++) {
			assert_int_not_equal(codes[i], codes[j]);
			assert_string_not_equal(carousel_error_name(codes[i]), carousel_error_name(codes[j]));
		}
	}
	assert_string_equal(carousel_error_name(CAROUSEL_E_OTI), "bad-oti");
}

static void test_other_numbers_are_unknown(void **state)
{
	static const int others[] = {1, 68, -68, -63, -1000, INT32_MIN, INT32_MAX};
	(void)state;
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		assert_string_equal(carousel_error_name(others[i]), "unknown");
		assert_string_equal(carousel_strerror(others[i]), "unknown error");
	}
	assert_string_equal(carousel_error_name(0), "ok");
	assert_string_equal(carousel_strerror(0), "success");
}

static void test_fatal(void **state)
{
	(void)state;
	assert_false(carousel_error_is_fatal(0));
	assert_false(carousel_error_is_fatal(CAROUSEL_E_TRUNCATED));
	assert_false(carousel_error_is_fatal(CAROUSEL_E_CRC));
	assert_true(carousel_error_is_fatal(CAROUSEL_E_MEMORY));
	assert_true(carousel_error_is_fatal(CAROUSEL_E_INTERNAL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_code_has_name_and_sentence),
		cmocka_unit_test(test_other_numbers_are_unknown),
		cmocka_unit_test(test_fatal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
