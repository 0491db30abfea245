#include "sim/random.h"

#include "common/normal.h"

#include <math.h>

static uint64_t splitmix(uint64_t *x)
{
	uint64_t z = *x += 0x9e3779b97f4a7c15u;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static uint64_t rotate_left(uint64_t x, unsigned n)
{
	return x << n | x >> (64 - n);
}

void random_init(struct random_stream *r, uint64_t seed, uint64_t stream)
{
	uint64_t x = seed;
	x = splitmix(&x) ^ stream;
	for (unsigned i = 0; i < 4; i++)
		r->state[i] = splitmix(&x);
}

uint64_t random_u64(struct random_stream *r)
{
	uint64_t *s = r->state;
	const uint64_t result = rotate_left(s[0] + s[3], 23) + s[0];
	const uint64_t t = s[1] << 17;
	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate_left(s[3], 45);
	return result;
}

double random_unit(struct random_stream *r)
{
	return (double)(random_u64(r) >> 11) * 0x1p-53;
}

uint64_t random_below(struct random_stream *r, uint64_t bound)
{
	uint64_t x, rest;
	if (bound == 0)
		return 0;
	/* The last, incomplete run of `bound` values would favour small results. */
	rest = (UINT64_MAX - bound + 1) % bound;
	do
		x = random_u64(r);
	while (x > UINT64_MAX - rest);
	return x % bound;
}

bool random_chance(struct random_stream *r, double probability)
{
	return probability > 0 && random_unit(r) < probability;
}

double random_exponential(struct random_stream *r, double mean)
{
	return -mean * log1p(-random_unit(r));
}

uint64_t random_geometric(struct random_stream *r, double probability)
{
	double trials;
	if (probability <= 0)
		return UINT64_MAX;
	if (probability >= 1)
		return 1;
	trials = 1 + floor(log1p(-random_unit(r)) / log1p(-probability));
	return trials < 9e18 ? (uint64_t)trials : UINT64_MAX;
}

double random_normal(struct random_stream *r)
{
	return normal_quantile(random_unit(r) + 0x1p-54);
}
