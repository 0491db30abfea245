#include "fec/reed_solomon/interpolate.h"

#include "fec/gf256/gf256.h"

/* 1 / product over l != i of (x_i - x_l), for each known point. */
static void barycentric_weights(const uint32_t *known, uint32_t k, uint8_t *weights)
{
	for (uint32_t i = 0; i < k; i++) {
		unsigned log = 0;
		for (uint32_t l = 0; l < k; l++)
			if (l != i)
				log += gf256_log[gf256_exp[known[i]] ^ gf256_exp[known[l]]];
		weights[i] = gf256_exp[(255 - log % 255) % 255];
	}
}

void interpolate(
	const uint32_t *known, uint32_t k, const uint32_t *wanted, uint32_t num_wanted, uint8_t *weights, uint8_t *coef)
{
	barycentric_weights(known, k, weights);
	for (uint32_t w = 0; w < num_wanted; w++, coef += k) {
		const uint8_t x = gf256_exp[wanted[w]];
		unsigned log = 0;
		for (uint32_t i = 0; i < k; i++)
			log += gf256_log[x ^ gf256_exp[known[i]]];
		for (uint32_t i = 0; i < k; i++) {
			unsigned over = 255u - gf256_log[x ^ gf256_exp[known[i]]];
			coef[i] = gf256_exp[(log + over + gf256_log[weights[i]]) % 255];
		}
	}
}
