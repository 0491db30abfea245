/* interpolate.h - the matrices of RFC 5510 section 8 by Lagrange interpolation.
 *
 * With the generator V(k,k)^-1 * V(k,n), symbol j of a block is the value at alpha^j of the one polynomial of degree
 * below k whose values at alpha^0 ... alpha^(k-1) are the source symbols. So any symbol is a sum of any k others with
 * Lagrange's coefficients, and no matrix is inverted. */
#ifndef FEC_REED_SOLOMON_INTERPOLATE_H
#define FEC_REED_SOLOMON_INTERPOLATE_H

#include <stdint.h>

/* For each of num_wanted ESIs, k coefficients (row after row in coef): symbol = sum of coef[i] * symbol known[i].
 * ESIs are below 255, the k known ones differ; none of the wanted is among them. weights: k bytes of scratch. */
void interpolate(const uint32_t *known, uint32_t k, const uint32_t *wanted, uint32_t num_wanted, uint8_t *weights,
	uint8_t *coef);

#endif
