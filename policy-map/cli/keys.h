/* keys.h - keys as verbs name them: PEM files, secret key files, and where passphrases come from. */
#ifndef POLICY_MAP_CLI_KEYS_H
#define POLICY_MAP_CLI_KEYS_H

#include "common/io/cli.h"
#include "common/key.h"
#include "policy-map/cli/token.h"

#include <stdint.h>

#define KEYS_MAX_SIGNERS    16u
#define KEYS_NO_FD          UINT64_MAX
#define KEYS_MAX_PASSPHRASE 1024u

/* Reads one line from passphrase_fd, or asks on the terminal when there is one (twice with `is_new`). Without both it
 * fails: nothing ever waits for input that cannot come. `passphrase` holds KEYS_MAX_PASSPHRASE bytes. */
int keys_read_passphrase(const struct cli *, const char *what, uint64_t passphrase_fd, int is_new, char *passphrase);

struct keys_signer {
	struct key_signer signer;
	struct key_secret secret;
	struct token *token; /* NULL: the key is in `secret` */
};

/* A secret key file, decrypted if need be, or the "pkcs11:..." URI of a key in a token. */
int keys_open_signer(const struct cli *, const char *name, uint64_t passphrase_fd, struct keys_signer *);
void keys_close_signer(struct keys_signer *);

/* A PEM file. */
int keys_load_public(const struct cli *, const char *path, struct key_public *);

#endif
