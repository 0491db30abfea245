#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "policy-map/policy.h"

#include <stdio.h>

#define SHA_OF_CURRENT "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
#define SHA_OTHER      "sha256:60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752"
#define ISSUED         1795255200u /* 2026-11-21T10:00:00Z */
#define HOUR           3600u
#define DAY            86400u

static struct policy_map *map_of(const char *lines)
{
	static char text[1 << 16];
	const struct policy_map_options strict = {.strict = true};
	struct policy_map_error error;
	struct policy_map *map;
	int n = snprintf(
		text, sizeof text, "carousel-map 1\nepoch 1\nserial 7\nissued 2026-11-21T10:00:00Z\n%s", lines);
	if (policy_map_parse(NULL, text, (size_t)n, &strict, &map, &error) != 0)
		fail_msg("%u:%u: %s", error.line, error.column, error.message);
	return map;
}

static struct policy_decision decide(const struct policy_map *map, const struct policy_box *box, uint64_t gate_time)
{
	struct policy_decision d;
	assert_int_equal(policy_decide(map, box, gate_time, &d), 0);
	return d;
}

/* ---- the rule, stated a second time as tables ---- */

/* Where v lies, counted: of v >= minimum, v >= acceptable, v >= current, v > current, v > maximum, how many hold. */
static const struct {
	const char *verdict, *reason, *request;
} by_place[6] = {
	{"mandatory", "below-minimum", "now"},
	{"offer", "below-acceptable", "accept"},
	{"none", "acceptable", "install"},
	{"none", "current", "reinstall"},
	{"none", "newer-than-current", "refused"},
	{"recall", "above-maximum", "now"},
};

enum source { ROW, ROW_ON_HOLD, NO_ROW_AT_ALL, OVERRIDE, OVERRIDE_AND_HOLD, OVERRIDE_NEVER_WITH_ROW, NUM_SOURCES };

/* With a special build, or a version that cannot be read: what remains of the request. */
static const char *const request_of_special[NUM_SOURCES] = {
	"install", "refused", "refused", "install", "install", "refused"};
static const char *const reason_without_numbers[NUM_SOURCES] = {NULL, "hold", "no-row", NULL, NULL, "override-never"};

enum obstacle {
	CLEAR,
	IMAGE_MISSING,
	FLOOR_ABOVE,
	FLOOR_EQUAL,
	FAILED_ONCE,
	FAILED_TWICE,
	FAILED_TWICE_RETRIED,
	DECLINED_BEFORE,
	NUM_OBSTACLES
};
static const char *const obstacle_reason[NUM_OBSTACLES] = {
	[IMAGE_MISSING] = "no-image", [FLOOR_ABOVE] = "below-hardware-floor", [FAILED_TWICE] = "failed-before"};

struct combination {
	uint32_t n[4], v;
	enum source source;
	enum obstacle obstacle;
};

static struct policy_map *map_for(const struct combination *c)
{
	char lines[1024], numbers[64];
	const char *options = c->source == ROW_ON_HOLD || c->source == OVERRIDE_AND_HOLD ? "hold" : "";
	const char *retry = c->obstacle == FAILED_TWICE_RETRIED ? "retry=2" : "retry=1";
	size_t len = 0;
	snprintf(numbers, sizeof numbers, "%u %u %u %u", c->n[0], c->n[1], c->n[2], c->n[3]);
	lines[0] = '\0';
	if (c->source == OVERRIDE || c->source == OVERRIDE_AND_HOLD)
		len += (size_t)sprintf(
			lines + len, "override b1 box %s %s\nmap box * 0 0 1 1 %s\n", numbers, retry, options);
	else if (c->source != NO_ROW_AT_ALL)
		len += (size_t)sprintf(lines + len, "map box * %s %s %s\n", numbers, retry, options);
	if (c->source == OVERRIDE_NEVER_WITH_ROW)
		len += (size_t)sprintf(lines + len, "override b1 * never\n");
	if (c->obstacle != IMAGE_MISSING)
		sprintf(lines + len, "image box %u " SHA_OF_CURRENT " size=1 manifest=" SHA_OTHER "\n", c->n[2]);
	return map_of(lines);
}

static struct policy_box box_for(const struct combination *c, struct policy_failure *failure, uint8_t declined[1][32])
{
	struct policy_box box = {.id = "b1", .class_name = "box", .version = c->v};
	hash_parse_sha256(SHA_OF_CURRENT, strlen(SHA_OF_CURRENT), failure->sha256);
	memcpy(declined[0], failure->sha256, 32);
	failure->retry = 1;
	failure->attempts = c->obstacle == FAILED_ONCE ? 1 : 2;
	if (c->obstacle == FAILED_ONCE || c->obstacle == FAILED_TWICE || c->obstacle == FAILED_TWICE_RETRIED) {
		box.failures = failure;
		box.num_failures = 1;
	}
	if (c->obstacle == DECLINED_BEFORE) {
		box.declined = (const uint8_t(*)[32])declined;
		box.num_declined = 1;
	}
	if (c->obstacle == FLOOR_ABOVE || c->obstacle == FLOOR_EQUAL)
		box.hardware_floor = c->n[2] + (c->obstacle == FLOOR_ABOVE);
	return box;
}

static void expect(const struct combination *c, const struct policy_decision *d, const char *verdict,
	const char *reason, const char *request, uint32_t target)
{
	if (strcmp(policy_verdict_name(d->verdict), verdict) != 0 ||
		strcmp(policy_reason_name(d->reason), reason) != 0 ||
		strcmp(policy_request_name(d->request), request) != 0 || d->target != target)
		fail_msg("%u %u %u %u v=%u source %d obstacle %d: %s %s %s %u, not %s %s %s %u", c->n[0], c->n[1],
			c->n[2], c->n[3], c->v, (int)c->source, (int)c->obstacle, policy_verdict_name(d->verdict),
			policy_reason_name(d->reason), policy_request_name(d->request), d->target, verdict, reason,
			request, target);
}

static void check_readable(const struct combination *c, const struct policy_decision *d)
{
	const char *blocked = obstacle_reason[c->obstacle], *missing = reason_without_numbers[c->source];
	int place = (c->v >= c->n[0]) + (c->v >= c->n[1]) + (c->v >= c->n[2]) + (c->v > c->n[2]) + (c->v > c->n[3]);
	const char *verdict = by_place[place].verdict, *reason = by_place[place].reason,
		   *request = by_place[place].request;
	bool acts = strcmp(verdict, "none") != 0, asks = strcmp(request, "refused") != 0;
	if (c->v == 0 || c->v == 4294967295u) {
		bool installs = strcmp(request_of_special[c->source], "install") == 0 && !blocked;
		expect(c, d, "none", "special-build", installs ? "install" : "refused", installs ? c->n[2] : 0);
	} else if (missing) {
		expect(c, d, "none", missing, "refused", 0);
	} else if (blocked && asks) {
		expect(c, d, "none", acts ? blocked : reason, "refused", 0);
	} else if (c->obstacle == DECLINED_BEFORE && strcmp(verdict, "offer") == 0) {
		expect(c, d, "none", "declined", "accept", c->n[2]);
	} else {
		expect(c, d, verdict, reason, request, asks ? c->n[2] : 0);
	}
}

static void check_box(struct combination *c, const struct policy_map *map)
{
	static const uint32_t versions[] = {0, 1, 2, 3, 4, 5, 6, 4294967294u, 4294967295u};
	struct policy_failure failure;
	uint8_t declined[1][32];
	struct policy_decision d;
	struct policy_box box;
	for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
		c->v = versions[i];
		box = box_for(c, &failure, declined);
		d = decide(map, &box, 0);
		check_readable(c, &d);
		assert_false(d.alarm);
		box.version_unreadable = true;
		d = decide(map, &box, 0);
		expect(c, &d, "none", "version-unreadable", "local-only", 0);
		assert_true(d.alarm);
	}
}

static void test_every_combination(void **state)
{
	struct combination c;
	unsigned maps = 0;
	(void)state;
	for (unsigned code = 0; code < 6 * 6 * 6 * 6; code++) {
		c.n[0] = code % 6;
		c.n[1] = code / 6 % 6;
		c.n[2] = code / 36 % 6;
		c.n[3] = code / 216;
		if (c.n[0] > c.n[1] || c.n[1] > c.n[2] || c.n[2] > c.n[3] || c.n[2] == 0)
			continue;
		for (int s = 0; s < NUM_SOURCES; s++) {
			for (int o = 0; o < NUM_OBSTACLES; o++) {
				struct policy_map *map;
				c.source = (enum source)s;
				c.obstacle = (enum obstacle)o;
				map = map_for(&c);
				check_box(&c, map);
				policy_map_free(map);
				maps++;
			}
		}
	}
	assert_int_equal(maps, 120 * NUM_SOURCES * NUM_OBSTACLES);
}

/* ---- which row ---- */

#define IMAGES                                                                                                         \
	"image box 5 " SHA_OF_CURRENT " size=1 manifest=" SHA_OTHER "\nimage box 6 " SHA_OTHER                         \
	" size=1 manifest=" SHA_OTHER "\n"

static uint32_t line_for(
	const struct policy_map *map, const char *id, const char *class_name, const char *category, uint64_t gate)
{
	const struct policy_box box = {.id = id, .class_name = class_name, .category = category, .version = 3};
	return decide(map, &box, gate).line;
}

static void test_category_and_star(void **state)
{
	struct policy_map *map = map_of("map box * 1 2 5 9\n"
					"map box beta 1 2 5 9\n"
					"map box production 1 2 5 9\n"
					"map box-debug * 1 2 5 9\n"
					"member m1 beta\n" IMAGES);
	(void)state;
	assert_int_equal(line_for(map, "x", "box", NULL, 0), 7);
	assert_int_equal(line_for(map, "x", "box", "", 0), 7);
	assert_int_equal(line_for(map, "x", "box", "beta", 0), 6);
	assert_int_equal(line_for(map, "x", "box", "gamma", 0), 5);
	assert_int_equal(line_for(map, "m1", "box", "production", 0), 6);
	assert_int_equal(line_for(map, "m1", "box-debug", NULL, 0), 8);
	assert_int_equal(line_for(map, "x", "Box", NULL, 0), 0);
	assert_int_equal(line_for(map, "x", "box-", NULL, 0), 0);
	policy_map_free(map);
}

static void test_gates_choose_rows(void **state)
{
	struct policy_map *map = map_of("map box production 1 2 6 9 from=2026-11-21T12:00Z until=2026-11-22T12:00Z\n"
					"map box * 1 2 6 9 from=2026-11-23T12:00Z\n"
					"map box production 1 2 5 9 until=2026-11-24T10:00Z\n"
					"map box * 1 2 5 9\n" IMAGES);
	const uint64_t noon = ISSUED + 2 * HOUR;
	(void)state;
	assert_int_equal(line_for(map, "x", "box", NULL, 0), 7);
	assert_int_equal(line_for(map, "x", "box", NULL, noon - 1), 7);
	assert_int_equal(line_for(map, "x", "box", NULL, noon), 5);
	assert_int_equal(line_for(map, "x", "box", NULL, noon + DAY - 1), 5);
	assert_int_equal(line_for(map, "x", "box", NULL, noon + DAY), 7);
	assert_int_equal(line_for(map, "x", "box", NULL, ISSUED + 3 * DAY - 1), 7);
	assert_int_equal(line_for(map, "x", "box", NULL, ISSUED + 3 * DAY), 6);
	assert_int_equal(line_for(map, "x", "box", "beta", noon), 8);
	assert_int_equal(line_for(map, "x", "box", "beta", noon + 2 * DAY), 6);
	policy_map_free(map);
}

static void test_gate_time_is_never_before_issued(void **state)
{
	struct policy_map *map = map_of("map box * 1 2 6 9 from=2026-11-21T09:00Z\nmap box * 1 2 5 9\n" IMAGES);
	(void)state;
	assert_int_equal(line_for(map, "x", "box", NULL, 0), 5);
	policy_map_free(map);
}

static void test_override_goes_before_rows_gates_and_hold(void **state)
{
	struct policy_map *map = map_of("override o1 other 6 6 6 6\noverride o1 box 1 2 5 9\noverride o1 box 1 2 6 9\n"
					"map box * 1 2 6 9 hold\n" IMAGES);
	struct policy_box box = {.id = "o1", .class_name = "box", .version = 1};
	struct policy_decision d = decide(map, &box, 0);
	(void)state;
	assert_int_equal(d.line, 6);
	assert_true(d.is_override);
	assert_int_equal(d.verdict, POLICY_OFFER);
	assert_int_equal(d.target, 5);
	box.id = "o2";
	d = decide(map, &box, 0);
	assert_int_equal(d.reason, POLICY_REASON_HOLD);
	assert_int_equal(d.request, POLICY_REQUEST_REFUSED);
	policy_map_free(map);
}

/* Lots computed by Python: int.from_bytes(hashlib.blake2b(salt + b"\0" + id, digest_size=8).digest(), "big") % 10000.
 */
static void test_lots(void **state)
{
	(void)state;
	assert_int_equal(policy_lot("box2-fpu-4mb/105", "00a1b2c3d4"), 2810);
	assert_int_equal(policy_lot("box2-fpu-4mb/105", "00a1b2c3d5"), 3446);
	assert_int_equal(policy_lot("", "a"), 7944);
}

static void test_ramp_steps(void **state)
{
	struct policy_map *map = map_of("map box * 1 2 6 9 from=2026-11-21T12:00Z ramp=5%,20%@+48h,100%@+7d\n"
					"map box beta 1 2 6 9 ramp=1%@+1h,2%@+2h\n"
					"map box * 1 2 5 9\n" IMAGES);
	const struct policy_row *ramp = &map->rows[0], *late = &map->rows[1];
	const uint64_t from = ISSUED + 2 * HOUR;
	(void)state;
	assert_int_equal(policy_ramp_permyriad(map, ramp, from - 1), 0);
	assert_int_equal(policy_ramp_permyriad(map, ramp, from), 500);
	assert_int_equal(policy_ramp_permyriad(map, ramp, from + 48 * HOUR - 1), 500);
	assert_int_equal(policy_ramp_permyriad(map, ramp, from + 48 * HOUR), 2000);
	assert_int_equal(policy_ramp_permyriad(map, ramp, from + 7 * DAY), 10000);
	assert_int_equal(policy_ramp_permyriad(map, late, 0), 0);
	assert_int_equal(policy_ramp_permyriad(map, late, ISSUED + HOUR), 100);
	assert_int_equal(policy_ramp_permyriad(map, late, UINT64_MAX), 200);
	assert_int_equal(policy_ramp_permyriad(map, &map->rows[2], 0), 10000);
	policy_map_free(map);
}

static void test_share_of_a_row(void **state)
{
	struct policy_map *map =
		map_of("map box * 1 2 7 9 from=2026-11-21T12:00Z until=2026-11-21T14:00Z\n"
		       "map box * 1 2 6 9 ramp=5%,20%@+48h until=2026-11-24T10:00Z\nmap box * 1 2 5 9\n" IMAGES);
	const struct policy_row *window = &map->rows[0], *ramp = &map->rows[1], *open = &map->rows[2];
	(void)state;
	assert_true(policy_row_is_gated(window) && policy_row_is_gated(ramp) && !policy_row_is_gated(open));
	assert_int_equal(policy_row_share(map, window, ISSUED + 2 * HOUR - 1), 0);
	assert_int_equal(policy_row_share(map, window, ISSUED + 2 * HOUR), 10000);
	assert_int_equal(policy_row_share(map, window, ISSUED + 4 * HOUR), 0);
	assert_int_equal(policy_row_share(map, ramp, ISSUED), 500);
	assert_int_equal(policy_row_share(map, ramp, ISSUED + 48 * HOUR), 2000);
	assert_int_equal(policy_row_share(map, ramp, ISSUED + 3 * DAY), 0);
	assert_int_equal(policy_row_share(map, open, 0), 10000);
	policy_map_free(map);
}

static void test_ramp_admits_its_share_and_only_ever_adds(void **state)
{
	struct policy_map *map = map_of("map box * 1 2 6 9 ramp=5%,20%@+1h,50%@+2h,100%@+3h\nmap box * 1 2 5 9\n"
					"map box other 1 2 6 9 ramp=20% salt=pepper\n" IMAGES);
	static const unsigned expected[4] = {500, 2000, 5000, 10000};
	unsigned admitted[4] = {0}, both = 0;
	char id[16];
	(void)state;
	for (unsigned i = 0; i < 10000; i++) {
		bool before = false;
		snprintf(id, sizeof id, "%08x", i);
		for (unsigned step = 0; step < 4; step++) {
			bool in = policy_row_admits(map, &map->rows[0], id, ISSUED + step * HOUR);
			assert_true(in || !before);
			before = in;
			admitted[step] += in;
		}
		assert_int_equal(
			policy_row_admits(map, &map->rows[0], id, ISSUED + HOUR), policy_lot("box/6", id) < 2000);
		both += policy_row_admits(map, &map->rows[2], id, 0) && policy_lot("box/6", id) < 2000;
		assert_int_equal(policy_row_admits(map, &map->rows[2], id, 0), policy_lot("pepper", id) < 2000);
	}
	for (unsigned step = 0; step < 4; step++)
		assert_in_range(admitted[step], expected[step] * 95 / 100 - 50, expected[step] * 105 / 100 + 50);
	assert_in_range(both, 300, 500); /* another salt draws other lots: about 4 % are in both */
	policy_map_free(map);
}

static void test_max_attempts_and_other_images(void **state)
{
	struct policy_map *map =
		map_of("map box * 9 9 9 9\nimage box 9 " SHA_OF_CURRENT " size=1 manifest=" SHA_OTHER "\n");
	struct policy_failure failures[2] = {{.attempts = 9}, {.attempts = 2}};
	struct policy_box box = {.id = "b", .class_name = "box", .version = 3, .failures = failures, .num_failures = 2};
	(void)state;
	hash_parse_sha256(SHA_OTHER, strlen(SHA_OTHER), failures[0].sha256);
	hash_parse_sha256(SHA_OF_CURRENT, strlen(SHA_OF_CURRENT), failures[1].sha256);
	assert_int_equal(decide(map, &box, 0).reason, POLICY_REASON_FAILED_BEFORE);
	assert_int_equal(decide(map, &box, 0).rule, POLICY_REASON_BELOW_MINIMUM);
	box.max_attempts = 3;
	assert_int_equal(decide(map, &box, 0).verdict, POLICY_MANDATORY);
	box.num_failures = 1;
	box.max_attempts = 1;
	assert_int_equal(decide(map, &box, 0).verdict, POLICY_MANDATORY);
	policy_map_free(map);
}

static void test_expiry_counts_only_by_a_trusted_clock_and_blocks_nothing(void **state)
{
	struct policy_map *map = map_of("expires 2026-12-01T00:00:00Z\nmap box * 9 9 9 9\nimage box 9 " SHA_OF_CURRENT
					" size=1 manifest=" SHA_OTHER "\n");
	struct policy_box box = {.id = "b", .class_name = "box", .version = 3, .clock_s = map->expires_s};
	(void)state;
	assert_false(decide(map, &box, UINT64_MAX).map_expired);
	box.has_trusted_clock = true;
	assert_true(decide(map, &box, 0).map_expired);
	assert_int_equal(decide(map, &box, 0).verdict, POLICY_MANDATORY);
	box.clock_s--;
	assert_false(decide(map, &box, 0).map_expired);
	policy_map_free(map);
}

static void test_arguments(void **state)
{
	struct policy_map *map = map_of("");
	struct policy_decision d;
	struct policy_box box = {.id = "b"};
	(void)state;
	assert_int_equal(policy_decide(map, &box, 0, &d), CAROUSEL_E_ARGUMENT);
	assert_int_equal(policy_decide(map, NULL, 0, &d), CAROUSEL_E_ARGUMENT);
	box.class_name = "box";
	assert_int_equal(policy_decide(NULL, &box, 0, &d), CAROUSEL_E_ARGUMENT);
	assert_int_equal(d.verdict, POLICY_NONE);
	assert_string_equal(policy_reason_name((enum policy_reason)99), "unknown");
	assert_string_equal(policy_reason_sentence(POLICY_REASON_HOLD), "the row is on hold");
	policy_map_free(map);
}

/* A row's span says of every moment what the row itself says. */
static void test_spans(void **state)
{
	static const char *const gates[] = {"", "from=2026-11-23T00:00Z", "until=2026-11-24T00:00Z",
		"from=2026-11-20T00:00Z until=2026-11-20T06:00Z", "ramp=5%,20%@+48h,100%@+7d",
		"from=2026-11-22T12:00Z until=2026-11-25T00:00Z ramp=0%,30%@+1d,60%@+2d",
		"from=2026-11-19T00:00Z ramp=10%,90%@+4d", "ramp=0%", "until=2026-11-21T10:00Z ramp=100%",
		"salt=x ramp=50%"};
	(void)state;
	for (size_t g = 0; g < sizeof gates / sizeof *gates; g++) {
		char text[512];
		struct policy_map *map;
		int n = snprintf(text, sizeof text,
			"carousel-map 1\nepoch 1\nserial 1\nissued 2026-11-21T10:00:00Z\nmap a * 1 1 1 1 %s\nmap a * 1 "
			"1 1 1\n",
			gates[g]);
		assert_int_equal(policy_map_parse(NULL, text, (size_t)n, NULL, &map, NULL), 0);
		for (unsigned i = 0; i < 50; i++) {
			uint64_t from, until;
			char id[8];
			bool has;
			snprintf(id, sizeof id, "%x", i);
			has = policy_row_span(map, &map->rows[0], id, &from, &until);
			for (uint64_t hour = 0; hour < 300; hour++) {
				uint64_t now = map->issued_s + hour * 3600;
				assert_int_equal(policy_row_admits(map, &map->rows[0], id, now),
					has && now >= from && now < until);
			}
		}
		policy_map_free(map);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_spans),
		cmocka_unit_test(test_every_combination),
		cmocka_unit_test(test_category_and_star),
		cmocka_unit_test(test_gates_choose_rows),
		cmocka_unit_test(test_gate_time_is_never_before_issued),
		cmocka_unit_test(test_override_goes_before_rows_gates_and_hold),
		cmocka_unit_test(test_lots),
		cmocka_unit_test(test_ramp_steps),
		cmocka_unit_test(test_share_of_a_row),
		cmocka_unit_test(test_ramp_admits_its_share_and_only_ever_adds),
		cmocka_unit_test(test_max_attempts_and_other_images),
		cmocka_unit_test(test_expiry_counts_only_by_a_trusted_clock_and_blocks_nothing),
		cmocka_unit_test(test_arguments),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
