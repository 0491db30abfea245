#include "common/key.h"

#include "common/carousel_error.h"
#include "common/hash.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <sodium.h>
#include <string.h>

/* Everything of a SubjectPublicKeyInfo that comes before the key: RFC 8410 section 4, RFC 5480 section 2.1.1.1. */
static const uint8_t ed25519_der[] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
static const uint8_t p256_der[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
	0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00};

struct key_kind {
	const char *name;
	const uint8_t *der;
	size_t der_len, len;
};

static const struct key_kind kinds[] = {
	[KEY_ED25519] = {"ed25519", ed25519_der, sizeof ed25519_der, KEY_ED25519_BYTES},
	[KEY_ECDSA_P256] = {"ecdsa-p256", p256_der, sizeof p256_der, KEY_ECDSA_P256_BYTES},
};

const char *key_type_name(enum key_type type)
{
	return kinds[type].name;
}

int key_type_parse(const char *name, enum key_type *type)
{
	for (int i = KEY_ED25519; i <= KEY_ECDSA_P256; i++) {
		if (strcmp(name, kinds[i].name) == 0) {
			*type = (enum key_type)i;
			return 0;
		}
	}
	return CAROUSEL_E_UNKNOWN_WORD;
}

static EVP_PKEY *p256_from_params(OSSL_PARAM_BLD *build, int selection)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
	EVP_PKEY *key = NULL;
	if (context && params && EVP_PKEY_fromdata_init(context) == 1)
		(void)EVP_PKEY_fromdata(context, &key, selection, params);
	OSSL_PARAM_free(params);
	EVP_PKEY_CTX_free(context);
	return key;
}

/* NULL when the bytes are no point of the curve. */
static EVP_PKEY *p256_public(const uint8_t point[KEY_ECDSA_P256_BYTES])
{
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	EVP_PKEY *key = NULL;
	if (build && OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) == 1 &&
		OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, KEY_ECDSA_P256_BYTES) == 1)
		key = p256_from_params(build, EVP_PKEY_PUBLIC_KEY);
	OSSL_PARAM_BLD_free(build);
	return key;
}

int key_public_init(struct key_public *key, enum key_type type, const uint8_t *raw, size_t len)
{
	uint8_t der[KEY_MAX_DER_BYTES];
	memset(key, 0, sizeof *key);
	if (len != kinds[type].len)
		return CAROUSEL_E_MALFORMED;
	if (type == KEY_ECDSA_P256) {
		EVP_PKEY *point = raw[0] == POINT_CONVERSION_UNCOMPRESSED ? p256_public(raw) : NULL;
		if (point == NULL)
			return CAROUSEL_E_MALFORMED;
		EVP_PKEY_free(point);
	}
	key->type = type;
	key->len = (uint8_t)len;
	memcpy(key->bytes, raw, len);
	return hash_sha256(der, key_public_der(key, der), key->id);
}

size_t key_public_der(const struct key_public *key, uint8_t der[KEY_MAX_DER_BYTES])
{
	const struct key_kind *kind = &kinds[key->type];
	memcpy(der, kind->der, kind->der_len);
	memcpy(der + kind->der_len, key->bytes, kind->len);
	return kind->der_len + kind->len;
}

int key_public_parse_der(struct key_public *key, const uint8_t *der, size_t len)
{
	for (int i = KEY_ED25519; i <= KEY_ECDSA_P256; i++) {
		const struct key_kind *kind = &kinds[i];
		if (len < kind->der_len || memcmp(der, kind->der, kind->der_len) != 0)
			continue;
		return key_public_init(key, (enum key_type)i, der + kind->der_len, len - kind->der_len);
	}
	return len < sizeof ed25519_der ? CAROUSEL_E_MALFORMED : CAROUSEL_E_UNSUPPORTED;
}

static int p256_verify(
	const struct key_public *key, const void *message, size_t len, const uint8_t *signature, size_t signature_len)
{
	EVP_PKEY *point = p256_public(key->bytes);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	int result = CAROUSEL_E_SIGNATURE;
	if (point && context && EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, point) == 1 &&
		EVP_DigestVerify(context, signature, signature_len, message, len) == 1)
		result = 0;
	EVP_MD_CTX_free(context);
	EVP_PKEY_free(point);
	return result;
}

int key_verify(
	const struct key_public *key, const void *message, size_t len, const uint8_t *signature, size_t signature_len)
{
	if (key->type == KEY_ECDSA_P256)
		return p256_verify(key, message, len, signature, signature_len);
	if (signature_len != crypto_sign_BYTES || crypto_sign_verify_detached(signature, message, len, key->bytes) != 0)
		return CAROUSEL_E_SIGNATURE;
	return 0;
}

/* The key pair of a scalar, or NULL: it must lie between 1 and the order less one. */
static EVP_PKEY *p256_secret(const uint8_t seed[KEY_SEED_BYTES], uint8_t point[KEY_ECDSA_P256_BYTES])
{
	EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	BIGNUM *scalar = BN_bin2bn(seed, KEY_SEED_BYTES, NULL);
	EC_POINT *q = group ? EC_POINT_new(group) : NULL;
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	EVP_PKEY *key = NULL;
	if (q && scalar && build && !BN_is_zero(scalar) && BN_cmp(scalar, EC_GROUP_get0_order(group)) < 0 &&
		EC_POINT_mul(group, q, scalar, NULL, NULL, NULL) == 1 &&
		EC_POINT_point2oct(group, q, POINT_CONVERSION_UNCOMPRESSED, point, KEY_ECDSA_P256_BYTES, NULL) ==
			KEY_ECDSA_P256_BYTES &&
		OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) == 1 &&
		OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, KEY_ECDSA_P256_BYTES) == 1 &&
		OSSL_PARAM_BLD_push_BN_pad(build, OSSL_PKEY_PARAM_PRIV_KEY, scalar, KEY_SEED_BYTES) == 1)
		key = p256_from_params(build, EVP_PKEY_KEYPAIR);
	OSSL_PARAM_BLD_free(build);
	EC_POINT_free(q);
	BN_clear_free(scalar);
	EC_GROUP_free(group);
	return key;
}

int key_secret_init(struct key_secret *secret, enum key_type type, const uint8_t seed[KEY_SEED_BYTES])
{
	uint8_t public_bytes[KEY_ECDSA_P256_BYTES];
	int result;
	memset(secret, 0, sizeof *secret);
	if (type == KEY_ECDSA_P256) {
		EVP_PKEY *key = p256_secret(seed, public_bytes);
		if (key == NULL)
			return CAROUSEL_E_MALFORMED;
		EVP_PKEY_free(key);
	} else {
		uint8_t expanded[crypto_sign_SECRETKEYBYTES];
		crypto_sign_seed_keypair(public_bytes, expanded, seed);
		sodium_memzero(expanded, sizeof expanded);
	}
	result = key_public_init(&secret->public_key, type, public_bytes, kinds[type].len);
	if (result == 0)
		memcpy(secret->seed, seed, KEY_SEED_BYTES);
	return result;
}

static int p256_sign(
	const struct key_secret *secret, const void *message, size_t len, uint8_t *signature, size_t *signature_len)
{
	uint8_t point[KEY_ECDSA_P256_BYTES];
	EVP_PKEY *key = p256_secret(secret->seed, point);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	int result = CAROUSEL_E_INTERNAL;
	*signature_len = KEY_MAX_SIGNATURE_BYTES;
	if (key && context && EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
		EVP_DigestSign(context, signature, signature_len, message, len) == 1)
		result = 0;
	EVP_MD_CTX_free(context);
	EVP_PKEY_free(key);
	return result;
}

static int key_secret_sign(
	void *user, const void *message, size_t len, uint8_t signature[KEY_MAX_SIGNATURE_BYTES], size_t *signature_len)
{
	const struct key_secret *secret = user;
	uint8_t public_bytes[KEY_ED25519_BYTES], expanded[crypto_sign_SECRETKEYBYTES];
	if (secret->public_key.type == KEY_ECDSA_P256)
		return p256_sign(secret, message, len, signature, signature_len);
	crypto_sign_seed_keypair(public_bytes, expanded, secret->seed);
	crypto_sign_detached(signature, NULL, message, len, expanded);
	sodium_memzero(expanded, sizeof expanded);
	*signature_len = crypto_sign_BYTES;
	return 0;
}

struct key_signer key_secret_signer(struct key_secret *secret)
{
	struct key_signer signer = {.user = secret, .public_key = secret->public_key, .sign = key_secret_sign};
	return signer;
}

void key_secret_deinit(struct key_secret *secret)
{
	sodium_memzero(secret, sizeof *secret);
}
