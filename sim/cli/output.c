#include "sim/cli/load.h"

#include "common/carousel_error.h"
#include "common/io/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OUTPUT_CSV_ROWS 512u

static void print_duration(uint64_t ns)
{
	const double s = (double)ns / 1e9;
	if (ns == UINT64_MAX)
		printf("  %9s", "never");
	else if (s < 120)
		printf("  %7.1f s", s);
	else if (s < 7200)
		printf("  %7.1f m", s / 60);
	else if (s < 172800)
		printf("  %7.1f h", s / 3600);
	else
		printf("  %7.1f d", s / 86400);
}

static void print_curves(const struct report *r)
{
	static const double shares[] = {0.5, 0.9, 0.99, 0.999, 1};
	printf("%-16s %10s %10s %8s  %9s  %9s  %9s  %9s  %9s\n", "group", "boxes", "version", "in the end", "50 %",
		"90 %", "99 %", "99.9 %", "100 %");
	for (size_t i = 0; i < r->num_curves; i++) {
		const struct report_curve *c = r->curves[i];
		const char *group = r->groups[c->group].name;
		printf("%-16s %10llu %10u %8.2f %%", group, (unsigned long long)r->groups[c->group].boxes,
			(unsigned)c->version, 100 * report_share_at(r, group, c->version, r->duration_ns));
		/* Of a version that they had from the beginning there is nothing to be told. */
		for (size_t k = 0; k < sizeof shares / sizeof shares[0]; k++)
			if (report_share_at(r, group, c->version, 0) >= shares[k])
				printf("  %9s", "-");
			else
				print_duration(report_time_of(r, group, c->version, shares[k]));
		putchar('\n');
	}
}

static void print_stuck(const struct report *r)
{
	if (r->ended_ns) {
		printf("ended after");
		print_duration(r->ended_ns);
		printf(": nothing more can happen\n");
	}
	for (unsigned i = 0; i < REPORT_NUM_STUCK; i++)
		if (r->stuck[i])
			printf("%12llu boxes can never complete: %s\n", (unsigned long long)r->stuck[i],
				report_stuck_sentence((enum report_stuck)i));
}

static void print_reasons(const struct report *r)
{
	printf("downloads %llu, installs %llu, fallbacks %llu, declined %llu, still waiting %llu\n",
		(unsigned long long)r->downloads, (unsigned long long)r->installs, (unsigned long long)r->fallbacks,
		(unsigned long long)r->declined, (unsigned long long)r->waiting);
	for (unsigned i = 1; i < REPORT_NUM_REASONS; i++)
		if (r->reasons[i])
			printf("%12llu boxes: %s\n", (unsigned long long)r->reasons[i],
				policy_reason_sentence((enum policy_reason)i));
}

/* True when all bounds are met. */
static bool check_bounds(const struct report *r, const struct scenario *s, bool is_quiet)
{
	bool all = true;
	for (size_t i = 0; s && i < s->num_expects; i++) {
		double share;
		const bool meets = report_meets(r, &s->expects[i], &share);
		if (!is_quiet)
			printf("%s %s: %.2f %%\n", meets ? "ok  " : "FAIL", s->expects[i].name, share * 100);
		all &= meets;
	}
	return all;
}

static int write_file(void *user, const char *text, size_t len)
{
	return fwrite(text, 1, len, user) == len ? 0 : CAROUSEL_E_STORAGE;
}

static int write_csv(const struct cli *cli, const char *path, const struct report *r)
{
	FILE *file = fopen(path, "w");
	int result;
	if (file == NULL)
		return cli_fail(cli, "%s: cannot be written", path);
	result = report_csv(r, OUTPUT_CSV_ROWS, write_file, file);
	if (fclose(file) != 0 && result == 0)
		result = CAROUSEL_E_STORAGE;
	return result ? cli_fail(cli, "%s: %s", path, carousel_strerror(result)) : CLI_OK;
}

static int write_json(const struct cli *cli, const char *path, const struct report *r, const struct scenario *s)
{
	json_t *root = report_json(r, s);
	char *text = root ? json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(12)) : NULL;
	int result = text ? 0 : CAROUSEL_E_MEMORY;
	json_decref(root);
	if (result == 0 && strcmp(path, "-") == 0)
		puts(text);
	else if (result == 0)
		result = file_replace(path, text, strlen(text), 0644);
	free(text);
	return result ? cli_fail(cli, "%s: %s", path, carousel_strerror(result)) : CLI_OK;
}

int output_report(const struct cli *cli, const struct output *o, const struct report *r, const struct scenario *s)
{
	const bool is_quiet = o->json && strcmp(o->json, "-") == 0;
	int status = CLI_OK;
	if (!is_quiet) {
		printf("%s (%s, seed %llu%s)\n", r->title, r->mode, (unsigned long long)r->seed,
			r->shards_done < r->shards ? ", not all shards" : "");
		print_curves(r);
		print_reasons(r);
		print_stuck(r);
	}
	if (r->shards_done == r->shards && !check_bounds(r, s, is_quiet))
		status = CLI_FAILED;
	if (o->json && write_json(cli, o->json, r, s) != CLI_OK)
		status = CLI_FAILED;
	if (o->csv && write_csv(cli, o->csv, r) != CLI_OK)
		status = CLI_FAILED;
	if (o->plot && plot_report(cli, o->plot, r) != CLI_OK)
		status = CLI_FAILED;
	return status;
}
