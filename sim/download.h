/* download.h - how many symbols of an image must be sent until a box has it, for every image and group of a scenario:
 * by completion.h (RaptorQ), occupancy.h (cyclic schemes, independent losses) or collector.h (cyclic ones in bursts).
 */
#ifndef SIM_DOWNLOAD_H
#define SIM_DOWNLOAD_H

#include "carousel-tx/completion.h"
#include "common/memory.h"
#include "sim/scenario.h"

#include <stdbool.h>
#include <stddef.h>

struct download_table;

struct download {
	const struct carousel_allocator *allocator;
	const struct scenario *scenario;
	struct completion_loss losses[SCENARIO_MAX_GROUPS];
	struct download_table *tables[SCENARIO_MAX_IMAGES][SCENARIO_MAX_GROUPS][2]; /* cyclic; made when needed */
};

/* The scenario is borrowed. */
void download_init(struct download *, const struct carousel_allocator *, const struct scenario *);
void download_deinit(struct download *);

/* True when the encoding symbols of images are sent round and round. */
bool download_is_cyclic(const struct scenario *);
/* is_partly: the box has what its group has of the image, and lacks the rest. common and luck: quantiles of its luck,
 * see completion_symbols_at(); cyclic schemes look at luck alone. *symbols: INFINITY when it never is. Errors: MEMORY,
 * RANGE. */
int download_symbols(
	struct download *, size_t image, size_t group, bool is_partly, double common, double luck, double *symbols);

#endif
