/* The canonical form of a map: columns of one kind of line aligned over the whole file. */
#include "common/carousel_error.h"
#include "policy-map/map_words.h"
#include "policy-map/policy_map.h"
#include "policy-map/text_buffer.h"

#include <stdio.h>
#include <string.h>

/* A column for each fixed word behind the first: 'l' flush left, 'r' flush right. What follows are options. */
struct format_kind {
	const char *word;
	const char *columns;
};

static const struct format_kind kinds[] = {
	{"epoch", "l"},
	{"serial", "l"},
	{"issued", "l"},
	{"expires", "l"},
	{"session", "ll"},
	{"map", "llrrrr"},
	{"member", "ll"},
	{"override", "llrrrr"},
	{"flag", "llll"},
	{"image", "lrl"},
};
#define NUM_KINDS   (sizeof kinds / sizeof *kinds)
#define MAX_COLUMNS 6u
#define FIRST_WIDTH 8u
#define MAX_WIDTH   72u /* a longer word stands out, but does not widen the column */

static unsigned kind_of(const char *word)
{
	unsigned k = 0;
	while (k < NUM_KINDS && strcmp(word, kinds[k].word) != 0)
		k++;
	return k;
}

static bool is_column(const struct map_words *w, const char *columns, unsigned word)
{
	return word <= strlen(columns) && strcmp(w->words[word], "never") != 0;
}

static void measure(const struct map_words *w, size_t widths[NUM_KINDS][MAX_COLUMNS])
{
	unsigned k = kind_of(w->words[0]);
	if (k == NUM_KINDS)
		return;
	for (unsigned i = 1; i < w->count && is_column(w, kinds[k].columns, i); i++) {
		size_t len = strlen(w->words[i]);
		if (len <= MAX_WIDTH && len > widths[k][i - 1])
			widths[k][i - 1] = len;
	}
}

static void print_column(struct text_buffer *out, const char *word, size_t width, char side, bool is_last)
{
	size_t len = strlen(word), pad = len < width ? width - len : 0;
	if (side == 'r')
		text_buffer_fill(out, ' ', pad);
	text_buffer_puts(out, word);
	if (side == 'l' && !is_last)
		text_buffer_fill(out, ' ', pad);
}

static void print_words(struct text_buffer *out, const struct map_words *w, size_t widths[NUM_KINDS][MAX_COLUMNS])
{
	unsigned k = kind_of(w->words[0]);
	const char *columns = k < NUM_KINDS ? kinds[k].columns : "";
	size_t num_columns = strlen(columns);
	print_column(out, w->words[0], k < NUM_KINDS ? FIRST_WIDTH : 0, 'l', w->count == 1);
	for (unsigned i = 1; i < w->count; i++) {
		bool in_column = is_column(w, columns, i);
		bool is_number = in_column && columns[i - 1] == 'r';
		bool follows = (is_number && i > 1 && columns[i - 2] == 'r') || i > num_columns + 1 || k == NUM_KINDS;
		text_buffer_fill(out, ' ', i == 1 || follows ? 1 : 2);
		print_column(
			out, w->words[i], in_column ? widths[k][i - 1] : 0, is_number ? 'r' : 'l', i + 1 == w->count);
	}
}

static void print_comment(struct text_buffer *out, const char *comment)
{
	size_t len = strlen(comment);
	while (len && (comment[len - 1] == ' ' || comment[len - 1] == '\t'))
		len--;
	text_buffer_put(out, comment, len);
}

static int fail(struct policy_map_error *error, int code, uint32_t line, uint32_t column, const char *message)
{
	if (error) {
		error->code = code;
		error->line = line;
		error->column = column;
		snprintf(error->message, sizeof error->message, "%s", message);
	}
	return code;
}

/* Walks over a fresh copy of the text; with out NULL it only measures. */
static int walk(const struct carousel_allocator *a, const char *text, size_t len, size_t widths[NUM_KINDS][MAX_COLUMNS],
	struct text_buffer *out, struct policy_map_error *error)
{
	char *copy = memory_copy_string(a, text, len);
	struct map_words w;
	uint32_t column = 0;
	int result;
	if (copy == NULL)
		return fail(error, CAROUSEL_E_MEMORY, 0, 0, carousel_strerror(CAROUSEL_E_MEMORY));
	map_words_init(&w, copy, len);
	while ((result = map_words_next(&w, &column)) == 0) {
		if (w.is_overfull) {
			result = fail(error, CAROUSEL_E_LIMIT, w.number, 0, "too many words");
			break;
		}
		if (out == NULL) {
			if (w.count)
				measure(&w, widths);
			continue;
		}
		if (w.count)
			print_words(out, &w, widths);
		if (w.comment && w.count)
			text_buffer_puts(out, "  ");
		if (w.comment)
			print_comment(out, w.comment);
		text_buffer_puts(out, "\n");
	}
	if (result == CAROUSEL_E_SYNTAX)
		fail(error, result, w.number, column, "a control character");
	memory_free(a, copy);
	return result == CAROUSEL_E_NOT_FOUND ? 0 : result;
}

int policy_map_format(const struct carousel_allocator *a, const char *text, size_t len, char **out, size_t *out_len,
	struct policy_map_error *error)
{
	size_t widths[NUM_KINDS][MAX_COLUMNS] = {{0}};
	struct text_buffer buffer;
	int result;
	if (len > POLICY_MAP_MAX_BYTES)
		return fail(error, CAROUSEL_E_LIMIT, 0, 0, "the file is too large");
	text_buffer_init(&buffer, a, POLICY_MAP_MAX_BYTES);
	result = walk(a, text, len, widths, NULL, error);
	if (result == 0)
		result = walk(a, text, len, widths, &buffer, error);
	if (result) {
		text_buffer_deinit(&buffer);
		return result;
	}
	result = text_buffer_take(&buffer, out, out_len);
	return result ? fail(error, result, 0, 0, carousel_strerror(result)) : 0;
}
