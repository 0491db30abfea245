#include "policy-map/manifest.h"

#include "common/carousel_error.h"
#include "common/json_fields.h"
#include "policy-map/chunk_index.h"
#include "policy-map/policy_map.h"

#include <string.h>

static int parse_oti(struct fec_oti *oti, const json_t *json, const struct fec_limits *limits)
{
	struct json_fields f;
	uint32_t blocks;
	int result;
	json_fields_init(&f, json);
	memset(oti, 0, sizeof *oti);
	oti->encoding_id = (uint8_t)json_fields_u64(&f, "id", 0, UINT8_MAX);
	oti->instance_id = (uint16_t)json_fields_u64_or(&f, "instance", 0, UINT16_MAX, 0);
	oti->transfer_length = json_fields_u64(&f, "F", 1, MANIFEST_MAX_IMAGE_BYTES * 2);
	oti->symbol_size = (uint16_t)json_fields_u64(&f, "T", 1, UINT16_MAX);
	blocks = oti->num_blocks = (uint32_t)json_fields_u64(&f, "Z", 1, UINT32_MAX);
	oti->num_sub_blocks = (uint16_t)json_fields_u64_or(&f, "N", 1, UINT16_MAX, 1);
	oti->alignment = (uint8_t)json_fields_u64_or(&f, "Al", 1, UINT8_MAX, 1);
	oti->max_block_symbols = (uint32_t)json_fields_u64_or(&f, "B", 1, UINT32_MAX, 0);
	oti->max_encoding_symbols = (uint32_t)json_fields_u64_or(&f, "n", 1, UINT32_MAX, 0);
	if (f.error)
		return f.error;
	result = fec_oti_check(oti, limits);
	return result == 0 && oti->num_blocks != blocks ? CAROUSEL_E_OTI : result;
}

static int parse_layout(struct manifest *m, struct json_fields *f, const struct fec_limits *limits)
{
	uint64_t size = json_fields_u64(f, "size", 1, MANIFEST_MAX_IMAGE_BYTES);
	const json_t *oti_json = json_fields_object(f, "oti");
	enum object_layout_kind kind;
	struct fec_oti oti;
	char name[16];
	int result;
	json_fields_string(f, "layout", name, sizeof name);
	if (f->error)
		return f->error;
	if (object_layout_parse(name, &kind) != 0)
		return CAROUSEL_E_UNSUPPORTED;
	result = parse_oti(&oti, oti_json, limits);
	return result ? result : object_layout_init(&m->layout, kind, &oti, size);
}

static int parse_index(struct manifest *m, const json_t *json)
{
	struct json_fields f;
	json_fields_init(&f, json);
	m->index_chunk_bytes = (uint32_t)json_fields_u64(&f, "chunk", 1, UINT32_MAX);
	json_fields_hex(&f, "sha256", m->index_sha256, sizeof m->index_sha256);
	m->index_bytes = json_fields_u64(&f, "bytes", 1, INT64_MAX);
	if (f.error)
		return f.error;
	if (m->index_chunk_bytes != CHUNK_INDEX_CHUNK_BYTES)
		return CAROUSEL_E_UNSUPPORTED;
	return m->index_bytes == chunk_index_bytes(m->layout.image_bytes) ? 0 : CAROUSEL_E_RANGE;
}

const struct manifest_copy_map *manifest_copy_map(const struct manifest *m, uint32_t from_version)
{
	for (unsigned i = 0; i < m->num_copy_maps; i++)
		if (m->copy_maps[i].from_version == from_version)
			return &m->copy_maps[i];
	return NULL;
}

static int parse_copy_maps(struct manifest *m, const json_t *maps)
{
	const json_t *item;
	size_t i;
	json_array_foreach(maps, i, item)
	{
		struct manifest_copy_map *map = &m->copy_maps[i];
		struct json_fields f;
		json_fields_init(&f, item);
		map->from_version = (uint32_t)json_fields_u64(&f, "from_version", 1, POLICY_VERSION_MAX);
		json_fields_hex(&f, "from_sha256", map->from_sha256, sizeof map->from_sha256);
		json_fields_hex(&f, "sha256", map->sha256, sizeof map->sha256);
		if (f.error)
			return f.error;
		if (map->from_version == m->version || manifest_copy_map(m, map->from_version))
			return CAROUSEL_E_DUPLICATE;
		m->num_copy_maps++;
	}
	return 0;
}

static int parse_data_formats(struct manifest *m, const json_t *formats)
{
	const json_t *item;
	size_t i;
	json_array_foreach(formats, i, item)
	{
		json_int_t value = json_integer_value(item);
		if (!json_is_integer(item))
			return CAROUSEL_E_MALFORMED;
		if (value < 1 || value > UINT32_MAX)
			return CAROUSEL_E_RANGE;
		m->reads_data_formats[m->num_reads_data_formats++] = (uint32_t)value;
	}
	return 0;
}

/* The entry of a language, made when there is none; NULL past the limit. */
static struct manifest_text *text_of(struct manifest *m, const char *language)
{
	struct manifest_text *text = m->texts;
	for (; text < m->texts + m->num_texts; text++) {
		if (strcmp(text->language, language) == 0)
			return text;
	}
	if (m->num_texts == MANIFEST_MAX_LANGUAGES)
		return NULL;
	m->num_texts++;
	strcpy(text->language, language);
	return text;
}

static int parse_texts(struct manifest *m, struct json_fields *f, const char *name, bool is_title)
{
	const json_t *json = json_fields_has(f, name) ? json_fields_object(f, name) : NULL;
	const char *language;
	json_t *value;
	json_object_foreach((json_t *)(uintptr_t)json, language, value)
	{
		struct manifest_text *text;
		int result;
		if (strlen(language) >= MANIFEST_MAX_LANGUAGE_BYTES || !policy_is_name(language))
			return CAROUSEL_E_MALFORMED;
		text = text_of(m, language);
		if (text == NULL)
			return CAROUSEL_E_LIMIT;
		result = is_title ? json_fields_copy_text(value, false, text->title, sizeof text->title)
				  : json_fields_copy_text(value, true, text->notes, sizeof text->notes);
		if (result)
			return result;
	}
	return 0;
}

static int parse_members(struct manifest *m, struct json_fields *f, const struct fec_limits *limits)
{
	const json_t *index = json_fields_object(f, "index");
	const json_t *copy_maps = json_fields_array_or_null(f, "copy_maps", MANIFEST_MAX_COPY_MAPS);
	const json_t *formats = json_fields_array_or_null(f, "reads_data_formats", MANIFEST_MAX_DATA_FORMATS);
	int result;
	json_fields_string(f, "class", m->class_name, sizeof m->class_name);
	m->version = (uint32_t)json_fields_u64(f, "version", 1, POLICY_VERSION_MAX);
	json_fields_string_or_empty(f, "label", m->label, sizeof m->label);
	json_fields_hex(f, "sha256", m->sha256, sizeof m->sha256);
	m->hardware_floor = (uint32_t)json_fields_u64_or(f, "hardware_floor", 0, POLICY_VERSION_MAX, 0);
	m->data_format = (uint32_t)json_fields_u64_or(f, "data_format", 0, UINT32_MAX, 0);
	m->minutes = (uint32_t)json_fields_u64_or(f, "minutes", 0, 10000, 0);
	m->restart = json_fields_bool_or(f, "restart", false);
	if (f->error)
		return f->error;
	if (!policy_is_name(m->class_name))
		return CAROUSEL_E_MALFORMED;
	result = parse_layout(m, f, limits);
	if (result == 0)
		result = parse_index(m, index);
	if (result == 0)
		result = parse_copy_maps(m, copy_maps);
	if (result == 0)
		result = parse_data_formats(m, formats);
	if (result == 0)
		result = parse_texts(m, f, "title", true);
	if (result == 0)
		result = parse_texts(m, f, "notes", false);
	return result ? result : f->error;
}

int manifest_parse(struct manifest *m, const uint8_t *payload, size_t len, const struct fec_limits *limits)
{
	struct json_fields f;
	json_t *json;
	int result = json_fields_load(payload, len, MANIFEST_MAX_BYTES, &json);
	memset(m, 0, sizeof *m);
	if (result)
		return result;
	json_fields_init(&f, json);
	result = f.error ? f.error : parse_members(m, &f, limits);
	json_decref(json);
	return result;
}

static json_t *print_oti(const struct fec_oti *oti)
{
	json_t *json = json_pack("{s:i,s:i,s:I,s:i,s:I,s:i,s:i}", "id", (int)oti->encoding_id, "instance",
		(int)oti->instance_id, "F", (json_int_t)oti->transfer_length, "T", (int)oti->symbol_size, "Z",
		(json_int_t)oti->num_blocks, "N", (int)oti->num_sub_blocks, "Al", (int)oti->alignment);
	if (oti->encoding_id != FEC_RAPTORQ)
		json_fields_set(&json, "B", json_integer(oti->max_block_symbols));
	if (oti->max_encoding_symbols)
		json_fields_set(&json, "n", json_integer(oti->max_encoding_symbols));
	return json;
}

static json_t *print_copy_maps(const struct manifest *m)
{
	char from[HASH_SHA256_HEX + 1], own[HASH_SHA256_HEX + 1];
	json_t *maps = json_array();
	for (unsigned i = 0; i < m->num_copy_maps; i++) {
		const struct manifest_copy_map *map = &m->copy_maps[i];
		json_fields_append(&maps, json_pack("{s:I,s:s,s:s}", "from_version", (json_int_t)map->from_version,
						  "from_sha256", hash_hex(from, map->from_sha256, HASH_SHA256_BYTES),
						  "sha256", hash_hex(own, map->sha256, HASH_SHA256_BYTES)));
	}
	return maps;
}

static void print_texts(json_t **json, const struct manifest *m)
{
	json_t *titles = json_object(), *notes = json_object();
	for (unsigned i = 0; i < m->num_texts; i++) {
		const struct manifest_text *text = &m->texts[i];
		if (text->title[0])
			json_fields_set(&titles, text->language, json_string(text->title));
		if (text->notes[0])
			json_fields_set(&notes, text->language, json_string(text->notes));
	}
	json_fields_set(json, "title", titles);
	json_fields_set(json, "notes", notes);
}

static bool has_only_utf8(const struct manifest *m)
{
	json_t *label = json_string(m->label);
	bool good = label != NULL;
	json_decref(label);
	for (unsigned i = 0; i < m->num_texts && good; i++) {
		json_t *title = json_string(m->texts[i].title), *notes = json_string(m->texts[i].notes);
		good = title && notes;
		json_decref(title);
		json_decref(notes);
	}
	return good;
}

int manifest_print(const struct carousel_allocator *a, const struct manifest *m, char **payload, size_t *len)
{
	char sha256[HASH_SHA256_HEX + 1], index_sha256[HASH_SHA256_HEX + 1];
	json_t *json, *formats;
	if (!has_only_utf8(m))
		return CAROUSEL_E_MALFORMED;
	json = json_pack("{s:s,s:I,s:s,s:I,s:s,s:s,s:o,s:{s:I,s:s,s:I},s:o,s:I,s:I}", "class", m->class_name, "version",
		(json_int_t)m->version, "label", m->label, "size", (json_int_t)m->layout.image_bytes, "sha256",
		hash_hex(sha256, m->sha256, HASH_SHA256_BYTES), "layout", object_layout_name(m->layout.kind), "oti",
		print_oti(&m->layout.oti), "index", "chunk", (json_int_t)m->index_chunk_bytes, "sha256",
		hash_hex(index_sha256, m->index_sha256, HASH_SHA256_BYTES), "bytes", (json_int_t)m->index_bytes,
		"copy_maps", print_copy_maps(m), "hardware_floor", (json_int_t)m->hardware_floor, "data_format",
		(json_int_t)m->data_format);
	formats = json_array();
	for (unsigned i = 0; i < m->num_reads_data_formats; i++)
		json_fields_append(&formats, json_integer(m->reads_data_formats[i]));
	json_fields_set(&json, "reads_data_formats", formats);
	print_texts(&json, m);
	json_fields_set(&json, "minutes", json_integer(m->minutes));
	json_fields_set(&json, "restart", json_boolean(m->restart));
	return json_fields_print(a, json, payload, len);
}

static const struct manifest_text *find_text(const struct manifest *m, const char *language, size_t len)
{
	for (unsigned i = 0; i < m->num_texts; i++) {
		if (strlen(m->texts[i].language) == len && memcmp(m->texts[i].language, language, len) == 0)
			return &m->texts[i];
	}
	return NULL;
}

const struct manifest_text *manifest_text(const struct manifest *m, const char *language)
{
	const struct manifest_text *text = find_text(m, language, strlen(language));
	if (text == NULL)
		text = find_text(m, language, strcspn(language, "-"));
	if (text == NULL)
		text = find_text(m, "en", 2);
	if (text == NULL && m->num_texts)
		text = &m->texts[0];
	return text;
}

bool manifest_has_data_format(const struct manifest *m, uint32_t format)
{
	bool found = format == 0 || format == m->data_format;
	for (unsigned i = 0; i < m->num_reads_data_formats && !found; i++)
		found = m->reads_data_formats[i] == format;
	return found;
}
