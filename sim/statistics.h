/* statistics.h - quantiles and a test of fit, for reports and fits. */
#ifndef SIM_STATISTICS_H
#define SIM_STATISTICS_H

#include <stddef.h>

/* Ascending order, in place; infinite values last. */
void statistics_sort(double *values, size_t count);
/* The value that a share q (0 to 1) of the sorted values do not exceed; NaN when there is none. */
double statistics_quantile(const double *sorted, size_t count, double q);
double statistics_mean(const double *values, size_t count);

/* Q(a, x), the regularised upper incomplete gamma function; a > 0, x >= 0. */
double statistics_gamma_q(double a, double x);
/* The probability that a chi-square variable exceeds this. 1 when there are no degrees of freedom. */
double statistics_chi_square_p(double chi_square, unsigned degrees);
/* P(X >= k), X the successes of n trials with probability p; n and k may be fractions. */
double statistics_binomial_tail(double n, double k, double p);

#endif
