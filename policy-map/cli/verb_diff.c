#include "policy-map/cli/verbs.h"

#include "common/carousel_error.h"
#include "policy-map/cli/diff.h"
#include "policy-map/cli/fleet.h"
#include "policy-map/fleet/what_if.h"
#include "policy-map/map_value.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct diff_options {
	const char *fleet, *at;
	uint64_t gate_time_s;
	bool paths, json;
};

static json_t *flip_json(const struct what_if_flip *f)
{
	json_t *examples = json_array();
	for (unsigned i = 0; i < WHAT_IF_EXAMPLES && i < f->boxes; i++)
		json_array_append_new(examples, json_string(f->examples[i]));
	return json_pack("{s:s,s:{s:s,s:s,s:I,s:I,s:b},s:{s:s,s:s,s:I,s:I,s:b},s:I,s:o}", "class", f->class_name, "old",
		"decision", policy_verdict_name(f->old_verdict), "reason", policy_reason_name(f->old_reason), "target",
		(json_int_t)f->old_target, "line", (json_int_t)f->old_line, "override", (int)f->old_override, "new",
		"decision", policy_verdict_name(f->new_verdict), "reason", policy_reason_name(f->new_reason), "target",
		(json_int_t)f->new_target, "line", (json_int_t)f->new_line, "override", (int)f->new_override, "boxes",
		(json_int_t)f->boxes, "examples", examples);
}

static void print_side(
	enum policy_verdict verdict, uint32_t target, enum policy_reason reason, uint32_t line, bool is_override)
{
	printf("%s", policy_verdict_name(verdict));
	if (verdict != POLICY_NONE)
		printf(" %" PRIu32, target);
	printf(" (%s", policy_reason_name(reason));
	if (is_override)
		printf(", overrides)");
	else if (line)
		printf(", line %" PRIu32 ")", line);
	else
		printf(")");
}

static void print_flip(const struct what_if_flip *f)
{
	printf("%10" PRIu64 "  %s  ", f->boxes, f->class_name);
	print_side(f->old_verdict, f->old_target, f->old_reason, f->old_line, f->old_override);
	printf(" -> ");
	print_side(f->new_verdict, f->new_target, f->new_reason, f->new_line, f->new_override);
	printf("  such as");
	for (unsigned i = 0; i < WHAT_IF_EXAMPLES && i < f->boxes; i++)
		printf("%s %s", i ? "," : "", f->examples[i]);
	printf("\n");
}

static int diff_fleet(const struct cli *cli, struct fleet_db *db, struct policy_map *const maps[2],
	const struct diff_options *o, json_t *list)
{
	struct what_if_diff d;
	int error = what_if_diff(db, maps[0], maps[1], o->gate_time_s, &d);
	if (error)
		return fleet_fail(cli, o->fleet, db, error);
	if (list == NULL)
		printf("\n%" PRIu64 " of %" PRIu64 " boxes would do something else\n", d.flips, d.boxes);
	for (size_t i = 0; i < d.num_kinds; i++) {
		if (list)
			json_array_append_new(list, flip_json(&d.kinds[i]));
		else
			print_flip(&d.kinds[i]);
	}
	what_if_diff_deinit(&d);
	return CLI_OK;
}

static void print_path(const struct what_if_path *p, bool has_fleet)
{
	if (has_fleet)
		printf("%10" PRIu64 "  ", p->boxes);
	printf("%s  %s  %" PRIu32 " -> %" PRIu32 "  %s  ", p->class_name, p->category, p->from, p->to,
		what_if_action_name(p->action));
	if (p->is_override)
		printf("(overrides)\n");
	else
		printf("(line %" PRIu32 ")\n", p->line);
}

static json_t *path_json(const struct what_if_path *p, bool has_fleet)
{
	json_t *item = json_pack("{s:s,s:s,s:I,s:I,s:s,s:I,s:b}", "class", p->class_name, "category", p->category,
		"from", (json_int_t)p->from, "to", (json_int_t)p->to, "action", what_if_action_name(p->action), "line",
		(json_int_t)p->line, "override", (int)p->is_override);
	if (has_fleet)
		json_object_set_new(item, "boxes", json_integer((json_int_t)p->boxes));
	return item;
}

static int diff_paths(const struct cli *cli, struct fleet_db *db, struct policy_map *const maps[2],
	const struct diff_options *o, json_t *list)
{
	struct what_if_paths paths;
	int error = what_if_paths(db, maps[0], maps[1], &paths);
	if (error)
		return db ? fleet_fail(cli, o->fleet, db, error) : cli_fail(cli, "%s", carousel_strerror(error));
	for (size_t i = 0; i < paths.num_paths; i++) {
		if (list)
			json_array_append_new(list, path_json(&paths.paths[i], db != NULL));
		else
			print_path(&paths.paths[i], db != NULL);
	}
	what_if_paths_deinit(&paths);
	return CLI_OK;
}

static int diff(const struct cli *cli, const struct document docs[2], struct policy_map *const maps[2],
	const struct diff_options *o)
{
	json_t *list = o->json ? json_array() : NULL, *flips = o->json ? json_array() : NULL;
	struct fleet_db *db = NULL;
	int result = o->fleet ? fleet_open(cli, o->fleet, true, &db) : CLI_OK;
	if (result == CLI_OK && o->paths)
		result = diff_paths(cli, db, maps, o, list);
	else if (result == CLI_OK)
		result = diff_lines(cli, (const char *)docs[0].payload, docs[0].payload_len,
			(const char *)docs[1].payload, docs[1].payload_len, list);
	if (result == CLI_OK && db)
		result = diff_fleet(cli, db, maps, o, flips);
	fleet_db_close(db);
	if (result == CLI_OK && o->json)
		return cli_print_json(cli, json_pack("{s:s,s:o,s:o}", "format", "carousel-diff/1",
						   o->paths ? "paths" : "changes", list, "flips", flips));
	json_decref(list);
	json_decref(flips);
	return result;
}

static int parse_at(const struct cli *cli, struct diff_options *o)
{
	if (o->at && o->fleet == NULL)
		return cli_usage(cli, "--at: only boxes of a --fleet decide at a time");
	if (o->at && strcmp(o->at, "end") == 0)
		o->gate_time_s = UINT64_MAX;
	else if (o->at && map_value_time(o->at, &o->gate_time_s) != 0)
		return cli_usage(cli, "--at: \"end\" or a time such as 2026-11-21T12:00Z, not \"%s\"", o->at);
	return CLI_OK;
}

int verb_diff(const struct cli *cli, int argc, char **argv)
{
	struct diff_options o = {0};
	const struct cli_option options[] = {
		{"fleet", CLI_STRING, &o.fleet, 0, 0, "DB",
			"how many boxes would flip, and which; how many take a path"},
		{"at", CLI_STRING, &o.at, 0, 0, "TIME", "at this gate time, or \"end\" (default: each map as issued)"},
		{"paths", CLI_FLAG, &o.paths, 0, 0, NULL, "every from -> to that NEW asks for: what QA has to try"},
		{"json", CLI_FLAG, &o.json, 0, 0, NULL, "print JSON"},
	};
	struct document docs[2] = {{0}, {0}};
	struct policy_map *maps[2] = {NULL, NULL};
	int result = cli_options(cli, options, sizeof options / sizeof *options, &argc, argv, 2, 2);
	if (result)
		return result == CLI_HELP ? CLI_OK : result;
	result = parse_at(cli, &o);
	for (unsigned i = 0; i < 2 && result == CLI_OK; i++) {
		result = document_load(cli, argv[1 + i], &docs[i]);
		if (result == CLI_OK)
			result = document_parse_map(cli, argv[1 + i], &docs[i], i == 1, &maps[i]);
	}
	if (result == CLI_OK)
		result = diff(cli, docs, maps, &o);
	for (unsigned i = 0; i < 2; i++) {
		policy_map_free(maps[i]);
		document_deinit(&docs[i]);
	}
	return result;
}
