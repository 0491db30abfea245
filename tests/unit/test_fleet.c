/* covers: sim/fleet.c sim/airtime.c sim/moments.c */
#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "sim/airtime.h"
#include "sim/fleet.h"
#include "sim/moments.h"
#include "tests/lib/fault_alloc.h"

#include <math.h>

#define SECOND 1000000000ull
#define HOUR   (3600 * SECOND)

static const char *map_text = "";

static int read_map(void *user, const char *name, size_t limit, char **text, size_t *len)
{
	(void)name;
	(void)limit;
	*len = strlen(map_text);
	*text = memory_copy_string(user, map_text, *len);
	return *text ? 0 : CAROUSEL_E_MEMORY;
}

#define MAP      "carousel-map 1\nepoch 1\nserial 1\nissued 2026-11-21T00:00:00Z\n"
#define SCENARIO "[scenario]\nduration = 10h\n[transmitter]\nrate = 256k\n[map 1]\nfile = m\n"
#define IMAGE    "[image i]\nclass = box\nversion = 105\nsize = 4M\n"

static struct scenario *scenario_of(const struct carousel_allocator *allocator, const char *map, const char *text)
{
	struct scenario *s;
	map_text = map;
	if (scenario_parse(&s, allocator, text, strlen(text), "a.ini", NULL,
		    &(struct scenario_files){.user = (void *)(uintptr_t)allocator, .read = read_map}) != 0) {
		if (s && allocator == NULL)
			fail_msg("%s", scenario_error(s));
		scenario_free(s);
		return NULL;
	}
	return s;
}

static struct report *played(const char *map, const char *text)
{
	struct scenario *s = scenario_of(NULL, map, text);
	struct report *r;
	assert_int_equal(fleet_run(&r, NULL, s, NULL), 0);
	scenario_free(s);
	return r;
}

/* What is on the air adds up: 4 MiB and their index at 256 kbit/s less what documents take. */
static void test_airtime(void **state)
{
	struct scenario *s = scenario_of(NULL, MAP "map box * 105 105 105 120\n",
		SCENARIO IMAGE "[image j]\nclass = box\nversion = 104\nsize = 4M\nweight = 3\nat = 5h\n"
			       "[event 1]\ndo = restart-transmitter\nat = 1h\nfor = 1h\n"
			       "[group g]\nclass = box\nversion = 1\non = 0s-1h\n");
	const struct scenario_group *g = &s->groups[0];
	struct scenario_group always = {0};
	struct airtime a;
	double sent;
	(void)state;
	assert_int_equal(airtime_init(&a, NULL, s), 0);
	assert_true(a.images[0].symbols == 4096 && a.images[0].index_symbols == 25 && a.images[0].num_blocks == 1);
	const double per_s = a.images[0].segments[0].symbols_per_ns * 1e9;
	assert_true(per_s > 0.95 * 256000 / 8 / 1079.6 && per_s < 256000.0 / 8 / 1079.6);
	/* The source pass, then repair; silence; less of the rate from the fifth hour on. */
	assert_true(a.images[0].segments[0].is_source_pass && !a.images[0].segments[1].is_source_pass);
	assert_true(fabs((double)a.images[0].segments[0].end_ns / 1e9 * per_s - 4096) < 1);
	assert_true(a.images[0].segments[1].end_ns == HOUR && a.images[0].segments[2].start_ns == 2 * HOUR);
	assert_true(fabs(a.images[0].segments[3].symbols_per_ns * 4e9 - per_s) < 1e-6);
	assert_true(a.images[1].segments[0].start_ns == 5 * HOUR && a.images[1].segments[0].is_source_pass);
	/* Listening: all the time, within the daily hour only, of which the restart takes nothing. */
	assert_true(fabs((double)airtime_until(&a, 0, &always, 0, 0, 4096, 1, &sent) / 1e9 - 4096 / per_s) < 0.01);
	assert_true(fabs(sent - 4096) < 1e-6);
	assert_true(airtime_until(&a, 0, g, 0, 2 * HOUR, 1, 1, NULL) == SCENARIO_NEVER);
	assert_true(airtime_until(&a, 0, g, 3 * HOUR, 2 * HOUR, 1, 1, NULL) < 3 * HOUR + SECOND);
	assert_true(airtime_next_hearing(g, 3 * HOUR, 0) == 3 * HOUR);
	assert_true(airtime_next_hearing(g, 0, 2 * HOUR) == 24 * HOUR);
	/* Who lacks a tenth gets a tenth of the source pass, and then everything is of use. */
	assert_true(fabs((double)airtime_until(&a, 0, &always, 0, 0, 450, 0.1, &sent) / 1e9 - (4096 + 40.4) / per_s) <
		    0.01);
	assert_true(airtime_until(&a, 0, &always, 0, 0, 1e9, 1, &sent) == SCENARIO_NEVER && sent > 100000);
	airtime_deinit(&a);
	scenario_free(s);
}

static void test_moments(void **state)
{
	struct scenario *s = scenario_of(NULL,
		MAP
		"map box * 105 105 105 120 from=2026-11-21T01:00Z until=2026-11-21T09:00Z ramp=10%,50%@+2h,100%@+20h\n"
		"map box * 100 100 100 120\n",
		SCENARIO IMAGE "[map 2]\nfile = m\nat = 4h\n[group g]\nclass = box\nversion = 1\n");
	struct moments m;
	(void)state;
	assert_int_equal(moments_init(&m, NULL, s, NULL), 0);
	assert_true(moments_gate_time_s(&m, 0) == 1795219200);
	assert_true(moments_next(&m, 0) == HOUR);
	assert_true(moments_next(&m, HOUR) == 3 * HOUR);
	assert_true(moments_next(&m, 3 * HOUR) == 4 * HOUR);
	assert_true(moments_next(&m, 4 * HOUR) == 9 * HOUR);
	assert_true(moments_next(&m, 9 * HOUR) == SCENARIO_NEVER);
	assert_ptr_equal(moments_map(&m, 4 * HOUR - 1), m.maps[0]);
	assert_ptr_equal(moments_map(&m, 4 * HOUR), m.maps[1]);
	assert_int_equal(moments_image(&m, &m.maps[0]->images[0]), 0);
	moments_deinit(&m);
	scenario_free(s);
}

static void test_everybody_updates(void **state)
{
	struct report *r = played(MAP "map box * 105 105 105 120\n",
		SCENARIO IMAGE "[group g]\nboxes = 1000\nclass = box\nversion = 90\nloss = 10%\n");
	/* One pass takes some 140 s; with 10 % of loss 156, then booting. */
	const uint64_t median = report_time_of(r, "g", 105, 0.5), last = report_time_of(r, "g", 105, 1);
	(void)state;
	assert_true(report_share_at(r, "g", 105, UINT64_MAX) == 1);
	assert_in_range(median / SECOND, 205, 240);
	assert_in_range(last / SECOND, median / SECOND, 420);
	assert_int_equal(r->downloads, 1000);
	assert_int_equal(r->reasons[POLICY_REASON_CURRENT], 1000);
	assert_int_equal(r->waiting, 0);
	report_free(r);
}

static void test_ramp_offer_failure(void **state)
{
	struct report *r = played(MAP "map box * 105 105 105 120 ramp=20%\nmap box * 100 100 100 120\n",
		SCENARIO IMAGE "[group g]\nboxes = 4000\nclass = box\nversion = 100\n");
	(void)state;
	assert_true(fabs(report_share_at(r, "g", 105, UINT64_MAX) - 0.2) < 0.03);
	report_free(r);
	r = played(MAP "map box * 75 100 105 120\n",
		SCENARIO IMAGE "[group g]\nboxes = 4000\nclass = box\nversion = 90\noffers = ask\naccept = 30%\n"
			       "[group never]\nboxes = 10\nclass = box\nversion = 90\noffers = ignore\n");
	assert_true(fabs(report_share_at(r, "g", 105, UINT64_MAX) - 0.3) < 0.04);
	assert_true(report_share_at(r, "never", 105, UINT64_MAX) == 0);
	assert_int_equal(r->declined + r->installs, 4000);
	report_free(r);
	/* Two attempts, of which each fails in half of the cases. */
	r = played(MAP "map box * 105 105 105 120\n",
		SCENARIO IMAGE "[group g]\nboxes = 4000\nclass = box\nversion = 90\ntrial-failure = 50%\n");
	assert_true(fabs(report_share_at(r, "g", 105, UINT64_MAX) - 0.75) < 0.03);
	assert_int_equal(r->downloads, 4000);
	assert_true(fabs((double)r->reasons[POLICY_REASON_FAILED_BEFORE] / 4000 - 0.25) < 0.03);
	report_free(r);
}

/* No image of what the map wants on the air: they wait, and the run ends. */
static void test_what_cannot_complete(void **state)
{
	struct report *r = played(MAP "map box * 105 105 105 120\n",
		SCENARIO "[image i]\nclass = box\nversion = 105\nsize = 4M\nuntil = 1m\n"
			 "[group g]\nboxes = 10\nclass = box\nversion = 90\n");
	(void)state;
	assert_int_equal(r->waiting, 10);
	assert_int_equal(r->stuck[REPORT_NOT_ON_AIR], 10);
	assert_int_equal(r->downloads, 0);
	report_free(r);
	/* The map names a version that no image of the scenario is. */
	r = played(
		MAP "map box * 106 106 106 120\n", SCENARIO IMAGE "[group g]\nboxes = 3\nclass = box\nversion = 90\n");
	assert_int_equal(r->stuck[REPORT_NOT_ON_AIR] + r->reasons[POLICY_REASON_NO_IMAGE], 3);
	report_free(r);
	r = played(MAP "map box * 105 105 105 120\n",
		SCENARIO IMAGE "[group g]\nboxes = 4\nclass = box\nversion = 90\nslot = 64K\n");
	assert_int_equal(r->stuck[REPORT_SLOT_TOO_SMALL], 4);
	report_free(r);
	/* All is well: nobody. */
	r = played(
		MAP "map box * 105 105 105 120\n", SCENARIO IMAGE "[group g]\nboxes = 4\nclass = box\nversion = 90\n");
	for (unsigned i = 0; i < REPORT_NUM_STUCK; i++)
		assert_int_equal(r->stuck[i], 0);
	report_free(r);
}

/* A box meets the same fate whichever shard it is played in. */
static void test_shards_add_up(void **state)
{
	struct scenario *s = scenario_of(NULL, MAP "map box * 105 105 105 120\n",
		SCENARIO IMAGE
		"[group a]\nboxes = 101\nclass = box\nversion = 90\nloss = 10%\n"
		"[group b]\nboxes = 50\nclass = box\nversion = 90\nloss = 5%\nburst = 9\njoin-spread = 1h\n");
	struct report *whole, *joined = NULL, *shard;
	json_t *first, *second;
	struct fleet_options options = {.shard = 3, .shards = 3};
	(void)state;
	assert_int_equal(fleet_run(&whole, NULL, s, NULL), 0);
	assert_int_equal(fleet_run(&joined, NULL, s, &options), CAROUSEL_E_ARGUMENT);
	for (options.shard = 0; options.shard < 3; options.shard++) {
		assert_int_equal(fleet_run(&shard, NULL, s, &options), 0);
		if (joined == NULL) {
			joined = shard;
			continue;
		}
		assert_int_equal(report_merge(joined, shard), 0);
		report_free(shard);
	}
	first = report_json(whole, s);
	second = report_json(joined, s);
	assert_true(json_equal(first, second));
	json_decref(first);
	json_decref(second);
	report_free(whole);
	report_free(joined);
	scenario_free(s);
}

static int stop(void *user, double done)
{
	*(double *)user = done;
	return CAROUSEL_E_INHIBITED;
}

static void test_progress_can_stop(void **state)
{
	struct scenario *s = scenario_of(NULL, MAP "map box * 105 105 105 120\n",
		SCENARIO IMAGE "[group g]\nboxes = 10\nclass = box\nversion = 90\n");
	double done = -1;
	const struct fleet_options options = {.progress = stop, .user = &done};
	struct report *r;
	(void)state;
	assert_int_equal(fleet_run(&r, NULL, s, &options), CAROUSEL_E_INHIBITED);
	assert_null(r);
	assert_true(done == 0);
	scenario_free(s);
}

static int attempt(const struct carousel_allocator *allocator, void *user)
{
	struct report *r;
	int result = fleet_run(&r, allocator, user, NULL);
	if (result == 0)
		report_free(r);
	return result;
}

static void test_no_memory(void **state)
{
	struct scenario *s = scenario_of(NULL, MAP "map box * 105 105 105 120\n",
		SCENARIO IMAGE "[group g]\nboxes = 3\nclass = box\nversion = 90\n");
	(void)state;
	assert_in_range(fault_alloc_all(attempt, s), 8, 60);
	scenario_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_airtime),
		cmocka_unit_test(test_moments),
		cmocka_unit_test(test_everybody_updates),
		cmocka_unit_test(test_ramp_offer_failure),
		cmocka_unit_test(test_what_cannot_complete),
		cmocka_unit_test(test_shards_add_up),
		cmocka_unit_test(test_progress_can_stop),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
