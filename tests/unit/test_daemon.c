#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "common/io/daemon.h"

#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* What a log wrote to stderr, which is a pipe meanwhile. */
static void log_lines(int is_journal, char *out, size_t cap)
{
	struct carousel_log log;
	struct stat status;
	char stream[64];
	int pipes[2], saved = dup(2);
	ssize_t got;
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(dup2(pipes[1], 2), 2);
	assert_int_equal(fstat(2, &status), 0);
	snprintf(stream, sizeof stream, "%ju:%ju", (uintmax_t)status.st_dev, (uintmax_t)status.st_ino);
	setenv("JOURNAL_STREAM", is_journal ? stream : "1:2", 1);
	daemon_log_init(&log, CAROUSEL_LOG_INFO);
	log_write(&log, CAROUSEL_LOG_WARNING, "disk is %d%% full\nforged", 99);
	log_write(&log, CAROUSEL_LOG_DEBUG, "not wanted");
	log_write(&log, CAROUSEL_LOG_ERROR, "over");
	dup2(saved, 2);
	close(saved);
	close(pipes[1]);
	unsetenv("JOURNAL_STREAM");
	got = read(pipes[0], out, cap - 1);
	assert_true(got >= 0);
	out[got] = '\0';
	close(pipes[0]);
}

static void test_plain_log(void **state)
{
	char out[512];
	int year, end = 0;
	(void)state;
	log_lines(0, out, sizeof out);
	assert_int_equal(
		sscanf(out, "%4d-%*2d-%*2dT%*2d:%*2d:%*d.%*3dZ warning disk is 99%% full?forged\n%n", &year, &end), 1);
	assert_true(year >= 2020 && end > 0);
	assert_non_null(strstr(out + end, "Z error over\n"));
	assert_null(strstr(out, "not wanted"));
}

static void test_journal_log(void **state)
{
	char out[512];
	(void)state;
	log_lines(1, out, sizeof out);
	assert_string_equal(out, "<4>disk is 99% full?forged\n<3>over\n");
}

/* Listens like a service manager at an address, and returns what daemon_notify() sent there. */
static void check_notify(const char *name, int is_abstract)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char got[64];
	ssize_t len;
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	strcpy(address.sun_path, name);
	if (is_abstract)
		address.sun_path[0] = '\0';
	assert_int_equal(bind(fd, (const struct sockaddr *)&address,
				 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))),
		0);
	setenv("NOTIFY_SOCKET", name, 1);
	assert_int_equal(daemon_notify("READY=1"), 0);
	len = recv(fd, got, sizeof got, MSG_DONTWAIT);
	assert_int_equal(len, 7);
	assert_memory_equal(got, "READY=1", 7);
	close(fd);
	assert_int_equal(daemon_notify("READY=1"), CAROUSEL_E_IO);
}

static void test_notify(void **state)
{
	char path[64], abstract[64], long_path[200];
	(void)state;
	unsetenv("NOTIFY_SOCKET");
	assert_int_equal(daemon_notify("READY=1"), 0);
	snprintf(path, sizeof path, "/tmp/carousel-test-notify-%d", (int)getpid());
	check_notify(path, 0);
	unlink(path);
	snprintf(abstract, sizeof abstract, "@carousel-test-notify-%d", (int)getpid());
	check_notify(abstract, 1);
	setenv("NOTIFY_SOCKET", "relative", 1);
	assert_int_equal(daemon_notify("READY=1"), CAROUSEL_E_ADDRESS);
	memset(long_path, '/', sizeof long_path);
	long_path[sizeof long_path - 1] = '\0';
	setenv("NOTIFY_SOCKET", long_path, 1);
	assert_int_equal(daemon_notify("READY=1"), CAROUSEL_E_ADDRESS);
	unsetenv("NOTIFY_SOCKET");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain_log),
		cmocka_unit_test(test_journal_log),
		cmocka_unit_test(test_notify),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
