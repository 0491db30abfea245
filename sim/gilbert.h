/* gilbert.h - from a loss trace to a channel model, and how well it fits. */
#ifndef SIM_GILBERT_H
#define SIM_GILBERT_H

#include "common/memory.h"
#include "common/trace.h"
#include "sim/channel.h"

#include <stdint.h>

/* The longest trace that a fit of the four-parameter model looks at, packets; longer ones are cut there. */
#define GILBERT_MAX_PACKETS (4u << 20)
#define GILBERT_MIN_PACKETS 1000u

/* In rising number of parameters: 1 (loss), 2 (to_bad, to_good; loss 0 and 1), 4. */
enum gilbert_model { GILBERT_BERNOULLI, GILBERT_SIMPLE, GILBERT_ELLIOTT, GILBERT_NUM_MODELS };

/* Pearson's chi-square of run lengths, in bins that double and in which at least 5 runs are expected. p_value: how
 * often a trace of this very model would fit worse; below 0.01 the model is wrong, above it may be right. */
struct gilbert_goodness {
	double chi_square, p_value;
	unsigned degrees;
};

struct gilbert_candidate {
	struct channel_gilbert model;
	double log_likelihood, bic; /* Bayesian information criterion: less is better */
	struct gilbert_goodness lost_runs, received_runs;
};

struct gilbert_fit {
	uint64_t packets, lost, bursts;
	uint64_t longest_burst;
	double mean_burst;
	struct gilbert_candidate candidates[GILBERT_NUM_MODELS];
	enum gilbert_model best; /* of least BIC */
};

/* "bernoulli", "gilbert", "gilbert-elliott". */
const char *gilbert_model_name(enum gilbert_model);

/* Errors: NEED_MORE (fewer packets than GILBERT_MIN_PACKETS, or nothing lost, or nothing received), MEMORY. */
int gilbert_fit(const struct trace *, const struct carousel_allocator *, struct gilbert_fit *);

/* The probability that a run of lost (or received) packets of the model, once begun, is at least n packets long. */
double gilbert_run_tail(const struct channel_gilbert *, bool lost, uint64_t n);

#endif
