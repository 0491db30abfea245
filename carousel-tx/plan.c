#include "carousel-tx/plan.h"

#include "common/carousel_error.h"
#include "common/fec_oti.h"

#include <math.h>
#include <stdbool.h>

/* Of the sum of all weights: an image that nobody is known to want is on the air all the same. */
#define PLAN_LEAST_SHARE 0.01

uint32_t plan_blocks(uint64_t size_bytes, uint32_t symbol_size, uint32_t block_symbols)
{
	const uint64_t symbols = size_bytes ? (size_bytes - 1) / symbol_size + 1 : 1;
	const uint64_t blocks = (symbols - 1) / block_symbols + 1;
	return blocks > FEC_RAPTORQ_MAX_BLOCKS ? FEC_RAPTORQ_MAX_BLOCKS : (uint32_t)blocks;
}

static bool plan_is_within(double x, double low, double high)
{
	return x >= low && x <= high; /* false for NaN */
}

static const char *plan_find_fault(const struct plan_config *c)
{
	if (!plan_is_within((double)c->rate_bps, 1000, 1e12))
		return "rate";
	if (!plan_is_within(c->control_share, 0, 0.5))
		return "control share";
	if (c->symbol_size && !plan_is_within(c->symbol_size, 4, FEC_MAX_SYMBOL_SIZE))
		return "symbol size";
	if (c->overhead_bytes > 10000)
		return "overhead";
	if (c->block_symbols > FEC_RAPTORQ_MAX_K)
		return "block symbols";
	if (!plan_is_within(c->loss.mean, 0, 0.99) || !plan_is_within(c->loss.variance, 0, 1) ||
		!plan_is_within(c->loss.correlation, 0, 0.99999999))
		return "loss";
	if (!plan_is_within(c->duty, 1e-6, 1))
		return "duty";
	if (!plan_is_within(c->percentile, 1e-6, 1 - 1e-12))
		return "percentile";
	for (size_t i = 0; i < c->num_images; i++) {
		if (!plan_is_within((double)c->images[i].size_bytes, 1, 0x1p40))
			return "image size";
		if (!plan_is_within(c->images[i].needed, 0, 1))
			return "needed share";
		if (!plan_is_within(c->images[i].demand, 0, 1e12))
			return "demand";
	}
	return NULL;
}

static void plan_share_rate(const struct plan_config *c, struct plan_result *results)
{
	double sum = 0, floor = 0;
	for (size_t i = 0; i < c->num_images; i++) {
		const struct plan_image *image = &c->images[i];
		results[i].share = image->weight ? image->weight : sqrt(image->demand * (double)image->size_bytes);
		sum += results[i].share;
	}
	floor = sum > 0 ? sum * PLAN_LEAST_SHARE : 1;
	sum = 0;
	for (size_t i = 0; i < c->num_images; i++) {
		if (c->images[i].weight == 0)
			results[i].share = fmax(results[i].share, floor);
		sum += results[i].share;
	}
	for (size_t i = 0; i < c->num_images; i++)
		results[i].share /= sum;
}

int plan_compute(const struct plan_config *c, struct plan_result *results, const char **what)
{
	const uint32_t symbol_size = c->symbol_size ? c->symbol_size : PLAN_SYMBOL_SIZE;
	const uint32_t overhead = c->overhead_bytes ? c->overhead_bytes : PLAN_OVERHEAD;
	const uint32_t block_symbols = c->block_symbols ? c->block_symbols : PLAN_BLOCK_SYMBOLS;
	const char *fault;
	if (c->num_images > PLAN_MAX_IMAGES)
		return CAROUSEL_E_LIMIT;
	fault = plan_find_fault(c);
	if (what)
		*what = fault;
	if (fault)
		return CAROUSEL_E_RANGE;
	plan_share_rate(c, results);
	for (size_t i = 0; i < c->num_images; i++) {
		struct plan_result *r = &results[i];
		const double symbols = ceil((double)c->images[i].size_bytes / symbol_size);
		struct completion_image image;
		double packets_a_second;
		r->rate_bps = (double)c->rate_bps * (1 - c->control_share) * r->share;
		r->num_blocks = plan_blocks(c->images[i].size_bytes, symbol_size, block_symbols);
		packets_a_second = r->rate_bps / 8 / (symbol_size + overhead);
		image = (struct completion_image){symbols / r->num_blocks * c->images[i].needed, r->num_blocks};
		r->symbols = completion_symbols(&image, &c->loss, c->percentile);
		r->overhead = r->symbols > 0 ? r->symbols / (symbols * c->images[i].needed) - 1 : 0;
		r->cycle_s = symbols / packets_a_second;
		r->airtime_s = r->symbols / packets_a_second;
		r->elapsed_s = r->airtime_s / c->duty;
	}
	return 0;
}

double plan_rate_for(const struct plan_config *c, const struct plan_result *results, double elapsed_s)
{
	double slowest = 0;
	for (size_t i = 0; i < c->num_images; i++)
		slowest = fmax(slowest, results[i].elapsed_s);
	return elapsed_s > 0 ? (double)c->rate_bps * slowest / elapsed_s : INFINITY;
}
