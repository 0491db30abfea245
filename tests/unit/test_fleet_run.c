/* The fleet model against packet-level runs of many boxes, far out in the tails: channels and schemes that no story
 * has.
 *
 * The model, with 100 times as many boxes, must say something within the 95 % confidence limits of the boxes' quantile
 * (confidence.h), give or take 1.5 % and 2 s; somewhat more where boxes hear in pieces, or what no checksum protects.
 */
#include "tests/lib/test.h"

#include "sim/fleet.h"
#include "sim/run.h"
#include "tests/lib/confidence.h"

#include <stdio.h>

#define BOXES 120u
#define MAP   "carousel-map 1\nepoch 1\nserial 1\nissued 2026-11-21T00:00:00Z\nmap box * 105 105 105 120\n"

static int read_map(void *user, const char *name, size_t limit, char **text, size_t *len)
{
	(void)user;
	(void)name;
	(void)limit;
	*len = sizeof MAP - 1;
	*text = memory_copy_string(NULL, MAP, *len);
	return *text ? 0 : -1;
}

static struct scenario *scenario_of(const char *transmitter, const char *group)
{
	struct scenario *s;
	char text[800];
	snprintf(text, sizeof text,
		"[scenario]\nduration = 15m\nseed = 41\n[transmitter]\nrate = 256k\n%s[image i]\nclass = box\nversion "
		"= 105\n"
		"size = 512K\n[map 1]\nfile = m\n[group g]\nclass = box\nversion = 90\nreboot = 0\nboxes = %u\n%s",
		transmitter, BOXES, group);
	if (scenario_parse(&s, NULL, text, strlen(text), "a.ini", NULL, &(struct scenario_files){.read = read_map}) !=
		0)
		fail_msg("%s", scenario_error(s));
	return s;
}

static double time_of(const struct report *r, double share)
{
	return (double)report_time_of(r, "g", 105, share) / 1e9;
}

/* tolerance: beyond what chance allows. */
static void agrees(const char *name, const char *transmitter, const char *group, double tolerance)
{
	const struct run_options options = {.payload = strstr(group, "udp-checksum") ? HEADEND_BYTES : HEADEND_NAMES};
	static const double quantiles[] = {0.1, 0.5, 0.9, 0.99};
	struct scenario *s = scenario_of(transmitter, group);
	struct report *run, *fleet;
	assert_int_equal(run_scenario(&run, NULL, s, &options), 0);
	s->groups[0].boxes = BOXES * 100;
	s->boxes = BOXES * 100;
	assert_int_equal(fleet_run(&fleet, NULL, s, NULL), 0);
	assert_true(report_share_at(run, "g", 105, UINT64_MAX) == 1);
	for (unsigned i = 0; i < sizeof quantiles / sizeof quantiles[0]; i++) {
		const double q = quantiles[i], model = time_of(fleet, q);
		double low, high;
		confidence_shares(BOXES, q, &low, &high);
		low = time_of(run, low);
		high = time_of(run, high);
		printf("%s p%-4g run %6.1f s, 95 %%: %6.1f to %6.1f s; fleet %6.1f s (%+.1f %%)\n", name, 100 * q,
			time_of(run, q), low, high, model, 100 * (model / time_of(run, q) - 1));
		if (model < low * (1 - tolerance) - 2 || model > high * (1 + tolerance) + 2)
			fail_msg("%s: p%g: %g s by the model, %g to %g s packet by packet", name, 100 * q, model, low,
				high);
	}
	report_free(run);
	report_free(fleet);
	scenario_free(s);
}

static void test_raptorq(void **state)
{
	(void)state;
	agrees("RaptorQ, 35 %", "", "loss = 35%\n", 0.015);
	agrees("RaptorQ, Gilbert-Elliott", "block-symbols = 64\n", "gilbert = 0.01 0.1 0.02 0.7\n", 0.015);
}

static void test_cyclic_schemes(void **state)
{
	(void)state;
	agrees("Reed-Solomon, 25 %", "fec = reed-solomon\n", "loss = 25%\n", 0.015);
	agrees("small blocks, bursts", "fec = small-block\n", "gilbert = 0.01 0.2 0 0.9\njoin-spread = 30s\n", 0.015);
	agrees("no code, 4 %", "fec = none\n", "loss = 4%\n", 0.015);
}

/* What a cyclic scheme missed while a box was off comes again a cycle later. */
static void test_pieces(void **state)
{
	(void)state;
	agrees("no code, in pieces", "fec = none\n", "loss = 5%\nevery = 16s\non = 0s-5s\non-spread = 16s\n", 0.06);
	agrees("Reed-Solomon, in pieces", "fec = reed-solomon\n",
		"loss = 5%\nevery = 13s\non = 0s-5s\non-spread = 13s\n", 0.06);
	agrees("small blocks, outages", "fec = small-block\n", "loss = 5%\noutage-every = 20s\noutage-length = 9s\n",
		0.05);
}

/* Inverted bits that no checksum finds. */
static void test_damage(void **state)
{
	(void)state;
	agrees("Reed-Solomon, damaged", "fec = reed-solomon\nblock-symbols = 60\n",
		"loss = 2%\nbit-error = 8e-6\nudp-checksum = no\n", 0.1);
	agrees("RaptorQ, damaged", "block-symbols = 128\n", "loss = 2%\nbit-error = 2e-6\nudp-checksum = no\n", 0.1);
	agrees("no code, damaged", "fec = none\n", "bit-error = 8e-6\nudp-checksum = no\n", 0.1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_raptorq),
		cmocka_unit_test(test_cyclic_schemes),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_damage),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
