#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "common/hash.h"
#include "common/key.h"

static void from_hex(const char *text, uint8_t *out, size_t len)
{
	assert_int_equal(hash_parse_hex(text, strlen(text), out, len), 0);
}

/* RFC 8032 section 7.1, test 2. */
static const char ed25519_seed[] = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";
static const char ed25519_public[] = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
static const char ed25519_signature[] = "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
					"085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";

static void test_ed25519_of_rfc_8032(void **state)
{
	uint8_t seed[32], public_bytes[32], expected[64], signature[KEY_MAX_SIGNATURE_BYTES];
	const uint8_t message = 0x72;
	struct key_secret secret;
	struct key_signer signer;
	size_t len;
	(void)state;
	from_hex(ed25519_seed, seed, 32);
	from_hex(ed25519_public, public_bytes, 32);
	from_hex(ed25519_signature, expected, 64);
	assert_int_equal(key_secret_init(&secret, KEY_ED25519, seed), 0);
	assert_memory_equal(secret.public_key.bytes, public_bytes, 32);
	signer = key_secret_signer(&secret);
	assert_int_equal(signer.sign(signer.user, &message, 1, signature, &len), 0);
	assert_int_equal(len, 64);
	assert_memory_equal(signature, expected, 64);
	assert_int_equal(key_verify(&secret.public_key, &message, 1, signature, len), 0);
	assert_int_equal(key_verify(&secret.public_key, &message, 0, signature, len), CAROUSEL_E_SIGNATURE);
	assert_int_equal(key_verify(&secret.public_key, &message, 1, signature, len - 1), CAROUSEL_E_SIGNATURE);
	signature[0] ^= 1;
	assert_int_equal(key_verify(&secret.public_key, &message, 1, signature, len), CAROUSEL_E_SIGNATURE);
	key_secret_deinit(&secret);
	assert_int_equal(secret.seed[0], 0);
}

/* RFC 6979 appendix A.2.5: key, and the signature of "sample" with SHA-256. */
static const char p256_scalar[] = "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721";
static const char p256_point[] = "04"
				 "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
				 "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";
static const char p256_signature[] = "3046022100efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
				     "022100f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8";

static void test_p256_of_rfc_6979(void **state)
{
	uint8_t scalar[32], point[65], expected[72], signature[KEY_MAX_SIGNATURE_BYTES];
	struct key_secret secret;
	struct key_signer signer;
	size_t len;
	(void)state;
	from_hex(p256_scalar, scalar, 32);
	from_hex(p256_point, point, 65);
	from_hex(p256_signature, expected, 72);
	assert_int_equal(key_secret_init(&secret, KEY_ECDSA_P256, scalar), 0);
	assert_memory_equal(secret.public_key.bytes, point, 65);
	assert_int_equal(key_verify(&secret.public_key, "sample", 6, expected, 72), 0);
	assert_int_equal(key_verify(&secret.public_key, "simple", 6, expected, 72), CAROUSEL_E_SIGNATURE);
	signer = key_secret_signer(&secret);
	assert_int_equal(signer.sign(signer.user, "sample", 6, signature, &len), 0);
	assert_true(len <= KEY_MAX_SIGNATURE_BYTES);
	assert_int_equal(key_verify(&secret.public_key, "sample", 6, signature, len), 0);
	assert_int_equal(key_verify(&secret.public_key, "sample", 6, signature, len - 1), CAROUSEL_E_SIGNATURE);
}

static void test_bad_scalars_and_points(void **state)
{
	uint8_t scalar[32], point[65];
	struct key_secret secret;
	struct key_public key;
	(void)state;
	memset(scalar, 0, sizeof scalar);
	assert_int_equal(key_secret_init(&secret, KEY_ECDSA_P256, scalar), CAROUSEL_E_MALFORMED);
	memset(scalar, 0xff, sizeof scalar);
	assert_int_equal(key_secret_init(&secret, KEY_ECDSA_P256, scalar), CAROUSEL_E_MALFORMED);
	from_hex(p256_point, point, 65);
	assert_int_equal(key_public_init(&key, KEY_ECDSA_P256, point, 65), 0);
	point[64] ^= 1;
	assert_int_equal(key_public_init(&key, KEY_ECDSA_P256, point, 65), CAROUSEL_E_MALFORMED);
	point[64] ^= 1;
	point[0] = 2;
	assert_int_equal(key_public_init(&key, KEY_ECDSA_P256, point, 65), CAROUSEL_E_MALFORMED);
	assert_int_equal(key_public_init(&key, KEY_ED25519, point, 31), CAROUSEL_E_MALFORMED);
}

static int parse_der(void *user, const uint8_t *data, size_t len)
{
	return key_public_parse_der(user, data, len);
}

/* RFC 8410 section 10.1: the example key and its SubjectPublicKeyInfo. */
static void test_der_and_id(void **state)
{
	static const char example[] =
		"302a300506032b657003210019bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1";
	uint8_t der[KEY_MAX_DER_BYTES], expected[44], digest[32];
	struct key_public key, back;
	(void)state;
	from_hex(example, expected, 44);
	assert_int_equal(key_public_parse_der(&key, expected, 44), 0);
	assert_int_equal(key.type, KEY_ED25519);
	assert_int_equal(key_public_der(&key, der), 44);
	assert_memory_equal(der, expected, 44);
	hash_sha256(expected, 44, digest);
	assert_memory_equal(key.id, digest, 32);
	test_truncations(parse_der, &back, expected, 44);
	expected[8] = 0x71; /* Ed448 */
	assert_int_equal(key_public_parse_der(&back, expected, 44), CAROUSEL_E_UNSUPPORTED);
}

static void test_p256_der(void **state)
{
	uint8_t point[65], der[KEY_MAX_DER_BYTES];
	struct key_public key, back;
	(void)state;
	from_hex(p256_point, point, 65);
	assert_int_equal(key_public_init(&key, KEY_ECDSA_P256, point, 65), 0);
	assert_int_equal(key_public_der(&key, der), 91);
	assert_int_equal(key_public_parse_der(&back, der, 91), 0);
	assert_memory_equal(&back, &key, sizeof key);
	test_truncations(parse_der, &back, der, 91);
}

static void test_type_names(void **state)
{
	enum key_type type;
	(void)state;
	assert_int_equal(key_type_parse("ecdsa-p256", &type), 0);
	assert_int_equal(type, KEY_ECDSA_P256);
	assert_string_equal(key_type_name(KEY_ED25519), "ed25519");
	assert_int_equal(key_type_parse("rsa", &type), CAROUSEL_E_UNKNOWN_WORD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ed25519_of_rfc_8032),
		cmocka_unit_test(test_p256_of_rfc_6979),
		cmocka_unit_test(test_bad_scalars_and_points),
		cmocka_unit_test(test_der_and_id),
		cmocka_unit_test(test_p256_der),
		cmocka_unit_test(test_type_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
