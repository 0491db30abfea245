/* timetable.h - when something is: a box switched on, a link in outage. Windows of virtual time, once or repeating. */
#ifndef SIM_TIMETABLE_H
#define SIM_TIMETABLE_H

#include "common/memory.h"
#include "sim/random.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TIMETABLE_NEVER       UINT64_MAX
#define TIMETABLE_MAX_WINDOWS 100000u

struct timetable_window {
	uint64_t start_ns, end_ns; /* [start, end) */
};

/* Ascending, apart from each other; with a period all within it. */
struct timetable {
	uint64_t period_ns; /* 0: once */
	struct timetable_window *windows;
	size_t num_windows;
};

/* "7h-23h", "90s-2m,1h-61m": windows as durations since the start of the period (of the run when period_ns is 0).
 * Durations as in common/units.h; "never" is no window. Errors: SYNTAX, RANGE (empty, overlapping or descending
 * windows, beyond the period), LIMIT, MEMORY. */
int timetable_parse(struct timetable *, const struct carousel_allocator *, const char *text, uint64_t period_ns);
/* Windows that come by chance up to a horizon: gaps and lengths exponential with these means. Errors: LIMIT, MEMORY. */
int timetable_draw(struct timetable *, const struct carousel_allocator *, struct random_stream *, uint64_t horizon_ns,
	uint64_t mean_gap_ns, uint64_t mean_length_ns);
void timetable_deinit(struct timetable *, const struct carousel_allocator *);

/* shift_ns moves the whole timetable later (a box's own habits). */
bool timetable_is_inside(const struct timetable *, uint64_t shift_ns, uint64_t now_ns);
/* The first moment after now at which is_inside changes; TIMETABLE_NEVER. */
uint64_t timetable_next_change(const struct timetable *, uint64_t shift_ns, uint64_t now_ns);
/* The share of time inside, in the long run; without a period 0. */
double timetable_share(const struct timetable *);

#endif
