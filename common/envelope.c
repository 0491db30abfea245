#include "common/envelope.h"

#include "common/carousel_error.h"
#include "common/hash.h"

#include <jansson.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define PAE_HEAD_BYTES (ENVELOPE_MAX_TYPE_BYTES + 40u)
#define BASE64         sodium_base64_VARIANT_ORIGINAL

static bool envelope_is_type(const char *type, size_t len)
{
	if (len == 0 || len >= ENVELOPE_MAX_TYPE_BYTES)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (type[i] <= ' ' || type[i] >= 0x7f || type[i] == '"' || type[i] == '\\')
			return false;
	}
	return true;
}

/* Writes type and PAE head and gives the place for the payload, which need not be known yet. */
static int envelope_prepare(
	const struct carousel_allocator *a, struct envelope *e, const char *type, size_t payload_len, uint8_t **payload)
{
	char head[PAE_HEAD_BYTES];
	size_t head_len;
	memset(e, 0, sizeof *e);
	if (payload_len > ENVELOPE_MAX_PAYLOAD_BYTES)
		return CAROUSEL_E_LIMIT;
	snprintf(e->type, sizeof e->type, "%s", type);
	head_len = (size_t)snprintf(head, sizeof head, "DSSEv1 %zu %s %zu ", strlen(type), type, payload_len);
	e->signed_len = head_len + payload_len;
	e->signed_bytes = memory_alloc(a, e->signed_len + 1, 1);
	if (e->signed_bytes == NULL)
		return CAROUSEL_E_MEMORY;
	memcpy(e->signed_bytes, head, head_len);
	e->payload_len = payload_len;
	e->payload = *payload = e->signed_bytes + head_len;
	return 0;
}

int envelope_init(
	const struct carousel_allocator *a, struct envelope *e, const char *type, const void *payload, size_t len)
{
	uint8_t *place;
	int result;
	memset(e, 0, sizeof *e);
	if (!envelope_is_type(type, strlen(type)))
		return CAROUSEL_E_ARGUMENT;
	result = envelope_prepare(a, e, type, len, &place);
	if (result == 0 && len)
		memcpy(place, payload, len);
	return result;
}

void envelope_deinit(const struct carousel_allocator *a, struct envelope *e)
{
	memory_free(a, e->signed_bytes);
	memset(e, 0, sizeof *e);
}

/* Strict base64 of known decoded length bounds: no blanks, padding, zero spare bits. */
static int base64_decode(const char *text, size_t len, uint8_t *out, size_t cap, size_t *out_len)
{
	const char *end = NULL;
	if (len % 4 || sodium_base642bin(out, cap, text, len, NULL, out_len, &end, BASE64) != 0 || end != text + len)
		return CAROUSEL_E_MALFORMED;
	return 0;
}

static int base64_length(const char *text, size_t len, size_t *out_len)
{
	if (len % 4)
		return CAROUSEL_E_MALFORMED;
	*out_len = len / 4 * 3;
	if (len && text[len - 1] == '=')
		*out_len -= text[len - 2] == '=' ? 2 : 1;
	return 0;
}

/* A signature that no key type of ours could have made is passed over: it may be of a newer kind. */
static int envelope_parse_signature(struct envelope *e, const json_t *item)
{
	const json_t *id = json_object_get(item, "keyid"), *sig = json_object_get(item, "sig");
	struct envelope_signature *s;
	size_t len;
	if (!json_is_object(item) || !json_is_string(sig))
		return CAROUSEL_E_MALFORMED;
	if (e->num_signatures + e->num_skipped >= ENVELOPE_MAX_SIGNATURES)
		return CAROUSEL_E_LIMIT;
	s = &e->signatures[e->num_signatures];
	if (!json_is_string(id) ||
		hash_parse_hex(json_string_value(id), json_string_length(id), s->key_id, KEY_ID_BYTES) != 0 ||
		base64_decode(json_string_value(sig), json_string_length(sig), s->bytes, sizeof s->bytes, &len) != 0) {
		e->num_skipped++;
		return 0;
	}
	s->len = (uint8_t)len;
	e->num_signatures++;
	return 0;
}

static int envelope_parse_members(const struct carousel_allocator *a, struct envelope *e, const json_t *root)
{
	const json_t *type = json_object_get(root, "payloadType"), *payload = json_object_get(root, "payload"),
		     *signatures = json_object_get(root, "signatures");
	const json_t *item;
	const char *text;
	size_t index, len, payload_len;
	uint8_t *place;
	int result;
	if (!json_is_string(type) || !json_is_string(payload) || !json_is_array(signatures) ||
		!envelope_is_type(json_string_value(type), json_string_length(type)))
		return CAROUSEL_E_MALFORMED;
	text = json_string_value(payload);
	len = json_string_length(payload);
	result = base64_length(text, len, &payload_len);
	if (result == 0)
		result = envelope_prepare(a, e, json_string_value(type), payload_len, &place);
	if (result == 0 && payload_len)
		result = base64_decode(text, len, place, payload_len, &payload_len);
	if (result == 0 && payload_len != e->payload_len)
		result = CAROUSEL_E_MALFORMED;
	json_array_foreach(signatures, index, item)
	{
		if (result == 0)
			result = envelope_parse_signature(e, item);
	}
	return result;
}

int envelope_parse(const struct carousel_allocator *a, struct envelope *e, const char *text, size_t len)
{
	json_error_t error;
	json_t *root;
	int result;
	memset(e, 0, sizeof *e);
	if (len > ENVELOPE_MAX_BYTES)
		return CAROUSEL_E_LIMIT;
	root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	if (root == NULL)
		return json_error_code(&error) == json_error_out_of_memory ? CAROUSEL_E_MEMORY : CAROUSEL_E_SYNTAX;
	result = envelope_parse_members(a, e, root);
	json_decref(root);
	if (result)
		envelope_deinit(a, e);
	return result;
}

int envelope_sign(struct envelope *e, const struct key_signer *signer)
{
	uint8_t bytes[KEY_MAX_SIGNATURE_BYTES];
	unsigned at = 0;
	size_t len = 0;
	int result;
	while (at < e->num_signatures && memcmp(e->signatures[at].key_id, signer->public_key.id, KEY_ID_BYTES) != 0)
		at++;
	if (at + e->num_skipped >= ENVELOPE_MAX_SIGNATURES)
		return CAROUSEL_E_LIMIT;
	result = signer->sign(signer->user, e->signed_bytes, e->signed_len, bytes, &len);
	if (result)
		return result;
	memcpy(e->signatures[at].key_id, signer->public_key.id, KEY_ID_BYTES);
	memcpy(e->signatures[at].bytes, bytes, len);
	e->signatures[at].len = (uint8_t)len;
	if (at == e->num_signatures)
		e->num_signatures++;
	return 0;
}

static size_t put(char *out, const char *text)
{
	size_t len = strlen(text);
	memcpy(out, text, len);
	return len;
}

static size_t put_base64(char *out, const uint8_t *bytes, size_t len)
{
	size_t cap = sodium_base64_ENCODED_LEN(len, BASE64);
	sodium_bin2base64(out, cap, bytes, len, BASE64);
	return cap - 1;
}

int envelope_print(const struct carousel_allocator *a, const struct envelope *e, char **text, size_t *len)
{
	size_t cap = 128 + strlen(e->type) + sodium_base64_ENCODED_LEN(e->payload_len, BASE64);
	size_t n = 0;
	char *out;
	cap += e->num_signatures * (32 + 2 * KEY_ID_BYTES + sodium_base64_ENCODED_LEN(KEY_MAX_SIGNATURE_BYTES, BASE64));
	out = memory_alloc(a, cap, 1);
	if (out == NULL)
		return CAROUSEL_E_MEMORY;
	n += put(out + n, "{\"payload\":\"");
	n += put_base64(out + n, e->payload, e->payload_len);
	n += put(out + n, "\",\"payloadType\":\"");
	n += put(out + n, e->type);
	n += put(out + n, "\",\"signatures\":[");
	for (unsigned i = 0; i < e->num_signatures; i++) {
		const struct envelope_signature *s = &e->signatures[i];
		n += put(out + n, i ? ",{\"keyid\":\"" : "{\"keyid\":\"");
		hash_hex(out + n, s->key_id, KEY_ID_BYTES);
		n += 2 * KEY_ID_BYTES;
		n += put(out + n, "\",\"sig\":\"");
		n += put_base64(out + n, s->bytes, s->len);
		n += put(out + n, "\"}");
	}
	n += put(out + n, "]}\n");
	out[n] = '\0';
	*text = out;
	*len = n;
	return 0;
}

static bool envelope_has_valid(const struct envelope *e, const struct key_public *key)
{
	for (unsigned i = 0; i < e->num_signatures; i++) {
		const struct envelope_signature *s = &e->signatures[i];
		if (memcmp(s->key_id, key->id, KEY_ID_BYTES) == 0 &&
			key_verify(key, e->signed_bytes, e->signed_len, s->bytes, s->len) == 0)
			return true;
	}
	return false;
}

unsigned envelope_count_valid(const struct envelope *e, const struct key_public *const *keys, size_t num_keys)
{
	unsigned valid = 0;
	for (size_t i = 0; i < num_keys; i++) {
		bool repeated = false;
		for (size_t j = 0; j < i && !repeated; j++)
			repeated = memcmp(keys[j]->id, keys[i]->id, KEY_ID_BYTES) == 0;
		if (!repeated && envelope_has_valid(e, keys[i]))
			valid++;
	}
	return valid;
}

int envelope_verify(const struct envelope *e, const struct key_public *const *keys, size_t num_keys, unsigned threshold)
{
	if (threshold == 0 || envelope_count_valid(e, keys, num_keys) < threshold)
		return CAROUSEL_E_SIGNATURE;
	return 0;
}

static bool line_is_blank(const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (line[i] != ' ' && line[i] != '\t' && line[i] != '\r')
			return false;
	}
	return true;
}

int envelope_next_line(const char **text, size_t *len, const char **line, size_t *line_len)
{
	while (*len) {
		const char *end = memchr(*text, '\n', *len);
		size_t n = end ? (size_t)(end - *text) : *len;
		*line = *text;
		*line_len = n;
		if (end)
			n++;
		*text += n;
		*len -= n;
		if (!line_is_blank(*line, *line_len))
			return 0;
	}
	return CAROUSEL_E_NOT_FOUND;
}
