/* completion.h - how much of an image must be sent until a box has it: the statistics behind `plan` and the fleet
 * model.
 *
 * A box is done when its worst block is done. A fountain block of K symbols needs K received symbols, in one case of a
 * hundred one more, whichever they are; blocks are sent in turn, so a loss burst hits neighbours in different blocks.
 */
#ifndef CAROUSEL_TX_COMPLETION_H
#define CAROUSEL_TX_COMPLETION_H

#include <stdbool.h>
#include <stdint.h>

/* Losses as a stationary process: the mean, and a covariance between packets h apart of variance * correlation^h.
 * Independent losses: variance 0. Gilbert-Elliott: see completion_loss_gilbert(). */
struct completion_loss {
	double mean;        /* 0 to below 1 */
	double variance;    /* of the loss probability over the states of the channel */
	double correlation; /* 0 to below 1 */
	double bad;         /* share of packets in the worse of two states; 0: unknown, as few states as can be */
};

struct completion_loss completion_loss_gilbert(double to_bad, double to_good, double loss_good, double loss_bad);

/* Losses of `mean` that come in bursts of so many packets on average, all of them lost: 0 < mean < 1, burst >= 1 and
 * such that there is room between the bursts (completion_has_bursts). A burst of 0 is independent losses. */
struct completion_loss completion_loss_bursts(double mean, double burst);
bool completion_has_bursts(double mean, double burst);

struct completion_image {
	double block_symbols; /* that a box still needs a block: K less what its running image gives it */
	uint32_t num_blocks;
};

/* Symbols of the image (all blocks together) that must be sent while a box listens until it is done, for a box whose
 * luck with common bursts and with its worst block is given: quantiles between 0 (lucky) and 1. */
double completion_symbols_at(
	const struct completion_image *, const struct completion_loss *, double common_luck, double block_luck);

/* The same for a share of all boxes: after so many symbols a share q (0 < q < 1) is done. */
double completion_symbols(const struct completion_image *, const struct completion_loss *, double q);

#endif
