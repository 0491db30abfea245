#include "sim/download.h"

#include "carousel-tx/occupancy.h"
#include "common/carousel_error.h"
#include "sim/collector.h"

#include <math.h>

struct download_table {
	bool is_played; /* collector, else table */
	double scale;   /* symbols that are sent for each that is of use */
	struct occupancy_table table;
	struct collector collector;
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
				struct download_table *t = d->tables[i][g][k];
				if (t && t->is_played)
					collector_deinit(&t->collector);
				memory_free(d->allocator, t);
				d->tables[i][g][k] = NULL;
			}
}

bool download_is_cyclic(const struct scenario *s)
{
	return s->transmitter.wish.encoding_id != FEC_RAPTORQ;
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

static int download_play(
	struct download *d, struct download_table *t, const struct occupancy_image *o, size_t group, uint64_t stream)
{
	const struct scenario *s = d->scenario;
	const uint32_t k = (uint32_t)fmax(1, round(o->block_symbols));
	const uint32_t n = (uint32_t)round(fmax(k, k + o->encoding_symbols - o->block_symbols));
	const struct collector_object object = {k, n, o->num_blocks, o->chunk_symbols < k ? o->chunk_symbols : k};
	int result = collector_init(&t->collector, d->allocator, &object, &s->groups[group].channel,
		s->transmitter.wish.symbol_size + (size_t)PLAN_OVERHEAD, s->seed + stream);
	t->is_played = result == 0;
	t->scale = o->cycle_symbols / ((double)n * o->num_blocks);
	return result;
}

static int download_make(struct download *d, size_t image, size_t group, bool is_partly)
{
	const double lack = is_partly ? 1 - d->scenario->groups[group].have : 1;
	struct download_table *t = memory_alloc(d->allocator, 1, sizeof *t);
	struct occupancy_image o;
	int result = 0;
	if (t == NULL)
		return CAROUSEL_E_MEMORY;
	download_block(&d->scenario->images[image], lack, &o);
	if (d->losses[group].variance > 0)
		result = download_play(d, t, &o, group, image * SCENARIO_MAX_GROUPS + group);
	else
		occupancy_table_init(&t->table, &o, &d->losses[group]);
	if (result == 0)
		d->tables[image][group][is_partly] = t;
	else
		memory_free(d->allocator, t);
	return result;
}

int download_symbols(
	struct download *d, size_t image, size_t group, bool is_partly, double common, double luck, double *symbols)
{
	const struct scenario_image *source = &d->scenario->images[image];
	const double lack = is_partly ? 1 - d->scenario->groups[group].have : 1;
	const struct download_table *t;
	int result = 0;
	if (!download_is_cyclic(d->scenario)) {
		const double k = ceil((double)source->size_bytes / source->layout.oti.symbol_size);
		const struct completion_image body = {
			k / source->layout.oti.num_blocks * lack, source->layout.oti.num_blocks};
		*symbols = completion_symbols_at(&body, &d->losses[group], common, luck);
		return 0;
	}
	*symbols = 0;
	if (lack <= 0)
		return 0;
	if (d->tables[image][group][is_partly] == NULL)
		result = download_make(d, image, group, is_partly);
	if (result != 0)
		return result;
	t = d->tables[image][group][is_partly];
	*symbols = t->is_played ? collector_symbols(&t->collector, luck) * t->scale
				: occupancy_table_symbols(&t->table, luck);
	return 0;
}
