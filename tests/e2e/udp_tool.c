/* udp_tool - sends numbered datagrams and counts what arrives of them, for tests of the network layer.
 * A datagram is a big-endian 32-bit number, then bytes derived from it. */
#include "common/bytes.h"
#include "common/carousel_error.h"
#include "common/io/cli.h"
#include "common/io/clock.h"
#include "common/io/udp.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BATCH    64u
#define MAX_SIZE 9000u

static uint8_t fill_byte(uint32_t number)
{
	return (uint8_t)(number * 31 + 7);
}

/* ---- send ------------------------------------------------------------------------------------- */

static int send_batch(const struct cli *cli, struct udp_sender *s, const struct iovec *packets, size_t count)
{
	while (count) {
		struct pollfd wait = {.fd = s->fd, .events = POLLOUT};
		size_t sent;
		int result = udp_send(s, packets, count, &sent);
		packets += sent;
		count -= sent;
		if (result == CAROUSEL_E_BUSY)
			poll(&wait, 1, 100);
		else if (result != 0)
			return cli_fail(cli, "%s", carousel_strerror(result));
	}
	return CLI_OK;
}

/* Sleeps until `bytes` may have left at the rate. */
static void pace(uint64_t start_ns, uint64_t bytes, uint64_t rate_bps)
{
	const uint64_t due_ns = start_ns + (uint64_t)((double)bytes * 8e9 / (double)rate_bps);
	const uint64_t now = clock_monotonic_ns();
	if (due_ns > now)
		usleep((useconds_t)((due_ns - now) / 1000));
}

static int run_send(const struct cli *cli, int argc, char **argv)
{
	static uint8_t data[BATCH][MAX_SIZE];
	const char *to = NULL, *interface = NULL, *source = NULL;
	uint64_t count = 1000, size = 1024, rate = 100000000, ttl = 1, bytes = 0, start;
	bool no_offload = false;
	const struct cli_option options[] = {
		{"to", CLI_STRING, &to, 0, 0, "ADDR", "group or address and port"},
		{"interface", CLI_STRING, &interface, 0, 0, "NAME", "to send from"},
		{"source", CLI_STRING, &source, 0, 0, "IP", "address to send from"},
		{"count", CLI_U64, &count, 1, UINT32_MAX, "N", "datagrams"},
		{"size", CLI_U64, &size, 4, MAX_SIZE, "BYTES", "of each"},
		{"rate", CLI_RATE, &rate, 1000, 100000000000, "RATE", "payload bits per second"},
		{"ttl", CLI_U64, &ttl, 0, 255, "N", "TTL"},
		{"no-offload", CLI_FLAG, &no_offload, 0, 0, NULL, "without GSO"},
	};
	struct udp_sender_config config = {.loop = true};
	struct udp_sender s;
	int result = cli_options(cli, options, sizeof options / sizeof *options, &argc, argv, 0, 0);
	if (result != CLI_OK)
		return result == CLI_HELP ? CLI_OK : result;
	if (to == NULL || udp_address_parse(to, &config.destination) != 0 ||
		(source && udp_address_parse_host(source, &config.source) != 0))
		return cli_usage(cli, "--to or --source is no address");
	config.interface = interface;
	config.ttl = (unsigned)ttl;
	config.no_offload = no_offload;
	result = udp_sender_open(&s, &config);
	if (result != 0)
		return cli_fail(cli, "%s: %s", to, carousel_strerror(result));
	start = clock_monotonic_ns();
	for (uint32_t number = 0; number < count && result == CLI_OK;) {
		struct iovec packets[BATCH];
		unsigned n = 0;
		for (; n < BATCH && number < count; n++, number++) {
			struct bytes_writer w;
			memset(data[n], fill_byte(number), size);
			bytes_writer_init(&w, data[n], 4);
			bytes_write_u32(&w, number);
			packets[n] = (struct iovec){data[n], size};
			bytes += size;
		}
		result = send_batch(cli, &s, packets, n);
		pace(start, bytes, rate);
	}
	printf("{\"sent\":%llu,\"lost\":%llu,\"gso\":%s}\n", (unsigned long long)s.datagrams,
		(unsigned long long)s.lost, s.is_offload ? "true" : "false");
	udp_sender_close(&s);
	return result;
}

/* ---- receive ---------------------------------------------------------------------------------- */

struct tally {
	uint64_t received, corrupt, disordered, foreign;
	uint32_t last;
	struct udp_address source; /* of the first datagram */
};

static void count_datagram(struct tally *t, const struct udp_datagram *d)
{
	struct bytes_reader r;
	uint32_t number;
	bytes_reader_init(&r, d->data, d->len);
	number = bytes_read_u32(&r);
	for (size_t i = 4; i < d->len && !r.error; i++)
		if (d->data[i] != fill_byte(number))
			r.error = CAROUSEL_E_MALFORMED;
	if (t->received++ == 0)
		t->source = d->source;
	else if (!udp_address_is_same_host(&t->source, &d->source))
		t->foreign++;
	else if (number <= t->last)
		t->disordered++;
	t->corrupt += r.error != 0;
	t->last = number;
}

static int run_receive(const struct cli *cli, int argc, char **argv)
{
	const char *group = NULL, *interface = NULL, *source = NULL, *ready = NULL;
	uint64_t time_ns = 1000000000, wait_ns = 10000000000, end_ns;
	bool no_offload = false;
	const struct cli_option options[] = {
		{"group", CLI_STRING, &group, 0, 0, "ADDR", "group or own address and port"},
		{"interface", CLI_STRING, &interface, 0, 0, "NAME", "to join on"},
		{"source", CLI_STRING, &source, 0, 0, "IP", "join this source only"},
		{"wait", CLI_DURATION, &wait_ns, 0, 0, "TIME", "for the first datagram"},
		{"quiet", CLI_DURATION, &time_ns, 0, 0, "TIME", "end when nothing came for so long"},
		{"ready", CLI_STRING, &ready, 0, 0, "FILE", "made when the group is joined"},
		{"no-offload", CLI_FLAG, &no_offload, 0, 0, NULL, "without GRO"},
	};
	struct udp_receiver_config config = {0};
	struct udp_receiver_stats stats;
	struct udp_receiver *receiver;
	struct tally tally = {0};
	char from[UDP_ADDRESS_TEXT];
	int result = cli_options(cli, options, sizeof options / sizeof *options, &argc, argv, 0, 0);
	if (result != CLI_OK)
		return result == CLI_HELP ? CLI_OK : result;
	if (group == NULL || udp_address_parse(group, &config.group) != 0 ||
		(source && udp_address_parse_host(source, &config.source) != 0))
		return cli_usage(cli, "--group or --source is no address");
	config.interface = interface;
	config.no_offload = no_offload;
	result = udp_receiver_open(&receiver, &config);
	if (result != 0)
		return cli_fail(cli, "%s: %s", group, carousel_strerror(result));
	if (ready)
		fclose(fopen(ready, "w"));
	end_ns = clock_monotonic_ns() + wait_ns;
	while (clock_monotonic_ns() < end_ns) {
		struct pollfd wait = {.fd = udp_receiver_fd(receiver), .events = POLLIN};
		struct udp_datagram d;
		if (poll(&wait, 1, 20) <= 0 || udp_receiver_fill(receiver) != 0)
			continue;
		while (udp_receiver_next(receiver, &d))
			count_datagram(&tally, &d);
		end_ns = clock_monotonic_ns() + time_ns;
	}
	udp_receiver_stats(receiver, &stats);
	tally.source.port = 0;
	printf("{\"received\":%llu,\"corrupt\":%llu,\"disordered\":%llu,\"foreign\":%llu,\"socket_drops\":%llu,\"gro\":"
	       "%s,"
	       "\"source\":\"%s\"}\n",
		(unsigned long long)tally.received, (unsigned long long)tally.corrupt,
		(unsigned long long)tally.disordered, (unsigned long long)tally.foreign,
		(unsigned long long)stats.kernel_drops, stats.is_offload ? "true" : "false",
		udp_address_format(&tally.source, from));
	udp_receiver_close(receiver);
	return CLI_OK;
}

int main(int argc, char **argv)
{
	static const struct cli_verb verbs[] = {
		{"send", "--to ADDR [OPTIONS]", "send numbered datagrams", run_send},
		{"receive", "--group ADDR [OPTIONS]", "count what arrives of them", run_receive},
	};
	static const struct cli_program program = {"udp_tool", "datagrams for tests", verbs, 2};
	return cli_main(&program, argc, argv);
}
