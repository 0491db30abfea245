/* Maps that were ever released: every one must be read by this release, and mean what it meant. */
#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "policy-map/policy.h"

#include <stdio.h>

static struct policy_map *read_map(const char *name, bool strict, int expected)
{
	const struct policy_map_options options = {.strict = strict};
	static char text[1 << 16];
	char path[256];
	struct policy_map *map;
	struct policy_map_error error;
	size_t len;
	FILE *file;
	snprintf(path, sizeof path, "tests/vectors/maps/%s", name);
	file = fopen(path, "rb");
	assert_non_null(file);
	len = fread(text, 1, sizeof text, file);
	fclose(file);
	if (policy_map_parse(NULL, text, len, &options, &map, &error) != expected)
		fail_msg("%s:%u:%u: %s", path, error.line, error.column, error.message);
	return map;
}

static void expect(const struct policy_map *map, const char *id, const char *class_name, const char *category,
	uint32_t version, const char *verdict, const char *reason, uint32_t target)
{
	const struct policy_box box = {.id = id, .class_name = class_name, .category = category, .version = version};
	struct policy_decision d;
	assert_int_equal(policy_decide(map, &box, 0, &d), 0);
	assert_string_equal(policy_verdict_name(d.verdict), verdict);
	assert_string_equal(policy_reason_name(d.reason), reason);
	if (d.verdict != POLICY_NONE)
		assert_int_equal(d.target, target);
}

static void test_example_0_1(void **state)
{
	struct policy_map *map = read_map("example-0.1.map", true, 0);
	(void)state;
	expect(map, "00a1b2c3ff", "box2-fpu-4mb", NULL, 42, "mandatory", "below-minimum", 100);
	expect(map, "00a1b2c3ff", "box2-fpu-4mb", NULL, 82, "offer", "below-acceptable", 100);
	expect(map, "00a1b2c3ff", "box2-fpu-4mb", NULL, 121, "recall", "above-maximum", 100);
	expect(map, "00a1b2c3d6", "box2-fpu-4mb", NULL, 42, "mandatory", "below-minimum", 105);
	expect(map, "00a1b2c3d4", "box2-fpu-4mb", NULL, 105, "recall", "above-maximum", 102);
	expect(map, "00a1b2c3d5", "box2-fpu-4mb", NULL, 42, "none", "override-never", 0);
	expect(map, "00a1b2c3ff", "box2-fpu-4mb-debug", "lab", 1000, "recall", "above-maximum", 217);
	policy_map_free(map);
}

/* What is not known is skipped, line by line; what is left means what it says. */
static void test_unknown_0_1(void **state)
{
	struct policy_map *map = read_map("unknown-0.1.map", false, 0);
	(void)state;
	assert_int_equal(map->num_ignored, 8);
	assert_int_equal(map->num_sessions, 0);
	expect(map, "00a1", "box2", NULL, 42, "mandatory", "below-minimum", 105);
	expect(map, "00a2", "box2", NULL, 42, "mandatory", "below-minimum", 105);
	expect(map, "00a3", "box2", NULL, 42, "mandatory", "below-minimum", 105);
	expect(map, "00a4", "box2", "beta", 42, "none", "no-row", 0);
	policy_map_free(map);
	assert_null(read_map("unknown-0.1.map", true, CAROUSEL_E_UNKNOWN_WORD));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_example_0_1),
		cmocka_unit_test(test_unknown_0_1),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
