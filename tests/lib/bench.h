/* bench.h - time and reports of benchmarks: text on stdout, JSON to $BUILD/bench/NAME.json. */
#ifndef TESTS_LIB_BENCH_H
#define TESTS_LIB_BENCH_H

#include <stdint.h>

struct bench_report;

/* CPU time of this thread. */
uint64_t bench_cpu_ns(void);

/* Calls work(user) again and again: the median, in seconds a call, of `runs` measurements (at most 32) of at least
 * 20 ms each. */
double bench_median(void (*work)(void *user), void *user, unsigned runs);

struct bench_report *bench_report_new(const char *name);
/* yardstick NULL: none. value and yardstick_value are in `unit`; goal 0: none. */
void bench_report_row(struct bench_report *, const char *name, const char *params, double value, const char *unit,
	double goal, const char *yardstick, double yardstick_value, unsigned runs);
/* Writes the file and frees the report; 0, or -1 with a message on stderr. */
int bench_report_finish(struct bench_report *);

#endif
