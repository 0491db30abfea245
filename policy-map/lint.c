#include "policy-map/lint.h"

#include "common/carousel_error.h"
#include "policy-map/map_words.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MAX_GROUP_ROWS        64u
#define DAY_S                 86400u
#define EXPIRES_SOON_S        (14u * DAY_S)
#define FIRST_STEP_MAX        500u /* permyriad */
#define FULL_AFTER_AT_LEAST_S (7u * DAY_S)

struct lint {
	const struct policy_map *map;
	const struct lint_context *context;
	unsigned errors, warnings;
};

bool lint_is_error(enum lint_code code)
{
	static const bool is_error[] = {
#define LINT_IS_ERROR(symbol, is_error, name) is_error,
		LINT_LIST(LINT_IS_ERROR)
#undef LINT_IS_ERROR
	};
	return is_error[code];
}

const char *lint_code_name(enum lint_code code)
{
	static const char *const names[] = {
#define LINT_NAME(symbol, is_error, name) name,
		LINT_LIST(LINT_NAME)
#undef LINT_NAME
	};
	return names[code];
}

__attribute__((format(printf, 5, 6))) static void find(
	struct lint *l, enum lint_code code, uint32_t line, uint32_t column, const char *format, ...)
{
	struct lint_finding finding = {.code = code, .line = line, .column = column};
	va_list args;
	va_start(args, format);
	vsnprintf(finding.message, sizeof finding.message, format, args);
	va_end(args);
	if (lint_is_error(code))
		l->errors++;
	else
		l->warnings++;
	if (l->context->report)
		l->context->report(l->context->user, &finding);
}

static bool is_gated(const struct policy_row *r)
{
	return r->from_s || r->until_s || r->num_steps;
}

static const struct manifest *manifest_of(const struct lint *l, const struct policy_image *image)
{
	return image && l->context->manifest ? l->context->manifest(l->context->user, image->manifest_sha256) : NULL;
}

/* ---- rows of one (class, category) ---- */

/* When an earlier row's gate closes, its boxes, which run its current by then, come to a later row. */
static void check_flip(struct lint *l, const struct policy_row *gated, const struct policy_row *later)
{
	uint32_t v = gated->numbers.current;
	if (v < later->numbers.acceptable || v > later->numbers.maximum)
		find(l, LINT_GATE_FLIPS, gated->line, 1,
			"current %" PRIu32 " is not within %" PRIu32 " to %" PRIu32 " of line %" PRIu32
			", where boxes come when this gate closes",
			v, later->numbers.acceptable, later->numbers.maximum, later->line);
}

static void check_group(struct lint *l, const struct policy_row *const *rows, size_t count)
{
	const struct policy_row *base = NULL, *last = rows[count - 1];
	for (size_t i = 0; i < count; i++) {
		if (!is_gated(rows[i]) && base)
			find(l, LINT_TWO_BASES, rows[i]->line, 1,
				"%s %s has an ungated row on line %" PRIu32 " already", rows[i]->class_name,
				rows[i]->category, base->line);
		if (!is_gated(rows[i]) && base == NULL)
			base = rows[i];
	}
	if (is_gated(last))
		find(l, LINT_LAST_GATED, last->line, 1, "the last row of %s %s must have no gates", last->class_name,
			last->category);
	if (count > MAX_GROUP_ROWS)
		find(l, LINT_TOO_MANY_ROWS, last->line, 1, "%zu rows of %s %s, at most %u", count, last->class_name,
			last->category, MAX_GROUP_ROWS);
	for (size_t i = 0; i < count && count <= MAX_GROUP_ROWS; i++) {
		for (size_t k = i + 1; k < count && is_gated(rows[i]); k++)
			check_flip(l, rows[i], rows[k]);
	}
}

static bool same_group(const struct policy_row *a, const struct policy_row *b)
{
	return strcmp(a->class_name, b->class_name) == 0 && strcmp(a->category, b->category) == 0;
}

static void check_groups(struct lint *l)
{
	const struct policy_map *m = l->map;
	for (size_t first = 0, last; first < m->num_rows; first = last) {
		for (last = first + 1; last < m->num_rows && same_group(m->rows_by_name[first], m->rows_by_name[last]);)
			last++;
		check_group(l, m->rows_by_name + first, last - first);
	}
}

static void check_production(struct lint *l)
{
	const struct policy_map *m = l->map;
	for (size_t i = 0; i < m->num_rows; i++) {
		const char *class_name = m->rows_by_name[i]->class_name;
		size_t production, any;
		if (i && strcmp(m->rows_by_name[i - 1]->class_name, class_name) == 0)
			continue;
		policy_map_rows(m, class_name, "production", &production);
		policy_map_rows(m, class_name, "*", &any);
		if (production + any == 0)
			find(l, LINT_NO_PRODUCTION, m->rows_by_name[i]->line, 1, "class %s has no row for production",
				class_name);
	}
}

/* ---- images ---- */

static void check_current(struct lint *l, const char *class_name, uint32_t current, uint32_t line)
{
	const struct policy_image *image = policy_map_image(l->map, class_name, current);
	if (image == NULL)
		find(l, LINT_NO_IMAGE, line, 1, "no image line for current: %s %" PRIu32, class_name, current);
}

static void check_currents(struct lint *l)
{
	const struct policy_map *m = l->map;
	for (size_t i = 0; i < m->num_rows; i++)
		check_current(l, m->rows[i].class_name, m->rows[i].numbers.current, m->rows[i].line);
	for (size_t i = 0; i < m->num_overrides; i++) {
		if (!m->overrides[i].never)
			check_current(
				l, m->overrides[i].class_name, m->overrides[i].numbers.current, m->overrides[i].line);
	}
}

static void check_image(struct lint *l, const struct policy_image *image)
{
	const struct policy_image *first = policy_map_image(l->map, image->class_name, image->version);
	const struct policy_image *before =
		l->context->previous ? policy_map_image(l->context->previous, image->class_name, image->version) : NULL;
	const struct manifest *m;
	if (first != image)
		find(l, LINT_DUPLICATE, image->line, 1, "%s %" PRIu32 " is on line %" PRIu32 " already",
			image->class_name, image->version, first->line);
	if (before && memcmp(before->sha256, image->sha256, HASH_SHA256_BYTES) != 0)
		find(l, LINT_DIGEST_CHANGED, image->line, 1, "%s %" PRIu32 " was signed with another digest",
			image->class_name, image->version);
	if (l->context->slot_bytes && image->size_bytes > l->context->slot_bytes)
		find(l, LINT_TOO_LARGE, image->line, 1, "%" PRIu64 " bytes do not fit a slot of %" PRIu64,
			image->size_bytes, l->context->slot_bytes);
	if (l->context->manifest == NULL)
		return;
	m = manifest_of(l, image);
	if (m == NULL)
		find(l, LINT_NO_MANIFEST, image->line, 1, "no manifest of this digest is published for %s %" PRIu32,
			image->class_name, image->version);
	else if (strcmp(m->class_name, image->class_name) != 0 || m->version != image->version ||
		 memcmp(m->sha256, image->sha256, HASH_SHA256_BYTES) != 0 || m->layout.image_bytes != image->size_bytes)
		find(l, LINT_MANIFEST_DIFFERS, image->line, 1,
			"the manifest describes %s %" PRIu32 " of %" PRIu64
			" bytes with another class, version, digest or size",
			m->class_name, m->version, m->layout.image_bytes);
}

/* A box above maximum goes down to current: current must read what the newer version wrote. */
static void check_recall(struct lint *l, const struct policy_row *row)
{
	const struct policy_map *maps[] = {l->map, l->context->previous};
	const struct manifest *target = manifest_of(l, policy_map_image(l->map, row->class_name, row->numbers.current));
	for (unsigned k = 0; k < 2 && target; k++) {
		for (size_t i = 0; maps[k] && i < maps[k]->num_images; i++) {
			const struct policy_image *image = &maps[k]->images[i];
			const struct manifest *newer;
			if (image->version <= row->numbers.maximum || strcmp(image->class_name, row->class_name) != 0)
				continue;
			newer = manifest_of(l, image);
			if (newer && !manifest_has_data_format(target, newer->data_format))
				find(l, LINT_DATA_FORMAT, row->line, 1,
					"recall of %" PRIu32 " to %" PRIu32
					", which cannot read its data format %" PRIu32,
					image->version, row->numbers.current, newer->data_format);
		}
	}
}

static void check_images(struct lint *l)
{
	for (size_t i = 0; i < l->map->num_images; i++)
		check_image(l, &l->map->images[i]);
	for (size_t i = 0; i < l->map->num_rows; i++)
		check_recall(l, &l->map->rows[i]);
}

/* ---- boxes ---- */

static void check_override(struct lint *l, const struct policy_override *o)
{
	size_t count;
	const struct policy_member *member = policy_map_member(l->map, o->box_id);
	const struct policy_row *const *rows =
		policy_map_rows(l->map, o->class_name, member ? member->category : "production", &count);
	const struct policy_override *first = policy_map_override(l->map, o->box_id, o->class_name);
	if (first != o)
		find(l, LINT_DUPLICATE, o->line, 1, "line %" PRIu32 " goes before this override of %s", first->line,
			o->box_id);
	if (count == 0)
		rows = policy_map_rows(l->map, o->class_name, "*", &count);
	if (!o->never && count && rows[count - 1]->numbers.minimum > o->numbers.current)
		find(l, LINT_OVERRIDE_BELOW, o->line, 1,
			"current %" PRIu32 " is below the minimum %" PRIu32 " of line %" PRIu32, o->numbers.current,
			rows[count - 1]->numbers.minimum, rows[count - 1]->line);
	if (l->context->box_is_known && !l->context->box_is_known(l->context->user, o->box_id))
		find(l, LINT_UNKNOWN_BOX, o->line, 1, "no box %s is known", o->box_id);
}

static void check_boxes(struct lint *l)
{
	for (size_t i = 0; i < l->map->num_overrides; i++)
		check_override(l, &l->map->overrides[i]);
	for (size_t i = 1; i < l->map->num_members; i++) {
		const struct policy_member *a = l->map->members_by_id[i - 1], *b = l->map->members_by_id[i];
		if (strcmp(a->box_id, b->box_id) == 0)
			find(l, LINT_DUPLICATE, b->line, 1, "line %" PRIu32 " makes %s a member already", a->line,
				a->box_id);
	}
}

/* ---- steepness and time ---- */

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

static void check_ramp(struct lint *l, const struct policy_row *row)
{
	const struct policy_row *before = find_before(l, row);
	if (row->num_steps && row->steps[0].permyriad > FIRST_STEP_MAX)
		find(l, LINT_RAMP_STEEP, row->line, 1, "the first step takes %g %% of the boxes at once",
			row->steps[0].permyriad / 100.0);
	if (row->num_steps && full_after(row) < FULL_AFTER_AT_LEAST_S)
		find(l, LINT_RAMP_STEEP, row->line, 1, "all boxes within %g days", (double)full_after(row) / DAY_S);
	if (row->num_steps == 0 && l->context->previous && before == NULL && is_for_production(row))
		find(l, LINT_RAMP_STEEP, row->line, 1, "current %" PRIu32 " is new and has no ramp: all boxes at once",
			row->numbers.current);
	for (unsigned i = 0; before && i < row->num_steps && i < before->num_steps; i++) {
		if (row->steps[i].permyriad < before->steps[i].permyriad) {
			find(l, LINT_RAMP_LOWERED, row->line, 1, "step %u takes %g %% where %g %% were signed", i + 1,
				row->steps[i].permyriad / 100.0, before->steps[i].permyriad / 100.0);
			break;
		}
	}
}

static void check_rollout(struct lint *l)
{
	const struct policy_map *m = l->map, *previous = l->context->previous;
	for (size_t i = 0; i < m->num_rows; i++) {
		const struct policy_row *row = &m->rows[i];
		uint64_t boxes = l->context->boxes_above ? l->context->boxes_above(l->context->user, row->class_name,
								   row->numbers.maximum)
							 : 0;
		check_ramp(l, row);
		if (boxes)
			find(l, LINT_MAXIMUM_LOWERED, row->line, 1,
				"%" PRIu64 " boxes run a version above maximum %" PRIu32, boxes, row->numbers.maximum);
	}
	if (previous && policy_map_compare(m, previous) <= 0)
		find(l, LINT_SERIAL, 0, 0,
			"epoch %" PRIu32 " serial %" PRIu64 " is not above epoch %" PRIu32 " serial %" PRIu64
			", which was signed last",
			m->epoch, m->serial, previous->epoch, previous->serial);
	if (m->expires_s && l->context->now_s && m->expires_s < l->context->now_s + EXPIRES_SOON_S)
		find(l, LINT_EXPIRES_SOON, 0, 0, "the map expires within two weeks");
}

/* ---- the text ---- */

static int check_text(struct lint *l, const char *text, size_t len)
{
	char *copy = memory_copy_string(NULL, text, len), *canonical;
	struct map_words w;
	uint32_t column;
	size_t canonical_len;
	int result;
	if (copy == NULL)
		return CAROUSEL_E_MEMORY;
	map_words_init(&w, copy, len);
	while (map_words_next(&w, &column) == 0) {
		if (w.comment)
			find(l, LINT_COMMENT, w.number, w.comment_column, "this comment goes on the air with the map");
	}
	memory_free(NULL, copy);
	result = policy_map_format(NULL, text, len, &canonical, &canonical_len, NULL);
	if (result)
		return result;
	if (canonical_len != len || memcmp(canonical, text, len) != 0)
		find(l, LINT_NOT_CANONICAL, 0, 0, "the map is not in canonical form: fmt brings it there");
	memory_free(NULL, canonical);
	return 0;
}

int lint_map(const struct policy_map *map, const char *text, size_t len, const struct lint_context *context,
	unsigned *errors, unsigned *warnings)
{
	struct lint l = {.map = map, .context = context};
	int result;
	check_groups(&l);
	check_currents(&l);
	check_images(&l);
	check_boxes(&l);
	check_rollout(&l);
	check_production(&l);
	result = check_text(&l, text, len);
	*errors = l.errors;
	*warnings = l.warnings;
	return result;
}
