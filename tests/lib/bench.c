#include "tests/lib/bench.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define MAX_RUNS     32u
#define MIN_SPELL_NS 20000000u

struct bench_report {
	char name[64];
	json_t *rows;
};

uint64_t bench_cpu_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

double bench_median(void (*work)(void *user), void *user, unsigned runs)
{
	double seconds[MAX_RUNS];
	uint64_t calls = 1;
	if (runs > MAX_RUNS)
		runs = MAX_RUNS;
	for (unsigned i = 0; i < runs;) {
		uint64_t start = bench_cpu_ns(), took;
		for (uint64_t c = 0; c < calls; c++)
			work(user);
		took = bench_cpu_ns() - start;
		if (took < MIN_SPELL_NS) {
			calls *= 2;
			continue;
		}
		seconds[i++] = (double)took / 1e9 / (double)calls;
	}
	qsort(seconds, runs, sizeof *seconds, by_value);
	return seconds[runs / 2];
}

struct bench_report *bench_report_new(const char *name)
{
	struct bench_report *r = calloc(1, sizeof *r);
	if (r == NULL)
		abort();
	snprintf(r->name, sizeof r->name, "%s", name);
	r->rows = json_array();
	return r;
}

void bench_report_row(struct bench_report *r, const char *name, const char *params, double value, const char *unit,
	double goal, const char *yardstick, double yardstick_value, unsigned runs)
{
	json_t *row = json_pack("{s:s, s:s, s:f, s:s, s:i}", "name", name, "params", params, "value", value, "unit",
		unit, "runs", (int)runs);
	json_object_set_new(row, "goal", goal > 0 ? json_real(goal) : json_null());
	json_object_set_new(row, "yardstick", yardstick ? json_string(yardstick) : json_null());
	json_object_set_new(row, "ratio", yardstick ? json_real(value / yardstick_value) : json_null());
	json_array_append_new(r->rows, row);
	printf("%-28s %-28s %10.3f %s", name, params, value, unit);
	if (yardstick)
		printf("   %.2f of %s (%.3f)", value / yardstick_value, yardstick, yardstick_value);
	printf("\n");
}

static void describe_machine(char *machine, size_t size)
{
	struct utsname u;
	uname(&u);
	snprintf(machine, size, "%s %s, %ld cores", u.machine, u.release, sysconf(_SC_NPROCESSORS_ONLN));
}

static void describe_commit(char *commit, size_t size)
{
	FILE *git = popen("git rev-parse --short HEAD 2>/dev/null", "r");
	snprintf(commit, size, "unknown");
	if (git == NULL)
		return;
	if (fgets(commit, (int)size, git))
		commit[strcspn(commit, "\n")] = '\0';
	pclose(git);
}

int bench_report_finish(struct bench_report *r)
{
	const char *build = getenv("BUILD");
	char machine[256], commit[64], path[512];
	json_t *report;
	int result;
	describe_machine(machine, sizeof machine);
	describe_commit(commit, sizeof commit);
	report = json_pack("{s:s, s:s, s:o}", "machine", machine, "commit", commit, "rows", r->rows);
	snprintf(path, sizeof path, "%s/bench", build ? build : "build");
	mkdir(path, 0777);
	snprintf(path, sizeof path, "%s/bench/%s.json", build ? build : "build", r->name);
	result = json_dump_file(report, path, JSON_INDENT(1));
	if (result)
		fprintf(stderr, "%s: cannot be written\n", path);
	json_decref(report);
	free(r);
	return result;
}
