#include "carousel-tx/occupancy.h"

#include "common/beta.h"
#include "common/normal.h"

#include <math.h>

#define OCCUPANCY_EDGE  1e-9
#define OCCUPANCY_STEPS 60u
#define OCCUPANCY_LAGS  10000u
#define OCCUPANCY_NODES 32u

/* ---- what bursts do ----------------------------------------------------------------------------------- */

/* Two symbols that leave `lag` packets apart, each sent c times: the correlation of their being missing. */
static double occupancy_correlation(const struct completion_loss *loss, double lag, double c)
{
	const double p = loss->mean, both = p * p + loss->variance * pow(loss->correlation, lag);
	const double missing = pow(p, c);
	if (loss->variance <= 0 || missing <= 0 || missing >= 1)
		return 0;
	return (pow(both, c) - missing * missing) / (missing * (1 - missing));
}

/* The sum of the correlations at lags start, start + step, ... */
static double occupancy_sum(const struct completion_loss *loss, double start, double step, double c, double most)
{
	double sum = 0;
	for (unsigned i = 0; i < OCCUPANCY_LAGS && i < most; i++) {
		const double one = occupancy_correlation(loss, start + step * i, c);
		sum += one;
		if (one < 1e-6)
			break;
	}
	return sum;
}

/* How the missing symbols of a block, and of neighbouring blocks, go together: the variance of a block's number of
 * them over what it were by chance alone, and the correlation between neighbours. */
static void occupancy_bursts(
	const struct occupancy_image *image, const struct completion_loss *loss, double c, double *excess, double *near)
{
	const double chunk = image->chunk_symbols > 1 ? image->chunk_symbols : 1, blocks = image->num_blocks;
	const double n = image->encoding_symbols, source = fmin(1, image->block_symbols / n);
	double own_source = 1, own_repair, near_source = 0, near_repair;
	*excess = 1;
	*near = 0;
	if (loss->variance <= 0)
		return;
	for (double d = 1; d < chunk; d++)
		own_source += 2 * (chunk - d) / chunk * occupancy_correlation(loss, d, c);
	own_source += 2 * chunk * occupancy_sum(loss, chunk * blocks, chunk * blocks, c, n / chunk);
	own_repair = 1 + 2 * occupancy_sum(loss, blocks, blocks, c, n);
	*excess = source * own_source + (1 - source) * own_repair;
	if (blocks <= 1)
		return;
	for (double d = 1; d < 2 * chunk; d++)
		near_source += (chunk - fabs(d - chunk)) / chunk * occupancy_correlation(loss, d, c);
	near_source +=
		chunk * occupancy_sum(loss, chunk * (blocks + 1), chunk * blocks, c, n / chunk) +
		chunk * occupancy_sum(loss, chunk * (blocks - 1), chunk * blocks, c, n / chunk) * (blocks > 2 ? 1 : 0);
	near_repair = occupancy_sum(loss, 1, blocks, c, n) +
		      occupancy_sum(loss, blocks - 1, blocks, c, n) * (blocks > 2 ? 1 : 0);
	*near = fmin(0.9999, (source * near_source + (1 - source) * near_repair) / *excess);
}

/* ---- one block ---------------------------------------------------------------------------------------- */

/* P(a count of that mean and variance is at most `most`): binomial, Poisson's or negative binomial. */
static double occupancy_at_most(double mean, double variance, double most)
{
	const double ratio = variance / mean;
	if (most < 0)
		return 0;
	if (mean <= 1e-15)
		return 1;
	if (fabs(ratio - 1) < 1e-6)
		return occupancy_at_most(mean, mean * (1 - 2e-6), most);
	if (ratio < 1) {
		const double p = 1 - ratio, n = mean / p;
		return most >= n ? 1 : 1 - beta_regularised(most + 1, n - most, p);
	}
	return beta_regularised(mean / (ratio - 1), most + 1, 1 / ratio);
}

struct occupancy_block {
	double done;
	double near; /* correlation with its neighbour */
};

/* A block of whose symbols s were sent, all of them equally often or once more. */
static struct occupancy_block occupancy_block_at(
	const struct occupancy_image *image, const struct completion_loss *loss, double s)
{
	const double n = image->encoding_symbols, p = loss->mean, spare = n - image->block_symbols;
	const double c = floor(s / n), again = s - c * n;
	const double often = pow(p, c + 1), seldom = pow(p, c);
	struct occupancy_block block;
	double excess, mean, variance;
	occupancy_bursts(image, loss, c + (c == 0 || again > n / 2), &excess, &block.near);
	if (c == 0) { /* those that were not sent yet are missing for sure */
		block.done = occupancy_at_most(s * p, s * p * (1 - p) * excess, s - image->block_symbols);
		return block;
	}
	mean = again * often + (n - again) * seldom;
	variance = again * often * (1 - often) + (n - again) * seldom * (1 - seldom);
	block.done = occupancy_at_most(mean, variance * excess, spare);
	return block;
}

/* That the next symbol is there, given that this one is: sent c times, missing ones come in clusters. */
static double occupancy_next_there(const struct completion_loss *loss, double c)
{
	const double p = loss->mean, missing = pow(p, c);
	const double follows = p > 0 ? pow((p * p + loss->variance * loss->correlation) / p, c) : 0;
	return log1p(-missing * (1 - follows) / (1 - missing));
}

/* Every single symbol is needed. */
static double occupancy_uncoded(const struct occupancy_image *image, const struct completion_loss *loss, double s)
{
	const double n = image->encoding_symbols * image->num_blocks, c = floor(s / n), again = s - c * n;
	if (c == 0)
		return 0;
	return exp(again * occupancy_next_there(loss, c + 1) + (n - again) * occupancy_next_there(loss, c));
}

/* ---- all blocks --------------------------------------------------------------------------------------- */

/* Two standard normal variables of that correlation, both above u, over one of them above u. */
static double occupancy_next_too(double u, double correlation)
{
	const double scale = sqrt(1 - correlation * correlation), above = 1 - normal_cdf(u);
	double sum = 0;
	if (correlation <= 0 || above <= 1e-14)
		return above;
	for (unsigned i = 0; i < OCCUPANCY_NODES; i++) {
		/* x evenly over the probability above u. */
		const double x = normal_quantile(1 - above * (1 - (i + 0.5) / OCCUPANCY_NODES));
		sum += normal_cdf((correlation * x - u) / scale);
	}
	return sum / OCCUPANCY_NODES;
}

double occupancy_done(const struct occupancy_image *image, const struct completion_loss *loss, double symbols)
{
	const double blocks = image->num_blocks ? image->num_blocks : 1, n = image->encoding_symbols;
	const double cycle = image->cycle_symbols > 0 ? image->cycle_symbols : n * blocks;
	struct occupancy_block block;
	double fails;
	if (image->block_symbols <= 0)
		return 1;
	if (image->encoding_symbols <= image->block_symbols)
		return occupancy_uncoded(image, loss, symbols / cycle * n * blocks);
	block = occupancy_block_at(image, loss, symbols / cycle * n);
	if (block.done <= 0 || block.done >= 1)
		return block.done;
	/* Along the blocks: the next is done given that this one is. */
	fails = 1 - block.done;
	if (block.near > 0)
		fails *= (1 - occupancy_next_too(normal_quantile(block.done), block.near)) / block.done;
	return block.done * exp((blocks - 1) * log1p(-fails));
}

double occupancy_symbols(const struct occupancy_image *image, const struct completion_loss *loss, double q)
{
	double low = 0, high = fmax(image->block_symbols, 1) * fmax(image->num_blocks, 1);
	if (image->block_symbols <= 0)
		return 0;
	if (loss->mean >= 1)
		return INFINITY;
	if (image->cycle_symbols > high)
		high = image->cycle_symbols;
	while (occupancy_done(image, loss, high) < q) {
		low = high;
		high *= 2;
	}
	for (unsigned i = 0; i < OCCUPANCY_STEPS; i++) {
		const double middle = (low + high) / 2;
		if (occupancy_done(image, loss, middle) < q)
			low = middle;
		else
			high = middle;
	}
	return high;
}

void occupancy_table_init(
	struct occupancy_table *t, const struct occupancy_image *image, const struct completion_loss *loss)
{
	const double last = occupancy_symbols(image, loss, 1 - OCCUPANCY_EDGE);
	double most = 0;
	t->first = occupancy_symbols(image, loss, OCCUPANCY_EDGE);
	t->step = (last - t->first) / (OCCUPANCY_POINTS - 1);
	for (unsigned i = 0; i < OCCUPANCY_POINTS; i++) {
		const double done = occupancy_done(image, loss, t->first + t->step * i);
		t->done[i] = most = fmax(most, done);
	}
	t->done[0] = 0;
	t->done[OCCUPANCY_POINTS - 1] = 1;
}

double occupancy_table_symbols(const struct occupancy_table *t, double q)
{
	unsigned low = 0, high = OCCUPANCY_POINTS - 1;
	while (high - low > 1) {
		const unsigned middle = (low + high) / 2;
		if (t->done[middle] < q)
			low = middle;
		else
			high = middle;
	}
	if (t->done[high] <= t->done[low])
		return t->first + t->step * high;
	return t->first + t->step * (low + (q - t->done[low]) / (t->done[high] - t->done[low]));
}
