/* Boxes for which two maps decide differently. */
#include "policy-map/fleet/what_if.h"

#include "common/memory.h"
#include "policy-map/fleet/fleet_policy.h"
#include "policy-map/fleet/index_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct diffing {
	const struct policy_map *maps[2];
	uint64_t gate_time_s;
	struct what_if_diff *out;
	struct index_table index;
};

/* What a flip is told apart by. Overrides of a class are one rule. */
static struct what_if_flip kind_of(const struct fleet_box *b, const struct policy_decision d[2])
{
	struct what_if_flip f = {.old_verdict = d[0].verdict,
		.new_verdict = d[1].verdict,
		.old_reason = d[0].reason,
		.new_reason = d[1].reason,
		.old_target = d[0].target,
		.new_target = d[1].target,
		.old_line = d[0].is_override ? 0 : d[0].line,
		.new_line = d[1].is_override ? 0 : d[1].line,
		.old_override = d[0].is_override,
		.new_override = d[1].is_override};
	snprintf(f.class_name, sizeof f.class_name, "%s", b->class_name);
	return f;
}

struct wanted_kind {
	const struct what_if_diff *list;
	const struct what_if_flip *kind;
};

static bool is_same_kind(const void *user, uint32_t place)
{
	const struct wanted_kind *w = user;
	const struct what_if_flip *a = &w->list->kinds[place - 1], *b = w->kind;
	return a->old_line == b->old_line && a->new_line == b->new_line && a->old_target == b->old_target &&
	       a->new_target == b->new_target && a->old_verdict == b->old_verdict && a->new_verdict == b->new_verdict &&
	       a->old_reason == b->old_reason && a->new_reason == b->new_reason && a->old_override == b->old_override &&
	       a->new_override == b->new_override && strcmp(a->class_name, b->class_name) == 0;
}

static uint64_t hash_kind(const struct what_if_flip *f)
{
	const uint32_t numbers[] = {f->old_line, f->new_line, f->old_target, f->new_target, f->old_verdict,
		f->new_verdict, f->old_reason, f->new_reason};
	uint64_t hash = index_table_hash(INDEX_TABLE_SEED, numbers, sizeof numbers);
	return index_table_hash(hash, f->class_name, strlen(f->class_name));
}

static int find_kind(struct diffing *x, const struct what_if_flip *wanted, struct what_if_flip **kind)
{
	struct what_if_diff *out = x->out;
	const struct wanted_kind w = {out, wanted};
	uint32_t place;
	int result = memory_grow(
		NULL, (void **)&out->kinds, &out->cap_kinds, out->num_kinds, sizeof *out->kinds, WHAT_IF_MAX_FLIPS);
	if (result == 0)
		result = index_table_find(
			&x->index, hash_kind(wanted), (uint32_t)out->num_kinds, is_same_kind, &w, &place);
	if (result)
		return result;
	if (place == 0) {
		out->kinds[out->num_kinds] = *wanted;
		place = (uint32_t)++out->num_kinds;
	}
	*kind = &out->kinds[place - 1];
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
	const struct policy_box box = fleet_policy_box(b);
	struct policy_decision d[2];
	struct what_if_flip *kind, wanted;
	int result;
	x->out->boxes++;
	for (unsigned i = 0; i < 2; i++)
		policy_decide(x->maps[i], &box, x->gate_time_s, &d[i]);
	if (!is_flip(d))
		return 0;
	x->out->flips++;
	wanted = kind_of(b, d);
	result = find_kind(x, &wanted, &kind);
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
	struct diffing x = {.maps = {old_map, new_map}, .gate_time_s = gate_time_s, .out = out};
	int result;
	memset(out, 0, sizeof *out);
	result = fleet_db_each(db, diff_box, &x);
	index_table_deinit(&x.index);
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
