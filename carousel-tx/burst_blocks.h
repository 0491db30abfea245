/* burst_blocks.h - blocks of few symbols, sent round and round, until receivers have them all, on channels with bursts
 * or without.
 *
 * Symbols of a block leave in rows: a chunk of source symbols of each block in turn, or one repair symbol of each. The
 * number that a block misses is reckoned row by row (loss_chain.h), and so is that of its neighbour, which the same
 * bursts hit: along the blocks the next is done with a probability that depends on the one before. Pure. */
#ifndef CAROUSEL_TX_BURST_BLOCKS_H
#define CAROUSEL_TX_BURST_BLOCKS_H

#include "carousel-tx/completion.h"

#include <stdbool.h>
#include <stdint.h>

#define BURST_BLOCKS_MAX_SYMBOLS 255u

struct burst_blocks {
	unsigned source, repair; /* symbols of a block; source + repair at most BURST_BLOCKS_MAX_SYMBOLS, repair > 0 */
	unsigned chunk;          /* source symbols of a row, 1 to source */
	double num_blocks;
};

/* cycles: how often all was sent while a receiver listened that began anywhere; a part of a cycle counts. */
double burst_blocks_done(const struct burst_blocks *, const struct completion_loss *, double cycles);

#endif
