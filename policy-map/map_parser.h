/* map_parser.h - the state of one parse of a map, between policy_map.c (the file) and map_line.c (its lines). */
#ifndef POLICY_MAP_MAP_PARSER_H
#define POLICY_MAP_MAP_PARSER_H

#include "policy-map/map_words.h"
#include "policy-map/policy_map.h"

/* In place of 0 for a line that is to be treated as absent. */
#define MAP_LINE_ABSENT 1

struct map_parser {
	const struct carousel_allocator *allocator;
	struct policy_map *map;
	bool strict;
	const char *only_box_id;
	struct policy_map_error *error;
	const struct policy_map_options *options; /* may be NULL */
	struct map_words line;
	unsigned seen; /* header lines, a bit each */
	size_t cap_sessions, cap_rows, cap_members, cap_overrides, cap_flags, cap_images;
};

/* Takes the words of one line into the map: 0, MAP_LINE_ABSENT, or an error that has been described. */
int map_line_parse(struct map_parser *);
/* All header lines that must be there are. */
int map_line_check_header(struct map_parser *);

/* Describes an error at a word (or, with a number past the last, behind it), once, and returns the code. */
int map_parser_fail(struct map_parser *, int code, unsigned word, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#endif
