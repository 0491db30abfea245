#include "tests/lib/test.h"

#include "common/io/cli.h"

#include <stdio.h>
#include <unistd.h>

#define MS 1000000u

static struct {
	bool verbose;
	const char *name;
	uint64_t number, bytes, rate, duration;
	double share;
	int argc;
	char *argv[8];
	int result;
} seen;

static const struct cli_option options[] = {
	{"verbose", CLI_FLAG, &seen.verbose, 0, 0, NULL, "say more"},
	{"name", CLI_STRING, &seen.name, 0, 0, "NAME", "a name"},
	{"number", CLI_U64, &seen.number, 2, 9, "N", "a number"},
	{"memory", CLI_BYTES, &seen.bytes, 0, 0, "BYTES", "memory"},
	{"rate", CLI_RATE, &seen.rate, 0, 0, "RATE", "bits per second"},
	{"time", CLI_DURATION, &seen.duration, 10 * MS, 48ull * 3600 * 1000 * MS, "TIME", "how long"},
	{"loss", CLI_SHARE, &seen.share, 0, 0, "P", "a share"},
};

static int run_go(const struct cli *cli, int argc, char **argv)
{
	int result = cli_options(cli, options, sizeof options / sizeof *options, &argc, argv, 1, 2);
	if (result != CLI_OK)
		return result == CLI_HELP ? CLI_OK : result;
	seen.argc = argc;
	for (int i = 0; i < argc; i++)
		seen.argv[i] = argv[i];
	return seen.result ? cli_fail(cli, "it did not %s", "work") : CLI_OK;
}

static const struct cli_verb verbs[] = {
	{"go", "PLACE [WITH] [--number N]", "goes there", run_go},
	{"rest", "", "does nothing", run_go},
};
static const struct cli_program program = {"tester", "tests", verbs, 2};

/* Runs a command line with stdout and stderr in files; returns the status. */
static char out[4096], err[4096];

static void slurp(FILE *from, char *to)
{
	size_t len;
	rewind(from);
	len = fread(to, 1, 4095, from);
	to[len] = '\0';
	fclose(from);
}

static int run(const char *line)
{
	char copy[512], *argv[32];
	int argc = 0, status, saved[2];
	FILE *files[2] = {tmpfile(), tmpfile()};
	snprintf(copy, sizeof copy, "%s", line);
	for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
		argv[argc++] = word;
	argv[argc] = NULL;
	seen.verbose = false;
	for (int i = 0; i < 2; i++) {
		fflush(i ? stderr : stdout);
		saved[i] = dup(i + 1);
		dup2(fileno(files[i]), i + 1);
	}
	status = cli_main(&program, argc, argv);
	for (int i = 0; i < 2; i++) {
		fflush(i ? stderr : stdout);
		dup2(saved[i], i + 1);
		close(saved[i]);
	}
	slurp(files[0], out);
	slurp(files[1], err);
	return status;
}

static void test_dispatch(void **state)
{
	(void)state;
	assert_int_equal(run("tester"), CLI_USAGE);
	assert_non_null(strstr(err, "goes there"));
	assert_string_equal(out, "");
	assert_int_equal(run("tester --help"), CLI_OK);
	assert_non_null(strstr(out, "goes there"));
	assert_non_null(strstr(out, "does nothing"));
	assert_string_equal(err, "");
	assert_int_equal(run("tester --version"), CLI_OK);
	assert_string_equal(out, "tester " CAROUSEL_VERSION "\n");
	assert_int_equal(run("tester dance"), CLI_USAGE);
	assert_string_equal(err, "tester: no verb \"dance\"; `tester --help` lists them\n");
	assert_int_equal(run("tester go --help"), CLI_OK);
	assert_non_null(strstr(out, "usage: tester go PLACE"));
	assert_non_null(strstr(out, "--number N"));
	seen.result = 1;
	assert_int_equal(run("tester go there"), CLI_FAILED);
	assert_string_equal(err, "tester go: it did not work\n");
	seen.result = 0;
}

static void test_options(void **state)
{
	(void)state;
	assert_int_equal(
		run("tester go --verbose there --name=x=y --number 3 --memory 4K --rate 5M --time 250ms --loss "
		    "5% -- --with"),
		CLI_OK);
	assert_true(seen.verbose);
	assert_int_equal(seen.number, 3);
	assert_int_equal(seen.bytes, 4096);
	assert_int_equal(seen.rate, 5000000);
	assert_int_equal(seen.duration, 250 * MS);
	assert_true(seen.share > 0.0499 && seen.share < 0.0501);
	assert_int_equal(seen.argc, 3);
	assert_int_equal(run("tester go -"), CLI_OK);
	assert_int_equal(seen.argc, 2);
}

static void test_wrong_use(void **state)
{
	static const struct {
		const char *line, *error;
	} rows[] = {
		{"tester go", "tester go: too few arguments; usage: tester go PLACE [WITH] [--number N]\n"},
		{"tester go a b c", "tester go: too many arguments, from \"c\" on\n"},
		{"tester go a --no", "tester go: no option --no; --help lists them\n"},
		{"tester go a -v", "tester go: no option -v; --help lists them\n"},
		{"tester go a --number", "tester go: --number needs N\n"},
		{"tester go a --number x", "tester go: --number: \"x\" is not of the form N\n"},
		{"tester go a --time 30",
			"tester go: --time: \"30\" is not of the form TIME, such as 500ms, 90s, 15m, 48h or 30d\n"},
		{"tester go a --time 3d", "tester go: --time: 3d is not within 10ms to 2d\n"},
		{"tester go a --memory x",
			"tester go: --memory: \"x\" is not of the form BYTES, such as 512K or 16M\n"},
		{"tester go a --number 10", "tester go: --number: 10 is not within 2 to 9\n"},
		{"tester go a --number 1", "tester go: --number: 1 is not within 2 to 9\n"},
		{"tester go a --memory 99999999999999999999",
			"tester go: --memory: 99999999999999999999: a number is outside "
			"its range\n"},
		{"tester go a --loss 2", "tester go: --loss: \"2\" is not a share from 0 to 1\n"},
		{"tester go a --verbose=1", "tester go: --verbose takes no value\n"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_int_equal(run(rows[i].line), CLI_USAGE);
		assert_string_equal(err, rows[i].error);
		assert_string_equal(out, "");
	}
}

static int fill_stdout(void)
{
	int saved = dup(1);
	fflush(stdout);
	assert_non_null(freopen("/dev/full", "w", stdout));
	return saved;
}

static void free_stdout(int saved)
{
	fflush(stdout);
	dup2(saved, 1);
	close(saved);
	clearerr(stdout);
}

/* Standard output that cannot be written: what was to be told has not been, and the status says so. */
static void test_full_stdout(void **state)
{
	static const char *const lines[] = {"--help", "--version", "go"};
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		char name[] = "tester", word[16], help[] = "--help", *argv[] = {name, word, i == 2 ? help : NULL, NULL};
		int saved, status;
		snprintf(word, sizeof word, "%s", lines[i]);
		saved = fill_stdout();
		status = cli_main(&program, i == 2 ? 3 : 2, argv);
		free_stdout(saved);
		assert_int_equal(status, CLI_FAILED);
	}
}

static char told[256];

static void keep(void *user, const char *line)
{
	assert_ptr_equal(user, told);
	snprintf(told, sizeof told, "%s", line);
}

/* A line that has not arrived was not printed; stdout is good again for the next one. */
static void test_print_json(void **state)
{
	const struct cli quiet = {.program = &program, .verb = &verbs[0], .tell = keep, .user = told};
	int saved, full, is_good_again;
	(void)state;
	assert_int_equal(cli_print_json(&quiet, json_pack("{s:i}", "a", 1)), CLI_OK);
	assert_int_equal(cli_print_json(&quiet, NULL), CLI_FAILED);
	assert_string_equal(told, "tester go: memory could not be had");
	saved = fill_stdout();
	full = cli_print_json(&quiet, json_object());
	is_good_again = !ferror(stdout);
	free_stdout(saved);
	assert_int_equal(full, CLI_FAILED);
	assert_non_null(strstr(told, "tester go: stdout: "));
	assert_true(is_good_again);
}

static void test_tell(void **state)
{
	const struct cli quiet = {.program = &program, .verb = &verbs[0], .tell = keep, .user = told};
	char line[2 * 8192];
	(void)state;
	assert_int_equal(cli_fail(&quiet, "no %s", "way"), CLI_FAILED);
	assert_string_equal(told, "tester go: no way");
	assert_int_equal(cli_usage(&quiet, "no %s", "use"), CLI_USAGE);
	assert_string_equal(told, "tester go: no use");
	cli_say(&quiet, "map:%d:%d: error", 4, 7);
	assert_string_equal(told, "map:4:7: error");
	memset(line, 'x', sizeof line);
	line[sizeof line - 1] = '\0';
	cli_fail(&quiet, "%s", line); /* cut, not overrun */
	assert_int_equal(strncmp(told, "tester go: xxx", 14), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dispatch),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_wrong_use),
		cmocka_unit_test(test_full_stdout),
		cmocka_unit_test(test_print_json),
		cmocka_unit_test(test_tell),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
