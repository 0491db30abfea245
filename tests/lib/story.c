#include "tests/lib/story.h"

#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "common/io/file.h"
#include "sim/download.h"
#include "sim/fleet.h"
#include "sim/run.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

#define STORY_TIME_SHARE 0.015
#define STORY_TIME_NS    10e9
#define STORY_MOMENTS    300
#define STORY_SCALE      200u
/* Kolmogorov and Smirnov: a sample of n strays further than this over sqrt(n) from its distribution in 1 of 1000. */
#define STORY_STRAY 1.95

static int path_of(const char *name, char path[256])
{
	const int len = snprintf(path, 256, "sim/scenarios/%s", name);
	return len < 256 ? 0 : CAROUSEL_E_LIMIT;
}

static int read_beside(void *user, const char *name, size_t limit, char **text, size_t *len)
{
	char path[256];
	(void)user;
	return path_of(name, path) ? CAROUSEL_E_LIMIT : file_read(path, limit, NULL, text, len);
}

static int open_beside(void *user, const char *name, FILE **file)
{
	char path[256];
	(void)user;
	if (path_of(name, path))
		return CAROUSEL_E_LIMIT;
	*file = fopen(path, "re");
	return *file ? 0 : file_error(errno);
}

static struct scenario *story_of(const char *name)
{
	const struct scenario_files files = {.read = read_beside, .open = open_beside};
	struct scenario *s;
	char file[64], *text;
	size_t len;
	snprintf(file, sizeof file, "%s.ini", name);
	assert_int_equal(read_beside(NULL, file, 1u << 20, &text, &len), 0);
	if (scenario_parse(&s, NULL, text, len, file, NULL, &files) != 0)
		fail_msg("%s", scenario_error(s));
	free(text);
	return s;
}

static void meets_bounds(const struct report *r, const struct scenario *s)
{
	assert_true(s->num_expects >= 1);
	for (size_t i = 0; i < s->num_expects; i++) {
		double share;
		if (!report_meets(r, &s->expects[i], &share))
			fail_msg("%s, %s: %s: %g", s->title, r->mode, s->expects[i].name, share);
	}
}

/* The same scenario with more boxes of every kind, so that what the model says is sharp; a real fleet stays. */
static struct report *sharp_fleet(struct scenario *s)
{
	struct report *r;
	uint32_t boxes[SCENARIO_MAX_GROUPS];
	const uint64_t all = s->boxes;
	s->boxes = 0;
	for (size_t i = 0; i < s->num_groups; i++) {
		boxes[i] = s->groups[i].boxes;
		s->groups[i].boxes *= s->groups[i].population ? 1 : STORY_SCALE;
		s->groups[i].first_box = s->boxes;
		s->boxes += s->groups[i].boxes;
	}
	assert_int_equal(fleet_run(&r, NULL, s, NULL), 0);
	s->boxes = 0;
	for (size_t i = 0; i < s->num_groups; i++) {
		s->groups[i].boxes = boxes[i];
		s->groups[i].first_box = s->boxes;
		s->boxes += boxes[i];
	}
	assert_true(s->boxes == all);
	return r;
}

static double around(const struct report *r, const char *group, uint32_t version, double t, bool want_least)
{
	const double earlier = fmax(0, t * (1 - STORY_TIME_SHARE) - STORY_TIME_NS);
	const double later = t * (1 + STORY_TIME_SHARE) + STORY_TIME_NS;
	double best = report_share_at(r, group, version, (uint64_t)t);
	for (unsigned i = 0; i <= 20; i++) {
		const double share =
			report_share_at(r, group, version, (uint64_t)(earlier + (later - earlier) * i / 20));
		best = want_least ? fmin(best, share) : fmax(best, share);
	}
	return best;
}

static void agree(const struct report *run, const struct report *fleet, const struct report *sharp,
	const struct scenario *s, const struct report_curve *curve)
{
	const struct scenario_group *g = &s->groups[curve->group];
	const bool is_by_chance = g->offers == CAROUSEL_RX_OFFERS_ASK || g->trial_failure > 0 ||
				  download_is_cyclic(s) || download_is_damaged(g);
	const struct report *model = is_by_chance && g->population == NULL ? sharp : fleet;
	const double slack = is_by_chance ? STORY_STRAY / sqrt(g->boxes) : 1.0 / g->boxes + 1e-9;
	for (unsigned i = 0; i <= STORY_MOMENTS; i++) {
		const double t = (double)s->duration_ns * i / STORY_MOMENTS;
		const double share = report_share_at(run, g->name, curve->version, (uint64_t)t);
		if (share < around(model, g->name, curve->version, t, true) - slack ||
			share > around(model, g->name, curve->version, t, false) + slack)
			fail_msg("%s: after %g s %g of %s run %u, by the model %g", s->title, t / 1e9, share, g->name,
				(unsigned)curve->version, report_share_at(model, g->name, curve->version, (uint64_t)t));
	}
}

/* Seconds until a share of those that ever come to a version has it. */
static double time_of(const struct report *r, const char *group, uint32_t version, double share)
{
	const double most = report_share_at(r, group, version, UINT64_MAX);
	return (double)report_time_of(r, group, version, share * most) / 1e9;
}

/* A line of the table of tests/lib/story.h for a version that boxes come to. */
static void print_line(const struct report *run, const struct report *sharp, const struct scenario *s, const char *name,
	const struct report_curve *curve)
{
	static const double shares[] = {0.5, 0.99, 0.999};
	const struct scenario_group *g = &s->groups[curve->group];
	const double came = report_share_at(run, g->name, curve->version, UINT64_MAX);
	const double model = report_share_at(sharp, g->name, curve->version, UINT64_MAX);
	if (came <= 0 || model <= 0 || report_share_at(run, g->name, curve->version, 0) > 0)
		return;
	printf("%-12s %-11s %4u %5.0f %6u |", name, g->name, (unsigned)g->boxes, 100 * came, (unsigned)curve->version);
	for (unsigned i = 0; i < 3; i++)
		printf(" %8.0f", time_of(run, g->name, curve->version, shares[i]));
	printf(" |");
	for (unsigned i = 0; i < 3; i++)
		printf(" %8.0f", time_of(sharp, g->name, curve->version, shares[i]));
	printf(" |");
	for (unsigned i = 0; i < 3; i++)
		printf(" %+7.1f", 100 * (time_of(sharp, g->name, curve->version, shares[i]) /
							time_of(run, g->name, curve->version, shares[i]) -
						1));
	printf("\n");
}

void story_play(const char *name)
{
	struct scenario *s = story_of(name);
	const struct run_options options = {.payload = s->has_payload ? HEADEND_BYTES : HEADEND_NAMES};
	struct report *run, *fleet, *sharp;
	assert_int_equal(fleet_run(&fleet, NULL, s, NULL), 0);
	meets_bounds(fleet, s);
	assert_int_equal(run_scenario(&run, NULL, s, &options), 0);
	meets_bounds(run, s);
	sharp = sharp_fleet(s);
	for (size_t c = 0; c < run->num_curves; c++)
		print_line(run, sharp, s, name, run->curves[c]);
	for (size_t c = 0; c < run->num_curves; c++)
		agree(run, fleet, sharp, s, run->curves[c]);
	report_free(run);
	report_free(fleet);
	report_free(sharp);
	scenario_free(s);
}

void story_print_head(void)
{
	printf("story        group       boxes   %%  version |   run p50      p99    p99.9 |     fleet p50  p99    "
	       "p99.9 |  "
	       "difference, %%\n");
}
