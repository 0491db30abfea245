#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "policy-map/fleet/what_if.h"

#include <stdio.h>
#include <unistd.h>

#define SHA    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
#define IMAGES "image box 100 " SHA " size=1 manifest=" SHA "\nimage box 105 " SHA " size=1 manifest=" SHA "\n"
#define BOXES  1000u

static char path[64];
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
	snprintf(path, sizeof path, "/tmp/test_what_if.%d", (int)getpid());
	if (fleet_db_open(path, false, &db) != 0 || fleet_db_begin(db) != 0)
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
	static const char *const ends[] = {"", "-wal", "-shm"};
	char file[80];
	(void)state;
	fleet_db_close(db);
	for (unsigned i = 0; i < 3; i++) {
		snprintf(file, sizeof file, "%s%s", path, ends[i]);
		unlink(file);
	}
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flips),
		cmocka_unit_test(test_rollout),
		cmocka_unit_test(test_offers_are_accepted_by_some),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
