#include "tests/lib/fault_alloc.h"
#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "common/json_fields.h"

static json_t *load(const char *text)
{
	json_t *root;
	assert_int_equal(json_fields_load(text, strlen(text), 1000, &root), 0);
	return root;
}

static void test_good_fields(void **state)
{
	json_t *root = load("{\"n\":7,\"s\":\"text\",\"b\":true,\"h\":\"0aff\",\"o\":{},\"a\":[1,2]}");
	struct json_fields f;
	char text[5];
	uint8_t bytes[2];
	(void)state;
	json_fields_init(&f, root);
	assert_true(json_fields_u64(&f, "n", 7, 7) == 7);
	assert_true(json_fields_u64_or(&f, "m", 1, 2, 99) == 99);
	json_fields_string(&f, "s", text, sizeof text);
	assert_string_equal(text, "text");
	json_fields_string_or_empty(&f, "t", text, sizeof text);
	assert_string_equal(text, "");
	assert_true(json_fields_bool_or(&f, "b", false));
	assert_true(json_fields_bool_or(&f, "c", true));
	json_fields_hex(&f, "h", bytes, 2);
	assert_int_equal(bytes[1], 0xff);
	assert_non_null(json_fields_object(&f, "o"));
	assert_non_null(json_fields_array(&f, "a", 2));
	assert_null(json_fields_array_or_null(&f, "z", 2));
	assert_int_equal(f.error, 0);
	json_decref(root);
}

static int error_of(const json_t *root, void (*ask)(struct json_fields *))
{
	struct json_fields f;
	json_fields_init(&f, root);
	ask(&f);
	return f.error;
}

static void ask_small_number(struct json_fields *f)
{
	json_fields_u64(f, "n", 0, 6);
}

static void ask_number_of_string(struct json_fields *f)
{
	json_fields_u64(f, "s", 0, 6);
}

static void ask_negative(struct json_fields *f)
{
	json_fields_u64(f, "m", 0, UINT64_MAX);
}

static void ask_long_string(struct json_fields *f)
{
	char text[4];
	json_fields_string(f, "s", text, sizeof text);
	assert_string_equal(text, "");
}

static void ask_control_character(struct json_fields *f)
{
	char text[8];
	json_fields_string(f, "c", text, sizeof text);
}

static void ask_long_array(struct json_fields *f)
{
	assert_null(json_fields_array(f, "a", 1));
}

static void ask_object_of_array(struct json_fields *f)
{
	assert_null(json_fields_object(f, "a"));
}

static void ask_bool_of_number(struct json_fields *f)
{
	json_fields_bool_or(f, "n", true);
}

static void ask_hex_of_other_length(struct json_fields *f)
{
	uint8_t bytes[3];
	json_fields_hex(f, "s", bytes, 3);
}

static void ask_twice(struct json_fields *f)
{
	ask_small_number(f);
	ask_long_string(f);
}

static void test_bad_fields(void **state)
{
	json_t *root = load("{\"n\":7,\"m\":-1,\"s\":\"text\",\"c\":\"\\u0001\",\"a\":[1,2]}"), *array = load("[]");
	(void)state;
	assert_int_equal(error_of(root, ask_small_number), CAROUSEL_E_RANGE);
	assert_int_equal(error_of(root, ask_number_of_string), CAROUSEL_E_MALFORMED);
	assert_int_equal(error_of(root, ask_negative), CAROUSEL_E_RANGE);
	assert_int_equal(error_of(root, ask_long_string), CAROUSEL_E_LIMIT);
	assert_int_equal(error_of(root, ask_control_character), CAROUSEL_E_MALFORMED);
	assert_int_equal(error_of(root, ask_long_array), CAROUSEL_E_LIMIT);
	assert_int_equal(error_of(root, ask_object_of_array), CAROUSEL_E_MALFORMED);
	assert_int_equal(error_of(root, ask_bool_of_number), CAROUSEL_E_MALFORMED);
	assert_int_equal(error_of(root, ask_hex_of_other_length), CAROUSEL_E_MALFORMED);
	assert_int_equal(error_of(root, ask_twice), CAROUSEL_E_RANGE);
	assert_int_equal(error_of(array, ask_small_number), CAROUSEL_E_MALFORMED);
	json_decref(root);
	json_decref(array);
}

static void test_load_is_bounded_and_strict(void **state)
{
	json_t *root;
	(void)state;
	assert_int_equal(json_fields_load("{}", 2, 1, &root), CAROUSEL_E_LIMIT);
	assert_int_equal(json_fields_load("{\"a\":1,\"a\":1}", 13, 100, &root), CAROUSEL_E_SYNTAX);
	assert_int_equal(json_fields_load("{} {}", 5, 100, &root), CAROUSEL_E_SYNTAX);
	assert_null(root);
}

static int attempt(const struct carousel_allocator *a, void *user)
{
	char *text;
	size_t len;
	int result = json_fields_print(a, json_pack("{s:i}", "a", 1), &text, &len);
	(void)user;
	if (result)
		return result;
	assert_string_equal(text, "{\"a\":1}");
	assert_int_equal(len, 7);
	memory_free(a, text);
	return 0;
}

static void test_print_and_no_memory(void **state)
{
	char *text;
	size_t len;
	(void)state;
	assert_int_equal(fault_alloc_all(attempt, NULL), 1);
	assert_int_equal(json_fields_print(NULL, NULL, &text, &len), CAROUSEL_E_MEMORY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_fields),
		cmocka_unit_test(test_bad_fields),
		cmocka_unit_test(test_load_is_bounded_and_strict),
		cmocka_unit_test(test_print_and_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
