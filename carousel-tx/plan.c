#include "carousel-tx/plan.h"

#include "carousel-tx/occupancy.h"
#include "common/carousel_error.h"
#include "common/json_fields.h"
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

/* How an image is cut: by its own OTI, else by the config. */
struct plan_cut {
	enum plan_fec fec;
	uint32_t symbol_size, num_blocks, block_symbols, encoding_symbols;
	double symbols;
};

static enum plan_fec plan_fec_of(uint8_t encoding_id)
{
	switch (encoding_id) {
	case FEC_RAPTORQ:
		return PLAN_RAPTORQ;
	case FEC_REED_SOLOMON_GF256:
		return PLAN_REED_SOLOMON;
	case FEC_SMALL_BLOCK:
		return PLAN_SMALL_BLOCK;
	case FEC_COMPACT_NO_CODE:
		return PLAN_NO_CODE;
	default:
		return PLAN_NUM_FEC;
	}
}

static struct plan_cut plan_cut_of(const struct plan_config *c, const struct plan_image *image)
{
	const struct fec_oti *oti = image->oti;
	struct plan_cut cut = {.fec = oti ? plan_fec_of(oti->encoding_id) : c->fec,
		.symbol_size = oti              ? oti->symbol_size
			       : c->symbol_size ? c->symbol_size
						: PLAN_SYMBOL_SIZE};
	cut.symbols = ceil((double)image->size_bytes / cut.symbol_size);
	if (oti) {
		cut.num_blocks = oti->num_blocks;
		cut.block_symbols = oti->max_block_symbols;
		cut.encoding_symbols = oti->max_encoding_symbols;
		return cut;
	}
	cut.block_symbols = c->block_symbols ? c->block_symbols : plan_schemes[c->fec].block_symbols;
	cut.encoding_symbols = c->encoding_symbols ? c->encoding_symbols : plan_schemes[c->fec].encoding_symbols;
	cut.num_blocks = c->fec == PLAN_RAPTORQ
				 ? plan_blocks(image->size_bytes, cut.symbol_size, cut.block_symbols)
				 : (uint32_t)(((image->size_bytes - 1) / cut.symbol_size) / cut.block_symbols + 1);
	return cut;
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
		if (c->images[i].beside_bytes > (uint64_t)1 << 40)
			return "bytes beside an image: not within 0 to 1 TiB";
		if (c->images[i].oti &&
			(plan_fec_of(c->images[i].oti->encoding_id) == PLAN_NUM_FEC ||
				c->images[i].oti->symbol_size == 0 || c->images[i].oti->num_blocks == 0))
			return "image's FEC parameters: not within what there is";
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

/* Symbols until the percentile is done with an image that is cut so. */
static double plan_symbols(const struct plan_config *c, const struct plan_image *image, const struct plan_cut *cut)
{
	const double k = cut->symbols / cut->num_blocks, lacks = k * image->needed;
	const double repair = cut->encoding_symbols ? cut->encoding_symbols - (double)cut->block_symbols : 0;
	if (cut->fec == PLAN_RAPTORQ)
		return completion_symbols(&(struct completion_image){lacks, cut->num_blocks}, &c->loss, c->percentile);
	return occupancy_symbols(&(struct occupancy_image){lacks, lacks + repair, cut->num_blocks,
					 OBJECT_CHUNK_BYTES / cut->symbol_size, (k + repair) * cut->num_blocks},
		&c->loss, c->percentile);
}

int plan_compute(const struct plan_config *c, struct plan_result *results, const char **what)
{
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
		const struct plan_cut cut = plan_cut_of(c, &c->images[i]);
		const double pass_bytes =
			cut.symbols * (cut.symbol_size + overhead) + (double)c->images[i].beside_bytes;
		r->rate_bps = (double)c->rate_bps * (1 - c->control_share) * r->share;
		r->num_blocks = cut.num_blocks;
		r->symbols = plan_symbols(c, &c->images[i], &cut);
		r->overhead = r->symbols > 0 ? r->symbols / (cut.symbols * c->images[i].needed) - 1 : 0;
		r->cycle_s = pass_bytes * 8 / r->rate_bps;
		r->airtime_s = r->symbols / cut.symbols * r->cycle_s;
		r->elapsed_s = r->airtime_s / c->duty;
	}
	return 0;
}

struct plan_result plan_whole(const struct plan_config *c, const struct plan_result *results)
{
	struct plan_result whole = {0};
	for (size_t i = 0; i < c->num_images; i++) {
		whole.share += results[i].share;
		whole.rate_bps += results[i].rate_bps;
		whole.num_blocks += results[i].num_blocks;
		whole.symbols = fmax(whole.symbols, results[i].symbols);
		whole.overhead = fmax(whole.overhead, results[i].overhead);
		whole.cycle_s = fmax(whole.cycle_s, results[i].cycle_s);
		whole.airtime_s = fmax(whole.airtime_s, results[i].airtime_s);
		whole.elapsed_s = fmax(whole.elapsed_s, results[i].elapsed_s);
	}
	return whole;
}

double plan_rate_for(const struct plan_config *c, const struct plan_result *results, double elapsed_s)
{
	return elapsed_s > 0 ? (double)c->rate_bps * plan_whole(c, results).elapsed_s / elapsed_s : INFINITY;
}

json_t *plan_json(const struct plan_config *c, const struct plan_result *results, double rate_needed_bps)
{
	const struct plan_result whole = plan_whole(c, results);
	json_t *images = json_array(), *root;
	bool is_by_config = false;
	for (size_t i = 0; i < c->num_images; i++) {
		is_by_config |= c->images[i].oti == NULL;
		json_fields_append(
			&images, json_pack("{s:s,s:I,s:f,s:f,s:I,s:f,s:f,s:f,s:f}", "name", c->images[i].name,
					 "size_bytes", (json_int_t)c->images[i].size_bytes, "share", results[i].share,
					 "rate_bps", results[i].rate_bps, "blocks", (json_int_t)results[i].num_blocks,
					 "cycle_s", results[i].cycle_s, "overhead", results[i].overhead, "airtime_s",
					 results[i].airtime_s, "elapsed_s", results[i].elapsed_s));
	}
	root = json_pack("{s:s,s:I,s:f,s:f,s:f,s:o,s:{s:f,s:f,s:f}}", "format", "carousel-plan/1", "rate_bps",
		(json_int_t)c->rate_bps, "loss", c->loss.mean, "duty", c->duty, "percentile", c->percentile, "images",
		images, "carousel", "cycle_s", whole.cycle_s, "airtime_s", whole.airtime_s, "elapsed_s",
		whole.elapsed_s);
	if (is_by_config)
		json_fields_set(&root, "fec", json_string(plan_fec_names[c->fec]));
	if (rate_needed_bps > 0)
		json_fields_set(&root, "rate_needed_bps", json_real(rate_needed_bps));
	return root;
}
