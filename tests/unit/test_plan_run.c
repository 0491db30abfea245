/* What a plan says, held against packet-level runs of the real cores. covers: carousel-tx/plan.c */
#include "tests/lib/test.h"

#include "carousel-tx/plan.h"
#include "sim/run.h"
#include "tests/lib/confidence.h"

#include <math.h>
#include <stdio.h>

#define BOXES 100u
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

/* 1 MiB at 256 kbit/s; boxes that join in the course of a minute. */
static struct report *played(const char *transmitter, const char *group, struct scenario **s)
{
	char text[800];
	struct report *r;
	snprintf(text, sizeof text,
		"[scenario]\nduration = 30m\n[transmitter]\nrate = 256k\n%s[image i]\nclass = box\nversion = 105\n"
		"size = 1M\n[map 1]\nfile = m\n[group g]\nclass = box\nversion = 90\nreboot = 0\n%s",
		transmitter, group);
	if (scenario_parse(s, NULL, text, strlen(text), "a.ini", NULL, &(struct scenario_files){.read = read_map}) != 0)
		fail_msg("%s", scenario_error(*s));
	assert_int_equal(run_scenario(&r, NULL, *s, NULL), 0);
	return r;
}

static double planned(enum plan_fec fec, const char *losses, double duty, double percentile)
{
	const struct plan_image image = {.size_bytes = 1u << 20, .needed = 1, .weight = 1};
	struct channel_config channel = {0};
	struct plan_config c = {.rate_bps = 256000,
		.control_share = 0.05,
		.fec = fec,
		.duty = duty,
		.percentile = percentile,
		.images = &image,
		.num_images = 1};
	struct plan_result result;
	const char *what = NULL;
	assert_int_equal(channel_config_parse(&channel, losses), 0);
	c.loss = channel_completion_loss(&channel, PLAN_SYMBOL_SIZE + PLAN_OVERHEAD);
	if (plan_compute(&c, &result, &what) != 0)
		fail_msg("%s", what);
	return result.elapsed_s;
}

/* Half of the boxes and nine tenths of them, within 4 % and two seconds. */
static void test_percentiles_of_every_scheme(void **state)
{
	static const struct {
		enum plan_fec fec;
		const char *transmitter, *losses, *group;
	} cases[] = {
		{PLAN_RAPTORQ, "", "loss=10%", "boxes = 40\nloss = 10%\n"},
		{PLAN_RAPTORQ, "", "loss=5%,burst=10", "boxes = 40\nloss = 5%\nburst = 10\n"},
		{PLAN_REED_SOLOMON, "fec = reed-solomon\n", "loss=10%", "boxes = 40\nloss = 10%\n"},
		{PLAN_SMALL_BLOCK, "fec = small-block\n", "loss=20%", "boxes = 40\nloss = 20%\n"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct scenario *s;
		struct report *r = played(cases[i].transmitter, cases[i].group, &s);
		for (double q = 0.5; q < 0.95; q += 0.4) {
			const double run = (double)report_time_of(r, "g", 105, q) / 1e9;
			const double plan = planned(cases[i].fec, cases[i].losses, 1, q);
			if (fabs(run - plan) > 0.04 * run + 2)
				fail_msg("%s, %s: %g of the boxes after %g s, planned %g s", cases[i].transmitter,
					cases[i].losses, q, run, plan);
		}
		report_free(r);
		scenario_free(s);
	}
}

/* Cyclic schemes in bursts, on channels that nothing was fitted to: the planned percentile lies where that of a hundred
 * boxes does with 95 % confidence, give or take 4 % and the two seconds that announcing and installing take. */
static void test_cyclic_schemes_in_bursts(void **state)
{
	static const struct {
		enum plan_fec fec;
		const char *transmitter, *losses;
	} cases[] = {
		{PLAN_NO_CODE, "fec = none\n", "loss=10%,burst=12"},
		{PLAN_NO_CODE, "fec = none\n", "gilbert=0.004 0.05 0.01 0.6"},
		{PLAN_REED_SOLOMON, "fec = reed-solomon\n", "loss=15%,burst=7"},
		{PLAN_REED_SOLOMON, "fec = reed-solomon\n", "gilbert=0.03 0.1 0.02 0.7"},
		{PLAN_SMALL_BLOCK, "fec = small-block\n", "loss=5%,burst=20"},
		{PLAN_SMALL_BLOCK, "fec = small-block\n", "gilbert=0.02 0.2 0 0.9"},
	};
	static const double quantiles[] = {0.1, 0.5, 0.9};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char group[200];
		struct scenario *s;
		struct report *r;
		snprintf(group, sizeof group, "boxes = %u\n%s\n", BOXES, cases[i].losses);
		for (char *c = group; *c; c++)
			if (*c == ',')
				*c = '\n';
		r = played(cases[i].transmitter, group, &s);
		for (unsigned k = 0; k < 3; k++) {
			const double q = quantiles[k], plan = planned(cases[i].fec, cases[i].losses, 1, q);
			double low, high;
			confidence_shares(BOXES, q, &low, &high);
			low = (double)report_time_of(r, "g", 105, low) / 1e9;
			high = (double)report_time_of(r, "g", 105, high) / 1e9;
			if (plan < low - 0.04 * low - 2 || plan > high + 0.04 * high + 2)
				fail_msg("%s, %s: %g of the boxes after %g to %g s, planned %g s",
					plan_fec_names[cases[i].fec], cases[i].losses, q, low, high, plan);
		}
		report_free(r);
		scenario_free(s);
	}
}

/* On for a quarter of the time, each at its own: the median takes four times as long, give or take a period. */
static void test_duty_cycle(void **state)
{
	struct scenario *s;
	struct report *r = played("", "boxes = 40\nloss = 10%\nevery = 16s\non = 0s-4s\non-spread = 16s\n", &s);
	const double run = (double)report_time_of(r, "g", 105, 0.5) / 1e9;
	const double plan = planned(PLAN_RAPTORQ, "loss=10%", 0.25, 0.5);
	(void)state;
	if (fabs(run - plan) > 16)
		fail_msg("half of the boxes after %g s, planned %g s", run, plan);
	report_free(r);
	scenario_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_percentiles_of_every_scheme),
		cmocka_unit_test(test_cyclic_schemes_in_bursts),
		cmocka_unit_test(test_duty_cycle),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
