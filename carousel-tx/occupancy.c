#include "carousel-tx/occupancy.h"

#include "carousel-tx/burst_blocks.h"
#include "carousel-tx/loss_chain.h"

#include <math.h>

#define OCCUPANCY_EDGE  1e-9
#define OCCUPANCY_STEPS 60u
#define OCCUPANCY_NEAR  1e-4 /* in bursts, where each step takes time: of the answer */

/* ---- an object without code ---------------------------------------------------------------------------- */

/* That the next symbol is there, given that this one is: sent c times, missing ones come in clusters. */
static double occupancy_next_there(const struct completion_loss *loss, double c)
{
	const double p = loss->mean, missing = pow(p, c);
	const double follows = p > 0 ? pow((p * p + loss->variance * loss->correlation) / p, c) : 0;
	return log1p(-missing * (1 - follows) / (1 - missing));
}

/* That so many symbols in a row, each sent c times, are all there. */
static double occupancy_all_there(const struct completion_loss *loss, double c, double symbols)
{
	struct loss_chain chain;
	if (loss->variance <= 0 || c > LOSS_CHAIN_MAX_TIMES)
		return exp(symbols * occupancy_next_there(loss, c));
	loss_chain_init(&chain, loss, (unsigned)c);
	return loss_chain_none_missing(&chain, symbols);
}

/* Every single symbol is needed. */
static double occupancy_uncoded(const struct occupancy_image *image, const struct completion_loss *loss, double s)
{
	const double n = image->encoding_symbols * image->num_blocks, c = floor(s / n), again = s - c * n;
	if (c == 0)
		return 0;
	return occupancy_all_there(loss, c + 1, again) * occupancy_all_there(loss, c, n - again);
}

/* ---- all blocks --------------------------------------------------------------------------------------- */

double occupancy_done(const struct occupancy_image *image, const struct completion_loss *loss, double symbols)
{
	const double blocks = image->num_blocks ? image->num_blocks : 1, n = image->encoding_symbols;
	const double cycle = image->cycle_symbols > 0 ? image->cycle_symbols : n * blocks;
	const double source = fmax(1, round(image->block_symbols)), repair = fmax(1, round(n - image->block_symbols));
	struct burst_blocks whole = {.chunk = 1, .num_blocks = blocks};
	if (image->block_symbols <= 0)
		return 1;
	if (n <= image->block_symbols)
		return occupancy_uncoded(image, loss, symbols / cycle * n * blocks);
	if (source + repair > BURST_BLOCKS_MAX_SYMBOLS)
		return NAN;
	whole.source = (unsigned)source;
	whole.repair = (unsigned)repair;
	if (image->chunk_symbols > 1)
		whole.chunk = (unsigned)fmin(image->chunk_symbols, source);
	return burst_blocks_done(&whole, loss, symbols / cycle);
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
		if (loss->variance > 0 && high - low < OCCUPANCY_NEAR * high)
			break;
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
