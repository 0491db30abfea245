/* bench_udp - datagrams a second and Gbit/s of UDP payload through a veth pair between two network namespaces of its
 * own, sender and receiver each a process: a system call a datagram (the yardstick), batches, and batches with GSO and
 * GRO; unthrottled, and then at the goal's rate to see whether anything is dropped.
 * Text on stdout; JSON to the file named by the first argument, or to $BUILD/bench/udp.json. */
#include "common/carousel_error.h"
#include "common/io/clock.h"
#include "common/io/file.h"
#include "common/io/udp.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#define GROUP       "239.83.1.1:4001"
#define RUN_NS      1000000000u
#define MAX_SIZE    1400u
#define BATCH       256u
#define GOAL_GBIT   3.5
#define QUIET_MS    200
#define PACED_BATCH 48u /* about one GSO run: what a pacer lets out at once */

enum mode { MODE_SINGLE, MODE_BATCH, MODE_GSO, MODE_GSO_GRO, NUM_MODES };
static const char *const mode_names[NUM_MODES] = {"one call a datagram", "batches", "GSO", "GSO and GRO"};

struct run {
	enum mode mode;
	size_t size;
	double rate_gbit; /* 0: as fast as it goes */
};

struct side {
	uint64_t datagrams, bytes, first_ns, last_ns, cpu_ns, kernel_drops, syscalls;
};

static void die(const char *what, int code)
{
	fprintf(stderr, "bench_udp: %s: %s\n", what, carousel_strerror(code));
	exit(1);
}

/* ---- sending ---------------------------------------------------------------------------------- */

static void send_all(struct udp_sender *s, const struct iovec *packets, size_t count, enum mode mode)
{
	while (count) {
		struct pollfd wait = {.fd = s->fd, .events = POLLOUT};
		size_t sent = 0;
		int result = 0;
		if (mode == MODE_SINGLE) {
			if (send(s->fd, packets->iov_base, packets->iov_len, 0) < 0)
				result = errno == EAGAIN ? CAROUSEL_E_BUSY : CAROUSEL_E_IO;
			else
				sent = 1;
			s->syscalls++;
			s->datagrams += sent;
			s->bytes += sent * packets->iov_len;
		} else {
			result = udp_send(s, packets, count, &sent);
		}
		packets += sent;
		count -= sent;
		if (result == CAROUSEL_E_BUSY)
			poll(&wait, 1, 100);
		else if (result != 0)
			die("send", result);
	}
}

static void run_sender(const struct run *run, struct side *out)
{
	static uint8_t data[BATCH][MAX_SIZE];
	struct udp_sender_config config = {.interface = "v0", .ttl = 1, .no_offload = run->mode < MODE_GSO};
	struct iovec packets[BATCH];
	const size_t batch = run->rate_gbit > 0 ? PACED_BATCH : BATCH;
	struct udp_sender s;
	uint64_t now, cpu = clock_cpu_ns();
	int result = udp_address_parse(GROUP, &config.destination);
	if (result == 0)
		result = udp_sender_open(&s, &config);
	if (result != 0)
		die("sender", result);
	for (unsigned i = 0; i < BATCH; i++)
		packets[i] = (struct iovec){data[i], run->size};
	out->first_ns = now = clock_monotonic_ns();
	while (now < out->first_ns + RUN_NS) {
		if (run->rate_gbit > 0) {
			const double due = (double)s.bytes * 8 / run->rate_gbit;
			/* Spinning: a pacer with exact timers, which this does not measure, has slept meanwhile. */
			while ((double)(now - out->first_ns) < due)
				now = clock_monotonic_ns();
		}
		send_all(&s, packets, batch, run->mode);
		now = clock_monotonic_ns();
	}
	out->last_ns = now;
	out->datagrams = s.datagrams;
	out->bytes = s.bytes;
	out->syscalls = s.syscalls;
	out->cpu_ns = clock_cpu_ns() - cpu;
	udp_sender_close(&s);
}

/* ---- receiving -------------------------------------------------------------------------------- */

static int receive_one(struct udp_receiver *r, struct side *out)
{
	static uint8_t data[65536];
	ssize_t got = recv(udp_receiver_fd(r), data, sizeof data, MSG_DONTWAIT);
	out->syscalls++;
	if (got < 0)
		return CAROUSEL_E_NEED_MORE;
	out->datagrams++;
	out->bytes += (uint64_t)got;
	return 0;
}

static int receive_batch(struct udp_receiver *r, struct side *out)
{
	struct udp_datagram d;
	int result = udp_receiver_fill(r);
	while (result == 0 && udp_receiver_next(r, &d)) {
		out->datagrams++;
		out->bytes += d.len;
	}
	return result;
}

/* Receives until nothing has come for a while; says on `ready` when it listens. */
static void run_receiver(const struct run *run, int ready, struct side *out)
{
	struct udp_receiver_config config = {
		.interface = "v1", .no_offload = run->mode != MODE_GSO_GRO, .max_datagram_bytes = 2048};
	struct udp_receiver_stats stats;
	struct udp_receiver *r;
	uint64_t cpu;
	int result = udp_address_parse(GROUP, &config.group);
	if (result == 0)
		result = udp_receiver_open(&r, &config);
	if (result != 0)
		die("receiver", result);
	if (write(ready, "r", 1) != 1)
		die("pipe", CAROUSEL_E_IO);
	cpu = clock_cpu_ns();
	for (;;) {
		struct pollfd wait = {.fd = udp_receiver_fd(r), .events = POLLIN};
		if (poll(&wait, 1, out->datagrams ? QUIET_MS : 5000) <= 0)
			break;
		if (out->datagrams == 0)
			out->first_ns = clock_monotonic_ns();
		while ((run->mode == MODE_SINGLE ? receive_one(r, out) : receive_batch(r, out)) == 0)
			out->last_ns = clock_monotonic_ns();
	}
	out->cpu_ns = clock_cpu_ns() - cpu;
	udp_receiver_stats(r, &stats);
	out->kernel_drops = stats.kernel_drops;
	if (run->mode != MODE_SINGLE)
		out->syscalls = stats.syscalls;
	udp_receiver_close(r);
}

/* ---- the two namespaces ----------------------------------------------------------------------- */

static void shell(const char *command)
{
	int status = system(command);
	if (status != 0) {
		fprintf(stderr, "bench_udp: failed: %s\n", command);
		exit(1);
	}
}

/* The receiving process: a run in, a result out, until the pipe ends. */
static void serve(int in, int out)
{
	struct run run;
	if (unshare(CLONE_NEWNET) != 0 || write(out, "n", 1) != 1 || read(in, &run, 1) != 1)
		_exit(1);
	shell("ip addr add 10.83.1.2/24 dev v1 && ip link set v1 up && ip route add 224.0.0.0/4 dev v1");
	if (write(out, "u", 1) != 1)
		_exit(1);
	while (read(in, &run, sizeof run) == (ssize_t)sizeof run) {
		struct side side = {0};
		run_receiver(&run, out, &side);
		if (write(out, &side, sizeof side) != (ssize_t)sizeof side)
			_exit(1);
	}
	_exit(0);
}

struct peer {
	pid_t pid;
	int to, from;
};

static void expect_byte(int fd)
{
	char byte;
	if (read(fd, &byte, 1) != 1)
		die("the receiving process", CAROUSEL_E_IO);
}

static int start_peer(struct peer *p)
{
	int to[2], from[2];
	char command[256];
	if (unshare(CLONE_NEWNET) != 0)
		return CAROUSEL_E_PERMISSION;
	if (pipe(to) != 0 || pipe(from) != 0)
		return CAROUSEL_E_IO;
	p->pid = fork();
	if (p->pid < 0)
		return CAROUSEL_E_IO;
	if (p->pid == 0) {
		close(to[1]);
		close(from[0]);
		serve(to[0], from[1]);
	}
	close(to[0]);
	close(from[1]);
	p->to = to[1];
	p->from = from[0];
	expect_byte(p->from);
	snprintf(command, sizeof command,
		"ip link add v0 type veth peer name v1 netns %d && ip addr add 10.83.1.1/24 dev v0 && ip link set v0 "
		"up && "
		"ip route add 224.0.0.0/4 dev v0",
		(int)p->pid);
	shell(command);
	if (write(p->to, "g", 1) != 1)
		return CAROUSEL_E_IO;
	expect_byte(p->from);
	return 0;
}

/* ---- the table -------------------------------------------------------------------------------- */

static double gbit(const struct side *s)
{
	return s->last_ns > s->first_ns ? (double)s->bytes * 8 / (double)(s->last_ns - s->first_ns) : 0;
}

static void add_row(json_t *rows, const struct run *run, const char *name, double value, const char *unit, double goal,
	double yardstick)
{
	json_t *row = json_pack("{s:s, s:{s:s, s:i, s:f}, s:f, s:s, s:i}", "name", name, "params", "mode",
		mode_names[run->mode], "size", (int)run->size, "rate_gbit", run->rate_gbit, "value", value, "unit",
		unit, "runs", 1);
	json_object_set_new(row, "goal", goal > 0 ? json_real(goal) : json_null());
	json_object_set_new(
		row, "yardstick", yardstick > 0 ? json_string("one call a datagram, same run") : json_null());
	json_object_set_new(row, "ratio", yardstick > 0 ? json_real(value / yardstick) : json_null());
	json_array_append_new(rows, row);
}

static double bench(struct peer *p, json_t *rows, const struct run *run, double yardstick)
{
	struct side sent = {0}, got = {0};
	double loss;
	if (write(p->to, run, sizeof *run) != (ssize_t)sizeof *run)
		die("the receiving process", CAROUSEL_E_IO);
	expect_byte(p->from);
	run_sender(run, &sent);
	if (read(p->from, &got, sizeof got) != (ssize_t)sizeof got)
		die("the receiving process", CAROUSEL_E_IO);
	loss = sent.datagrams ? 1 - (double)got.datagrams / (double)sent.datagrams : 0;
	printf("%-20s %5zu %6.1f %9.0f %7.2f %9.0f %7.2f %8.4f %9llu %7.2f %7.2f\n", mode_names[run->mode], run->size,
		run->rate_gbit, (double)sent.datagrams * 1e9 / (double)(sent.last_ns - sent.first_ns), gbit(&sent),
		got.last_ns > got.first_ns ? (double)got.datagrams * 1e9 / (double)(got.last_ns - got.first_ns) : 0,
		gbit(&got), loss * 100, (unsigned long long)got.kernel_drops, (double)sent.cpu_ns / 1e9,
		(double)got.cpu_ns / 1e9);
	fflush(stdout);
	add_row(rows, run, "udp-received", gbit(&got), "Gbit/s", run->mode == MODE_GSO_GRO ? GOAL_GBIT : 0, yardstick);
	add_row(rows, run, "udp-sent", gbit(&sent), "Gbit/s", 0, 0);
	add_row(rows, run, "udp-lost", loss, "share", 0, 0);
	return gbit(&got);
}

static int write_report(const char *path, json_t *rows)
{
	struct utsname machine;
	char name[256], commit[64] = "unknown", *text;
	FILE *git = popen("git rev-parse --short HEAD 2>/dev/null", "r");
	json_t *report;
	int result;
	uname(&machine);
	snprintf(
		name, sizeof name, "%s %s, %ld cores", machine.machine, machine.release, sysconf(_SC_NPROCESSORS_ONLN));
	if (git) {
		if (fgets(commit, sizeof commit, git))
			commit[strcspn(commit, "\n")] = '\0';
		pclose(git);
	}
	report = json_pack("{s:s, s:s, s:O}", "machine", name, "commit", commit, "rows", rows);
	text = json_dumps(report, JSON_INDENT(1));
	result = text ? file_replace(path, text, strlen(text), 0644) : CAROUSEL_E_MEMORY;
	free(text);
	json_decref(report);
	return result;
}

int main(int argc, char **argv)
{
	static const size_t sizes[] = {1024, 1300};
	const char *build = getenv("BUILD");
	json_t *rows = json_array();
	struct peer peer;
	char path[512];
	int result;
	result = start_peer(&peer);
	if (result != 0) {
		printf("bench_udp: skipped: no network namespaces here (%s)\n", carousel_strerror(result));
		return 0;
	}
	printf("UDP payload through veth, two processes, 1 s each; rate 0: unthrottled\n");
	printf("%-20s %5s %6s %9s %7s %9s %7s %8s %9s %7s %7s\n", "mode", "bytes", "rate", "sent/s", "Gbit/s", "got/s",
		"Gbit/s", "lost %", "sockdrop", "tx cpu", "rx cpu");
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		double yardstick = 0;
		for (enum mode mode = MODE_SINGLE; mode < NUM_MODES; mode++) {
			const struct run run = {.mode = mode, .size = sizes[i]};
			double value = bench(&peer, rows, &run, yardstick);
			if (mode == MODE_SINGLE)
				yardstick = value;
		}
		bench(&peer, rows, &(struct run){.mode = MODE_GSO_GRO, .size = sizes[i], .rate_gbit = GOAL_GBIT}, 0);
	}
	close(peer.to);
	waitpid(peer.pid, NULL, 0);
	snprintf(path, sizeof path, "%s/bench", build ? build : "build");
	(void)file_mkdir(path, 0755);
	snprintf(path, sizeof path, "%s/bench/udp.json", build ? build : "build");
	result = write_report(argc > 1 ? argv[1] : path, rows);
	json_decref(rows);
	if (result != 0)
		die("report", result);
	return 0;
}
