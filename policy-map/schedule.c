#include "policy-map/schedule.h"

#include "common/carousel_error.h"
#include "common/json_fields.h"
#include "policy-map/policy_map.h"

#include <string.h>

static int parse_object(struct schedule_object *o, const json_t *json)
{
	struct json_fields f;
	json_fields_init(&f, json);
	json_fields_string(&f, "role", o->role, sizeof o->role);
	json_fields_string_or_empty(&f, "class", o->class_name, sizeof o->class_name);
	o->version = (uint32_t)json_fields_u64_or(&f, "version", 1, POLICY_VERSION_MAX, 0);
	if (json_fields_has(&f, "sha256"))
		json_fields_hex(&f, "sha256", o->sha256, sizeof o->sha256);
	o->share_ppm = (uint32_t)json_fields_u64(&f, "share", 0, 1000000);
	o->cycle_s = (uint32_t)json_fields_u64(&f, "cycle_s", 0, UINT32_MAX);
	o->from_s = json_fields_u64_or(&f, "from", 1, INT64_MAX, 0);
	return f.error;
}

static int parse_objects(const struct carousel_allocator *a, struct schedule *s, const json_t *objects)
{
	size_t i;
	const json_t *item;
	s->objects = memory_alloc(a, json_array_size(objects), sizeof *s->objects);
	if (s->objects == NULL)
		return CAROUSEL_E_MEMORY;
	json_array_foreach(objects, i, item)
	{
		int result = parse_object(&s->objects[i], item);
		if (result)
			return result;
	}
	s->num_objects = json_array_size(objects);
	return 0;
}

int schedule_parse(const struct carousel_allocator *a, struct schedule *s, const uint8_t *payload, size_t len)
{
	struct json_fields f;
	const json_t *objects;
	json_t *json;
	int result = json_fields_load(payload, len, SCHEDULE_MAX_BYTES, &json);
	memset(s, 0, sizeof *s);
	if (result)
		return result;
	json_fields_init(&f, json);
	s->sequence = json_fields_u64(&f, "sequence", 0, INT64_MAX);
	s->until_s = json_fields_u64(&f, "until", 0, INT64_MAX);
	objects = json_fields_array(&f, "objects", SCHEDULE_MAX_OBJECTS);
	result = f.error ? f.error : parse_objects(a, s, objects);
	json_decref(json);
	if (result)
		schedule_deinit(a, s);
	return result;
}

static json_t *print_object(const struct schedule_object *o)
{
	static const uint8_t none[HASH_SHA256_BYTES];
	char digest[HASH_SHA256_HEX + 1];
	json_t *json = json_pack("{s:s}", "role", o->role);
	if (o->class_name[0])
		json_fields_set(&json, "class", json_string(o->class_name));
	if (o->version)
		json_fields_set(&json, "version", json_integer(o->version));
	if (memcmp(o->sha256, none, sizeof none) != 0)
		json_fields_set(&json, "sha256", json_string(hash_hex(digest, o->sha256, HASH_SHA256_BYTES)));
	json_fields_set(&json, "share", json_integer(o->share_ppm));
	json_fields_set(&json, "cycle_s", json_integer(o->cycle_s));
	if (o->from_s)
		json_fields_set(&json, "from", json_integer((json_int_t)o->from_s));
	return json;
}

int schedule_print(const struct carousel_allocator *a, const struct schedule *s, char **payload, size_t *len)
{
	json_t *objects = json_array();
	if (s->num_objects > SCHEDULE_MAX_OBJECTS || s->sequence > INT64_MAX || s->until_s > INT64_MAX) {
		json_decref(objects);
		return CAROUSEL_E_ARGUMENT;
	}
	for (size_t i = 0; i < s->num_objects; i++)
		json_fields_append(&objects, print_object(&s->objects[i]));
	return json_fields_print(a,
		json_pack("{s:I,s:I,s:o}", "sequence", (json_int_t)s->sequence, "until", (json_int_t)s->until_s,
			"objects", objects),
		payload, len);
}

void schedule_deinit(const struct carousel_allocator *a, struct schedule *s)
{
	memory_free(a, s->objects);
	memset(s, 0, sizeof *s);
}
