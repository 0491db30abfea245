#include "tests/lib/test.h"

#include "policy-map/files/line_reader.h"
#include "policy-map/fleet/fleet_kind.h"

#define KEY "MCowBQYDK2VwAyEAIVL7v9o4wO1XhXv1b8zKz8Q3ZyQmJ7m4rJ0o3yYp0iE="

static void test_kinds(void **state)
{
	static const struct {
		const char *text;
		enum fleet_kind kind;
	} cases[] = {
		{"", FLEET_KIND_UNKNOWN},
		{"\n\r\n  ", FLEET_KIND_UNKNOWN},
		{"{\"box_id\":\"a1\"}\n", FLEET_KIND_REPORTS},
		{"\n\n {\n", FLEET_KIND_REPORTS},
		{"{\"payload\":\"\",\"payloadType\":\"application/vnd.carousel.report\"}", FLEET_KIND_REPORTS},
		{"{\"payload\":\"\",\"payloadType\":\"application/vnd.carousel.map\"}", FLEET_KIND_MAP},
		{"carousel-map 1\nepoch 1\n", FLEET_KIND_MAP},
		{"box_id,class,version\n", FLEET_KIND_LIST},
		{"\"version\";note;box_id;class\r\n", FLEET_KIND_LIST},
		{"a1,box,production,7\n", FLEET_KIND_LIST},
		{"a1\tbox\t\t7\t1970-01-01T00:00Z\n", FLEET_KIND_LIST},
		{"a1,box,7\n", FLEET_KIND_UNKNOWN},
		{"A1,box,production,7\n", FLEET_KIND_UNKNOWN},
		{"a1,box,production,seven\n", FLEET_KIND_UNKNOWN},
		{"box_id,public\n", FLEET_KIND_KEYS},
		{"a1," KEY, FLEET_KIND_KEYS},
		{"a1,short\n", FLEET_KIND_UNKNOWN},
		{"box_id,public,version\n", FLEET_KIND_UNKNOWN},
		{"box_id\n", FLEET_KIND_UNKNOWN},
		{"\"a1,box,production,7\n", FLEET_KIND_UNKNOWN},
		{"\x1f\x8b\x08", FLEET_KIND_PACKED},
		{"PK\x03\x04", FLEET_KIND_PACKED},
		{"BZh9", FLEET_KIND_PACKED},
		{"nonsense\n{}\n", FLEET_KIND_UNKNOWN},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		size_t len = strlen(cases[i].text);
		char *exact = malloc(len ? len : 1);
		assert_non_null(exact);
		memcpy(exact, cases[i].text, len);
		if (fleet_kind_of(exact, len) != cases[i].kind)
			fail_msg("\"%s\" is taken for %d", cases[i].text, fleet_kind_of(exact, len));
		free(exact);
	}
	assert_int_equal(fleet_kind_of("SQLite format 3", 16), FLEET_KIND_DATABASE);
	assert_int_equal(fleet_kind_of("\xfd\x37zXZ\0", 6), FLEET_KIND_PACKED);
	assert_int_equal(fleet_kind_of("\x28\xb5\x2f\xfd", 4), FLEET_KIND_PACKED);
}

/* Any bytes, of any length, and lines longer than any that counts. */
static void test_any_bytes(void **state)
{
	uint64_t random = 5;
	char *bytes = malloc(4 * LINE_READER_MAX);
	(void)state;
	assert_non_null(bytes);
	memset(bytes, ',', 4 * LINE_READER_MAX);
	for (size_t len = LINE_READER_MAX - 1; len < LINE_READER_MAX + 2; len++)
		assert_int_equal(fleet_kind_of(bytes, len), FLEET_KIND_UNKNOWN);
	for (unsigned i = 0; i < 2000; i++) {
		static const char some[] = "{}\"'\n\r ,;\tbox_id,public0a1-\0\x1f\x8b\xff";
		size_t len = test_random(&random) % 40;
		char *exact = malloc(len ? len : 1);
		assert_non_null(exact);
		for (size_t at = 0; at < len; at++)
			exact[at] = some[test_random(&random) % sizeof some];
		assert_in_range(fleet_kind_of(exact, len), FLEET_KIND_UNKNOWN, FLEET_KIND_DATABASE);
		free(exact);
	}
	free(bytes);
}

static void test_delimiters(void **state)
{
	(void)state;
	assert_int_equal(fleet_kind_delimiter("a;b,c", 5), ',');
	assert_int_equal(fleet_kind_delimiter("a\tb;c", 5), ';');
	assert_int_equal(fleet_kind_delimiter("a\tb\n,", 5), '\t');
	assert_int_equal(fleet_kind_delimiter("", 0), ',');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_any_bytes),
		cmocka_unit_test(test_delimiters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
