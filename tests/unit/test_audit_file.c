#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "policy-map/fleet/audit_file.h"

#include <stdio.h>
#include <unistd.h>

static char path[64];

static int clean(void **state)
{
	char lock[80];
	(void)state;
	snprintf(path, sizeof path, "/tmp/test_audit_file.%d", (int)getpid());
	snprintf(lock, sizeof lock, "%s.lock", path);
	unlink(path);
	unlink(lock);
	return 0;
}

static int append(const char *subject)
{
	struct audit_entry e = {.time_s = 7, .who = "me", .action = "sign"};
	snprintf(e.subject, sizeof e.subject, "%s", subject);
	return audit_file_append(path, &e);
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
	assert_int_equal(audit_file_verify(path, &chain, &bad_line, count, &n), 0);
	assert_true(chain.number == 0);
	assert_int_equal(append("one"), 0);
	assert_int_equal(append("two"), 0);
	assert_int_equal(append("three"), 0);
	assert_int_equal(audit_file_verify(path, &chain, &bad_line, count, &n), 0);
	assert_true(chain.number == 3 && bad_line == 0 && n == 3);
}

static void test_a_broken_log_is_not_added_to(void **state)
{
	struct audit_chain chain;
	uint64_t bad_line;
	FILE *file;
	(void)state;
	assert_int_equal(append("one"), 0);
	file = fopen(path, "a");
	assert_non_null(file);
	fputs("{\"number\":2", file);
	fclose(file);
	assert_int_equal(audit_file_verify(path, &chain, &bad_line, NULL, NULL), CAROUSEL_E_TRUNCATED);
	assert_true(bad_line == 2);
	assert_int_equal(append("two"), CAROUSEL_E_TRUNCATED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_append_and_verify, clean, clean),
		cmocka_unit_test_setup_teardown(test_a_broken_log_is_not_added_to, clean, clean),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
