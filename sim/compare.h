/* compare.h - plain carousel, Reed-Solomon and fountain side by side on the same losses. */
#ifndef SIM_COMPARE_H
#define SIM_COMPARE_H

#include "common/memory.h"
#include "sim/channel.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum compare_scheme { COMPARE_PLAIN, COMPARE_RS, COMPARE_FOUNTAIN, COMPARE_NUM_SCHEMES };

struct compare_config {
	uint32_t packets;    /* source symbols of the object, 1 to 2^24 */
	uint32_t rs_k, rs_n; /* blocks of k source symbols, n encoding symbols round and round; k <= n <= 255 */
	uint32_t blocks;     /* of the fountain, 1 to 255 */
	/* Decide with the RaptorQ decoder itself, on identities, instead of by its failure probabilities (a block that
	 * holds K + h symbols fails in 1 of 100^(h + 1) cases). */
	bool real_decoder;
	uint32_t receivers;
	uint32_t max_passes; /* a receiver that is not done after so many passes' packets counts as never; 0: 1000 */
	const struct channel_config *channel;
	uint64_t seed;
};

/* Of one scheme, over all receivers. Airtime: packets sent until the receiver was done, in units of the object's own
 * length. Passes: airtime rounded up to whole passes of the object's length, as one counts them on a plain carousel. */
struct compare_result {
	double mean_airtime, mean_passes, median, p90, p99, max;
	uint32_t unfinished;
	double *airtime; /* ascending, one a receiver, infinite for those that are never done */
};

/* results are deinit-ed by the caller, also after an error. Errors: RANGE, UNSUPPORTED (this build has no such
 * decoder), MEMORY. */
int compare_run(
	const struct carousel_allocator *, const struct compare_config *, struct compare_result[COMPARE_NUM_SCHEMES]);
void compare_deinit(const struct carousel_allocator *, struct compare_result[COMPARE_NUM_SCHEMES]);

/* "plain", "reed-solomon", "raptorq". */
const char *compare_scheme_name(enum compare_scheme);

/* What a plain carousel needs on average by theory: the mean of the largest of `packets` geometric variables. */
double compare_plain_passes(uint64_t packets, double loss);

#endif
