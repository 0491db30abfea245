#include "sim/cli/jobs.h"

#include "common/carousel_error.h"
#include "sim/cli/load.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define JOBS_MAX 256u

struct jobs {
	const struct cli *cli;
	const struct scenario *scenario;
	jobs_play_fn play;
	uint32_t shard, shards; /* that this process is to play */
	uint32_t jobs;          /* processes for it */
	pid_t pids[JOBS_MAX];
	FILE *pipes[JOBS_MAX];
};

/* A scenario that cannot be played this way says itself why. */
static const char *jobs_error(const struct scenario *s, int result)
{
	return scenario_error(s)[0] ? scenario_error(s) : carousel_strerror(result);
}

static int show_progress(void *user, double done)
{
	(void)user;
	progress_bar(done);
	return 0;
}

/* The child's whole life: plays its share and writes the report into the pipe. */
static void jobs_child(const struct jobs *j, uint32_t job, FILE *out)
{
	struct report *report;
	int result = j->play(j->scenario, j->shard + job * j->shards, j->shards * j->jobs,
		job == 0 ? show_progress : NULL, NULL, &report);
	if (result == 0) {
		json_t *root = report_json(report, NULL);
		if (root == NULL || json_dumpf(root, out, JSON_COMPACT | JSON_REAL_PRECISION(12)) != 0)
			result = CAROUSEL_E_MEMORY;
	}
	if (result != 0)
		cli_fail(j->cli, "%s", jobs_error(j->scenario, result));
	if (fclose(out) != 0)
		result = CAROUSEL_E_IO;
	_exit(result ? 1 : 0);
}

static void close_end(FILE *file, int fd)
{
	if (file)
		fclose(file);
	else
		close(fd);
}

/* Both ends are whole before there is a child: afterwards nothing can go wrong that would have to be taken back. */
static int jobs_start(struct jobs *j, uint32_t job)
{
	int fds[2];
	FILE *in, *out;
	if (pipe(fds) != 0)
		return CAROUSEL_E_IO;
	in = fdopen(fds[0], "r");
	out = fdopen(fds[1], "w");
	fflush(NULL);
	j->pids[job] = in && out ? fork() : -1;
	if (j->pids[job] == 0) {
		fclose(in);
		jobs_child(j, job, out);
	}
	close_end(out, fds[1]);
	if (j->pids[job] < 0) {
		close_end(in, fds[0]);
		return CAROUSEL_E_IO;
	}
	j->pipes[job] = in;
	return 0;
}

/* What the others play is of no use without all of them. */
static void jobs_give_up(struct jobs *j, uint32_t started)
{
	for (uint32_t job = 0; job < started; job++) {
		kill(j->pids[job], SIGKILL);
		fclose(j->pipes[job]);
		waitpid(j->pids[job], NULL, 0);
	}
}

/* Takes one child's report over. */
static int jobs_collect(struct jobs *j, uint32_t job, struct report **all)
{
	json_t *root = json_loadf(j->pipes[job], 0, NULL);
	struct report *report = NULL;
	int status = 0, result = root ? report_from_json(&report, NULL, root) : CAROUSEL_E_SYNTAX;
	json_decref(root);
	if (waitpid(j->pids[job], &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
		result = result ? result : CAROUSEL_E_IO;
	if (result != 0 || *all == NULL) {
		if (result == 0)
			*all = report;
		else
			report_free(report);
		return result;
	}
	result = report_merge(*all, report);
	report_free(report);
	return result;
}

static int jobs_play(struct jobs *j, struct report **report)
{
	int result = 0;
	uint32_t started = 0;
	*report = NULL;
	if (j->jobs == 1)
		return j->play(j->scenario, j->shard, j->shards, show_progress, NULL, report);
	while (started < j->jobs && (result = jobs_start(j, started)) == 0)
		started++;
	if (result != 0) {
		jobs_give_up(j, started);
		return result;
	}
	for (uint32_t job = 0; job < started; job++) {
		const int collected = jobs_collect(j, job, report);
		fclose(j->pipes[job]);
		result = result ? result : collected;
	}
	/* To the outside these are not shards of their own. */
	if (result == 0)
		result = report_set_shard(*report, j->shard, j->shards);
	if (result != 0) {
		report_free(*report);
		*report = NULL;
	}
	return result;
}

int jobs_verb(const struct cli *cli, int argc, char **argv, jobs_play_fn play, uint64_t default_jobs)
{
	uint64_t seed = UINT64_MAX, shard = 0, shards = 1, jobs = default_jobs, scale = 1;
	struct output output = {0};
	bool payload = false;
	const struct cli_option options[] = {
		{"seed", CLI_U64, &seed, 0, INT64_MAX, "N", "in place of the scenario's"},
		{"payload", CLI_FLAG, &payload, 0, 0, NULL, "run: with the images' bytes, not identities only"},
		{"scale", CLI_U64, &scale, 1, SCENARIO_MAX_BOXES, "N", "makes every group N times as large"},
		{"jobs", CLI_U64, &jobs, 1, JOBS_MAX, "N", "processes at once"},
		{"shard", CLI_U64, &shard, 0, 1000000, "I", "play shard I of --shards only; see merge"},
		{"shards", CLI_U64, &shards, 1, 1000000, "N", ""},
		{"json", CLI_STRING, &output.json, 0, 0, "FILE", "report as JSON (- for stdout)"},
		{"csv", CLI_STRING, &output.csv, 0, 0, "FILE", "curves as CSV"},
		{"plot", CLI_STRING, &output.plot, 0, 0, "FILE", "curves as .svg or .html, by gnuplot"},
	};
	struct jobs j = {.cli = cli, .play = play};
	struct scenario *scenario;
	struct report *report;
	int status = cli_options(cli, options, sizeof options / sizeof options[0], &argc, argv, 1, 1), result;
	if (status != CLI_OK)
		return status == CLI_HELP ? CLI_OK : status;
	if (plot_check(cli, output.plot) != CLI_OK)
		return CLI_USAGE;
	if (shard >= shards)
		return cli_usage(cli, "--shard must be less than --shards");
	status = load_scenario(cli, argv[1], seed == UINT64_MAX ? NULL : &seed, &scenario);
	if (status != CLI_OK)
		return status;
	scenario->has_payload |= payload;
	status = load_scale(cli, scenario, scale);
	j.scenario = scenario;
	j.shard = (uint32_t)shard;
	j.shards = (uint32_t)shards;
	j.jobs = (uint32_t)jobs;
	if (status == CLI_OK) {
		result = jobs_play(&j, &report);
		progress_bar(1);
		status = result == CAROUSEL_E_UNSUPPORTED && jobs == 1
				 ? cli_fail(cli, "%s", jobs_error(scenario, result))
			 : result ? cli_fail(cli, "%s: %s", argv[1], carousel_strerror(result))
				  : output_report(cli, &output, report, scenario);
		report_free(result ? NULL : report);
	}
	scenario_free(scenario);
	return status;
}
