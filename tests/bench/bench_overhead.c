/* How many symbols more than an image has does a box hear until its last block can be decoded? Payload-less runs of
 * the transmitter's own order of symbols (carousel-tx/cursor.h) and the decoder's own test of identities (fec/fec.h),
 * from random starting moments, with Bernoulli loss. RUNS (default 1000) of 64 MiB; a tenth as many of 1 GiB beside the
 * bound z * sqrt(p / K). */
#include "carousel-tx/cursor.h"
#include "common/carousel_error.h"
#include "fec/fec.h"
#include "tests/lib/bench.h"
#include "tests/lib/test.h"

#include <math.h>
#include <stdio.h>

#define MIB          1048576u
#define START_PASSES 3u /* a box is switched on somewhere within so many passes */

struct course {
	struct object_layout layout;
	uint64_t random;
	void *memory; /* of one identity decoder */
	size_t memory_bytes;
	/* For each block: how many symbols were heard, and which. */
	uint32_t *count, **heard;
	uint32_t capacity;
	bool *is_done;
};

static void course_init(struct course *c, uint64_t image_bytes)
{
	const struct object_layout_wish wish = {OBJECT_STRIPED, FEC_RAPTORQ, 0, 1024, 16384, 0};
	struct fec_block block;
	assert_int_equal(object_layout_choose(&c->layout, &wish, image_bytes), 0);
	assert_int_equal(fec_block_of(&c->layout.oti, 0, &block), 0);
	c->memory_bytes = fec_decoder_bytes(&block, 1);
	c->memory = aligned_alloc(64, (c->memory_bytes + 63) / 64 * 64);
	c->capacity = block.num_source + 64;
	c->count = calloc(c->layout.oti.num_blocks, sizeof *c->count);
	c->heard = calloc(c->layout.oti.num_blocks, sizeof *c->heard);
	c->is_done = calloc(c->layout.oti.num_blocks, sizeof *c->is_done);
	assert_true(c->memory && c->count && c->heard && c->is_done);
	for (uint32_t i = 0; i < c->layout.oti.num_blocks; i++)
		assert_non_null(c->heard[i] = calloc(c->capacity, sizeof **c->heard));
}

static void course_deinit(struct course *c)
{
	for (uint32_t i = 0; i < c->layout.oti.num_blocks; i++)
		free(c->heard[i]);
	free(c->heard);
	free(c->count);
	free(c->is_done);
	free(c->memory);
}

/* Whether what was heard of a block, with the padding that every box knows, decodes it. */
static bool is_decodable(const struct course *c, uint32_t sbn)
{
	struct fec_decoder *decoder;
	struct fec_block block;
	uint64_t offset;
	bool is_done;
	assert_int_equal(fec_block_of(&c->layout.oti, sbn, &block), 0);
	assert_int_equal(fec_decoder_init(&decoder, c->memory, c->memory_bytes, &block, 1), 0);
	for (uint32_t esi = 0; esi < block.num_source; esi++)
		if (object_symbol_offset(&c->layout, sbn, esi, &offset) == OBJECT_PADDING)
			assert_int_equal(fec_decoder_add(decoder, esi), 0);
	for (uint32_t i = 0; i < c->count[sbn]; i++)
		assert_int_equal(fec_decoder_add(decoder, c->heard[sbn][i]), 0);
	is_done = fec_decoder_plan(decoder) == 0;
	fec_decoder_deinit(decoder);
	return is_done;
}

static uint32_t padding_of(const struct course *c, uint32_t sbn)
{
	struct fec_block block;
	uint64_t offset;
	uint32_t count = 0;
	assert_int_equal(fec_block_of(&c->layout.oti, sbn, &block), 0);
	for (uint32_t esi = 0; esi < block.num_source; esi++)
		count += object_symbol_offset(&c->layout, sbn, esi, &offset) == OBJECT_PADDING;
	return count;
}

/* One box: symbols heard until all blocks decode, over the image's own, less one. */
static double course_run(struct course *c, double loss)
{
	struct tx_cursor cursor;
	uint32_t needed[256], open = c->layout.oti.num_blocks;
	uint64_t heard = 0, limit = (uint64_t)(loss * 18446744073709551615.0);
	assert_int_equal(tx_cursor_init(&cursor, &c->layout, 0, 1), 0);
	tx_cursor_resume(&cursor, test_random(&c->random) % (START_PASSES * cursor.source_symbols), 1);
	for (uint32_t i = 0; i < open; i++) {
		c->count[i] = 0;
		c->is_done[i] = false;
		needed[i] = c->layout.oti.max_block_symbols - padding_of(c, i);
	}
	while (open) {
		struct tx_symbol symbol;
		bool is_sent = tx_cursor_symbol(&cursor, &symbol);
		tx_cursor_advance(&cursor);
		if (!is_sent || test_random(&c->random) < limit)
			continue;
		heard++;
		if (c->is_done[symbol.sbn])
			continue;
		assert_true(c->count[symbol.sbn] < c->capacity);
		c->heard[symbol.sbn][c->count[symbol.sbn]++] = symbol.esi;
		if (c->count[symbol.sbn] >= needed[symbol.sbn] && is_decodable(c, symbol.sbn)) {
			c->is_done[symbol.sbn] = true;
			open--;
		}
	}
	return (double)heard / (double)cursor.source_symbols - 1;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static void report(
	struct bench_report *r, uint64_t bytes, double loss, unsigned runs, double mean_goal, double p99_goal)
{
	struct course c = {.random = 20261121u + (uint64_t)(loss * 100)};
	double *overhead = calloc(runs, sizeof *overhead), sum = 0, bound;
	char params[96];
	course_init(&c, bytes);
	for (unsigned i = 0; i < runs; i++)
		sum += overhead[i] = course_run(&c, loss);
	qsort(overhead, runs, sizeof *overhead, compare);
	bound = 2.326 * sqrt(loss / c.layout.oti.max_block_symbols);
	snprintf(params, sizeof params, "image=%lluMiB loss=%.2f blocks=%u K=%u", (unsigned long long)(bytes / MIB),
		loss, c.layout.oti.num_blocks, c.layout.oti.max_block_symbols);
	bench_report_row(r, "overhead mean", params, 100 * sum / runs, "%", mean_goal, NULL, 0, runs);
	bench_report_row(r, "overhead 99th percentile", params, 100 * overhead[(runs * 99 + 99) / 100 - 1], "%",
		p99_goal, loss > 0 ? "z * sqrt(p / K)" : NULL, 100 * bound, runs);
	free(overhead);
	course_deinit(&c);
}

int main(void)
{
	static const double losses[] = {0, 0.05, 0.20, 0.40}, mean_goal[] = {0.1, 0.25, 0.45, 0.6},
			    p99_goal[] = {0.1, 0.6, 1.1, 1.5};
	const char *wish = getenv("RUNS");
	unsigned runs = wish ? (unsigned)strtoul(wish, NULL, 10) : 1000;
	struct bench_report *r = bench_report_new("overhead");
	if (runs == 0 || runs > 1000000)
		return 2;
	for (unsigned i = 0; i < 4; i++)
		report(r, (uint64_t)64 * MIB, losses[i], runs, mean_goal[i], p99_goal[i]);
	for (unsigned i = 0; i < 4; i++)
		report(r, (uint64_t)1024 * MIB, losses[i], runs / 10 ? runs / 10 : 1, 0, 0);
	return bench_report_finish(r) == 0 ? 0 : 1;
}
