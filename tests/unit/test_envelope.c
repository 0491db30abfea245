#include "tests/lib/fault_alloc.h"
#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "common/envelope.h"

#include <stdio.h>

static struct key_secret keys[3];

static int make_keys(void **state)
{
	uint8_t seed[KEY_SEED_BYTES];
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		memset(seed, (int)(i + 1), sizeof seed);
		assert_int_equal(key_secret_init(&keys[i], i == 2 ? KEY_ECDSA_P256 : KEY_ED25519, seed), 0);
	}
	return 0;
}

static void sign_by(struct envelope *e, unsigned i)
{
	struct key_signer signer = key_secret_signer(&keys[i]);
	assert_int_equal(envelope_sign(e, &signer), 0);
}

/* The PAE example of the DSSE protocol document. */
static void test_pae(void **state)
{
	static const char expected[] = "DSSEv1 29 http://example.com/HelloWorld 11 hello world";
	struct envelope e;
	(void)state;
	assert_int_equal(envelope_init(NULL, &e, "http://example.com/HelloWorld", "hello world", 11), 0);
	assert_int_equal(e.signed_len, strlen(expected));
	assert_memory_equal(e.signed_bytes, expected, e.signed_len);
	envelope_deinit(NULL, &e);
}

static void test_sign_print_parse_verify(void **state)
{
	const struct key_public *both[] = {&keys[0].public_key, &keys[2].public_key};
	struct envelope e, back;
	char *text, *again;
	size_t len, again_len;
	(void)state;
	assert_int_equal(envelope_init(NULL, &e, ENVELOPE_TYPE_MAP, "some map\n", 9), 0);
	assert_int_equal(envelope_verify(&e, both, 2, 1), CAROUSEL_E_SIGNATURE);
	sign_by(&e, 0);
	sign_by(&e, 2);
	assert_int_equal(envelope_print(NULL, &e, &text, &len), 0);
	assert_int_equal(len, strlen(text));
	assert_int_equal(text[len - 1], '\n');
	assert_ptr_equal(memchr(text, '\n', len), text + len - 1);
	assert_int_equal(envelope_parse(NULL, &back, text, len), 0);
	assert_string_equal(back.type, ENVELOPE_TYPE_MAP);
	assert_int_equal(back.payload_len, 9);
	assert_memory_equal(back.payload, "some map\n", 10);
	assert_int_equal(envelope_verify(&back, both, 2, 2), 0);
	assert_int_equal(envelope_print(NULL, &back, &again, &again_len), 0);
	assert_int_equal(again_len, len);
	assert_memory_equal(again, text, len);
	memory_free(NULL, text);
	memory_free(NULL, again);
	envelope_deinit(NULL, &back);
	envelope_deinit(NULL, &e);
}

static void test_threshold_counts_distinct_keys(void **state)
{
	const struct key_public *same[] = {&keys[0].public_key, &keys[0].public_key};
	const struct key_public *two[] = {&keys[0].public_key, &keys[1].public_key};
	struct envelope e;
	(void)state;
	assert_int_equal(envelope_init(NULL, &e, ENVELOPE_TYPE_ROOT, "x", 1), 0);
	sign_by(&e, 0);
	sign_by(&e, 0);
	assert_int_equal(e.num_signatures, 1);
	e.signatures[1] = e.signatures[0]; /* the same signature twice counts once */
	e.num_signatures = 2;
	assert_int_equal(envelope_verify(&e, same, 2, 1), 0);
	assert_int_equal(envelope_verify(&e, same, 2, 2), CAROUSEL_E_SIGNATURE);
	assert_int_equal(envelope_verify(&e, two, 2, 2), CAROUSEL_E_SIGNATURE);
	assert_int_equal(envelope_verify(&e, two, 2, 0), CAROUSEL_E_SIGNATURE);
	memcpy(e.signatures[1].key_id, keys[1].public_key.id,
		KEY_ID_BYTES); /* under another's name it counts nothing */
	assert_int_equal(envelope_verify(&e, two, 2, 2), CAROUSEL_E_SIGNATURE);
	e.num_signatures = 1;
	sign_by(&e, 1);
	assert_int_equal(envelope_verify(&e, two, 2, 2), 0);
	envelope_deinit(NULL, &e);
}

static void test_type_is_part_of_what_is_signed(void **state)
{
	const struct key_public *one[] = {&keys[0].public_key};
	struct envelope e, other;
	(void)state;
	assert_int_equal(envelope_init(NULL, &e, ENVELOPE_TYPE_ROOT, "x", 1), 0);
	assert_int_equal(envelope_init(NULL, &other, ENVELOPE_TYPE_MAP, "x", 1), 0);
	sign_by(&e, 0);
	other.signatures[0] = e.signatures[0];
	other.num_signatures = 1;
	assert_int_equal(envelope_verify(&other, one, 1, 1), CAROUSEL_E_SIGNATURE);
	envelope_deinit(NULL, &e);
	envelope_deinit(NULL, &other);
}

static int parse(void *user, const uint8_t *data, size_t len)
{
	struct envelope e;
	int result = envelope_parse(user, &e, (const char *)data, len);
	if (result == 0)
		envelope_deinit(user, &e);
	return result;
}

static int parse_text(const char *text)
{
	return parse(NULL, (const uint8_t *)text, strlen(text));
}

static void test_truncations_of_an_envelope(void **state)
{
	struct envelope e;
	char *text;
	size_t len;
	(void)state;
	assert_int_equal(envelope_init(NULL, &e, ENVELOPE_TYPE_ROOT, "payload", 7), 0);
	sign_by(&e, 1);
	assert_int_equal(envelope_print(NULL, &e, &text, &len), 0);
	test_truncations(parse, NULL, (const uint8_t *)text, len - 1); /* the line end may be missing */
	memory_free(NULL, text);
	envelope_deinit(NULL, &e);
}

static void test_malformed(void **state)
{
	static const struct {
		const char *text;
		int expected;
	} cases[] = {
		{"", CAROUSEL_E_SYNTAX},
		{"{", CAROUSEL_E_SYNTAX},
		{"[]", CAROUSEL_E_MALFORMED},
		{"{}", CAROUSEL_E_MALFORMED},
		{"{\"payload\":\"eA==\",\"payloadType\":\"t\",\"signatures\":[]}", 0},
		{"{\"payload\":\"\",\"payloadType\":\"t\",\"signatures\":[],\"more\":1}", 0},
		{"{\"payload\":\"eA==\",\"payloadType\":\"t\",\"signatures\":[]} {}", CAROUSEL_E_SYNTAX},
		{"{\"payload\":\"eA==\",\"payload\":\"eA==\",\"payloadType\":\"t\",\"signatures\":[]}",
			CAROUSEL_E_SYNTAX},
		{"{\"payload\":\"eA=\",\"payloadType\":\"t\",\"signatures\":[]}", CAROUSEL_E_MALFORMED},
		{"{\"payload\":\"eB==\",\"payloadType\":\"t\",\"signatures\":[]}", CAROUSEL_E_MALFORMED},
		{"{\"payload\":\"e===\",\"payloadType\":\"t\",\"signatures\":[]}", CAROUSEL_E_MALFORMED},
		{"{\"payload\":\"eA==eA==\",\"payloadType\":\"t\",\"signatures\":[]}", CAROUSEL_E_MALFORMED},
		{"{\"payload\":\"e A=\",\"payloadType\":\"t\",\"signatures\":[]}", CAROUSEL_E_MALFORMED},
		{"{\"payload\":1,\"payloadType\":\"t\",\"signatures\":[]}", CAROUSEL_E_MALFORMED},
		{"{\"payload\":\"eA==\",\"payloadType\":\"\",\"signatures\":[]}", CAROUSEL_E_MALFORMED},
		{"{\"payload\":\"eA==\",\"payloadType\":\"a b\",\"signatures\":[]}", CAROUSEL_E_MALFORMED},
		{"{\"payload\":\"eA==\",\"payloadType\":\"a\\u0000\",\"signatures\":[]}", CAROUSEL_E_SYNTAX},
		{"{\"payload\":\"eA==\",\"payloadType\":\"t\",\"signatures\":{}}", CAROUSEL_E_MALFORMED},
		{"{\"payload\":\"eA==\",\"payloadType\":\"t\",\"signatures\":[1]}", CAROUSEL_E_MALFORMED},
		{"{\"payload\":\"eA==\",\"payloadType\":\"t\",\"signatures\":[{\"keyid\":\"00\",\"sig\":\"eA==\"}]}",
			0},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_int_equal(parse_text(cases[i].text), cases[i].expected);
}

static void test_signatures_of_newer_kinds_are_skipped(void **state)
{
	char text[4096] = "{\"payload\":\"eA==\",\"payloadType\":\"t\",\"signatures\":[{\"keyid\":\"";
	struct envelope e;
	(void)state;
	memset(text + strlen(text), 'a', 64);
	strcat(text, "\",\"sig\":\"");
	memset(text + strlen(text), 'A', 2048);
	strcat(text, "\"}]}");
	assert_int_equal(envelope_parse(NULL, &e, text, strlen(text)), 0);
	assert_int_equal(e.num_signatures, 0);
	assert_int_equal(e.num_skipped, 1);
	envelope_deinit(NULL, &e);
}

static void test_number_of_signatures_is_bounded(void **state)
{
	char text[4096] = "{\"payload\":\"\",\"payloadType\":\"t\",\"signatures\":[{\"sig\":\"\"}";
	(void)state;
	for (unsigned i = 1; i < ENVELOPE_MAX_SIGNATURES; i++)
		strcat(text, ",{\"sig\":\"\"}");
	strcat(text, "]}");
	assert_int_equal(parse_text(text), 0);
	text[strlen(text) - 2] = '\0';
	strcat(text, ",{\"sig\":\"\"}]}");
	assert_int_equal(parse_text(text), CAROUSEL_E_LIMIT);
}

static void test_size_is_bounded(void **state)
{
	struct envelope e;
	static uint8_t big[ENVELOPE_MAX_PAYLOAD_BYTES + 1];
	char *text = calloc(1, ENVELOPE_MAX_BYTES + 2);
	(void)state;
	assert_int_equal(envelope_init(NULL, &e, "t", big, sizeof big), CAROUSEL_E_LIMIT);
	memset(text, ' ', ENVELOPE_MAX_BYTES + 1);
	assert_int_equal(envelope_parse(NULL, &e, text, ENVELOPE_MAX_BYTES + 1), CAROUSEL_E_LIMIT);
	free(text);
	assert_int_equal(envelope_init(NULL, &e, "", "x", 1), CAROUSEL_E_ARGUMENT);
	assert_int_equal(envelope_init(NULL, &e, "a\"b", "x", 1), CAROUSEL_E_ARGUMENT);
}

static void test_lines(void **state)
{
	const char *text = "\n  \r\none\n\ntwo", *line;
	size_t len = strlen(text), line_len;
	(void)state;
	assert_int_equal(envelope_next_line(&text, &len, &line, &line_len), 0);
	assert_int_equal(line_len, 3);
	assert_memory_equal(line, "one", 3);
	assert_int_equal(envelope_next_line(&text, &len, &line, &line_len), 0);
	assert_memory_equal(line, "two", 3);
	assert_int_equal(envelope_next_line(&text, &len, &line, &line_len), CAROUSEL_E_NOT_FOUND);
}

static int attempt(const struct carousel_allocator *a, void *user)
{
	static const char text[] = "{\"payload\":\"eA==\",\"payloadType\":\"t\",\"signatures\":[]}";
	struct envelope e;
	char *printed = NULL;
	size_t len;
	int result = envelope_parse(a, &e, text, strlen(text));
	(void)user;
	if (result)
		return result;
	result = envelope_print(a, &e, &printed, &len);
	memory_free(a, printed);
	envelope_deinit(a, &e);
	return result;
}

static void test_no_memory(void **state)
{
	(void)state;
	assert_int_equal(fault_alloc_all(attempt, NULL), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pae),
		cmocka_unit_test(test_sign_print_parse_verify),
		cmocka_unit_test(test_threshold_counts_distinct_keys),
		cmocka_unit_test(test_type_is_part_of_what_is_signed),
		cmocka_unit_test(test_truncations_of_an_envelope),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_signatures_of_newer_kinds_are_skipped),
		cmocka_unit_test(test_number_of_signatures_is_bounded),
		cmocka_unit_test(test_size_is_bounded),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, make_keys, NULL);
}
