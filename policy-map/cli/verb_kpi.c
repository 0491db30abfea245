/* fleet kpi: how the fleet stands against a map, and how fast failures were stopped. */
#include "policy-map/cli/verbs.h"

#include "common/io/clock.h"
#include "policy-map/cli/document.h"
#include "policy-map/cli/fleet.h"
#include "policy-map/fleet/fleet_kpi.h"
#include "policy-map/map_value.h"

#include <inttypes.h>
#include <stdio.h>

#define DAY_S     86400.0
#define SECOND_NS 1000000000u
#define DAY_NS    (86400ull * SECOND_NS)

static double share(uint64_t part, uint64_t whole)
{
	return whole ? (double)part * 100.0 / (double)whole : 0;
}

static double days_to_patch(const struct fleet_kpi_class *k)
{
	return k->patched ? (double)k->patch_s / (double)k->patched / DAY_S : 0;
}

static json_t *class_json(const struct fleet_kpi_class *k)
{
	return json_pack("{s:I,s:f,s:f,s:f,s:f,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "boxes", (json_int_t)k->boxes,
		"adoption_percent", share(k->current, k->boxes), "failure_percent", share(k->failed, k->heard),
		"attempt_failure_percent", share(k->failed, k->failed + k->patched), "time_to_patch_days",
		days_to_patch(k), "patched", (json_int_t)k->patched, "failed", (json_int_t)k->failed, "heard",
		(json_int_t)k->heard, "below_minimum", (json_int_t)k->below_minimum, "above_maximum",
		(json_int_t)k->above_maximum, "no_row", (json_int_t)k->no_row, "on_hold", (json_int_t)k->on_hold,
		"silent", (json_int_t)k->silent, "never_heard", (json_int_t)k->never_heard);
}

static void print_class(const struct fleet_kpi_class *k)
{
	printf("boxes            %" PRIu64 "\n", k->boxes);
	printf("run current      %" PRIu64 " (%.2f %%)\n", k->current, share(k->current, k->boxes));
	printf("had a failure    %" PRIu64 " (%.2f %% of %" PRIu64 " heard of, %.2f %% of those that tried)\n",
		k->failed, share(k->failed, k->heard), k->heard, share(k->failed, k->failed + k->patched));
	printf("time to patch    %.1f days on average, %" PRIu64 " boxes\n", days_to_patch(k), k->patched);
	printf("below minimum    %" PRIu64 "\n", k->below_minimum);
	printf("above maximum    %" PRIu64 "\n", k->above_maximum);
	printf("no row           %" PRIu64 ", on hold %" PRIu64 "\n", k->no_row, k->on_hold);
	printf("silent           %" PRIu64 ", never heard of %" PRIu64 "\n", k->silent, k->never_heard);
}

struct stops {
	json_t *list; /* NULL: print */
	unsigned stopped, running;
	double hours;
};

static void print_stop(const struct fleet_stop *s)
{
	char first[MAP_VALUE_TIME_BYTES], stop[MAP_VALUE_TIME_BYTES];
	printf("failed           %s %" PRIu32 ": %" PRIu64 " times since %s, ", s->class_name, s->version, s->failures,
		map_value_print_time(first, s->first_failure_s));
	if (s->is_stopped)
		printf("%s by serial %" PRIu64 " of %s, after %.1f hours\n", s->is_recall ? "recalled" : "held",
			s->serial, map_value_print_time(stop, s->stopped_s),
			(double)(s->stopped_s - s->first_failure_s) / 3600.0);
	else
		printf("not stopped by any map that was imported\n");
}

static int take_stop(void *user, const struct fleet_stop *s)
{
	struct stops *t = user;
	json_t *item;
	t->stopped += s->is_stopped;
	t->running += !s->is_stopped;
	if (s->is_stopped)
		t->hours += (double)(s->stopped_s - s->first_failure_s) / 3600.0;
	if (t->list == NULL) {
		print_stop(s);
		return 0;
	}
	item = json_pack("{s:s,s:I,s:I,s:I,s:b}", "class", s->class_name, "version", (json_int_t)s->version, "failures",
		(json_int_t)s->failures, "first_failure", (json_int_t)s->first_failure_s, "stopped",
		(int)s->is_stopped);
	if (s->is_stopped)
		json_object_update_new(item,
			json_pack("{s:s,s:I,s:I,s:I,s:I}", "by", s->is_recall ? "recall" : "hold", "epoch",
				(json_int_t)s->epoch, "serial", (json_int_t)s->serial, "stopped_at",
				(json_int_t)s->stopped_s, "seconds", (json_int_t)(s->stopped_s - s->first_failure_s)));
	json_array_append_new(t->list, item);
	return 0;
}

static int print_json(const struct cli *cli, const struct fleet_kpi *k, const struct stops *t)
{
	json_t *classes = json_array(), *root = class_json(&k->all);
	for (size_t i = 0; i < k->num_classes; i++) {
		json_t *item = class_json(&k->classes[i]);
		json_object_set_new(item, "class", json_string(k->classes[i].class_name));
		json_array_append_new(classes, item);
	}
	json_object_set_new(root, "format", json_string("carousel-fleet-kpi/1"));
	json_object_set_new(root, "classes", classes);
	json_object_set(root, "failures", t->list);
	json_object_set_new(root, "time_to_stop_hours", t->stopped ? json_real(t->hours / t->stopped) : json_null());
	json_object_set_new(root, "failures_not_stopped", json_integer((json_int_t)t->running));
	return cli_print_json(cli, root);
}

static int print_kpi(const struct cli *cli, const char *path, struct fleet_db *db, const struct fleet_kpi *k, bool json)
{
	struct stops t = {.list = json ? json_array() : NULL};
	int result = CLI_OK, error;
	if (!json)
		print_class(&k->all);
	error = fleet_db_each_stop(db, take_stop, &t);
	if (error)
		result = fleet_fail(cli, path, db, error);
	else if (json)
		result = print_json(cli, k, &t);
	else if (t.stopped)
		printf("time to stop     %.1f hours on average from the first failure to a hold or recall\n",
			t.hours / t.stopped);
	for (size_t i = 0; !json && k->num_classes > 1 && i < k->num_classes; i++) {
		printf("\n%s\n", k->classes[i].class_name);
		print_class(&k->classes[i]);
	}
	json_decref(t.list);
	return result;
}

int fleet_verb_kpi(const struct cli *cli, int argc, char **argv)
{
	const char *map_path = NULL;
	uint64_t silent_ns = 30 * DAY_NS;
	bool json = false;
	const struct cli_option options[] = {
		{"map", CLI_STRING, &map_path, 0, 0, "MAP", "the map that the fleet is held against (needed)"},
		{"silent", CLI_DURATION, &silent_ns, SECOND_NS, 3650 * DAY_NS, "TIME",
			"not heard of for so long (default 30d)"},
		{"json", CLI_FLAG, &json, 0, 0, NULL, "print JSON"},
	};
	struct policy_map *map = NULL;
	struct fleet_db *db = NULL;
	struct fleet_kpi k;
	int result = cli_options(cli, options, sizeof options / sizeof *options, &argc, argv, 1, 1), error;
	if (result)
		return result == CLI_HELP ? CLI_OK : result;
	if (map_path == NULL)
		return cli_usage(cli, "--map is needed");
	result = document_load_map(cli, map_path, false, &map);
	if (result == CLI_OK)
		result = fleet_open(cli, argv[1], true, &db);
	if (result == CLI_OK) {
		const struct fleet_kpi_options o = {.now_s = clock_wall_s(), .silent_s = silent_ns / SECOND_NS};
		error = fleet_kpi(db, map, &o, &k);
		result = error ? fleet_fail(cli, argv[1], db, error) : print_kpi(cli, argv[1], db, &k, json);
		if (error == 0)
			fleet_kpi_deinit(&k);
	}
	fleet_db_close(db);
	policy_map_free(map);
	return result;
}
