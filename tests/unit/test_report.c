/* covers: sim/report.c sim/report_json.c sim/report_shards.c */
#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "sim/report.h"
#include "tests/lib/fault_alloc.h"

#include <math.h>

#define SECOND 1000000000u

static void shape_of(struct scenario *s)
{
	memset(s, 0, sizeof *s);
	s->title = "it's a test";
	s->duration_ns = 4096ull * SECOND; /* a bin a second */
	s->seed = 3;
	s->groups[0].name = "a";
	s->groups[1].name = "b";
	s->num_groups = 2;
}

static struct report *filled(const struct carousel_allocator *allocator)
{
	static struct scenario s;
	struct report *r;
	int result;
	shape_of(&s);
	result = report_new(&r, allocator, &s, "fleet");
	for (uint32_t i = 0; i < 10 && result == 0; i++)
		result = report_move(r, 0, REPORT_NONE, 90, 0);
	for (uint32_t i = 0; i < 9 && result == 0; i++)
		result = report_move(r, 0, 90, 105, (i + 1) * 100ull * SECOND);
	if (result == 0)
		result = report_move(r, 1, REPORT_NONE, 90, 0);
	if (result != 0) {
		assert_int_equal(result, CAROUSEL_E_MEMORY);
		report_free(r);
		return NULL;
	}
	report_overhead(r, 1005.5, 1000);
	report_overhead(r, 1000, 100);
	report_overhead(r, 0, 0);
	report_burst(r, 1);
	report_burst(r, 9);
	report_burst(r, UINT64_MAX);
	r->downloads = 9;
	r->reasons[POLICY_REASON_CURRENT] = 9;
	r->reasons[POLICY_REASON_NO_ROW] = 1;
	return r;
}

static void test_shares_and_times(void **state)
{
	struct report *r = filled(NULL);
	struct scenario_expect e = {
		.group = "a", .version = 105, .at_ns = 950ull * SECOND, .min_share = 0.9, .max_share = 1};
	double share;
	(void)state;
	assert_true(report_share_at(r, "a", 105, 0) == 0);
	assert_true(report_share_at(r, "a", 90, 0) == 1);
	assert_true(fabs(report_share_at(r, "a", 105, 450ull * SECOND) - 0.4) < 1e-9);
	assert_true(fabs(report_share_at(r, NULL, 105, UINT64_MAX) - 9.0 / 11) < 1e-9);
	assert_true(report_time_of(r, "a", 105, 0.5) == 501ull * SECOND);
	assert_true(report_time_of(r, "a", 105, 0.95) == UINT64_MAX);
	assert_true(report_time_of(r, "b", 105, 0) == UINT64_MAX);
	assert_true(report_meets(r, &e, &share) && fabs(share - 0.9) < 1e-9);
	e.at_ns = 500ull * SECOND;
	assert_false(report_meets(r, &e, NULL));
	e.min_share = 0;
	e.max_share = 0.3;
	assert_false(report_meets(r, &e, NULL));
	assert_int_equal(r->overhead[5], 1);
	assert_int_equal(r->overhead[REPORT_OVERHEAD_BINS], 1);
	assert_int_equal(r->overhead[0], 1);
	assert_int_equal(r->bursts[0], 1);
	assert_int_equal(r->bursts[3], 1);
	assert_int_equal(r->bursts[REPORT_BURST_BINS - 1], 1);
	report_free(r);
}

static void test_json_round_trip(void **state)
{
	struct report *r = filled(NULL), *back;
	json_t *root = report_json(r, NULL), *again;
	(void)state;
	assert_non_null(root);
	assert_int_equal(report_from_json(&back, NULL, root), 0);
	again = report_json(back, NULL);
	assert_true(json_equal(root, again));
	json_decref(again);
	json_decref(root);
	report_free(back);
	report_free(r);
}

/* Every member of a report taken away, or made something else, is refused and harmless. */
static void test_bad_json(void **state)
{
	struct report *r = filled(NULL), *back;
	json_t *root = report_json(r, NULL);
	const char *key;
	json_t *value;
	(void)state;
	json_object_foreach(root, key, value)
	{
		json_t *copy = json_deep_copy(root);
		/* A report of before these were told. */
		const bool is_late = strcmp(key, "stuck") == 0 || strcmp(key, "ended_s") == 0;
		if (strcmp(key, "reasons") != 0 && !is_late) {
			json_object_del(copy, key);
			assert_int_not_equal(report_from_json(&back, NULL, copy), 0);
			assert_null(back);
		}
		json_object_set_new(copy, key, json_pack("[i]", -1));
		if (strcmp(key, "reasons") != 0)
			assert_int_not_equal(report_from_json(&back, NULL, copy), 0);
		json_decref(copy);
	}
	json_t *curve = json_array_get(json_object_get(root, "curves"), 0);
	json_object_set_new(curve, "changes", json_pack("[[i,i]]", REPORT_BINS + 1, 1));
	assert_int_equal(report_from_json(&back, NULL, root), CAROUSEL_E_RANGE);
	json_object_set_new(curve, "changes", json_pack("[[i,s]]", 1, "x"));
	assert_int_equal(report_from_json(&back, NULL, root), CAROUSEL_E_SYNTAX);
	json_object_set_new(curve, "changes", json_pack("[[i,I]]", 1, (json_int_t)INT64_MAX));
	assert_int_equal(report_from_json(&back, NULL, root), CAROUSEL_E_RANGE);
	json_object_set_new(curve, "group", json_string("z"));
	assert_int_equal(report_from_json(&back, NULL, root), CAROUSEL_E_RANGE);
	json_object_set_new(root, "format", json_string("carousel-simulation/2"));
	assert_int_equal(report_from_json(&back, NULL, root), CAROUSEL_E_UNSUPPORTED);
	json_decref(root);
	report_free(r);
}

static void test_merge(void **state)
{
	struct report *a = filled(NULL), *b = filled(NULL);
	(void)state;
	assert_int_equal(report_merge(a, b), CAROUSEL_E_CONFLICT); /* both are whole */
	assert_int_equal(report_set_shard(a, 2, 2), CAROUSEL_E_RANGE);
	assert_int_equal(report_set_shard(a, 0, REPORT_MAX_SHARDS + 1), CAROUSEL_E_RANGE);
	assert_int_equal(report_set_shard(a, 0, 2), 0);
	assert_int_equal(report_set_shard(b, 0, 2), 0);
	assert_int_equal(report_merge(a, b), CAROUSEL_E_CONFLICT); /* the same shard */
	assert_int_equal(report_set_shard(b, 1, 2), 0);
	b->seed = 4;
	assert_int_equal(report_merge(a, b), CAROUSEL_E_CONFLICT);
	b->seed = 3;
	assert_int_equal(report_merge(a, b), 0);
	/* Now it is the whole. */
	assert_true(a->shards_done == 1 && a->shards == 1 && a->parts == NULL);
	assert_int_equal(a->groups[0].boxes, 20);
	assert_int_equal(a->downloads, 18);
	assert_int_equal(a->overhead[5], 2);
	assert_true(fabs(report_share_at(a, "a", 105, UINT64_MAX) - 0.9) < 1e-9);
	assert_int_equal(report_merge(a, b), CAROUSEL_E_CONFLICT); /* a third of two */
	report_free(a);
	report_free(b);
}

/* Shards joined in groups and in any order, through JSON; none of them twice. */
static void test_shards_in_json(void **state)
{
	static const struct {
		const char *parts;
		int code;
	} bad[] = {{"[0]", CAROUSEL_E_RANGE}, {"[0,0]", CAROUSEL_E_RANGE}, {"[0,7]", CAROUSEL_E_RANGE},
		{"[0,-1]", CAROUSEL_E_RANGE}, {"[0,\"1\"]", CAROUSEL_E_SYNTAX}, {"7", CAROUSEL_E_SYNTAX}};
	struct report *r[4], *back;
	json_t *root;
	(void)state;
	for (uint32_t i = 0; i < 4; i++) {
		r[i] = filled(NULL);
		assert_int_equal(report_set_shard(r[i], i, 4), 0);
	}
	assert_int_equal(report_merge(r[1], r[3]), 0);
	root = report_json(r[1], NULL);
	assert_int_equal(report_from_json(&back, NULL, root), 0);
	assert_true(report_has_shard(back, 1) && report_has_shard(back, 3) && !report_has_shard(back, 0));
	assert_int_equal(report_merge(back, r[3]), CAROUSEL_E_CONFLICT);
	assert_int_equal(report_merge(back, r[0]), 0);
	assert_int_equal(back->shards_done, 3);
	assert_int_equal(report_merge(back, r[2]), 0);
	assert_int_equal(back->downloads, 36);
	assert_true(report_has_shard(back, 0) && !report_has_shard(back, 1));
	report_free(back);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		json_object_set_new(root, "parts", json_loads(bad[i].parts, JSON_DECODE_ANY, NULL));
		assert_int_equal(report_from_json(&back, NULL, root), bad[i].code);
	}
	json_decref(root);
	for (uint32_t i = 0; i < 4; i++)
		report_free(r[i]);
}

struct sink {
	size_t lines, left;
};

static int count_lines(void *user, const char *text, size_t len)
{
	struct sink *s = user;
	if (s->left-- == 0)
		return CAROUSEL_E_NO_SPACE;
	s->lines++;
	assert_int_equal(text[len - 1], '\n');
	return 0;
}

static void test_csv(void **state)
{
	struct report *r = filled(NULL);
	struct sink sink = {.left = 10000};
	(void)state;
	assert_int_equal(report_csv(r, 64, count_lines, &sink), 0);
	assert_int_equal(sink.lines, 1 + 3 * 65);
	sink = (struct sink){.left = 70};
	assert_int_equal(report_csv(r, 64, count_lines, &sink), CAROUSEL_E_NO_SPACE);
	report_free(r);
}

static int attempt(const struct carousel_allocator *allocator, void *user)
{
	struct report *r = filled(allocator);
	(void)user;
	if (r == NULL)
		return CAROUSEL_E_MEMORY;
	report_free(r);
	return 0;
}

static void test_no_memory(void **state)
{
	(void)state;
	assert_int_equal(fault_alloc_all(attempt, NULL), 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shares_and_times),
		cmocka_unit_test(test_json_round_trip),
		cmocka_unit_test(test_bad_json),
		cmocka_unit_test(test_merge),
		cmocka_unit_test(test_shards_in_json),
		cmocka_unit_test(test_csv),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
