#include "sim/cli/load.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PLOT_POINTS 512u

/* Unit of the time axis. */
static double plot_unit(uint64_t duration_ns, const char **name)
{
	const double s = (double)duration_ns / 1e9;
	*name = s > 3 * 86400 ? "days" : s > 3 * 3600 ? "hours" : s > 180 ? "minutes" : "seconds";
	return s > 3 * 86400 ? 86400 : s > 3 * 3600 ? 3600 : s > 180 ? 60 : 1;
}

/* A version that boxes only leave mirrors those that they take. */
static bool plot_is_left_only(const struct report_curve *curve)
{
	for (unsigned i = 1; i <= REPORT_BINS; i++)
		if (curve->change[i] > 0)
			return false;
	return true;
}

static void plot_curves_data(FILE *out, const struct report *r, double unit)
{
	const unsigned step = REPORT_BINS / PLOT_POINTS;
	for (size_t c = 0; c < r->num_curves; c++) {
		const struct report_curve *curve = r->curves[c];
		const double boxes = (double)r->groups[curve->group].boxes;
		int64_t running = 0, shown = -1;
		fprintf(out, "$curve%zu << END\n", c);
		/* Steps: a point only where the curve moves. */
		for (unsigned i = 0; i <= REPORT_BINS; i++) {
			running += curve->change[i];
			if ((i % step || running == shown) && i != REPORT_BINS)
				continue;
			shown = running;
			fprintf(out, "%g %.2f\n", (double)r->duration_ns / 1e9 / unit * i / REPORT_BINS,
				boxes > 0 ? 100 * (double)running / boxes : 0);
		}
		fprintf(out, "END\n");
	}
}

static void plot_counts_data(FILE *out, const char *name, const uint64_t *counts, size_t count)
{
	fprintf(out, "$%s << END\n", name);
	for (size_t i = 0; i < count; i++)
		fprintf(out, "%zu %llu\n", i, (unsigned long long)counts[i]);
	fprintf(out, "END\n");
}

/* gnuplot takes a title between single quotes, in which two stand for one. */
static void plot_quoted(FILE *out, const char *text)
{
	fputc('\'', out);
	for (; *text; text++) {
		if (*text == '\'')
			fputc('\'', out);
		if ((unsigned char)*text >= ' ')
			fputc(*text, out);
	}
	fputc('\'', out);
}

static void plot_curves(FILE *out, const struct report *r, const char *unit)
{
	bool has_some = false;
	fprintf(out, "set title ");
	plot_quoted(out, r->title);
	fprintf(out, " noenhanced\nset xlabel '%s'\nset ylabel 'boxes that run it, %%'\nset yrange [0:100]\n", unit);
	fprintf(out, "set key outside right top noenhanced\nset grid\nplot ");
	for (size_t c = 0; c < r->num_curves; c++) {
		char title[200];
		if (plot_is_left_only(r->curves[c]))
			continue;
		snprintf(title, sizeof title, "%s %u", r->groups[r->curves[c]->group].name,
			(unsigned)r->curves[c]->version);
		fprintf(out, "%s$curve%zu using 1:2 with steps linewidth 2 title ", has_some ? ", " : "", c);
		plot_quoted(out, title);
		has_some = true;
	}
	if (!has_some)
		fprintf(out, "0 title 'nothing is installed'");
	fprintf(out, "\nset key default\nset yrange [0:*]\n");
}

/* The last column with something in it, so that the axis ends there. */
static size_t plot_last(const uint64_t *counts, size_t count)
{
	while (count > 1 && counts[count - 1] == 0)
		count--;
	return count;
}

static void plot_script(FILE *out, const struct report *r, const char *path)
{
	const size_t overhead = plot_last(r->overhead, REPORT_OVERHEAD_BINS + 1);
	const size_t bursts = plot_last(r->bursts, REPORT_BURST_BINS);
	const bool has_bursts = bursts > 1 || r->bursts[0];
	const char *unit, *dot = strrchr(path, '.');
	const double seconds = plot_unit(r->duration_ns, &unit);
	plot_curves_data(out, r, seconds);
	plot_counts_data(out, "overhead", r->overhead, overhead);
	plot_counts_data(out, "bursts", r->bursts, bursts);
	if (dot && strcmp(dot, ".html") == 0)
		fprintf(out, "set terminal canvas size 900,900 standalone title 'carousel-sim'\n");
	else
		fprintf(out, "set terminal svg size 900,900 background rgb 'white' font 'sans,12'\n");
	fprintf(out, "set output ");
	plot_quoted(out, path);
	fprintf(out, "\nset multiplot layout 2,1\n");
	plot_curves(out, r, unit);
	fprintf(out, "set multiplot next\nset size 0.5,0.5\nset origin 0,0\nset style fill solid 0.6\n");
	fprintf(out,
		"set title 'symbols received beyond those lacking'\nset xlabel '1/1000'\nset ylabel 'downloads'\n");
	fprintf(out, "set xrange [-0.5:%zu.5]\n", overhead - 1);
	fprintf(out, "plot $overhead using 1:2 with boxes notitle\n");
	if (has_bursts) {
		fprintf(out, "set origin 0.5,0\nset title 'loss bursts'\nset xlabel 'packets, at least'\n");
		fprintf(out, "set ylabel 'bursts'\nset xtics ('1' 0, '4' 2, '16' 4, '64' 6, '256' 8, '1k' 10, '4k' 12, "
			     "'16k' 14, '64k' 16, '256k' 18, '1M' 20)\n");
		fprintf(out, "set xrange [-0.5:%zu.5]\n", bursts - 1);
		fprintf(out, "plot $bursts using 1:2 with boxes notitle\n");
	}
	fprintf(out, "unset multiplot\n");
}

int plot_check(const struct cli *cli, const char *path)
{
	const char *dot = path ? strrchr(path, '.') : NULL;
	if (path && strlen(path) > 1000)
		return cli_usage(cli, "--plot %s: too long", path);
	if (path && (dot == NULL || (strcmp(dot, ".svg") != 0 && strcmp(dot, ".html") != 0)))
		return cli_usage(cli, "--plot %s: plots are .svg or .html", path);
	return CLI_OK;
}

/* gnuplot does not look whether the disk takes what it writes. */
static bool plot_is_whole(const char *path)
{
	const char *end = strcmp(strrchr(path, '.'), ".svg") == 0 ? "</svg>" : "</html>";
	char tail[64] = {0};
	FILE *file = fopen(path, "re");
	bool is_whole = false;
	if (file && fseek(file, -(long)(sizeof tail - 1), SEEK_END) == 0)
		is_whole = fread(tail, 1, sizeof tail - 1, file) > 0 && strstr(tail, end) != NULL;
	if (file)
		(void)fclose(file);
	return is_whole;
}

int plot_report(const struct cli *cli, const char *path, const struct report *r)
{
	FILE *out = popen("gnuplot", "w");
	int status;
	if (out == NULL)
		return cli_fail(cli, "gnuplot cannot be started");
	plot_script(out, r, path);
	status = pclose(out);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return cli_fail(cli, "gnuplot failed on %s", path);
	return plot_is_whole(path) ? CLI_OK : cli_fail(cli, "%s: cannot be written as a whole", path);
}
