#include "tests/lib/fault_alloc.h"
#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "policy-map/key_file.h"

#include <stdio.h>

static struct key_secret secret;
static const struct key_file_protection protection = {.passphrase = "correct horse",
	.passphrase_len = 13,
	.operations = 1,
	.memory_bytes = 8192,
	.salt = {1},
	.nonce = {2}};

static int make_key(void **state)
{
	uint8_t seed[KEY_SEED_BYTES];
	(void)state;
	memset(seed, 7, sizeof seed);
	return key_secret_init(&secret, KEY_ECDSA_P256, seed);
}

static int parse(void *user, const uint8_t *data, size_t len)
{
	struct key_secret back;
	(void)user;
	return key_file_parse_secret(&back, (const char *)data, len, "correct horse", 13);
}

static void test_encrypted(void **state)
{
	struct key_secret back;
	char *text;
	size_t len;
	(void)state;
	assert_int_equal(key_file_print_secret(NULL, &secret, &protection, &text, &len), 0);
	assert_int_equal(text[len - 1], '\n');
	assert_null(memmem(text, len, "0707070707", 10));
	assert_int_equal(key_file_parse_secret(&back, text, len, "correct horse", 13), 0);
	assert_memory_equal(&back, &secret, sizeof back);
	assert_int_equal(key_file_parse_secret(&back, text, len, NULL, 0), CAROUSEL_E_NEED_MORE);
	assert_int_equal(key_file_parse_secret(&back, text, len, "correct horsf", 13), CAROUSEL_E_PERMISSION);
	assert_int_equal(back.seed[0], 0);
	test_truncations(parse, NULL, (const uint8_t *)text, len - 1);
	memory_free(NULL, text);
}

static void test_unencrypted(void **state)
{
	struct key_secret back;
	char *text;
	size_t len;
	(void)state;
	assert_int_equal(key_file_print_secret(NULL, &secret, NULL, &text, &len), 0);
	assert_int_equal(key_file_parse_secret(&back, text, len, NULL, 0), 0);
	assert_memory_equal(&back, &secret, sizeof back);
	memory_free(NULL, text);
}

static int parse_changed(const struct key_file_protection *p, const char *from, const char *to)
{
	struct key_secret back;
	char *text, changed[2048];
	const char *at;
	size_t len;
	int n;
	assert_int_equal(key_file_print_secret(NULL, &secret, p, &text, &len), 0);
	text[len - 1] = '\0';
	at = strstr(text, from);
	assert_non_null(at);
	n = snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
	memory_free(NULL, text);
	return key_file_parse_secret(&back, changed, (size_t)n, "correct horse", 13);
}

static void test_changed_files(void **state)
{
	(void)state;
	assert_int_equal(parse_changed(&protection, "\"seed\":\"", "\"seed\":\"0"), CAROUSEL_E_MALFORMED);
	assert_int_equal(parse_changed(&protection, "\"nonce\":\"02", "\"nonce\":\"03"), CAROUSEL_E_PERMISSION);
	assert_int_equal(
		parse_changed(&protection, "\"memory_bytes\":8192", "\"memory_bytes\":9999999999"), CAROUSEL_E_RANGE);
	assert_int_equal(parse_changed(&protection, "\"operations\":1", "\"operations\":99"), CAROUSEL_E_RANGE);
	assert_int_equal(parse_changed(&protection, "argon2id13", "argon3"), CAROUSEL_E_UNSUPPORTED);
	assert_int_equal(parse_changed(NULL, "ecdsa-p256", "ed25519"), CAROUSEL_E_MALFORMED);
	assert_int_equal(parse_changed(NULL, "ecdsa-p256", "rsa"), CAROUSEL_E_UNSUPPORTED);
	assert_int_equal(parse_changed(NULL, "key/1", "key/2"), CAROUSEL_E_UNSUPPORTED);
	assert_int_equal(parse_changed(NULL, "\"seed\":\"07", "\"seed\":\"08"), CAROUSEL_E_MALFORMED);
}

static void test_what_a_guess_must_cost(void **state)
{
	struct key_file_protection p = protection;
	char *text;
	size_t len;
	(void)state;
	p.memory_bytes = 8191;
	assert_int_equal(key_file_print_secret(NULL, &secret, &p, &text, &len), CAROUSEL_E_RANGE);
	p = protection;
	p.operations = 0;
	assert_int_equal(key_file_print_secret(NULL, &secret, &p, &text, &len), CAROUSEL_E_RANGE);
}

/* Made by `openssl pkey -pubout`, with text around it: RFC 8410 section 10.1. */
static void test_public_of_another_tool(void **state)
{
	static const char pem[] = "an explanation\n-----BEGIN PUBLIC KEY-----\n"
				  "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n"
				  "-----END PUBLIC KEY-----\n";
	struct key_public key, back;
	char *text;
	size_t len;
	(void)state;
	assert_int_equal(key_file_parse_public(&key, pem, strlen(pem)), 0);
	assert_int_equal(key.type, KEY_ED25519);
	assert_int_equal(key.bytes[0], 0x19);
	assert_int_equal(key_file_print_public(NULL, &key, &text, &len), 0);
	assert_string_equal(text, strchr(pem, '\n') + 1);
	assert_int_equal(key_file_parse_public(&back, text, len), 0);
	assert_memory_equal(&back, &key, sizeof key);
	memory_free(NULL, text);
}

static int parse_public(void *user, const uint8_t *data, size_t len)
{
	return key_file_parse_public(user, (const char *)data, len);
}

static void test_bad_public(void **state)
{
	struct key_public key;
	char *text;
	size_t len;
	(void)state;
	assert_int_equal(key_file_print_public(NULL, &secret.public_key, &text, &len), 0);
	test_truncations(parse_public, &key, (const uint8_t *)text, len - 1);
	text[40] = '!';
	assert_int_equal(key_file_parse_public(&key, text, len), CAROUSEL_E_MALFORMED);
	memory_free(NULL, text);
	assert_int_equal(key_file_parse_public(&key, "", KEY_FILE_MAX_BYTES + 1), CAROUSEL_E_LIMIT);
}

static int attempt(const struct carousel_allocator *a, void *user)
{
	char *text;
	size_t len;
	int result = key_file_print_secret(a, &secret, user, &text, &len);
	if (result)
		return result;
	memory_free(a, text);
	result = key_file_print_public(a, &secret.public_key, &text, &len);
	if (result == 0)
		memory_free(a, text);
	return result;
}

static void test_no_memory(void **state)
{
	struct key_file_protection p = protection;
	(void)state;
	assert_int_equal(fault_alloc_all(attempt, &p), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_encrypted),
		cmocka_unit_test(test_unencrypted),
		cmocka_unit_test(test_changed_files),
		cmocka_unit_test(test_what_a_guess_must_cost),
		cmocka_unit_test(test_public_of_another_tool),
		cmocka_unit_test(test_bad_public),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, make_key, NULL);
}
