/* loss_chain.h - symbols that are sent several times over a channel with two states: which of them are missing in the
 * end, as a Markov chain along the symbols.
 *
 * Each time a symbol is sent the channel has forgotten what it was before, so the times are independent chains of two
 * states; a symbol is missing when all of them lost it. How many of the chains are in the bad state is all there is to
 * know: one chain of times + 1 states. Pure. */
#ifndef CAROUSEL_TX_LOSS_CHAIN_H
#define CAROUSEL_TX_LOSS_CHAIN_H

#include "carousel-tx/completion.h"

#include <stdint.h>

#define LOSS_CHAIN_MAX_TIMES  32u
#define LOSS_CHAIN_MAX_STATES (LOSS_CHAIN_MAX_TIMES + 1)

struct loss_chain {
	unsigned states;
	double start[LOSS_CHAIN_MAX_STATES];   /* probability of each */
	double missing[LOSS_CHAIN_MAX_STATES]; /* that a symbol is, in each */
	double bad, correlation;               /* of one time: share of the bad state; per symbol */
};

struct loss_chain_step {
	double to[LOSS_CHAIN_MAX_STATES][LOSS_CHAIN_MAX_STATES];
};

/* times: 0 means that every symbol is missing. Above LOSS_CHAIN_MAX_TIMES, where only the heaviest losses lead, and
 * without bursts symbols are lost independently: one state. */
void loss_chain_init(struct loss_chain *, const struct completion_loss *, unsigned times);
/* What becomes of each state over so many symbols. */
void loss_chain_step(const struct loss_chain *, double symbols, struct loss_chain_step *);
/* The probability that of so many symbols in a row none is missing. */
double loss_chain_none_missing(const struct loss_chain *, double symbols);

#endif
