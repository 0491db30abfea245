/* map_words.h - the lowest grammar of a map: lines of words, blanks between them, '#' at the start of a word
 * begins a comment. Works in place on a text that may be written to. */
#ifndef POLICY_MAP_MAP_WORDS_H
#define POLICY_MAP_MAP_WORDS_H

#include "policy-map/policy_map.h"

struct map_words {
	char *next; /* within the text */
	size_t left;
	uint32_t number; /* of the line last taken, from 1 */
	unsigned count;
	char *words[POLICY_MAP_MAX_WORDS]; /* NUL-terminated in place */
	uint32_t columns[POLICY_MAP_MAX_WORDS];
	uint32_t comment_column;
	char *comment;    /* with its '#', NUL-terminated; NULL: none */
	bool is_overfull; /* there are more words than are kept */
};

/* text: len bytes and a NUL that may be overwritten. */
void map_words_init(struct map_words *, char *text, size_t len);
/* Takes the next line. 0, NOT_FOUND at the end, SYNTAX with *column for a control character other than tab. */
int map_words_next(struct map_words *, uint32_t *column);

#endif
