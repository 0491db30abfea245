/* random.h - the simulator's random numbers: the same seed gives the same run. (What goes through logarithms may differ
 * in the last bit between C libraries; chances and numbers below a bound never do.)
 *
 * A stream is named by a seed and a number (of a box and a purpose), so that a box draws the same whatever
 * shard, order or process it is played in. Not for secrets. Not thread-safe per stream. */
#ifndef SIM_RANDOM_H
#define SIM_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct random_stream {
	uint64_t state[4];
};

/* xoshiro256++ (Blackman and Vigna), its state filled by splitmix64 from (seed, stream). */
void random_init(struct random_stream *, uint64_t seed, uint64_t stream);

uint64_t random_u64(struct random_stream *);
/* 0 <= x < 1, multiples of 2^-53. */
double random_unit(struct random_stream *);
/* 0 <= x < bound, without bias; 0 when bound is 0. */
uint64_t random_below(struct random_stream *, uint64_t bound);
/* True with that probability; draws nothing when it is 0 or less. */
bool random_chance(struct random_stream *, double probability);
/* Exponential with that mean. */
double random_exponential(struct random_stream *, double mean);
/* Trials up to and including the first success, at least 1; UINT64_MAX when probability is 0 or less. */
uint64_t random_geometric(struct random_stream *, double probability);
/* Standard normal, by inversion: one draw each. */
double random_normal(struct random_stream *);

#endif
