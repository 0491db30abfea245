/* key_file.h - keys in files: public ones as PEM (RFC 7468, "PUBLIC KEY"), secret ones as one line of JSON
 * whose seed is encrypted under a passphrase (Argon2id and XSalsa20-Poly1305 by libsodium) or, for tests and
 * machines that are locked up themselves, is not. */
#ifndef POLICY_MAP_KEY_FILE_H
#define POLICY_MAP_KEY_FILE_H

#include "common/key.h"
#include "common/memory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEY_FILE_MAX_BYTES   8192u
#define KEY_FILE_SALT_BYTES  16u
#define KEY_FILE_NONCE_BYTES 24u

/* How a secret is to be encrypted. salt and nonce come from a random source. */
struct key_file_protection {
	const char *passphrase;
	size_t passphrase_len;
	uint64_t operations;   /* crypto_pwhash: 1 to 10 */
	uint64_t memory_bytes; /* 8 KiB to 1 GiB */
	uint8_t salt[KEY_FILE_SALT_BYTES];
	uint8_t nonce[KEY_FILE_NONCE_BYTES];
};

/* One line with its line end, owned by the caller, to be overwritten before it is freed. A NULL protection leaves
 * the seed unencrypted. Errors: MEMORY, RANGE (operations, memory_bytes). */
int key_file_print_secret(const struct carousel_allocator *, const struct key_secret *,
	const struct key_file_protection *, char **text, size_t *len);
/* passphrase NULL: none is at hand. Errors: NEED_MORE (a passphrase is needed), PERMISSION (it is the wrong one, or the
 * file was changed), SYNTAX, MALFORMED, UNSUPPORTED (type or method), RANGE, LIMIT, MEMORY. */
int key_file_parse_secret(
	struct key_secret *, const char *text, size_t len, const char *passphrase, size_t passphrase_len);

int key_file_print_public(const struct carousel_allocator *, const struct key_public *, char **text, size_t *len);
/* Text around the one PEM block is passed over. Errors: SYNTAX (no block), MALFORMED, UNSUPPORTED, LIMIT. */
int key_file_parse_public(struct key_public *, const char *text, size_t len);

#endif
