#include "policy-map/cli/verbs.h"

#include "common/carousel_error.h"
#include "policy-map/cli/auditing.h"
#include "policy-map/cli/check.h"
#include "policy-map/cli/keys.h"
#include "policy-map/cli/signatures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sign {
	const char *role, *key, *trust_path, *previous, *audit_path;
	uint64_t passphrase_fd;
	bool add, json;
	const char *in, *out;
};

/* The envelope to put the signature in: a new one over a checked payload, or with --add the one that is there. */
static int open_envelope(const struct cli *cli, const struct sign *s, struct envelope *e)
{
	struct document d;
	char *payload = NULL;
	const char *role;
	size_t len;
	int result = document_load(cli, s->in, &d);
	if (result != CLI_OK)
		return result;
	role = check_role_of(d.type);
	result = check_document(cli, s->in, &d, s->previous, &payload, &len);
	if (result == CLI_OK && s->role && strcmp(s->role, role) != 0)
		result = cli_fail(cli, "%s is signed by role %s, not %s", s->in, role, s->role);
	if (result == CLI_OK && d.is_envelope && !s->add)
		result = cli_fail(cli, "%s carries signatures already: --add adds one", s->in);
	if (result == CLI_OK && !d.is_envelope && s->add)
		result = cli_fail(cli, "%s is no envelope that --add could add to", s->in);
	if (result == CLI_OK && d.is_envelope && d.envelope.num_skipped)
		result = cli_fail(cli, "%s carries signatures of a kind that is not known here", s->in);
	if (result == CLI_OK && d.is_envelope) {
		*e = d.envelope;
		memset(&d.envelope, 0, sizeof d.envelope);
	} else if (result == CLI_OK && envelope_init(NULL, e, d.type, payload, len) != 0) {
		result = cli_fail(cli, "%s: too large", s->in);
	}
	memory_free(NULL, payload);
	document_deinit(&d);
	return result;
}

/* A map of another epoch than the root's would count for nothing either: it is over, or no root has named it yet. */
static int check_epoch(const struct cli *cli, const char *path, const struct envelope *e, const struct trust *trust)
{
	struct policy_map *map;
	uint32_t epoch;
	if (strcmp(e->type, ENVELOPE_TYPE_MAP) != 0)
		return CLI_OK;
	if (policy_map_parse(NULL, (const char *)e->payload, e->payload_len, NULL, &map, NULL) != 0)
		return cli_fail(cli, "%s: this is no map", path);
	epoch = map->epoch;
	policy_map_free(map);
	return epoch == trust->root.epoch ? CLI_OK
					  : cli_fail(cli, "%s: epoch %u, and root version %u asks for %u", path, epoch,
						    trust->root.version, trust->root.epoch);
}

/* A root itself says whose signatures it needs; the root before it says the rest. */
static int check_root_signer(
	const struct cli *cli, const struct sign *s, const struct envelope *e, const struct key_public *key)
{
	struct trust_root root;
	struct trust before;
	int result = trust_root_parse(&root, e->payload, e->payload_len);
	if (result)
		return cli_fail(cli, "%s: %s", s->in, carousel_strerror(result));
	if (s->trust_path && document_load_trust(cli, s->trust_path, &before) != CLI_OK)
		return CLI_FAILED;
	return signatures_check_root_signer(cli, s->key, key->id, &root, s->trust_path ? &before.root : NULL);
}

/* A signature that is known to count for nothing is refused before it is made. */
static int check_signer(
	const struct cli *cli, const struct sign *s, const struct envelope *e, const struct key_public *key)
{
	const char *role = check_role_of(e->type);
	struct trust trust;
	if (strcmp(role, TRUST_ROLE_ROOT) == 0)
		return check_root_signer(cli, s, e, key);
	if (s->trust_path == NULL)
		return CLI_OK;
	if (document_load_trust(cli, s->trust_path, &trust) != CLI_OK)
		return CLI_FAILED;
	if (!signatures_has_part(&trust.root, role, key->id))
		return cli_fail(
			cli, "%s: this key is none of role %s in root version %u", s->key, role, trust.root.version);
	return check_epoch(cli, s->in, e, &trust);
}

/* envelope_sign() puts the signature of a key that signed before where it was. */
static int write_signed(const struct cli *cli, const struct sign *s, const struct envelope *e, const uint8_t *key_id)
{
	for (unsigned i = 0; i < e->num_signatures; i++) {
		if (memcmp(e->signatures[i].key_id, key_id, KEY_ID_BYTES) == 0)
			return auditing_write_signed(cli, s->audit_path, s->out, e, &e->signatures[i], 1);
	}
	return cli_fail(cli, "%s: %s", s->key, carousel_strerror(CAROUSEL_E_INTERNAL));
}

static int sign(const struct cli *cli, const struct sign *s)
{
	struct keys_signer k;
	struct envelope e;
	char id[2 * KEY_ID_BYTES + 1];
	int result = open_envelope(cli, s, &e), error;
	if (result != CLI_OK)
		return result;
	result = keys_open_signer(cli, s->key, s->passphrase_fd, &k);
	if (result == CLI_OK) {
		hash_hex(id, k.signer.public_key.id, KEY_ID_BYTES);
		result = check_signer(cli, s, &e, &k.signer.public_key);
		error = result == CLI_OK ? envelope_sign(&e, &k.signer) : 0;
		if (error)
			result = cli_fail(cli, "%s: %s", s->key, carousel_strerror(error));
		if (result == CLI_OK)
			result = write_signed(cli, s, &e, k.signer.public_key.id);
		if (result == CLI_OK && s->json)
			result = cli_print_json(
				cli, json_pack("{s:s,s:s,s:s,s:o,s:i}", "format", "carousel-sign/1", "role",
					     check_role_of(e.type), "keyid", id, "file", document_json_path(s->out),
					     "signatures", (int)e.num_signatures));
		keys_close_signer(&k);
	}
	envelope_deinit(NULL, &e);
	return result;
}

static int check_out(const struct cli *cli, const struct sign *s)
{
	const struct document_other others[] = {{"--key", s->key, false}, {"--trust", s->trust_path, false},
		{"--previous", s->previous, true}, {"IN", s->in, true}};
	int result = document_check_out(cli, s->out, others, sizeof others / sizeof *others);
	return result == CLI_OK ? auditing_check_out(cli, s->audit_path, s->out) : result;
}

static int sign_as(const struct cli *cli, const char *role, int argc, char **argv)
{
	struct sign s = {.role = role, .passphrase_fd = KEYS_NO_FD};
	const struct cli_option options[] = {
		{"role", CLI_STRING, &s.role, 0, 0, "ROLE", "root, map, image or heartbeat; must fit the document"},
		{"key", CLI_STRING, &s.key, 0, 0, "KEY", "secret key file, or pkcs11:... for a key in a token"},
		{"add", CLI_FLAG, &s.add, 0, 0, NULL, "add a signature to those that IN carries"},
		{"trust", CLI_STRING, &s.trust_path, 0, 0, "ROOTS",
			"refuse a key that has no part in the role; with a root: the chain that it continues"},
		{"previous", CLI_STRING, &s.previous, 0, 0, "MAP",
			"the map signed last: this one's serial must be above"},
		{"passphrase-fd", CLI_U64, &s.passphrase_fd, 0, 1023, "N",
			"read the passphrase from this file descriptor"},
		{"audit", CLI_STRING, &s.audit_path, 0, 0, "FILE", AUDITING_HELP},
		{"json", CLI_FLAG, &s.json, 0, 0, NULL, "print JSON"},
	};
	int result = cli_options(cli, options, sizeof options / sizeof *options, &argc, argv, 2, 2);
	if (result)
		return result == CLI_HELP ? CLI_OK : result;
	if (s.key == NULL)
		return cli_usage(cli, "--key is needed");
	s.in = argv[1];
	s.out = argv[2];
	result = document_check_stdout(cli, s.json, s.out, "what is signed");
	if (result == CLI_OK)
		result = check_out(cli, &s);
	return result == CLI_OK ? sign(cli, &s) : result;
}

int verb_sign(const struct cli *cli, int argc, char **argv)
{
	return sign_as(cli, NULL, argc, argv);
}

int manifest_verb_sign(const struct cli *cli, int argc, char **argv)
{
	return sign_as(cli, TRUST_ROLE_IMAGE, argc, argv);
}
