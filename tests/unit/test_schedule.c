#include "tests/lib/fault_alloc.h"
#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "policy-map/schedule.h"

static struct schedule_object objects[] = {
	{.role = "map", .share_ppm = 50000, .cycle_s = 30},
	{.role = "image",
		.class_name = "box2-fpu-4mb",
		.version = 105,
		.share_ppm = 950000,
		.cycle_s = 7200,
		.from_s = 1795255200},
};
static struct schedule example = {.sequence = 12, .until_s = 1795262400, .num_objects = 2, .objects = objects};

static int parse(void *user, const uint8_t *data, size_t len)
{
	struct schedule s;
	int result = schedule_parse(user, &s, data, len);
	if (result == 0)
		schedule_deinit(user, &s);
	return result;
}

static void test_round_trip_and_truncations(void **state)
{
	struct schedule back;
	char *payload, *again;
	size_t len, again_len;
	(void)state;
	memset(objects[1].sha256, 0x5a, sizeof objects[1].sha256);
	assert_int_equal(schedule_print(NULL, &example, &payload, &len), 0);
	assert_int_equal(schedule_parse(NULL, &back, (const uint8_t *)payload, len), 0);
	assert_int_equal(back.num_objects, 2);
	assert_memory_equal(&back.objects[0], &objects[0], sizeof *objects);
	assert_memory_equal(&back.objects[1], &objects[1], sizeof *objects);
	assert_true(back.sequence == 12 && back.until_s == 1795262400);
	assert_int_equal(schedule_print(NULL, &back, &again, &again_len), 0);
	assert_string_equal(again, payload);
	test_truncations(parse, NULL, (const uint8_t *)payload, len);
	schedule_deinit(NULL, &back);
	memory_free(NULL, payload);
	memory_free(NULL, again);
}

static void test_bad_values(void **state)
{
	static const struct {
		const char *text;
		int expected;
	} cases[] = {
#define PLAN(object) "{\"sequence\":1,\"until\":2,\"objects\":[" object "]}"
		{PLAN(""), 0},
		{PLAN("{\"role\":\"map\",\"share\":1,\"cycle_s\":1,\"later\":1}"), 0},
		{PLAN("{\"role\":\"map\",\"share\":1000001,\"cycle_s\":1}"), CAROUSEL_E_RANGE},
		{PLAN("{\"role\":\"a-role-too-long-x\",\"share\":1,\"cycle_s\":1}"), CAROUSEL_E_LIMIT},
		{PLAN("{\"role\":\"map\",\"version\":0,\"share\":1,\"cycle_s\":1}"), CAROUSEL_E_RANGE},
		{PLAN("{\"share\":1,\"cycle_s\":1}"), CAROUSEL_E_MALFORMED},
		{PLAN("1"), CAROUSEL_E_MALFORMED},
		{"{\"sequence\":1,\"until\":2,\"objects\":{}}", CAROUSEL_E_MALFORMED},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_int_equal(parse(NULL, (const uint8_t *)cases[i].text, strlen(cases[i].text)), cases[i].expected);
}

static void test_number_of_objects_is_bounded(void **state)
{
	static const char object[] = ",{\"role\":\"map\",\"share\":1,\"cycle_s\":1}",
			  head[] = "{\"sequence\":1,\"until\":2,\"objects\":[";
	char *text = malloc(sizeof head + (SCHEDULE_MAX_OBJECTS + 1) * sizeof object + 8), *p = text;
	(void)state;
	p = stpcpy(p, head);
	for (unsigned i = 0; i < SCHEDULE_MAX_OBJECTS; i++)
		p = stpcpy(p, object + (i == 0));
	strcpy(p, "]}");
	assert_int_equal(parse(NULL, (const uint8_t *)text, strlen(text)), 0);
	p = stpcpy(p, object);
	strcpy(p, "]}");
	assert_int_equal(parse(NULL, (const uint8_t *)text, strlen(text)), CAROUSEL_E_LIMIT);
	free(text);
}

static int attempt(const struct carousel_allocator *a, void *user)
{
	struct schedule back;
	char *payload;
	size_t len;
	int result = schedule_print(a, &example, &payload, &len);
	(void)user;
	if (result)
		return result;
	result = schedule_parse(a, &back, (const uint8_t *)payload, len);
	if (result == 0)
		schedule_deinit(a, &back);
	memory_free(a, payload);
	return result;
}

static void test_no_memory(void **state)
{
	(void)state;
	assert_int_equal(fault_alloc_all(attempt, NULL), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip_and_truncations),
		cmocka_unit_test(test_bad_values),
		cmocka_unit_test(test_number_of_objects_is_bounded),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
