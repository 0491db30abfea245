/* covers: policy-map/fleet/what_if_diff.c policy-map/fleet/what_if_paths.c */
#include "tests/lib/test.h"

#include "tests/lib/fleet_site.h"

#include "common/carousel_error.h"
#include "policy-map/fleet/what_if.h"

#include <stdio.h>

#define SHA    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
#define IMAGES "image box 100 " SHA " size=1 manifest=" SHA "\nimage box 105 " SHA " size=1 manifest=" SHA "\n"
#define BOXES  1000u

static char path[FLEET_SITE_PATH_BYTES];
static struct fleet_db *db;

/* 400 boxes at 42, 300 at 82, 200 at 100, 100 at 121. */
static uint32_t version_of(unsigned i)
{
	return i < 400 ? 42 : i < 700 ? 82 : i < 900 ? 100 : 121;
}

static int set_up(void **state)
{
	char id[16];
	struct fleet_news news = {.box_id = id,
		.class_name = "box",
		.category = "production",
		.state = "",
		.reason = "",
		.heard_s = 1,
		.trust = FLEET_FROM_LIST};
	(void)state;
	if (fleet_site_open("test_what_if", path, &db) != 0 || fleet_db_begin(db) != 0)
		return -1;
	for (unsigned i = 0; i < BOXES; i++) {
		snprintf(id, sizeof id, "%04x", i);
		news.version = version_of(i);
		if (fleet_db_put(db, &news) != 0)
			return -1;
	}
	return fleet_db_commit(db);
}

static int tear_down(void **state)
{
	(void)state;
	fleet_site_close(db, path);
	return 0;
}

static struct policy_map *map_of(const char *lines)
{
	char text[4096];
	struct policy_map_error error;
	struct policy_map *map;
	int n = snprintf(
		text, sizeof text, "carousel-map 1\nepoch 1\nserial 7\nissued 2026-11-21T10:00:00Z\n%s" IMAGES, lines);
	if (policy_map_parse(NULL, text, (size_t)n, NULL, &map, &error) != 0)
		fail_msg("%u:%u: %s", error.line, error.column, error.message);
	return map;
}

static void test_flips(void **state)
{
	struct policy_map *before = map_of("map box * 0 0 100 130\n"),
			  *after = map_of("override 0000 * never\nmap box * 75 100 100 120\n");
	struct what_if_diff d;
	(void)state;
	assert_int_equal(what_if_diff(db, before, after, 0, &d), 0);
	assert_int_equal(d.boxes, BOXES);
	assert_int_equal(d.flips, 399 + 300 + 100);
	assert_int_equal(d.num_kinds, 3);
	assert_int_equal(d.kinds[0].boxes, 399);
	assert_int_equal(d.kinds[0].new_verdict, POLICY_MANDATORY);
	assert_int_equal(d.kinds[0].new_target, 100);
	assert_string_equal(d.kinds[0].examples[0], "0001");
	assert_int_equal(d.kinds[1].new_verdict, POLICY_OFFER);
	assert_int_equal(d.kinds[2].new_verdict, POLICY_RECALL);
	what_if_diff_deinit(&d);
	assert_int_equal(what_if_diff(db, after, after, 0, &d), 0);
	assert_int_equal(d.flips, 0);
	what_if_diff_deinit(&d);
	policy_map_free(before);
	policy_map_free(after);
}

static uint64_t share(const struct what_if_rollout *r, uint32_t version, unsigned day)
{
	for (size_t i = 0; i < r->num_shares; i++) {
		if (r->shares[i].version == version)
			return r->shares[i].boxes[day];
	}
	return 0;
}

static void test_rollout(void **state)
{
	struct policy_map *map =
		map_of("map box * 105 105 105 130 from=2026-11-22T10:00Z ramp=20%,100%@+48h\nmap box * 0 0 100 130\n");
	struct what_if_rollout r;
	unsigned early = 0;
	(void)state;
	for (unsigned i = 0; i < 900; i++) {
		char id[8];
		snprintf(id, sizeof id, "%04x", i);
		early += policy_lot("box/105", id) < 2000;
	}
	assert_int_equal(what_if_rollout(db, map, 5, 10000, &r), 0);
	assert_int_equal(share(&r, 42, 0), 400);
	assert_int_equal(share(&r, 105, 0), 0);
	assert_int_equal(share(&r, 105, 1), early);
	assert_int_equal(share(&r, 105, 2), early);
	assert_int_equal(share(&r, 105, 3), 900);
	assert_int_equal(share(&r, 121, 4), 100);
	assert_int_equal(share(&r, 42, 4), 0);
	for (unsigned day = 0; day < 5; day++)
		assert_int_equal(share(&r, 42, day) + share(&r, 82, day) + share(&r, 100, day) + share(&r, 105, day) +
					 share(&r, 121, day),
			BOXES);
	what_if_rollout_deinit(&r);
	policy_map_free(map);
}

/* A member goes with its category's row, an override with its own numbers, a hold nowhere; a gate of another class
 * moves nobody; a box that changes twice is counted twice over. */
static void test_rollout_of_members_and_overrides(void **state)
{
	struct policy_map *map =
		map_of("member 0000 beta\nmember 0001 held\noverride 0002 box 105 105 105 105\n"
		       "override 0003 * never\nmap box beta 105 105 105 130\nmap box held 105 105 105 130 hold\n"
		       "map other * 1 1 1 1 from=2026-11-22T10:00Z\nmap other * 1 1 1 1\n"
		       "map box * 105 105 105 130 from=2026-11-23T10:00Z\nmap box * 75 75 100 130\n");
	struct what_if_rollout r;
	(void)state;
	assert_int_equal(what_if_rollout(db, map, 4, 10000, &r), 0);
	assert_int_equal(share(&r, 105, 0), 2);
	assert_int_equal(share(&r, 42, 0), 2);
	assert_int_equal(share(&r, 100, 1), 396 + 200);
	assert_int_equal(share(&r, 82, 1), 300);
	assert_int_equal(share(&r, 105, 1), 2);
	assert_int_equal(share(&r, 105, 2), 898);
	assert_int_equal(share(&r, 42, 3), 2);
	assert_int_equal(share(&r, 121, 3), 100);
	what_if_rollout_deinit(&r);
	policy_map_free(map);
}

static void test_offers_are_accepted_by_some(void **state)
{
	struct policy_map *map = map_of("map box * 0 100 100 130\n");
	struct what_if_rollout r;
	(void)state;
	assert_int_equal(what_if_rollout(db, map, 1, 0, &r), 0);
	assert_int_equal(share(&r, 42, 0), 400);
	what_if_rollout_deinit(&r);
	assert_int_equal(what_if_rollout(db, map, 1, 5000, &r), 0);
	assert_in_range(share(&r, 42, 0), 150, 250);
	what_if_rollout_deinit(&r);
	assert_int_equal(what_if_rollout(db, map, 0, 5000, &r), CAROUSEL_E_ARGUMENT);
	assert_int_equal(what_if_rollout(db, map, WHAT_IF_MAX_DAYS + 1, 5000, &r), CAROUSEL_E_ARGUMENT);
	policy_map_free(map);
}

/* A hundred thousand overrides are one rule of their class, not so many kinds. */
static void test_overrides_are_one_kind(void **state)
{
	struct policy_map *before = map_of("map box * 0 0 100 130\n"),
			  *after = map_of("override 0001 box 100 100 100 100\noverride 0002 box 100 100 100 100\n"
					  "override 03e7 box 100 100 100 100\nmap box * 0 0 100 130\n");
	struct what_if_diff d;
	(void)state;
	assert_int_equal(what_if_diff(db, before, after, 0, &d), 0);
	assert_int_equal(d.num_kinds, 2);
	assert_true(d.kinds[0].boxes == 2 && d.kinds[0].new_override && !d.kinds[0].old_override);
	assert_string_equal(d.kinds[0].examples[1], "0002");
	assert_int_equal(d.kinds[1].new_verdict, POLICY_RECALL);
	what_if_diff_deinit(&d);
	policy_map_free(before);
	policy_map_free(after);
}

static void list_paths(struct fleet_db *fleet, const char *old_rows, const char *rows, char text[4096])
{
	struct policy_map *before = map_of(old_rows), *after = map_of(rows);
	struct what_if_paths paths;
	assert_int_equal(what_if_paths(fleet, before, after, &paths), 0);
	text[0] = '\0';
	for (size_t i = 0; i < paths.num_paths; i++) {
		const struct what_if_path *p = &paths.paths[i];
		sprintf(text + strlen(text), "%s %u>%u %s%s %u;", p->category, p->from, p->to,
			what_if_action_name(p->action), p->is_override ? "!" : "", (unsigned)p->boxes);
	}
	what_if_paths_deinit(&paths);
	policy_map_free(before);
	policy_map_free(after);
}

/* 400 boxes at 42, 300 at 82, 200 at 100, 100 at 121; images of 100 and 105. */
static void test_paths(void **state)
{
	char text[4096];
	unsigned early = 0;
	(void)state;
	list_paths(NULL, "", "map box * 75 101 105 120\n", text);
	assert_string_equal(text, "* 100>105 offer 0;");
	list_paths(db, "image box 130 " SHA " size=1 manifest=" SHA "\n", "map box * 75 101 105 120\n", text);
	assert_string_equal(text, "* 42>105 mandatory 400;* 82>105 offer 300;* 100>105 offer 200;"
				  "* 121>105 recall 100;* 130>105 recall 0;");
	list_paths(db, "", "map box * 75 100 105 130\n", text);
	assert_string_equal(text, "* 42>105 mandatory 400;* 82>105 offer 300;* 100>105 on-request 200;");
	/* What is on hold does nothing; overrides go before rows; members have rows of their own. */
	list_paths(db, "", "map box * 75 101 105 130 hold\n", text);
	assert_string_equal(text, "");
	list_paths(db, "",
		"member 0000 beta\noverride 0001 box 100 100 100 100\noverride 0002 * never\n"
		"map box beta 75 75 105 130\nmap box * 0 0 105 130\n",
		text);
	assert_string_equal(text, "* 42>105 on-request 397;* 82>105 on-request 300;* 100>105 on-request 200;"
				  "beta 42>105 mandatory 1;beta 100>105 on-request 0;production 42>100 mandatory! 1;");
	/* A gated row and the one below it: who is let in by a ramp that ends takes the one, all take the other before.
	 */
	for (unsigned i = 0; i < 400; i++) {
		char id[8];
		snprintf(id, sizeof id, "%04x", i);
		early += policy_lot("box/105", id) < 2000;
	}
	list_paths(db, "", "map box * 75 75 105 130 from=2026-11-22T10:00Z ramp=20%\nmap box * 75 75 100 130\n", text);
	assert_non_null(strstr(text, "* 42>100 mandatory 400;"));
	sprintf(text + 3000, "* 42>105 mandatory %u;", early);
	assert_non_null(strstr(text, text + 3000));
	/* Without a time before it, those who are in never come to the row below; a closed window is never open. */
	list_paths(db, "", "map box * 75 75 105 130 ramp=20%\nmap box * 75 75 100 130\n", text);
	sprintf(text + 3000, "* 42>100 mandatory %u;", 400 - early);
	assert_non_null(strstr(text, text + 3000));
	list_paths(db, "", "map box * 75 75 105 130 until=2026-11-21T09:00Z\nmap box * 75 75 100 130\n", text);
	assert_null(strstr(text, "* 42>105"));
}

/* Whatever the gates: a path is counted for a box exactly when the decision takes that row at some moment. */
static void test_paths_are_what_is_decided(void **state)
{
	uint64_t random = 5;
	(void)state;
	for (unsigned round = 0; round < 40; round++) {
		char rows[1024] = "";
		bool decided[8] = {false}, counted[8] = {false};
		struct policy_map *map;
		struct what_if_paths paths;
		for (unsigned i = 0; i < 4; i++) {
			unsigned from = 20 + (unsigned)(test_random(&random) % 6);
			sprintf(rows + strlen(rows),
				"map box * 200 200 %u 300 from=2026-11-%02uT00:00Z until=2026-11-%02uT00:00Z%s\n",
				201 + i, from, from + 1 + (unsigned)(test_random(&random) % 4),
				test_random(&random) % 2 ? " ramp=30%,60%@+24h" : "");
		}
		strcat(rows, "map box * 200 200 205 300\n");
		map = map_of(rows);
		for (unsigned i = 0; i < 900; i++) {
			char id[8];
			const struct policy_box box = {.id = id, .class_name = "box", .version = 1};
			snprintf(id, sizeof id, "%04x", i);
			for (uint64_t hour = 0; hour < 240; hour += 2) {
				struct policy_decision d;
				policy_decide(map, &box, map->issued_s + hour * 3600, &d);
				decided[d.numbers.current - 200] = true;
			}
		}
		assert_int_equal(what_if_paths(db, map, map, &paths), 0);
		for (size_t i = 0; i < paths.num_paths; i++) {
			counted[paths.paths[i].to - 200] |= paths.paths[i].boxes != 0;
		}
		assert_memory_equal(counted, decided, sizeof decided);
		what_if_paths_deinit(&paths);
		policy_map_free(map);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flips),
		cmocka_unit_test(test_rollout),
		cmocka_unit_test(test_rollout_of_members_and_overrides),
		cmocka_unit_test(test_offers_are_accepted_by_some),
		cmocka_unit_test(test_overrides_are_one_kind),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_paths_are_what_is_decided),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
