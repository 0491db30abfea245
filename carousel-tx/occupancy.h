/* occupancy.h - how much of an object must be sent until a box has it, when its encoding symbols are sent round and
 * round: Reed-Solomon and uncoded objects (completion.h is for the fountain).
 *
 * A coupon collector's statistics. A block is done when K of its n symbols are there, a box when its worst block is; an
 * uncoded object has n = K. Bursts hit symbols of a block that leave one after the other (a chunk of source symbols),
 * and neighbouring blocks alike: see loss_chain.h and burst_blocks.h. Within 2 %, 4 % where a burst takes chunks of
 * several blocks; late by up to 15 % where one is as long as a whole turn of chunks. Pure. */
#ifndef CAROUSEL_TX_OCCUPANCY_H
#define CAROUSEL_TX_OCCUPANCY_H

#include "carousel-tx/completion.h"

#include <stdint.h>

#define OCCUPANCY_POINTS 512u

struct occupancy_image {
	double block_symbols;    /* K: that a box still needs a block */
	double encoding_symbols; /* n: of a block, that are of use to it: 255 at most; K for an uncoded object */
	uint32_t num_blocks;
	uint32_t chunk_symbols; /* source symbols of a block that leave one after the other; 0 and 1: one */
	double cycle_symbols;   /* of all blocks, sent until it begins again; 0: n times num_blocks */
};

/* The share of boxes that are done when so many symbols of the object were sent while they listened; NAN for a code of
 * more than 255 symbols. */
double occupancy_done(const struct occupancy_image *, const struct completion_loss *, double symbols);
/* Its inverse: symbols until a share q (0 < q < 1) of the boxes is done; INFINITY at a loss of 1. */
double occupancy_symbols(const struct occupancy_image *, const struct completion_loss *, double q);

/* The same, fast, for millions of boxes; within 1e-9 of both ends. */
struct occupancy_table {
	double first, step; /* symbols */
	double done[OCCUPANCY_POINTS];
};
void occupancy_table_init(struct occupancy_table *, const struct occupancy_image *, const struct completion_loss *);
double occupancy_table_symbols(const struct occupancy_table *, double q);

#endif
