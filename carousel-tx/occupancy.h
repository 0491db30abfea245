/* occupancy.h - how much of an object must be sent until a box has it, when its encoding symbols are sent round and
 * round: Reed-Solomon and uncoded objects (completion.h is for the fountain).
 *
 * A coupon collector's statistics. A symbol that was sent c times is missing with probability loss^c. A block is done
 * when K of its n symbols are there, a box when its worst block is; an uncoded object has n = K. Bursts hit symbols of
 * a block that leave one after the other (a chunk of source symbols), and neighbouring blocks alike. Within 2 % where
 * losses are independent; in bursts late rather than early: by 3 % for blocks of 200, by up to a half for blocks of 24
 * symbols and bursts that take nearly all of one. Pure. */
#ifndef CAROUSEL_TX_OCCUPANCY_H
#define CAROUSEL_TX_OCCUPANCY_H

#include "carousel-tx/completion.h"

#include <stdint.h>

#define OCCUPANCY_POINTS 512u

struct occupancy_image {
	double block_symbols;    /* K: that a box still needs a block */
	double encoding_symbols; /* n: of a block, that are of use to it; K for an uncoded object */
	uint32_t num_blocks;
	uint32_t chunk_symbols; /* source symbols of a block that leave one after the other; 0 and 1: one */
	double cycle_symbols;   /* of all blocks, sent until it begins again; 0: n times num_blocks */
};

/* The share of boxes that are done when so many symbols of the object were sent while they listened. */
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
