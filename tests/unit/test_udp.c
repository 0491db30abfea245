/* covers: common/io/udp_send.c common/io/udp_receive.c
 * On the loopback interface with TTL 0: nothing leaves this host. The loopback interface does not carry IPv6 multicast;
 * tests/e2e/test_io_udp.sh has that. */
#include "tests/lib/fault_alloc.h"
#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "common/io/udp.h"

#include <poll.h>
#include <unistd.h>

#define COUNT 300u
#define PART  50u

struct link {
	struct udp_sender sender;
	struct udp_receiver *receiver;
};

static struct udp_address address(const char *text)
{
	struct udp_address a;
	assert_int_equal(udp_address_parse(text, &a), 0);
	return a;
}

static void link_open(struct link *l, const char *group, const char *source, bool no_gso, bool no_gro)
{
	struct udp_receiver_config in = {.group = address(group), .interface = "lo", .no_offload = no_gro};
	struct udp_sender_config out = {.destination = in.group, .interface = "lo", .loop = true, .no_offload = no_gso};
	if (source) {
		assert_int_equal(udp_address_parse_host(source, &in.source), 0);
		assert_int_equal(udp_address_parse_host("127.0.0.1", &out.source), 0);
	}
	assert_int_equal(udp_receiver_open(&l->receiver, &in), 0);
	assert_int_equal(udp_sender_open(&l->sender, &out), 0);
}

static void link_close(struct link *l)
{
	udp_sender_close(&l->sender);
	udp_receiver_close(l->receiver);
}

/* True once there is something to read; false after a tenth of a second. */
static bool link_wait(const struct link *l)
{
	struct pollfd p = {.fd = udp_receiver_fd(l->receiver), .events = POLLIN};
	return poll(&p, 1, 100) == 1;
}

/* Datagram i has a length of its own and its number in every byte. */
static size_t datagram_len(unsigned i, bool is_equal)
{
	if (is_equal)
		return i == COUNT - 1 ? 100 : 1024;
	return i % 7 == 0 ? 0 : 1 + i % 5 * 300;
}

static void check_transfer(const char *group, bool no_gso, bool no_gro, bool is_equal)
{
	static uint8_t data[COUNT][1500];
	struct iovec packets[COUNT];
	struct udp_receiver_stats stats;
	struct udp_datagram d;
	struct link l;
	unsigned got = 0;
	size_t sent;
	link_open(&l, group, NULL, no_gso, no_gro);
	for (unsigned i = 0; i < COUNT; i++) {
		memset(data[i], (int)(i & 0xff), sizeof data[i]);
		packets[i] = (struct iovec){data[i], datagram_len(i, is_equal)};
	}
	/* In parts that fit the smallest socket buffer an ordinary user gets. */
	for (unsigned first = 0; first < COUNT; first += PART) {
		assert_int_equal(udp_send(&l.sender, packets + first, PART, &sent), 0);
		assert_int_equal(sent, PART);
		while (got < first + PART && link_wait(&l)) {
			assert_int_equal(udp_receiver_fill(l.receiver), 0);
			while (udp_receiver_next(l.receiver, &d)) {
				assert_int_equal(d.len, datagram_len(got, is_equal));
				if (d.len)
					assert_true(d.data[0] == (got & 0xff) && d.data[d.len - 1] == (got & 0xff));
				assert_int_equal(d.source.family, 4);
				assert_true(d.source.port != 0);
				got++;
			}
		}
	}
	assert_int_equal(got, COUNT);
	assert_int_equal(udp_receiver_fill(l.receiver), CAROUSEL_E_NEED_MORE);
	udp_receiver_stats(l.receiver, &stats);
	assert_int_equal(stats.datagrams, COUNT);
	assert_int_equal(stats.kernel_drops, 0);
	assert_int_equal(stats.bytes, l.sender.bytes);
	assert_int_equal(l.sender.datagrams, COUNT);
	assert_int_equal(l.sender.lost, 0);
	/* Batches, not a system call a packet. */
	assert_true(l.sender.syscalls <= COUNT / 10 && stats.syscalls <= COUNT / 10);
	link_close(&l);
}

static void test_transfers(void **state)
{
	(void)state;
	for (unsigned flags = 0; flags < 8; flags++) {
		check_transfer("239.255.77.1:40771", flags & 1, flags & 2, flags & 4);
		check_transfer("127.0.0.1:40772", flags & 1, flags & 2, flags & 4);
	}
}

static void test_ipv6_unicast(void **state)
{
	const struct udp_receiver_config in = {.group = address("[::1]:40772")};
	const struct udp_sender_config out = {.destination = in.group};
	const struct iovec packets[] = {{(void *)(uintptr_t) "abc", 3}, {(void *)(uintptr_t) "def", 3}};
	struct udp_datagram d;
	struct link l;
	size_t sent;
	(void)state;
	assert_int_equal(udp_receiver_open(&l.receiver, &in), 0);
	assert_int_equal(udp_sender_open(&l.sender, &out), 0);
	assert_int_equal(udp_send(&l.sender, packets, 2, &sent), 0);
	assert_true(link_wait(&l));
	assert_int_equal(udp_receiver_fill(l.receiver), 0);
	assert_true(udp_receiver_next(l.receiver, &d));
	assert_memory_equal(d.data, "abc", 3);
	assert_int_equal(d.source.family, 6);
	link_close(&l);
}

static void test_small_memory_still_gets_all(void **state)
{
	const struct udp_receiver_config in = {
		.group = address("239.255.77.1:40771"), .interface = "lo", .memory_bytes = 65536};
	const struct udp_sender_config out = {.destination = in.group, .interface = "lo", .loop = true};
	struct udp_datagram d;
	struct iovec packets[50];
	struct link l;
	unsigned got = 0;
	size_t sent;
	(void)state;
	assert_int_equal(udp_receiver_open(&l.receiver, &in), 0);
	assert_int_equal(udp_sender_open(&l.sender, &out), 0);
	for (unsigned i = 0; i < 50; i++)
		packets[i] = (struct iovec){(void *)(uintptr_t) "0123456789", 1 + i % 10};
	assert_int_equal(udp_send(&l.sender, packets, 50, &sent), 0);
	while (got < 50 && link_wait(&l) && udp_receiver_fill(l.receiver) == 0)
		for (; udp_receiver_next(l.receiver, &d); got++)
			assert_int_equal(d.len, 1 + got % 10);
	assert_int_equal(got, 50);
	link_close(&l);
}

static unsigned receive_all(struct link *l)
{
	struct udp_datagram d;
	unsigned got = 0;
	while (link_wait(l) && udp_receiver_fill(l->receiver) == 0)
		while (udp_receiver_next(l->receiver, &d))
			got++;
	return got;
}

static void test_other_groups_do_not_leak_in(void **state)
{
	const struct iovec packet = {(void *)(uintptr_t) "x", 1};
	struct link a, b;
	size_t sent;
	(void)state;
	link_open(&a, "239.255.77.1:40771", NULL, false, false);
	link_open(&b, "239.255.77.2:40771", NULL, false, false);
	assert_int_equal(udp_send(&b.sender, &packet, 1, &sent), 0);
	assert_int_equal(receive_all(&b), 1);
	assert_int_equal(receive_all(&a), 0);
	link_close(&a);
	link_close(&b);
}

static void test_two_receivers_of_one_group(void **state)
{
	const struct iovec packet = {(void *)(uintptr_t) "x", 1};
	struct link a, b;
	size_t sent;
	(void)state;
	link_open(&a, "239.255.77.3:40771", NULL, false, false);
	link_open(&b, "239.255.77.3:40771", NULL, false, false);
	assert_int_equal(udp_send(&b.sender, &packet, 1, &sent), 0);
	assert_int_equal(receive_all(&b), 1);
	assert_int_equal(receive_all(&a), 1);
	link_close(&a);
	link_close(&b);
}

static void test_source_specific(void **state)
{
	const struct iovec packet = {(void *)(uintptr_t) "x", 1};
	struct link right, wrong;
	size_t sent;
	(void)state;
	link_open(&right, "232.1.77.1:40773", "127.0.0.1", false, false);
	link_open(&wrong, "232.1.77.1:40773", "192.0.2.1", false, false);
	assert_int_equal(udp_send(&right.sender, &packet, 1, &sent), 0);
	assert_int_equal(receive_all(&right), 1);
	assert_int_equal(receive_all(&wrong), 0);
	link_close(&right);
	link_close(&wrong);
}

static void test_long_datagrams_are_counted_out(void **state)
{
	struct udp_receiver_config in = {.group = address("127.0.0.1:40774"), .max_datagram_bytes = 1000};
	const struct udp_sender_config out = {.destination = in.group, .ttl = 1};
	static uint8_t data[3000];
	struct udp_datagram d;
	(void)state;
	for (int no_offload = 0; no_offload < 2; no_offload++) {
		const struct iovec packets[] = {{data, 1000}, {data, 1001}, {data, 3000}, {data, 5}};
		struct udp_receiver_stats stats;
		struct link l;
		unsigned got = 0;
		size_t sent;
		in.no_offload = no_offload;
		assert_int_equal(udp_receiver_open(&l.receiver, &in), 0);
		assert_int_equal(udp_sender_open(&l.sender, &out), 0);
		assert_int_equal(udp_send(&l.sender, packets, 4, &sent), 0);
		while (link_wait(&l) && udp_receiver_fill(l.receiver) == 0)
			for (; udp_receiver_next(l.receiver, &d); got++)
				assert_int_equal(d.len, got ? 5 : 1000);
		assert_int_equal(got, 2);
		udp_receiver_stats(l.receiver, &stats);
		assert_int_equal(stats.truncated, 2);
		link_close(&l);
	}
}

static void test_kernel_drops_are_counted(void **state)
{
	struct udp_receiver_config in = {.group = address("127.0.0.1:40775"), .buffer_bytes = 1, .no_offload = true};
	const struct udp_sender_config out = {.destination = in.group, .ttl = 1, .no_offload = true};
	static uint8_t data[1000];
	struct udp_receiver_stats stats;
	struct iovec packets[100];
	struct link l;
	unsigned got;
	size_t sent;
	(void)state;
	assert_int_equal(udp_receiver_open(&l.receiver, &in), 0);
	assert_int_equal(udp_sender_open(&l.sender, &out), 0);
	for (unsigned i = 0; i < 100; i++)
		packets[i] = (struct iovec){data, sizeof data};
	assert_int_equal(udp_send(&l.sender, packets, 100, &sent), 0);
	got = receive_all(&l);
	udp_receiver_stats(l.receiver, &stats);
	assert_true(stats.kernel_drops > 0);
	assert_int_equal(stats.kernel_drops + got, 100);
	link_close(&l);
}

/* Sends `count` datagrams of 1000 bytes and takes them all. Returns the batches it took. */
static uint64_t exchange(struct link *l, unsigned count)
{
	static uint8_t data[PART][1000];
	struct iovec packets[PART];
	struct udp_receiver_stats before, after;
	struct udp_datagram d;
	unsigned got = 0;
	size_t sent;
	for (unsigned i = 0; i < count; i++) {
		memset(data[i], (int)(i + 1), sizeof data[i]);
		packets[i] = (struct iovec){data[i], sizeof data[i]};
	}
	udp_receiver_stats(l->receiver, &before);
	assert_int_equal(udp_send(&l->sender, packets, count, &sent), 0);
	assert_int_equal(sent, count);
	while (got < count && link_wait(l)) {
		assert_int_equal(udp_receiver_fill(l->receiver), 0);
		while (udp_receiver_next(l->receiver, &d)) {
			assert_int_equal(d.len, sizeof data[0]);
			assert_true(d.data[0] == got + 1 && d.data[d.len - 1] == got + 1);
			got++;
		}
	}
	assert_int_equal(got, count);
	udp_receiver_stats(l->receiver, &after);
	return after.syscalls - before.syscalls;
}

/* Slots for runs that never come would make batches of a few datagrams; runs are taken as they come all the same. */
static void test_batches_follow_the_kernel(void **state)
{
	const struct udp_receiver_config in = {.group = address("127.0.0.1:40779"), .memory_bytes = 256 * 1024};
	const struct udp_sender_config single = {.destination = in.group, .ttl = 1, .no_offload = true};
	const struct udp_sender_config run = {.destination = in.group, .ttl = 1};
	struct udp_sender runs;
	struct udp_receiver_stats stats;
	struct link l;
	bool has_offload;
	(void)state;
	assert_int_equal(udp_receiver_open(&l.receiver, &in), 0);
	assert_int_equal(udp_sender_open(&l.sender, &single), 0);
	udp_receiver_stats(l.receiver, &stats);
	has_offload = stats.is_offload;
	if (has_offload)
		assert_true(exchange(&l, 40) >= 10);
	for (unsigned i = 0; i < 4; i++)
		exchange(&l, 40);
	assert_true(exchange(&l, 40) <= 4);
	assert_int_equal(udp_sender_open(&runs, &run), 0);
	for (unsigned i = 0; i < 3; i++) {
		struct link mixed = {runs, l.receiver};
		exchange(&mixed, 40);
		runs = mixed.sender;
	}
	/* After a while it is looked whether runs come now. */
	for (unsigned i = 0; i < 1100; i++)
		exchange(&l, 1);
	{
		struct link mixed = {runs, l.receiver};
		uint64_t batches = exchange(&mixed, 40);
		if (has_offload && mixed.sender.is_offload)
			assert_true(batches <= 2);
		runs = mixed.sender;
	}
	udp_receiver_stats(l.receiver, &stats);
	assert_int_equal(stats.truncated, 0);
	udp_sender_close(&runs);
	link_close(&l);
}

static void test_refusals(void **state)
{
	struct udp_sender_config out = {.destination = address("192.0.2.1:1"), .ttl = 0};
	struct udp_receiver_config in = {.group = address("239.255.77.1:40771"), .interface = "no-such-interface"};
	static uint8_t data[65508];
	const struct iovec packets[] = {{data, 10}, {data, sizeof data}};
	struct udp_sender s;
	struct udp_receiver *r;
	size_t sent;
	(void)state;
	assert_int_equal(udp_sender_open(&s, &out), CAROUSEL_E_ARGUMENT);
	out = (struct udp_sender_config){.destination = address("239.255.77.1:40771"), .ttl = 256};
	assert_int_equal(udp_sender_open(&s, &out), CAROUSEL_E_ARGUMENT);
	out.ttl = 0;
	out.interface = "no-such-interface";
	assert_int_equal(udp_sender_open(&s, &out), CAROUSEL_E_ADDRESS);
	assert_int_equal(s.fd, -1);
	assert_int_equal(udp_receiver_open(&r, &in), CAROUSEL_E_ADDRESS);
	assert_null(r);
	in.interface = "lo";
	assert_int_equal(udp_address_parse_host("::1", &in.source), 0);
	assert_int_equal(udp_receiver_open(&r, &in), CAROUSEL_E_ADDRESS);
	in.source.family = 0;
	in.max_datagram_bytes = 65537;
	assert_int_equal(udp_receiver_open(&r, &in), CAROUSEL_E_ARGUMENT);
	in.max_datagram_bytes = 0;
	in.memory_bytes = 1000;
	assert_int_equal(udp_receiver_open(&r, &in), CAROUSEL_E_ARGUMENT);
	in.group.port = 0;
	assert_int_equal(udp_receiver_open(&r, &in), CAROUSEL_E_ADDRESS);
	out.interface = "lo";
	assert_int_equal(udp_sender_open(&s, &out), 0);
	assert_int_equal(udp_send(&s, packets, 2, &sent), CAROUSEL_E_LIMIT);
	assert_int_equal(sent, 1);
	udp_sender_close(&s);
}

static int attempt(const struct carousel_allocator *allocator, void *user)
{
	struct udp_receiver_config in = {.group = address(user), .allocator = allocator};
	struct udp_receiver *r;
	int result = udp_receiver_open(&r, &in);
	udp_receiver_close(r);
	return result;
}

static void test_every_allocation_may_fail(void **state)
{
	char text[] = "127.0.0.1:40776";
	(void)state;
	assert_int_equal(fault_alloc_all(attempt, text), 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_transfers),
		cmocka_unit_test(test_ipv6_unicast),
		cmocka_unit_test(test_small_memory_still_gets_all),
		cmocka_unit_test(test_other_groups_do_not_leak_in),
		cmocka_unit_test(test_two_receivers_of_one_group),
		cmocka_unit_test(test_source_specific),
		cmocka_unit_test(test_long_datagrams_are_counted_out),
		cmocka_unit_test(test_kernel_drops_are_counted),
		cmocka_unit_test(test_batches_follow_the_kernel),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_every_allocation_may_fail),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
