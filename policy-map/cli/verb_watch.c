/* fleet watch: looks at the fleet again and again; a class in which too much goes wrong is put on hold in a draft,
 * which a person signs. */
#include "policy-map/cli/verbs.h"

#include "common/carousel_error.h"
#include "common/io/clock.h"
#include "common/memory.h"
#include "policy-map/cli/document.h"
#include "policy-map/cli/fleet.h"
#include "policy-map/cli/watch.h"
#include "policy-map/map_edit.h"
#include "policy-map/text_buffer.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define WATCH_ABORTS 3 /* exit status */
#define SECOND_NS    1000000000u
#define DAY_NS       (86400ull * SECOND_NS)
#define WHY_BYTES    65536u

struct watch {
	const char *db_path, *map_path, *abort, *out, *hook;
	struct watch_conditions conditions;
	uint64_t interval_ns, window_ns, silent_ns, min_boxes, hook_timeout_ns;
	bool once, json;
};

/* One look. */
struct look {
	struct document document;
	struct policy_map *map;
	struct fleet_kpi kpi;
	struct text_buffer classes; /* that are over, with commas */
	struct text_buffer why;     /* a line each */
	unsigned over;
};

/* A class of which no row goes on any more needs no second hold. */
static bool has_running_row(const struct policy_map *map, const char *class_name)
{
	for (size_t i = 0; i < map->num_rows; i++) {
		if (!map->rows[i].hold && strcmp(map->rows[i].class_name, class_name) == 0)
			return true;
	}
	return false;
}

static bool is_over(const struct watch *w, const struct fleet_kpi_class *k)
{
	for (size_t i = 0; i < w->conditions.count; i++) {
		if (watch_is_over(k, &w->conditions.list[i], w->min_boxes))
			return true;
	}
	return false;
}

static void explain(const struct watch *w, struct look *l, const struct fleet_kpi_class *k)
{
	for (size_t i = 0; i < w->conditions.count; i++) {
		const struct watch_condition *c = &w->conditions.list[i];
		struct watch_sample s = watch_measure(k, c->measure);
		if (watch_is_over(k, c, w->min_boxes))
			text_buffer_printf(&l->why, "%s: %s %" PRIu64 " of %" PRIu64 " boxes\n", k->class_name,
				watch_measure_name(c->measure), s.part, s.whole);
	}
}

static void judge(const struct watch *w, struct look *l)
{
	for (size_t i = 0; i < l->kpi.num_classes; i++) {
		const struct fleet_kpi_class *k = &l->kpi.classes[i];
		if (!is_over(w, k) || !has_running_row(l->map, k->class_name))
			continue;
		text_buffer_printf(&l->classes, "%s%s", l->over++ ? "," : "", k->class_name);
		explain(w, l, k);
	}
}

static json_t *class_json(const struct watch *w, const struct look *l, const struct fleet_kpi_class *k)
{
	json_t *item = json_pack("{s:s,s:I,s:I,s:I,s:b}", "class", k->class_name, "boxes", (json_int_t)k->boxes,
		"heard", (json_int_t)k->heard, "failed", (json_int_t)k->failed, "abort",
		is_over(w, k) && has_running_row(l->map, k->class_name));
	json_t *list = json_array();
	for (size_t i = 0; i < w->conditions.count; i++) {
		const struct watch_condition *c = &w->conditions.list[i];
		struct watch_sample s = watch_measure(k, c->measure);
		json_array_append_new(list, json_pack("{s:s,s:I,s:I,s:b}", "measure", watch_measure_name(c->measure),
						    "part", (json_int_t)s.part, "whole", (json_int_t)s.whole, "over",
						    (int)watch_is_over(k, c, w->min_boxes)));
	}
	json_object_set_new(item, "conditions", list);
	return item;
}

static int print_look(const struct cli *cli, const struct watch *w, const struct look *l)
{
	json_t *list = w->json ? json_array() : NULL;
	for (size_t i = 0; i < l->kpi.num_classes; i++) {
		const struct fleet_kpi_class *k = &l->kpi.classes[i];
		if (w->json)
			json_array_append_new(list, class_json(w, l, k));
		else
			printf("%-24s %10" PRIu64 " heard of, %" PRIu64 " failed, %" PRIu64 " patched%s\n",
				k->class_name, k->heard, k->failed, k->patched,
				!is_over(w, k)                           ? ""
				: has_running_row(l->map, k->class_name) ? ": ABORT"
									 : ": on hold");
	}
	if (w->json)
		return document_print_json(
			cli, json_pack("{s:s,s:b,s:I,s:o}", "format", "carousel-fleet-watch/1", "abort", l->over != 0,
				     "serial", (json_int_t)l->map->serial, "classes", list));
	return fflush(stdout) == 0 ? CLI_OK : cli_fail(cli, "stdout: %s", carousel_strerror(CAROUSEL_E_IO));
}

/* ---- the draft ---- */

static int hold_classes(struct map_edit *e, const struct watch *w, const struct look *l)
{
	for (size_t i = 0; i < l->kpi.num_classes; i++) {
		const struct fleet_kpi_class *k = &l->kpi.classes[i];
		int result = is_over(w, k) && has_running_row(l->map, k->class_name)
				     ? map_edit_hold(e, k->class_name, NULL, true)
				     : 0;
		if (result)
			return result;
	}
	return map_edit_issue(e, clock_wall_s());
}

static int draft(const struct cli *cli, const struct watch *w, const struct look *l)
{
	struct policy_map_error error;
	struct map_edit *e = NULL;
	char *text;
	size_t len;
	int result, code = map_edit_new(NULL, (const char *)l->document.payload, l->document.payload_len, &e, &error);
	if (code)
		return cli_fail(cli, "%s:%u:%u: %s", w->map_path, error.line, error.column, error.message);
	code = hold_classes(e, w, l);
	if (code == 0)
		code = map_edit_print(e, &text, &len);
	map_edit_free(e);
	if (code)
		return cli_fail(cli, "%s: %s", w->map_path, carousel_strerror(code));
	result = document_write(cli, w->out, text, len, 0644);
	memory_free(NULL, text);
	return result;
}

static int call_hook(const struct cli *cli, const struct watch *w, struct look *l)
{
	char *classes = NULL, *why = NULL;
	size_t len;
	int result = CLI_OK, code = text_buffer_take(&l->classes, &classes, &len);
	if (code == 0)
		code = text_buffer_take(&l->why, &why, &len);
	if (code) {
		result = cli_fail(cli, "%s", carousel_strerror(code));
	} else {
		const struct watch_variable variables[] = {{"CAROUSEL_DRAFT", w->out}, {"CAROUSEL_MAP", w->map_path},
			{"CAROUSEL_FLEET", w->db_path}, {"CAROUSEL_CLASSES", classes}, {"CAROUSEL_WHY", why}};
		fputs(why, stderr);
		/* A hook that fails takes nothing back: the draft is there and must be looked at. */
		if (w->hook)
			(void)watch_hook(cli, w->hook, w->out, variables, sizeof variables / sizeof *variables,
				w->hook_timeout_ns);
	}
	memory_free(NULL, classes);
	memory_free(NULL, why);
	return result;
}

/* ---- looking ---- */

static int take_look(const struct cli *cli, const struct watch *w, struct look *l)
{
	struct fleet_kpi_options o = {.now_s = clock_wall_s(), .silent_s = w->silent_ns / SECOND_NS};
	struct fleet_db *db = NULL;
	int result = document_load(cli, w->map_path, &l->document), error;
	if (result == CLI_OK)
		result = document_parse_map(cli, w->map_path, &l->document, true, &l->map);
	if (result == CLI_OK)
		result = fleet_open(cli, w->db_path, true, &db);
	if (result != CLI_OK)
		return result;
	o.since_s = l->map->issued_s;
	if (w->window_ns)
		o.since_s = o.now_s > w->window_ns / SECOND_NS ? o.now_s - w->window_ns / SECOND_NS : 1;
	error = fleet_kpi(db, l->map, &o, &l->kpi);
	if (error)
		result = fleet_fail(cli, w->db_path, db, error);
	fleet_db_close(db);
	return result;
}

/* WATCH_ABORTS when a draft was written. */
static int look(const struct cli *cli, const struct watch *w)
{
	struct look l = {.over = 0};
	int result;
	text_buffer_init(&l.classes, NULL, WHY_BYTES);
	text_buffer_init(&l.why, NULL, WHY_BYTES);
	result = take_look(cli, w, &l);
	if (result == CLI_OK) {
		judge(w, &l);
		result = print_look(cli, w, &l);
		/* That nobody reads of it does not keep the hold from being drafted. */
		if (l.over)
			result = draft(cli, w, &l);
	}
	if (result == CLI_OK && l.over) {
		result = call_hook(cli, w, &l);
		result = result == CLI_OK ? WATCH_ABORTS : result;
	}
	text_buffer_deinit(&l.classes);
	text_buffer_deinit(&l.why);
	fleet_kpi_deinit(&l.kpi);
	policy_map_free(l.map);
	document_deinit(&l.document);
	return result;
}

/* SIGINT and SIGTERM end it between two looks, never in the middle of a draft. */
static int watch(const struct cli *cli, const struct watch *w)
{
	const struct timespec interval = {(time_t)(w->interval_ns / SECOND_NS), (long)(w->interval_ns % SECOND_NS)};
	sigset_t stop;
	sigemptyset(&stop);
	sigaddset(&stop, SIGINT);
	sigaddset(&stop, SIGTERM);
	sigprocmask(SIG_BLOCK, &stop, NULL);
	for (;;) {
		int result = look(cli, w);
		if (result != CLI_OK || w->once)
			return result;
		if (sigtimedwait(&stop, NULL, &interval) > 0)
			return CLI_OK;
	}
}

static int check_out(const struct cli *cli, const struct watch *w)
{
	const struct document_other others[] = {{"--map", w->map_path, false}, {"--hook", w->hook, false}};
	int result = document_check_out(cli, w->out, others, sizeof others / sizeof *others);
	return result == CLI_OK ? fleet_check_out(cli, w->db_path, w->out) : result;
}

int fleet_verb_watch(const struct cli *cli, int argc, char **argv)
{
	struct watch w = {.interval_ns = 60ull * SECOND_NS,
		.silent_ns = 30 * DAY_NS,
		.min_boxes = 20,
		.hook_timeout_ns = 60ull * SECOND_NS};
	const struct cli_option options[] = {
		{"map", CLI_STRING, &w.map_path, 0, 0, "MAP", "the map on the air (needed)"},
		{"abort", CLI_STRING, &w.abort, 0, 0, "CONDITIONS",
			"of a class: failure>1%, attempt-failure>10%, below-minimum>5%, silent>500, ... (needed)"},
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
	error = watch_conditions_parse(w.abort, &w.conditions);
	if (error)
		return cli_usage(
			cli, "--abort: conditions such as failure>1%%,silent>500: %s", carousel_strerror(error));
	w.db_path = argv[1];
	result = check_out(cli, &w);
	return result == CLI_OK ? watch(cli, &w) : result;
}
