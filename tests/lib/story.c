#include "tests/lib/story.h"

#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "common/io/file.h"
#include "sim/fleet.h"
#include "sim/run.h"

#include <math.h>
#include <stdio.h>

#define STORY_TIME_SHARE 0.02
#define STORY_TIME_NS    20e9
#define STORY_MOMENTS    300

static int read_beside(void *user, const char *name, size_t limit, char **text, size_t *len)
{
	char path[256];
	(void)user;
	snprintf(path, sizeof path, "sim/scenarios/%s", name);
	return file_read(path, limit, NULL, text, len);
}

static struct scenario *story_of(const char *name)
{
	struct scenario *s;
	char file[64], *text;
	size_t len;
	snprintf(file, sizeof file, "%s.ini", name);
	assert_int_equal(read_beside(NULL, file, 1u << 20, &text, &len), 0);
	if (scenario_parse(&s, NULL, text, len, file, NULL, &(struct scenario_files){.read = read_beside}) != 0)
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

static void agree(const struct report *run, const struct report *fleet, const struct scenario *s)
{
	for (size_t c = 0; c < run->num_curves; c++) {
		const struct scenario_group *g = &s->groups[run->curves[c]->group];
		const uint32_t version = run->curves[c]->version;
		const bool is_by_chance = g->offers == CAROUSEL_RX_OFFERS_ASK || g->trial_failure > 0;
		const double slack = 1.0 / g->boxes + (is_by_chance ? 3 * 0.5 * sqrt(2.0 / g->boxes) : 0) + 1e-9;
		for (unsigned i = 0; i <= STORY_MOMENTS; i++) {
			const double t = (double)s->duration_ns * i / STORY_MOMENTS;
			const double share = report_share_at(run, g->name, version, (uint64_t)t);
			if (share < around(fleet, g->name, version, t, true) - slack ||
				share > around(fleet, g->name, version, t, false) + slack)
				fail_msg("%s: after %g s %g of %s run %u, by the model %g", s->title, t / 1e9, share,
					g->name, (unsigned)version,
					report_share_at(fleet, g->name, version, (uint64_t)t));
		}
	}
}

void story_play(const char *name)
{
	struct scenario *s = story_of(name);
	const struct run_options options = {.payload = s->has_payload ? HEADEND_BYTES : HEADEND_NAMES};
	struct report *run, *fleet;
	assert_int_equal(fleet_run(&fleet, NULL, s, NULL), 0);
	meets_bounds(fleet, s);
	assert_int_equal(run_scenario(&run, NULL, s, &options), 0);
	meets_bounds(run, s);
	agree(run, fleet, s);
	report_free(run);
	report_free(fleet);
	scenario_free(s);
}
