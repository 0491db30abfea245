#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "common/io/socket.h"
#include "common/io/udp.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <unistd.h>

static void check_address(const char *text, unsigned scope, unsigned expected_scope)
{
	struct udp_address a, b;
	struct sockaddr_storage storage;
	socklen_t len;
	assert_int_equal(udp_address_parse(text, &a), 0);
	assert_int_equal(socket_address(&a, scope, &storage, &len), 0);
	assert_int_equal(len, a.family == 4 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
	if (a.family == 6) {
		struct sockaddr_in6 in6;
		memcpy(&in6, &storage, sizeof in6);
		assert_int_equal(in6.sin6_scope_id, expected_scope);
	}
	socket_address_decode(&storage, &b);
	assert_memory_equal(&a, &b, sizeof a);
}

static void test_addresses(void **state)
{
	const struct udp_address none = {0};
	struct sockaddr_storage storage = {.ss_family = AF_UNIX};
	struct udp_address a;
	socklen_t len;
	(void)state;
	check_address("232.1.1.95:4001", 3, 0);
	check_address("[ff3e::95]:4001", 3, 0);
	check_address("[ff32::95]:4001", 3, 3);
	check_address("[fe80::1]:4001", 3, 3);
	check_address("[2001:db8::1]:4001", 3, 0);
	assert_int_equal(socket_address(&none, 0, &storage, &len), CAROUSEL_E_ADDRESS);
	storage.ss_family = AF_UNIX;
	socket_address_decode(&storage, &a);
	assert_int_equal(a.family, 0);
}

static void test_errors(void **state)
{
	(void)state;
	assert_int_equal(socket_error(EADDRINUSE), CAROUSEL_E_BUSY);
	assert_int_equal(socket_error(EPERM), CAROUSEL_E_PERMISSION);
	assert_int_equal(socket_error(ENETUNREACH), CAROUSEL_E_ADDRESS);
	assert_int_equal(socket_error(ENOMEM), CAROUSEL_E_MEMORY);
	assert_int_equal(socket_error(EPIPE), CAROUSEL_E_IO);
}

static void test_interfaces(void **state)
{
	const unsigned lo = if_nametoindex("lo");
	unsigned index = 99;
	(void)state;
	assert_int_equal(udp_interface_index(NULL, &index), 0);
	assert_int_equal(index, 0);
	assert_int_equal(udp_interface_index("", &index), 0);
	assert_int_equal(udp_interface_index("lo", &index), 0);
	assert_int_equal(index, lo);
	assert_int_equal(udp_interface_index("127.0.0.1", &index), 0);
	assert_int_equal(index, lo);
	assert_int_equal(udp_interface_index("192.0.2.250", &index), CAROUSEL_E_ADDRESS);
	assert_int_equal(udp_interface_index("no-such-interface", &index), CAROUSEL_E_ADDRESS);
	assert_int_equal(udp_interface_index("a-name-that-is-far-too-long-for-an-interface-or-an-address", &index),
		CAROUSEL_E_ADDRESS);
}

static void test_buffers(void **state)
{
	int fd;
	size_t small, large;
	(void)state;
	assert_int_equal(socket_open(5, &fd), CAROUSEL_E_ADDRESS);
	assert_int_equal(socket_open(4, &fd), 0);
	small = socket_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, 8192);
	large = socket_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, 131072);
	assert_true(small >= 8192 && small < large && large >= 131072);
	/* More than an int holds is asked for as much as one does. */
	assert_true(socket_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, SIZE_MAX) >= large);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_interfaces),
		cmocka_unit_test(test_buffers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
