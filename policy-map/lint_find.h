/* lint_find.h - what the sources of lint share: findings, and where in the text they are. */
#ifndef POLICY_MAP_LINT_FIND_H
#define POLICY_MAP_LINT_FIND_H

#include "policy-map/lint.h"

#include <stddef.h>

/* Words of a map line, an override and an image line, from 0. */
#define WORD_CURRENT  5u
#define WORD_MAXIMUM  6u
#define WORD_MINIMUM  3u
#define WORD_OPTIONS  7u
#define WORD_CATEGORY 2u
#define WORD_VERSION  2u
#define WORD_DIGEST   3u

struct lint {
	const struct policy_map *map;
	const struct lint_context *context;
	const char *text;
	size_t len;
	uint32_t *starts; /* of lines in the text; starts[0] of line 1; owned */
	uint32_t num_lines;
	unsigned errors, warnings;
};

/* At a word of a line; line 0: the file as a whole. A word that is not there is the line's beginning. */
__attribute__((format(printf, 5, 6))) void lint_find(
	struct lint *, enum lint_code, uint32_t line, unsigned word, const char *format, ...);
/* At the word that begins so, "ramp=". */
__attribute__((format(printf, 5, 6))) void lint_find_option(
	struct lint *, enum lint_code, uint32_t line, const char *option, const char *format, ...);
/* At the byte `at` of the text. */
__attribute__((format(printf, 4, 5))) void lint_find_byte(
	struct lint *, enum lint_code, size_t at, const char *format, ...);
/* The line that begins with this word; 0: there is none. */
uint32_t lint_header_line(const struct lint *, const char *word);

/* Roll-outs: ramps, the fleet, serial and expiry. */
void lint_rollout(struct lint *);

/* Images, their manifests, and what can be recalled to what. */
void lint_images(struct lint *);

#endif
