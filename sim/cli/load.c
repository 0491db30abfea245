#include "sim/cli/load.h"

#include "common/carousel_error.h"
#include "common/config.h"
#include "common/io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOAD_MAX_REPORT_BYTES (64u << 20)

#define LOAD_PATH_BYTES 4096u

/* Files are named relative to the scenario's directory. */
static int load_path(const char *scenario, const char *name, char path[LOAD_PATH_BYTES])
{
	const char *slash = strrchr(scenario, '/');
	const int dir = slash && name[0] != '/' ? (int)(slash + 1 - scenario) : 0;
	const int len = snprintf(path, LOAD_PATH_BYTES, "%.*s%s", dir, scenario, name);
	return len >= 0 && (size_t)len < LOAD_PATH_BYTES ? 0 : CAROUSEL_E_LIMIT;
}

/* A directory or a device is no file that was meant. */
static int load_file(const char *path, size_t limit, char **text, size_t *len)
{
	const int result = file_read(path, limit, NULL, text, len);
	return result == CAROUSEL_E_ARGUMENT ? CAROUSEL_E_NOT_FOUND : result;
}

static int load_beside(void *user, const char *name, size_t limit, char **text, size_t *len)
{
	char path[LOAD_PATH_BYTES];
	int result = load_path(user, name, path);
	return result ? result : load_file(path, limit, text, len);
}

/* Without waiting for whoever might write into a pipe. */
static int open_file(const char *path, FILE **file)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	int result = 0;
	*file = NULL;
	if (fd < 0)
		return file_error(errno);
	if (fstat(fd, &st) != 0)
		result = file_error(errno);
	else if (!S_ISREG(st.st_mode))
		result = CAROUSEL_E_NOT_FOUND;
	else if ((*file = fdopen(fd, "r")) == NULL)
		result = file_error(errno);
	if (result != 0)
		(void)close(fd);
	return result;
}

static int open_beside(void *user, const char *name, FILE **file)
{
	char path[LOAD_PATH_BYTES];
	int result = load_path(user, name, path);
	if (result != 0)
		return result;
	return open_file(path, file);
}

int load_scenario(const struct cli *cli, const char *path, const uint64_t *seed, struct scenario **scenario)
{
	const struct scenario_files files = {(void *)(uintptr_t)path, load_beside, open_beside};
	char *text;
	size_t len;
	int result = load_file(path, CONFIG_MAX_BYTES, &text, &len);
	*scenario = NULL;
	if (result != 0)
		return cli_fail(cli, "%s: %s", path, carousel_strerror(result));
	result = scenario_parse(scenario, NULL, text, len, path, seed, &files);
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
	for (size_t i = 0; i < s->num_groups; i++)
		if (scale > 1 && s->groups[i].population)
			return cli_fail(cli, "[group %s]: a real fleet is as large as it is, --scale must be 1",
				s->groups[i].name);
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
	int result = load_file(path, LOAD_MAX_REPORT_BYTES, &text, &len);
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
