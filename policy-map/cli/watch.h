/* watch.h - what fleet watch looks for, and what it does when it finds it. */
#ifndef POLICY_MAP_CLI_WATCH_H
#define POLICY_MAP_CLI_WATCH_H

#include "common/io/cli.h"
#include "policy-map/fleet/fleet_kpi.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WATCH_MAX_CONDITIONS 8u

/* X(SYMBOL, "name"): shares of the boxes of a class. */
#define WATCH_MEASURE_LIST(X)                                                                                          \
	X(FAILURE, "failure")                 /* of those heard of since: told of a failed installation */             \
	X(ATTEMPT_FAILURE, "attempt-failure") /* of those that tried since */                                          \
	X(BELOW_MINIMUM, "below-minimum")     /* of all */                                                             \
	X(SILENT, "silent")                   /* of those that were ever heard of */
#define WATCH_MEASURE_ENUM(symbol, name) WATCH_##symbol,
enum watch_measure { WATCH_MEASURE_LIST(WATCH_MEASURE_ENUM) WATCH_NUM_MEASURES };

struct watch_condition {
	enum watch_measure measure;
	bool is_count;  /* boxes, not a share of them */
	uint64_t limit; /* boxes, or hundredths of a percent */
};

struct watch_conditions {
	size_t count;
	struct watch_condition list[WATCH_MAX_CONDITIONS];
};

/* "failure>1%,silent>500": SYNTAX, RANGE, UNKNOWN_WORD, LIMIT, DUPLICATE; *wrong then is where in the text the wrong
 * condition begins. */
int watch_conditions_parse(const char *text, struct watch_conditions *, const char **wrong);
const char *watch_measure_name(enum watch_measure);

/* So many of so many boxes. */
struct watch_sample {
	uint64_t part, whole;
};
struct watch_sample watch_measure(const struct fleet_kpi_class *, enum watch_measure);
/* With fewer boxes to go by than min_boxes a share says nothing. */
bool watch_is_over(const struct fleet_kpi_class *, const struct watch_condition *, uint64_t min_boxes);

/* Calls PROGRAM DRAFT with names and values in the environment, and waits at most so long for it, then kills it. Says
 * what went wrong; true when it did not. */
struct watch_variable {
	const char *name, *value;
};
bool watch_hook(const struct cli *, const char *program, const char *draft, const struct watch_variable *, size_t count,
	uint64_t timeout_ns);

/* Looks that fail one after the other, told of and not told of again and again. */
#define WATCH_LINE_BYTES 512u
struct watch_trouble {
	char line[WATCH_LINE_BYTES]; /* that was told last; "": none yet */
	uint64_t told_ns, looks;     /* that failed since the last good one */
	bool is_told;                /* something of these looks was */
};
/* One more, now, and why: is it to be told? At once, then another reason no sooner than after a minute, and the same
 * one that goes on after an hour. */
bool watch_trouble_add(struct watch_trouble *, const char *line, uint64_t now_ns);
/* A look was good: how many failed before it; 0 also when nothing was told of them. */
uint64_t watch_trouble_end(struct watch_trouble *);

#endif
