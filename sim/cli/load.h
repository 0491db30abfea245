/* load.h - what the verbs share: scenarios and reports from files, results to files, a progress bar. */
#ifndef SIM_CLI_LOAD_H
#define SIM_CLI_LOAD_H

#include "common/io/cli.h"
#include "sim/report.h"
#include "sim/scenario.h"

/* A scenario and the files it names, which lie beside it; seed: in place of its own, or NULL. Says on stderr what is
 * wrong; returns the exit status. */
int load_scenario(const struct cli *, const char *path, const uint64_t *seed, struct scenario **);

/* Makes every group `scale` times as large. */
int load_scale(const struct cli *, struct scenario *, uint64_t scale);

/* A report written by --json. */
int load_report(const struct cli *, const char *path, struct report **);

/* What to do with a report; all optional. */
struct output {
	const char *json, *csv, *plot; /* files; json "-": stdout */
};

/* Writes the files and, unless JSON goes to stdout, a table to stdout. Returns the exit status: CLI_FAILED when a bound
 * of the scenario (NULL: none) is not met. */
int output_report(const struct cli *, const struct output *, const struct report *, const struct scenario *);

/* A bar on stderr, when that is a terminal; done: 0 to 1, 1 ends it. */
void progress_bar(double done);

/* sim/cli/plot.c: whether a plot can be called so (NULL: there is none); says why not. Returns the exit status. */
int plot_check(const struct cli *, const char *path);
/* Completion curves, overhead and bursts as SVG or HTML by gnuplot. Returns the exit status. The path has been checked.
 */
int plot_report(const struct cli *, const char *path, const struct report *);

#endif
