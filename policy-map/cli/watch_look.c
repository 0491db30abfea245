#include "policy-map/cli/watch_run.h"

#include "common/io/clock.h"
#include "common/memory.h"
#include "policy-map/cli/fleet.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SECOND_NS 1000000000u
#define WHY_BYTES 65536u

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

bool watch_look_wants_hold(const struct watch *w, const struct watch_look *l, const struct fleet_kpi_class *k)
{
	return is_over(w, k) && has_running_row(l->map, k->class_name);
}

static void explain(const struct watch *w, struct watch_look *l, const struct fleet_kpi_class *k)
{
	for (size_t i = 0; i < w->conditions.count; i++) {
		const struct watch_condition *c = &w->conditions.list[i];
		struct watch_sample s = watch_measure(k, c->measure);
		if (watch_is_over(k, c, w->min_boxes))
			text_buffer_printf(&l->why, "%s: %s %" PRIu64 " of %" PRIu64 " boxes\n", k->class_name,
				watch_measure_name(c->measure), s.part, s.whole);
	}
}

static void judge(const struct watch *w, struct watch_look *l)
{
	for (size_t i = 0; i < l->kpi.num_classes; i++) {
		const struct fleet_kpi_class *k = &l->kpi.classes[i];
		if (!watch_look_wants_hold(w, l, k))
			continue;
		text_buffer_printf(&l->classes, "%s%s", l->over++ ? "," : "", k->class_name);
		explain(w, l, k);
	}
}

static json_t *class_json(const struct watch *w, const struct watch_look *l, const struct fleet_kpi_class *k)
{
	json_t *item =
		json_pack("{s:s,s:I,s:I,s:I,s:b}", "class", k->class_name, "boxes", (json_int_t)k->boxes, "heard",
			(json_int_t)k->heard, "failed", (json_int_t)k->failed, "abort", watch_look_wants_hold(w, l, k));
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

static int print_look(const struct cli *cli, const struct watch *w, const struct watch_look *l)
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
		return cli_print_json(
			cli, json_pack("{s:s,s:b,s:I,s:o}", "format", "carousel-fleet-watch/1", "abort", l->over != 0,
				     "serial", (json_int_t)l->map->serial, "classes", list));
	return cli_flush(cli, CLI_OK);
}

static int read_fleet(const struct cli *cli, const struct watch *w, struct watch_look *l)
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

int watch_look_take(const struct cli *cli, const struct watch *w, struct watch_look *l)
{
	int result;
	memset(l, 0, sizeof *l);
	text_buffer_init(&l->classes, NULL, WHY_BYTES);
	text_buffer_init(&l->why, NULL, WHY_BYTES);
	result = read_fleet(cli, w, l);
	if (result != CLI_OK)
		return result;
	judge(w, l);
	return print_look(cli, w, l);
}

void watch_look_deinit(struct watch_look *l)
{
	text_buffer_deinit(&l->classes);
	text_buffer_deinit(&l->why);
	fleet_kpi_deinit(&l->kpi);
	policy_map_free(l->map);
	document_deinit(&l->document);
}
