/* coverage.h - a box that hears in pieces what is sent round and round: which parts of the cycle it has heard how
 * often.
 *
 * What it missed comes again a cycle later, so that it matters where in the cycle its pieces lie. It is done when as
 * large a share of the cycle is missing as when one is done that hears without a break. */
#ifndef SIM_COVERAGE_H
#define SIM_COVERAGE_H

#include "sim/airtime.h"

#include <stdint.h>

#define COVERAGE_MAX_PARTS 256u

/* Parts of a cycle, 0 to 1, ascending; each begins where the one before ends, and the first at 0. */
struct coverage {
	double loss;
	double begin[COVERAGE_MAX_PARTS], missing[COVERAGE_MAX_PARTS]; /* share of its symbols */
	unsigned count;
};

/* Nothing is heard yet. */
void coverage_init(struct coverage *, double loss);
/* Heard from a place on, both in cycles. When there are too many parts the ends of what is heard are blurred,
 * as if more were missing. */
void coverage_hear(struct coverage *, double from, double length);
/* The share of the cycle that is missing. */
double coverage_missing(const struct coverage *);

/* airtime_until() for a cyclic scheme: when a box is done that would have been after so many symbols without a break.
 */
uint64_t coverage_until(const struct airtime *, size_t image, const struct scenario_group *, uint64_t shift_ns,
	uint64_t start_ns, double cycle_symbols, double loss, double symbols, double *sent);

#endif
