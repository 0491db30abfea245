#include "policy-map/cli/verbs.h"

#include "common/carousel_error.h"
#include "policy-map/cli/check.h"

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

/* What the keys of one role of one root say about the envelope. */
static json_t *report_role(const struct trust_root *root, const char *name, const struct envelope *e, bool *good)
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

static int print_report(
	const struct cli *cli, const char *path, const json_t *reports, bool good, bool as_json, const char *type)
{
	const json_t *report, *key;
	size_t i, j;
	if (as_json)
		return document_print_json(
			cli, json_pack("{s:s,s:s,s:s,s:b,s:O}", "format", "carousel-verify/1", "file", path, "type",
				     type, "good", (int)good, "roles", reports));
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
	return CLI_OK;
}

/* A root is judged by the root before it, when that is at hand, and by itself. */
static int verify_root(const struct cli *cli, const char *path, const struct document *d, const struct trust *trust,
	json_t *reports, bool *good)
{
	struct trust_root root;
	bool old_good = true;
	int result = trust_root_parse(&root, d->payload, d->payload_len);
	if (result)
		return cli_fail(cli, "%s: %s", path, carousel_strerror(result));
	if (trust && root.version != trust->root.version && root.version - trust->root.version != 1)
		return cli_fail(
			cli, "%s: root version %u cannot follow version %u", path, root.version, trust->root.version);
	if (trust)
		json_array_append_new(reports, report_role(&trust->root, TRUST_ROLE_ROOT, &d->envelope, &old_good));
	if (trust == NULL || root.version != trust->root.version)
		json_array_append_new(reports, report_role(&root, TRUST_ROLE_ROOT, &d->envelope, good));
	else
		*good = true;
	*good = *good && old_good;
	return CLI_OK;
}

static int verify(
	const struct cli *cli, const char *path, const char *trust_path, const char *wanted_role, bool as_json)
{
	struct trust trust;
	struct document d;
	json_t *reports = json_array();
	const char *role;
	bool good = false;
	int result = document_load(cli, path, &d);
	if (result == CLI_OK && trust_path)
		result = document_load_trust(cli, trust_path, &trust);
	role = result == CLI_OK ? check_role_of(d.type) : NULL;
	if (result == CLI_OK && !d.is_envelope)
		result = cli_fail(cli, "%s: no envelope, so nobody signed it", path);
	else if (result == CLI_OK && role == NULL)
		result = cli_fail(cli, "%s: type %s is signed by no role", path, d.type);
	else if (result == CLI_OK && wanted_role && strcmp(wanted_role, role) != 0)
		result = cli_fail(cli, "%s is signed by role %s, not %s", path, role, wanted_role);
	else if (result == CLI_OK && strcmp(role, TRUST_ROLE_ROOT) == 0)
		result = verify_root(cli, path, &d, trust_path ? &trust : NULL, reports, &good);
	else if (result == CLI_OK && trust_path == NULL)
		result = cli_usage(cli, "--trust is needed");
	else if (result == CLI_OK)
		json_array_append_new(reports, report_role(&trust.root, role, &d.envelope, &good));
	if (result == CLI_OK)
		result = print_report(cli, path, reports, good, as_json, d.type);
	json_decref(reports);
	document_deinit(&d);
	return result == CLI_OK && !good ? CLI_FAILED : result;
}

int verb_verify(const struct cli *cli, int argc, char **argv)
{
	const char *trust = NULL, *role = NULL;
	bool json = false;
	const struct cli_option options[] = {
		{"trust", CLI_STRING, &trust, 0, 0, "ROOTS", "chain of roots; its newest counts"},
		{"role", CLI_STRING, &role, 0, 0, "ROLE", "fail when the document is of another role"},
		{"json", CLI_FLAG, &json, 0, 0, NULL, "print JSON"},
	};
	int result = cli_options(cli, options, sizeof options / sizeof *options, &argc, argv, 1, 1);
	if (result)
		return result == CLI_HELP ? CLI_OK : result;
	return verify(cli, argv[1], trust, role, json);
}
