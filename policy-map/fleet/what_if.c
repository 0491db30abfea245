/* A roll-out played day by day. */
#include "policy-map/fleet/what_if.h"

#include "common/carousel_error.h"
#include "common/memory.h"
#include "policy-map/fleet/fleet_policy.h"
#include "policy-map/fleet/index_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_S 86400u

/* Days on which a gate of a class may change. */
struct change_days {
	unsigned count;
	uint16_t days[WHAT_IF_MAX_DAYS];
};

struct playing {
	const struct policy_map *map;
	uint32_t accept_permyriad;
	struct what_if_rollout *out;
	struct index_table index;
	struct change_days *classes[FLEET_MAX_NAMES + 1]; /* by class number; NULL: not looked at yet; owned */
};

/* The first day whose gate time is not before a moment. */
static void mark_day(bool *marks, unsigned days, const struct policy_map *map, uint64_t moment)
{
	uint64_t day = moment <= map->issued_s ? 0 : (moment - map->issued_s + DAY_S - 1) / DAY_S;
	if (day < days)
		marks[day] = true;
}

/* Decisions can only differ from those of the day before where a gate of the class moves. */
static void find_change_days(const struct playing *p, const char *class_name, struct change_days *out)
{
	bool marks[WHAT_IF_MAX_DAYS] = {true};
	unsigned days = p->out->num_days;
	for (size_t i = 0; i < p->map->num_rows; i++) {
		const struct policy_row *r = &p->map->rows[i];
		uint64_t start = r->from_s ? r->from_s : p->map->issued_s;
		if (strcmp(r->class_name, class_name) != 0)
			continue;
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
			out->days[out->count++] = (uint16_t)day;
	}
}

static const struct change_days *days_of(struct playing *p, const struct fleet_box *b)
{
	struct change_days *days = p->classes[b->class_number];
	if (days == NULL) {
		days = p->classes[b->class_number] = memory_alloc(NULL, 1, sizeof *days);
		if (days)
			find_change_days(p, b->class_name, days);
	}
	return days;
}

struct wanted_share {
	const struct what_if_rollout *list;
	const char *class_name;
	uint32_t version;
};

static bool is_same_share(const void *user, uint32_t place)
{
	const struct wanted_share *w = user;
	const struct what_if_share *s = &w->list->shares[place - 1];
	return s->version == w->version && strcmp(s->class_name, w->class_name) == 0;
}

static int add_share(struct what_if_rollout *out, const struct wanted_share *w)
{
	struct what_if_share *share = &out->shares[out->num_shares];
	if (out->num_shares >= WHAT_IF_MAX_CELLS / (out->num_days + 1))
		return CAROUSEL_E_LIMIT;
	snprintf(share->class_name, sizeof share->class_name, "%s", w->class_name);
	share->version = w->version;
	share->boxes = memory_alloc(NULL, out->num_days + 1, sizeof *share->boxes);
	if (share->boxes == NULL)
		return CAROUSEL_E_MEMORY;
	out->num_shares++;
	return 0;
}

static int find_share(struct playing *p, const char *class_name, uint32_t version, struct what_if_share **share)
{
	struct what_if_rollout *out = p->out;
	const struct wanted_share w = {out, class_name, version};
	uint64_t hash = index_table_hash(INDEX_TABLE_SEED + version, class_name, strlen(class_name));
	uint32_t place;
	int result = memory_grow(
		NULL, (void **)&out->shares, &out->cap_shares, out->num_shares, sizeof *out->shares, WHAT_IF_MAX_CELLS);
	if (result == 0)
		result = index_table_find(&p->index, hash, (uint32_t)out->num_shares, is_same_share, &w, &place);
	if (result == 0 && place == 0) {
		result = add_share(out, &w);
		place = (uint32_t)out->num_shares;
	}
	*share = result ? NULL : &out->shares[place - 1];
	return result;
}

/* Counts a box in a version from one day to before another. Held as differences until all boxes are in. */
static int count_days(struct playing *p, const char *class_name, uint32_t version, unsigned from, unsigned to)
{
	struct what_if_share *share;
	int result = find_share(p, class_name, version, &share);
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
	struct policy_box box = fleet_policy_box(b);
	const struct change_days *changes_on = days_of(p, b);
	unsigned since = 0;
	if (changes_on == NULL)
		return CAROUSEL_E_MEMORY;
	p->out->boxes++;
	for (unsigned i = 0; i < changes_on->count; i++) {
		unsigned day = changes_on->days[i];
		struct policy_decision d;
		int result;
		policy_decide(p->map, &box, p->map->issued_s + (uint64_t)day * DAY_S, &d);
		if (!changes(p, &d, b->id))
			continue;
		result = count_days(p, b->class_name, box.version, since, day);
		if (result)
			return result;
		box.version = d.target;
		since = day;
	}
	return count_days(p, b->class_name, box.version, since, p->out->num_days);
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
	p->map = map;
	p->accept_permyriad = accept_permyriad;
	p->out = out;
	result = fleet_db_each(db, play_box, p);
	for (size_t i = 0; i <= FLEET_MAX_NAMES; i++)
		memory_free(NULL, p->classes[i]);
	index_table_deinit(&p->index);
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
