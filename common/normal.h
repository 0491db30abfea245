/* normal.h - the standard normal distribution. */
#ifndef COMMON_NORMAL_H
#define COMMON_NORMAL_H

double normal_cdf(double x);
/* Its inverse, relative error below 1e-8; u is kept within (0, 1). */
double normal_quantile(double u);

#endif
