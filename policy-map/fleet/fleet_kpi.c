#include "policy-map/fleet/fleet_kpi.h"

#include "common/carousel_error.h"
#include "common/memory.h"
#include "policy-map/fleet/fleet_policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ISSUED_SLOTS 1024u

/* When a version of a class was first issued: asked once for each. */
struct issued {
	uint32_t class_number, version;
	uint64_t at_s;
};

struct counting {
	struct fleet_db *db;
	const struct policy_map *map;
	const struct fleet_kpi_options *options;
	struct fleet_kpi *out;
	struct issued issued[ISSUED_SLOTS];
	uint32_t class_at[FLEET_MAX_NAMES + 1]; /* class number to place in the list, from 1; 0: not there yet */
};

static uint64_t issued_at(struct counting *c, const struct fleet_box *b, uint32_t version)
{
	struct issued *slot = &c->issued[(b->class_number * 31 + version) % ISSUED_SLOTS];
	if (slot->class_number != b->class_number || slot->version != version) {
		uint64_t at = version ? fleet_db_first_issued(c->db, b->class_name, version) : 0;
		*slot = (struct issued){b->class_number, version, at ? at : c->map->issued_s};
	}
	return slot->at_s;
}

static int find_class(struct counting *c, const struct fleet_box *b, struct fleet_kpi_class **class)
{
	struct fleet_kpi *out = c->out;
	uint32_t at = c->class_at[b->class_number];
	int result;
	if (at == 0) {
		result = memory_grow(NULL, (void **)&out->classes, &out->cap_classes, out->num_classes,
			sizeof *out->classes, FLEET_MAX_NAMES);
		if (result)
			return result;
		at = c->class_at[b->class_number] = (uint32_t)++out->num_classes;
		memset(&out->classes[at - 1], 0, sizeof *out->classes);
		snprintf(out->classes[at - 1].class_name, sizeof out->classes->class_name, "%s", b->class_name);
	}
	*class = &out->classes[at - 1];
	return 0;
}

static int count_box(void *user, const struct fleet_box *b)
{
	struct counting *c = user;
	const struct policy_box box = fleet_policy_box(b);
	struct fleet_kpi_class *k;
	struct policy_decision d;
	bool has_numbers, is_current;
	uint64_t since;
	int result = find_class(c, b, &k);
	if (result)
		return result;
	policy_decide(c->map, &box, c->options->now_s, &d);
	/* A hold stops a box; what it runs is as old as it was. */
	has_numbers = d.numbers.current && d.rule != POLICY_REASON_SPECIAL_BUILD;
	since = c->options->since_s ? c->options->since_s : issued_at(c, b, d.numbers.current);
	k->boxes++;
	k->heard += b->seen_s && b->seen_s >= since;
	is_current = has_numbers && b->version == d.numbers.current;
	k->current += is_current;
	k->below_minimum += has_numbers && b->version < d.numbers.minimum;
	k->above_maximum += has_numbers && b->version > d.numbers.maximum;
	k->no_row += d.rule == POLICY_REASON_NO_ROW;
	k->on_hold += d.rule == POLICY_REASON_HOLD;
	k->failed += b->failed_s && b->failed_s >= since;
	k->never_heard += b->seen_s == 0;
	k->silent += b->seen_s && b->seen_s + c->options->silent_s < c->options->now_s;
	/* A box that was never seen with another version may have left the factory with this one. */
	if (is_current && b->changes && b->since_s >= since) {
		k->patched++;
		k->patch_s += b->since_s - since;
	}
	return 0;
}

static int compare_classes(const void *a, const void *b)
{
	const struct fleet_kpi_class *x = a, *y = b;
	return strcmp(x->class_name, y->class_name);
}

static void add(struct fleet_kpi_class *sum, const struct fleet_kpi_class *k)
{
	sum->boxes += k->boxes;
	sum->heard += k->heard;
	sum->current += k->current;
	sum->below_minimum += k->below_minimum;
	sum->above_maximum += k->above_maximum;
	sum->no_row += k->no_row;
	sum->on_hold += k->on_hold;
	sum->failed += k->failed;
	sum->patched += k->patched;
	sum->patch_s += k->patch_s;
	sum->silent += k->silent;
	sum->never_heard += k->never_heard;
}

int fleet_kpi(struct fleet_db *db, const struct policy_map *map, const struct fleet_kpi_options *options,
	struct fleet_kpi *out)
{
	struct counting *c = memory_alloc(NULL, 1, sizeof *c);
	int result = c ? 0 : CAROUSEL_E_MEMORY;
	memset(out, 0, sizeof *out);
	if (c) {
		c->db = db;
		c->map = map;
		c->options = options;
		c->out = out;
		result = fleet_db_each(db, count_box, c);
		memory_free(NULL, c);
	}
	if (result) {
		fleet_kpi_deinit(out);
		return result;
	}
	for (size_t i = 0; i < out->num_classes; i++)
		add(&out->all, &out->classes[i]);
	if (out->num_classes)
		qsort(out->classes, out->num_classes, sizeof *out->classes, compare_classes);
	return 0;
}

void fleet_kpi_deinit(struct fleet_kpi *k)
{
	memory_free(NULL, k->classes);
	memset(k, 0, sizeof *k);
}
