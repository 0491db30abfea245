/* key.h - public keys, their ids, signing and verifying.
 *
 * A key's id is the SHA-256 of its DER SubjectPublicKeyInfo (RFC 5280 section 4.1; RFC 8410 for Ed25519, RFC 5480 for
 * P-256). Ed25519 by libsodium; ECDSA P-256 over SHA-256 by OpenSSL, signatures in DER (RFC 3279 section 2.2.3). */
#ifndef COMMON_KEY_H
#define COMMON_KEY_H

#include <stddef.h>
#include <stdint.h>

#define KEY_ID_BYTES            32u
#define KEY_ED25519_BYTES       32u
#define KEY_ECDSA_P256_BYTES    65u /* uncompressed point, 04 || x || y */
#define KEY_MAX_DER_BYTES       91u
#define KEY_MAX_SIGNATURE_BYTES 72u
#define KEY_SEED_BYTES          32u

enum key_type { KEY_ED25519, KEY_ECDSA_P256 };

struct key_public {
	enum key_type type;
	uint8_t len; /* bytes used of `bytes` */
	uint8_t bytes[KEY_ECDSA_P256_BYTES];
	uint8_t id[KEY_ID_BYTES];
};

/* "ed25519", "ecdsa-p256"; parse returns UNKNOWN_WORD for others. */
const char *key_type_name(enum key_type);
int key_type_parse(const char *name, enum key_type *);

/* Takes raw key bytes and fills in the id. Errors: MALFORMED (length, or no point of the curve), INTERNAL. */
int key_public_init(struct key_public *, enum key_type, const uint8_t *raw, size_t len);
/* DER SubjectPublicKeyInfo, out and in. Errors of parse: UNSUPPORTED (another algorithm), MALFORMED. */
size_t key_public_der(const struct key_public *, uint8_t der[KEY_MAX_DER_BYTES]);
int key_public_parse_der(struct key_public *, const uint8_t *der, size_t len);

/* 0 when the signature is the key's over the message, else SIGNATURE. */
int key_verify(
	const struct key_public *, const void *message, size_t len, const uint8_t *signature, size_t signature_len);

/* Something that signs: a key in memory, a token. Errors of sign are handed on. */
struct key_signer {
	void *user;
	struct key_public public_key;
	int (*sign)(void *user, const void *message, size_t len, uint8_t signature[KEY_MAX_SIGNATURE_BYTES],
		size_t *signature_len);
};

/* A secret key in memory. The seed is the Ed25519 seed (RFC 8032) or the P-256 private scalar, big-endian. */
struct key_secret {
	struct key_public public_key;
	uint8_t seed[KEY_SEED_BYTES];
};

/* Derives the public key. Errors: MALFORMED (a scalar outside the curve's order), MEMORY, INTERNAL. */
int key_secret_init(struct key_secret *, enum key_type, const uint8_t seed[KEY_SEED_BYTES]);
/* A signer that borrows the secret. */
struct key_signer key_secret_signer(struct key_secret *);
/* Overwrites it with zeros. */
void key_secret_deinit(struct key_secret *);

#endif
