#include "tests/lib/test.h"

#include "carousel-tx/loss_chain.h"
#include "sim/channel.h"

#include <math.h>
#include <stdlib.h>

static struct completion_loss loss_of(const char *text)
{
	struct channel_config channel = {0};
	assert_int_equal(channel_config_parse(&channel, text), 0);
	return channel_completion_loss(&channel, 1);
}

static void adds_up(const struct loss_chain *c, double symbols, const struct completion_loss *loss, unsigned times)
{
	struct loss_chain_step step;
	double all = 0, missing = 0;
	loss_chain_step(c, symbols, &step);
	for (unsigned to = 0; to < c->states; to++) {
		double reached = 0, row = 0;
		for (unsigned from = 0; from < c->states; from++) {
			reached += c->start[from] * step.to[from][to];
			row += step.to[to][from];
		}
		assert_true(fabs(row - 1) < 1e-12);
		assert_true(fabs(reached - c->start[to]) < 1e-12); /* stationary */
		all += c->start[to];
		missing += c->start[to] * c->missing[to];
	}
	assert_true(fabs(all - 1) < 1e-12);
	assert_true(fabs(missing / pow(loss->mean, times) - 1) < 1e-9);
}

static void test_states_are_stationary(void **state)
{
	static const char *const losses[] = {"loss=10%,burst=10", "gilbert=0.01 0.2 0.05 0.9", "gilbert=0.2 0.01 0 1"};
	struct loss_chain c;
	(void)state;
	for (unsigned i = 0; i < sizeof losses / sizeof losses[0]; i++) {
		const struct completion_loss loss = loss_of(losses[i]);
		for (unsigned times = 0; times <= LOSS_CHAIN_MAX_TIMES; times++) {
			loss_chain_init(&c, &loss, times);
			assert_int_equal(c.states, times + 1);
			adds_up(&c, 1, &loss, times);
			adds_up(&c, 17, &loss, times);
			adds_up(&c, 1e9, &loss, times);
		}
	}
}

static void test_without_bursts(void **state)
{
	const struct completion_loss loss = {.mean = 0.1}, bursts = loss_of("loss=10%,burst=10");
	struct loss_chain c;
	(void)state;
	loss_chain_init(&c, &loss, 3);
	assert_int_equal(c.states, 1);
	assert_true(fabs(loss_chain_none_missing(&c, 1000) - pow(0.999, 1000)) < 1e-9);
	loss_chain_init(&c, &bursts, LOSS_CHAIN_MAX_TIMES + 1);
	assert_int_equal(c.states, 1);
	loss_chain_init(&c, &loss, 0); /* not sent at all */
	assert_true(loss_chain_none_missing(&c, 1) == 0 && loss_chain_none_missing(&c, 0) == 1);
}

/* Two states that are known only by their mean and variance: the worse one loses all. */
static void test_states_that_are_not_told(void **state)
{
	struct completion_loss loss = loss_of("gilbert=0.02 0.1 0.05 1");
	struct loss_chain told, guessed;
	(void)state;
	loss_chain_init(&told, &loss, 2);
	loss.bad = 0;
	loss_chain_init(&guessed, &loss, 2);
	for (unsigned i = 0; i < told.states; i++) {
		assert_true(fabs(told.start[i] - guessed.start[i]) < 1e-9);
		assert_true(fabs(told.missing[i] - guessed.missing[i]) < 1e-9);
	}
}

/* 60 symbols, twice over a channel of Gilbert and Elliott's, a hundred thousand times. */
static void test_as_played(void **state)
{
	struct channel_config config = {0};
	struct completion_loss loss;
	struct loss_chain c;
	struct channel ch;
	unsigned whole = 0;
	double model;
	(void)state;
	assert_int_equal(channel_config_parse(&config, "gilbert=0.03 0.2 0.02 0.7"), 0);
	loss = channel_completion_loss(&config, 1);
	loss_chain_init(&c, &loss, 2);
	model = loss_chain_none_missing(&c, 60);
	for (unsigned n = 0; n < 100000; n++) {
		uint64_t lost[2] = {0, 0};
		for (unsigned t = 0; t < 2; t++) {
			channel_init(&ch, &config, 5 + t, n);
			for (unsigned i = 0; i < 60; i++)
				lost[t] |= (uint64_t)channel_loses(&ch) << i;
		}
		whole += (lost[0] & lost[1]) == 0;
	}
	/* Four standard deviations. */
	assert_true(fabs(whole / 1e5 - model) < 4 * sqrt(model * (1 - model) / 1e5));
	assert_true(model > 0.1 && model < 0.9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_states_are_stationary),
		cmocka_unit_test(test_without_bursts),
		cmocka_unit_test(test_states_that_are_not_told),
		cmocka_unit_test(test_as_played),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
