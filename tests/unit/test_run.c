/* covers: sim/run.c sim/box.c sim/headend.c sim/headend_air.c sim/outlook.c */
#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "sim/fleet.h"
#include "sim/headend.h"
#include "sim/run.h"
#include "tests/lib/fault_alloc.h"

#include <math.h>

#define SECOND 1000000000ull

#define MAP   "carousel-map 1\nepoch 1\nserial 1\nissued 2026-11-21T00:00:00Z\nmap box * 105 105 105 120\n"
#define HEAD  "[scenario]\nduration = 20m\n[transmitter]\nrate = 256k\nblock-symbols = 128\n[map 1]\nfile = m\n"
#define IMAGE "[image i]\nclass = box\nversion = 105\nsize = 512K\n"

static int read_map(void *user, const char *name, size_t limit, char **text, size_t *len)
{
	(void)name;
	(void)limit;
	*len = sizeof MAP - 1;
	*text = memory_copy_string(user, MAP, *len);
	return *text ? 0 : CAROUSEL_E_MEMORY;
}

static struct scenario *scenario_of(const char *text)
{
	struct scenario *s;
	if (scenario_parse(&s, NULL, text, strlen(text), "a.ini", NULL, &(struct scenario_files){.read = read_map}) !=
		0)
		fail_msg("%s", scenario_error(s));
	return s;
}

static bool are_equal(const struct report *a, const struct report *b)
{
	json_t *x = report_json(a, NULL), *y = report_json(b, NULL);
	char *s = json_dumps(x, JSON_INDENT(1)), *t = json_dumps(y, JSON_INDENT(1));
	const bool equal = strcmp(s, t) == 0;
	free(s);
	free(t);
	json_decref(x);
	json_decref(y);
	return equal;
}

/* Played in so many parts, and put together again: what one process would have said. */
static struct report *in_shards(const struct scenario *s, uint32_t shards)
{
	struct report *all = NULL, *part;
	for (uint32_t i = 0; i < shards; i++) {
		const struct run_options o = {.shard = i, .shards = shards};
		assert_int_equal(run_scenario(&part, NULL, s, &o), 0);
		if (all) {
			assert_int_equal(report_merge(all, part), 0);
			report_free(part);
		} else
			all = part;
	}
	all->shards = all->shards_done = 1;
	return all;
}

static void test_same_seed_same_run_in_any_shard(void **state)
{
	/* Some are done soon, some late, one never; some users decline. */
	struct scenario *s = scenario_of(
		HEAD IMAGE "[group g]\nboxes = 7\nclass = box\nversion = 90\nloss = 10%\njoin-spread = 2m\n"
			   "[group never]\nclass = box\nversion = 90\nslot = 4096\n"
			   "[group noisy]\nboxes = 3\nclass = box\nversion = 90\nloss = 30%\nburst = 20\njitter = 1s\n"
			   "duplicate = 3%\ntrial-failure = 50%\njob-time = 50ms\njoin = 200s\n");
	const struct run_options beyond = {.shard = 2, .shards = 2};
	struct report *first, *second;
	(void)state;
	assert_int_equal(run_scenario(&first, NULL, s, NULL), 0);
	assert_true(report_share_at(first, "g", 105, UINT64_MAX) == 1);
	assert_int_equal(first->stuck[REPORT_SLOT_TOO_SMALL], 1);
	assert_int_equal(run_scenario(&second, NULL, s, NULL), 0);
	assert_true(are_equal(first, second));
	report_free(second);
	for (uint32_t shards = 2; shards <= 4; shards++) {
		second = in_shards(s, shards);
		assert_true(are_equal(first, second));
		report_free(second);
	}
	assert_int_equal(run_scenario(&second, NULL, s, &beyond), CAROUSEL_E_ARGUMENT);
	s->seed = 99;
	assert_int_equal(run_scenario(&second, NULL, s, NULL), 0);
	assert_false(are_equal(first, second));
	report_free(first);
	report_free(second);
	scenario_free(s);
}

/* Identities decide: with the images' bytes every box is done at the same moment. Real slots are written and synced
 * within the second. */
static void as_with_bytes(const char *text)
{
	struct scenario *s = scenario_of(text);
	struct run_options without = {.payload = HEADEND_DIGESTS}, with = {.payload = HEADEND_BYTES};
	struct report *names, *bytes;
	assert_int_equal(run_scenario(&names, NULL, s, &without), 0);
	assert_int_equal(run_scenario(&bytes, NULL, s, &with), 0);
	assert_true(report_share_at(bytes, NULL, 105, UINT64_MAX) == 1);
	for (unsigned g = 0; g < s->num_groups; g++)
		for (unsigned i = 1; i <= s->groups[g].boxes; i++) {
			const double q = (i - 0.5) / s->groups[g].boxes;
			const double a = (double)report_time_of(names, s->groups[g].name, 105, q) / 1e9;
			const double b = (double)report_time_of(bytes, s->groups[g].name, 105, q) / 1e9;
			if (a > b || b - a > 1.5)
				fail_msg("%s, box %u: after %g s, with payload %g s", s->groups[g].name, i, a, b);
		}
	report_free(names);
	report_free(bytes);
	scenario_free(s);
}

static void test_without_payload_as_with_it(void **state)
{
	static const char *const schemes[] = {
		"fec = raptorq\nblock-symbols = 128\n",
		"fec = raptorq\nblock-symbols = 1000\n",
		"fec = reed-solomon\n",
		"fec = reed-solomon\nblock-symbols = 60\nencoding-symbols = 90\n",
#if WITH_RS
		"fec = small-block\n",
#endif
		"fec = none\n"
	};
	char text[1024];
	(void)state;
	for (unsigned i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
		snprintf(text, sizeof text, "%s%s%s%s",
			"[scenario]\nduration = 20m\n[map 1]\nfile = m\n[transmitter]\nrate = 256k\n", schemes[i],
			IMAGE "[group clear]\nboxes = 1\nclass = box\nversion = 90\n"
			      "[group plain]\nboxes = 3\nclass = box\nversion = 90\nloss = 10%\n",
			"[group bursts]\nboxes = 3\nclass = box\nversion = 90\nloss = 20%\nburst = 9\nreorder = 5%\n"
			"reorder-by = 1s\nduplicate = 5%\njitter = 50ms\nbit-error = 1e-5\njoin = 40s\n");
		as_with_bytes(text);
	}
}

#define PARTS                                                                                                          \
	"[scenario]\nduration = 1h\n[transmitter]\nrate = 32k\ncontrol-share = 50%\n[map 1]\nfile = m\n"               \
	"[image i]\nclass = box\nversion = 105\nsize = 160K\nweight = 1\n"                                             \
	"[image j]\nclass = other\nversion = 7\nsize = 4M\nweight = 9\n"                                               \
	"[group nothing]\nboxes = 12\nclass = box\nversion = 90\nloss = 5%\njoin-spread = 10m\n"                       \
	"[group half]\nboxes = 12\nclass = box\nversion = 90\nloss = 5%\njoin-spread = 10m\nhave = 50%\n"              \
	"[group most]\nboxes = 12\nclass = box\nversion = 90\nloss = 5%\njoin-spread = 10m\nhave = 90%\n"

/* What the other slot holds of the image need not come once the index tells of it; with bytes and without the same. The
 * model agrees on the median within a fifth of a pass of 442 s: it lets each box wait for the index by itself. */
static void test_parts_in_the_slot(void **state)
{
	struct scenario *s = scenario_of(PARTS);
	struct run_options without = {.payload = HEADEND_DIGESTS}, with = {.payload = HEADEND_BYTES};
	struct report *names, *bytes, *fleet;
	double mean[3] = {0};
	(void)state;
	assert_int_equal(run_scenario(&names, NULL, s, &without), 0);
	assert_int_equal(run_scenario(&bytes, NULL, s, &with), 0);
	for (unsigned g = 0; g < 3; g++)
		for (unsigned i = 1; i <= 12; i++) {
			const double q = i / 12.0 - 0.01;
			const double a = (double)report_time_of(names, s->groups[g].name, 105, q) / 1e9;
			const double b = (double)report_time_of(bytes, s->groups[g].name, 105, q) / 1e9;
			if (a > b || b - a > 1.5)
				fail_msg("%s: %g s, with payload %g s", s->groups[g].name, a, b);
			mean[g] += a / 12;
		}
	assert_true(mean[2] + 60 < mean[1] && mean[1] + 60 < mean[0]);
	for (size_t i = 0; i < s->num_groups; i++) {
		s->groups[i].boxes = 3000;
		s->groups[i].first_box = i * 3000;
	}
	s->boxes = 9000;
	assert_int_equal(fleet_run(&fleet, NULL, s, NULL), 0);
	for (unsigned g = 0; g < 3; g++) {
		double model = 0;
		for (double q = 0.05; q < 1; q += 0.1)
			model += (double)report_time_of(fleet, s->groups[g].name, 105, q) / 1e9 / 10;
		if (fabs(model - mean[g]) > 90)
			fail_msg("%s: %g s, by the model %g s", s->groups[g].name, mean[g], model);
	}
	report_free(names);
	report_free(bytes);
	report_free(fleet);
	scenario_free(s);
}

/* Many boxes, so that quantiles are sharp: the fleet model, which never saw this scenario, within 2 % and two control
 * periods of 5 s. */
static void test_fleet_model_agrees(void **state)
{
	struct scenario *s = scenario_of(
		HEAD IMAGE "[group few]\nboxes = 60\nclass = box\nversion = 90\nloss = 3%\n"
			   "[group many]\nboxes = 60\nclass = box\nversion = 90\nloss = 30%\n"
			   "[group bursts]\nboxes = 60\nclass = box\nversion = 90\nloss = 10%\nburst = 15\n");
	struct report *run, *fleet;
	(void)state;
	assert_int_equal(run_scenario(&run, NULL, s, NULL), 0);
	for (size_t i = 0; i < s->num_groups; i++) {
		s->groups[i].boxes = 3000;
		s->groups[i].first_box = i * 3000;
	}
	s->boxes = 9000;
	assert_int_equal(fleet_run(&fleet, NULL, s, NULL), 0);
	for (size_t i = 0; i < s->num_groups; i++)
		for (double q = 0.1; q < 0.95; q += 0.4) {
			const double a = (double)report_time_of(run, s->groups[i].name, 105, q) / 1e9;
			const double b = (double)report_time_of(fleet, s->groups[i].name, 105, q) / 1e9;
			if (fabs(a - b) > 0.02 * a + 10)
				fail_msg("%s: %g of the boxes after %g s, by the model %g s", s->groups[i].name, q, a,
					b);
		}
	report_free(run);
	report_free(fleet);
	scenario_free(s);
}

/* Two boxes of [group g] that lack version 105, and why they can never get it: told, and not waited for. */
static void test_what_can_never_complete_ends(void **state)
{
#define LONG                                                                                                           \
	"[scenario]\nduration = 30d\n[transmitter]\nrate = 256k\n[group other]\nclass = other\nversion = 1\n"          \
	"[group g]\nboxes = 2\nclass = box\nversion = 90\n"
#define ON_AIR "[image i]\nclass = box\nversion = 105\nsize = 512K\n"
	static const struct {
		const char *text;
		enum report_stuck why;
	} causes[] = {
		{LONG "[map 1]\nfile = m\n" ON_AIR "until = 5s\n", REPORT_NOT_ON_AIR},
		{LONG "[map 1]\nfile = m\n" ON_AIR "at = 31d\n", REPORT_NOT_ON_AIR},
		{LONG "slot = 256K\n[map 1]\nfile = m\n" ON_AIR, REPORT_SLOT_TOO_SMALL},
		{LONG "outages = 1s-30d\n[map 1]\nfile = m\n" ON_AIR, REPORT_NOTHING_ARRIVES},
		{LONG "outages = 8s-40d\n[map 1]\nfile = m\n" ON_AIR, REPORT_NOTHING_ARRIVES},
		{LONG "[map 1]\nat = 31d\nfile = m\n" ON_AIR, REPORT_NO_MAP},
		{LONG "[map 1]\nfile = m\n" ON_AIR "[event e]\ndo = restart-transmitter\nat = 10s\nfor = 31d\n",
			REPORT_NOT_ON_AIR},
	};
	(void)state;
	for (unsigned i = 0; i < sizeof causes / sizeof causes[0]; i++) {
		struct scenario *s = scenario_of(causes[i].text);
		struct report *r;
		assert_int_equal(run_scenario(&r, NULL, s, NULL), 0);
		/* Without a map the other class lacks one, too. */
		if (r->stuck[causes[i].why] != (causes[i].why == REPORT_NO_MAP ? 3 : 2))
			fail_msg("cause %u: %u boxes", i, (unsigned)r->stuck[causes[i].why]);
		assert_in_range(r->ended_ns, 1, 3600 * SECOND);
		assert_true(report_share_at(r, "g", 90, UINT64_MAX) == 1);
		report_free(r);
		scenario_free(s);
	}
}

/* Nobody serves the class; trial boots fail as often as may be: that is an end, too, and nobody lacks anything. */
static void test_who_is_left_alone_ends_the_run(void **state)
{
	struct scenario *s = scenario_of(LONG "trial-failure = 100%\n[map 1]\nfile = m\n" ON_AIR);
	struct report *r;
	(void)state;
	assert_int_equal(run_scenario(&r, NULL, s, NULL), 0);
	assert_int_equal(r->reasons[POLICY_REASON_NO_ROW], 1);
	assert_int_equal(r->fallbacks, 4);
	assert_int_equal(r->waiting, 0);
	assert_in_range(r->ended_ns, 1, 3600 * SECOND);
	for (unsigned i = 0; i < REPORT_NUM_STUCK; i++)
		assert_int_equal(r->stuck[i], 0);
	report_free(r);
	scenario_free(s);
}

/* What will come is waited for, however late. */
static void test_what_comes_late_is_waited_for(void **state)
{
	struct scenario *s = scenario_of(LONG "outages = 1s-2h\n[map 1]\nfile = m\n" ON_AIR);
	struct report *r;
	(void)state;
	assert_int_equal(run_scenario(&r, NULL, s, NULL), 0);
	assert_true(report_share_at(r, "g", 105, UINT64_MAX) == 1);
	assert_true(report_time_of(r, "g", 105, 1) > 7200 * SECOND);
	report_free(r);
	scenario_free(s);
}

static void test_refuses_what_it_cannot_play(void **state)
{
	static const struct {
		const char *keys, *message;
	} bad[] = {
		{"kill-every = 1s\n", "a.ini:15: kill-every: needs the images' bytes: payload = yes, or --payload"},
		{"bit-error = 1e-6\nudp-checksum = no\n",
			"a.ini:16: udp-checksum: damaged symbols need the images' bytes: payload = yes, or --payload"},
	};
	char text[1024];
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct scenario *s;
		struct report *r;
		snprintf(text, sizeof text, "%s%s", HEAD IMAGE "[group g]\nclass = box\nversion = 90\n", bad[i].keys);
		s = scenario_of(text);
		assert_int_equal(run_scenario(&r, NULL, s, NULL), CAROUSEL_E_UNSUPPORTED);
		assert_null(r);
		assert_string_equal(scenario_error(s), bad[i].message);
		scenario_free(s);
	}
}

/* Signed documents, images and ESIs of two headends: what is on the air when. */
static void test_headend(void **state)
{
	struct scenario *s = scenario_of(HEAD IMAGE
		"[image j]\nclass = box\nversion = 104\nsize = 512K\nat = 1m\nuntil = 2m\n"
		"[event 1]\ndo = restart-transmitter\nat = 3m\nfor = 1m\n[group g]\nclass = box\nversion = 90\n");
	struct headend *h;
	uint8_t a[64], b[64];
	(void)state;
	assert_int_equal(headend_new(&h, NULL, s, HEADEND_NAMES), 0);
	assert_true(headend_deadline(h) == SCENARIO_NEVER);
	assert_int_equal(headend_update(h, 0), 0);
	assert_true(h->images[0].is_on_air && !h->images[1].is_on_air);
	assert_true(headend_next_update(h, 0) == 60 * SECOND);
	assert_int_equal(headend_update(h, 60 * SECOND), 0);
	assert_true(h->images[1].is_on_air);
	assert_int_equal(headend_update(h, 120 * SECOND), 0);
	assert_false(h->images[1].is_on_air);
	assert_int_equal(headend_update(h, 180 * SECOND), 0);
	assert_null(h->tx[0]);
	assert_true(headend_next_update(h, 180 * SECOND) == 240 * SECOND);
	assert_int_equal(headend_update(h, 240 * SECOND), 0);
	assert_non_null(h->tx[0]);
	assert_true(headend_next_update(h, 240 * SECOND) == SCENARIO_NEVER);
	headend_free(h);
	/* The bytes of an image do not depend on where one begins to read. */
	headend_image_bytes("box", 105, 4090, a, sizeof a);
	headend_image_bytes("box", 105, 4096, b, 32);
	assert_memory_equal(a + 6, b, 32);
	headend_image_bytes("box", 104, 4090, b, sizeof b);
	assert_memory_not_equal(a, b, sizeof a);
	scenario_free(s);
}

static int attempt(const struct carousel_allocator *allocator, void *user)
{
	struct headend *h;
	int result = headend_new(&h, allocator, user, HEADEND_BYTES);
	if (result == 0)
		headend_free(h);
	return result;
}

static void test_no_memory(void **state)
{
	struct scenario *s = scenario_of(HEAD IMAGE "[group g]\nclass = box\nversion = 90\n");
	(void)state;
	assert_in_range(fault_alloc_all(attempt, s), 10, 200);
	scenario_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_seed_same_run_in_any_shard),
		cmocka_unit_test(test_without_payload_as_with_it),
		cmocka_unit_test(test_parts_in_the_slot),
		cmocka_unit_test(test_fleet_model_agrees),
		cmocka_unit_test(test_what_can_never_complete_ends),
		cmocka_unit_test(test_who_is_left_alone_ends_the_run),
		cmocka_unit_test(test_what_comes_late_is_waited_for),
		cmocka_unit_test(test_refuses_what_it_cannot_play),
		cmocka_unit_test(test_headend),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
