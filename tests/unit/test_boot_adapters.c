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

static void put(struct fixture *f, const char *name, const char *text)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	assert_int_equal(file_replace(path, text, strlen(text), 0600), 0);
}

static int unlink_in(struct fixture *f, const char *name)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	return unlink(path);
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

/* An environment kept as NAME=value lines. Its fw_setenv understands lines of one separator, as the real ones do, and
 * passes over others. */
static void fake_uboot(struct fixture *f, char separator)
{
	char text[512];
	script(f, "fw_printenv",
		"test \"$1 $2\" = '-c env.conf' || exit 8\n"
		"grep -q \"^$4=\" env || exit 1\nsed -n \"s/^$4=//p\" env\n");
	snprintf(text, sizeof(text),
		"test \"$1 $2 $3 $4\" = '-c env.conf -s /proc/self/fd/0' || exit 8\necho >>calls\n"
		"while IFS='%c' read -r name value; do\n\tcase \"$name\" in *[!A-Za-z_]*) continue ;; esac\n"
		"\tgrep -v \"^$name=\" env >env.new\n"
		"\ttest -z \"$value\" || echo \"$name=$value\" >>env.new\n\tmv env.new env\ndone\nsort -o env env\n",
		separator);
	script(f, "fw_setenv", text);
	put(f, "env", "BOOT_A_LEFT=3\nBOOT_B_LEFT=3\nBOOT_ORDER=A B\n");
	put(f, "calls", "");
}

static void open_uboot(struct fixture *f)
{
	static const struct settings settings = {.boot = SETTINGS_BOOT_UBOOT, .boot_environment = "env.conf"};
	assert_int_equal(boot_adapter_init(&f->adapter, &settings, &f->boot), 0);
	strcpy(f->adapter.cmdline, "console=ttyS0 rauc.slot=A quiet\n");
}

/* A slot's way through the adapter's calls. */
static void walk_uboot(struct fixture *f)
{
	struct carousel_boot_state s;
	assert_int_equal(f->boot.state(f->boot.user, &s), 0);
	assert_true(s.running == 0 && s.is_confirmed && !s.fell_back);
	assert_int_equal(f->boot.mark_bad(f->boot.user, 1), 0);
	assert_int_equal(f->boot.try_slot(f->boot.user, 1, 2), 0);
	assert_int_equal(f->boot.state(f->boot.user, &s), 0);
	assert_true(s.running == 0 && s.is_confirmed && !s.fell_back); /* not booted yet */
	strcpy(f->adapter.cmdline, "carousel.slot=1");
	assert_int_equal(f->boot.state(f->boot.user, &s), 0);
	assert_true(s.running == 1 && s.target == 0 && !s.is_confirmed && s.is_trial);
	assert_int_equal(f->boot.confirm(f->boot.user, 1), 0);
	assert_int_equal(f->boot.state(f->boot.user, &s), 0);
	assert_true(s.is_confirmed);
}

static void test_uboot(void **state)
{
	struct fixture *f = *state;
	struct carousel_boot_state s;
	for (int i = 0; i < 2; i++) {
		fake_uboot(f, " ="[i]);
		open_uboot(f);
		assert_int_equal(f->boot.mark_bad(f->boot.user, 1), 0);
		assert_file(f, "env", "BOOT_A_LEFT=3\nBOOT_B_LEFT=0\nBOOT_ORDER=A B\n");
		assert_int_equal(f->boot.try_slot(f->boot.user, 1, 2), 0);
		assert_file(f, "env", "BOOT_A_LEFT=3\nBOOT_B_LEFT=2\nBOOT_ORDER=B A\ncarousel_trial=B\n");
		walk_uboot(f);
		/* Both ways are tried once, then the one that works. */
		assert_file(f, "calls", i ? "\n\n\n\n\n\n" : "\n\n\n\n\n");
	}
	/* Tries used up: the boot loader went back to A. */
	put(f, "env", "BOOT_B_LEFT=0\nBOOT_ORDER=B A\ncarousel_trial=B\n");
	strcpy(f->adapter.cmdline, "carousel.slot=0");
	assert_int_equal(f->boot.state(f->boot.user, &s), 0);
	assert_true(s.running == 0 && s.is_confirmed && s.fell_back);
	/* A boot script that counts every boot: the good slot has its boots again. */
	assert_file(f, "env", "BOOT_A_LEFT=3\nBOOT_B_LEFT=0\nBOOT_ORDER=B A\ncarousel_trial=B\n");
	strcpy(f->adapter.cmdline, "quiet");
	assert_int_equal(f->boot.state(f->boot.user, &s), CAROUSEL_E_NOT_FOUND);
}

/* A tool that says all is well and does nothing would leave a slot bootable that is being written. */
static void test_uboot_that_lies(void **state)
{
	struct fixture *f = *state;
	struct carousel_boot_state s;
	fake_uboot(f, ' ');
	script(f, "fw_setenv", "exit 0");
	open_uboot(f);
	assert_int_equal(f->boot.mark_bad(f->boot.user, 1), CAROUSEL_E_REFUSED);
	assert_int_equal(f->boot.try_slot(f->boot.user, 1, 3), CAROUSEL_E_REFUSED);
	put(f, "env", "BOOT_A_LEFT=1\nBOOT_ORDER=A B\n");
	assert_int_equal(f->boot.state(f->boot.user, &s), 0); /* cannot be refilled: there is another start */
	/* What reads right already says nothing about the tool. */
	put(f, "env", "BOOT_A_LEFT=3\nBOOT_B_LEFT=0\nBOOT_ORDER=A B\n");
	assert_int_equal(f->boot.mark_bad(f->boot.user, 1), 0);
	fake_uboot(f, '=');
	assert_int_equal(f->boot.try_slot(f->boot.user, 1, 2), 0);
	assert_file(f, "env", "BOOT_A_LEFT=3\nBOOT_B_LEFT=2\nBOOT_ORDER=B A\ncarousel_trial=B\n");
}

static bool has_program(const char *name)
{
	char command[128];
	snprintf(command, sizeof(command), "command -v %s >/dev/null", name);
	return system(command) == 0;
}

/* libubootenv's own tools over an environment in two copies. */
static void test_real_uboot(void **state)
{
	struct fixture *f = *state;
	struct settings settings = {.boot = SETTINGS_BOOT_UBOOT};
	char conf[128], text[512];
	if (!has_program("fw_setenv"))
		skip();
	snprintf(conf, sizeof(conf), "%s/conf", f->dir);
	snprintf(text, sizeof(text), "%s/copy0 0x0 0x1000\n%s/copy1 0x0 0x1000\n", f->dir, f->dir);
	put(f, "conf", text);
	put(f, "default", "BOOT_ORDER=A B\nBOOT_A_LEFT=3\nBOOT_B_LEFT=3\nbootcmd=run it\n");
	snprintf(text, sizeof(text),
		"cd %s && head -c 4096 /dev/zero >copy0 && cp copy0 copy1 && fw_setenv -c conf -f default x 1 && "
		"fw_setenv -c conf x 2",
		f->dir);
	assert_int_equal(system(text), 0);
	settings.boot_environment = conf;
	assert_int_equal(boot_adapter_init(&f->adapter, &settings, &f->boot), 0);
	strcpy(f->adapter.cmdline, "carousel.slot=0");
	walk_uboot(f);
	assert_int_equal(f->boot.mark_bad(f->boot.user, 0), 0);
	/* A write that was torn costs the newer of the copies: what was before counts. */
	snprintf(text, sizeof(text),
		"cd %s && fw_setenv -c conf x 3 && test \"$(fw_printenv -c conf -n x)\" = 3 && "
		"cmp copy0 copy1 | grep -q . && new=$(grep -l x=3 copy0 copy1) && "
		"printf torn | dd of=$new bs=1 seek=20 conv=notrunc status=none && "
		"test \"$(fw_printenv -c conf -n x)\" = 2",
		f->dir);
	assert_int_equal(system(text), 0);
}

/* ---- GRUB ----------------------------------------------------------------------------------------------- */

/* An environment block kept as lines; empties it before it writes, as the real one does. */
static void fake_grub(struct fixture *f)
{
	script(f, "grub-editenv",
		"file=$1; shift\ntest \"$1\" != list || exec cat \"$file\"\nshift\ncp \"$file\" old\n: >\"$file\"\n"
		"for set in \"$@\"; do\n\tgrep -v \"^${set%%=*}=\" old >new\n\techo \"$set\" >>new\n\tmv new "
		"old\ndone\n"
		"test ! -e breaks || kill -9 $$\nsort old >\"$file\"\n");
	put(f, "grubenv", "A_OK=1\nA_TRY=3\nORDER=AB\n");
}

static void walk_grub(struct fixture *f)
{
	struct carousel_boot_state s;
	assert_int_equal(f->boot.mark_bad(f->boot.user, 1), 0);
	assert_int_equal(f->boot.try_slot(f->boot.user, 1, 2), 0);
	assert_int_equal(f->boot.state(f->boot.user, &s), 0);
	assert_true(s.running == 0 && s.is_confirmed && !s.fell_back);
	strcpy(f->adapter.cmdline, "x rauc.slot=B");
	assert_int_equal(f->boot.state(f->boot.user, &s), 0);
	assert_true(s.running == 1 && s.is_trial);
	assert_int_equal(f->boot.confirm(f->boot.user, 1), 0);
	assert_int_equal(f->boot.state(f->boot.user, &s), 0);
	assert_true(s.is_confirmed && !s.is_trial);
}

static void open_grub(struct fixture *f, char path[128])
{
	struct settings settings = {.boot = SETTINGS_BOOT_GRUB, .boot_environment = path};
	snprintf(path, 128, "%s/grubenv", f->dir);
	assert_int_equal(boot_adapter_init(&f->adapter, &settings, &f->boot), 0);
	strcpy(f->adapter.cmdline, "carousel.slot=0");
}

static void test_grub(void **state)
{
	struct fixture *f = *state;
	struct carousel_boot_state s;
	char path[128];
	fake_grub(f);
	open_grub(f, path);
	assert_int_equal(f->boot.mark_bad(f->boot.user, 1), 0);
	assert_file(f, "grubenv", "A_OK=1\nA_TRY=3\nB_OK=0\nB_TRY=0\nORDER=AB\ncarousel_trial=-\n");
	assert_int_equal(f->boot.try_slot(f->boot.user, 1, 2), 0);
	assert_file(f, "grubenv", "A_OK=1\nA_TRY=3\nB_OK=1\nB_TRY=2\nORDER=BA\ncarousel_trial=B\n");
	walk_grub(f);
	/* A script that counts every boot: the good slot has its boots again. */
	put(f, "grubenv", "A_OK=1\nA_TRY=1\nORDER=AB\ncarousel_trial=-\n");
	strcpy(f->adapter.cmdline, "carousel.slot=0");
	assert_int_equal(f->boot.state(f->boot.user, &s), 0);
	assert_file(f, "grubenv", "A_OK=1\nA_TRY=3\nORDER=AB\ncarousel_trial=-\n");
}

/* The block is never empty or half written, whatever becomes of the program: GRUB would boot as if nothing were set. */
static void test_grub_that_breaks_off(void **state)
{
	static const char before[] = "A_OK=1\nA_TRY=3\nORDER=AB\n";
	struct fixture *f = *state;
	char path[128], link[128];
	fake_grub(f);
	open_grub(f, path);
	put(f, "breaks", "");
	assert_int_equal(f->boot.mark_bad(f->boot.user, 1), CAROUSEL_E_REFUSED);
	assert_int_equal(f->boot.try_slot(f->boot.user, 1, 2), CAROUSEL_E_REFUSED);
	assert_file(f, "grubenv", before);
	/* One that says all is well and does nothing is found out, too. */
	script(f, "grub-editenv", "test \"$2\" != list || exec cat \"$1\"");
	assert_int_equal(f->boot.mark_bad(f->boot.user, 1), CAROUSEL_E_REFUSED);
	assert_file(f, "grubenv", before);
	/* A link stays one. */
	fake_grub(f);
	snprintf(link, sizeof(link), "%s/elsewhere", f->dir);
	assert_int_equal(rename(path, link), 0);
	assert_int_equal(symlink(link, path), 0);
	assert_int_equal(unlink_in(f, "breaks"), 0);
	assert_int_equal(f->boot.mark_bad(f->boot.user, 1), 0);
	assert_file(f, "elsewhere", "A_OK=1\nA_TRY=3\nB_OK=0\nB_TRY=0\nORDER=AB\ncarousel_trial=-\n");
	assert_int_equal(readlink(path, link, sizeof(link)) > 0, 1);
	unlink_in(f, "elsewhere");
	assert_int_equal(f->boot.mark_bad(f->boot.user, 1), CAROUSEL_E_NOT_FOUND);
}

static void test_real_grub(void **state)
{
	struct fixture *f = *state;
	char path[128], command[256];
	if (!has_program("grub-editenv"))
		skip();
	snprintf(command, sizeof(command),
		"grub-editenv %s/grubenv create && grub-editenv %s/grubenv set ORDER=AB A_OK=1 A_TRY=3", f->dir,
		f->dir);
	assert_int_equal(system(command), 0);
	open_grub(f, path);
	walk_grub(f);
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
		WITH_FIXTURE(test_uboot_that_lies),
		WITH_FIXTURE(test_real_uboot),
		WITH_FIXTURE(test_grub),
		WITH_FIXTURE(test_grub_that_breaks_off),
		WITH_FIXTURE(test_real_grub),
		cmocka_unit_test(test_running_slot),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
