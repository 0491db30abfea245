#include "tests/lib/test.h"

#include "carousel-tx/completion.h"
#include "sim/channel.h"
#include "sim/statistics.h"

#include <math.h>

#define RECEIVERS 400u

/* Packet by packet: when is a receiver done whose blocks are sent in turn? Ascending, in symbols sent. */
static void played(const struct completion_image *image, const struct channel_config *channel, double *sent)
{
	for (unsigned r = 0; r < RECEIVERS; r++) {
		double need[64];
		unsigned left = image->num_blocks;
		uint64_t packet = 0;
		struct channel ch;
		channel_init(&ch, channel, 11, r);
		for (unsigned b = 0; b < image->num_blocks; b++)
			need[b] = image->block_symbols;
		for (; left; packet++)
			if (!channel_loses(&ch))
				left -= --need[packet % image->num_blocks] == 0;
		sent[r] = (double)packet;
	}
	statistics_sort(sent, RECEIVERS);
}

static void agrees(double symbols, uint32_t blocks, const char *losses, double tolerance)
{
	static const double quantiles[] = {0.1, 0.5, 0.9, 0.98};
	const struct completion_image image = {symbols, blocks};
	struct channel_config channel = {0};
	struct completion_loss loss = {0};
	double sent[RECEIVERS];
	assert_int_equal(channel_config_parse(&channel, losses), 0);
	loss.mean = channel.loss;
	if (channel.kind == CHANNEL_GILBERT)
		loss = completion_loss_gilbert(channel.gilbert.to_bad, channel.gilbert.to_good,
			channel.gilbert.loss_good, channel.gilbert.loss_bad);
	assert_true(fabs(loss.mean - channel_mean_loss(&channel)) < 1e-12);
	played(&image, &channel, sent);
	for (unsigned i = 0; i < 4; i++) {
		const double model = completion_symbols(&image, &loss, quantiles[i]);
		const double packets = statistics_quantile(sent, RECEIVERS, quantiles[i]);
		if (fabs(model / packets - 1) > tolerance)
			fail_msg("%g x %u, %s: %g of receivers after %g symbols, modelled %g", symbols, blocks, losses,
				quantiles[i], packets, model);
	}
}

static void test_independent_losses(void **state)
{
	(void)state;
	agrees(1000, 1, "loss=1%", 0.005);
	agrees(1000, 8, "loss=10%", 0.005);
	agrees(4000, 16, "loss=20%", 0.005);
	agrees(200, 40, "loss=30%", 0.012);
	agrees(2000, 4, "loss=70%", 0.01);
}

static void test_bursts(void **state)
{
	(void)state;
	agrees(2000, 1, "loss=5%,burst=10", 0.012);
	agrees(1000, 8, "loss=10%,burst=20", 0.012);
	agrees(4000, 4, "loss=10%,burst=100", 0.02);
	agrees(1000, 8, "gilbert=0.002 0.02 0.01 0.5", 0.015);
}

/* Against the binomial distribution itself, far out in the tail. */
static void test_tail_is_binomial(void **state)
{
	static const double losses[] = {0.01, 0.1, 0.3, 0.6};
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		const struct completion_image image = {16384, 4};
		const struct completion_loss loss = {.mean = losses[i]};
		const double n = completion_symbols(&image, &loss, 0.999) / 4;
		const double share = pow(statistics_binomial_tail(n, 16384, 1 - losses[i]), 4);
		assert_true(share > 0.998 && share < 0.9999);
	}
}

static void test_edges(void **state)
{
	const struct completion_loss none = {0}, some = {.mean = 0.1};
	const struct completion_image nothing = {0, 5}, one = {1, 1}, image = {1000, 5};
	(void)state;
	assert_true(completion_symbols(&nothing, &some, 0.99) == 0);
	assert_true(completion_symbols(&image, &none, 0.5) == 5000);
	/* The decoder's extra symbol shows where the losses do not hide it. */
	assert_true(completion_symbols(&image, &none, 0.999) == 5005);
	assert_true(completion_symbols(&one, &some, 0.5) >= 1);
	for (double q = 0.01; q < 0.99; q += 0.01)
		assert_true(completion_symbols(&image, &some, q + 0.01) >= completion_symbols(&image, &some, q));
}

/* Bursts as carousel-sim's models have them: the mean stays, and there must be room between them. */
static void test_bursts_of_a_mean(void **state)
{
	struct completion_loss loss = completion_loss_bursts(0.1, 8), single = completion_loss_bursts(0.1, 0);
	(void)state;
	assert_true(fabs(loss.mean - 0.1) < 1e-12 && loss.variance > 0);
	assert_true(fabs(loss.correlation - (1 - 1.0 / 8 - 0.1 / (8 * 0.9))) < 1e-12);
	assert_true(single.mean == 0.1 && single.variance == 0 && single.correlation == 0);
	assert_true(completion_has_bursts(0.1, 1) && completion_has_bursts(0.5, 1));
	assert_false(completion_has_bursts(0.6, 1));
	assert_false(completion_has_bursts(0, 5));
	assert_false(completion_has_bursts(1, 5));
	assert_false(completion_has_bursts(0.1, 0.5));
	assert_false(completion_has_bursts(NAN, 5));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_independent_losses),
		cmocka_unit_test(test_bursts),
		cmocka_unit_test(test_tail_is_binomial),
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_bursts_of_a_mean),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
