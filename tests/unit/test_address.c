#include "tests/lib/test.h"

#include "common/address.h"
#include "common/carousel_error.h"

#include <stdio.h>

static void check_round_trip(const char *text)
{
	struct udp_address a;
	char out[UDP_ADDRESS_TEXT];
	assert_int_equal(udp_address_parse(text, &a), 0);
	assert_string_equal(udp_address_format(&a, out), text);
}

static void test_round_trips(void **state)
{
	(void)state;
	check_round_trip("232.1.1.95:4001");
	check_round_trip("127.0.0.1:1");
	check_round_trip("[ff3e::95]:4001");
	check_round_trip("[::1]:65535");
	check_round_trip("[2001:db8:1111:2222:3333:4444:5555:6666]:65535");
}

static void test_refusals(void **state)
{
	static const char *const bad[] = {"", ":", "1.2.3.4", "1.2.3.4:", "1.2.3.4:0", "1.2.3.4:65536",
		"1.2.3.4:99999999999", "1.2.3.4:1x", "1.2.3.4: 1", "1.2.3:1", "1.2.3.256:1", " 1.2.3.4:1", "::1:1",
		"[::1]", "[::1]1", "[::1:1", "[]:1", "[1.2.3.4]:1", "[fe80::1%eth0]:1", "host:1", "1.2.3.4:-1",
		"[00000000000000000000000000000000000000000000000001::]:1"};
	struct udp_address a = {.family = 9};
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(udp_address_parse(bad[i], &a), CAROUSEL_E_ADDRESS);
	assert_int_equal(a.family, 9);
}

static int parse_text(void *user, const uint8_t *data, size_t len)
{
	char text[64];
	struct udp_address a;
	(void)user;
	snprintf(text, sizeof text, "%.*s", (int)len, (const char *)data);
	return udp_address_parse(text, &a);
}

static void test_truncated(void **state)
{
	static const char text[] = "[ff3e::95]:4"; /* the last digit of a port may be missing, its only one may not */
	(void)state;
	test_truncations(parse_text, NULL, (const uint8_t *)text, sizeof text - 1);
}

static void test_hosts(void **state)
{
	struct udp_address a, b;
	char out[UDP_ADDRESS_TEXT];
	(void)state;
	assert_int_equal(udp_address_parse_host("198.51.100.7", &a), 0);
	assert_int_equal(a.port, 0);
	assert_string_equal(udp_address_format(&a, out), "198.51.100.7");
	assert_int_equal(udp_address_parse_host("2001:db8::7", &a), 0);
	assert_int_equal(udp_address_parse_host("[2001:db8::7]", &b), 0);
	assert_true(udp_address_is_same_host(&a, &b));
	b.ip[15]++;
	assert_false(udp_address_is_same_host(&a, &b));
	assert_int_equal(udp_address_parse_host("[", &a), CAROUSEL_E_ADDRESS);
	assert_int_equal(udp_address_parse_host("1.2.3.4:5", &a), CAROUSEL_E_ADDRESS);
	memset(&a, 0, sizeof a);
	assert_string_equal(udp_address_format(&a, out), "-");
}

static void test_multicast(void **state)
{
	static const struct {
		const char *text;
		bool is_multicast;
	} cases[] = {{"223.255.255.255:1", false}, {"224.0.0.1:1", true}, {"239.255.255.255:1", true},
		{"240.0.0.1:1", false}, {"[ff02::1]:1", true}, {"[fe80::1]:1", false}};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct udp_address a;
		assert_int_equal(udp_address_parse(cases[i].text, &a), 0);
		assert_int_equal(udp_address_is_multicast(&a), cases[i].is_multicast);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trips),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_multicast),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
