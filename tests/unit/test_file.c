#include "tests/lib/fault_alloc.h"
#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "common/io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[] = "/tmp/carousel-test-file-XXXXXX";

static const char *in_directory(const char *name)
{
	static char path[4][256];
	static unsigned turn;
	char *out = path[turn++ % 4];
	snprintf(out, 256, "%s/%s", directory, name);
	return out;
}

static int setup(void **state)
{
	(void)state;
	return mkdtemp(directory) ? 0 : -1;
}

static int teardown(void **state)
{
	char command[300];
	(void)state;
	snprintf(command, sizeof command, "rm -rf '%s'", directory);
	return system(command);
}

static void check_content(const char *path, const char *expected)
{
	char *data;
	size_t len;
	assert_int_equal(file_read(path, 1000, NULL, &data, &len), 0);
	assert_int_equal(len, strlen(expected));
	assert_string_equal(data, expected);
	free(data);
}

static void test_replace_and_read(void **state)
{
	const char *path = in_directory("state.ini");
	struct stat status;
	char *data;
	size_t len;
	(void)state;
	assert_int_equal(file_read(path, 1000, NULL, &data, &len), CAROUSEL_E_NOT_FOUND);
	assert_null(data);
	assert_int_equal(file_replace(path, "one", 3, 0640), 0);
	check_content(path, "one");
	assert_int_equal(file_replace(path, "two and more", 12, 0640), 0);
	check_content(path, "two and more");
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0640);
	assert_int_equal(access(in_directory("state.ini.tmp"), F_OK), -1);
	assert_int_equal(file_read(path, 12, NULL, &data, &len), 0);
	free(data);
	assert_int_equal(file_read(path, 11, NULL, &data, &len), CAROUSEL_E_LIMIT);
	assert_int_equal(file_read(directory, 1000, NULL, &data, &len), CAROUSEL_E_ARGUMENT);
	assert_int_equal(file_replace(path, "", 0, 0600), 0);
	check_content(path, "");
	assert_int_equal(file_replace(in_directory("none/x"), "a", 1, 0600), CAROUSEL_E_NOT_FOUND);
}

/* What is no file stays what it is: a daemon that runs as root must not make a file of /dev/null. */
static void test_replace_of_what_is_no_file(void **state)
{
	const char *pipe_path = in_directory("pipe");
	struct stat status;
	(void)state;
	assert_int_equal(mkfifo(pipe_path, 0600), 0);
	assert_int_equal(file_replace(pipe_path, "x", 1, 0600), CAROUSEL_E_EXISTS);
	assert_int_equal(stat(in_directory("pipe"), &status), 0);
	assert_true(S_ISFIFO(status.st_mode));
	assert_int_equal(access(in_directory("pipe.tmp"), F_OK), -1);
}

/* A file system that is full half-way: the old content stays, whole, and nothing is left beside it. */
static void test_replace_on_a_full_disk(void **state)
{
	const char *path = in_directory("kept");
	static char big[65536];
	struct rlimit old, small;
	int result;
	(void)state;
	assert_int_equal(file_replace(path, "old", 3, 0600), 0);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = old;
	small.rlim_cur = 4096;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	result = file_replace(path, big, sizeof big, 0600);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(result, CAROUSEL_E_NO_SPACE);
	check_content(path, "old");
	assert_int_equal(access(in_directory("kept.tmp"), F_OK), -1);
}

static void test_replace_does_not_follow_links(void **state)
{
	(void)state;
	assert_int_equal(file_replace(in_directory("victim"), "safe", 4, 0600), 0);
	assert_int_equal(symlink(in_directory("victim"), in_directory("trap.tmp")), 0);
	assert_int_not_equal(file_replace(in_directory("trap"), "evil", 4, 0600), 0);
	check_content(in_directory("victim"), "safe");
}

static void test_positioned(void **state)
{
	char back[8];
	uint64_t bytes;
	int fd = open(in_directory("slot"), O_RDWR | O_CREAT, 0600);
	int pipes[2];
	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(file_pwrite(fd, "abcdefgh", 8, 4), 0);
	assert_int_equal(file_sync(fd), 0);
	assert_int_equal(file_size(fd, &bytes), 0);
	assert_int_equal(bytes, 12);
	assert_int_equal(file_pread(fd, back, 8, 4), 0);
	assert_memory_equal(back, "abcdefgh", 8);
	assert_int_equal(file_pread(fd, back, 8, 5), CAROUSEL_E_TRUNCATED);
	assert_int_equal(file_pread(fd, back, 8, UINT64_MAX - 3), CAROUSEL_E_ARGUMENT);
	assert_int_equal(file_pwrite(fd, back, 8, INT64_MAX - 3), CAROUSEL_E_ARGUMENT);
	close(fd);
	assert_int_equal(file_pread(fd, back, 1, 0), CAROUSEL_E_STORAGE);
	fd = open(in_directory("slot"), O_RDONLY);
	assert_int_equal(file_pwrite(fd, back, 1, 0), CAROUSEL_E_STORAGE);
	close(fd);
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(file_size(pipes[0], &bytes), CAROUSEL_E_ARGUMENT);
	assert_int_equal(file_write(pipes[1], "xy", 2), 0);
	assert_int_equal(read(pipes[0], back, 8), 2);
	close(pipes[0]);
	close(pipes[1]);
	fd = open("/dev/full", O_WRONLY);
	assert_int_equal(file_write(fd, "x", 1), CAROUSEL_E_NO_SPACE);
	close(fd);
}

static void test_directories(void **state)
{
	char long_path[5000];
	struct stat status;
	(void)state;
	assert_int_equal(file_mkdir(in_directory("a//b/c/"), 0700), 0);
	assert_int_equal(stat(in_directory("a/b/c"), &status), 0);
	assert_true(S_ISDIR(status.st_mode));
	assert_int_equal(file_mkdir(in_directory("a/b"), 0700), 0);
	assert_int_equal(file_replace(in_directory("a/file"), "", 0, 0600), 0);
	assert_int_equal(file_mkdir(in_directory("a/file"), 0700), CAROUSEL_E_EXISTS);
	assert_int_equal(file_mkdir(in_directory("a/file/x"), 0700), CAROUSEL_E_EXISTS);
	assert_int_equal(file_mkdir("", 0700), CAROUSEL_E_ARGUMENT);
	assert_int_equal(file_mkdir("/", 0700), 0);
	memset(long_path, 'x', sizeof long_path);
	long_path[sizeof long_path - 1] = '\0';
	assert_int_equal(file_mkdir(long_path, 0700), CAROUSEL_E_ARGUMENT);
	assert_int_equal(file_replace(long_path, "", 0, 0600), CAROUSEL_E_ARGUMENT);
}

static void test_lock(void **state)
{
	const char *path = in_directory("lock");
	int first, second;
	(void)state;
	assert_int_equal(file_lock(path, &first), 0);
	assert_int_equal(file_lock(path, &second), CAROUSEL_E_BUSY);
	assert_int_equal(second, -1);
	close(first);
	assert_int_equal(file_lock(path, &second), 0);
	close(second);
}

static void test_error_map(void **state)
{
	static const struct {
		int number, code;
	} rows[] = {{ENOSPC, CAROUSEL_E_NO_SPACE}, {EDQUOT, CAROUSEL_E_NO_SPACE}, {EROFS, CAROUSEL_E_READ_ONLY},
		{EACCES, CAROUSEL_E_PERMISSION}, {EPERM, CAROUSEL_E_PERMISSION}, {ENOENT, CAROUSEL_E_NOT_FOUND},
		{EEXIST, CAROUSEL_E_EXISTS}, {ENOMEM, CAROUSEL_E_MEMORY}, {EBUSY, CAROUSEL_E_BUSY},
		{EIO, CAROUSEL_E_STORAGE}};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(file_error(rows[i].number), rows[i].code);
}

static int attempt(const struct carousel_allocator *allocator, void *user)
{
	char *data;
	size_t len;
	int result = file_read(user, 100, allocator, &data, &len);
	memory_free(allocator, data);
	return result;
}

static void test_every_allocation_may_fail(void **state)
{
	char path[256];
	(void)state;
	snprintf(path, sizeof path, "%s/small", directory);
	assert_int_equal(file_replace(path, "x", 1, 0600), 0);
	assert_int_equal(fault_alloc_all(attempt, path), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_replace_and_read),
		cmocka_unit_test(test_replace_of_what_is_no_file),
		cmocka_unit_test(test_replace_on_a_full_disk),
		cmocka_unit_test(test_replace_does_not_follow_links),
		cmocka_unit_test(test_positioned),
		cmocka_unit_test(test_directories),
		cmocka_unit_test(test_lock),
		cmocka_unit_test(test_error_map),
		cmocka_unit_test(test_every_allocation_may_fail),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
