/* fleet watch: looks at the fleet once; what fails too often is put on hold in a draft, which a person signs. */
#include "policy-map/cli/verbs.h"

#include "common/carousel_error.h"
#include "common/io/clock.h"
#include "policy-map/cli/diff.h"
#include "policy-map/cli/fleet.h"
#include "policy-map/map_edit.h"
#include "policy-map/map_value.h"

#include <errno.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define WATCH_ABORTS    3 /* exit status */
#define MAX_CLASSES     4096u
#define MIN_BOXES_HEARD 20u /* of fewer, one unlucky box would stop a class */

extern char **environ;

struct class_count {
	char name[65];
	uint64_t heard, failed;
};

struct watch {
	const char *db_path, *map_path, *abort, *out, *hook;
	uint32_t limit_permyriad;
	bool json;
	struct class_count *classes;
	size_t num_classes, cap_classes;
};

static int count_box(void *user, const struct fleet_box *b)
{
	struct watch *w = user;
	struct class_count *c = w->classes;
	if (b->seen_s == 0)
		return 0;
	while (c < w->classes + w->num_classes && strcmp(c->name, b->class_name) != 0)
		c++;
	if (c == w->classes + w->num_classes) {
		int result = memory_grow(
			NULL, (void **)&w->classes, &w->cap_classes, w->num_classes, sizeof *w->classes, MAX_CLASSES);
		if (result)
			return result;
		c = &w->classes[w->num_classes++];
		*c = (struct class_count){.heard = 0};
		snprintf(c->name, sizeof c->name, "%s", b->class_name);
	}
	c->heard++;
	c->failed += b->failures > 0;
	return 0;
}

static bool is_over(const struct watch *w, const struct class_count *c)
{
	return c->heard >= MIN_BOXES_HEARD && c->failed * 10000 > c->heard * w->limit_permyriad;
}

/* "failure>1%" */
static int parse_abort(const struct cli *cli, struct watch *w)
{
	if (w->abort == NULL || strncmp(w->abort, "failure>", 8) != 0 ||
		map_value_permyriad(w->abort + 8, &w->limit_permyriad) != 0)
		return cli_usage(cli, "--abort: a condition such as failure>1%%");
	return CLI_OK;
}

static int run_hook(const struct cli *cli, const struct watch *w)
{
	char hook[4096], out[4096];
	char *argv[] = {hook, out, NULL};
	int status, error;
	pid_t pid;
	if (w->hook == NULL)
		return CLI_OK;
	snprintf(hook, sizeof hook, "%s", w->hook);
	snprintf(out, sizeof out, "%s", w->out);
	error = posix_spawnp(&pid, hook, NULL, NULL, argv, environ);
	if (error)
		return cli_fail(cli, "%s: %s", w->hook, strerror(error));
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return cli_fail(cli, "%s: %s", w->hook, strerror(errno));
	}
	return status == 0 ? CLI_OK : cli_fail(cli, "%s failed", w->hook);
}

static int hold_classes(struct map_edit *e, const struct watch *w)
{
	for (size_t i = 0; i < w->num_classes; i++) {
		int result = is_over(w, &w->classes[i]) ? map_edit_hold(e, w->classes[i].name, NULL, true) : 0;
		if (result && result != CAROUSEL_E_NOT_FOUND) /* no row of it, or on hold already */
			return result;
	}
	return map_edit_issue(e, clock_wall_s());
}

static int draft(const struct cli *cli, const struct watch *w)
{
	struct policy_map_error error;
	struct map_edit *e;
	struct document d;
	char *text;
	size_t len;
	int result = document_load(cli, w->map_path, &d), code;
	if (result != CLI_OK)
		return result;
	code = map_edit_new(NULL, (const char *)d.payload, d.payload_len, &e, &error);
	if (code)
		result = cli_fail(cli, "%s:%u:%u: %s", w->map_path, error.line, error.column, error.message);
	if (code == 0) {
		code = hold_classes(e, w);
		if (code == 0)
			code = map_edit_print(e, &text, &len);
		map_edit_free(e);
		if (code)
			result = cli_fail(cli, "%s: %s", w->map_path, carousel_strerror(code));
	}
	if (code == 0) {
		result = document_write(cli, w->out, text, len, 0644);
		memory_free(NULL, text);
	}
	document_deinit(&d);
	return result;
}

static int print_classes(const struct cli *cli, const struct watch *w, unsigned over)
{
	json_t *list = w->json ? json_array() : NULL;
	for (size_t i = 0; i < w->num_classes; i++) {
		const struct class_count *c = &w->classes[i];
		if (w->json)
			json_array_append_new(
				list, json_pack("{s:s,s:I,s:I,s:b}", "class", c->name, "heard", (json_int_t)c->heard,
					      "failed", (json_int_t)c->failed, "abort", (int)is_over(w, c)));
		else
			printf("%-24s %10" PRIu64 " heard of, %" PRIu64 " failed%s\n", c->name, c->heard, c->failed,
				is_over(w, c) ? ": ABORT" : "");
	}
	if (!w->json)
		return CLI_OK;
	return document_print_json(cli,
		json_pack("{s:s,s:b,s:o}", "format", "carousel-fleet-watch/1", "abort", over != 0, "classes", list));
}

static int watch(const struct cli *cli, struct watch *w)
{
	struct fleet_db *db;
	unsigned over = 0;
	int result = fleet_open(cli, w->db_path, true, &db), error;
	if (result != CLI_OK)
		return result;
	error = fleet_db_each(db, count_box, w);
	if (error)
		result = fleet_fail(cli, w->db_path, db, error);
	fleet_db_close(db);
	for (size_t i = 0; i < w->num_classes; i++)
		over += is_over(w, &w->classes[i]);
	if (result == CLI_OK)
		result = print_classes(cli, w, over);
	if (result == CLI_OK && over)
		result = draft(cli, w);
	if (result == CLI_OK && over)
		result = run_hook(cli, w);
	memory_free(NULL, w->classes);
	return result == CLI_OK && over ? WATCH_ABORTS : result;
}

int fleet_verb_watch(const struct cli *cli, int argc, char **argv)
{
	struct watch w = {0};
	const struct cli_option options[] = {
		{"map", CLI_STRING, &w.map_path, 0, 0, "MAP", "the map on the air (needed)"},
		{"abort", CLI_STRING, &w.abort, 0, 0, "CONDITION",
			"failure>SHARE of the boxes heard of, by class (needed)"},
		{"out", CLI_STRING, &w.out, 0, 0, "FILE", "where the draft with hold goes (needed)"},
		{"hook", CLI_STRING, &w.hook, 0, 0, "PROGRAM", "is called with the draft's name"},
		{"json", CLI_FLAG, &w.json, 0, 0, NULL, "print JSON"},
	};
	int result = cli_options(cli, options, sizeof options / sizeof *options, &argc, argv, 1, 1);
	if (result)
		return result == CLI_HELP ? CLI_OK : result;
	result = parse_abort(cli, &w);
	if (result == CLI_OK && (w.map_path == NULL || w.out == NULL))
		result = cli_usage(cli, "--map and --out are needed");
	w.db_path = argv[1];
	return result == CLI_OK ? watch(cli, &w) : result;
}
