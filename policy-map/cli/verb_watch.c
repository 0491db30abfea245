/* fleet watch: looks at the fleet again and again; a class in which too much goes wrong is put on hold in a draft,
 * which a person signs. What passes - a database that is busy, a map that is being replaced - is told of and ends
 * nothing. */
#include "policy-map/cli/verbs.h"

#include "common/carousel_error.h"
#include "common/io/clock.h"
#include "policy-map/cli/fleet.h"
#include "policy-map/cli/watch_run.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WATCH_ABORTS      3 /* exit status */
#define SECOND_NS         1000000000u
#define DAY_NS            (86400ull * SECOND_NS)
#define MAX_HOOK_PAUSE_NS (60ull * SECOND_NS)

/* The last word of a look that failed is what counts. */
static void keep_line(void *user, const char *line)
{
	snprintf(user, WATCH_LINE_BYTES, "%s", line);
}

/* They end a watch between two looks, never in the middle of a draft. */
static void hold_signals(sigset_t *stop)
{
	sigemptyset(stop);
	sigaddset(stop, SIGINT);
	sigaddset(stop, SIGTERM);
	sigprocmask(SIG_BLOCK, stop, NULL);
}

/* False when one of them has come. */
static bool wait_for(uint64_t ns)
{
	const struct timespec time = {(time_t)(ns / SECOND_NS), (long)(ns % SECOND_NS)};
	sigset_t stop;
	hold_signals(&stop);
	return sigtimedwait(&stop, NULL, &time) < 0;
}

static bool pause_hook(const struct watch *w)
{
	return wait_for(w->interval_ns < MAX_HOOK_PAUSE_NS ? w->interval_ns : MAX_HOOK_PAUSE_NS);
}

/* WATCH_ABORTS when a draft was written. That nobody reads of it does not keep it from being written. */
static int look(const struct cli *cli, const struct watch *w, struct watch_look *l)
{
	int result = watch_look_take(cli, w, l);
	if (l->over)
		result = watch_draft_write(cli, w, l);
	return result == CLI_OK && l->over ? WATCH_ABORTS : result;
}

static void tell_trouble(const struct cli *cli, struct watch_trouble *t, int result, const char *line)
{
	uint64_t failed;
	if (result != CLI_OK) {
		if (watch_trouble_add(t, line, clock_monotonic_ns()))
			cli_say(cli, "%s; the watch goes on", line);
		return;
	}
	failed = watch_trouble_end(t);
	if (failed)
		cli_fail(cli, "all is well again, after %" PRIu64 " looks that failed", failed);
}

static int watch(const struct cli *cli, const struct watch *w)
{
	char line[WATCH_LINE_BYTES] = "";
	const struct cli quiet = {cli->program, cli->verb, keep_line, line};
	struct watch_trouble trouble = {0};
	struct watch_look l;
	sigset_t stop;
	int result;
	hold_signals(&stop);
	signal(SIGPIPE, SIG_IGN);
	for (;;) {
		result = look(w->once ? cli : &quiet, w, &l);
		if (result == WATCH_ABORTS)
			watch_draft_call(cli, w, &l, w->once ? NULL : pause_hook);
		watch_look_deinit(&l);
		if (w->once || result == WATCH_ABORTS)
			return result;
		tell_trouble(cli, &trouble, result, line);
		if (!wait_for(w->interval_ns))
			return CLI_OK;
	}
}

/* ---- before the first look: what would never come right is told of at once ---- */

/* A program as execvp() finds it. */
static bool can_be_run(const char *program)
{
	const char *path = getenv("PATH");
	char file[4096];
	if (strchr(program, '/'))
		return access(program, X_OK) == 0;
	while (path && *path) {
		size_t len = strcspn(path, ":");
		if (snprintf(file, sizeof file, "%.*s/%s", (int)len, path, program) < (int)sizeof file &&
			access(file, X_OK) == 0)
			return true;
		path += len + (path[len] == ':');
	}
	return false;
}

static int check_folder(const struct cli *cli, const char *out)
{
	const char *slash = strrchr(out, '/');
	char folder[4096] = ".";
	if (slash)
		snprintf(folder, sizeof folder, "%.*s", (int)(slash - out + 1), out);
	return access(folder, W_OK | X_OK) == 0 ? CLI_OK : cli_fail(cli, "--out: %s: %s", folder, strerror(errno));
}

/* A database that is busy comes right by itself. */
static int check_database(const struct cli *cli, const char *path)
{
	struct fleet_db *db;
	int error = fleet_db_open(path, true, &db), result = CLI_OK;
	if (error && error != CAROUSEL_E_BUSY)
		result = fleet_open(cli, path, true, &db);
	fleet_db_close(db);
	return result;
}

static int check_map(const struct cli *cli, const char *path)
{
	struct policy_map *map = NULL;
	int result = document_load_map(cli, path, true, &map);
	policy_map_free(map);
	return result;
}

static int check_start(const struct cli *cli, const struct watch *w)
{
	int result = check_folder(cli, w->out);
	if (w->once || result != CLI_OK)
		return result;
	if (w->hook && !can_be_run(w->hook))
		return cli_fail(cli, "--hook: %s: there is no such program", w->hook);
	result = check_map(cli, w->map_path);
	return result == CLI_OK ? check_database(cli, w->db_path) : result;
}

static int check_out(const struct cli *cli, const struct watch *w)
{
	const struct document_other others[] = {{"--map", w->map_path, false}, {"--hook", w->hook, false}};
	int result = document_check_out(cli, w->out, others, sizeof others / sizeof *others);
	if (strcmp(w->out, "-") == 0)
		return cli_usage(cli, "--out: a file is needed");
	return result == CLI_OK ? fleet_check_out(cli, w->db_path, w->out) : result;
}

int fleet_verb_watch(const struct cli *cli, int argc, char **argv)
{
	const char *wrong;
	struct watch w = {.interval_ns = 60ull * SECOND_NS,
		.silent_ns = 30 * DAY_NS,
		.min_boxes = 20,
		.hook_timeout_ns = 60ull * SECOND_NS};
	const struct cli_option options[] = {
		{"map", CLI_STRING, &w.map_path, 0, 0, "MAP", "the map on the air (needed)"},
		{"abort", CLI_STRING, &w.abort, 0, 0, "CONDITIONS",
			"of a class, with commas: failure>1%, attempt-failure>10%, below-minimum>5%, silent>500 "
			"(needed)"},
		{"out", CLI_STRING, &w.out, 0, 0, "FILE", "where the draft with hold goes (needed)"},
		{"interval", CLI_DURATION, &w.interval_ns, SECOND_NS / 100, 7 * DAY_NS, "TIME",
			"from look to look (default 60s)"},
		{"once", CLI_FLAG, &w.once, 0, 0, NULL, "look once, as from cron"},
		{"window", CLI_DURATION, &w.window_ns, SECOND_NS, 3650 * DAY_NS, "TIME",
			"only what was heard so lately counts (default: since the map was issued)"},
		{"silent", CLI_DURATION, &w.silent_ns, SECOND_NS, 3650 * DAY_NS, "TIME",
			"a box that was not heard of for so long is silent (default 30d)"},
		{"min-boxes", CLI_U64, &w.min_boxes, 1, UINT32_MAX, "N", "a share of fewer says nothing (default 20)"},
		{"hook", CLI_STRING, &w.hook, 0, 0, "PROGRAM", "is called with the draft's name"},
		{"hook-timeout", CLI_DURATION, &w.hook_timeout_ns, SECOND_NS / 100, DAY_NS, "TIME",
			"and killed after that (default 60s)"},
		{"json", CLI_FLAG, &w.json, 0, 0, NULL, "print JSON, a line a look"},
	};
	int result = cli_options(cli, options, sizeof options / sizeof *options, &argc, argv, 1, 1), error;
	if (result)
		return result == CLI_HELP ? CLI_OK : result;
	if (w.map_path == NULL || w.out == NULL || w.abort == NULL)
		return cli_usage(cli, "--map, --abort and --out are needed");
	error = watch_conditions_parse(w.abort, &w.conditions, &wrong);
	if (error)
		return cli_usage(cli, "--abort: \"%.*s\": %s; a condition is such as failure>1%% or silent>500",
			(int)strcspn(wrong, ","), wrong, carousel_strerror(error));
	w.db_path = argv[1];
	result = check_out(cli, &w);
	if (result == CLI_OK)
		result = check_start(cli, &w);
	return result == CLI_OK ? watch(cli, &w) : result;
}
