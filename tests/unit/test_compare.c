#include "tests/lib/test.h"

#include "carousel-tx/occupancy.h"
#include "common/carousel_error.h"
#include "common/fec_oti.h"
#include "fec/fec.h"
#include "sim/compare.h"
#include "tests/lib/fault_alloc.h"

#include <math.h>

static struct compare_config config_of(const struct channel_config *channel)
{
	return (struct compare_config){.packets = 50000,
		.rs_k = 223,
		.rs_n = 255,
		.blocks = 3,
		.receivers = 100,
		.channel = channel,
		.seed = 1};
}

/* The median of 100 receivers against the distribution by formula: half of a symmetric spread of a few percent. */
static void agrees_with_theory(const struct compare_config *c, double loss, const struct compare_result *r)
{
	const struct completion_loss process = {.mean = loss};
	const uint32_t blocks = (c->packets - 1) / c->rs_k + 1;
	const double k = (double)c->packets / blocks;
	const struct occupancy_image rs = {k, k + c->rs_n - c->rs_k, blocks, 1, 0};
	const struct completion_image fountain = {(double)c->packets / c->blocks, c->blocks};
	assert_true(fabs(r[COMPARE_RS].median * c->packets / occupancy_symbols(&rs, &process, 0.5) - 1) < 0.01);
	assert_true(fabs(r[COMPARE_RS].p90 * c->packets / occupancy_symbols(&rs, &process, 0.9) - 1) < 0.02);
	assert_true(fabs(r[COMPARE_FOUNTAIN].median * c->packets / completion_symbols(&fountain, &process, 0.5) - 1) <
		    0.002);
}

/* The same losses for all: what one scheme needs does not depend on the parameters of another. */
static void test_same_losses_for_all(void **state)
{
	const struct channel_config channel = {.kind = CHANNEL_GILBERT, .gilbert = {0.01, 0.1, 0, 1}};
	struct compare_config c = config_of(&channel);
	struct compare_result a[COMPARE_NUM_SCHEMES], b[COMPARE_NUM_SCHEMES];
	(void)state;
	c.packets = 2000;
	c.receivers = 50;
	assert_int_equal(compare_run(NULL, &c, a), 0);
	c.rs_k = 20;
	c.rs_n = 40;
	assert_int_equal(compare_run(NULL, &c, b), 0);
	for (unsigned i = 0; i < 50; i++) {
		assert_true(a[COMPARE_PLAIN].airtime[i] == b[COMPARE_PLAIN].airtime[i]);
		assert_true(a[COMPARE_FOUNTAIN].airtime[i] == b[COMPARE_FOUNTAIN].airtime[i]);
	}
	assert_true(a[COMPARE_RS].median != b[COMPARE_RS].median);
	compare_deinit(NULL, a);
	compare_deinit(NULL, b);
	/* Rate 1: Reed-Solomon of n = k is a plain carousel. */
	c.rs_k = c.rs_n = 100;
	assert_int_equal(compare_run(NULL, &c, a), 0);
	for (unsigned i = 0; i < 50; i++)
		assert_true(fabs(a[COMPARE_PLAIN].airtime[i] - a[COMPARE_RS].airtime[i]) < 1e-12);
	compare_deinit(NULL, a);
}

/* The figures everybody quotes: 50,000 packets at 5, 10 and 20 % loss. */
static void test_known_figures(void **state)
{
	static const double loss[] = {0.05, 0.10, 0.20}, plain[] = {4.28, 5.44, 7.58}, fountain[] = {1.05, 1.11, 1.25};
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		const struct channel_config channel = {.loss = loss[i]};
		const struct compare_config c = config_of(&channel);
		struct compare_result r[COMPARE_NUM_SCHEMES];
		assert_true(fabs(compare_plain_passes(c.packets, loss[i]) - plain[i]) < 0.005);
		assert_int_equal(compare_run(NULL, &c, r), 0);
		/* Mean of 100 receivers: the standard deviation of one is below 0.8 passes. */
		assert_true(fabs(r[COMPARE_PLAIN].mean_passes - plain[i]) < 0.24);
		assert_true(fabs(r[COMPARE_FOUNTAIN].mean_airtime - fountain[i]) < 0.01);
		assert_true(r[COMPARE_FOUNTAIN].max < r[COMPARE_RS].median);
		assert_true(r[COMPARE_RS].mean_airtime < r[COMPARE_PLAIN].mean_airtime);
		agrees_with_theory(&c, loss[i], r);
		compare_deinit(NULL, r);
	}
}

static void test_no_loss_costs_nothing(void **state)
{
	const struct channel_config channel = {0};
	struct compare_config c = config_of(&channel);
	struct compare_result r[COMPARE_NUM_SCHEMES];
	(void)state;
	c.packets = 1000;
	c.rs_k = 7; /* 143 blocks, some of 6 */
	c.rs_n = 9;
	c.blocks = 1;
	assert_int_equal(compare_run(NULL, &c, r), 0);
	assert_true(r[COMPARE_PLAIN].max == 1);
	/* A block of six is done a turn before those of seven. */
	assert_true(r[COMPARE_RS].max <= 1.0 && r[COMPARE_RS].max > 0.98);
	assert_true(r[COMPARE_FOUNTAIN].median == 1 && r[COMPARE_FOUNTAIN].max < 1.01);
	compare_deinit(NULL, r);
}

static void test_what_never_completes_stops(void **state)
{
	const struct channel_config channel = {.loss = 1};
	struct compare_config c = config_of(&channel);
	struct compare_result r[COMPARE_NUM_SCHEMES];
	(void)state;
	c.packets = 10;
	c.blocks = 1;
	c.max_passes = 50;
	assert_int_equal(compare_run(NULL, &c, r), 0);
	for (unsigned s = 0; s < COMPARE_NUM_SCHEMES; s++) {
		assert_int_equal(r[s].unfinished, 100);
		assert_true(isinf(r[s].max));
	}
	compare_deinit(NULL, r);
}

static void test_refuses(void **state)
{
	const struct channel_config channel = {0}, bad = {.loss = 2};
	static const struct {
		uint32_t packets, k, n, blocks, receivers;
	} cases[] = {{0, 1, 2, 1, 1}, {100, 0, 2, 1, 1}, {100, 3, 2, 1, 1}, {100, 3, 256, 1, 1}, {100, 3, 4, 0, 1},
		{100, 3, 4, 101, 1}, {1u << 24, 3, 4, 255, 1}, {100, 3, 4, 1, 0}};
	struct compare_result r[COMPARE_NUM_SCHEMES];
	struct compare_config c = config_of(&bad);
	(void)state;
	assert_int_equal(compare_run(NULL, &c, r), CAROUSEL_E_RANGE);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		c = (struct compare_config){.packets = cases[i].packets,
			.rs_k = cases[i].k,
			.rs_n = cases[i].n,
			.blocks = cases[i].blocks,
			.receivers = cases[i].receivers,
			.channel = &channel};
		assert_int_equal(compare_run(NULL, &c, r), CAROUSEL_E_RANGE);
		compare_deinit(NULL, r);
	}
}

static int attempt(const struct carousel_allocator *allocator, void *user)
{
	static const struct channel_config channel = {.loss = 0.1};
	struct compare_config c = config_of(&channel);
	struct compare_result r[COMPARE_NUM_SCHEMES];
	int result;
	c.packets = 100;
	c.rs_k = 10;
	c.rs_n = 15;
	c.blocks = 2;
	c.real_decoder = *(bool *)user;
	result = compare_run(allocator, &c, r);
	compare_deinit(allocator, r);
	return result;
}

static void test_no_memory(void **state)
{
	bool real = false;
	(void)state;
	assert_int_equal(fault_alloc_all(attempt, &real), 8);
	real = true;
	if (fec_scheme_is_available(FEC_RAPTORQ, 0))
		assert_int_equal(fault_alloc_all(attempt, &real), 10);
	else
		assert_int_equal(attempt(NULL, &real), CAROUSEL_E_UNSUPPORTED);
}

/* The decoder itself, on identities, agrees with its probabilities. */
static void test_real_decoder_agrees(void **state)
{
	const struct channel_config channel = {.loss = 0.1};
	struct compare_config c = config_of(&channel);
	struct compare_result modelled[COMPARE_NUM_SCHEMES], real[COMPARE_NUM_SCHEMES];
	(void)state;
	if (!fec_scheme_is_available(FEC_RAPTORQ, 0))
		skip();
	c.packets = 600;
	c.rs_k = 50;
	c.rs_n = 60;
	c.receivers = 200;
	assert_int_equal(compare_run(NULL, &c, modelled), 0);
	c.real_decoder = true;
	assert_int_equal(compare_run(NULL, &c, real), 0);
	assert_true(fabs(real[COMPARE_FOUNTAIN].mean_airtime - modelled[COMPARE_FOUNTAIN].mean_airtime) < 0.001);
	assert_true(real[COMPARE_PLAIN].mean_airtime == modelled[COMPARE_PLAIN].mean_airtime);
	compare_deinit(NULL, modelled);
	compare_deinit(NULL, real);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_figures),
		cmocka_unit_test(test_same_losses_for_all),
		cmocka_unit_test(test_no_loss_costs_nothing),
		cmocka_unit_test(test_what_never_completes_stops),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_real_decoder_agrees),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
