#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "sim/population.h"
#include "tests/lib/fault_alloc.h"

#include <stdio.h>

static const char list[] = "carousel-fleet 1\n"
			   "boxes box beta 100 1\nboxes box production 90 2\nboxes other production 7 1\n"
			   "box 00a1 box production 90 1 2\nbox 00a2 box beta 100 1 2\n"
			   "box 00a3 box production 90 1 2\nbox 00a4 other production 7 1 0\n";
static const char counts[] = "carousel-fleet 1\n"
			     "boxes box beta 100 3\nboxes box production 90 2\nboxes other production 7 4\n";

static int read_text(struct population **p, const struct carousel_allocator *allocator, const char *text, size_t len,
	const char *class_name, const char *category, uint64_t *line)
{
	FILE *file = len ? fmemopen((void *)(uintptr_t)text, len, "r") : tmpfile();
	int result;
	assert_non_null(file);
	result = population_read(p, allocator, file, class_name, category, line);
	fclose(file);
	return result;
}

static void is_box(const struct population *p, uint64_t number, const char *id, const char *class_name,
	const char *category, uint32_t version)
{
	const char *there;
	const struct population_kind *kind = population_box(p, number, &there);
	if (id)
		assert_string_equal(there, id);
	else
		assert_null(there);
	assert_string_equal(kind->class_name, class_name);
	assert_string_equal(kind->category, category);
	assert_int_equal(kind->version, version);
}

static void test_boxes_one_by_one(void **state)
{
	struct population *p;
	uint64_t line;
	(void)state;
	assert_int_equal(read_text(&p, NULL, list, sizeof list - 1, NULL, NULL, &line), 0);
	assert_int_equal(p->boxes, 4);
	is_box(p, 0, "00a1", "box", "production", 90);
	is_box(p, 1, "00a2", "box", "beta", 100);
	is_box(p, 3, "00a4", "other", "production", 7);
	population_free(p);
	assert_int_equal(read_text(&p, NULL, list, sizeof list - 1, "box", "production", &line), 0);
	assert_int_equal(p->boxes, 2);
	is_box(p, 1, "00a3", "box", "production", 90);
	population_free(p);
}

static void test_boxes_counted(void **state)
{
	struct population *p;
	uint64_t line;
	(void)state;
	assert_int_equal(read_text(&p, NULL, counts, sizeof counts - 1, NULL, NULL, &line), 0);
	assert_int_equal(p->boxes, 9);
	for (uint64_t i = 0; i < 9; i++)
		is_box(p, i, NULL, i < 5 ? "box" : "other", i < 3 ? "beta" : "production",
			i < 3   ? 100
			: i < 5 ? 90
				: 7);
	population_free(p);
}

/* More than two pages of ids. */
static void test_many_boxes(void **state)
{
	const uint32_t boxes = 150000;
	FILE *file = tmpfile();
	struct population *p;
	uint64_t line;
	(void)state;
	assert_int_equal(fleet_file_write_head(file), 0);
	for (uint32_t i = 0; i < boxes; i++) {
		char id[16];
		const struct fleet_file_row row = {.kind = FLEET_FILE_BOX,
			.id = id,
			.class_name = "box",
			.category = "production",
			.version = 1 + i % 700};
		snprintf(id, sizeof id, "%08x", i);
		assert_int_equal(fleet_file_write(file, &row), 0);
	}
	rewind(file);
	assert_int_equal(population_read(&p, NULL, file, NULL, NULL, &line), 0);
	fclose(file);
	assert_int_equal(p->boxes, boxes);
	assert_int_equal(p->num_kinds, 700);
	for (uint32_t i = 0; i < boxes; i += 997) {
		char id[16];
		snprintf(id, sizeof id, "%08x", i);
		is_box(p, i, id, "box", "production", 1 + i % 700);
	}
	population_free(p);
}

static void test_refuses(void **state)
{
	static const struct {
		const char *text;
		int code;
		uint64_t line;
	} bad[] = {
		{"carousel-fleet 2\n", CAROUSEL_E_UNSUPPORTED, 1},
		{"nonsense\n", CAROUSEL_E_SYNTAX, 1},
		{"carousel-fleet 1\n", CAROUSEL_E_NOT_FOUND, 0},
		{"carousel-fleet 1\nboxes box production 1 0\n", CAROUSEL_E_NOT_FOUND, 0},
		{"carousel-fleet 1\nboxes box production 1 10000001\n", CAROUSEL_E_LIMIT, 2},
		{"carousel-fleet 1\nboxes a b 1 10000000\nboxes a b 2 1\n", CAROUSEL_E_LIMIT, 3},
		{"carousel-fleet 1\nboxes box production -1 1\n", CAROUSEL_E_SYNTAX, 2},
		{"carousel-fleet 1\nbox A box production 1 1 1\n", CAROUSEL_E_MALFORMED, 2},
	};
	struct population *p;
	uint64_t line;
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_int_equal(read_text(&p, NULL, bad[i].text, strlen(bad[i].text), NULL, NULL, &line), bad[i].code);
		assert_int_equal(line, bad[i].line);
		assert_null(p);
	}
	assert_int_equal(read_text(&p, NULL, list, sizeof list - 1, "none", NULL, &line), CAROUSEL_E_NOT_FOUND);
}

/* Cut anywhere: refused, or (after the counts) boxes that are only counted. */
static void test_truncated(void **state)
{
	const size_t after_counts = (size_t)(strstr(list, "box 00a1") - list);
	(void)state;
	for (size_t n = 0; n < sizeof list - 1; n++) {
		struct population *p;
		uint64_t line;
		const int result = read_text(&p, NULL, list, n, NULL, NULL, &line);
		if (result == 0) {
			assert_true(n <= after_counts && list[n - 1] == '\n');
			population_free(p);
		}
	}
}

static int attempt(const struct carousel_allocator *allocator, void *user)
{
	struct population *p;
	uint64_t line;
	int result = read_text(&p, allocator, list, sizeof list - 1, NULL, NULL, &line);
	(void)user;
	population_free(p);
	return result;
}

static void test_no_memory(void **state)
{
	(void)state;
	assert_in_range(fault_alloc_all(attempt, NULL), 10, 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_boxes_one_by_one),
		cmocka_unit_test(test_boxes_counted),
		cmocka_unit_test(test_many_boxes),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
