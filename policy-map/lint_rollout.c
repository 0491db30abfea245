/* Ramps, who is above a maximum, serial and expiry: what happens to boxes over time. */
#include "policy-map/lint_find.h"
#include "policy-map/policy.h"

#include <inttypes.h>
#include <string.h>

#define DAY_S                 86400u
#define EXPIRES_SOON_S        (14u * DAY_S)
#define FIRST_STEP_MAX        500u /* permyriad */
#define FULL_AFTER_AT_LEAST_S (7u * DAY_S)

static uint64_t full_after(const struct policy_row *r)
{
	return r->steps[r->num_steps - 1].permyriad == 10000 ? r->steps[r->num_steps - 1].after_s : UINT64_MAX;
}

static const struct policy_row *find_before(const struct lint *l, const struct policy_row *row)
{
	size_t count;
	const struct policy_row *const *rows;
	if (l->context->previous == NULL)
		return NULL;
	rows = policy_map_rows(l->context->previous, row->class_name, row->category, &count);
	for (size_t i = 0; i < count; i++) {
		if (rows[i]->numbers.current == row->numbers.current)
			return rows[i];
	}
	return NULL;
}

static bool is_for_production(const struct policy_row *row)
{
	return strcmp(row->category, "production") == 0 || strcmp(row->category, "*") == 0;
}

static bool is_lowered_at(
	const struct lint *l, const struct policy_row *row, const struct policy_row *before, uint64_t now)
{
	if (now < l->map->issued_s)
		return false;
	return policy_row_share(l->map, row, now) < policy_row_share(l->context->previous, before, now);
}

/* A ramp counts from `from`, else from the map's own issue: a later map puts the steps off when it does not say from
 * when. Shares only change at steps, so those are the moments to look at. */
static void check_ramp_lowered(struct lint *l, const struct policy_row *row, const struct policy_row *before)
{
	const struct policy_map *m = l->context->previous;
	uint64_t start = before->from_s ? before->from_s : m->issued_s, lowered_at = UINT64_MAX;
	if (is_lowered_at(l, row, before, l->map->issued_s))
		lowered_at = l->map->issued_s;
	for (unsigned i = 0; i < before->num_steps && lowered_at == UINT64_MAX; i++) {
		uint64_t moment;
		if (!__builtin_add_overflow(start, before->steps[i].after_s, &moment) &&
			is_lowered_at(l, row, before, moment))
			lowered_at = moment;
	}
	if (lowered_at != UINT64_MAX)
		lint_find_option(l, LINT_RAMP_LOWERED, row->line,
			"ramp=", "%g %% of the boxes at a time when the last signed map had %g %%",
			policy_row_share(l->map, row, lowered_at) / 100.0,
			policy_row_share(m, before, lowered_at) / 100.0);
}

static void check_ramp_grows(struct lint *l, const struct policy_row *row)
{
	for (unsigned i = 1; i < row->num_steps; i++) {
		if (row->steps[i].permyriad == row->steps[i - 1].permyriad)
			lint_find_option(l, LINT_RAMP_FLAT, row->line, "ramp=", "the ramp does not grow: %g %% twice",
				row->steps[i].permyriad / 100.0);
	}
	if (row->num_steps && row->steps[row->num_steps - 1].permyriad == 0)
		lint_find_option(
			l, LINT_RAMP_FLAT, row->line, "ramp=", "the ramp does not grow: it never lets a box in");
}

static void check_ramp(struct lint *l, const struct policy_row *row)
{
	const struct policy_row *before = find_before(l, row);
	check_ramp_grows(l, row);
	if (row->num_steps && row->steps[0].permyriad > FIRST_STEP_MAX)
		lint_find_option(l, LINT_RAMP_STEEP, row->line,
			"ramp=", "the first step takes %g %% of the boxes at once", row->steps[0].permyriad / 100.0);
	if (row->num_steps && full_after(row) < FULL_AFTER_AT_LEAST_S)
		lint_find_option(l, LINT_RAMP_STEEP, row->line, "ramp=", "all boxes within %g days",
			(double)full_after(row) / DAY_S);
	if (row->num_steps == 0 && l->context->previous && before == NULL && is_for_production(row))
		lint_find(l, LINT_RAMP_STEEP, row->line, WORD_CURRENT,
			"current %" PRIu32 " is new and has no ramp: all boxes at once", row->numbers.current);
	if (before && before->num_steps && row->num_steps)
		check_ramp_lowered(l, row, before);
}

/* A gated row of the last signed map that has gone while its boxes run what it led to: neither ended nor taken back. */
static void check_dropped(struct lint *l, const struct policy_row *before)
{
	uint32_t version = before->numbers.current,
		 share = policy_row_share(l->context->previous, before, l->map->issued_s);
	size_t count;
	const struct policy_row *const *rows = policy_map_rows(l->map, before->class_name, before->category, &count);
	for (size_t i = 0; i < count; i++) {
		if (rows[i]->numbers.current >= version || rows[i]->numbers.maximum < version)
			return;
	}
	if (count && share && !before->hold)
		lint_find(l, LINT_RAMP_LOWERED, rows[count - 1]->line, WORD_CURRENT,
			"%g %% of the boxes had %" PRIu32 " by the last signed map, and no row leads to it any more",
			share / 100.0, version);
}

void lint_rollout(struct lint *l)
{
	const struct policy_map *m = l->map, *previous = l->context->previous;
	for (size_t i = 0; i < m->num_rows; i++) {
		const struct policy_row *row = &m->rows[i];
		uint64_t boxes = l->context->boxes_above ? l->context->boxes_above(l->context->user, row->class_name,
								   row->numbers.maximum)
							 : 0;
		check_ramp(l, row);
		if (boxes)
			lint_find(l, LINT_MAXIMUM_LOWERED, row->line, WORD_MAXIMUM,
				"%" PRIu64 " boxes run a version above maximum %" PRIu32, boxes, row->numbers.maximum);
	}
	for (size_t i = 0; previous && i < previous->num_rows; i++) {
		if (policy_row_is_gated(&previous->rows[i]))
			check_dropped(l, &previous->rows[i]);
	}
	if (previous && policy_map_compare(m, previous) <= 0)
		lint_find(l, LINT_SERIAL, lint_header_line(l, "serial"), 1,
			"epoch %" PRIu32 " serial %" PRIu64 " is not above epoch %" PRIu32 " serial %" PRIu64
			", which was signed last",
			m->epoch, m->serial, previous->epoch, previous->serial);
	if (m->expires_s && l->context->now_s && m->expires_s < l->context->now_s + EXPIRES_SOON_S)
		lint_find(l, LINT_EXPIRES_SOON, lint_header_line(l, "expires"), 1, "the map expires within two weeks");
}
