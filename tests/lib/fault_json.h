/* fault_json.h - makes the n-th allocation of jansson fail, for all n. */
#ifndef TESTS_LIB_FAULT_JSON_H
#define TESTS_LIB_FAULT_JSON_H

#include <stddef.h>

/* Runs `attempt` again and again while the n-th allocation of jansson fails, n = 1, 2, ..., first with all later ones,
 * then alone, until none was refused, which must return 0. A run in which one was refused must return an error, or 0
 * with the very text of the run that went through; nothing may stay allocated. attempt leaves a text in *text
 * (malloced, NUL-terminated; or NULL). Returns the number of allocations. */
unsigned fault_json_all(int (*attempt)(void *user, char **text), void *user);

#endif
