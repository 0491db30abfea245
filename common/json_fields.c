#include "common/json_fields.h"

#include "common/carousel_error.h"
#include "common/hash.h"

#include <string.h>

int json_fields_load(const void *text, size_t len, size_t limit, json_t **root)
{
	json_error_t error;
	*root = NULL;
	if (len > limit)
		return CAROUSEL_E_LIMIT;
	*root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	if (*root)
		return 0;
	return json_error_code(&error) == json_error_out_of_memory ? CAROUSEL_E_MEMORY : CAROUSEL_E_SYNTAX;
}

void json_fields_init(struct json_fields *f, const json_t *object)
{
	f->object = object;
	f->member = NULL;
	f->error = json_is_object(object) ? 0 : CAROUSEL_E_MALFORMED;
}

void json_fields_fail_at(struct json_fields *f, const char *member, int error)
{
	if (f->error)
		return;
	f->error = error;
	f->member = member;
}

void json_fields_fail(struct json_fields *f, int error)
{
	json_fields_fail_at(f, NULL, error);
}

bool json_fields_has(const struct json_fields *f, const char *name)
{
	return json_object_get(f->object, name) != NULL;
}

uint64_t json_fields_u64(struct json_fields *f, const char *name, uint64_t min, uint64_t max)
{
	const json_t *value = json_object_get(f->object, name);
	json_int_t number = json_integer_value(value);
	if (!json_is_integer(value))
		json_fields_fail_at(f, name, CAROUSEL_E_MALFORMED);
	else if (number < 0 || (uint64_t)number < min || (uint64_t)number > max)
		json_fields_fail_at(f, name, CAROUSEL_E_RANGE);
	return f->error ? min : (uint64_t)number;
}

uint64_t json_fields_u64_or(struct json_fields *f, const char *name, uint64_t min, uint64_t max, uint64_t otherwise)
{
	return json_fields_has(f, name) ? json_fields_u64(f, name, min, max) : otherwise;
}

bool json_fields_bool_or(struct json_fields *f, const char *name, bool otherwise)
{
	const json_t *value = json_object_get(f->object, name);
	if (value == NULL)
		return otherwise;
	if (!json_is_boolean(value))
		json_fields_fail_at(f, name, CAROUSEL_E_MALFORMED);
	return json_is_true(value);
}

int json_fields_copy_text(const json_t *str, bool lines_allowed, char *out, size_t cap)
{
	const char *text = json_string_value(str);
	size_t len = json_string_length(str);
	out[0] = '\0';
	if (text == NULL)
		return CAROUSEL_E_MALFORMED;
	if (len >= cap)
		return CAROUSEL_E_LIMIT;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		if ((c < 0x20 && !(lines_allowed && c == '\n')) || c == 0x7f)
			return CAROUSEL_E_MALFORMED;
	}
	memcpy(out, text, len);
	out[len] = '\0';
	return 0;
}

void json_fields_string(struct json_fields *f, const char *name, char *out, size_t cap)
{
	int result = json_fields_copy_text(json_object_get(f->object, name), false, out, cap);
	if (result)
		json_fields_fail_at(f, name, result);
}

void json_fields_string_or_empty(struct json_fields *f, const char *name, char *out, size_t cap)
{
	out[0] = '\0';
	if (json_fields_has(f, name))
		json_fields_string(f, name, out, cap);
}

void json_fields_hex(struct json_fields *f, const char *name, uint8_t *out, size_t len)
{
	const json_t *value = json_object_get(f->object, name);
	memset(out, 0, len);
	if (!json_is_string(value) ||
		hash_parse_hex(json_string_value(value), json_string_length(value), out, len) != 0)
		json_fields_fail_at(f, name, CAROUSEL_E_MALFORMED);
}

const json_t *json_fields_object(struct json_fields *f, const char *name)
{
	const json_t *value = json_object_get(f->object, name);
	if (!json_is_object(value)) {
		json_fields_fail_at(f, name, CAROUSEL_E_MALFORMED);
		return NULL;
	}
	return value;
}

const json_t *json_fields_array(struct json_fields *f, const char *name, size_t max)
{
	const json_t *value = json_object_get(f->object, name);
	if (!json_is_array(value)) {
		json_fields_fail_at(f, name, CAROUSEL_E_MALFORMED);
		return NULL;
	}
	if (json_array_size(value) > max) {
		json_fields_fail_at(f, name, CAROUSEL_E_LIMIT);
		return NULL;
	}
	return value;
}

const json_t *json_fields_array_or_null(struct json_fields *f, const char *name, size_t max)
{
	return json_fields_has(f, name) ? json_fields_array(f, name, max) : NULL;
}

static void release_on(json_t **json, int failed)
{
	if (failed) {
		json_decref(*json);
		*json = NULL;
	}
}

void json_fields_make_utf8(char *text)
{
	size_t len = strlen(text);
	bool is_utf8;
	json_t *json = json_stringn_nocheck(text, len), *checked = json_stringn(text, len);
	is_utf8 = json == NULL || checked != NULL; /* without memory nobody can tell, and nothing is printed */
	json_decref(json);
	json_decref(checked);
	for (char *c = text; !is_utf8 && *c; c++) {
		if ((unsigned char)*c >= 0x80)
			*c = '?';
	}
}

void json_fields_set(json_t **object, const char *name, json_t *value)
{
	release_on(object, json_object_set_new(*object, name, value));
}

void json_fields_append(json_t **array, json_t *value)
{
	release_on(array, json_array_append_new(*array, value));
}

int json_fields_print(const struct carousel_allocator *a, json_t *root, char **text, size_t *len)
{
	size_t size = root ? json_dumpb(root, NULL, 0, JSON_COMPACT) : 0;
	char *out = size ? memory_alloc(a, size + 1, 1) : NULL;
	int result = 0;
	if (out == NULL || json_dumpb(root, out, size, JSON_COMPACT) != size) {
		memory_free(a, out);
		result = CAROUSEL_E_MEMORY;
	} else {
		*text = out;
		*len = size;
	}
	json_decref(root);
	return result;
}
