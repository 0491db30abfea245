#include "common/normal.h"

#include <math.h>

double normal_cdf(double x)
{
	return 0.5 * erfc(-x * M_SQRT1_2);
}

double normal_quantile(double u)
{
	double x, t, density, error;
	u = fmin(fmax(u, 1e-300), 1 - 0x1p-53);
	/* Abramowitz and Stegun 26.2.23 gives three digits; two Halley steps make them twelve. */
	t = sqrt(-2 * log(u < 0.5 ? u : 1 - u));
	x = t - ((0.010328 * t + 0.802853) * t + 2.515517) / (((0.001308 * t + 0.189269) * t + 1.432788) * t + 1);
	if (u < 0.5)
		x = -x;
	for (unsigned i = 0; i < 2; i++) {
		density = exp(-0.5 * x * x) * 0.3989422804014327;
		if (density < 1e-290)
			break;
		error = (x < 0 ? normal_cdf(x) - u : (1 - u) - normal_cdf(-x)) / density;
		x -= error / (1 + 0.5 * x * error);
	}
	return x;
}
