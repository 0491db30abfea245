/* box_seed.h - what lies in the inactive slot of a box that has a part of an image before it joins: chunks of it, such
 * as an older image shares with it, or a reception that was given up. */
#ifndef SIM_BOX_SEED_H
#define SIM_BOX_SEED_H

#include "sim/box_storage.h"
#include "sim/headend.h"

/* The image of which a box has a part: the first of its class in the scenario that is not the one it runs; num_images:
 * none. */
size_t box_seed_image(const struct scenario *, const struct scenario_box *);

/* Lays a share `have` of that image's chunks into the slot that does not run: in one piece that begins anywhere and
 * goes round at the end, as what differs between two versions clusters. The rest is noise. By the scenario's seed and
 * the box's number among all. Errors: MEMORY, NO_SPACE. */
int box_seed(struct box_storage *, const struct headend *, const struct scenario_box *, double have, uint64_t number);

#endif
