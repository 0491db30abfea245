#include "carousel-tx/completion.h"

#include "common/normal.h"

#include <math.h>

/* RFC 6330's code fails in about 1 of 100^(h + 1) cases with h symbols more than K. */
#define COMPLETION_FAILURE 0.01
#define COMPLETION_STEPS   12
#define COMPLETION_NODES   64

struct completion_loss completion_loss_gilbert(double to_bad, double to_good, double loss_good, double loss_bad)
{
	const double bad = to_bad + to_good > 0 ? to_bad / (to_bad + to_good) : 0;
	struct completion_loss loss = {bad * loss_bad + (1 - bad) * loss_good,
		bad * (1 - bad) * (loss_bad - loss_good) * (loss_bad - loss_good), 1 - to_bad - to_good,
		loss_bad >= loss_good ? bad : 1 - bad};
	if (loss.correlation <= 0)
		loss.variance = loss.correlation = 0;
	return loss;
}

bool completion_has_bursts(double mean, double burst)
{
	return mean > 0 && mean < 1 && burst >= 1 && mean / (burst * (1 - mean)) <= 1;
}

struct completion_loss completion_loss_bursts(double mean, double burst)
{
	if (burst <= 0 || mean <= 0)
		return (struct completion_loss){.mean = mean};
	return completion_loss_gilbert(mean / (burst * (1 - mean)), 1 / burst, 0, 1);
}

/* The sum over 0 < h < n of (n - h) * r^h: how often, weighted, two of n packets lie h apart. */
static double completion_pairs(double n, double r)
{
	const double rest = 1 - r;
	if (r <= 0 || n <= 1)
		return 0;
	return r * (n * rest + expm1(n * log(r))) / (rest * rest);
}

/* The variances of what one block loses of n symbols: shared by all blocks, and its own. */
static void completion_variances(
	const struct completion_loss *loss, double n, double blocks, double *common, double *own)
{
	const double single = n * loss->mean * (1 - loss->mean);
	double one, all;
	*common = 0;
	*own = single;
	if (loss->variance <= 0)
		return;
	one = single + 2 * loss->variance * completion_pairs(n, pow(loss->correlation, blocks));
	*own = one;
	if (blocks <= 1)
		return;
	all = blocks * single + 2 * loss->variance * completion_pairs(n * blocks, loss->correlation);
	*common = fmax(0, (all - blocks * one) / (blocks * (blocks - 1)));
	*own = fmax(0, one - *common);
}

/* The symbols that the worst of the blocks needs beyond K for the decoder's sake. */
static double completion_extra(double blocks, double luck)
{
	/* All blocks do with h: (1 - f^(h + 1))^blocks >= luck. */
	const double one = -expm1(log(fmax(luck, 1e-12)) / blocks);
	const double h = ceil(log(fmax(one, 1e-12)) / log(COMPLETION_FAILURE)) - 1;
	return h > 0 ? h : 0;
}

/* Symbols of each block to be sent until it has `need`, `common` and `block` being normal deviates of what it loses. */
static double completion_solve(
	const struct completion_loss *loss, double need, double blocks, double common, double block)
{
	const double arrive = 1 - loss->mean;
	double n = need / arrive;
	for (unsigned i = 0; i < COMPLETION_STEPS; i++) {
		double shared, own, next, skew;
		completion_variances(loss, n, blocks, &shared, &own);
		/* Losses are binomial rather than normal: Cornish and Fisher's first correction. */
		skew = (1 - 2 * loss->mean) / sqrt(fmax(n * loss->mean * arrive, 0.25));
		next = (need + common * sqrt(shared) + sqrt(own) * (block + skew * (block * block - 1) / 6)) / arrive;
		next = fmax(next, need);
		if (fabs(next - n) < 1e-6 * n)
			return next;
		n = next;
	}
	return n;
}

double completion_symbols_at(
	const struct completion_image *image, const struct completion_loss *loss, double common_luck, double block_luck)
{
	const double blocks = image->num_blocks ? image->num_blocks : 1;
	const double worst = normal_quantile(exp(log(fmax(block_luck, 1e-300)) / blocks));
	double need = image->block_symbols;
	if (need <= 0)
		return 0;
	need += completion_extra(blocks, block_luck);
	if (loss->mean <= 0)
		return need * blocks;
	/* Half a symbol: counts are whole numbers. */
	return blocks * completion_solve(loss, need - 0.5, blocks,
				loss->variance > 0 ? normal_quantile(common_luck) : 0, worst) +
	       blocks * 0.5;
}

/* The share of boxes that are done after so many symbols: the mean over the common luck. */
static double completion_share(const struct completion_image *image, const struct completion_loss *loss, double symbols)
{
	double share = 0;
	const unsigned nodes = loss->variance > 0 ? COMPLETION_NODES : 1;
	for (unsigned i = 0; i < nodes; i++) {
		const double common = (i + 0.5) / nodes;
		double low = 0, high = 1;
		for (unsigned k = 0; k < 40; k++) {
			const double middle = (low + high) / 2;
			if (completion_symbols_at(image, loss, common, middle) <= symbols)
				low = middle;
			else
				high = middle;
		}
		share += low / nodes;
	}
	return share;
}

double completion_symbols(const struct completion_image *image, const struct completion_loss *loss, double q)
{
	double low, high;
	if (loss->variance <= 0)
		return completion_symbols_at(image, loss, 0.5, q);
	low = completion_symbols_at(image, loss, 1e-9, fmin(q, 1e-9));
	high = completion_symbols_at(image, loss, 1 - 1e-12, 1 - 1e-12);
	for (unsigned i = 0; i < 40; i++) {
		const double middle = (low + high) / 2;
		if (completion_share(image, loss, middle) < q)
			low = middle;
		else
			high = middle;
	}
	return high;
}
