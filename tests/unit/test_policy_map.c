/* covers: policy-map/map_words.c, policy-map/map_line.c, policy-map/map_format.c */
#include "tests/lib/fault_alloc.h"
#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "policy-map/policy_map.h"

#include <stdio.h>

#define HEAD "carousel-map 1\nepoch 1\nserial 7\nissued 2026-11-21T10:00:00Z\n"
#define SHA  "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

static const struct policy_map_options strict = {.strict = true};
static char *example;
static size_t example_len;

static int read_example(void **state)
{
	FILE *file = fopen("tests/vectors/maps/example-0.1.map", "rb");
	(void)state;
	assert_non_null(file);
	example = calloc(1, 65536);
	example_len = fread(example, 1, 65535, file);
	assert_int_equal(fclose(file), 0);
	return 0;
}

static int free_example(void **state)
{
	(void)state;
	free(example);
	return 0;
}

static struct policy_map *parse(const char *text, const struct policy_map_options *options)
{
	struct policy_map *map;
	struct policy_map_error error;
	int result = policy_map_parse(NULL, text, strlen(text), options, &map, &error);
	if (result)
		fail_msg("%u:%u: %s", error.line, error.column, error.message);
	return map;
}

static void test_example(void **state)
{
	struct policy_map *m = parse(example, &strict);
	size_t count;
	const struct policy_row *const *rows;
	(void)state;
	assert_int_equal(m->epoch, 1);
	assert_true(m->serial == 2026112101);
	assert_true(m->issued_s == 1795255200);
	assert_true(m->expires_s > m->issued_s);
	assert_int_equal(m->num_sessions, 2);
	assert_string_equal(m->sessions[0].name, "main");
	assert_int_equal(m->sessions[0].tsi, 4001);
	assert_int_equal(m->sessions[0].group.port, 4001);
	assert_int_equal(m->sessions[0].source.family, 4);
	assert_int_equal(m->sessions[1].group.family, 6);
	assert_int_equal(m->num_rows, 4);
	rows = policy_map_rows(m, "box2-fpu-4mb", "production", &count);
	assert_int_equal(count, 2);
	assert_int_equal(rows[0]->numbers.current, 105);
	assert_int_equal(rows[0]->num_steps, 3);
	assert_int_equal(rows[0]->line, 12);
	assert_int_equal(rows[1]->numbers.current, 100);
	assert_int_equal(rows[1]->num_steps, 0);
	policy_map_rows(m, "box2-fpu-4mb", "gamma", &count);
	assert_int_equal(count, 0);
	assert_string_equal(policy_map_member(m, "00a1b2c3d6")->category, "beta");
	assert_null(policy_map_member(m, "00a1b2c3d4"));
	assert_int_equal(policy_map_override(m, "00a1b2c3d4", "box2-fpu-4mb")->numbers.minimum, 102);
	assert_null(policy_map_override(m, "00a1b2c3d4", "box2-fpu-4mb-debug"));
	assert_true(policy_map_override(m, "00a1b2c3d5", "anything")->never);
	assert_string_equal(policy_map_flag(m, "box2-fpu-4mb", "production", "new-epg"), "on");
	assert_null(policy_map_flag(m, "box2-fpu-4mb", "beta", "new-epg"));
	assert_true(policy_map_image(m, "box2-fpu-4mb", 105)->size_bytes == 67108865);
	assert_null(policy_map_image(m, "box2-fpu-4mb", 104));
	assert_null(policy_map_image(m, "zzz", 105));
	policy_map_free(m);
}

static void test_canonical_text_comes_back(void **state)
{
	char *out, *again;
	size_t len, again_len;
	static const char loose[] = "map a b 1 20 3 4 hold x\n\n  # c \nmap aaaa b 10 2 3 4 # d\nwhat  is  this";
	static const char tidy[] = "map      a     b   1 20 3 4  hold x\n\n# c\nmap      aaaa  b  10  2 3 4  # d\n"
				   "what is this\n";
	char messy[] = "carousel-map\t1\r";
	(void)state;
	assert_int_equal(policy_map_format(NULL, example, example_len, &out, &len, NULL), 0);
	assert_string_equal(out, example);
	memory_free(NULL, out);
	messy[14] = '\n';
	assert_int_equal(policy_map_format(NULL, messy, strlen(messy), &out, &len, NULL), 0);
	assert_string_equal(out, "carousel-map 1\n");
	memory_free(NULL, out);
	assert_int_equal(policy_map_format(NULL, loose, strlen(loose), &out, &len, NULL), 0);
	assert_string_equal(out, tidy);
	assert_int_equal(policy_map_format(NULL, out, len, &again, &again_len, NULL), 0);
	assert_string_equal(again, out);
	memory_free(NULL, out);
	memory_free(NULL, again);
}

struct bad_case {
	const char *text;
	int code;
	uint32_t line, column;
};

static void expect_error(const struct bad_case *c, const struct policy_map_options *options)
{
	struct policy_map *map;
	struct policy_map_error error;
	int result = policy_map_parse(NULL, c->text, strlen(c->text), options, &map, &error);
	assert_null(map);
	if (result != c->code || error.line != c->line || error.column != c->column || !error.message[0])
		fail_msg("%s\ngave %s at %u:%u (%s)", c->text, carousel_error_name(result), error.line, error.column,
			error.message);
}

static void test_errors_name_the_place(void **state)
{
	static const struct bad_case cases[] = {
		{"", CAROUSEL_E_SYNTAX, 0, 0},
		{"map a b 1 2 3 4\n", CAROUSEL_E_SYNTAX, 1, 1},
		{"carousel-map\n", CAROUSEL_E_SYNTAX, 1, 13},
		{"carousel-map 2\n", CAROUSEL_E_UNSUPPORTED, 1, 14},
		{"carousel-map 1\n", CAROUSEL_E_SYNTAX, 0, 0},
		{"carousel-map 1\nepoch 1\nserial 1\n", CAROUSEL_E_SYNTAX, 0, 0},
		{HEAD "epoch 1\n", CAROUSEL_E_DUPLICATE, 5, 1},
		{"carousel-map 1\nepoch 0\n", CAROUSEL_E_RANGE, 2, 7},
		{"carousel-map 1\nserial x\n", CAROUSEL_E_SYNTAX, 2, 8},
		{"carousel-map 1\nissued yesterday\n", CAROUSEL_E_SYNTAX, 2, 8},
		{HEAD "map a b 1 2 3\n", CAROUSEL_E_SYNTAX, 5, 14},
		{HEAD "map a b 1 2 3 x\n", CAROUSEL_E_SYNTAX, 5, 15},
		{HEAD "map a b 2 1 3 4\n", CAROUSEL_E_RANGE, 5, 11},
		{HEAD "map a b 1 4 3 4\n", CAROUSEL_E_RANGE, 5, 13},
		{HEAD "map a b 1 2 5 4\n", CAROUSEL_E_RANGE, 5, 15},
		{HEAD "map a b 0 0 0 4\n", CAROUSEL_E_RANGE, 5, 13},
		{HEAD "map a b 1 2 4294967295 4294967295\n", CAROUSEL_E_RANGE, 5, 13},
		{HEAD "map a b 1 2 3 4294967295\n", CAROUSEL_E_RANGE, 5, 15},
		{HEAD "map * b 1 2 3 4\n", CAROUSEL_E_SYNTAX, 5, 5},
		{HEAD "map a\"b b 1 2 3 4\n", CAROUSEL_E_SYNTAX, 5, 5},
		{HEAD "map a b 1 2 3 4 hold hold\n", CAROUSEL_E_DUPLICATE, 5, 22},
		{HEAD "map a b 1 2 3 4 from=now\n", CAROUSEL_E_SYNTAX, 5, 17},
		{HEAD "map a b 1 2 3 4 ramp=5\n", CAROUSEL_E_SYNTAX, 5, 17},
		{HEAD "map a b 1 2 3 4 retry=0\n", CAROUSEL_E_RANGE, 5, 17},
		{HEAD "map a b 1 2 3 4 from=2026-11-21T12:00Z until=2026-11-21T12:00Z\n", CAROUSEL_E_RANGE, 5, 17},
		{HEAD "member 00A1 beta\n", CAROUSEL_E_SYNTAX, 5, 8},
		{HEAD "member 00a1 *\n", CAROUSEL_E_SYNTAX, 5, 13},
		{HEAD "override 00a1 * 1 2 3 4\n", CAROUSEL_E_SYNTAX, 5, 15},
		{HEAD "override 00a1 a 1 2 3\n", CAROUSEL_E_SYNTAX, 5, 22},
		{HEAD "flag a b c\n", CAROUSEL_E_SYNTAX, 5, 11},
		{HEAD "session main 10.0.0.1:4001\n", CAROUSEL_E_ADDRESS, 5, 14},
		{HEAD "session main 232.1.1.1\n", CAROUSEL_E_ADDRESS, 5, 14},
		{HEAD "session main 232.1.1.1:1 source=ff3e::1\n", CAROUSEL_E_ADDRESS, 5, 26},
		{HEAD "session main 232.1.1.1:1 tsi=4294967296\n", CAROUSEL_E_RANGE, 5, 26},
		{HEAD "image a 1 sha256:00 size=1 manifest=" SHA "\n", CAROUSEL_E_SYNTAX, 5, 11},
		{HEAD "image a 1 " SHA " size=1\n", CAROUSEL_E_SYNTAX, 5, 89},
		{HEAD "image a 1 " SHA " size=0 manifest=" SHA "\n", CAROUSEL_E_RANGE, 5, 83},
		{HEAD "image a 1 " SHA " size=1 manifest=sha256:\n", CAROUSEL_E_SYNTAX, 5, 90},
		{HEAD "image a 0 " SHA " size=1 manifest=" SHA "\n", CAROUSEL_E_RANGE, 5, 9},
		{HEAD "map a b 1 2 3 4\r\n", CAROUSEL_E_SYNTAX, 5, 16},
		{HEAD "# \x01\n", CAROUSEL_E_SYNTAX, 5, 3},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		expect_error(&cases[i], &strict);
		expect_error(&cases[i], NULL);
	}
}

static void test_boxes_skip_what_they_do_not_know(void **state)
{
	static const struct bad_case cases[] = {
		{HEAD "map a b 1 2 3 4 when=full-moon\n", CAROUSEL_E_UNKNOWN_WORD, 5, 17},
		{HEAD "map a b x y z 4 when=full-moon\n", CAROUSEL_E_UNKNOWN_WORD, 5, 17},
		{HEAD "map a b 1 2 3 4 5\n", CAROUSEL_E_UNKNOWN_WORD, 5, 17},
		{HEAD "member 00a1 beta today\n", CAROUSEL_E_UNKNOWN_WORD, 5, 18},
		{HEAD "override 00a1 a never ever\n", CAROUSEL_E_UNKNOWN_WORD, 5, 23},
		{HEAD "flag a b c d e\n", CAROUSEL_E_UNKNOWN_WORD, 5, 14},
		{HEAD "image a 1 " SHA " size=1 manifest=" SHA " delta=1\n", CAROUSEL_E_UNKNOWN_WORD, 5, 171},
		{HEAD "session main 232.1.1.1:1 key=1\n", CAROUSEL_E_UNKNOWN_WORD, 5, 26},
		{HEAD "promise all\n", CAROUSEL_E_UNKNOWN_WORD, 5, 1},
		{HEAD "map a b 1 2 3 4 a b c d e f g h i j k l m n o p q r s t u v w x y z\n", CAROUSEL_E_UNKNOWN_WORD,
			5, 17},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct policy_map *map;
		expect_error(&cases[i], &strict);
		map = parse(cases[i].text, NULL);
		assert_int_equal(map->num_ignored, 1);
		assert_int_equal(map->num_rows + map->num_members + map->num_overrides + map->num_flags +
					 map->num_images + map->num_sessions,
			0);
		policy_map_free(map);
	}
}

static void test_a_box_keeps_its_own_lines(void **state)
{
	const struct policy_map_options mine = {.only_box_id = "00a1b2c3d4"};
	struct policy_map *m = parse(example, &mine);
	(void)state;
	assert_int_equal(m->num_members, 0);
	assert_int_equal(m->num_overrides, 1);
	assert_non_null(policy_map_override(m, "00a1b2c3d4", "box2-fpu-4mb"));
	policy_map_free(m);
}

static void test_order_by_epoch_and_serial(void **state)
{
	struct policy_map a = {.epoch = 1, .serial = 9}, b = {.epoch = 2, .serial = 1}, c = {.epoch = 2, .serial = 2};
	(void)state;
	assert_int_equal(policy_map_compare(&a, &b), -1);
	assert_int_equal(policy_map_compare(&c, &b), 1);
	assert_int_equal(policy_map_compare(&b, &b), 0);
}

static void test_names(void **state)
{
	char name[66];
	(void)state;
	memset(name, 'a', sizeof name);
	name[64] = '\0';
	assert_true(policy_is_name(name));
	assert_true(policy_is_box_id(name));
	name[64] = 'a';
	name[65] = '\0';
	assert_false(policy_is_name(name));
	assert_false(policy_is_box_id(name));
	assert_false(policy_is_name(""));
	assert_false(policy_is_name("*"));
	assert_false(policy_is_name("#a"));
	assert_false(policy_is_name("a b"));
	assert_false(policy_is_name("\xc3\xa9"));
	assert_true(policy_is_name("Box/2+3*"));
	assert_true(policy_is_box_id("0-9a.z_:"));
	assert_false(policy_is_box_id("A"));
	assert_false(policy_is_box_id(""));
}

/* A map cut anywhere is either refused or holds only whole lines of the original: it never reads past its end. */
static void test_cut_anywhere(void **state)
{
	(void)state;
	for (size_t n = 0; n < example_len; n++) {
		char *copy = malloc(n ? n : 1), *out;
		struct policy_map *map;
		size_t len;
		memcpy(copy, example, n);
		if (policy_map_parse(NULL, copy, n, &strict, &map, NULL) == 0)
			assert_true(map->num_rows <= 4 && map->num_images <= 4);
		else
			assert_null(map);
		policy_map_free(map);
		assert_int_equal(policy_map_format(NULL, copy, n, &out, &len, NULL), 0);
		memory_free(NULL, out);
		free(copy);
	}
}

static void test_bytes_changed_at_random(void **state)
{
	uint64_t random = 1;
	(void)state;
	for (int round = 0; round < 20000; round++) {
		char *copy = malloc(example_len);
		struct policy_map *map;
		struct policy_map_error error;
		memcpy(copy, example, example_len);
		for (int i = 0; i < 4; i++)
			copy[test_random(&random) % example_len] = (char)(test_random(&random) % 128);
		if (policy_map_parse(NULL, copy, example_len, round & 1 ? &strict : NULL, &map, &error) != 0)
			assert_true(error.code != 0 && error.message[0]);
		policy_map_free(map);
		free(copy);
	}
}

static void test_size_is_bounded(void **state)
{
	char *big = calloc(1, POLICY_MAP_MAX_BYTES + 2), *out;
	struct policy_map *map;
	struct policy_map_error error;
	size_t len;
	(void)state;
	memset(big, '\n', POLICY_MAP_MAX_BYTES + 1);
	assert_int_equal(policy_map_parse(NULL, big, POLICY_MAP_MAX_BYTES + 1, NULL, &map, &error), CAROUSEL_E_LIMIT);
	assert_int_equal(policy_map_format(NULL, big, POLICY_MAP_MAX_BYTES + 1, &out, &len, &error), CAROUSEL_E_LIMIT);
	free(big);
}

static void test_a_hundred_thousand_overrides(void **state)
{
	char *text = malloc(8u << 20), id[32];
	size_t len = (size_t)sprintf(text, HEAD);
	struct policy_map *map;
	(void)state;
	for (unsigned i = 0; i < 100000; i++)
		len += (size_t)sprintf(
			text + len, "override %08x box2-fpu-4mb 102 102 %u 200\n", i * 2654435761u, 102 + i % 50);
	map = parse(text, &strict);
	assert_int_equal(map->num_overrides, 100000);
	for (unsigned i = 0; i < 100000; i++) {
		sprintf(id, "%08x", i * 2654435761u);
		assert_int_equal(policy_map_override(map, id, "box2-fpu-4mb")->numbers.current, 102 + i % 50);
	}
	policy_map_free(map);
	free(text);
}

static int attempt(const struct carousel_allocator *a, void *user)
{
	struct policy_map *map = NULL;
	char *out;
	size_t len;
	int result = policy_map_parse(a, example, example_len, user, &map, NULL);
	policy_map_free(map);
	if (result)
		return result;
	result = policy_map_format(a, example, example_len, &out, &len, NULL);
	if (result == 0)
		memory_free(a, out);
	return result;
}

static void test_no_memory(void **state)
{
	struct policy_map_options options = strict;
	(void)state;
	assert_true(fault_alloc_all(attempt, &options) > 12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_example),
		cmocka_unit_test(test_canonical_text_comes_back),
		cmocka_unit_test(test_errors_name_the_place),
		cmocka_unit_test(test_boxes_skip_what_they_do_not_know),
		cmocka_unit_test(test_a_box_keeps_its_own_lines),
		cmocka_unit_test(test_order_by_epoch_and_serial),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_bytes_changed_at_random),
		cmocka_unit_test(test_size_is_bounded),
		cmocka_unit_test(test_a_hundred_thousand_overrides),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, read_example, free_example);
}
