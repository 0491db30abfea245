#include "policy-map/fleet/what_if.h"

#include "common/carousel_error.h"
#include "common/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_S 86400u

static struct policy_box box_of(const struct fleet_box *b)
{
	return (struct policy_box){
		.id = b->id, .class_name = b->class_name, .category = b->category, .version = b->version};
}

/* ---- flips ---- */

struct diffing {
	const struct policy_map *maps[2];
	uint64_t gate_time_s;
	struct what_if_diff *out;
};

static bool is_same_kind(const struct what_if_flip *f, const struct fleet_box *b, const struct policy_decision d[2])
{
	return f->old_line == d[0].line && f->new_line == d[1].line && f->old_target == d[0].target &&
	       f->new_target == d[1].target && f->old_verdict == d[0].verdict && f->new_verdict == d[1].verdict &&
	       f->old_reason == d[0].reason && f->new_reason == d[1].reason &&
	       strcmp(f->class_name, b->class_name) == 0;
}

static int find_kind(struct what_if_diff *out, const struct fleet_box *b, const struct policy_decision d[2],
	struct what_if_flip **kind)
{
	struct what_if_flip *f;
	int result;
	for (size_t i = 0; i < out->num_kinds; i++) {
		*kind = &out->kinds[i];
		if (is_same_kind(*kind, b, d))
			return 0;
	}
	result = memory_grow(
		NULL, (void **)&out->kinds, &out->cap_kinds, out->num_kinds, sizeof *out->kinds, WHAT_IF_MAX_FLIPS);
	if (result)
		return result;
	f = *kind = &out->kinds[out->num_kinds++];
	memset(f, 0, sizeof *f);
	snprintf(f->class_name, sizeof f->class_name, "%s", b->class_name);
	f->old_verdict = d[0].verdict;
	f->new_verdict = d[1].verdict;
	f->old_reason = d[0].reason;
	f->new_reason = d[1].reason;
	f->old_target = d[0].target;
	f->new_target = d[1].target;
	f->old_line = d[0].line;
	f->new_line = d[1].line;
	return 0;
}

/* What a box would do; a reinstallation or an installation on request is no doing. */
static bool is_flip(const struct policy_decision d[2])
{
	return d[0].verdict != d[1].verdict || (d[0].verdict != POLICY_NONE && d[0].target != d[1].target);
}

static int diff_box(void *user, const struct fleet_box *b)
{
	struct diffing *x = user;
	const struct policy_box box = box_of(b);
	struct policy_decision d[2];
	struct what_if_flip *kind;
	int result;
	x->out->boxes++;
	for (unsigned i = 0; i < 2; i++)
		policy_decide(x->maps[i], &box, x->gate_time_s, &d[i]);
	if (!is_flip(d))
		return 0;
	x->out->flips++;
	result = find_kind(x->out, b, d, &kind);
	if (result)
		return result;
	if (kind->boxes < WHAT_IF_EXAMPLES)
		snprintf(kind->examples[kind->boxes], sizeof kind->examples[0], "%s", b->id);
	kind->boxes++;
	return 0;
}

static int compare_kinds(const void *a, const void *b)
{
	const struct what_if_flip *x = a, *y = b;
	return x->boxes > y->boxes ? -1 : x->boxes < y->boxes;
}

int what_if_diff(struct fleet_db *db, const struct policy_map *old_map, const struct policy_map *new_map,
	uint64_t gate_time_s, struct what_if_diff *out)
{
	struct diffing x = {{old_map, new_map}, gate_time_s, out};
	int result;
	memset(out, 0, sizeof *out);
	result = fleet_db_each(db, diff_box, &x);
	if (result)
		what_if_diff_deinit(out);
	else if (out->num_kinds)
		qsort(out->kinds, out->num_kinds, sizeof *out->kinds, compare_kinds);
	return result;
}

void what_if_diff_deinit(struct what_if_diff *d)
{
	memory_free(NULL, d->kinds);
	memset(d, 0, sizeof *d);
}

/* ---- a roll-out ---- */

struct playing {
	const struct policy_map *map;
	uint32_t accept_permyriad;
	unsigned change_days[WHAT_IF_MAX_DAYS + 1]; /* days on which a gate may change */
	unsigned num_changes;
	struct what_if_rollout *out;
};

/* The first day whose gate time is not before a moment. */
static void mark_day(bool *marks, unsigned days, const struct policy_map *map, uint64_t moment)
{
	uint64_t day = moment <= map->issued_s ? 0 : (moment - map->issued_s + DAY_S - 1) / DAY_S;
	if (day < days)
		marks[day] = true;
}

/* Decisions can only differ from those of the day before where a gate moves. */
static void find_change_days(struct playing *p)
{
	bool marks[WHAT_IF_MAX_DAYS] = {true};
	unsigned days = p->out->num_days;
	for (size_t i = 0; i < p->map->num_rows; i++) {
		const struct policy_row *r = &p->map->rows[i];
		uint64_t start = r->from_s ? r->from_s : p->map->issued_s;
		mark_day(marks, days, p->map, start);
		if (r->until_s)
			mark_day(marks, days, p->map, r->until_s);
		for (unsigned k = 0; k < r->num_steps; k++) {
			if (r->steps[k].after_s < UINT64_MAX - start)
				mark_day(marks, days, p->map, start + r->steps[k].after_s);
		}
	}
	for (unsigned day = 0; day < days; day++) {
		if (marks[day])
			p->change_days[p->num_changes++] = day;
	}
}

static int find_share(
	struct what_if_rollout *out, const char *class_name, uint32_t version, struct what_if_share **share)
{
	int result;
	for (size_t i = 0; i < out->num_shares; i++) {
		*share = &out->shares[i];
		if ((*share)->version == version && strcmp((*share)->class_name, class_name) == 0)
			return 0;
	}
	result = memory_grow(NULL, (void **)&out->shares, &out->cap_shares, out->num_shares, sizeof *out->shares,
		WHAT_IF_MAX_SHARES);
	if (result)
		return result;
	*share = &out->shares[out->num_shares];
	snprintf((*share)->class_name, sizeof(*share)->class_name, "%s", class_name);
	(*share)->version = version;
	(*share)->boxes = memory_alloc(NULL, out->num_days + 1, sizeof *(*share)->boxes);
	if ((*share)->boxes == NULL)
		return CAROUSEL_E_MEMORY;
	out->num_shares++;
	return 0;
}

/* Counts a box in a version from one day to before another. Held as differences until all boxes are in. */
static int count_days(struct what_if_rollout *out, const char *class_name, uint32_t version, unsigned from, unsigned to)
{
	struct what_if_share *share;
	int result = find_share(out, class_name, version, &share);
	if (result)
		return result;
	share->boxes[from]++;
	share->boxes[to]--;
	return 0;
}

static bool changes(const struct playing *p, const struct policy_decision *d, const char *id)
{
	if (d->verdict == POLICY_OFFER)
		return policy_lot("accept", id) < p->accept_permyriad;
	return d->verdict != POLICY_NONE;
}

static int play_box(void *user, const struct fleet_box *b)
{
	struct playing *p = user;
	struct policy_box box = box_of(b);
	unsigned since = 0;
	p->out->boxes++;
	for (unsigned i = 0; i < p->num_changes; i++) {
		unsigned day = p->change_days[i];
		struct policy_decision d;
		int result;
		policy_decide(p->map, &box, p->map->issued_s + (uint64_t)day * DAY_S, &d);
		if (!changes(p, &d, b->id))
			continue;
		result = count_days(p->out, b->class_name, box.version, since, day);
		if (result)
			return result;
		box.version = d.target;
		since = day;
	}
	return count_days(p->out, b->class_name, box.version, since, p->out->num_days);
}

static int compare_shares(const void *a, const void *b)
{
	const struct what_if_share *x = a, *y = b;
	int order = strcmp(x->class_name, y->class_name);
	return order ? order : x->version < y->version ? -1 : x->version > y->version;
}

int what_if_rollout(struct fleet_db *db, const struct policy_map *map, unsigned days, uint32_t accept_permyriad,
	struct what_if_rollout *out)
{
	struct playing *p;
	int result;
	memset(out, 0, sizeof *out);
	if (days == 0 || days > WHAT_IF_MAX_DAYS)
		return CAROUSEL_E_ARGUMENT;
	p = memory_alloc(NULL, 1, sizeof *p);
	if (p == NULL)
		return CAROUSEL_E_MEMORY;
	out->num_days = days;
	*p = (struct playing){.map = map, .accept_permyriad = accept_permyriad, .out = out};
	find_change_days(p);
	result = fleet_db_each(db, play_box, p);
	memory_free(NULL, p);
	if (result) {
		what_if_rollout_deinit(out);
		return result;
	}
	for (size_t i = 0; i < out->num_shares; i++) {
		for (unsigned day = 1; day < days; day++)
			out->shares[i].boxes[day] += out->shares[i].boxes[day - 1];
	}
	if (out->num_shares)
		qsort(out->shares, out->num_shares, sizeof *out->shares, compare_shares);
	return 0;
}

void what_if_rollout_deinit(struct what_if_rollout *r)
{
	for (size_t i = 0; i < r->num_shares; i++)
		memory_free(NULL, r->shares[i].boxes);
	memory_free(NULL, r->shares);
	memset(r, 0, sizeof *r);
}
