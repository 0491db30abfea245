#include "policy-map/map_words.h"

#include "common/carousel_error.h"

#include <string.h>

void map_words_init(struct map_words *w, char *text, size_t len)
{
	memset(w, 0, sizeof *w);
	w->next = text;
	w->left = len;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static int check_characters(const char *line, size_t len, uint32_t *column)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)line[i];
		if ((c < 0x20 && c != '\t') || c == 0x7f) {
			*column = (uint32_t)i + 1;
			return CAROUSEL_E_SYNTAX;
		}
	}
	return 0;
}

static void cut_words(struct map_words *w, char *line)
{
	char *p = line;
	for (;;) {
		while (is_blank(*p))
			p++;
		if (*p == '\0')
			return;
		if (*p == '#') {
			w->comment = p;
			w->comment_column = (uint32_t)(p - line) + 1;
			return;
		}
		if (w->count == POLICY_MAP_MAX_WORDS) {
			w->is_overfull = true;
			return;
		}
		w->words[w->count] = p;
		w->columns[w->count++] = (uint32_t)(p - line) + 1;
		while (*p && !is_blank(*p))
			p++;
		if (*p)
			*p++ = '\0';
	}
}

int map_words_next(struct map_words *w, uint32_t *column)
{
	char *line = w->next, *end;
	size_t len;
	if (w->left == 0)
		return CAROUSEL_E_NOT_FOUND;
	end = memchr(line, '\n', w->left);
	len = end ? (size_t)(end - line) : w->left;
	w->next += end ? len + 1 : len;
	w->left -= end ? len + 1 : len;
	w->number++;
	w->count = 0;
	w->comment = NULL;
	w->is_overfull = false;
	if (check_characters(line, len, column) != 0)
		return CAROUSEL_E_SYNTAX;
	line[len] = '\0';
	cut_words(w, line);
	return 0;
}
