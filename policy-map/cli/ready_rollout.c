#include "policy-map/cli/ready.h"

#include "common/carousel_error.h"
#include "common/memory.h"
#include "policy-map/policy.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FIRST_STEP_MAX 500u /* permyriad */
#define ALL            10000u
#define BETA           "beta"
#define PRODUCTION     POLICY_DEFAULT_CATEGORY

static bool is_debug(const char *class_name)
{
	size_t len = strlen(class_name);
	return len > 6 && strcmp(class_name + len - 6, "-debug") == 0;
}

int ready_classes(struct ready *r)
{
	r->classes = memory_alloc(NULL, r->map->num_rows + 1, sizeof *r->classes);
	if (r->classes == NULL)
		return cli_fail(r->cli, "%s", carousel_strerror(CAROUSEL_E_MEMORY));
	for (size_t i = 0; i < r->map->num_rows; i++) {
		const char *name = r->map->rows_by_name[i]->class_name;
		bool is_new = r->num_classes == 0 || strcmp(r->classes[r->num_classes - 1].name, name) != 0;
		if (is_new && !is_debug(name))
			r->classes[r->num_classes++] = (struct ready_class){.name = name};
	}
	return CLI_OK;
}

/* ---- what a map offers a category of a class ---- */

struct group {
	const struct policy_map *map;
	const struct policy_row *const *rows;
	size_t count;
};

static struct group group_of(const struct policy_map *map, const char *class_name, const char *category)
{
	struct group g = {.map = map};
	g.rows = policy_map_rows(map, class_name, category, &g.count);
	if (g.count == 0)
		g.rows = policy_map_rows(map, class_name, "*", &g.count);
	return g;
}

/* The row that boxes come to by themselves; NULL: none. */
static const struct policy_row *base_of(const struct group *g)
{
	return g->count && !policy_row_is_gated(g->rows[g->count - 1]) ? g->rows[g->count - 1] : NULL;
}

/* The share that a row takes in with its first step: when the map is issued, if it has begun by then. */
static uint32_t share_of(const struct policy_map *map, const struct policy_row *row)
{
	uint32_t share = policy_row_share(map, row, map->issued_s);
	if (row->hold || (row->until_s && map->issued_s >= row->until_s))
		return 0;
	if (share == 0)
		return row->num_steps ? row->steps[0].permyriad : ALL;
	return share;
}

/* The share that has a version, or a newer one, at a time; steps that are still to come count for nothing. */
static uint32_t share_with(const struct group *g, uint32_t version, uint64_t now)
{
	uint32_t share = 0;
	for (size_t i = 0; i < g->count; i++) {
		const struct policy_row *row = g->rows[i];
		uint32_t own = policy_row_share(g->map, row, now);
		if (!row->hold && row->numbers.current >= version && own > share)
			share = own;
	}
	return share;
}

/* ---- the step that the map takes in production ---- */

enum news {
	NO_ROW,
	NOTHING_NEW,
	NOT_KNOWN, /* no gates, and no map before that would tell whether it is new */
	GOES_BACK,
	STEP
};

struct step {
	enum news news;
	uint32_t version, before, after; /* permyriad of production */
};

static struct group previous_of(const struct ready *r, const char *class_name, const char *category)
{
	return r->previous ? group_of(r->previous, class_name, category) : (struct group){0};
}

/* The greatest of its steps: from the share that a version had by the map before to what it gets at once. */
static struct step step_of(const struct ready *r, const char *class_name)
{
	const struct group g = group_of(r->map, class_name, PRODUCTION), was = previous_of(r, class_name, PRODUCTION);
	const struct policy_row *base = base_of(&g), *base_before = base_of(&was);
	struct step s = {.news = g.count ? NOTHING_NEW : NO_ROW};
	for (size_t i = 0; i < g.count; i++) {
		const struct policy_row *row = g.rows[i];
		struct step t = {STEP, row->numbers.current, 0, share_of(r->map, row)};
		if (base && row != base && t.version <= base->numbers.current)
			continue; /* keeps boxes back, or where they are */
		if (row == base && was.count == 0)
			continue; /* what boxes have, from which the gated rows lead away */
		if (row == base && base_before && t.version < base_before->numbers.current) {
			s = (struct step){GOES_BACK, t.version, 0, ALL};
			continue;
		}
		t.before = was.count ? share_with(&was, t.version, r->map->issued_s) : 0;
		if (t.after > t.before && (s.news != STEP || t.after - t.before > s.after - s.before))
			s = t;
	}
	if (s.news == NOTHING_NEW && was.count == 0 && base && !base->hold)
		s = (struct step){NOT_KNOWN, base->numbers.current, 0, ALL};
	return s;
}

/* Where a step needs no judgement, or none can be given; false: it needs one. */
static bool is_settled(struct ready *r, const char *item, const struct ready_class *c, const struct step *s)
{
	if (s->news == NO_ROW)
		ready_item(r, item, READY_PASSED, "%s: no row for production", c->name);
	else if (s->news == NOTHING_NEW)
		ready_item(r, item, READY_PASSED, "%s: nothing is new in production", c->name);
	else if (s->news == GOES_BACK)
		ready_item(r, item, READY_PASSED, "%s: goes back to %" PRIu32 ", which is for all at once", c->name,
			s->version);
	else if (s->news == NOT_KNOWN && !r->has_fleet)
		ready_item(r, item, READY_SKIPPED,
			"%s: %" PRIu32 " without a ramp; give %s to see whether it is new to boxes", c->name,
			s->version, r->previous ? "--fleet" : "--previous or --fleet");
	else if (s->news == NOT_KNOWN && c->changing == 0)
		ready_item(r, item, READY_PASSED, "%s: none of %" PRIu64 " production boxes changes", c->name,
			c->production);
	else
		return false;
	return true;
}

static void check_ramp(struct ready *r, const struct ready_class *c, const struct step *s)
{
	if (is_settled(r, "ramp", c, s))
		return;
	if (s->news == NOT_KNOWN)
		ready_item(r, "ramp", READY_FAILED, "%s: %" PRIu64 " of %" PRIu64 " production boxes change at once",
			c->name, c->changing, c->production);
	else
		ready_item(r, "ramp", s->after - s->before <= FIRST_STEP_MAX ? READY_PASSED : READY_FAILED,
			"%s: %" PRIu32 " goes from %g %% to %g %% of production at once%s", c->name, s->version,
			s->before / 100.0, s->after / 100.0,
			s->after - s->before <= FIRST_STEP_MAX ? "" : ", more than 5 %");
}

static void check_beta(struct ready *r, const struct ready_class *c, const struct step *s)
{
	const struct group was = previous_of(r, c->name, BETA), g = group_of(r->map, c->name, BETA);
	uint32_t beta, before = was.count ? share_with(&was, s->version, r->map->issued_s) : 0;
	size_t own;
	if (is_settled(r, "beta-first", c, s))
		return;
	policy_map_rows(r->map, c->name, BETA, &own);
	beta = own ? share_with(&g, s->version, r->map->issued_s) : 0;
	if (own == 0)
		ready_item(r, "beta-first", READY_FAILED, "%s: no row for beta", c->name);
	else if (r->has_fleet && c->beta == 0)
		ready_item(r, "beta-first", READY_FAILED, "%s: no box of the fleet is in beta", c->name);
	else if (before == ALL)
		ready_item(r, "beta-first", READY_PASSED, "%s: beta had %" PRIu32 " by the map before", c->name,
			s->version);
	else
		ready_item(r, "beta-first", beta > s->after ? READY_PASSED : READY_FAILED,
			"%s: %" PRIu32 " is for %g %% of beta and %g %% of production", c->name, s->version,
			beta / 100.0, s->after / 100.0);
}

static void check_way_back(struct ready *r, const struct ready_class *c)
{
	const struct group g = group_of(r->map, c->name, PRODUCTION);
	uint32_t newest = 0;
	size_t older = 0;
	for (size_t i = 0; i < g.count; i++)
		newest = g.rows[i]->numbers.current > newest ? g.rows[i]->numbers.current : newest;
	for (size_t i = 0; i < r->map->num_images; i++) {
		const struct policy_image *image = &r->map->images[i];
		older += strcmp(image->class_name, c->name) == 0 && image->version < newest;
	}
	if (g.count == 0)
		ready_item(r, "way-back", READY_PASSED, "%s: no row for production", c->name);
	else
		ready_item(r, "way-back", older ? READY_PASSED : READY_FAILED,
			"%s: %zu images older than %" PRIu32 " in the map%s", c->name, older, newest,
			older ? "" : ": a recall has nothing to go back to");
}

void ready_rollout(struct ready *r)
{
	if (r->num_classes == 0)
		ready_item(r, "classes", READY_FAILED, "the map has rows for no class but those for debugging");
	for (size_t i = 0; i < r->num_classes; i++) {
		const struct step s = step_of(r, r->classes[i].name);
		check_beta(r, &r->classes[i], &s);
		check_ramp(r, &r->classes[i], &s);
		check_way_back(r, &r->classes[i]);
	}
}
