#include "policy-map/cli/verbs.h"

#include "common/carousel_error.h"
#include "policy-map/cli/auditing.h"
#include "policy-map/cli/document.h"
#include "policy-map/cli/keys.h"
#include "policy-map/cli/signatures.h"
#include "policy-map/map_value.h"

#include <stdio.h>
#include <string.h>

#define NUM_ROLES    4u
#define NUMBER_BYTES 8u /* of a threshold */
static const char *const role_names[NUM_ROLES] = {
	TRUST_ROLE_ROOT, TRUST_ROLE_MAP, TRUST_ROLE_IMAGE, TRUST_ROLE_HEARTBEAT};

struct edit {
	const char *trust_path;           /* rotate only */
	const char *key_lists[NUM_ROLES]; /* "[THRESHOLD:]FILE[,FILE...]" or NULL: as it was */
	const char *signers, *audit_path;
	uint64_t epoch; /* 0: as it was */
	uint64_t passphrase_fd;
	bool json;
};

/* Calls take for each part of "a,b,c". */
static int each_part(const struct cli *cli, const char *list,
	int (*take)(const struct cli *, const char *part, void *user), void *user)
{
	while (*list) {
		char part[4096];
		size_t len = strcspn(list, ",");
		int result;
		if (len == 0 || len >= sizeof part)
			return cli_usage(cli, "\"%s\" is no list of files", list);
		memcpy(part, list, len);
		part[len] = '\0';
		result = take(cli, part, user);
		if (result != CLI_OK)
			return result;
		list += len + (list[len] == ',');
	}
	return CLI_OK;
}

struct role_edit {
	struct trust_root *root;
	struct trust_role *role;
};

static int take_role_key(const struct cli *cli, const char *path, void *user)
{
	struct role_edit *edit = user;
	struct key_public key;
	if (keys_load_public(cli, path, &key) != CLI_OK)
		return CLI_FAILED;
	if (trust_role_has(edit->role, key.id))
		return cli_usage(cli, "%s: this key is in the role %s already", path, edit->role->name);
	if (edit->role->num_keys == TRUST_MAX_ROLE_KEYS)
		return cli_usage(cli, "more than %u keys in a role", TRUST_MAX_ROLE_KEYS);
	memcpy(edit->role->key_ids[edit->role->num_keys++], key.id, KEY_ID_BYTES);
	if (trust_root_key(edit->root, key.id))
		return CLI_OK;
	if (edit->root->num_keys == TRUST_MAX_KEYS)
		return cli_usage(cli, "more than %u keys in a root", TRUST_MAX_KEYS);
	edit->root->keys[edit->root->num_keys++] = key;
	return CLI_OK;
}

/* How many digits of "[THRESHOLD:]FILE[,FILE...]" say the threshold; 0: it says none. */
static size_t threshold_digits(const char *list)
{
	const size_t digits = strspn(list, "0123456789");
	return digits < NUMBER_BYTES && list[digits] == ':' ? digits : 0;
}

static int set_role(const struct cli *cli, struct trust_root *root, const char *name, const char *list)
{
	struct role_edit edit = {.root = root};
	const size_t digits = threshold_digits(list);
	uint64_t threshold = 1;
	char number[NUMBER_BYTES];
	int result;
	if (digits) {
		memcpy(number, list, digits);
		number[digits] = '\0';
		if (map_value_number(number, 1, TRUST_MAX_ROLE_KEYS, &threshold) != 0)
			return cli_usage(
				cli, "--%s: a threshold from 1 to %u, not %s", name, TRUST_MAX_ROLE_KEYS, number);
		list += digits + 1;
	}
	for (unsigned i = 0; i < root->num_roles && edit.role == NULL; i++)
		edit.role = strcmp(root->roles[i].name, name) == 0 ? &root->roles[i] : NULL;
	if (edit.role == NULL)
		edit.role = &root->roles[root->num_roles++];
	snprintf(edit.role->name, sizeof edit.role->name, "%s", name);
	edit.role->threshold = (unsigned)threshold;
	edit.role->num_keys = 0;
	result = each_part(cli, list, take_role_key, &edit);
	if (result == CLI_OK && edit.role->num_keys < threshold)
		result = cli_usage(cli, "--%s: %u keys cannot reach a threshold of %u", name, edit.role->num_keys,
			edit.role->threshold);
	return result;
}

static bool is_used(const struct trust_root *root, const uint8_t *id)
{
	for (unsigned r = 0; r < root->num_roles; r++) {
		if (trust_role_has(&root->roles[r], id))
			return true;
	}
	return false;
}

/* A key that no role names any more has been revoked. */
static void drop_unused_keys(struct trust_root *root)
{
	unsigned kept = 0;
	for (unsigned i = 0; i < root->num_keys; i++) {
		if (is_used(root, root->keys[i].id))
			root->keys[kept++] = root->keys[i];
	}
	root->num_keys = kept;
}

struct signing {
	struct envelope *envelope;
	const struct trust_root *root, *before; /* before: NULL with version 1 */
	uint64_t passphrase_fd;
};

static int sign_with(const struct cli *cli, const char *name, void *user)
{
	struct signing *s = user;
	struct keys_signer k;
	int result = keys_open_signer(cli, name, s->passphrase_fd, &k), error;
	if (result != CLI_OK)
		return result;
	result = signatures_check_root_signer(cli, name, k.signer.public_key.id, s->root, s->before);
	error = result == CLI_OK ? envelope_sign(s->envelope, &k.signer) : 0;
	keys_close_signer(&k);
	return error ? cli_fail(cli, "%s: %s", name, carousel_strerror(error)) : result;
}

static int check_part(const struct cli *cli, const char *path, void *user)
{
	const struct document_other other = {"a key that is named", path, false};
	return document_check_out(cli, user, &other, 1);
}

/* Before any work: OUT takes the place of no key and of no root that boxes have to follow. */
static int check_out(const struct cli *cli, const struct edit *edit, char *out)
{
	const struct document_other trust = {"--trust", edit->trust_path, false};
	int result = document_check_stdout(cli, edit->json, out, "the root");
	if (result == CLI_OK)
		result = document_check_out(cli, out, &trust, 1);
	for (unsigned r = 0; r < NUM_ROLES && result == CLI_OK; r++) {
		const char *list = edit->key_lists[r] ? edit->key_lists[r] : "";
		const size_t digits = threshold_digits(list);
		result = each_part(cli, list + (digits ? digits + 1 : 0), check_part, out);
	}
	if (result == CLI_OK && edit->signers)
		result = each_part(cli, edit->signers, check_part, out);
	return result == CLI_OK ? auditing_check_out(cli, edit->audit_path, out) : result;
}

static int say_written(const struct cli *cli, const struct edit *edit, const struct trust_root *root,
	unsigned signatures, const char *out)
{
	if (edit->json)
		return cli_print_json(cli, json_pack("{s:s,s:o,s:I,s:I,s:i}", "format", "carousel-trust/1", "file",
						   document_json_path(out), "version", (json_int_t)root->version,
						   "epoch", (json_int_t)root->epoch, "signatures", (int)signatures));
	fprintf(stderr, "%s: root version %u, %u signatures; `policy-map verify %s%s%s%s` says whose are missing\n",
		out, root->version, signatures, edit->trust_path ? "--trust " : "",
		edit->trust_path ? edit->trust_path : "", edit->trust_path ? " " : "", out);
	return CLI_OK;
}

/* before: the root that this one follows, or NULL. */
static int write_root(const struct cli *cli, const struct edit *edit, const struct trust_root *root,
	const struct trust_root *before, const char *out)
{
	struct envelope e;
	struct signing s = {&e, root, before, edit->passphrase_fd};
	char *payload;
	size_t len;
	int result = trust_root_print(NULL, root, &payload, &len);
	if (result)
		return cli_fail(cli, "%s", carousel_strerror(result));
	result = envelope_init(NULL, &e, ENVELOPE_TYPE_ROOT, payload, len);
	memory_free(NULL, payload);
	if (result)
		return cli_fail(cli, "%s", carousel_strerror(result));
	result = edit->signers ? each_part(cli, edit->signers, sign_with, &s) : CLI_OK;
	if (result == CLI_OK)
		result = auditing_write_signed(cli, edit->audit_path, out, &e, e.signatures, e.num_signatures);
	if (result == CLI_OK)
		result = say_written(cli, edit, root, e.num_signatures, out);
	envelope_deinit(NULL, &e);
	return result;
}

static int edit_options(const struct cli *cli, struct edit *edit, bool rotates, int *argc, char **argv)
{
	const struct cli_option options[] = {
		{"root", CLI_STRING, &edit->key_lists[0], 0, 0, "[N:]PUB,...", "root keys, N of which must sign"},
		{"map", CLI_STRING, &edit->key_lists[1], 0, 0, "[N:]PUB,...", "map keys: release managers"},
		{"image", CLI_STRING, &edit->key_lists[2], 0, 0, "[N:]PUB,...", "image keys: release engineering"},
		{"heartbeat", CLI_STRING, &edit->key_lists[3], 0, 0, "[N:]PUB,...", "heartbeat key of the headend"},
		{"epoch", CLI_U64, &edit->epoch, 1, UINT32_MAX, "N", "epoch that maps must have at least"},
		{"key", CLI_STRING, &edit->signers, 0, 0, "KEY,...", "sign at once; others use `sign --add`"},
		{"passphrase-fd", CLI_U64, &edit->passphrase_fd, 0, 1023, "FD", "one line for each encrypted key"},
		{"audit", CLI_STRING, &edit->audit_path, 0, 0, "FILE", AUDITING_HELP},
		{"json", CLI_FLAG, &edit->json, 0, 0, NULL, "print JSON"},
		{"trust", CLI_STRING, &edit->trust_path, 0, 0, "ROOTS", "the chain that the new root continues"},
	};
	return cli_options(cli, options, sizeof options / sizeof *options - !rotates, argc, argv, 1, 1);
}

static int apply_edit(const struct cli *cli, const struct edit *edit, struct trust_root *root)
{
	for (unsigned r = 0; r < NUM_ROLES; r++) {
		int result = edit->key_lists[r] ? set_role(cli, root, role_names[r], edit->key_lists[r]) : CLI_OK;
		if (result != CLI_OK)
			return result;
	}
	if (edit->epoch)
		root->epoch = (uint32_t)edit->epoch;
	drop_unused_keys(root);
	return CLI_OK;
}

static int trust_verb_init(const struct cli *cli, int argc, char **argv)
{
	struct edit edit = {.passphrase_fd = KEYS_NO_FD, .epoch = 1};
	struct trust_root root = {.version = 1};
	int result = edit_options(cli, &edit, false, &argc, argv);
	if (result)
		return result == CLI_HELP ? CLI_OK : result;
	for (unsigned r = 0; r < NUM_ROLES; r++) {
		if (edit.key_lists[r] == NULL)
			return cli_usage(cli, "--%s is needed", role_names[r]);
	}
	result = check_out(cli, &edit, argv[1]);
	if (result == CLI_OK)
		result = apply_edit(cli, &edit, &root);
	return result == CLI_OK ? write_root(cli, &edit, &root, NULL, argv[1]) : result;
}

static int trust_verb_rotate(const struct cli *cli, int argc, char **argv)
{
	struct edit edit = {.passphrase_fd = KEYS_NO_FD};
	struct trust_root before;
	struct trust trust;
	int result = edit_options(cli, &edit, true, &argc, argv);
	if (result)
		return result == CLI_HELP ? CLI_OK : result;
	if (edit.trust_path == NULL)
		return cli_usage(cli, "--trust is needed");
	result = check_out(cli, &edit, argv[1]);
	if (result == CLI_OK)
		result = document_load_trust(cli, edit.trust_path, &trust);
	if (result != CLI_OK)
		return result;
	if (edit.epoch && edit.epoch < trust.root.epoch)
		return cli_usage(cli, "--epoch: boxes hold epoch %u, and it only ever grows", trust.root.epoch);
	if (trust.root.version == UINT32_MAX)
		return cli_fail(cli, "%s: no version is left", edit.trust_path);
	before = trust.root;
	trust.root.version++;
	result = apply_edit(cli, &edit, &trust.root);
	return result == CLI_OK ? write_root(cli, &edit, &trust.root, &before, argv[1]) : result;
}

int verb_trust(const struct cli *cli, int argc, char **argv)
{
	static const struct cli_verb verbs[] = {
		{"init", "--root [N:]PUB,... --map ... --image ... --heartbeat ... [--key KEY,...] OUT",
			"make root version 1", trust_verb_init},
		{"rotate", "--trust ROOTS [--root ...] [--map ...] ... [--key KEY,...] OUT", "make the next version",
			trust_verb_rotate},
		{"append", "ROOTS ROOT", "put a fully signed root at the end of a chain", trust_verb_append},
		{"verify", "ROOTS [--trust HELD]", "check every link of a chain, and say who signed it",
			trust_verb_verify},
		{"show", "ROOTS", "check a chain and show its newest root", trust_verb_show},
	};
	const struct cli_program program = {"policy-map trust", "roots of trust", verbs, sizeof verbs / sizeof *verbs};
	(void)cli;
	return cli_main(&program, argc, argv);
}
