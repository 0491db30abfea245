/* download.h - how many symbols of an image must be sent until a box has it, for every image and group of a scenario:
 * by completion.h (RaptorQ), occupancy.h (cyclic schemes, independent losses) or collector.h (cyclic ones in bursts,
 * and whatever reaches boxes that no checksum protects). */
#ifndef SIM_DOWNLOAD_H
#define SIM_DOWNLOAD_H

#include "carousel-tx/completion.h"
#include "common/memory.h"
#include "sim/scenario.h"

#include <stdbool.h>
#include <stddef.h>

struct download_tables;

struct download {
	const struct carousel_allocator *allocator;
	const struct scenario *scenario;
	struct completion_loss losses[SCENARIO_MAX_GROUPS];
	struct download_tables *tables[SCENARIO_MAX_IMAGES][SCENARIO_MAX_GROUPS][2]; /* made when needed */
};

/* The scenario is borrowed. */
void download_init(struct download *, const struct carousel_allocator *, const struct scenario *);
void download_deinit(struct download *);

/* True when the encoding symbols of images are sent round and round. */
bool download_is_cyclic(const struct scenario *);
/* True when damaged symbols reach the boxes of the group. */
bool download_is_damaged(const struct scenario_group *);
/* Symbols until an image's cycle, or its source pass, is over. */
double download_cycle(const struct scenario_image *);
/* is_partly: the box has what its group has of the image, and lacks the rest. begin: cycles (see above) that were sent
 * before it began to listen. common and luck: quantiles of its luck, see completion_symbols_at(); all but fountains on
 * sound channels look at luck alone. *symbols: INFINITY when it never is. Errors: MEMORY, RANGE. */
int download_symbols(struct download *, size_t image, size_t group, bool is_partly, double begin, double common,
	double luck, double *symbols);

#endif
