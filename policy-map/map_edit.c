#include "policy-map/map_edit.h"

#include "common/carousel_error.h"
#include "policy-map/map_value.h"
#include "policy-map/map_words.h"
#include "policy-map/text_buffer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FIRST_OPTION 7u /* word of a map line */

struct edit_line {
	unsigned count; /* 0 with a NULL comment: an empty line */
	char *words[POLICY_MAP_MAX_WORDS];
	char *comment;
	bool is_gone;
	bool is_new; /* put in by this edit */
};

struct map_edit {
	const struct carousel_allocator *allocator;
	char *text; /* the words of the lines as they were */
	struct edit_line *lines;
	size_t num_lines, cap_lines;
	char **strings; /* the words that were put in */
	size_t num_strings, cap_strings;
};

static int insert_line(struct map_edit *e, size_t at, const struct edit_line *line)
{
	int result = memory_grow(
		e->allocator, (void **)&e->lines, &e->cap_lines, e->num_lines, sizeof *e->lines, POLICY_MAP_MAX_BYTES);
	if (result)
		return result;
	memmove(&e->lines[at + 1], &e->lines[at], (e->num_lines - at) * sizeof *e->lines);
	e->lines[at] = *line;
	e->num_lines++;
	return 0;
}

static int read_lines(struct map_edit *e, size_t len)
{
	struct map_words w;
	uint32_t column;
	map_words_init(&w, e->text, len);
	while (map_words_next(&w, &column) == 0) {
		struct edit_line line = {.count = w.count, .comment = w.comment};
		int result;
		memcpy(line.words, w.words, sizeof line.words);
		result = insert_line(e, e->num_lines, &line);
		if (result)
			return result;
	}
	return 0;
}

int map_edit_new(const struct carousel_allocator *a, const char *text, size_t len, struct map_edit **out,
	struct policy_map_error *error)
{
	const struct policy_map_options strict = {.strict = true};
	struct policy_map *map;
	struct map_edit *e;
	int result = policy_map_parse(a, text, len, &strict, &map, error);
	*out = NULL;
	if (result)
		return result;
	policy_map_free(map);
	e = memory_alloc(a, 1, sizeof *e);
	if (e == NULL)
		return CAROUSEL_E_MEMORY;
	e->allocator = a;
	e->text = memory_copy_string(a, text, len);
	result = e->text ? read_lines(e, len) : CAROUSEL_E_MEMORY;
	if (result)
		map_edit_free(e);
	else
		*out = e;
	return result;
}

void map_edit_free(struct map_edit *e)
{
	if (e == NULL)
		return;
	for (size_t i = 0; i < e->num_strings; i++)
		memory_free(e->allocator, e->strings[i]);
	memory_free(e->allocator, e->strings);
	memory_free(e->allocator, e->lines);
	memory_free(e->allocator, e->text);
	memory_free(e->allocator, e);
}

int map_edit_print(struct map_edit *e, char **text, size_t *len)
{
	struct text_buffer b;
	char *loose;
	size_t loose_len;
	int result;
	text_buffer_init(&b, e->allocator, POLICY_MAP_MAX_BYTES);
	for (size_t i = 0; i < e->num_lines; i++) {
		const struct edit_line *line = &e->lines[i];
		if (line->is_gone)
			continue;
		for (unsigned w = 0; w < line->count; w++) {
			text_buffer_puts(&b, w ? " " : "");
			text_buffer_puts(&b, line->words[w]);
		}
		if (line->comment) {
			text_buffer_puts(&b, line->count ? " " : "");
			text_buffer_puts(&b, line->comment);
		}
		text_buffer_puts(&b, "\n");
	}
	result = text_buffer_take(&b, &loose, &loose_len);
	if (result)
		return result;
	result = policy_map_format(e->allocator, loose, loose_len, text, len, NULL);
	memory_free(e->allocator, loose);
	return result;
}

/* ---- words ---- */

static int set_word(struct map_edit *e, struct edit_line *line, unsigned word, const char *text)
{
	char *copy;
	int result = memory_grow(e->allocator, (void **)&e->strings, &e->cap_strings, e->num_strings,
		sizeof *e->strings, POLICY_MAP_MAX_BYTES);
	if (result)
		return result;
	copy = memory_copy_string(e->allocator, text, strlen(text));
	if (copy == NULL)
		return CAROUSEL_E_MEMORY;
	e->strings[e->num_strings++] = copy;
	line->words[word] = copy;
	return 0;
}

static int set_number(struct map_edit *e, struct edit_line *line, unsigned word, uint64_t value)
{
	char text[24];
	snprintf(text, sizeof text, "%" PRIu64, value);
	return set_word(e, line, word, text);
}

static int append_word(struct map_edit *e, struct edit_line *line, const char *text)
{
	int result;
	if (line->count == POLICY_MAP_MAX_WORDS)
		return CAROUSEL_E_LIMIT;
	result = set_word(e, line, line->count, text);
	line->count += result == 0;
	return result;
}

static struct edit_line *find_header(struct map_edit *e, const char *word)
{
	for (size_t i = 0; i < e->num_lines; i++) {
		if (e->lines[i].count >= 2 && strcmp(e->lines[i].words[0], word) == 0)
			return &e->lines[i];
	}
	return NULL; /* not after a strict parse */
}

static const char *option_of(const struct edit_line *line, const char *name)
{
	for (unsigned w = FIRST_OPTION; w < line->count; w++) {
		if (strncmp(line->words[w], name, strlen(name)) == 0)
			return line->words[w];
	}
	return NULL;
}

/* A ramp without from= counts from the map's issue. So that it does not begin anew, it is told where it began. */
static int pin_ramps(struct map_edit *e, const char *issued)
{
	char from[POLICY_MAX_NAME_BYTES];
	snprintf(from, sizeof from, "from=%s", issued);
	for (size_t i = 0; i < e->num_lines; i++) {
		struct edit_line *line = &e->lines[i];
		int result;
		if (line->is_gone || line->is_new || line->count < FIRST_OPTION || strcmp(line->words[0], "map") != 0 ||
			option_of(line, "ramp=") == NULL || option_of(line, "from="))
			continue;
		result = append_word(e, line, from);
		if (result)
			return result;
		for (unsigned w = line->count - 1; w > FIRST_OPTION; w--) {
			char *word = line->words[w];
			line->words[w] = line->words[w - 1];
			line->words[w - 1] = word;
		}
	}
	return 0;
}

int map_edit_issue(struct map_edit *e, uint64_t now_s)
{
	struct edit_line *serial_line = find_header(e, "serial"), *issued_line = find_header(e, "issued");
	char issued[MAP_VALUE_TIME_BYTES];
	uint64_t serial, today;
	int result;
	if (serial_line == NULL || issued_line == NULL ||
		map_value_number(serial_line->words[1], 1, UINT64_MAX - 1, &serial) != 0)
		return CAROUSEL_E_INTERNAL;
	result = pin_ramps(e, issued_line->words[1]);
	if (result)
		return result;
	map_value_print_time(issued, now_s);
	today = (uint64_t)(issued[0] - '0') * 1000 + (uint64_t)(issued[1] - '0') * 100 +
		(uint64_t)(issued[2] - '0') * 10 + (uint64_t)(issued[3] - '0');
	today = today * 100 + (uint64_t)(issued[5] - '0') * 10 + (uint64_t)(issued[6] - '0');
	today = today * 100 + (uint64_t)(issued[8] - '0') * 10 + (uint64_t)(issued[9] - '0');
	result = set_number(e, serial_line, 1, today * 100 + 1 > serial ? today * 100 + 1 : serial + 1);
	return result ? result : set_word(e, issued_line, 1, issued);
}

/* ---- rows ---- */

static bool is_row_of(const struct edit_line *line, const char *class_name, const char *category)
{
	return !line->is_gone && line->count >= FIRST_OPTION && strcmp(line->words[0], "map") == 0 &&
	       strcmp(line->words[1], class_name) == 0 && (category == NULL || strcmp(line->words[2], category) == 0);
}

static bool is_gated(const struct edit_line *line)
{
	for (unsigned w = FIRST_OPTION; w < line->count; w++) {
		if (strncmp(line->words[w], "from=", 5) == 0 || strncmp(line->words[w], "until=", 6) == 0 ||
			strncmp(line->words[w], "ramp=", 5) == 0)
			return true;
	}
	return false;
}

static struct policy_numbers numbers_of(const struct edit_line *line)
{
	uint64_t n[4] = {0};
	for (unsigned i = 0; i < 4; i++)
		(void)map_value_number(line->words[3 + i], 0, UINT32_MAX, &n[i]); /* were parsed strictly */
	return (struct policy_numbers){(uint32_t)n[0], (uint32_t)n[1], (uint32_t)n[2], (uint32_t)n[3]};
}

static int set_numbers(struct map_edit *e, struct edit_line *line, const struct policy_numbers *n)
{
	int result = set_number(e, line, 3, n->minimum);
	if (result == 0)
		result = set_number(e, line, 4, n->acceptable);
	if (result == 0)
		result = set_number(e, line, 5, n->current);
	if (result == 0)
		result = set_number(e, line, 6, n->maximum);
	return result;
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static uint32_t most(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

/* The first row of the same class and category. */
static size_t first_of_group(const struct map_edit *e, const struct edit_line *line)
{
	size_t at = 0;
	while (!is_row_of(&e->lines[at], line->words[1], line->words[2]))
		at++;
	return at;
}

/* A row before all of its class and category, with the new current, and gates. It is like the ungated one in `line`,
 * its options included: what is on hold stays on hold for those whom the gates admit. */
static int insert_gated(
	struct map_edit *e, const struct edit_line *line, uint32_t version, const char *const *gates, size_t num_gates)
{
	struct edit_line row = *line;
	struct policy_numbers n = numbers_of(&row);
	int result;
	n.current = version;
	n.minimum = least(n.minimum, version);
	n.acceptable = least(n.acceptable, version);
	n.maximum = most(n.maximum, version);
	row.comment = NULL;
	row.is_new = true;
	result = set_numbers(e, &row, &n);
	for (size_t i = 0; i < num_gates && result == 0; i++)
		result = append_word(e, &row, gates[i]);
	return result ? result : insert_line(e, first_of_group(e, &row), &row);
}

/* Gated rows whose current is from one version to another. */
static void drop_gated(struct map_edit *e, const char *class_name, const char *category, uint32_t first, uint32_t last)
{
	for (size_t i = 0; i < e->num_lines; i++) {
		struct edit_line *line = &e->lines[i];
		uint32_t current;
		if (!is_row_of(line, class_name, category) || !is_gated(line))
			continue;
		current = numbers_of(line).current;
		line->is_gone = current >= first && current <= last;
	}
}

/* Does a row without gates lead further than `version`? */
static bool is_behind(const struct map_edit *e, const char *class_name, const char *category, uint32_t version)
{
	for (size_t i = 0; i < e->num_lines; i++) {
		const struct edit_line *line = &e->lines[i];
		if (is_row_of(line, class_name, category) && !is_gated(line) && numbers_of(line).current > version)
			return true;
	}
	return false;
}

int map_edit_promote(struct map_edit *e, const char *class_name, const char *category, uint32_t version,
	const char *const *gates, size_t num_gates)
{
	bool found = false;
	if (is_behind(e, class_name, category, version))
		return CAROUSEL_E_ROLLBACK;
	drop_gated(e, class_name, category, num_gates ? version : 1, version);
	for (size_t i = 0; i < e->num_lines; i++) {
		struct edit_line *line = &e->lines[i];
		struct policy_numbers n;
		bool is_base;
		int result;
		if (line->is_new || !is_row_of(line, class_name, category))
			continue;
		is_base = !is_gated(line);
		found |= is_base;
		n = numbers_of(line);
		n.maximum = most(n.maximum, version);
		if (is_base && num_gates == 0) {
			n.current = version;
			n.acceptable = least(n.acceptable, version);
			n.minimum = least(n.minimum, version);
		}
		result = set_numbers(e, line, &n);
		if (result == 0 && is_base && num_gates) {
			result = insert_gated(e, line, version, gates, num_gates);
			i++; /* all lines from the new one on have moved */
		}
		if (result)
			return result;
	}
	return found ? 0 : CAROUSEL_E_NOT_FOUND;
}

int map_edit_recall(struct map_edit *e, const char *class_name, const char *category, uint32_t version, uint32_t to)
{
	bool found = false;
	if (to >= version || to == 0)
		return CAROUSEL_E_RANGE;
	for (size_t i = 0; i < e->num_lines; i++) {
		struct edit_line *line = &e->lines[i];
		struct policy_numbers n;
		int result;
		if (!is_row_of(line, class_name, category))
			continue;
		n = numbers_of(line);
		if (n.maximum < version)
			continue;
		found = true;
		if (is_gated(line) && n.current >= version) {
			line->is_gone = true;
			continue;
		}
		n.maximum = most(version - 1, to);
		if (n.current >= version || !is_gated(line))
			n.current = to;
		n.acceptable = least(n.acceptable, n.current);
		n.minimum = least(n.minimum, n.current);
		result = set_numbers(e, line, &n);
		if (result)
			return result;
	}
	return found ? 0 : CAROUSEL_E_NOT_FOUND;
}

static bool remove_hold(struct edit_line *line)
{
	unsigned kept = FIRST_OPTION;
	for (unsigned w = FIRST_OPTION; w < line->count; w++) {
		if (strcmp(line->words[w], "hold") != 0)
			line->words[kept++] = line->words[w];
	}
	if (kept == line->count)
		return false;
	line->count = kept;
	return true;
}

static bool has_hold(const struct edit_line *line)
{
	for (unsigned w = FIRST_OPTION; w < line->count; w++) {
		if (strcmp(line->words[w], "hold") == 0)
			return true;
	}
	return false;
}

int map_edit_hold(struct map_edit *e, const char *class_name, const char *category, bool hold)
{
	bool changed = false;
	for (size_t i = 0; i < e->num_lines; i++) {
		struct edit_line *line = &e->lines[i];
		int result = 0;
		if (!is_row_of(line, class_name, category))
			continue;
		if (!hold) {
			changed |= remove_hold(line);
		} else if (!has_hold(line)) {
			result = append_word(e, line, "hold");
			changed = true;
		}
		if (result)
			return result;
	}
	return changed ? 0 : CAROUSEL_E_NOT_FOUND;
}

int map_edit_add_image(struct map_edit *e, const struct policy_image *image)
{
	char sha256[HASH_SHA256_TEXT_BYTES], manifest[HASH_SHA256_TEXT_BYTES], option[HASH_SHA256_TEXT_BYTES + 16];
	struct edit_line line = {0};
	size_t at = e->num_lines;
	int result;
	hash_sha256_text(sha256, image->sha256);
	hash_sha256_text(manifest, image->manifest_sha256);
	for (size_t i = 0; i < e->num_lines; i++) {
		const struct edit_line *other = &e->lines[i];
		uint64_t version;
		if (other->is_gone || other->count < 4 || strcmp(other->words[0], "image") != 0)
			continue;
		at = i + 1;
		if (strcmp(other->words[1], image->class_name) == 0 &&
			map_value_number(other->words[2], 1, UINT32_MAX, &version) == 0 && version == image->version)
			return strcmp(other->words[3], sha256) == 0 ? 0 : CAROUSEL_E_CONFLICT;
	}
	result = append_word(e, &line, "image");
	if (result == 0)
		result = append_word(e, &line, image->class_name);
	if (result == 0)
		result = set_number(e, &line, line.count++, image->version);
	if (result == 0)
		result = append_word(e, &line, sha256);
	snprintf(option, sizeof option, "size=%" PRIu64, image->size_bytes);
	if (result == 0)
		result = append_word(e, &line, option);
	snprintf(option, sizeof option, "manifest=%s", manifest);
	if (result == 0)
		result = append_word(e, &line, option);
	return result ? result : insert_line(e, at, &line);
}
