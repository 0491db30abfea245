#include "sim/download.h"

#include "carousel-tx/occupancy.h"
#include "carousel-tx/packet.h"
#include "common/carousel_error.h"
#include "policy-map/chunk_index.h"
#include "sim/collector.h"

#include <math.h>

/* Where in the cycle receivers begin: at its beginning, in one of its eighths, after the source pass of a fountain. */
#define DOWNLOAD_EIGHTHS 8u
#define DOWNLOAD_AFTER   (DOWNLOAD_EIGHTHS + 1)
#define DOWNLOAD_PHASES  (DOWNLOAD_EIGHTHS + 2)
#define DOWNLOAD_START   0.01 /* of a cycle: what counts as its beginning */

struct download_table {
	bool is_made, is_played; /* collector, else table */
	double scale;            /* symbols that are sent for each that is of use */
	struct occupancy_table table;
	struct collector collector;
};

struct download_tables {
	struct download_table at[DOWNLOAD_PHASES];
};

void download_init(struct download *d, const struct carousel_allocator *allocator, const struct scenario *s)
{
	*d = (struct download){.allocator = allocator, .scenario = s};
	for (size_t i = 0; i < s->num_groups; i++)
		d->losses[i] = channel_completion_loss(
			&s->groups[i].channel, s->transmitter.wish.symbol_size + (size_t)PLAN_OVERHEAD);
}

void download_deinit(struct download *d)
{
	for (size_t i = 0; i < SCENARIO_MAX_IMAGES; i++)
		for (size_t g = 0; g < SCENARIO_MAX_GROUPS; g++)
			for (size_t k = 0; k < 2; k++) {
				struct download_tables *t = d->tables[i][g][k];
				for (size_t p = 0; t && p < DOWNLOAD_PHASES; p++)
					if (t->at[p].is_played)
						collector_deinit(&t->at[p].collector);
				memory_free(d->allocator, t);
				d->tables[i][g][k] = NULL;
			}
}

bool download_is_cyclic(const struct scenario *s)
{
	return s->transmitter.wish.encoding_id != FEC_RAPTORQ;
}

bool download_is_damaged(const struct scenario_group *g)
{
	return g->no_checksum && g->channel.bit_error > 0;
}

/* What a box of the group needs of a block, and what of its encoding symbols is of use to it. */
static void download_block(const struct scenario_image *image, double lack, struct occupancy_image *o)
{
	const struct fec_oti *oti = &image->layout.oti;
	const double source = ceil((double)image->size_bytes / oti->symbol_size);
	const double k = source / oti->num_blocks;
	const double n = oti->max_encoding_symbols ? k + oti->max_encoding_symbols - (double)oti->max_block_symbols : k;
	const double chunk = OBJECT_CHUNK_BYTES / oti->symbol_size;
	o->block_symbols = k * lack;
	o->encoding_symbols = n - k * (1 - lack);
	o->num_blocks = oti->num_blocks;
	o->chunk_symbols = (uint32_t)fmax(1, round(chunk * lack));
	o->cycle_symbols = n * oti->num_blocks;
}

double download_cycle(const struct scenario_image *image)
{
	struct occupancy_image o;
	download_block(image, 1, &o);
	return o.cycle_symbols;
}

/* Which table is that of a box that begins there. */
static size_t download_phase(const struct download *d, size_t group, double begin)
{
	const bool is_fountain = !download_is_cyclic(d->scenario);
	double in_cycle = begin;
	if (is_fountain && begin >= 1)
		return DOWNLOAD_AFTER;
	if (!is_fountain)
		in_cycle -= floor(begin);
	if (in_cycle < DOWNLOAD_START || in_cycle > 1 - DOWNLOAD_START)
		return 0;
	/* Bursts fall as they fall: all other places are alike. */
	return download_is_damaged(&d->scenario->groups[group])
		       ? 1 + (size_t)fmin(in_cycle * DOWNLOAD_EIGHTHS, DOWNLOAD_EIGHTHS - 1)
		       : DOWNLOAD_AFTER;
}

static int download_play(struct download *d, struct download_table *t, const struct scenario_image *image,
	const struct occupancy_image *o, size_t group, size_t phase, uint64_t stream)
{
	const struct scenario *s = d->scenario;
	const bool is_damaged = download_is_damaged(&s->groups[group]), is_fountain = !download_is_cyclic(s);
	const uint32_t k = (uint32_t)fmax(1, round(o->block_symbols));
	const uint32_t n = (uint32_t)round(fmax(k, k + o->encoding_symbols - o->block_symbols));
	struct collector_object object = {.source_symbols = k,
		.encoding_symbols = n,
		.num_blocks = o->num_blocks,
		.chunk_symbols = o->chunk_symbols < k ? o->chunk_symbols : k,
		.is_unchecked = is_damaged,
		.index_symbols = ceil((double)chunk_index_bytes(image->size_bytes) / PLAN_SYMBOL_SIZE),
		.is_fountain = is_fountain,
		.begin = -1};
	int result;
	if (phase == DOWNLOAD_AFTER && is_fountain)
		object.begin = 1;
	else if (phase == 0)
		object.begin = 0;
	else if (phase != DOWNLOAD_AFTER) {
		object.begin = ((double)phase - 1) / DOWNLOAD_EIGHTHS;
		object.spread = 1.0 / DOWNLOAD_EIGHTHS;
	}
	/* What is damaged in the headers of ALC is lost. */
	result = collector_init(&t->collector, d->allocator, &object, &s->groups[group].channel,
		s->transmitter.wish.symbol_size + (size_t)(is_damaged ? TX_DATA_HEADER_BYTES : PLAN_OVERHEAD),
		s->seed + stream);
	t->is_played = result == 0;
	t->scale = o->cycle_symbols / ((double)n * o->num_blocks);
	return result;
}

static int download_make(
	struct download *d, struct download_table *t, size_t image, size_t group, bool is_partly, size_t phase)
{
	const double lack = is_partly ? 1 - d->scenario->groups[group].have : 1;
	struct occupancy_image o;
	int result = 0;
	download_block(&d->scenario->images[image], lack, &o);
	if (d->losses[group].variance > 0 || download_is_damaged(&d->scenario->groups[group]))
		result = download_play(d, t, &d->scenario->images[image], &o, group, phase,
			(phase * SCENARIO_MAX_IMAGES + image) * SCENARIO_MAX_GROUPS + group);
	else
		occupancy_table_init(&t->table, &o, &d->losses[group]);
	t->is_made = result == 0;
	return result;
}

/* The table of one kind of box, made when the first of them asks. */
static int download_table_of(struct download *d, size_t image, size_t group, bool is_partly, size_t phase,
	const struct download_table **table)
{
	struct download_tables **all = &d->tables[image][group][is_partly];
	int result = 0;
	if (*all == NULL)
		*all = memory_alloc(d->allocator, 1, sizeof **all);
	if (*all == NULL)
		return CAROUSEL_E_MEMORY;
	if (!(*all)->at[phase].is_made)
		result = download_make(d, &(*all)->at[phase], image, group, is_partly, phase);
	*table = &(*all)->at[phase];
	return result;
}

int download_symbols(struct download *d, size_t image, size_t group, bool is_partly, double begin, double common,
	double luck, double *symbols)
{
	const struct scenario_image *source = &d->scenario->images[image];
	const struct scenario_group *g = &d->scenario->groups[group];
	const double lack = is_partly ? 1 - g->have : 1;
	const struct download_table *t;
	size_t phase = 0;
	int result;
	if (!download_is_cyclic(d->scenario) && !download_is_damaged(g)) {
		const double k = ceil((double)source->size_bytes / source->layout.oti.symbol_size);
		const struct completion_image body = {
			k / source->layout.oti.num_blocks * lack, source->layout.oti.num_blocks};
		*symbols = completion_symbols_at(&body, &d->losses[group], common, luck);
		return 0;
	}
	*symbols = 0;
	if (lack <= 0)
		return 0;
	if (d->losses[group].variance > 0 || download_is_damaged(g))
		phase = download_phase(d, group, begin);
	result = download_table_of(d, image, group, is_partly, phase, &t);
	if (result != 0)
		return result;
	*symbols = t->is_played ? collector_symbols(&t->collector, luck) * t->scale
				: occupancy_table_symbols(&t->table, luck);
	return 0;
}
