/* beta.h - the regularised incomplete beta function, behind binomial and negative binomial distributions. */
#ifndef COMMON_BETA_H
#define COMMON_BETA_H

/* I_x(a, b), a and b above 0, x from 0 to 1. Relative error below 1e-10 for a, b up to some millions. */
double beta_regularised(double a, double b, double x);

#endif
