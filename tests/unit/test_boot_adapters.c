/* Boot adapters against programs of the test's own that stand in for fw_setenv, grub-editenv and a box's script.
 * covers: carousel-rx/daemon/boot_adapter.c carousel-rx/daemon/boot_exec.c carousel-rx/daemon/boot_uboot.c
 * covers: carousel-rx/daemon/boot_grub.c carousel-rx/daemon/child.c */
#include "carousel-rx/daemon/boot_adapter.h"
#include "carousel-rx/daemon/child.h"
#include "common/carousel_error.h"
#include "common/io/clock.h"
#include "common/io/file.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <unistd.h>

struct fixture {
	char dir[64], old_path[4096];
	struct boot_adapter adapter;
	struct carousel_boot boot;
};

static void script(struct fixture *f, const char *name, const char *text)
{
	char path[128], body[1024];
	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	snprintf(body, sizeof(body), "#!/bin/sh\ncd %s || exit 9\n%s", f->dir, text);
	assert_int_equal(file_replace(path, body, strlen(body), 0755), 0);
}

static int open_fixture(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char path[4300];
	assert_non_null(f);
	strcpy(f->dir, "/tmp/test_boot_adapters.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->old_path, sizeof(f->old_path), "%s", getenv("PATH"));
	snprintf(path, sizeof(path), "%s:%s", f->dir, f->old_path);
	setenv("PATH", path, 1);
	*state = f;
	return 0;
}

static int close_fixture(void **state)
{
	struct fixture *f = *state;
	char command[128];
	setenv("PATH", f->old_path, 1);
	snprintf(command, sizeof(command), "rm -rf '%s'", f->dir);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

static void assert_file(struct fixture *f, const char *name, const char *wanted)
{
	char path[128], *text;
	size_t len;
	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	assert_int_equal(file_read(path, 65536, NULL, &text, &len), 0);
	assert_string_equal(text, wanted);
	memory_free(NULL, text);
}

/* ---- child processes ------------------------------------------------------------------------------- */

static int run(const char *command, const char *input, char *output, size_t cap, int timeout_ms)
{
	char line[256], *argv[CHILD_MAX_WORDS];
	snprintf(line, sizeof(line), "%s", command);
	assert_true(child_words(line, argv) > 0);
	return child_run(argv, input, output, cap, timeout_ms);
}

static void test_child(void **state)
{
	struct fixture *f = *state;
	char output[16];
	uint64_t before_ns = clock_monotonic_ns();
	script(f, "talker", "cat; echo 0123456789012345678901234567890123456789");
	assert_int_equal(run("talker", "hello\n", output, sizeof(output), 5000), 0);
	assert_true(strncmp(output, "hello\n", 6) == 0 || output[0] == 0);
	assert_int_equal(run("echo  one\ttwo", NULL, output, sizeof(output), 5000), 0);
	assert_string_equal(output, "one two\n");
	assert_int_equal(run("false", NULL, NULL, 0, 5000), CAROUSEL_E_REFUSED);
	assert_int_equal(run("no-such-program-here", NULL, NULL, 0, 5000), CAROUSEL_E_NOT_FOUND);
	assert_int_equal(run("sleep 30", NULL, NULL, 0, 50), CAROUSEL_E_BUSY);
	assert_true(clock_monotonic_ns() - before_ns < 20000000000u);
}

static void test_words(void **state)
{
	char line[] = "  a  bc\td ", many[256] = "", *argv[CHILD_MAX_WORDS];
	(void)state;
	assert_int_equal(child_words(line, argv), 3);
	assert_string_equal(argv[1], "bc");
	assert_null(argv[3]);
	for (int i = 0; i < 60; i++)
		strcat(many, "x ");
	assert_int_equal(child_words(many, argv), CHILD_MAX_WORDS - 1);
	assert_null(argv[CHILD_MAX_WORDS - 1]);
}

static void test_start(void **state)
{
	struct fixture *f = *state;
	char path[128], long_line[2000];
	script(f, "mark", "echo $1 >marked");
	snprintf(path, sizeof(path), "%s/marked", f->dir);
	assert_int_equal(child_start("mark here"), 0);
	for (int i = 0; i < 500 && access(path, F_OK) != 0; i++)
		usleep(10000);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(child_start("no-such-program-here"), CAROUSEL_E_NOT_FOUND);
	assert_int_equal(child_start("  "), CAROUSEL_E_ARGUMENT);
	memset(long_line, 'x', sizeof(long_line) - 1);
	long_line[sizeof(long_line) - 1] = 0;
	assert_int_equal(child_start(long_line), CAROUSEL_E_ARGUMENT);
}

/* ---- adapters --------------------------------------------------------------------------------------- */

static void test_exec(void **state)
{
	struct fixture *f = *state;
	struct carousel_boot_state s;
	const struct settings settings = {.boot = SETTINGS_BOOT_EXEC, .boot_command = "box-boot arg"};
	script(f, "box-boot", "echo \"$*\" >>calls; test \"$2\" != state || cat answer; test \"$2 $3\" != 'confirm 1'");
	script(f, "answer", "");
	assert_int_equal(boot_adapter_init(&f->adapter, &settings, &f->boot), 0);
	char answer[128];
	snprintf(answer, sizeof(answer), "%s/answer", f->dir);
	assert_int_equal(file_replace(answer, "running=1 confirmed=0 fell-back=1\n", 34, 0600), 0);
	assert_int_equal(f->boot.state(f->boot.user, &s), 0);
	assert_true(s.running == 1 && s.target == 0 && !s.is_confirmed && s.is_trial && s.fell_back);
	assert_int_equal(file_replace(answer, "running=0\nconfirmed=1\n", 22, 0600), 0);
	assert_int_equal(f->boot.state(f->boot.user, &s), 0);
	assert_true(s.running == 0 && s.target == 1 && s.is_confirmed && !s.is_trial && !s.fell_back);
	assert_int_equal(file_replace(answer, "notrunning=0 running=2\n", 23, 0600), 0);
	assert_int_equal(f->boot.state(f->boot.user, &s), CAROUSEL_E_MALFORMED);
	assert_int_equal(f->boot.mark_bad(f->boot.user, 1), 0);
	assert_int_equal(f->boot.try_slot(f->boot.user, 1, 3), 0);
	assert_int_equal(f->boot.confirm(f->boot.user, 1), CAROUSEL_E_REFUSED);
	assert_int_equal(f->boot.confirm(f->boot.user, 0), 0);
	assert_file(f, "calls",
		"arg state\narg state\narg state\narg mark-bad 1\narg try 1 3\narg confirm 1\narg confirm 0\n");
}

/* An environment kept as NAME=value lines. */
static void fake_uboot(struct fixture *f)
{
	script(f, "fw_printenv",
		"test \"$1 $2\" = '-c env.conf' || exit 8\n"
		"grep -q \"^$4=\" env || exit 1\nsed -n \"s/^$4=//p\" env\n");
	script(f, "fw_setenv",
		"test \"$1 $2 $3\" = '-c env.conf -s' || exit 8\n"
		"while read -r name value; do\n\tgrep -v \"^$name=\" env >env.new\n"
		"\ttest -z \"$value\" || echo \"$name=$value\" >>env.new\n\tmv env.new env\ndone\nsort -o env env\n");
	script(f, "env", "");
}

static void test_uboot(void **state)
{
	struct fixture *f = *state;
	struct carousel_boot_state s;
	const struct settings settings = {.boot = SETTINGS_BOOT_UBOOT, .boot_environment = "env.conf"};
	char env[128];
	fake_uboot(f);
	snprintf(env, sizeof(env), "%s/env", f->dir);
	assert_int_equal(file_replace(env, "BOOT_A_LEFT=3\nBOOT_B_LEFT=3\nBOOT_ORDER=A B\n", 43, 0600), 0);
	assert_int_equal(boot_adapter_init(&f->adapter, &settings, &f->boot), 0);
	strcpy(f->adapter.cmdline, "console=ttyS0 rauc.slot=A quiet\n");
	assert_int_equal(f->boot.state(f->boot.user, &s), 0);
	assert_true(s.running == 0 && s.is_confirmed && !s.fell_back);
	assert_int_equal(f->boot.mark_bad(f->boot.user, 1), 0);
	assert_file(f, "env", "BOOT_A_LEFT=3\nBOOT_B_LEFT=0\nBOOT_ORDER=A B\n");
	assert_int_equal(f->boot.try_slot(f->boot.user, 1, 2), 0);
	assert_file(f, "env", "BOOT_A_LEFT=3\nBOOT_B_LEFT=2\nBOOT_ORDER=B A\ncarousel_trial=B\n");
	assert_int_equal(f->boot.state(f->boot.user, &s), 0);
	assert_true(s.running == 0 && s.is_confirmed && !s.fell_back); /* not booted yet */
	strcpy(f->adapter.cmdline, "carousel.slot=1");
	assert_int_equal(f->boot.state(f->boot.user, &s), 0);
	assert_true(s.running == 1 && s.target == 0 && !s.is_confirmed && s.is_trial);
	assert_int_equal(f->boot.confirm(f->boot.user, 1), 0);
	assert_int_equal(f->boot.state(f->boot.user, &s), 0);
	assert_true(s.is_confirmed);
	/* Tries used up: the boot loader went back to A. */
	assert_int_equal(file_replace(env, "BOOT_B_LEFT=0\nBOOT_ORDER=B A\ncarousel_trial=B\n", 46, 0600), 0);
	strcpy(f->adapter.cmdline, "carousel.slot=0");
	assert_int_equal(f->boot.state(f->boot.user, &s), 0);
	assert_true(s.running == 0 && s.is_confirmed && s.fell_back);
	strcpy(f->adapter.cmdline, "quiet");
	assert_int_equal(f->boot.state(f->boot.user, &s), CAROUSEL_E_NOT_FOUND);
}

static void test_grub(void **state)
{
	struct fixture *f = *state;
	struct carousel_boot_state s;
	const struct settings settings = {.boot = SETTINGS_BOOT_GRUB, .boot_environment = "grubenv"};
	script(f, "grub-editenv",
		"test \"$1\" = grubenv || exit 8\nshift\ntest \"$1\" != list || exec cat grubenv\nshift\n"
		"for set in \"$@\"; do\n\tgrep -v \"^${set%%=*}=\" grubenv >new\n\techo \"$set\" >>new\n\tmv new "
		"grubenv\ndone\n"
		"sort -o grubenv grubenv\n");
	char env[128];
	snprintf(env, sizeof(env), "%s/grubenv", f->dir);
	assert_int_equal(file_replace(env, "A_OK=1\nA_TRY=3\nORDER=AB\n", 24, 0600), 0);
	assert_int_equal(boot_adapter_init(&f->adapter, &settings, &f->boot), 0);
	strcpy(f->adapter.cmdline, "carousel.slot=0");
	assert_int_equal(f->boot.mark_bad(f->boot.user, 1), 0);
	assert_file(f, "grubenv", "A_OK=1\nA_TRY=3\nB_OK=0\nB_TRY=0\nORDER=AB\ncarousel_trial=-\n");
	assert_int_equal(f->boot.try_slot(f->boot.user, 1, 2), 0);
	assert_file(f, "grubenv", "A_OK=1\nA_TRY=3\nB_OK=1\nB_TRY=2\nORDER=BA\ncarousel_trial=B\n");
	assert_int_equal(f->boot.state(f->boot.user, &s), 0);
	assert_true(s.running == 0 && s.is_confirmed && !s.fell_back);
	strcpy(f->adapter.cmdline, "x rauc.slot=B");
	assert_int_equal(f->boot.state(f->boot.user, &s), 0);
	assert_true(s.running == 1 && s.is_trial);
	assert_int_equal(f->boot.confirm(f->boot.user, 1), 0);
	assert_int_equal(f->boot.state(f->boot.user, &s), 0);
	assert_true(s.is_confirmed && !s.is_trial);
}

static void test_running_slot(void **state)
{
	int slot = -1;
	(void)state;
	assert_int_equal(boot_running_slot("a carousel.slot=1\n", &slot), 0);
	assert_int_equal(slot, 1);
	assert_int_equal(boot_running_slot("carousel.slot=0", &slot), 0);
	assert_int_equal(slot, 0);
	assert_int_equal(boot_running_slot("xcarousel.slot=1", &slot), CAROUSEL_E_NOT_FOUND);
	assert_int_equal(boot_running_slot("carousel.slot=10 ", &slot), CAROUSEL_E_NOT_FOUND);
	assert_int_equal(boot_running_slot("carousel.slot=10 rauc.slot=B", &slot), 0);
	assert_int_equal(slot, 1);
}

#define WITH_FIXTURE(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		WITH_FIXTURE(test_child),
		cmocka_unit_test(test_words),
		WITH_FIXTURE(test_start),
		WITH_FIXTURE(test_exec),
		WITH_FIXTURE(test_uboot),
		WITH_FIXTURE(test_grub),
		cmocka_unit_test(test_running_slot),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
