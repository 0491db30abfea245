#include "policy-map/cli/signatures.h"

#include <stdio.h>
#include <string.h>

static const struct envelope_signature *find_signature(const struct envelope *e, const uint8_t *id)
{
	for (unsigned i = 0; i < e->num_signatures; i++) {
		if (memcmp(e->signatures[i].key_id, id, KEY_ID_BYTES) == 0)
			return &e->signatures[i];
	}
	return NULL;
}

static const char *state_of(const struct envelope *e, const struct key_public *key, const uint8_t *id)
{
	const struct envelope_signature *s = find_signature(e, id);
	if (s == NULL)
		return "missing";
	if (key == NULL)
		return "unknown-key";
	return key_verify(key, e->signed_bytes, e->signed_len, s->bytes, s->len) == 0 ? "signed" : "bad-signature";
}

json_t *signatures_of_role(const struct trust_root *root, const char *name, const struct envelope *e, bool *good)
{
	const struct trust_role *role = trust_root_role(root, name);
	json_t *keys = json_array();
	char id[2 * KEY_ID_BYTES + 1];
	for (unsigned i = 0; role && i < role->num_keys; i++) {
		const struct key_public *key = trust_root_key(root, role->key_ids[i]);
		json_array_append_new(
			keys, json_pack("{s:s,s:s,s:s}", "keyid", hash_hex(id, role->key_ids[i], KEY_ID_BYTES), "type",
				      key ? key_type_name(key->type) : "unknown", "state",
				      state_of(e, key, role->key_ids[i])));
	}
	*good = trust_root_verify(root, name, e) == 0;
	return json_pack("{s:I,s:s,s:i,s:b,s:o}", "root_version", (json_int_t)root->version, "role", name, "threshold",
		role ? (int)role->threshold : 0, "good", (int)*good, "keys", keys);
}

bool signatures_has_part(const struct trust_root *root, const char *name, const uint8_t key_id[KEY_ID_BYTES])
{
	const struct trust_role *role = trust_root_role(root, name);
	return role && trust_role_has(role, key_id);
}

int signatures_check_root_signer(const struct cli *cli, const char *name, const uint8_t key_id[KEY_ID_BYTES],
	const struct trust_root *root, const struct trust_root *before)
{
	if (signatures_has_part(root, TRUST_ROLE_ROOT, key_id))
		return CLI_OK;
	if (before && before->version + 1 != root->version)
		return cli_fail(cli, "%s: root version %u does not follow version %u, whose keys --trust names", name,
			root->version, before->version);
	if (before && signatures_has_part(before, TRUST_ROLE_ROOT, key_id))
		return CLI_OK;
	if (before)
		return cli_fail(cli, "%s: this key is none of role root, neither in version %u nor in version %u", name,
			before->version, root->version);
	if (root->version > 1)
		return cli_fail(cli,
			"%s: this key is none of role root in version %u; when it is one of version %u, --trust must "
			"show it",
			name, root->version, root->version - 1);
	return cli_fail(cli, "%s: this key is none of role root in version 1", name);
}

void signatures_print(const char *path, const json_t *reports)
{
	const json_t *report, *key;
	size_t i, j;
	json_array_foreach(reports, i, report)
	{
		printf("%s: role %s of root %lld, %lld needed: %s\n", path,
			json_string_value(json_object_get(report, "role")),
			(long long)json_integer_value(json_object_get(report, "root_version")),
			(long long)json_integer_value(json_object_get(report, "threshold")),
			json_is_true(json_object_get(report, "good")) ? "good" : "not enough");
		json_array_foreach(json_object_get(report, "keys"), j, key)
			printf("  %-13s %s  %s\n", json_string_value(json_object_get(key, "state")),
				json_string_value(json_object_get(key, "keyid")),
				json_string_value(json_object_get(key, "type")));
	}
}
