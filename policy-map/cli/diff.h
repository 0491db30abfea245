/* diff.h - what differs between two maps: lines, and what boxes would do. */
#ifndef POLICY_MAP_CLI_DIFF_H
#define POLICY_MAP_CLI_DIFF_H

#include "policy-map/cli/document.h"

/* Prints "- line" and "+ line" for the lines of one text that the other has not, comments and blanks set aside, in the
 * order of the files; `changes`, when not NULL, gets an array of objects instead. */
int diff_lines(const struct cli *, const char *old_text, size_t old_len, const char *new_text, size_t new_len,
	json_t *changes);

#endif
