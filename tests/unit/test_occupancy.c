#include "tests/lib/test.h"

#include "carousel-tx/occupancy.h"
#include "sim/channel.h"
#include "sim/compare.h"
#include "sim/statistics.h"

#include <math.h>
#include <stdlib.h>

#define RECEIVERS 1000u

/* The object as it is sent: which block a position of the cycle belongs to, in the order of cursor.h. */
static uint32_t block_of(const struct occupancy_image *image, uint64_t at)
{
	const uint64_t source = (uint64_t)(image->block_symbols * image->num_blocks);
	const uint32_t chunk = image->chunk_symbols;
	if (at < source)
		return (uint32_t)(at / chunk % image->num_blocks);
	return (uint32_t)((at - source) % image->num_blocks);
}

/* Packet by packet, from a random place of the cycle: when is a receiver done? Ascending, in symbols sent. */
static void played(const struct occupancy_image *image, const struct channel_config *channel, double *sent)
{
	const uint64_t cycle = (uint64_t)(image->encoding_symbols * image->num_blocks);
	uint32_t *need = calloc(image->num_blocks, sizeof *need);
	uint8_t *have = malloc(cycle);
	struct random_stream random;
	random_init(&random, 5, 5);
	for (unsigned r = 0; r < RECEIVERS; r++) {
		uint32_t left = image->num_blocks;
		uint64_t packet = 0, at = random_below(&random, cycle);
		struct channel ch;
		channel_init(&ch, channel, 11, r);
		memset(have, 0, cycle);
		for (uint32_t b = 0; b < image->num_blocks; b++)
			need[b] = (uint32_t)image->block_symbols;
		for (; left; packet++, at = at + 1 == cycle ? 0 : at + 1) {
			const uint32_t b = block_of(image, at);
			if (channel_loses(&ch) || have[at])
				continue;
			have[at] = 1;
			if (need[b] && --need[b] == 0)
				left--;
		}
		sent[r] = (double)packet;
	}
	statistics_sort(sent, RECEIVERS);
	free(need);
	free(have);
}

/* early, late: how far the formula may be off, as shares. */
static void agrees(double k, double n, uint32_t blocks, uint32_t chunk, const char *losses, double early, double late)
{
	static const double quantiles[] = {0.1, 0.5, 0.9};
	const struct occupancy_image image = {k, n, blocks, chunk, 0};
	struct channel_config channel = {0};
	struct completion_loss loss;
	struct occupancy_table table;
	double sent[RECEIVERS];
	assert_int_equal(channel_config_parse(&channel, losses), 0);
	loss = channel_completion_loss(&channel, 1000);
	played(&image, &channel, sent);
	if (loss.variance <= 0) /* its five hundred points take time in bursts, where nobody asks for it */
		occupancy_table_init(&table, &image, &loss);
	for (unsigned i = 0; i < 3; i++) {
		const double model = occupancy_symbols(&image, &loss, quantiles[i]);
		const double packets = statistics_quantile(sent, RECEIVERS, quantiles[i]);
		if (model / packets - 1 > late || 1 - model / packets > early)
			fail_msg("%g/%g x %u, %s: %g of receivers after %g symbols, modelled %g", k, n, blocks, losses,
				quantiles[i], packets, model);
		assert_true(
			loss.variance > 0 || fabs(occupancy_table_symbols(&table, quantiles[i]) / model - 1) < 0.01);
	}
}

static void test_independent_losses(void **state)
{
	(void)state;
	agrees(5000, 5000, 1, 1, "loss=5%", 0.02, 0.02);
	agrees(500, 500, 8, 4, "loss=20%", 0.02, 0.02);
	agrees(2000, 2000, 1, 1, "loss=1%", 0.02, 0.02);
	agrees(200, 255, 20, 4, "loss=1%", 0.01, 0.01);
	agrees(200, 255, 20, 4, "loss=10%", 0.01, 0.01);
	agrees(200, 255, 20, 4, "loss=25%", 0.01, 0.01);
	agrees(200, 255, 20, 4, "loss=40%", 0.01, 0.01);
	agrees(100, 120, 50, 4, "loss=20%", 0.01, 0.01);
	agrees(24, 32, 80, 4, "loss=20%", 0.01, 0.01);
	/* Who begins in the middle of the source symbols waits for the end of a turn of chunks. */
	agrees(24, 32, 80, 4, "loss=5%", 0.02, 0.02);
}

static void test_bursts(void **state)
{
	(void)state;
	agrees(5000, 5000, 1, 1, "loss=10%,burst=10", 0.02, 0.02);
	agrees(5000, 5000, 1, 1, "gilbert=0.002 0.02 0.01 0.5", 0.02, 0.02);
	agrees(500, 500, 1, 1, "gilbert=0.1 0.2 0.1 0.8", 0.02, 0.02);
	agrees(1000, 1000, 8, 4, "loss=10%,burst=100", 0.02, 0.02);
	agrees(200, 255, 40, 4, "loss=10%,burst=10", 0.01, 0.01);
	agrees(200, 210, 20, 4, "gilbert=0.05 0.2 0.01 0.5", 0.01, 0.01);
	agrees(24, 32, 80, 4, "loss=10%,burst=5", 0.02, 0.02);
	agrees(24, 32, 80, 4, "gilbert=0.01 0.2 0 0.9", 0.02, 0.02);
	/* A burst takes the chunks of several blocks at once. */
	agrees(200, 255, 10, 4, "loss=10%,burst=30", 0.02, 0.04);
	agrees(24, 32, 10, 4, "loss=10%,burst=10", 0.02, 0.04);
	agrees(24, 32, 300, 4, "loss=5%,burst=20", 0.02, 0.05);
}

/* What the bounds of occupancy.h are about: objects in which a burst leaves hardly anything alone. */
static void test_bursts_as_long_as_a_turn(void **state)
{
	(void)state;
	agrees(24, 32, 43, 4, "loss=10%,burst=50", 0.03, 0.15);
	agrees(200, 255, 2, 4, "loss=10%,burst=30", 0.03, 0.15);
}

static void test_is_the_coupon_collector(void **state)
{
	const struct occupancy_image image = {50000, 50000, 1, 1, 0};
	static const double losses[] = {0.05, 0.1, 0.2};
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		const struct completion_loss loss = {.mean = losses[i]};
		double mean = 0;
		for (unsigned pass = 0; pass < 60; pass++)
			mean += 1 - occupancy_done(&image, &loss, 50000.0 * pass);
		assert_true(fabs(mean / compare_plain_passes(50000, losses[i]) - 1) < 1e-6);
	}
}

static void test_edges(void **state)
{
	const struct completion_loss none = {0}, some = {.mean = 0.1}, all = {.mean = 1};
	const struct occupancy_image nothing = {0, 10, 5, 4, 0}, code = {100, 120, 5, 4, 0},
				     plain = {100, 100, 5, 4, 0};
	const struct occupancy_image long_code = {300, 400, 5, 4, 0}, stretched = {100, 120, 5, 4, 1200};
	(void)state;
	assert_true(occupancy_symbols(&nothing, &some, 0.99) == 0);
	/* Who begins between the source symbols waits for the last chunk of a turn. */
	assert_true(occupancy_symbols(&code, &none, 0.9) >= 499.9 && occupancy_symbols(&code, &none, 0.9) <= 520);
	assert_true(fabs(occupancy_symbols(&plain, &none, 0.9) - 500) < 1);
	assert_true(isinf(occupancy_symbols(&code, &all, 0.5)));
	assert_true(fabs(occupancy_symbols(&stretched, &some, 0.5) / occupancy_symbols(&code, &some, 0.5) - 2) < 1e-6);
	assert_true(isnan(occupancy_done(&long_code, &some, 2000)));
	for (double q = 0.01; q < 0.98; q += 0.01) {
		assert_true(occupancy_symbols(&code, &some, q + 0.01) >= occupancy_symbols(&code, &some, q));
		assert_true(occupancy_symbols(&plain, &some, q) > occupancy_symbols(&code, &some, q));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_independent_losses),
		cmocka_unit_test(test_bursts),
		cmocka_unit_test(test_bursts_as_long_as_a_turn),
		cmocka_unit_test(test_is_the_coupon_collector),
		cmocka_unit_test(test_edges),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
