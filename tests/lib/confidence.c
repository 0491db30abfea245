#include "tests/lib/confidence.h"

#include "sim/statistics.h"

#include <math.h>

/* The rank (from 1) of the sample below which the quantile lies in fewer than `share` of all cases. */
static unsigned confidence_rank(unsigned samples, double q, double share)
{
	unsigned rank = 0;
	while (rank < samples && 1 - statistics_binomial_tail(samples, rank + 1, q) < share)
		rank++;
	return rank < 1 ? 1 : rank;
}

void confidence_shares(unsigned samples, double q, double *low, double *high)
{
	*low = (confidence_rank(samples, q, 0.025) - 0.5) / samples;
	*high = fmin(1, (confidence_rank(samples, q, 0.975) + 0.5) / samples);
}
