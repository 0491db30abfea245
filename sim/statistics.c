#include "sim/statistics.h"

#include "common/beta.h"

#include <math.h>
#include <stdlib.h>

static int statistics_compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

void statistics_sort(double *values, size_t count)
{
	if (count)
		qsort(values, count, sizeof *values, statistics_compare);
}

double statistics_quantile(const double *sorted, size_t count, double q)
{
	double rank;
	if (count == 0)
		return NAN;
	rank = ceil(q * (double)count);
	if (rank < 1)
		rank = 1;
	return sorted[(size_t)rank > count ? count - 1 : (size_t)rank - 1];
}

double statistics_mean(const double *values, size_t count)
{
	double sum = 0;
	for (size_t i = 0; i < count; i++)
		sum += values[i];
	return count ? sum / (double)count : NAN;
}

/* Continued fraction by Lentz' method, for x > a + 1. */
static double gamma_q_fraction(double a, double x)
{
	double b = x + 1 - a, c = 1e300, d = 1 / b, h = d;
	for (unsigned i = 1; i < 10000; i++) {
		const double an = -(double)i * ((double)i - a);
		double step;
		b += 2;
		d = an * d + b;
		c = b + an / c;
		d = 1 / (fabs(d) < 1e-300 ? 1e-300 : d);
		c = fabs(c) < 1e-300 ? 1e-300 : c;
		step = d * c;
		h *= step;
		if (fabs(step - 1) < 1e-14)
			break;
	}
	return exp(-x + a * log(x) - lgamma(a)) * h;
}

static double gamma_p_series(double a, double x)
{
	double term = 1 / a, sum = term;
	for (double n = a + 1; n < a + 10000; n++) {
		term *= x / n;
		sum += term;
		if (term < sum * 1e-15)
			break;
	}
	return sum * exp(-x + a * log(x) - lgamma(a));
}

double statistics_gamma_q(double a, double x)
{
	if (x <= 0)
		return 1;
	return x < a + 1 ? 1 - gamma_p_series(a, x) : gamma_q_fraction(a, x);
}

double statistics_chi_square_p(double chi_square, unsigned degrees)
{
	return degrees ? statistics_gamma_q(degrees / 2.0, chi_square / 2) : 1;
}

double statistics_binomial_tail(double n, double k, double p)
{
	if (k <= 0 || p >= 1)
		return k <= n ? 1 : 0;
	if (n < k || p <= 0)
		return 0;
	/* P(X >= k) = I_p(k, n - k + 1). */
	return beta_regularised(k, n - k + 1, p);
}
