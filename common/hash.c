#include "common/hash.h"

#include "common/carousel_error.h"

#include <openssl/evp.h>
#include <sodium.h>
#include <string.h>

int hash_sha256(const void *data, size_t len, uint8_t digest[HASH_SHA256_BYTES])
{
	return EVP_Digest(len ? data : "", len, digest, NULL, EVP_sha256(), NULL) == 1 ? 0 : CAROUSEL_E_INTERNAL;
}

int hash_stream_init(struct hash_stream *h)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	h->context = NULL;
	if (context == NULL)
		return CAROUSEL_E_MEMORY;
	if (EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1) {
		EVP_MD_CTX_free(context);
		return CAROUSEL_E_INTERNAL;
	}
	h->context = context;
	return 0;
}

int hash_stream_update(struct hash_stream *h, const void *data, size_t len)
{
	if (len == 0)
		return 0;
	return EVP_DigestUpdate(h->context, data, len) == 1 ? 0 : CAROUSEL_E_INTERNAL;
}

int hash_stream_final(struct hash_stream *h, uint8_t digest[HASH_SHA256_BYTES])
{
	if (EVP_DigestFinal_ex(h->context, digest, NULL) != 1 || EVP_DigestInit_ex(h->context, EVP_sha256(), NULL) != 1)
		return CAROUSEL_E_INTERNAL;
	return 0;
}

void hash_stream_deinit(struct hash_stream *h)
{
	EVP_MD_CTX_free(h->context);
	h->context = NULL;
}

/* crypto_generichash() insists on 16 bytes and more; the BLAKE2b function below it takes any RFC 7693 length. */
static int hash_blake2b(const void *data, size_t len, uint8_t *digest, size_t digest_len)
{
	if (crypto_generichash_blake2b(digest, digest_len, data, len, NULL, 0) != 0)
		return CAROUSEL_E_INTERNAL;
	return 0;
}

int hash_blake2b_64(const void *data, size_t len, uint8_t digest[8])
{
	return hash_blake2b(data, len, digest, 8);
}

int hash_blake2b_128(const void *data, size_t len, uint8_t digest[16])
{
	return hash_blake2b(data, len, digest, 16);
}

int hash_blake2b_256(const void *data, size_t len, uint8_t digest[32])
{
	return hash_blake2b(data, len, digest, 32);
}

char *hash_hex(char *text, const uint8_t *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < len; i++) {
		text[2 * i] = digits[bytes[i] >> 4];
		text[2 * i + 1] = digits[bytes[i] & 15];
	}
	text[2 * len] = '\0';
	return text;
}

static int hash_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

int hash_parse_hex(const char *text, size_t text_len, uint8_t *bytes, size_t len)
{
	if (text_len / 2 != len || text_len % 2)
		return CAROUSEL_E_SYNTAX;
	for (size_t i = 0; i < len; i++) {
		int high = hash_digit(text[2 * i]), low = hash_digit(text[2 * i + 1]);
		if (high < 0 || low < 0)
			return CAROUSEL_E_SYNTAX;
		bytes[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

char *hash_sha256_text(char *text, const uint8_t digest[HASH_SHA256_BYTES])
{
	memcpy(text, "sha256:", 7);
	hash_hex(text + 7, digest, HASH_SHA256_BYTES);
	return text;
}

int hash_parse_sha256(const char *text, size_t text_len, uint8_t digest[HASH_SHA256_BYTES])
{
	if (text_len < 7 || memcmp(text, "sha256:", 7) != 0)
		return CAROUSEL_E_SYNTAX;
	return hash_parse_hex(text + 7, text_len - 7, digest, HASH_SHA256_BYTES);
}
