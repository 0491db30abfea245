#include "policy-map/lint.h"

#include "common/carousel_error.h"
#include "common/memory.h"
#include "policy-map/lint_find.h"
#include "policy-map/map_words.h"
#include "policy-map/policy.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MAX_GROUP_ROWS 64u

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

/* ---- places ---- */

static int index_lines(struct lint *l)
{
	uint32_t count = 1;
	for (size_t i = 0; i < l->len; i++)
		count += l->text[i] == '\n';
	l->starts = memory_alloc(NULL, count, sizeof *l->starts);
	if (l->starts == NULL)
		return CAROUSEL_E_MEMORY;
	l->num_lines = 1;
	for (size_t i = 0; i < l->len; i++) {
		if (l->text[i] == '\n')
			l->starts[l->num_lines++] = (uint32_t)i + 1;
	}
	return 0;
}

static bool is_end(char c)
{
	return c == '\n' || c == '\r';
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The column of a word by its number, or by how it begins where `option` is not NULL; else 1. */
static uint32_t column_of(const struct lint *l, uint32_t line, unsigned word, const char *option)
{
	size_t start, at;
	if (line == 0 || line > l->num_lines)
		return 0;
	at = start = l->starts[line - 1];
	for (unsigned n = 0; at < l->len && !is_end(l->text[at]); n++) {
		while (at < l->len && is_blank(l->text[at]))
			at++;
		if (option ? l->len - at >= strlen(option) && memcmp(l->text + at, option, strlen(option)) == 0
			   : n == word)
			return at < l->len && !is_end(l->text[at]) ? (uint32_t)(at - start) + 1 : 1;
		while (at < l->len && !is_blank(l->text[at]) && !is_end(l->text[at]))
			at++;
	}
	return 1;
}

uint32_t lint_header_line(const struct lint *l, const char *word)
{
	size_t len = strlen(word);
	for (uint32_t line = 1; line <= l->num_lines; line++) {
		size_t at = l->starts[line - 1];
		while (at < l->len && is_blank(l->text[at]))
			at++;
		if (l->len - at > len && memcmp(l->text + at, word, len) == 0 && is_blank(l->text[at + len]))
			return line;
	}
	return 0;
}

__attribute__((format(printf, 3, 0))) static void report(
	struct lint *l, struct lint_finding *finding, const char *format, va_list args)
{
	vsnprintf(finding->message, sizeof finding->message, format, args);
	if (lint_is_error(finding->code))
		l->errors++;
	else
		l->warnings++;
	if (l->context->report)
		l->context->report(l->context->user, finding);
}

void lint_find(struct lint *l, enum lint_code code, uint32_t line, unsigned word, const char *format, ...)
{
	struct lint_finding finding = {.code = code, .line = line, .column = column_of(l, line, word, NULL)};
	va_list args;
	va_start(args, format);
	report(l, &finding, format, args);
	va_end(args);
}

void lint_find_option(struct lint *l, enum lint_code code, uint32_t line, const char *option, const char *format, ...)
{
	struct lint_finding finding = {.code = code, .line = line, .column = column_of(l, line, 0, option)};
	va_list args;
	va_start(args, format);
	report(l, &finding, format, args);
	va_end(args);
}

void lint_find_byte(struct lint *l, enum lint_code code, size_t at, const char *format, ...)
{
	struct lint_finding finding = {.code = code, .line = 1};
	va_list args;
	while (finding.line < l->num_lines && l->starts[finding.line] <= at)
		finding.line++;
	finding.column = (uint32_t)(at - l->starts[finding.line - 1]) + 1;
	va_start(args, format);
	report(l, &finding, format, args);
	va_end(args);
}

/* ---- rows of one (class, category) ---- */

/* When an earlier row's gate closes, its boxes, which run its current by then, come to a later row. */
static void check_flip(struct lint *l, const struct policy_row *gated, const struct policy_row *later)
{
	uint32_t v = gated->numbers.current;
	if (v < later->numbers.acceptable || v > later->numbers.maximum)
		lint_find(l, LINT_GATE_FLIPS, gated->line, WORD_CURRENT,
			"current %" PRIu32 " is not within %" PRIu32 " to %" PRIu32 " of line %" PRIu32
			", where boxes come when this gate closes",
			v, later->numbers.acceptable, later->numbers.maximum, later->line);
}

static void check_group(struct lint *l, const struct policy_row *const *rows, size_t count)
{
	const struct policy_row *base = NULL, *last = rows[count - 1];
	for (size_t i = 0; i < count; i++) {
		if (!policy_row_is_gated(rows[i]) && base)
			lint_find(l, LINT_TWO_BASES, rows[i]->line, 0,
				"%s %s has an ungated row on line %" PRIu32 " already", rows[i]->class_name,
				rows[i]->category, base->line);
		if (!policy_row_is_gated(rows[i]) && base == NULL)
			base = rows[i];
	}
	if (policy_row_is_gated(last))
		lint_find(l, LINT_LAST_GATED, last->line, WORD_OPTIONS, "the last row of %s %s must have no gates",
			last->class_name, last->category);
	if (count > MAX_GROUP_ROWS)
		lint_find(l, LINT_TOO_MANY_ROWS, last->line, 0, "%zu rows of %s %s, at most %u", count,
			last->class_name, last->category, MAX_GROUP_ROWS);
	for (size_t i = 0; i < count && count <= MAX_GROUP_ROWS; i++) {
		for (size_t k = i + 1; k < count && policy_row_is_gated(rows[i]); k++)
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
			lint_find(l, LINT_NO_PRODUCTION, m->rows_by_name[i]->line, WORD_CATEGORY,
				"class %s has no row for production", class_name);
	}
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
		lint_find(l, LINT_DUPLICATE, o->line, 1, "line %" PRIu32 " goes before this override of %s",
			first->line, o->box_id);
	if (count == 0)
		rows = policy_map_rows(l->map, o->class_name, "*", &count);
	if (!o->never && count && rows[count - 1]->numbers.minimum > o->numbers.current)
		lint_find(l, LINT_OVERRIDE_BELOW, o->line, WORD_CURRENT,
			"current %" PRIu32 " is below the minimum %" PRIu32 " of line %" PRIu32, o->numbers.current,
			rows[count - 1]->numbers.minimum, rows[count - 1]->line);
	if (l->context->box_is_known && !l->context->box_is_known(l->context->user, o->box_id))
		lint_find(l, LINT_UNKNOWN_BOX, o->line, 1, "no box %s is known", o->box_id);
}

static void check_boxes(struct lint *l)
{
	for (size_t i = 0; i < l->map->num_overrides; i++)
		check_override(l, &l->map->overrides[i]);
	for (size_t i = 0; i < l->map->num_members && l->context->box_is_known; i++) {
		const struct policy_member *m = &l->map->members[i];
		if (!l->context->box_is_known(l->context->user, m->box_id))
			lint_find(l, LINT_UNKNOWN_BOX, m->line, 1, "no box %s is known", m->box_id);
	}
	for (size_t i = 1; i < l->map->num_members; i++) {
		const struct policy_member *a = l->map->members_by_id[i - 1], *b = l->map->members_by_id[i];
		if (strcmp(a->box_id, b->box_id) == 0)
			lint_find(l, LINT_DUPLICATE, b->line, 1, "line %" PRIu32 " makes %s a member already", a->line,
				a->box_id);
	}
}

/* ---- the text ---- */

static int check_text(struct lint *l, const char *text, size_t len)
{
	char *copy = memory_copy_string(NULL, text, len), *canonical;
	struct map_words w;
	uint32_t column;
	size_t canonical_len, same = 0;
	int result;
	if (copy == NULL)
		return CAROUSEL_E_MEMORY;
	map_words_init(&w, copy, len);
	while (map_words_next(&w, &column) == 0) {
		if (w.comment)
			lint_find_option(
				l, LINT_COMMENT, w.number, w.comment, "this comment goes on the air with the map");
	}
	memory_free(NULL, copy);
	result = policy_map_format(NULL, text, len, &canonical, &canonical_len, NULL);
	if (result)
		return result;
	while (same < len && same < canonical_len && text[same] == canonical[same])
		same++;
	if (same < len || same < canonical_len)
		lint_find_byte(
			l, LINT_NOT_CANONICAL, same, "not in canonical form from here on: fmt brings the map there");
	memory_free(NULL, canonical);
	return 0;
}

int lint_map(const struct policy_map *map, const char *text, size_t len, const struct lint_context *context,
	unsigned *errors, unsigned *warnings)
{
	struct lint l = {.map = map, .context = context, .text = text, .len = len};
	int result = index_lines(&l);
	if (result == 0) {
		check_groups(&l);
		lint_images(&l);
		check_boxes(&l);
		lint_rollout(&l);
		check_production(&l);
		result = check_text(&l, text, len);
	}
	memory_free(NULL, l.starts);
	*errors = l.errors;
	*warnings = l.warnings;
	return result;
}
