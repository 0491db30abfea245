#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "policy-map/heartbeat.h"

#include <stdio.h>

static struct heartbeat largest(void)
{
	struct heartbeat h = {.sequence = INT64_MAX,
		.time_s = INT64_MAX,
		.epoch = UINT32_MAX,
		.serial = (1ull << 53) - 1,
		.rate_bps = INT64_MAX};
	memset(h.session, 'x', sizeof h.session - 1);
	memset(h.map_sha256, 0xab, sizeof h.map_sha256);
	return h;
}

static int parse(void *user, const uint8_t *data, size_t len)
{
	return heartbeat_parse(user, data, len);
}

static void test_round_trip_and_truncations(void **state)
{
	struct heartbeat h = largest(), back;
	char payload[HEARTBEAT_MAX_BYTES];
	size_t len;
	(void)state;
	assert_int_equal(heartbeat_print(&h, payload, sizeof payload, &len), 0);
	assert_int_equal(heartbeat_parse(&back, (const uint8_t *)payload, len), 0);
	assert_memory_equal(&back, &h, sizeof h);
	test_truncations(parse, &back, (const uint8_t *)payload, len);
	assert_int_equal(heartbeat_print(&h, payload, len, &len), CAROUSEL_E_LIMIT);
}

/* The largest heartbeat, under the longest signature of two, still fits its packet. */
static void test_fits_one_packet(void **state)
{
	struct heartbeat h = largest();
	struct envelope e;
	char payload[HEARTBEAT_MAX_BYTES], *text;
	size_t len;
	(void)state;
	assert_int_equal(heartbeat_print(&h, payload, sizeof payload, &len), 0);
	assert_int_equal(envelope_init(NULL, &e, ENVELOPE_TYPE_HEARTBEAT, payload, len), 0);
	e.num_signatures = 2;
	e.signatures[0].len = e.signatures[1].len = KEY_MAX_SIGNATURE_BYTES;
	assert_int_equal(envelope_print(NULL, &e, &text, &len), 0);
	assert_true(len <= HEARTBEAT_MAX_BYTES);
	memory_free(NULL, text);
	envelope_deinit(NULL, &e);
}

static void test_bad_values(void **state)
{
	static const struct {
		const char *text;
		int expected;
	} cases[] = {
#define BEAT(session, time, serial, digest)                                                                            \
	"{\"session\":" session ",\"sequence\":1,\"time\":" time ",\"epoch\":0,\"serial\":" serial                     \
	",\"map_sha256\":\"" digest "00000000000000000000000000000000000000000000000000000000000000\",\"rate_bps\":1"
		{BEAT("\"a\"", "1", "0", "00") "}", 0},
		{BEAT("\"a\"", "1", "0", "00") ",\"later\":{}}", 0},
		{BEAT("\"\"", "1", "0", "00") "}", CAROUSEL_E_MALFORMED},
		{BEAT("\"a b\"", "1", "0", "00") "}", CAROUSEL_E_MALFORMED},
		{BEAT("\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"", "1", "0", "00") "}", CAROUSEL_E_LIMIT},
		{BEAT("\"a\"", "-1", "0", "00") "}", CAROUSEL_E_RANGE},
		{BEAT("\"a\"", "1.5", "0", "00") "}", CAROUSEL_E_MALFORMED},
		{BEAT("\"a\"", "99999999999999999999", "0", "00") "}", CAROUSEL_E_SYNTAX},
		{BEAT("\"a\"", "1", "9007199254740992", "00") "}", CAROUSEL_E_RANGE},
		{BEAT("\"a\"", "1", "0", "0") "}", CAROUSEL_E_MALFORMED},
		{"{}", CAROUSEL_E_MALFORMED},
		{"[]", CAROUSEL_E_MALFORMED},
	};
	struct heartbeat h = largest();
	char payload[HEARTBEAT_MAX_BYTES + 2];
	size_t len;
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_int_equal(
			heartbeat_parse(&h, (const uint8_t *)cases[i].text, strlen(cases[i].text)), cases[i].expected);
	strcpy(h.session, "a\"b");
	assert_int_equal(heartbeat_print(&h, payload, sizeof payload, &len), CAROUSEL_E_ARGUMENT);
	memset(h.session, 'x', sizeof h.session);
	assert_int_equal(heartbeat_print(&h, payload, sizeof payload, &len), CAROUSEL_E_ARGUMENT);
	memset(payload, ' ', sizeof payload);
	assert_int_equal(heartbeat_parse(&h, (const uint8_t *)payload, HEARTBEAT_MAX_BYTES + 1), CAROUSEL_E_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip_and_truncations),
		cmocka_unit_test(test_fits_one_packet),
		cmocka_unit_test(test_bad_values),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
