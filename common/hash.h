/* hash.h - the digests Carousel uses, and their text form.
 *
 * SHA-256 (OpenSSL EVP) names images, manifests, maps and keys; BLAKE2b (libsodium) names 4 KiB chunks
 * and draws the ramp's lots. Thread rule: everything here may be called from any thread, a stream from one at a time.
 */
#ifndef COMMON_HASH_H
#define COMMON_HASH_H

#include <stddef.h>
#include <stdint.h>

#define HASH_SHA256_BYTES 32u
#define HASH_SHA256_HEX   64u

/* One-shot. Errors: INTERNAL when OpenSSL has no SHA-256. */
int hash_sha256(const void *data, size_t len, uint8_t digest[HASH_SHA256_BYTES]);

/* SHA-256 over several pieces. */
struct hash_stream {
	void *context; /* EVP_MD_CTX; owned */
};

/* Errors: MEMORY, INTERNAL. After an error nothing is left to deinit, and deinit is harmless. */
int hash_stream_init(struct hash_stream *);
int hash_stream_update(struct hash_stream *, const void *data, size_t len);
/* Writes the digest of everything so far and starts anew. */
int hash_stream_final(struct hash_stream *, uint8_t digest[HASH_SHA256_BYTES]);
void hash_stream_deinit(struct hash_stream *);

/* BLAKE2b without a key, RFC 7693; the digest length is part of the function: BLAKE2b-128 is no prefix
 * of BLAKE2b-256. Errors: INTERNAL. */
int hash_blake2b_64(const void *data, size_t len, uint8_t digest[8]);
int hash_blake2b_128(const void *data, size_t len, uint8_t digest[16]);
int hash_blake2b_256(const void *data, size_t len, uint8_t digest[32]);

/* Lower-case hexadecimal; writes 2 * len characters and a NUL. Returns text. */
char *hash_hex(char *text, const uint8_t *bytes, size_t len);
/* Exactly 2 * len lower-case digits. Errors: SYNTAX. */
int hash_parse_hex(const char *text, size_t text_len, uint8_t *bytes, size_t len);

/* "sha256:<64 digits>", as maps write it. text holds HASH_SHA256_TEXT_BYTES. Errors: SYNTAX. */
#define HASH_SHA256_TEXT_BYTES (7u + HASH_SHA256_HEX + 1u)
char *hash_sha256_text(char *text, const uint8_t digest[HASH_SHA256_BYTES]);
int hash_parse_sha256(const char *text, size_t text_len, uint8_t digest[HASH_SHA256_BYTES]);

#endif
