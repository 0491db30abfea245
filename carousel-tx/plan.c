#include "carousel-tx/plan.h"

#include "carousel-tx/occupancy.h"
#include "common/carousel_error.h"
#include "common/fec_oti.h"
#include "common/object_layout.h"

#include <math.h>
#include <stdbool.h>

/* Of the sum of all weights: an image that nobody is known to want is on the air all the same. */
#define PLAN_LEAST_SHARE 0.01

const char *const plan_fec_names[] = {"raptorq", "reed-solomon", "small-block", "none", NULL};

static const struct {
	uint32_t block_symbols, most_symbols, encoding_symbols;
} plan_schemes[PLAN_NUM_FEC] = {
	{PLAN_BLOCK_SYMBOLS, FEC_RAPTORQ_MAX_K, 0},
	{200, FEC_RS_MAX_N, FEC_RS_MAX_N},
	{24, FEC_SMALL_BLOCK_MAX_N, FEC_SMALL_BLOCK_MAX_N},
	{PLAN_BLOCK_SYMBOLS, 0x10000, 0},
};

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
		return "rate: not within 1 kbit/s to 1 Tbit/s";
	if (!plan_is_within(c->control_share, 0, 0.5))
		return "control share: not within 0 to 50 %";
	if (c->symbol_size && !plan_is_within(c->symbol_size, 4, FEC_MAX_SYMBOL_SIZE))
		return "symbol size: not within 4 to 65528 bytes";
	if (c->overhead_bytes > 10000)
		return "overhead: not within 0 to 10000 bytes";
	if ((unsigned)c->fec >= PLAN_NUM_FEC)
		return "scheme: not within raptorq, reed-solomon, small-block, none";
	if (c->block_symbols > plan_schemes[c->fec].most_symbols)
		return "block symbols: not within what the scheme has: 56403, 255, 32, 65536 at most";
	if (c->encoding_symbols &&
		(c->encoding_symbols > plan_schemes[c->fec].encoding_symbols ||
			c->encoding_symbols <
				(c->block_symbols ? c->block_symbols : plan_schemes[c->fec].block_symbols)))
		return "encoding symbols: not within block symbols to what the scheme has: 255 or 32";
	if (!plan_is_within(c->loss.mean, 0, 0.99) || !plan_is_within(c->loss.variance, 0, 1) ||
		!plan_is_within(c->loss.correlation, 0, 0.99999999))
		return "loss: not within 0 to 99 % on average";
	if (!plan_is_within(c->duty, 1e-6, 1))
		return "duty: not within 0.0001 to 100 %";
	if (!plan_is_within(c->percentile, 1e-6, 1 - 1e-12))
		return "percentile: not within 0.0001 to 99.9999999999 %";
	for (size_t i = 0; i < c->num_images; i++) {
		if (!plan_is_within((double)c->images[i].size_bytes, 1, 0x1p40))
			return "image size: not within 1 byte to 1 TiB";
		if (!plan_is_within(c->images[i].needed, 0, 1))
			return "needed share: not within 0 to 100 %";
		if (!plan_is_within(c->images[i].demand, 0, 1e12))
			return "demand: not within 0 to 10^12 boxes";
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

static uint32_t plan_scheme_blocks(const struct plan_config *c, uint64_t size_bytes, uint32_t symbol_size)
{
	const uint32_t wanted = c->block_symbols ? c->block_symbols : plan_schemes[c->fec].block_symbols;
	const uint64_t symbols = (size_bytes - 1) / symbol_size + 1;
	if (c->fec == PLAN_RAPTORQ)
		return plan_blocks(size_bytes, symbol_size, wanted);
	return (uint32_t)((symbols - 1) / wanted + 1);
}

/* Symbols until the percentile is done with an image of so many. */
static double plan_symbols(const struct plan_config *c, const struct plan_image *image, double symbols, uint32_t blocks)
{
	const double k = symbols / blocks, lacks = k * image->needed;
	const uint32_t wanted = c->block_symbols ? c->block_symbols : plan_schemes[c->fec].block_symbols;
	const uint32_t most = c->encoding_symbols ? c->encoding_symbols : plan_schemes[c->fec].encoding_symbols;
	const double repair = most ? most - (double)wanted : 0;
	const uint32_t symbol_size = c->symbol_size ? c->symbol_size : PLAN_SYMBOL_SIZE;
	if (c->fec == PLAN_RAPTORQ)
		return completion_symbols(&(struct completion_image){lacks, blocks}, &c->loss, c->percentile);
	return occupancy_symbols(&(struct occupancy_image){lacks, lacks + repair, blocks,
					 OBJECT_CHUNK_BYTES / symbol_size, (k + repair) * blocks},
		&c->loss, c->percentile);
}

int plan_compute(const struct plan_config *c, struct plan_result *results, const char **what)
{
	const uint32_t symbol_size = c->symbol_size ? c->symbol_size : PLAN_SYMBOL_SIZE;
	const uint32_t overhead = c->overhead_bytes ? c->overhead_bytes : PLAN_OVERHEAD;
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
		double packets_a_second;
		r->rate_bps = (double)c->rate_bps * (1 - c->control_share) * r->share;
		r->num_blocks = plan_scheme_blocks(c, c->images[i].size_bytes, symbol_size);
		packets_a_second = r->rate_bps / 8 / (symbol_size + overhead);
		r->symbols = plan_symbols(c, &c->images[i], symbols, r->num_blocks);
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
