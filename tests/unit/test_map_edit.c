#include "tests/lib/fault_alloc.h"
#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "policy-map/map_edit.h"

#include <stdio.h>

#define HEAD  "carousel-map 1\nepoch    1\nserial   2026112101\nissued   2026-11-21T10:00:00Z\n"
#define SHA_A "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
#define SHA_B "sha256:60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752"
#define ROWS  "map      a  *           1  2 4 5\n"

static struct map_edit *open_map(const char *rows)
{
	char text[8192];
	struct policy_map_error error;
	struct map_edit *e;
	int n = snprintf(text, sizeof text, HEAD "%s", rows);
	if (map_edit_new(NULL, text, (size_t)n, &e, &error) != 0)
		fail_msg("%u:%u: %s", error.line, error.column, error.message);
	return e;
}

/* The rows that follow the head. */
static void expect_rows(struct map_edit *e, const char *rows)
{
	char *text;
	size_t len;
	assert_int_equal(map_edit_print(e, &text, &len), 0);
	assert_memory_equal(text, HEAD, strlen(HEAD));
	assert_string_equal(text + strlen(HEAD), rows);
	memory_free(NULL, text);
	map_edit_free(e);
}

static void test_nothing_changed(void **state)
{
	static const char rows[] = "# why\n\nmap      a  *  1 2 4 5  hold  # because\n";
	(void)state;
	expect_rows(open_map(rows), rows);
}

static void test_issue(void **state)
{
	struct map_edit *e = open_map("");
	char *text;
	size_t len;
	(void)state;
	assert_int_equal(map_edit_issue(e, 1795255200), 0); /* the same day */
	assert_int_equal(map_edit_print(e, &text, &len), 0);
	assert_non_null(strstr(text, "serial   2026112102\n"));
	memory_free(NULL, text);
	assert_int_equal(map_edit_issue(e, 1795255200 + 86400), 0);
	assert_int_equal(map_edit_print(e, &text, &len), 0);
	assert_non_null(strstr(text, "serial   2026112201\nissued   2026-11-22T10:00:00Z\n"));
	memory_free(NULL, text);
	map_edit_free(e);
}

/* Issued anew, a ramp goes on from where it was; one that this edit puts in counts from the new issue. */
static void test_ramps_go_on(void **state)
{
	static const char *const gates[] = {"ramp=5%"};
	struct map_edit *e = open_map("map      a  *  1 2 5 9  ramp=1%,5%@+1d hold  # slow\nmap      a  *  1 2 4 9\n"
				      "map      b  *  1 2 5 9  from=2026-11-20T00:00Z ramp=1%\nmap      b  *  1 2 4 9\n"
				      "map      c  *  1 2 4 9\n");
	char *text;
	size_t len;
	(void)state;
	assert_int_equal(map_edit_promote(e, "c", NULL, 7, gates, 1), 0);
	assert_int_equal(map_edit_issue(e, 1795255200 + 86400), 0);
	assert_int_equal(map_edit_issue(e, 1795255200 + 90000), 0);
	assert_int_equal(map_edit_print(e, &text, &len), 0);
	assert_non_null(strstr(text, "  from=2026-11-21T10:00:00Z ramp=1%,5%@+1d hold  # slow\n"));
	assert_non_null(strstr(text, "5 9  from=2026-11-20T00:00Z ramp=1%\n"));
	assert_non_null(strstr(text, "map      c  *  1 2 7 9  ramp=5%\n"));
	memory_free(NULL, text);
	map_edit_free(e);
}

static void test_promote_by_ramp_keeps_the_hold(void **state)
{
	static const char *const gates[] = {"ramp=5%"};
	struct map_edit *e = open_map("map      a  *  1 2 5 9  hold retry=2\n");
	char *text;
	size_t len;
	(void)state;
	assert_int_equal(map_edit_promote(e, "a", NULL, 7, gates, 1), 0);
	assert_int_equal(map_edit_print(e, &text, &len), 0);
	assert_non_null(
		strstr(text, "map      a  *  1 2 7 9  hold retry=2 ramp=5%\nmap      a  *  1 2 5 9  hold retry=2\n"));
	memory_free(NULL, text);
	map_edit_free(e);
}

static void test_promote_by_ramp_and_then_for_all(void **state)
{
	static const char *const gates[] = {"from=2026-11-22T00:00Z", "ramp=5%,100%@+7d"};
	struct map_edit *e =
		open_map("map      a  beta  1 2 4 5\nmap      a  *     1 2 4 5\nmap      b  *     1 2 4 5\n");
	(void)state;
	assert_int_equal(map_edit_promote(e, "a", "*", 7, gates, 2), 0);
	expect_rows(e, "map      a  beta  1 2 4 5\nmap      a  *     1 2 7 7  from=2026-11-22T00:00Z ramp=5%,100%@+7d\n"
		       "map      a  *     1 2 4 7\nmap      b  *     1 2 4 5\n");
	e = open_map("map      a  *  1 2 7 7  ramp=5%\nmap      a  *  1 2 6 6  ramp=5%\nmap      a  *  1 2 4 7\n");
	assert_int_equal(map_edit_promote(e, "a", NULL, 7, NULL, 0), 0);
	expect_rows(e, "map      a  *  1 2 7 7\n");
	/* A newer ramp goes before one that is under way, whose boxes may have the newer version later on. */
	e = open_map("# why\nmap      a  *  1 2 5 5  ramp=5%  # first\nmap      a  *  1 2 4 5\n");
	assert_int_equal(map_edit_promote(e, "a", "*", 7, &gates[1], 1), 0);
	expect_rows(e, "# why\nmap      a  *  1 2 7 7  ramp=5%,100%@+7d\nmap      a  *  1 2 5 7  ramp=5%  # first\n"
		       "map      a  *  1 2 4 7\n");
	e = open_map("map      a  *  1 2 7 7\n");
	assert_int_equal(map_edit_promote(e, "z", NULL, 7, NULL, 0), CAROUSEL_E_NOT_FOUND);
	/* What is at 7 everywhere is not promoted to 6, neither for all nor for some. */
	assert_int_equal(map_edit_promote(e, "a", NULL, 6, NULL, 0), CAROUSEL_E_ROLLBACK);
	assert_int_equal(map_edit_promote(e, "a", "*", 6, &gates[1], 1), CAROUSEL_E_ROLLBACK);
	assert_int_equal(map_edit_promote(e, "a", "beta", 7, NULL, 0), CAROUSEL_E_NOT_FOUND);
	map_edit_free(e);
}

static void test_recall(void **state)
{
	struct map_edit *e =
		open_map("map      a  *     1 2 7 9  ramp=5%\nmap      a  *     5 6 6 9\nmap      a  beta  1 2 5 6\n");
	(void)state;
	assert_int_equal(map_edit_recall(e, "a", NULL, 7, 4), 0);
	expect_rows(e, "map      a  *     4 4 4 6\nmap      a  beta  1 2 5 6\n");
	e = open_map("map      a  *  1 2 3 9\n");
	assert_int_equal(map_edit_recall(e, "a", NULL, 4, 4), CAROUSEL_E_RANGE);
	assert_int_equal(map_edit_recall(e, "a", NULL, 4, 0), CAROUSEL_E_RANGE);
	assert_int_equal(map_edit_recall(e, "a", NULL, 10, 4), CAROUSEL_E_NOT_FOUND);
	map_edit_free(e);
}

static void test_hold_and_release(void **state)
{
	struct map_edit *e = open_map("map      a  *  1 2 4 5  hold\nmap      b  *  1 2 4 5  hold retry=2\n");
	(void)state;
	assert_int_equal(map_edit_hold(e, "a", NULL, true), CAROUSEL_E_NOT_FOUND);
	assert_int_equal(map_edit_hold(e, "a", NULL, false), 0);
	assert_int_equal(map_edit_hold(e, "a", NULL, false), CAROUSEL_E_NOT_FOUND);
	assert_int_equal(map_edit_hold(e, "b", "*", false), 0);
	assert_int_equal(map_edit_hold(e, "b", "*", true), 0);
	expect_rows(e, "map      a  *  1 2 4 5\nmap      b  *  1 2 4 5  retry=2 hold\n");
}

static void test_add_image(void **state)
{
	struct policy_image image = {.class_name = "a", .version = 7, .size_bytes = 9};
	struct map_edit *e = open_map("image    a   4  " SHA_A "  size=1 manifest=" SHA_A "\nmap      a  *  1 2 4 5\n");
	(void)state;
	hash_parse_sha256(SHA_B, strlen(SHA_B), image.sha256);
	hash_parse_sha256(SHA_A, strlen(SHA_A), image.manifest_sha256);
	assert_int_equal(map_edit_add_image(e, &image), 0);
	assert_int_equal(map_edit_add_image(e, &image), 0);
	image.sha256[0] ^= 1;
	assert_int_equal(map_edit_add_image(e, &image), CAROUSEL_E_CONFLICT);
	expect_rows(e, "image    a  4  " SHA_A "  size=1 manifest=" SHA_A "\nimage    a  7  " SHA_B
		       "  size=9 manifest=" SHA_A "\nmap      a  *  1 2 4 5\n");
}

static void test_only_good_maps_are_edited(void **state)
{
	struct policy_map_error error;
	struct map_edit *e;
	(void)state;
	assert_int_equal(map_edit_new(NULL, HEAD "what\n", strlen(HEAD) + 5, &e, &error), CAROUSEL_E_UNKNOWN_WORD);
	assert_int_equal(error.line, 5);
	assert_null(e);
}

static int attempt(const struct carousel_allocator *a, void *user)
{
	static const char text[] = HEAD ROWS;
	static const char *const gates[] = {"ramp=5%"};
	const struct policy_image image = {.class_name = "a", .version = 7, .size_bytes = 9};
	struct policy_map_error error;
	struct map_edit *e;
	char *out;
	size_t len;
	int result = map_edit_new(a, text, strlen(text), &e, &error);
	(void)user;
	if (result)
		return result;
	result = map_edit_add_image(e, &image);
	if (result == 0)
		result = map_edit_promote(e, "a", NULL, 7, gates, 1);
	if (result == 0)
		result = map_edit_hold(e, "a", NULL, true);
	if (result == 0)
		result = map_edit_issue(e, 1795255200);
	if (result == 0)
		result = map_edit_print(e, &out, &len);
	if (result == 0)
		memory_free(a, out);
	map_edit_free(e);
	return result;
}

static void test_no_memory(void **state)
{
	(void)state;
	assert_true(fault_alloc_all(attempt, NULL) > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_changed),
		cmocka_unit_test(test_issue),
		cmocka_unit_test(test_ramps_go_on),
		cmocka_unit_test(test_promote_by_ramp_keeps_the_hold),
		cmocka_unit_test(test_promote_by_ramp_and_then_for_all),
		cmocka_unit_test(test_recall),
		cmocka_unit_test(test_hold_and_release),
		cmocka_unit_test(test_add_image),
		cmocka_unit_test(test_only_good_maps_are_edited),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
