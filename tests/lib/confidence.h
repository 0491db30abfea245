/* confidence.h - how far a quantile of samples may be trusted.
 *
 * A quantile of n samples is known no better than its order statistics: with 95 % confidence it lies between two of
 * them. */
#ifndef TESTS_LIB_CONFIDENCE_H
#define TESTS_LIB_CONFIDENCE_H

/* The shares of the samples at which these two lie. */
void confidence_shares(unsigned samples, double q, double *low, double *high);

#endif
