#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "common/io/file.h"
#include "policy-map/files/audit_file.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[64], path[80];

static int clean(void **state)
{
	char command[100];
	(void)state;
	snprintf(dir, sizeof dir, "/tmp/test_audit_file.%d", (int)getpid());
	snprintf(path, sizeof path, "%s/log", dir);
	snprintf(command, sizeof command, "rm -rf %s", dir);
	return system(command);
}

static int fresh(void **state)
{
	return clean(state) || mkdir(dir, 0755);
}

static int append(const char *subject)
{
	struct audit_entry e = {.time_s = 7, .who = "me", .action = AUDIT_SIGN};
	snprintf(e.subject, sizeof e.subject, "%s", subject);
	return audit_file_append(path, &e);
}

static int verify(uint64_t *entries, uint64_t *bad_line)
{
	struct audit_chain chain;
	int result = audit_file_verify(path, &chain, bad_line, NULL, NULL);
	*entries = chain.number;
	return result;
}

/* The log is good and has so many entries. */
static void has_entries(uint64_t wanted)
{
	uint64_t entries, bad_line;
	assert_int_equal(verify(&entries, &bad_line), 0);
	assert_true(entries == wanted && bad_line == 0);
}

/* The log is bad, by this error, from this line on; and nobody adds to it. */
static void is_bad(int error, uint64_t line)
{
	uint64_t entries, bad_line;
	assert_int_equal(verify(&entries, &bad_line), error);
	assert_int_equal(bad_line, line);
	assert_int_equal(append("more"), error);
}

/* Its text, until the next call. */
static char *read_log(size_t *len)
{
	static char text[16384];
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	*len = fread(text, 1, sizeof text - 1, file);
	text[*len] = '\0';
	fclose(file);
	return text;
}

static void write_log(const char *text, size_t len)
{
	assert_int_equal(file_replace(path, text, len, 0644), 0);
}

static void three(void)
{
	assert_int_equal(append("one"), 0);
	assert_int_equal(append("two"), 0);
	assert_int_equal(append("three"), 0);
}

static void count(void *user, const struct audit_entry *e)
{
	unsigned *n = user;
	assert_true(e->number == ++*n);
}

static void test_append_and_verify(void **state)
{
	struct audit_chain chain;
	uint64_t bad_line;
	unsigned n = 0;
	(void)state;
	has_entries(0);
	three();
	assert_int_equal(audit_file_verify(path, &chain, &bad_line, count, &n), 0);
	assert_true(chain.number == 3 && bad_line == 0 && n == 3);
}

static void test_a_changed_line(void **state)
{
	char *text;
	size_t len;
	(void)state;
	three();
	text = read_log(&len);
	memcpy(strstr(text, "\"two\""), "\"TWO\"", 5);
	write_log(text, len);
	is_bad(CAROUSEL_E_CONFLICT, 3); /* the line behind it no longer follows */
}

static void test_the_last_line_changed(void **state)
{
	char *text;
	size_t len;
	(void)state;
	three();
	text = read_log(&len);
	memcpy(strstr(text, "\"three\""), "\"THREE\"", 7);
	write_log(text, len);
	is_bad(CAROUSEL_E_CONFLICT, 3); /* it is not what PATH.head notes */
}

static void test_lines_taken_out_or_in_another_order(void **state)
{
	char *text, *second, *third, other[4096];
	size_t len;
	(void)state;
	three();
	text = read_log(&len);
	second = strchr(text, '\n') + 1;
	third = strchr(second, '\n') + 1;
	write_log(second, strlen(second));
	is_bad(CAROUSEL_E_CONFLICT, 1);
	snprintf(other, sizeof other, "%.*s%s", (int)(second - text), text, third);
	write_log(other, strlen(other));
	is_bad(CAROUSEL_E_CONFLICT, 2);
	snprintf(other, sizeof other, "%.*s%s%.*s", (int)(second - text), text, third, (int)(third - second), second);
	write_log(other, strlen(other));
	is_bad(CAROUSEL_E_CONFLICT, 2);
	snprintf(other, sizeof other, "%s%.*s", text, (int)(second - text), text);
	write_log(other, strlen(other));
	is_bad(CAROUSEL_E_CONFLICT, 4);
	write_log(text, (size_t)(third - text));
	is_bad(CAROUSEL_E_ROLLBACK, 0);
	write_log(text, 0);
	is_bad(CAROUSEL_E_ROLLBACK, 0);
	assert_int_equal(unlink(path), 0);
	is_bad(CAROUSEL_E_ROLLBACK, 0);
	write_log(text, len);
	has_entries(3);
}

/* Power failed within an append: the entry was never acknowledged, and the next append says that it was there. */
static void test_half_a_line_is_mended(void **state)
{
	uint64_t entries, bad_line;
	char *text;
	FILE *file;
	size_t len;
	(void)state;
	assert_int_equal(append("one"), 0);
	file = fopen(path, "a");
	assert_non_null(file);
	fputs("{\"number\":2", file);
	fclose(file);
	assert_int_equal(verify(&entries, &bad_line), CAROUSEL_E_TRUNCATED);
	assert_true(bad_line == 2);
	assert_int_equal(append("two"), 0);
	has_entries(3);
	text = read_log(&len);
	assert_non_null(strstr(text, "\"action\":\"mend\",\"subject\":\"11 bytes of an entry"));
}

/* A line that was acknowledged is not taken for one that was not, though its end is missing. */
static void test_half_of_a_noted_line_is_not_mended(void **state)
{
	char *text;
	size_t len;
	(void)state;
	three();
	text = read_log(&len);
	write_log(text, len - 5);
	assert_int_equal(append("four"), CAROUSEL_E_ROLLBACK);
}

/* Power failed between the line and its note: the log is one ahead. */
static void test_head_behind(void **state)
{
	char head_path[100], *head;
	size_t len;
	(void)state;
	snprintf(head_path, sizeof head_path, "%s.head", path);
	assert_int_equal(append("one"), 0);
	assert_int_equal(file_read(head_path, 200, NULL, &head, &len), 0);
	assert_int_equal(append("two"), 0);
	assert_int_equal(file_replace(head_path, head, len, 0644), 0);
	has_entries(2);
	assert_int_equal(append("three"), 0);
	has_entries(3);
	free(head);
}

static void test_a_hostile_head(void **state)
{
	static const char *const heads[] = {"", "1", "x\n", "1 00\n", "-1 ", "99999999999999999999999 ",
		"0 0000000000000000000000000000000000000000000000000000000000000000\n",
		"1 000000000000000000000000000000000000000000000000000000000000000g\n",
		"1 0000000000000000000000000000000000000000000000000000000000000000\n\n"};
	char head_path[100];
	(void)state;
	snprintf(head_path, sizeof head_path, "%s.head", path);
	assert_int_equal(append("one"), 0);
	for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
		assert_int_equal(file_replace(head_path, heads[i], strlen(heads[i]), 0644), 0);
		is_bad(CAROUSEL_E_MALFORMED, 0);
	}
	assert_int_equal(unlink(head_path), 0);
	has_entries(1);
}

static void test_a_line_without_end(void **state)
{
	char *text = malloc(1 << 20);
	(void)state;
	memset(text, 'x', 1 << 20);
	write_log(text, 1 << 20);
	is_bad(CAROUSEL_E_LIMIT, 1);
	text[100] = '\0';
	text[200] = '\n';
	write_log(text, 1000);
	is_bad(CAROUSEL_E_LIMIT, 1);
	free(text);
}

/* A file's name may be any bytes; the log must still read back. */
static void test_any_bytes_in_a_subject(void **state)
{
	char longest[300];
	(void)state;
	assert_int_equal(append("a\nb\x7f\"\\"), 0);
	assert_int_equal(append("\xff\xfe"), 0);
	assert_int_equal(append("m\xc3\xbcll"), 0);
	memset(longest, '"', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	assert_int_equal(append(longest), 0);
	has_entries(4);
}

static void test_two_processes_at_once(void **state)
{
	enum { CHILDREN = 4, EACH = 12 };
	int status;
	(void)state;
	for (int i = 0; i < CHILDREN; i++) {
		if (fork() == 0) {
			int failed = 0;
			for (int j = 0; j < EACH; j++)
				failed |= append("at once");
			_exit(failed != 0);
		}
	}
	for (int i = 0; i < CHILDREN; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	has_entries(CHILDREN * EACH);
}

/* A full disk, by the limit on a file's size. */
static void test_no_space(void **state)
{
	struct rlimit limit, small;
	struct stat before, after;
	(void)state;
	assert_int_equal(append("one"), 0);
	assert_int_equal(stat(path, &before), 0);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	small = limit;
	small.rlim_cur = (rlim_t)before.st_size + 20;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(append("two"), CAROUSEL_E_NO_SPACE);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(stat(path, &after), 0);
	assert_true(before.st_size == after.st_size);
	has_entries(1);
}

static unsigned syncs_of_folders, failing_sync;

/* The n-th fsync of a folder fails: the name is there, and may be gone after a power failure. */
int fsync(int fd)
{
	struct stat status;
	if (fstat(fd, &status) == 0 && S_ISDIR(status.st_mode) && ++syncs_of_folders == failing_sync) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_fsync, fd);
}

/* Only the head cannot be written: nothing is done then, so no line may say that it was. */
static void test_a_head_that_cannot_be_written(void **state)
{
	char blocker[100], *before, *after;
	size_t before_len, after_len;
	(void)state;
	snprintf(blocker, sizeof blocker, "%s.head.tmp", path);
	assert_int_equal(mkdir(blocker, 0755), 0);
	assert_int_not_equal(append("never"), 0);
	has_entries(0);
	assert_int_equal(rmdir(blocker), 0);
	three();
	assert_int_equal(file_read(path, 16384, NULL, &before, &before_len), 0);
	assert_int_equal(mkdir(blocker, 0755), 0);
	assert_int_not_equal(append("four"), 0);
	has_entries(3);
	assert_int_equal(file_read(path, 16384, NULL, &after, &after_len), 0);
	assert_true(before_len == after_len && memcmp(before, after, before_len) == 0);
	assert_int_equal(rmdir(blocker), 0);
	assert_int_equal(append("four"), 0);
	has_entries(4);
	free(before);
	free(after);
}

/* The head was written though that failed at its last step: the line it names stays. */
static void test_a_head_that_was_written_all_the_same(void **state)
{
	(void)state;
	three();
	syncs_of_folders = 0;
	failing_sync = 2;
	assert_int_equal(append("four"), 0);
	failing_sync = 0;
	assert_true(syncs_of_folders == 2);
	has_entries(4);
	assert_int_equal(append("five"), 0);
	has_entries(5);
	syncs_of_folders = 0;
	failing_sync = 1;
	assert_int_not_equal(append("six"), 0);
	failing_sync = 0;
	has_entries(5);
}

static void test_beside(void **state)
{
	char out[40];
	(void)state;
	assert_int_equal(audit_file_beside("a/b/c.dsse", out, sizeof out), 0);
	assert_string_equal(out, "a/b/audit.jsonl");
	assert_int_equal(audit_file_beside("/c", out, sizeof out), 0);
	assert_string_equal(out, "/audit.jsonl");
	assert_int_equal(audit_file_beside("-", out, sizeof out), 0);
	assert_string_equal(out, "audit.jsonl");
	assert_int_equal(audit_file_beside("a/b", out, 12), CAROUSEL_E_ARGUMENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_append_and_verify, fresh, clean),
		cmocka_unit_test_setup_teardown(test_a_changed_line, fresh, clean),
		cmocka_unit_test_setup_teardown(test_the_last_line_changed, fresh, clean),
		cmocka_unit_test_setup_teardown(test_lines_taken_out_or_in_another_order, fresh, clean),
		cmocka_unit_test_setup_teardown(test_half_a_line_is_mended, fresh, clean),
		cmocka_unit_test_setup_teardown(test_half_of_a_noted_line_is_not_mended, fresh, clean),
		cmocka_unit_test_setup_teardown(test_head_behind, fresh, clean),
		cmocka_unit_test_setup_teardown(test_a_hostile_head, fresh, clean),
		cmocka_unit_test_setup_teardown(test_a_line_without_end, fresh, clean),
		cmocka_unit_test_setup_teardown(test_any_bytes_in_a_subject, fresh, clean),
		cmocka_unit_test_setup_teardown(test_two_processes_at_once, fresh, clean),
		cmocka_unit_test_setup_teardown(test_no_space, fresh, clean),
		cmocka_unit_test_setup_teardown(test_a_head_that_cannot_be_written, fresh, clean),
		cmocka_unit_test_setup_teardown(test_a_head_that_was_written_all_the_same, fresh, clean),
		cmocka_unit_test(test_beside),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
