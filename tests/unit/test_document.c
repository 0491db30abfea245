/* covers: policy-map/cli/document.c */
#include "tests/lib/test.h"

#include "policy-map/cli/document.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct cli_program program = {"policy-map", "test", NULL, 0};
static const struct cli cli = {.program = &program};
static char dir[64];

static int set_up(void **state)
{
	(void)state;
	snprintf(dir, sizeof dir, "/tmp/test_document.XXXXXX");
	return mkdtemp(dir) == NULL || chdir(dir) != 0;
}

static int tear_down(void **state)
{
	char command[100];
	(void)state;
	snprintf(command, sizeof command, "rm -rf %s", dir);
	return chdir("/") != 0 || system(command) != 0;
}

static void make(const char *name)
{
	FILE *file = fopen(name, "w");
	assert_non_null(file);
	fclose(file);
}

static int check(const char *out, const char *path, bool is_edited)
{
	const struct document_other others[] = {{"first", NULL, false}, {"--other", path, is_edited}};
	return document_check_out(&cli, out, others, 2);
}

/* One file by several names, while it is there. */
static void test_out_that_is_read(void **state)
{
	char whole[80];
	(void)state;
	make("a");
	make("b");
	assert_int_equal(link("a", "hard"), 0);
	assert_int_equal(symlink("a", "soft"), 0);
	snprintf(whole, sizeof whole, "%s/a", dir);
	assert_int_equal(check("a", "b", false), CLI_OK);
	assert_int_equal(check("a", "a", false), CLI_USAGE);
	assert_int_equal(check("a", "./a", false), CLI_USAGE);
	assert_int_equal(check("a", "hard", false), CLI_USAGE);
	assert_int_equal(check("soft", "a", false), CLI_USAGE);
	assert_int_equal(check(whole, "a", false), CLI_USAGE);
	assert_int_equal(check("a", "a", true), CLI_OK);
	assert_int_equal(check("-", "-", false), CLI_OK);
	assert_int_equal(check("a", "-", false), CLI_OK);
}

/* Two outputs, neither of which is there yet; and the temporary file beside one. */
static void test_out_that_is_not_there(void **state)
{
	char whole[80];
	(void)state;
	make("c.tmp");
	snprintf(whole, sizeof whole, "%s/new", dir);
	assert_int_equal(check("new", "new", false), CLI_USAGE);
	assert_int_equal(check("./new", whole, false), CLI_USAGE);
	assert_int_equal(check("new", "other", false), CLI_OK);
	assert_int_equal(check("new", "nowhere/new", false), CLI_OK);
	assert_int_equal(check("c", "c.tmp", false), CLI_USAGE);
	assert_int_equal(check("c", "c.tmp", true), CLI_USAGE);
	assert_int_equal(check("c", "d.tmp", false), CLI_OK);
}

static void test_json_path(void **state)
{
	static const char *const cases[][2] = {{"a/b", "a/b"}, {"m\xc3\xbcll", "m\xc3\xbcll"}, {"m\xfcll\xff", "m?ll?"},
		{"a\xc3", "a?"}, {"a\nb", "a\nb"}};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		json_t *json = document_json_path(cases[i][0]);
		assert_string_equal(json_string_value(json), cases[i][1]);
		json_decref(json);
	}
}

/* A file in the place of /dev/null would be the end of the machine. */
static void test_out_that_is_no_file(void **state)
{
	(void)state;
	assert_int_equal(mkfifo("pipe", 0600), 0);
	assert_int_equal(symlink("/dev/null", "null"), 0);
	assert_int_equal(symlink("nowhere", "dangling"), 0);
	assert_int_equal(check("pipe", NULL, false), CLI_FAILED);
	assert_int_equal(check("/dev/null", NULL, false), CLI_FAILED);
	assert_int_equal(check("null", NULL, false), CLI_FAILED);
	assert_int_equal(check(".", NULL, false), CLI_FAILED);
	assert_int_equal(check("dangling", NULL, false), CLI_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_out_that_is_read, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_out_that_is_not_there, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_out_that_is_no_file, set_up, tear_down),
		cmocka_unit_test(test_json_path),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
