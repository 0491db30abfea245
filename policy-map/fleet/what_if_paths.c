/* The changes of version that a map may make boxes do: what has to be tested before it is signed. */
#include "policy-map/fleet/what_if.h"

#include "common/carousel_error.h"
#include "common/memory.h"
#include "policy-map/fleet/index_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct listing {
	const struct policy_map *map;
	struct what_if_paths *out;
	struct index_table index;
};

const char *what_if_action_name(enum what_if_action action)
{
	static const char *const names[WHAT_IF_NUM_ACTIONS] = {
#define WHAT_IF_ACTION_NAME(symbol, name) [WHAT_IF_##symbol] = (name),
		WHAT_IF_ACTION_LIST(WHAT_IF_ACTION_NAME)};
	return (unsigned)action < WHAT_IF_NUM_ACTIONS ? names[action] : "unknown";
}

static enum what_if_action action_of(uint32_t v, const struct policy_numbers *n)
{
	if (v == POLICY_VERSION_NONE || v == POLICY_VERSION_SPECIAL)
		return WHAT_IF_ON_REQUEST;
	if (v < n->minimum)
		return WHAT_IF_MANDATORY;
	if (v < n->acceptable)
		return WHAT_IF_OFFER;
	if (v < n->current)
		return WHAT_IF_ON_REQUEST;
	return v > n->maximum ? WHAT_IF_RECALL : WHAT_IF_NOTHING;
}

/* ---- the list ---- */

struct wanted_path {
	const struct what_if_paths *list;
	const struct what_if_path *path;
};

static bool is_same_path(const void *user, uint32_t place)
{
	const struct wanted_path *w = user;
	const struct what_if_path *a = &w->list->paths[place - 1], *b = w->path;
	return a->from == b->from && a->to == b->to && a->line == b->line && a->is_override == b->is_override &&
	       a->action == b->action && strcmp(a->class_name, b->class_name) == 0 &&
	       strcmp(a->category, b->category) == 0;
}

static uint64_t hash_path(const struct what_if_path *p)
{
	const uint32_t numbers[] = {p->line, p->from, p->to, p->action};
	uint64_t hash = index_table_hash(INDEX_TABLE_SEED, numbers, sizeof numbers);
	hash = index_table_hash(hash, p->class_name, strlen(p->class_name));
	return index_table_hash(hash, p->category, strlen(p->category));
}

/* Enters a path that is new, and counts boxes into it. */
static int count_path(struct listing *l, struct what_if_path *path, const struct policy_numbers *n, uint64_t boxes)
{
	struct what_if_paths *out = l->out;
	const struct wanted_path w = {out, path};
	uint32_t place;
	int result;
	path->to = n->current;
	path->action = action_of(path->from, n);
	if (path->action == WHAT_IF_NOTHING)
		return 0;
	result = memory_grow(
		NULL, (void **)&out->paths, &out->cap_paths, out->num_paths, sizeof *out->paths, WHAT_IF_MAX_PATHS);
	if (result == 0)
		result = index_table_find(
			&l->index, hash_path(path), (uint32_t)out->num_paths, is_same_path, &w, &place);
	if (result)
		return result;
	if (place == 0) {
		out->paths[out->num_paths] = *path;
		place = (uint32_t)++out->num_paths;
	}
	out->paths[place - 1].boxes += boxes;
	return 0;
}

static int count_row(struct listing *l, const struct policy_row *row, uint32_t from, uint64_t boxes)
{
	struct what_if_path path = {.from = from, .line = row->line};
	if (row->hold)
		return 0;
	snprintf(path.class_name, sizeof path.class_name, "%s", row->class_name);
	snprintf(path.category, sizeof path.category, "%s", row->category);
	return count_path(l, &path, &row->numbers, boxes);
}

/* ---- a box ---- */

struct span {
	const struct policy_row *row;
	uint64_t from_s, until_s;
};

static int add_spans(
	struct listing *l, const struct fleet_box *b, const char *category, struct span *spans, size_t *count)
{
	size_t rows;
	const struct policy_row *const *list = policy_map_rows(l->map, b->class_name, category, &rows);
	if (rows > WHAT_IF_MAX_ROWS)
		return CAROUSEL_E_LIMIT;
	for (size_t i = 0; i < rows; i++) {
		struct span *s = &spans[*count];
		s->row = list[i];
		*count += policy_row_span(l->map, list[i], b->id, &s->from_s, &s->until_s);
	}
	return 0;
}

/* Is there a moment at which this row admits the box and none before it does? */
static bool is_reached(const struct span *spans, size_t at)
{
	uint64_t moment = spans[at].from_s;
	for (size_t i = 0; i < at;) {
		if (moment >= spans[i].from_s && moment < spans[i].until_s) {
			moment = spans[i].until_s;
			i = 0;
		} else {
			i++;
		}
		if (moment >= spans[at].until_s)
			return false;
	}
	return true;
}

static int count_override(
	struct listing *l, const struct fleet_box *b, const char *category, const struct policy_override *o)
{
	struct what_if_path path = {.from = b->version, .is_override = true};
	if (o->never)
		return 0;
	snprintf(path.class_name, sizeof path.class_name, "%s", b->class_name);
	snprintf(path.category, sizeof path.category, "%s", category);
	return count_path(l, &path, &o->numbers, 1);
}

static int take_box(void *user, const struct fleet_box *b)
{
	struct listing *l = user;
	struct span spans[2 * WHAT_IF_MAX_ROWS];
	const struct policy_member *member = policy_map_member(l->map, b->id);
	const char *category = member ? member->category : b->category;
	const struct policy_override *o = policy_map_override(l->map, b->id, b->class_name);
	size_t count = 0;
	int result;
	if (o)
		return count_override(l, b, category, o);
	result = add_spans(l, b, category, spans, &count);
	if (result == 0)
		result = add_spans(l, b, "*", spans, &count);
	for (size_t i = 0; i < count && result == 0; i++) {
		if (is_reached(spans, i))
			result = count_row(l, spans[i].row, b->version, 1);
	}
	return result;
}

/* ---- images ---- */

static int take_images(struct listing *l, const struct policy_map *images)
{
	for (size_t r = 0; r < l->map->num_rows; r++) {
		const struct policy_row *row = l->map->rows_by_name[r];
		for (size_t i = 0; i < images->num_images; i++) {
			int result = strcmp(images->images[i].class_name, row->class_name) == 0
					     ? count_row(l, row, images->images[i].version, 0)
					     : 0;
			if (result)
				return result;
		}
	}
	return 0;
}

static int compare_paths(const void *a, const void *b)
{
	const struct what_if_path *x = a, *y = b;
	int order = strcmp(x->class_name, y->class_name);
	if (order == 0)
		order = strcmp(x->category, y->category);
	if (order == 0)
		order = (x->line > y->line) - (x->line < y->line);
	if (order == 0)
		order = (x->to > y->to) - (x->to < y->to);
	return order ? order : (x->from > y->from) - (x->from < y->from);
}

int what_if_paths(struct fleet_db *db, const struct policy_map *old_map, const struct policy_map *new_map,
	struct what_if_paths *out)
{
	struct listing l = {.map = new_map, .out = out};
	int result;
	memset(out, 0, sizeof *out);
	result = take_images(&l, new_map);
	if (result == 0)
		result = take_images(&l, old_map);
	if (result == 0 && db)
		result = fleet_db_each(db, take_box, &l);
	index_table_deinit(&l.index);
	if (result)
		what_if_paths_deinit(out);
	else if (out->num_paths)
		qsort(out->paths, out->num_paths, sizeof *out->paths, compare_paths);
	return result;
}

void what_if_paths_deinit(struct what_if_paths *p)
{
	memory_free(NULL, p->paths);
	memset(p, 0, sizeof *p);
}
