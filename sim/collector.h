/* collector.h - how much of a cyclic object (Reed-Solomon, no code) must be sent until a receiver on a bursty channel
 * has it, or one that no checksum protects: some thousand receivers played symbol by symbol, with neither cores nor
 * packets.
 *
 * Where losses are independent occupancy.h says it by formula; bursts hit chunks and neighbouring blocks in ways that
 * are sooner played. */
#ifndef SIM_COLLECTOR_H
#define SIM_COLLECTOR_H

#include "common/memory.h"
#include "sim/channel.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COLLECTOR_RECEIVERS 4000u      /* fewer of large objects: */
#define COLLECTOR_PACKETS   200000000u /* of all receivers */

/* The order of the symbols is that of carousel-tx/cursor.h: source symbols by chunks, one block after the other, then
 * one repair symbol of each block at a time; then from the beginning. */
struct collector_object {
	uint32_t source_symbols;   /* K: of a block; those that a receiver needs */
	uint32_t encoding_symbols; /* n >= K */
	uint32_t num_blocks;
	uint32_t chunk_symbols; /* 1 to K */
	/* Inverted bits reach the receiver, which finds them by the chunk index (damage.h); else they are losses. */
	bool is_unchecked;
	double index_symbols; /* only then: of the chunk index, which comes once with all source symbols */
	bool is_fountain;     /* only so: repair symbols are always new; n does not count */
	/* Where receivers begin: evenly from begin to begin + spread, in cycles, of a fountain in source passes;
	 * without a spread all at begin. begin below 0: anywhere. */
	double begin, spread;
};

struct collector {
	const struct carousel_allocator *allocator;
	double *sent; /* ascending: symbols sent until a receiver was done */
	size_t count;
	double tail_mean; /* beyond the last but 1 %: exponential with this mean */
};

/* packet_bytes: for bit errors. Errors: RANGE (an object without symbols or with
 * more than 2^30 of them), MEMORY. */
int collector_init(struct collector *, const struct carousel_allocator *, const struct collector_object *,
	const struct channel_config *, size_t packet_bytes, uint64_t seed);
void collector_deinit(struct collector *);

/* Symbols until a share q (0 to 1) of the receivers is done; INFINITY for those that never are. */
double collector_symbols(const struct collector *, double q);

#endif
