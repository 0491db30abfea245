#include "sim/cli/verbs.h"

#include "common/carousel_error.h"
#include "sim/cli/jobs.h"
#include "sim/cli/load.h"
#include "sim/fleet.h"
#include "sim/run.h"

#include <string.h>

static int play_fleet(const struct scenario *s, uint32_t shard, uint32_t shards,
	int (*progress)(void *user, double done), void *user, struct report **report)
{
	const struct fleet_options options = {.shard = shard, .shards = shards, .progress = progress, .user = user};
	return fleet_run(report, NULL, s, &options);
}

static int play_run(const struct scenario *s, uint32_t shard, uint32_t shards, int (*progress)(void *user, double done),
	void *user, struct report **report)
{
	const struct run_options options = {.shard = shard,
		.shards = shards,
		.payload = s->has_payload ? HEADEND_BYTES : HEADEND_NAMES,
		.progress = progress,
		.user = user};
	return run_scenario(report, NULL, s, &options);
}

int sim_run(const struct cli *cli, int argc, char **argv)
{
	return jobs_verb(cli, argc, argv, play_run, 1);
}

int sim_fleet(const struct cli *cli, int argc, char **argv)
{
	return jobs_verb(cli, argc, argv, play_fleet, 1);
}

/* Bounds of a part are not checked, and must not pass for kept. */
static int say_missing(const struct cli *cli, const struct report *r, const char *scenario_path, int status)
{
	const uint32_t missing = r->shards - r->shards_done;
	cli_say(cli, "%u of %u shards are missing%s", (unsigned)missing, (unsigned)r->shards,
		scenario_path ? ": the bounds are not checked" : "");
	return scenario_path && status == CLI_OK ? CLI_FAILED : status;
}

int sim_merge(const struct cli *cli, int argc, char **argv)
{
	const char *scenario_path = NULL;
	struct output output = {0};
	const struct cli_option options[] = {
		{"scenario", CLI_STRING, &scenario_path, 0, 0, "FILE", "check its bounds"},
		{"json", CLI_STRING, &output.json, 0, 0, "FILE", "report as JSON (- for stdout)"},
		{"csv", CLI_STRING, &output.csv, 0, 0, "FILE", "curves as CSV"},
		{"plot", CLI_STRING, &output.plot, 0, 0, "FILE", "curves as .svg or .html, by gnuplot"},
	};
	struct report *all = NULL, *next;
	struct scenario *scenario = NULL;
	int status = cli_options(cli, options, sizeof options / sizeof options[0], &argc, argv, 1, 1000000);
	if (status != CLI_OK)
		return status == CLI_HELP ? CLI_OK : status;
	if (plot_check(cli, output.plot) != CLI_OK)
		return CLI_USAGE;
	status = load_report(cli, argv[1], &all);
	for (int i = 2; i < argc && status == CLI_OK; i++) {
		status = load_report(cli, argv[i], &next);
		if (status == CLI_OK) {
			const int result = report_merge(all, next);
			if (result != 0)
				status = cli_fail(cli, "%s: not another shard of the same run: %s", argv[i],
					carousel_strerror(result));
			report_free(next);
		}
	}
	if (status == CLI_OK && scenario_path)
		status = load_scenario(cli, scenario_path, NULL, &scenario);
	if (status == CLI_OK)
		status = output_report(cli, &output, all, scenario);
	if (all && all->shards_done < all->shards)
		status = say_missing(cli, all, scenario_path, status);
	scenario_free(scenario);
	report_free(all);
	return status;
}
