#include "tests/lib/fault_alloc.h"
#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "policy-map/box_report.h"

static struct box_report example = {.box_id = "00a1b2c3d4",
	.class_name = "box2-fpu-4mb",
	.category = "production",
	.version = 105,
	.epoch = 1,
	.serial = 2026112101,
	.state = "up-to-date",
	.reason = "current",
	.time_s = 1795255200,
	.num_kpis = 2,
	.kpis = {{"failures", 1}, {"airtime_s", -7}}};

static int parse(void *user, const uint8_t *data, size_t len)
{
	return box_report_parse(user, data, len);
}

static void test_round_trip_and_truncations(void **state)
{
	struct box_report back;
	char *payload;
	size_t len;
	(void)state;
	assert_int_equal(box_report_print(NULL, &example, &payload, &len), 0);
	assert_int_equal(box_report_parse(&back, (const uint8_t *)payload, len), 0);
	assert_memory_equal(&back, &example, sizeof back);
	assert_int_equal(box_report_kpi(&back, "airtime_s", 0), -7);
	assert_int_equal(box_report_kpi(&back, "other", 9), 9);
	test_truncations(parse, &back, (const uint8_t *)payload, len);
	memory_free(NULL, payload);
}

static void test_bad_values(void **state)
{
#define REPORT(id, class_name, version, more)                                                                          \
	"{\"box_id\":\"" id "\",\"class\":\"" class_name "\",\"category\":\"beta\",\"version\":" version more "}"
	static const struct {
		const char *text;
		int expected;
	} cases[] = {
		{REPORT("a1", "box", "7", ""), 0},
		{REPORT("a1", "box", "4294967295", ",\"later\":{}"), 0},
		{REPORT("A1", "box", "7", ""), CAROUSEL_E_MALFORMED},
		{REPORT("a1", "a box", "7", ""), CAROUSEL_E_MALFORMED},
		{REPORT("a1", "*", "7", ""), CAROUSEL_E_MALFORMED},
		{REPORT("a1", "box", "-1", ""), CAROUSEL_E_RANGE},
		{REPORT("a1", "box", "4294967296", ""), CAROUSEL_E_RANGE},
		{REPORT("a1", "box", "7", ",\"kpi\":[]"), CAROUSEL_E_MALFORMED},
		{REPORT("a1", "box", "7", ",\"kpi\":{\"a\":1.5}"), CAROUSEL_E_MALFORMED},
		{REPORT("a1", "box", "7", ",\"kpi\":{\"\":1}"), CAROUSEL_E_MALFORMED},
		{REPORT("a1", "box", "7", ",\"kpi\":{\"a-name-that-is-longer-than-31-bytes\":1}"), CAROUSEL_E_LIMIT},
		{REPORT("a1", "box", "7", ",\"state\":\"a-state-that-is-too-long-to-hold\""), CAROUSEL_E_LIMIT},
	};
	struct box_report r = example;
	char *payload;
	size_t len;
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_int_equal(
			box_report_parse(&r, (const uint8_t *)cases[i].text, strlen(cases[i].text)), cases[i].expected);
	assert_int_equal(box_report_parse(&r, (const uint8_t *)"{}", BOX_REPORT_MAX_BYTES + 1), CAROUSEL_E_LIMIT);
	r = example;
	strcpy(r.box_id, "A");
	assert_int_equal(box_report_print(NULL, &r, &payload, &len), CAROUSEL_E_ARGUMENT);
}

static void expect_same(const char *text, size_t len)
{
	static struct box_report fast, full;
	uint8_t *exact = malloc(len ? len : 1);
	int result;
	assert_non_null(exact);
	memcpy(exact, text, len);
	result = box_report_parse_any(&full, exact, len);
	assert_int_equal(box_report_parse(&fast, exact, len), result);
	if (result == 0 && memcmp(&fast, &full, sizeof fast) != 0)
		fail_msg("read in two ways: %.*s", (int)len, text);
	free(exact);
}

/* What the fast reader takes, it takes as the full one does: reports with each byte changed, left out and put in. */
static void test_fast_and_full_agree(void **state)
{
	static const char bytes[] = "\"\\{}[]:, 019-.eatn\n\t\x00\x7f\xc3u";
	char *payload, text[1024];
	size_t len;
	(void)state;
	assert_int_equal(box_report_print(NULL, &example, &payload, &len), 0);
	for (size_t at = 0; at < len; at++) {
		for (size_t b = 0; b < sizeof bytes; b++) {
			memcpy(text, payload, len);
			text[at] = bytes[b];
			expect_same(text, len);
			memcpy(text + at + 1, payload + at, len - at);
			expect_same(text, len + 1);
		}
		memcpy(text, payload, len);
		memmove(text + at, text + at + 1, len - at - 1);
		expect_same(text, len - 1);
	}
	memory_free(NULL, payload);
}

static void test_forms_that_agree(void **state)
{
#define HEAD "{\"box_id\":\"a\",\"class\":\"b\",\"category\":\"c\",\"version\":7"
	static const char *const texts[] = {HEAD "}", HEAD ",\"kpi\":{}}", HEAD ",\"kpi\":{\"a\":1,\"a\":2}}",
		HEAD ",\"version\":8}", HEAD ",\"later\":[1,{}]}", HEAD ",\"serial\":9007199254740992}",
		HEAD ",\"serial\":9007199254740991}", HEAD ",\"time\":9223372036854775807}",
		HEAD ",\"time\":9223372036854775808}", HEAD ",\"time\":007}", HEAD ",\"time\":-0}",
		HEAD ",\"kpi\":{\"a\":-9223372036854775808}}", HEAD ",\"state\":\"\\u0041\"}",
		HEAD ",\"state\":\"\xc3\xa4\"}", HEAD ",\"state\":\"\xff\"}", HEAD ",\"time\":null}", HEAD "} ",
		" " HEAD "}", HEAD "}}", "{}",
		"{ \"version\" : 7 , \"class\" : \"b\" , \"category\":\"c\", \"box_id\":\"a\" }"};
	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		expect_same(texts[i], strlen(texts[i]));
}

static int attempt(const struct carousel_allocator *a, void *user)
{
	char *payload;
	size_t len;
	int result = box_report_print(a, user, &payload, &len);
	if (result == 0)
		memory_free(a, payload);
	return result;
}

static void test_no_memory(void **state)
{
	(void)state;
	assert_int_equal(fault_alloc_all(attempt, &example), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip_and_truncations),
		cmocka_unit_test(test_bad_values),
		cmocka_unit_test(test_fast_and_full_agree),
		cmocka_unit_test(test_forms_that_agree),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
