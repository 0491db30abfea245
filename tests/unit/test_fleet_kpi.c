/* Ten boxes whose figures can be counted by hand. covers: policy-map/fleet/fleet_maps.c */
#include "tests/lib/test.h"

#include "tests/lib/fleet_site.h"

#include "common/carousel_error.h"
#include "policy-map/fleet/fleet_kpi.h"

#include <stdio.h>

#define SHA    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
#define IMAGES "image box 100 " SHA " size=1 manifest=" SHA "\nimage box 105 " SHA " size=1 manifest=" SHA "\n"
#define HOUR   3600u
#define DAY    (24u * HOUR)
/* 2026-11-21T10:00:00Z */
#define ISSUED 1795255200u
#define NOW    (ISSUED + 40 * DAY)

static char path[FLEET_SITE_PATH_BYTES];
static struct fleet_db *db;

static int set_up(void **state)
{
	(void)state;
	return fleet_site_open("test_fleet_kpi", path, &db);
}

static int tear_down(void **state)
{
	(void)state;
	fleet_site_close(db, path);
	return 0;
}

static struct policy_map *map_of(unsigned serial, const char *issued, const char *rows)
{
	struct policy_map *map;
	char text[2048];
	int n = snprintf(
		text, sizeof text, "carousel-map 1\nepoch 1\nserial %u\nissued %s\n%s" IMAGES, serial, issued, rows);
	assert_int_equal(policy_map_parse(NULL, text, (size_t)n, NULL, &map, NULL), 0);
	return map;
}

static void hear(const char *id, uint32_t version, uint64_t at, int64_t failures, uint32_t failed_version)
{
	const struct fleet_news news = {.box_id = id,
		.class_name = id[0] == 'd' ? "other" : "box",
		.category = "production",
		.state = "",
		.reason = "",
		.version = version,
		.failures = failures,
		.failed_version = failed_version,
		.heard_s = at,
		.trust = id[0] == 'l' ? FLEET_FROM_LIST : FLEET_UNSIGNED};
	assert_int_equal(fleet_db_begin(db), 0);
	assert_int_equal(fleet_db_put(db, &news), 0);
	assert_int_equal(fleet_db_commit(db), 0);
}

static void put_map(struct policy_map *map)
{
	assert_int_equal(fleet_db_begin(db), 0);
	assert_int_equal(fleet_db_put_map(db, map), 0);
	assert_int_equal(fleet_db_commit(db), 0);
	assert_int_equal(fleet_db_begin(db), 0);
	assert_int_equal(fleet_db_put_map(db, map), CAROUSEL_E_DUPLICATE);
	fleet_db_roll_back(db);
	policy_map_free(map);
}

static void make_fleet(void)
{
	hear("a1", 100, ISSUED - DAY, 0, 0); /* to 105 in one day */
	hear("a1", 105, ISSUED + DAY, 0, 0);
	hear("a2", 100, ISSUED - DAY, 0, 0); /* in three */
	hear("a2", 105, ISSUED + 3 * DAY, 0, 0);
	hear("a2", 105, NOW - DAY, 0, 0);
	hear("a3", 105, NOW - DAY, 0, 0);    /* new, with 105 from the factory */
	hear("a4", 50, NOW - DAY, 0, 0);     /* below minimum */
	hear("a5", 130, NOW - DAY, 0, 0);    /* above maximum */
	hear("a6", 100, ISSUED - DAY, 1, 0); /* failed once, long ago */
	hear("a6", 100, NOW - DAY, 1, 0);
	hear("a7", 100, ISSUED + 6 * HOUR, 1, 105); /* failed since, and then again */
	hear("a7", 100, ISSUED + 9 * HOUR, 2, 105);
	hear("a8", 100, ISSUED - 2 * DAY, 0, 0); /* silent */
	hear("l9", 100, ISSUED - DAY, 0, 0);     /* on a list */
	hear("d1", 1, NOW, 0, 0);                /* no row */
}

static void test_by_hand(void **state)
{
	struct policy_map *map = map_of(2, "2026-11-21T10:00:00Z", "map box * 75 100 105 120\n");
	const struct fleet_kpi_options o = {.now_s = NOW, .silent_s = 41 * DAY};
	struct fleet_kpi k;
	(void)state;
	make_fleet();
	assert_int_equal(fleet_kpi(db, map, &o, &k), 0);
	assert_int_equal(k.num_classes, 2);
	assert_string_equal(k.classes[0].class_name, "box");
	assert_string_equal(k.classes[1].class_name, "other");
	assert_int_equal(k.all.boxes, 10);
	assert_int_equal(k.classes[0].boxes, 9);
	assert_int_equal(k.classes[0].current, 3);
	assert_int_equal(k.classes[0].below_minimum, 1);
	assert_int_equal(k.classes[0].above_maximum, 1);
	assert_int_equal(k.classes[1].no_row, 1);
	assert_int_equal(k.all.heard, 8); /* all but a8 and l9 */
	assert_int_equal(k.classes[0].failed, 1);
	assert_int_equal(k.classes[0].patched, 2);
	assert_int_equal(k.classes[0].patch_s, 4 * DAY);
	assert_int_equal(k.all.silent, 1);
	assert_int_equal(k.all.never_heard, 1);
	fleet_kpi_deinit(&k);
	policy_map_free(map);
}

/* A later map for something else does not begin the count anew, where the map that brought the version is known; a hold
 * hides nobody. */
static void test_counts_from_the_first_map_with_the_version(void **state)
{
	struct policy_map *map = map_of(3, "2026-11-30T10:00:00Z", "map box * 75 100 105 120 hold\n");
	const struct fleet_kpi_options o = {.now_s = NOW, .silent_s = DAY}, late = {NOW, DAY, NOW - 2 * DAY};
	struct fleet_kpi k;
	(void)state;
	make_fleet();
	assert_int_equal(fleet_kpi(db, map, &o, &k), 0);
	assert_true(k.all.patched == 0 && k.all.failed == 0 && k.all.on_hold == 9 && k.all.below_minimum == 1);
	fleet_kpi_deinit(&k);
	put_map(map_of(1, "2026-11-21T10:00:00Z", "map box * 75 100 105 120\n"));
	assert_int_equal(fleet_kpi(db, map, &o, &k), 0);
	assert_true(k.all.patched == 2 && k.all.patch_s == 4 * DAY && k.all.failed == 1);
	fleet_kpi_deinit(&k);
	assert_int_equal(fleet_kpi(db, map, &late, &k), 0);
	assert_true(k.all.patched == 0 && k.all.failed == 0 && k.all.heard == 6);
	fleet_kpi_deinit(&k);
	policy_map_free(map);
}

/* A special build is no update that waits, and nobody has a row for a class that no map knows. */
static void test_odd_versions_and_classes(void **state)
{
	struct policy_map *map = map_of(2, "2026-11-21T10:00:00Z", "map box * 75 100 105 120\n");
	const struct fleet_kpi_options o = {.now_s = NOW, .silent_s = DAY};
	struct fleet_kpi k;
	(void)state;
	hear("a1", 0, NOW - 1, 1, 0);
	hear("a2", 4294967295u, NOW - 1, 0, 0);
	hear("d1", 4294967294u, NOW - 1, 0, 0);
	hear("a3", 74, NOW - DAY, 0, 0); /* a second within what is silent, and one without */
	hear("a4", 121, NOW - DAY - 1, 0, 0);
	hear("a5", 75, NOW - 1, 0, 0);
	hear("a6", 120, NOW - 1, 0, 0);
	assert_int_equal(fleet_kpi(db, map, &o, &k), 0);
	assert_true(k.all.boxes == 7 && k.all.current == 0 && k.all.no_row == 1);
	assert_true(k.all.below_minimum == 1 && k.all.above_maximum == 1);
	assert_true(k.all.silent == 1 && k.all.failed == 1 && k.all.patched == 0);
	fleet_kpi_deinit(&k);
	policy_map_free(map);
}

/* Boxes that a recall took back were patched since the recall, not since the version was new. */
static void test_time_to_patch_of_a_recall(void **state)
{
	struct policy_map *map = map_of(4, "2026-11-21T12:00:00Z", "map box * 75 100 100 104\n");
	const struct fleet_kpi_options o = {.now_s = NOW, .silent_s = 41 * DAY};
	struct fleet_kpi k;
	(void)state;
	hear("a1", 100, ISSUED - 20 * DAY, 0, 0);
	hear("a1", 105, ISSUED + HOUR, 0, 0);
	hear("a1", 100, ISSUED + 5 * HOUR, 0, 0);
	hear("a2", 99, ISSUED - 21 * DAY, 0, 0); /* was there before, and stays */
	hear("a2", 100, ISSUED - 20 * DAY, 0, 0);
	put_map(map_of(1, "2026-10-21T10:00:00Z", "map box * 75 100 100 120\n"));
	put_map(map_of(2, "2026-11-21T10:00:00Z", "map box * 75 100 105 120\n"));
	assert_int_equal(fleet_db_first_issued(db, "box", 105), ISSUED);
	assert_int_equal(fleet_db_first_issued(db, "box", 100), 0); /* the recall is not known yet */
	put_map(map_of(4, "2026-11-21T12:00:00Z", "map box * 75 100 100 104\n"));
	put_map(map_of(5, "2026-11-22T12:00:00Z", "map box * 75 100 100 104 hold\n"));
	assert_int_equal(fleet_db_first_issued(db, "box", 100), ISSUED + 2 * HOUR);
	assert_int_equal(fleet_db_first_issued(db, "other", 100), 0);
	assert_int_equal(fleet_kpi(db, map, &o, &k), 0);
	assert_true(k.all.patched == 1 && k.all.patch_s == 3 * HOUR && k.all.current == 2);
	fleet_kpi_deinit(&k);
	policy_map_free(map);
}

static int list_stop(void *user, const struct fleet_stop *s)
{
	char *text = user;
	sprintf(text + strlen(text), "%s %u x%u %s %d;", s->class_name, s->version, (unsigned)s->failures,
		!s->is_stopped ? "runs"
		: s->is_recall ? "recall"
			       : "hold",
		s->is_stopped ? (int)((s->stopped_s - s->first_failure_s) / HOUR) : -1);
	return 0;
}

static void expect_stops(const char *expected)
{
	char text[512] = "";
	assert_int_equal(fleet_db_each_stop(db, list_stop, text), 0);
	assert_string_equal(text, expected);
}

static void test_time_to_stop(void **state)
{
	(void)state;
	expect_stops("");
	make_fleet();
	expect_stops("box 0 x1 runs -1;box 105 x2 runs -1;");
	put_map(map_of(1, "2026-11-21T10:00:00Z", "map box * 75 100 105 120\n"));
	/* 105 first failed at 16:00; this map only raises the ramp, and holds another category's row. */
	put_map(map_of(2, "2026-11-21T18:00:00Z",
		"map box * 75 100 105 120 ramp=5%\nmap box * 75 100 100 120\nmap box beta 75 100 105 120 hold\n"));
	expect_stops("box 0 x1 hold 32;box 105 x2 runs -1;");
	put_map(map_of(4, "2026-11-22T10:00:00Z", "map box * 75 100 100 104\n"));
	expect_stops("box 0 x1 hold 32;box 105 x2 recall 18;");
	put_map(map_of(3, "2026-11-21T20:00:00Z", "map box * 75 100 105 120 hold\n"));
	expect_stops("box 0 x1 hold 32;box 105 x2 hold 4;");
	/* Told late of an earlier failure. */
	hear("a0", 100, ISSUED + 5 * HOUR, 1, 105);
	expect_stops("box 0 x1 hold 32;box 105 x3 hold 5;");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_by_hand, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_counts_from_the_first_map_with_the_version, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_odd_versions_and_classes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_time_to_patch_of_a_recall, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_time_to_stop, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
