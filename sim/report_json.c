#include "sim/report.h"

#include "common/carousel_error.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- writing ------------------------------------------------------------------------------------ */

static const double report_quantiles[] = {0.5, 0.9, 0.99, 0.999, 1};

static json_t *report_times_json(const struct report *r, const struct report_curve *curve)
{
	json_t *times = json_object();
	for (size_t i = 0; i < sizeof report_quantiles / sizeof report_quantiles[0]; i++) {
		const uint64_t at =
			report_time_of(r, r->groups[curve->group].name, curve->version, report_quantiles[i]);
		char name[16];
		snprintf(name, sizeof name, "%g%%", report_quantiles[i] * 100);
		json_object_set_new(times, name, at == UINT64_MAX ? json_null() : json_real((double)at / 1e9));
	}
	return times;
}

/* [[bin, change], ...] without those where nothing changes. */
static json_t *report_changes_json(const struct report_curve *curve)
{
	json_t *changes = json_array();
	for (unsigned i = 0; i <= REPORT_BINS; i++)
		if (curve->change[i])
			json_array_append_new(changes, json_pack("[i,I]", (int)i, (json_int_t)curve->change[i]));
	return changes;
}

static json_t *report_counts_json(const uint64_t *counts, size_t count)
{
	json_t *array = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(array, json_integer((json_int_t)counts[i]));
	return array;
}

static json_t *report_expects_json(const struct report *r, const struct scenario *scenario)
{
	json_t *array = json_array();
	for (size_t i = 0; i < scenario->num_expects; i++) {
		const struct scenario_expect *e = &scenario->expects[i];
		double share;
		const bool meets = report_meets(r, e, &share);
		json_array_append_new(
			array, json_pack("{s:s,s:s?,s:I,s:f,s:f,s:f,s:f,s:b}", "name", e->name, "group", e->group,
				       "version", (json_int_t)e->version, "at_s", (double)e->at_ns / 1e9, "at_least",
				       e->min_share, "at_most", e->max_share, "share", share, "met", meets));
	}
	return array;
}

static const struct {
	const char *name;
	size_t offset;
} report_counters[] = {
	{"downloads", offsetof(struct report, downloads)},
	{"installs", offsetof(struct report, installs)},
	{"fallbacks", offsetof(struct report, fallbacks)},
	{"declined", offsetof(struct report, declined)},
	{"kills", offsetof(struct report, kills)},
	{"waiting", offsetof(struct report, waiting)},
	{"packets_sent", offsetof(struct report, packets_sent)},
	{"packets_received", offsetof(struct report, packets_received)},
	{"packets_lost", offsetof(struct report, packets_lost)},
};
#define REPORT_MAX_COUNT    ((uint64_t)1 << 53)
#define REPORT_NUM_COUNTERS (sizeof report_counters / sizeof report_counters[0])

static uint64_t *report_counter(const struct report *r, size_t i)
{
	return (uint64_t *)(uintptr_t)((const char *)r + report_counters[i].offset);
}

/* The shards that are in here; none for the whole. */
static json_t *report_parts_json(const struct report *r)
{
	json_t *parts = json_array();
	for (uint32_t i = 0; r->parts && i < r->shards; i++)
		if (report_has_shard(r, i))
			json_array_append_new(parts, json_integer((json_int_t)i));
	return parts;
}

json_t *report_json(const struct report *r, const struct scenario *scenario)
{
	json_t *root = json_pack("{s:s,s:s,s:s,s:I,s:f,s:I,s:I,s:I}", "format", REPORT_VERSION_FORMAT, "mode", r->mode,
		"title", r->title, "seed", (json_int_t)r->seed, "duration_s", (double)r->duration_ns / 1e9, "bins",
		(json_int_t)REPORT_BINS, "shards", (json_int_t)r->shards, "shards_done", (json_int_t)r->shards_done);
	json_t *groups = json_array(), *curves = json_array(), *reasons = json_object(), *counters = json_object();
	json_t *stuck = json_object();
	for (size_t i = 0; i < r->num_groups; i++)
		json_array_append_new(groups,
			json_pack("{s:s,s:I}", "name", r->groups[i].name, "boxes", (json_int_t)r->groups[i].boxes));
	for (size_t i = 0; i < r->num_curves; i++)
		json_array_append_new(curves,
			json_pack("{s:s,s:I,s:o,s:o}", "group", r->groups[r->curves[i]->group].name, "version",
				(json_int_t)r->curves[i]->version, "times_s", report_times_json(r, r->curves[i]),
				"changes", report_changes_json(r->curves[i])));
	for (unsigned i = 1; i < REPORT_NUM_REASONS; i++)
		if (r->reasons[i])
			json_object_set_new(reasons, policy_reason_name((enum policy_reason)i),
				json_integer((json_int_t)r->reasons[i]));
	for (size_t i = 0; i < REPORT_NUM_COUNTERS; i++)
		json_object_set_new(counters, report_counters[i].name, json_integer((json_int_t)*report_counter(r, i)));
	for (unsigned i = 0; i < REPORT_NUM_STUCK; i++)
		if (r->stuck[i])
			json_object_set_new(
				stuck, report_stuck_name((enum report_stuck)i), json_integer((json_int_t)r->stuck[i]));
	if (r->ended_ns)
		json_object_set_new(root, "ended_s", json_real((double)r->ended_ns / 1e9));
	json_object_set_new(root, "stuck", stuck);
	json_object_set_new(root, "parts", report_parts_json(r));
	json_object_set_new(root, "groups", groups);
	json_object_set_new(root, "curves", curves);
	json_object_set_new(root, "reasons", reasons);
	json_object_set_new(root, "counters", counters);
	json_object_set_new(root, "overhead_permille", report_counts_json(r->overhead, REPORT_OVERHEAD_BINS + 1));
	json_object_set_new(root, "bursts_log2", report_counts_json(r->bursts, REPORT_BURST_BINS));
	if (scenario)
		json_object_set_new(root, "expect", report_expects_json(r, scenario));
	return root;
}

/* ---- reading ------------------------------------------------------------------------------------ */

static int report_read_u64(const json_t *object, const char *name, uint64_t max, uint64_t *value)
{
	const json_t *member = json_object_get(object, name);
	if (!json_is_integer(member))
		return CAROUSEL_E_SYNTAX;
	if (json_integer_value(member) < 0 || (uint64_t)json_integer_value(member) > max)
		return CAROUSEL_E_RANGE;
	*value = (uint64_t)json_integer_value(member);
	return 0;
}

static int report_read_counts(const json_t *root, const char *name, uint64_t *counts, size_t count)
{
	const json_t *array = json_object_get(root, name);
	if (json_array_size(array) != count)
		return CAROUSEL_E_SYNTAX;
	for (size_t i = 0; i < count; i++) {
		const json_t *item = json_array_get(array, i);
		if (!json_is_integer(item))
			return CAROUSEL_E_SYNTAX;
		if (json_integer_value(item) < 0 || (uint64_t)json_integer_value(item) > REPORT_MAX_COUNT)
			return CAROUSEL_E_RANGE;
		counts[i] = (uint64_t)json_integer_value(item);
	}
	return 0;
}

static int report_read_groups(const json_t *array, struct scenario *shape)
{
	if (json_array_size(array) == 0 || json_array_size(array) > SCENARIO_MAX_GROUPS)
		return CAROUSEL_E_RANGE;
	for (; shape->num_groups < json_array_size(array); shape->num_groups++) {
		const char *name = json_string_value(json_object_get(json_array_get(array, shape->num_groups), "name"));
		if (name == NULL)
			return CAROUSEL_E_SYNTAX;
		shape->groups[shape->num_groups].name = name;
	}
	return 0;
}

static int report_read_curve(struct report *r, const json_t *object)
{
	const char *name = json_string_value(json_object_get(object, "group"));
	const json_t *changes = json_object_get(object, "changes");
	struct report_curve *curve;
	uint64_t version;
	uint32_t group = 0;
	int result = report_read_u64(object, "version", UINT32_MAX, &version);
	if (result != 0 || name == NULL || !json_is_array(changes))
		return result ? result : CAROUSEL_E_SYNTAX;
	while (group < r->num_groups && strcmp(r->groups[group].name, name) != 0)
		group++;
	if (group == r->num_groups)
		return CAROUSEL_E_RANGE;
	result = report_curve_of(r, group, (uint32_t)version, &curve);
	if (result != 0)
		return result;
	for (size_t i = 0; i < json_array_size(changes); i++) {
		const json_t *pair = json_array_get(changes, i), *bin = json_array_get(pair, 0);
		const json_t *change = json_array_get(pair, 1);
		if (!json_is_integer(bin) || !json_is_integer(change))
			return CAROUSEL_E_SYNTAX;
		if (json_integer_value(bin) < 0 || json_integer_value(bin) > REPORT_BINS)
			return CAROUSEL_E_RANGE;
		if (json_integer_value(change) < -(json_int_t)SCENARIO_MAX_BOXES ||
			json_integer_value(change) > (json_int_t)SCENARIO_MAX_BOXES)
			return CAROUSEL_E_RANGE;
		curve->change[json_integer_value(bin)] = json_integer_value(change);
	}
	return 0;
}

static int report_read_tables(struct report *r, const json_t *root)
{
	const json_t *groups = json_object_get(root, "groups"), *curves = json_object_get(root, "curves");
	const json_t *counters = json_object_get(root, "counters"), *reasons = json_object_get(root, "reasons");
	const json_t *stuck = json_object_get(root, "stuck");
	int result = json_is_array(curves) && (stuck == NULL || json_is_object(stuck)) ? 0 : CAROUSEL_E_SYNTAX;
	for (size_t i = 0; i < r->num_groups && result == 0; i++)
		result = report_read_u64(json_array_get(groups, i), "boxes", SCENARIO_MAX_BOXES, &r->groups[i].boxes);
	for (size_t i = 0; i < json_array_size(curves) && result == 0; i++)
		result = report_read_curve(r, json_array_get(curves, i));
	for (size_t i = 0; i < REPORT_NUM_COUNTERS && result == 0; i++)
		result = report_read_u64(counters, report_counters[i].name, REPORT_MAX_COUNT, report_counter(r, i));
	for (unsigned i = 0; i < REPORT_NUM_STUCK && result == 0; i++)
		if (json_object_get(stuck, report_stuck_name((enum report_stuck)i)))
			result = report_read_u64(
				stuck, report_stuck_name((enum report_stuck)i), REPORT_MAX_COUNT, &r->stuck[i]);
	if (result == 0 && json_object_get(root, "ended_s")) {
		const double ended = json_number_value(json_object_get(root, "ended_s"));
		if (!(ended > 0 && ended < 1e9))
			return CAROUSEL_E_RANGE;
		r->ended_ns = (uint64_t)llround(ended * 1e9);
	}
	for (unsigned i = 1; i < REPORT_NUM_REASONS && result == 0; i++)
		if (json_object_get(reasons, policy_reason_name((enum policy_reason)i)))
			result = report_read_u64(
				reasons, policy_reason_name((enum policy_reason)i), REPORT_MAX_COUNT, &r->reasons[i]);
	if (result == 0)
		result = report_read_counts(root, "overhead_permille", r->overhead, REPORT_OVERHEAD_BINS + 1);
	if (result == 0)
		result = report_read_counts(root, "bursts_log2", r->bursts, REPORT_BURST_BINS);
	return result;
}

/* Which shards these are: all, or those that are listed. */
static int report_read_shards(struct report *r, const json_t *root, uint32_t shards, uint32_t done)
{
	const json_t *parts = json_object_get(root, "parts");
	int result;
	if (!json_is_array(parts))
		return CAROUSEL_E_SYNTAX;
	if (shards == 1)
		return json_array_size(parts) == 0 && done == 1 ? 0 : CAROUSEL_E_RANGE;
	if (done == 0 || json_array_size(parts) != done)
		return CAROUSEL_E_RANGE;
	result = report_set_shard(r, 0, shards);
	if (result != 0)
		return result;
	memset(r->parts, 0, shards / 8 + 1);
	for (size_t i = 0; i < done; i++) {
		const json_t *part = json_array_get(parts, i);
		if (!json_is_integer(part))
			return CAROUSEL_E_SYNTAX;
		if (json_integer_value(part) < 0 || json_integer_value(part) >= (json_int_t)shards ||
			report_has_shard(r, (uint32_t)json_integer_value(part)))
			return CAROUSEL_E_RANGE;
		r->parts[json_integer_value(part) / 8] |= (uint8_t)(1u << json_integer_value(part) % 8);
	}
	r->shards_done = done;
	return 0;
}

int report_from_json(struct report **out, const struct carousel_allocator *allocator, const json_t *root)
{
	const char *format = json_string_value(json_object_get(root, "format"));
	const char *mode = json_string_value(json_object_get(root, "mode"));
	const double duration = json_number_value(json_object_get(root, "duration_s"));
	struct scenario *shape;
	struct report *r = NULL;
	uint64_t shards, done, bins;
	int result;
	*out = NULL;
	if (format == NULL || mode == NULL)
		return CAROUSEL_E_SYNTAX;
	if (strcmp(format, REPORT_VERSION_FORMAT) != 0)
		return CAROUSEL_E_UNSUPPORTED;
	shape = memory_alloc(allocator, 1, sizeof *shape);
	if (shape == NULL)
		return CAROUSEL_E_MEMORY;
	shape->title = json_string_value(json_object_get(root, "title"));
	result = shape->title ? report_read_u64(root, "seed", INT64_MAX, &shape->seed) : CAROUSEL_E_SYNTAX;
	if (result == 0)
		result = report_read_u64(root, "shards", REPORT_MAX_SHARDS, &shards);
	if (result == 0)
		result = report_read_u64(root, "shards_done", shards, &done);
	if (result == 0)
		result = report_read_u64(root, "bins", REPORT_BINS, &bins);
	if (result == 0 && (!(duration > 0 && duration < 1e9) || bins != REPORT_BINS || shards == 0))
		result = CAROUSEL_E_RANGE;
	if (result == 0)
		result = report_read_groups(json_object_get(root, "groups"), shape);
	if (result == 0) {
		shape->duration_ns = (uint64_t)llround(duration * 1e9);
		result = report_new(&r, allocator, shape, mode);
	}
	memory_free(allocator, shape);
	if (result == 0) {
		result = report_read_shards(r, root, (uint32_t)shards, (uint32_t)done);
		if (result == 0)
			result = report_read_tables(r, root);
	}
	if (result == 0)
		*out = r;
	else
		report_free(r);
	return result;
}
