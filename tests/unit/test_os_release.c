#include "tests/lib/test.h"

#include "carousel-rx/daemon/os_release.h"
#include "common/carousel_error.h"

static void parse(struct os_release *os, const char *text)
{
	size_t len = strlen(text);
	char *copy = malloc(len ? len : 1);
	assert_non_null(copy);
	memcpy(copy, text, len);
	os_release_parse(os, copy, len);
	free(copy);
}

static void test_forms_of_values(void **state)
{
	struct os_release os;
	(void)state;
	parse(&os, "ID=debian\nIMAGE_ID=box2-fpu-4mb\nIMAGE_VERSION=105\n");
	assert_string_equal(os.image_id, "box2-fpu-4mb");
	assert_string_equal(os.image_version, "105");
	parse(&os, "# comment\nIMAGE_ID=\"box 2\"  \r\nIMAGE_VERSION='1\\0'");
	assert_string_equal(os.image_id, "box 2");
	assert_string_equal(os.image_version, "1\\0");
	parse(&os, "IMAGE_ID=a\\\"b\nIMAGE_ID=c");
	assert_string_equal(os.image_id, "c");
	parse(&os, "IMAGE_ID=a\\\"b");
	assert_string_equal(os.image_id, "a\"b");
}

static void test_what_does_not_count(void **state)
{
	struct os_release os;
	char text[200];
	(void)state;
	parse(&os, "");
	assert_string_equal(os.image_id, "");
	parse(&os, "XIMAGE_ID=a\nIMAGE_IDX=b\nIMAGE_ID\n=c\n");
	assert_string_equal(os.image_id, "");
	parse(&os, "IMAGE_ID=\"open\nIMAGE_VERSION=1");
	assert_string_equal(os.image_id, "");
	assert_string_equal(os.image_version, "1");
	memset(text, 'x', sizeof text);
	memcpy(text, "IMAGE_ID=", 9);
	text[9 + 64] = 0;
	parse(&os, text);
	assert_int_equal(strlen(os.image_id), 64);
	text[9 + 64] = 'x';
	text[9 + 65] = 0;
	parse(&os, text);
	assert_string_equal(os.image_id, "");
	os_release_parse(&os, "IMAGE_ID=a\0b\n", 13);
	assert_string_equal(os.image_id, "");
}

static void test_every_prefix(void **state)
{
	static const char text[] = "IMAGE_ID=\"a\\\"b\"\nIMAGE_VERSION='7'\n";
	(void)state;
	for (size_t n = 0; n <= sizeof text - 1; n++) {
		struct os_release os;
		char *copy = malloc(n ? n : 1);
		assert_non_null(copy);
		memcpy(copy, text, n);
		os_release_parse(&os, copy, n);
		assert_true(strlen(os.image_id) <= 3);
		free(copy);
	}
}

static void test_missing_file(void **state)
{
	struct os_release os;
	(void)state;
	assert_int_equal(os_release_read(&os, "/nonexistent/os-release"), CAROUSEL_E_NOT_FOUND);
	assert_string_equal(os.image_id, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms_of_values),
		cmocka_unit_test(test_what_does_not_count),
		cmocka_unit_test(test_every_prefix),
		cmocka_unit_test(test_missing_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
