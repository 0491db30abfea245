#include "policy-map/policy_map.h"

#include "common/carousel_error.h"
#include "policy-map/map_parser.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool policy_is_name(const char *text)
{
	size_t len = strlen(text);
	if (len == 0 || len > POLICY_MAX_NAME_BYTES || text[0] == '#' || strcmp(text, "*") == 0)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] <= ' ' || text[i] >= 0x7f || text[i] == '"' || text[i] == '\\')
			return false;
	}
	return true;
}

bool policy_is_box_id(const char *text)
{
	size_t len = strspn(text, "0123456789abcdefghijklmnopqrstuvwxyz._:-");
	return len > 0 && len <= POLICY_MAX_NAME_BYTES && text[len] == '\0';
}

int map_parser_fail(struct map_parser *p, int code, unsigned word, const char *format, ...)
{
	struct policy_map_error *e = p->error;
	va_list args;
	e->code = code;
	e->line = p->line.number;
	e->column = 0;
	if (e->line && word < p->line.count)
		e->column = p->line.columns[word];
	else if (e->line && p->line.count)
		e->column = p->line.columns[p->line.count - 1] + (uint32_t)strlen(p->line.words[p->line.count - 1]);
	va_start(args, format);
	vsnprintf(e->message, sizeof e->message, format, args);
	va_end(args);
	return code;
}

static int parse_first_line(struct map_parser *p)
{
	struct map_words *w = &p->line;
	if (w->count == 0 || strcmp(w->words[0], "carousel-map") != 0)
		return map_parser_fail(p, CAROUSEL_E_SYNTAX, 0, "the first line must be 'carousel-map 1'");
	if (w->count != 2)
		return map_parser_fail(p, CAROUSEL_E_SYNTAX, 2, "the first line must be 'carousel-map 1'");
	if (strcmp(w->words[1], "1") != 0)
		return map_parser_fail(
			p, CAROUSEL_E_UNSUPPORTED, 1, "version '%.16s' of the format is not known here", w->words[1]);
	return 0;
}

/* 0 when the error was reported and the next line may be looked at, else the error. */
static int go_on(struct map_parser *p, int result, int *first)
{
	if (p->options == NULL || p->options->report == NULL || carousel_error_is_fatal(result) || p->line.number == 1)
		return result;
	p->options->report(p->options->user, p->error);
	if (*first == 0)
		*first = result;
	return 0;
}

static int parse_lines(struct map_parser *p, size_t len)
{
	uint32_t column = 0;
	int result = 0, first = 0;
	map_words_init(&p->line, p->map->text, len);
	while (result == 0) {
		result = map_words_next(&p->line, &column);
		if (result == CAROUSEL_E_SYNTAX) {
			map_parser_fail(p, result, 0, "a control character");
			p->error->column = column;
		} else if (result == 0 && p->line.number == 1) {
			result = parse_first_line(p);
		} else if (result == 0 && p->line.count) {
			result = map_line_parse(p);
		}
		if (result == MAP_LINE_ABSENT) {
			p->map->num_ignored++;
			result = 0;
		} else if (result && result != CAROUSEL_E_NOT_FOUND) {
			result = go_on(p, result, &first);
		}
	}
	if (result != CAROUSEL_E_NOT_FOUND)
		return result;
	if (p->line.number == 0)
		return map_parser_fail(p, CAROUSEL_E_SYNTAX, 0, "the file is empty");
	result = map_line_check_header(p);
	if (result)
		result = go_on(p, result, &first);
	return first ? first : result;
}

static int compare_lines(uint32_t a, uint32_t b)
{
	return a < b ? -1 : a > b;
}

static int compare_names(const char *a1, const char *a2, const char *b1, const char *b2)
{
	int order = strcmp(a1, b1);
	return order ? order : strcmp(a2, b2);
}

static int compare_rows(const void *a, const void *b)
{
	const struct policy_row *x = *(const struct policy_row *const *)a, *y = *(const struct policy_row *const *)b;
	int order = compare_names(x->class_name, x->category, y->class_name, y->category);
	return order ? order : compare_lines(x->line, y->line);
}

static int compare_members(const void *a, const void *b)
{
	const struct policy_member *x = *(const struct policy_member *const *)a;
	const struct policy_member *y = *(const struct policy_member *const *)b;
	int order = strcmp(x->box_id, y->box_id);
	return order ? order : compare_lines(x->line, y->line);
}

static int compare_overrides(const void *a, const void *b)
{
	const struct policy_override *x = *(const struct policy_override *const *)a;
	const struct policy_override *y = *(const struct policy_override *const *)b;
	int order = strcmp(x->box_id, y->box_id);
	return order ? order : compare_lines(x->line, y->line);
}

static int compare_images(const void *a, const void *b)
{
	const struct policy_image *x = *(const struct policy_image *const *)a;
	const struct policy_image *y = *(const struct policy_image *const *)b;
	int order = strcmp(x->class_name, y->class_name);
	if (order == 0)
		order = compare_lines(x->version, y->version);
	return order ? order : compare_lines(x->line, y->line);
}

/* Points at each element of an array and sorts the pointers. */
static int make_index(const struct carousel_allocator *a, const void *array, size_t count, size_t size,
	int (*compare)(const void *, const void *), void *index)
{
	const char **pointers = memory_alloc(a, count, sizeof *pointers);
	if (pointers == NULL)
		return CAROUSEL_E_MEMORY;
	for (size_t i = 0; i < count; i++)
		pointers[i] = (const char *)array + i * size;
	if (count)
		qsort(pointers, count, sizeof *pointers, compare);
	memcpy(index, &pointers, sizeof pointers);
	return 0;
}

static int make_indices(const struct carousel_allocator *a, struct policy_map *m)
{
	int result = make_index(a, m->rows, m->num_rows, sizeof *m->rows, compare_rows, &m->rows_by_name);
	if (result == 0)
		result = make_index(
			a, m->members, m->num_members, sizeof *m->members, compare_members, &m->members_by_id);
	if (result == 0)
		result = make_index(a, m->overrides, m->num_overrides, sizeof *m->overrides, compare_overrides,
			&m->overrides_by_id);
	if (result == 0)
		result = make_index(
			a, m->images, m->num_images, sizeof *m->images, compare_images, &m->images_by_version);
	return result;
}

int policy_map_parse(const struct carousel_allocator *a, const char *text, size_t len,
	const struct policy_map_options *options, struct policy_map **out, struct policy_map_error *error)
{
	struct policy_map_error own;
	struct map_parser p = {.allocator = a, .error = error ? error : &own, .options = options};
	int result = CAROUSEL_E_MEMORY;
	*out = NULL;
	memset(p.error, 0, sizeof *p.error);
	if (options) {
		p.strict = options->strict;
		p.only_box_id = options->only_box_id;
	}
	if (len > POLICY_MAP_MAX_BYTES)
		return map_parser_fail(&p, CAROUSEL_E_LIMIT, 0, "more than %u bytes", POLICY_MAP_MAX_BYTES);
	p.map = memory_alloc(a, 1, sizeof *p.map);
	if (p.map == NULL)
		goto out;
	p.map->allocator = a;
	p.map->text = memory_copy_string(a, text, len);
	if (p.map->text == NULL)
		goto out;
	result = hash_sha256(text, len, p.map->sha256);
	if (result == 0)
		result = parse_lines(&p, len);
	if (result == 0)
		result = make_indices(a, p.map);
out:
	if (result) {
		if (p.error->code == 0)
			map_parser_fail(&p, result, 0, "%s", carousel_strerror(result));
		policy_map_free(p.map);
	} else {
		*out = p.map;
	}
	return result;
}

void policy_map_free(struct policy_map *m)
{
	const struct carousel_allocator *a;
	if (m == NULL)
		return;
	a = m->allocator;
	memory_free(a, m->sessions);
	memory_free(a, m->rows);
	memory_free(a, m->members);
	memory_free(a, m->overrides);
	memory_free(a, m->flags);
	memory_free(a, m->images);
	memory_free(a, m->rows_by_name);
	memory_free(a, m->members_by_id);
	memory_free(a, m->overrides_by_id);
	memory_free(a, m->images_by_version);
	memory_free(a, m->text);
	memory_free(a, m);
}

int policy_map_compare(const struct policy_map *a, const struct policy_map *b)
{
	if (a->epoch != b->epoch)
		return a->epoch < b->epoch ? -1 : 1;
	return a->serial < b->serial ? -1 : a->serial > b->serial;
}

/* The first of `count` sorted pointers that does not come before `key`, which has line 0. */
static size_t lower_bound(const void *index, size_t count, const void *key, int (*compare)(const void *, const void *))
{
	const char *const *pointers = index;
	size_t low = 0;
	while (count) {
		size_t half = count / 2;
		if (compare(&pointers[low + half], &key) < 0) {
			low += half + 1;
			count -= half + 1;
		} else {
			count = half;
		}
	}
	return low;
}

const struct policy_image *policy_map_image(const struct policy_map *m, const char *class_name, uint32_t version)
{
	const struct policy_image key = {.class_name = class_name, .version = version}, *found;
	size_t at = lower_bound(m->images_by_version, m->num_images, &key, compare_images);
	if (at == m->num_images)
		return NULL;
	found = m->images_by_version[at];
	return found->version == version && strcmp(found->class_name, class_name) == 0 ? found : NULL;
}

const struct policy_member *policy_map_member(const struct policy_map *m, const char *box_id)
{
	const struct policy_member key = {.box_id = box_id};
	size_t at = lower_bound(m->members_by_id, m->num_members, &key, compare_members);
	if (at == m->num_members || strcmp(m->members_by_id[at]->box_id, box_id) != 0)
		return NULL;
	return m->members_by_id[at];
}

const struct policy_override *policy_map_override(
	const struct policy_map *m, const char *box_id, const char *class_name)
{
	const struct policy_override key = {.box_id = box_id};
	size_t at = lower_bound(m->overrides_by_id, m->num_overrides, &key, compare_overrides);
	for (; at < m->num_overrides; at++) {
		const struct policy_override *o = m->overrides_by_id[at];
		if (strcmp(o->box_id, box_id) != 0)
			return NULL;
		if (strcmp(o->class_name, "*") == 0 || strcmp(o->class_name, class_name) == 0)
			return o;
	}
	return NULL;
}

const struct policy_row *const *policy_map_rows(
	const struct policy_map *m, const char *class_name, const char *category, size_t *count)
{
	const struct policy_row key = {.class_name = class_name, .category = category};
	size_t first = lower_bound(m->rows_by_name, m->num_rows, &key, compare_rows), last = first;
	while (last < m->num_rows && compare_names(m->rows_by_name[last]->class_name, m->rows_by_name[last]->category,
					     class_name, category) == 0)
		last++;
	*count = last - first;
	return m->rows_by_name + first;
}

static const char *find_flag(const struct policy_map *m, const char *class_name, const char *category, const char *name)
{
	for (size_t i = 0; i < m->num_flags; i++) {
		const struct policy_flag *f = &m->flags[i];
		if (strcmp(f->name, name) == 0 && compare_names(f->class_name, f->category, class_name, category) == 0)
			return f->value;
	}
	return NULL;
}

const char *policy_map_flag(const struct policy_map *m, const char *class_name, const char *category, const char *name)
{
	const char *value = find_flag(m, class_name, category, name);
	return value ? value : find_flag(m, class_name, "*", name);
}
