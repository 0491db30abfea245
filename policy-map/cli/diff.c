#include "policy-map/cli/diff.h"

#include "common/carousel_error.h"
#include "policy-map/map_words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct diff_line {
	char *text; /* words with one blank between, NUL-terminated, within the copy */
	uint32_t number;
};

struct diff_side {
	char *copy;
	struct diff_line *lines;
	size_t count, cap;
	const struct diff_line **sorted;
};

/* Joins the words in place: they only ever move towards the beginning. */
static char *join(struct map_words *w)
{
	char *out = w->words[0], *end = out;
	for (unsigned i = 0; i < w->count; i++) {
		size_t len = strlen(w->words[i]);
		if (i)
			*end++ = ' ';
		memmove(end, w->words[i], len);
		end += len;
	}
	*end = '\0';
	return out;
}

static int compare_text(const void *a, const void *b)
{
	return strcmp((*(const struct diff_line *const *)a)->text, (*(const struct diff_line *const *)b)->text);
}

static int read_side(struct diff_side *s, const char *text, size_t len)
{
	struct map_words w;
	uint32_t column;
	memset(s, 0, sizeof *s);
	s->copy = memory_copy_string(NULL, text, len);
	if (s->copy == NULL)
		return CAROUSEL_E_MEMORY;
	map_words_init(&w, s->copy, len);
	while (map_words_next(&w, &column) == 0) {
		int result;
		if (w.count == 0)
			continue;
		result = memory_grow(
			NULL, (void **)&s->lines, &s->cap, s->count, sizeof *s->lines, POLICY_MAP_MAX_BYTES);
		if (result)
			return result;
		s->lines[s->count++] = (struct diff_line){join(&w), w.number};
	}
	s->sorted = memory_alloc(NULL, s->count, sizeof *s->sorted);
	if (s->sorted == NULL)
		return CAROUSEL_E_MEMORY;
	for (size_t i = 0; i < s->count; i++)
		s->sorted[i] = &s->lines[i];
	if (s->count)
		qsort(s->sorted, s->count, sizeof *s->sorted, compare_text);
	return 0;
}

static void free_side(struct diff_side *s)
{
	memory_free(NULL, s->copy);
	memory_free(NULL, s->lines);
	memory_free(NULL, s->sorted);
}

static void print_missing(const struct diff_side *have, const struct diff_side *other, char sign, json_t *changes)
{
	for (size_t i = 0; i < have->count; i++) {
		const struct diff_line *line = &have->lines[i];
		if (other->count && bsearch(&line, other->sorted, other->count, sizeof *other->sorted, compare_text))
			continue;
		if (changes)
			json_array_append_new(
				changes, json_pack("{s:s,s:I,s:s}", "change", sign == '+' ? "added" : "removed", "line",
						 (json_int_t)line->number, "text", line->text));
		else
			printf("%c %5u  %s\n", sign, line->number, line->text);
	}
}

int diff_lines(const struct cli *cli, const char *old_text, size_t old_len, const char *new_text, size_t new_len,
	json_t *changes)
{
	struct diff_side before = {0}, after = {0};
	int result = read_side(&before, old_text, old_len);
	if (result == 0)
		result = read_side(&after, new_text, new_len);
	if (result == 0) {
		print_missing(&before, &after, '-', changes);
		print_missing(&after, &before, '+', changes);
	}
	free_side(&before);
	free_side(&after);
	return result ? cli_fail(cli, "%s", carousel_strerror(result)) : CLI_OK;
}
