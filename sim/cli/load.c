#include "sim/cli/load.h"

#include "common/carousel_error.h"
#include "common/config.h"
#include "common/io/file.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOAD_MAX_REPORT_BYTES (64u << 20)

/* Files are named relative to the scenario's directory. */
static int load_beside(void *user, const char *name, size_t limit, char **text, size_t *len)
{
	const char *scenario = user, *slash = strrchr(scenario, '/');
	char path[4096];
	const int dir = slash && name[0] != '/' ? (int)(slash + 1 - scenario) : 0;
	if ((size_t)snprintf(path, sizeof path, "%.*s%s", dir, scenario, name) >= sizeof path)
		return CAROUSEL_E_LIMIT;
	return file_read(path, limit, NULL, text, len);
}

int load_scenario(const struct cli *cli, const char *path, const uint64_t *seed, struct scenario **scenario)
{
	char *text;
	size_t len;
	int result = file_read(path, CONFIG_MAX_BYTES, NULL, &text, &len);
	*scenario = NULL;
	if (result != 0)
		return cli_fail(cli, "%s: %s", path, carousel_strerror(result));
	result = scenario_parse(scenario, NULL, text, len, path, seed, load_beside, (void *)(uintptr_t)path);
	memory_free(NULL, text);
	if (result == 0)
		return CLI_OK;
	cli_fail(cli, "%s", *scenario ? scenario_error(*scenario) : carousel_strerror(result));
	scenario_free(*scenario);
	*scenario = NULL;
	return CLI_FAILED;
}

int load_scale(const struct cli *cli, struct scenario *s, uint64_t scale)
{
	uint64_t boxes = 0;
	if (scale > SCENARIO_MAX_BOXES || s->boxes * scale > SCENARIO_MAX_BOXES)
		return cli_fail(cli, "more than %u boxes", SCENARIO_MAX_BOXES);
	for (size_t i = 0; i < s->num_groups; i++) {
		s->groups[i].boxes *= (uint32_t)scale;
		s->groups[i].first_box = boxes;
		boxes += s->groups[i].boxes;
	}
	s->boxes = boxes;
	return CLI_OK;
}

int load_report(const struct cli *cli, const char *path, struct report **report)
{
	char *text;
	size_t len;
	json_error_t error;
	json_t *root;
	int result = file_read(path, LOAD_MAX_REPORT_BYTES, NULL, &text, &len);
	*report = NULL;
	if (result != 0)
		return cli_fail(cli, "%s: %s", path, carousel_strerror(result));
	root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	memory_free(NULL, text);
	if (root == NULL)
		return cli_fail(cli, "%s:%d: %s", path, error.line, error.text);
	result = report_from_json(report, NULL, root);
	json_decref(root);
	return result ? cli_fail(cli, "%s: not a simulation's report: %s", path, carousel_strerror(result)) : CLI_OK;
}

void progress_bar(double done)
{
	static int shown = -1;
	const int width = 40, filled = (int)(done * width);
	if (filled == shown || !isatty(STDERR_FILENO))
		return;
	shown = filled;
	fprintf(stderr, "\r[%.*s%*s] %3d %%%s", filled, "########################################", width - filled, "",
		(int)(done * 100), done >= 1 ? "\n" : "");
	fflush(stderr);
}
