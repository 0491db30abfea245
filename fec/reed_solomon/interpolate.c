#include "fec/reed_solomon/interpolate.h"

#include "fec/gf256/gf256.h"

#define MAX_POINTS 255u

/* Logarithms of 1 / product over l != i of (x_i - x_l), for each known point. */
static void barycentric_weights(const uint8_t *x, uint32_t k, uint8_t *weights)
{
	uint32_t sums[MAX_POINTS] = {0};
	for (uint32_t i = 1; i < k; i++) {
		uint32_t own = 0;
		for (uint32_t l = 0; l < i; l++) {
			uint8_t log = gf256_log[x[i] ^ x[l]];
			own += log;
			sums[l] += log;
		}
		sums[i] = own;
	}
	for (uint32_t i = 0; i < k; i++)
		weights[i] = (uint8_t)((255 - sums[i] % 255) % 255);
}

void interpolate(
	const uint32_t *known, uint32_t k, const uint32_t *wanted, uint32_t num_wanted, uint8_t *weights, uint8_t *coef)
{
	uint8_t x[MAX_POINTS];
	for (uint32_t i = 0; i < k; i++)
		x[i] = gf256_exp[known[i]];
	barycentric_weights(x, k, weights);
	for (uint32_t w = 0; w < num_wanted; w++, coef += k) {
		const uint8_t at = gf256_exp[wanted[w]];
		uint32_t product = 0;
		for (uint32_t i = 0; i < k; i++) {
			coef[i] = gf256_log[at ^ x[i]];
			product += coef[i];
		}
		product %= 255;
		for (uint32_t i = 0; i < k; i++) {
			uint32_t log = product + weights[i] + 255u - coef[i]; /* at most 763 */
			coef[i] = gf256_exp[log < 510 ? log : log - 255];
		}
	}
}
