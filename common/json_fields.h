/* json_fields.h - reading the members of a JSON object with bounds and a sticky error.
 *
 * A parser reads all its fields and asks for the error once. Members that nobody asks for are skipped. */
#ifndef COMMON_JSON_FIELDS_H
#define COMMON_JSON_FIELDS_H

#include "common/memory.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_fields {
	const json_t *object; /* borrowed */
	int error;            /* 0, MALFORMED (missing, other type), RANGE, LIMIT (too long) */
	const char *member;   /* that the error is about, as it was asked for; NULL: the object as a whole */
};

/* Parses one document; duplicate members are refused. *root is released by json_decref.
 * Errors: LIMIT, SYNTAX, MEMORY. */
int json_fields_load(const void *text, size_t len, size_t limit, json_t **root);
void json_fields_init(struct json_fields *, const json_t *object);
bool json_fields_has(const struct json_fields *, const char *name);
uint64_t json_fields_u64(struct json_fields *, const char *name, uint64_t min, uint64_t max);
/* `otherwise` when the member is missing. */
uint64_t json_fields_u64_or(struct json_fields *, const char *name, uint64_t min, uint64_t max, uint64_t otherwise);
bool json_fields_bool_or(struct json_fields *, const char *name, bool otherwise);
/* Copies a string without control characters to out[cap]; empty strings are legal. */
void json_fields_string(struct json_fields *, const char *name, char *out, size_t cap);
/* "" when the member is missing. */
void json_fields_string_or_empty(struct json_fields *, const char *name, char *out, size_t cap);
/* `len` bytes as 2 * len lower-case hex digits. */
void json_fields_hex(struct json_fields *, const char *name, uint8_t *out, size_t len);
/* A member that is an object or an array of at most `max` elements; NULL with the error set. Borrowed. */
const json_t *json_fields_object(struct json_fields *, const char *name);
const json_t *json_fields_array(struct json_fields *, const char *name, size_t max);
/* An empty array when the member is missing: NULL without an error. */
const json_t *json_fields_array_or_null(struct json_fields *, const char *name, size_t max);
void json_fields_fail(struct json_fields *, int error);
void json_fields_fail_at(struct json_fields *, const char *member, int error);

/* Copies str, at most cap - 1 bytes and no control characters but, on wish, line ends. 0, LIMIT or MALFORMED. */
int json_fields_copy_text(const json_t *str, bool lines_allowed, char *out, size_t cap);

/* A path may hold any bytes, JSON only UTF-8: makes each byte above 0x7f of a text that is not UTF-8 a question mark.
 */
void json_fields_make_utf8(char *text);

/* A member, an element: `value` is taken over. When there is no memory for either, *object or *array is released and
 * becomes NULL, which further calls, json_pack() and json_fields_print() take as that: so nothing is printed in part.
 */
void json_fields_set(json_t **object, const char *name, json_t *value);
void json_fields_append(json_t **array, json_t *value);

/* Compact text in the order of insertion, NUL-terminated, from the allocator. Takes over `root`, which may be NULL
 * (json_pack had no memory). Errors: MEMORY. */
int json_fields_print(const struct carousel_allocator *, json_t *root, char **text, size_t *len);

#endif
