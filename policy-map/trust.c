#include "policy-map/trust.h"

#include "common/carousel_error.h"
#include "common/json_fields.h"

#include <sodium.h>
#include <string.h>

bool trust_role_has(const struct trust_role *role, const uint8_t key_id[KEY_ID_BYTES])
{
	for (unsigned i = 0; i < role->num_keys; i++) {
		if (memcmp(role->key_ids[i], key_id, KEY_ID_BYTES) == 0)
			return true;
	}
	return false;
}

static int parse_role(struct trust_role *role, const char *name, const json_t *value)
{
	struct json_fields f;
	const json_t *ids, *id;
	size_t i;
	json_fields_init(&f, value);
	role->threshold = (unsigned)json_fields_u64(&f, "threshold", 1, TRUST_MAX_ROLE_KEYS);
	ids = json_fields_array(&f, "keyids", TRUST_MAX_ROLE_KEYS);
	if (f.error)
		return f.error;
	strcpy(role->name, name);
	role->num_keys = 0;
	json_array_foreach(ids, i, id)
	{
		uint8_t *out = role->key_ids[role->num_keys];
		if (hash_parse_hex(json_string_value(id) ? json_string_value(id) : "", json_string_length(id), out,
			    KEY_ID_BYTES) != 0)
			return CAROUSEL_E_MALFORMED;
		if (trust_role_has(role, out))
			return CAROUSEL_E_MALFORMED;
		role->num_keys++;
	}
	return role->threshold > role->num_keys ? CAROUSEL_E_MALFORMED : 0;
}

static bool is_known_role(const char *name)
{
	return strcmp(name, TRUST_ROLE_ROOT) == 0 || strcmp(name, TRUST_ROLE_MAP) == 0 ||
	       strcmp(name, TRUST_ROLE_IMAGE) == 0 || strcmp(name, TRUST_ROLE_HEARTBEAT) == 0;
}

static int parse_roles(struct trust_root *root, const json_t *roles)
{
	const char *name;
	json_t *value;
	json_object_foreach((json_t *)(uintptr_t)roles, name, value)
	{
		int result;
		if (!is_known_role(name)) {
			root->num_skipped++;
			continue;
		}
		result = parse_role(&root->roles[root->num_roles], name, value);
		if (result)
			return result;
		root->num_roles++;
	}
	return 0;
}

/* The public key is the base64 of its DER form, so that its digest is its id. */
static int parse_key(struct trust_root *root, const char *id_text, const json_t *value)
{
	struct key_public *key = &root->keys[root->num_keys];
	struct json_fields f;
	char type_name[32], text[256];
	uint8_t id[KEY_ID_BYTES], der[KEY_MAX_DER_BYTES];
	enum key_type type;
	size_t der_len;
	json_fields_init(&f, value);
	json_fields_string(&f, "type", type_name, sizeof type_name);
	if (f.error)
		return f.error;
	if (key_type_parse(type_name, &type) != 0) {
		root->num_skipped++;
		return 0;
	}
	json_fields_string(&f, "public", text, sizeof text);
	if (f.error)
		return f.error;
	if (root->num_keys == TRUST_MAX_KEYS)
		return CAROUSEL_E_LIMIT;
	if (hash_parse_hex(id_text, strlen(id_text), id, sizeof id) != 0 ||
		sodium_base642bin(der, sizeof der, text, strlen(text), NULL, &der_len, NULL,
			sodium_base64_VARIANT_ORIGINAL) != 0 ||
		key_public_parse_der(key, der, der_len) != 0 || key->type != type ||
		memcmp(key->id, id, sizeof id) != 0)
		return CAROUSEL_E_MALFORMED;
	root->num_keys++;
	return 0;
}

static int parse_keys(struct trust_root *root, const json_t *keys)
{
	const char *name;
	json_t *value;
	json_object_foreach((json_t *)(uintptr_t)keys, name, value)
	{
		int result = parse_key(root, name, value);
		if (result)
			return result;
	}
	return 0;
}

int trust_root_parse(struct trust_root *root, const uint8_t *payload, size_t len)
{
	struct json_fields f;
	const json_t *roles, *keys;
	json_t *json;
	int result = json_fields_load(payload, len, TRUST_MAX_ROOT_BYTES, &json);
	memset(root, 0, sizeof *root);
	if (result)
		return result;
	json_fields_init(&f, json);
	root->version = (uint32_t)json_fields_u64(&f, "version", 1, UINT32_MAX);
	root->epoch = (uint32_t)json_fields_u64(&f, "epoch", 1, UINT32_MAX);
	roles = json_fields_object(&f, "roles");
	keys = json_fields_object(&f, "keys");
	result = f.error;
	if (result == 0)
		result = parse_roles(root, roles);
	if (result == 0)
		result = parse_keys(root, keys);
	if (result == 0 && trust_root_role(root, TRUST_ROLE_ROOT) == NULL)
		result = CAROUSEL_E_MALFORMED;
	json_decref(json);
	return result;
}

static json_t *print_role(const struct trust_role *role)
{
	json_t *ids = json_array();
	char text[2 * KEY_ID_BYTES + 1];
	for (unsigned i = 0; i < role->num_keys; i++)
		json_fields_append(&ids, json_string(hash_hex(text, role->key_ids[i], KEY_ID_BYTES)));
	return json_pack("{s:i,s:o}", "threshold", (int)role->threshold, "keyids", ids);
}

static json_t *print_key(const struct key_public *key)
{
	uint8_t der[KEY_MAX_DER_BYTES];
	char text[sodium_base64_ENCODED_LEN(KEY_MAX_DER_BYTES, sodium_base64_VARIANT_ORIGINAL)];
	size_t len = key_public_der(key, der);
	sodium_bin2base64(text, sizeof text, der, len, sodium_base64_VARIANT_ORIGINAL);
	return json_pack("{s:s,s:s}", "type", key_type_name(key->type), "public", text);
}

int trust_root_print(const struct carousel_allocator *a, const struct trust_root *root, char **payload, size_t *len)
{
	json_t *roles = json_object(), *keys = json_object();
	char text[2 * KEY_ID_BYTES + 1];
	for (unsigned i = 0; i < root->num_roles; i++)
		json_fields_set(&roles, root->roles[i].name, print_role(&root->roles[i]));
	for (unsigned i = 0; i < root->num_keys; i++)
		json_fields_set(&keys, hash_hex(text, root->keys[i].id, KEY_ID_BYTES), print_key(&root->keys[i]));
	return json_fields_print(a,
		json_pack("{s:I,s:I,s:o,s:o}", "version", (json_int_t)root->version, "epoch", (json_int_t)root->epoch,
			"roles", roles, "keys", keys),
		payload, len);
}

const struct trust_role *trust_root_role(const struct trust_root *root, const char *name)
{
	for (unsigned i = 0; i < root->num_roles; i++) {
		if (strcmp(root->roles[i].name, name) == 0)
			return &root->roles[i];
	}
	return NULL;
}

const struct key_public *trust_root_key(const struct trust_root *root, const uint8_t id[KEY_ID_BYTES])
{
	for (unsigned i = 0; i < root->num_keys; i++) {
		if (memcmp(root->keys[i].id, id, KEY_ID_BYTES) == 0)
			return &root->keys[i];
	}
	return NULL;
}

int trust_root_verify(const struct trust_root *root, const char *role_name, const struct envelope *e)
{
	const struct trust_role *role = trust_root_role(root, role_name);
	const struct key_public *keys[TRUST_MAX_ROLE_KEYS];
	size_t num_keys = 0;
	if (role == NULL)
		return CAROUSEL_E_NOT_FOUND;
	for (unsigned i = 0; i < role->num_keys; i++) {
		keys[num_keys] = trust_root_key(root, role->key_ids[i]);
		num_keys += keys[num_keys] != NULL;
	}
	return envelope_verify(e, keys, num_keys, role->threshold);
}

/* Parses a root and checks that it carries its own threshold. */
static int take_root(struct trust *t, const struct envelope *e)
{
	int result;
	if (strcmp(e->type, ENVELOPE_TYPE_ROOT) != 0)
		return CAROUSEL_E_WRONG_TYPE;
	result = trust_root_parse(&t->root, e->payload, e->payload_len);
	if (result == 0)
		result = hash_sha256(e->payload, e->payload_len, t->root_sha256);
	return result;
}

int trust_init(struct trust *t, const struct envelope *e)
{
	int result;
	memset(t, 0, sizeof *t);
	result = take_root(t, e);
	return result ? result : trust_root_verify(&t->root, TRUST_ROLE_ROOT, e);
}

int trust_update(struct trust *t, const struct envelope *e)
{
	struct trust next;
	int result = take_root(&next, e);
	if (result)
		return result;
	if (next.root.version < t->root.version)
		return CAROUSEL_E_ROLLBACK;
	if (next.root.version == t->root.version) {
		if (memcmp(next.root_sha256, t->root_sha256, HASH_SHA256_BYTES) == 0)
			return CAROUSEL_E_DUPLICATE;
		return trust_root_verify(&t->root, TRUST_ROLE_ROOT, e) == 0 ? CAROUSEL_E_CONFLICT
									    : CAROUSEL_E_SIGNATURE;
	}
	if (next.root.version - t->root.version != 1)
		return CAROUSEL_E_NEED_MORE;
	result = trust_root_verify(&t->root, TRUST_ROLE_ROOT, e);
	if (result == 0)
		result = trust_root_verify(&next.root, TRUST_ROLE_ROOT, e);
	if (result == 0 && next.root.epoch < t->root.epoch)
		result = CAROUSEL_E_ROLLBACK;
	if (result == 0)
		*t = next;
	return result;
}

static int take_link(
	const struct carousel_allocator *a, struct trust *t, const char *line, size_t len, unsigned *num_taken)
{
	uint32_t version = t->root.version;
	struct envelope e;
	int result = envelope_parse(a, &e, line, len);
	if (result)
		return result;
	result = trust_update(t, &e);
	envelope_deinit(a, &e);
	*num_taken += t->root.version != version;
	return result == CAROUSEL_E_DUPLICATE || result == CAROUSEL_E_ROLLBACK ? 0 : result;
}

int trust_update_chain(
	const struct carousel_allocator *a, struct trust *t, const char *text, size_t len, unsigned *num_taken)
{
	const char *line;
	size_t line_len;
	unsigned links = 0;
	*num_taken = 0;
	while (envelope_next_line(&text, &len, &line, &line_len) == 0) {
		int result = links++ < TRUST_MAX_CHAIN ? take_link(a, t, line, line_len, num_taken) : CAROUSEL_E_LIMIT;
		if (result)
			return result;
	}
	return 0;
}

int trust_verify(const struct trust *t, const char *role, const struct envelope *e, const char *payload_type,
	const uint8_t **payload, size_t *len)
{
	int result;
	if (strcmp(e->type, payload_type) != 0)
		return CAROUSEL_E_WRONG_TYPE;
	result = trust_root_verify(&t->root, role, e);
	if (result)
		return result;
	*payload = e->payload;
	*len = e->payload_len;
	return 0;
}
