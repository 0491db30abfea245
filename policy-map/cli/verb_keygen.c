#include "policy-map/cli/verbs.h"

#include "common/carousel_error.h"
#include "common/hash.h"
#include "policy-map/cli/document.h"
#include "policy-map/cli/keys.h"
#include "policy-map/key_file.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct keygen {
	const char *type;
	bool no_passphrase, json;
	uint64_t passphrase_fd;
	uint64_t memory_bytes;
};

static int make_secret(const struct cli *cli, const struct keygen *g, struct key_secret *secret)
{
	uint8_t seed[KEY_SEED_BYTES];
	enum key_type type;
	int result;
	if (key_type_parse(g->type, &type) != 0)
		return cli_usage(cli, "--type: ed25519 or ecdsa-p256, not \"%s\"", g->type);
	do { /* a scalar past the order of P-256 is one in 2^32 */
		randombytes_buf(seed, sizeof seed);
		result = key_secret_init(secret, type, seed);
	} while (result == CAROUSEL_E_MALFORMED);
	sodium_memzero(seed, sizeof seed);
	return result ? cli_fail(cli, "%s", carousel_strerror(result)) : CLI_OK;
}

static int write_secret(
	const struct cli *cli, const struct keygen *g, const struct key_secret *secret, const char *path)
{
	struct key_file_protection protection = {
		.operations = crypto_pwhash_OPSLIMIT_MODERATE, .memory_bytes = g->memory_bytes};
	char passphrase[KEYS_MAX_PASSPHRASE], *text;
	size_t len;
	int result;
	if (!g->no_passphrase) {
		if (keys_read_passphrase(cli, path, g->passphrase_fd, 1, passphrase) != CLI_OK)
			return CLI_FAILED;
		if (passphrase[0] == '\0')
			return cli_fail(cli, "%s: an empty passphrase protects nothing; say --no-passphrase", path);
		protection.passphrase = passphrase;
		protection.passphrase_len = strlen(passphrase);
		randombytes_buf(protection.salt, sizeof protection.salt);
		randombytes_buf(protection.nonce, sizeof protection.nonce);
	}
	result = key_file_print_secret(NULL, secret, g->no_passphrase ? NULL : &protection, &text, &len);
	sodium_memzero(passphrase, sizeof passphrase);
	if (result)
		return cli_fail(cli, "%s: %s", path, carousel_strerror(result));
	result = document_write(cli, path, text, len, 0600);
	sodium_memzero(text, len);
	memory_free(NULL, text);
	return result;
}

static int write_public(const struct cli *cli, const struct key_public *key, const char *path)
{
	char *text;
	size_t len;
	int result = key_file_print_public(NULL, key, &text, &len);
	if (result)
		return cli_fail(cli, "%s: %s", path, carousel_strerror(result));
	result = document_write(cli, path, text, len, 0644);
	memory_free(NULL, text);
	return result;
}

/* Both or none: half a pair would only keep the next try from making a whole one. */
static int write_pair(const struct cli *cli, const struct keygen *g, const struct key_secret *secret,
	const char *secret_path, const char *public_path)
{
	int result = write_secret(cli, g, secret, secret_path);
	if (result != CLI_OK)
		return result;
	result = write_public(cli, &secret->public_key, public_path);
	if (result != CLI_OK)
		(void)unlink(secret_path);
	return result;
}

static int keygen(const struct cli *cli, const struct keygen *g, const char *name)
{
	char secret_path[4096], public_path[4096], id[2 * KEY_ID_BYTES + 1];
	struct key_secret secret;
	int result;
	if (snprintf(secret_path, sizeof secret_path, "%s.key", name) >= (int)sizeof secret_path ||
		snprintf(public_path, sizeof public_path, "%s.pub", name) >= (int)sizeof public_path)
		return cli_usage(cli, "the name is too long");
	if (access(secret_path, F_OK) == 0)
		return cli_fail(cli, "%s is there already, and a lost key cannot be had back", secret_path);
	result = make_secret(cli, g, &secret);
	if (result == CLI_OK)
		result = write_pair(cli, g, &secret, secret_path, public_path);
	hash_hex(id, secret.public_key.id, KEY_ID_BYTES);
	if (result == CLI_OK && g->json)
		result = cli_print_json(cli,
			json_pack("{s:s,s:s,s:s,s:o,s:o}", "format", "carousel-keygen/1", "keyid", id, "type", g->type,
				"secret", document_json_path(secret_path), "public", document_json_path(public_path)));
	else if (result == CLI_OK)
		printf("%s  %s\n", id, public_path);
	key_secret_deinit(&secret);
	return result;
}

int verb_keygen(const struct cli *cli, int argc, char **argv)
{
	struct keygen g = {
		.type = "ed25519", .passphrase_fd = KEYS_NO_FD, .memory_bytes = crypto_pwhash_MEMLIMIT_MODERATE};
	const struct cli_option options[] = {
		{"type", CLI_STRING, &g.type, 0, 0, "TYPE", "ed25519 (default) or ecdsa-p256"},
		{"no-passphrase", CLI_FLAG, &g.no_passphrase, 0, 0, NULL,
			"leave the secret key unencrypted: tests and locked-up machines"},
		{"passphrase-fd", CLI_U64, &g.passphrase_fd, 0, 1023, "N",
			"read the passphrase from this file descriptor"},
		{"kdf-memory", CLI_BYTES, &g.memory_bytes, 8192, 1 << 30, "BYTES",
			"what a guess at the passphrase costs (default 256M)"},
		{"json", CLI_FLAG, &g.json, 0, 0, NULL, "print JSON"},
	};
	int result = cli_options(cli, options, sizeof options / sizeof *options, &argc, argv, 1, 1);
	if (result)
		return result == CLI_HELP ? CLI_OK : result;
	return keygen(cli, &g, argv[1]);
}
