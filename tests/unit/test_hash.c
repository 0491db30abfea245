#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "common/hash.h"

static const char abc_sha256[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/* FIPS 180-2 appendix B. */
static void test_sha256(void **state)
{
	uint8_t digest[HASH_SHA256_BYTES];
	char text[HASH_SHA256_HEX + 1];
	(void)state;
	assert_int_equal(hash_sha256("abc", 3, digest), 0);
	assert_string_equal(hash_hex(text, digest, sizeof digest), abc_sha256);
	assert_int_equal(hash_sha256(NULL, 0, digest), 0);
	assert_string_equal(hash_hex(text, digest, sizeof digest),
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void test_stream_gives_the_same_and_starts_anew(void **state)
{
	struct hash_stream h;
	uint8_t digest[HASH_SHA256_BYTES];
	char text[HASH_SHA256_HEX + 1];
	(void)state;
	assert_int_equal(hash_stream_init(&h), 0);
	for (int round = 0; round < 2; round++) {
		assert_int_equal(hash_stream_update(&h, "a", 1), 0);
		assert_int_equal(hash_stream_update(&h, NULL, 0), 0);
		assert_int_equal(hash_stream_update(&h, "bc", 2), 0);
		assert_int_equal(hash_stream_final(&h, digest), 0);
		assert_string_equal(hash_hex(text, digest, sizeof digest), abc_sha256);
	}
	hash_stream_deinit(&h);
	hash_stream_deinit(&h);
}

/* Computed by Python's hashlib.blake2b(b"abc", digest_size=n). */
static void test_blake2b(void **state)
{
	uint8_t digest[32];
	char text[65];
	(void)state;
	assert_int_equal(hash_blake2b_64("abc", 3, digest), 0);
	assert_string_equal(hash_hex(text, digest, 8), "d8bb14d833d59559");
	assert_int_equal(hash_blake2b_128("abc", 3, digest), 0);
	assert_string_equal(hash_hex(text, digest, 16), "cf4ab791c62b8d2b2109c90275287816");
	assert_int_equal(hash_blake2b_256("abc", 3, digest), 0);
	assert_string_equal(
		hash_hex(text, digest, 32), "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
}

static void test_hex_is_strict(void **state)
{
	uint8_t bytes[2];
	(void)state;
	assert_int_equal(hash_parse_hex("0aff", 4, bytes, 2), 0);
	assert_int_equal(bytes[0], 0x0a);
	assert_int_equal(bytes[1], 0xff);
	assert_int_equal(hash_parse_hex("0aFF", 4, bytes, 2), CAROUSEL_E_SYNTAX);
	assert_int_equal(hash_parse_hex("0aff0", 5, bytes, 2), CAROUSEL_E_SYNTAX);
	assert_int_equal(hash_parse_hex("0af", 3, bytes, 2), CAROUSEL_E_SYNTAX);
	assert_int_equal(hash_parse_hex("0ag0", 4, bytes, 2), CAROUSEL_E_SYNTAX);
}

static int parse_sha256(void *user, const uint8_t *data, size_t len)
{
	return hash_parse_sha256((const char *)data, len, user);
}

static void test_sha256_text(void **state)
{
	uint8_t digest[HASH_SHA256_BYTES], back[HASH_SHA256_BYTES];
	char text[HASH_SHA256_TEXT_BYTES];
	(void)state;
	hash_sha256("abc", 3, digest);
	hash_sha256_text(text, digest);
	assert_memory_equal(text, "sha256:", 7);
	assert_string_equal(text + 7, abc_sha256);
	assert_int_equal(hash_parse_sha256(text, strlen(text), back), 0);
	assert_memory_equal(back, digest, sizeof digest);
	test_truncations(parse_sha256, back, (const uint8_t *)text, strlen(text));
	text[0] = 'S';
	assert_int_equal(hash_parse_sha256(text, strlen(text), back), CAROUSEL_E_SYNTAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sha256),
		cmocka_unit_test(test_stream_gives_the_same_and_starts_anew),
		cmocka_unit_test(test_blake2b),
		cmocka_unit_test(test_hex_is_strict),
		cmocka_unit_test(test_sha256_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
