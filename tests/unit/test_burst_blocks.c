/* Limits that are known; test_occupancy plays receivers. */
#include "tests/lib/test.h"

#include "carousel-tx/burst_blocks.h"
#include "common/beta.h"
#include "sim/channel.h"

#include <math.h>

static struct completion_loss loss_of(const char *text)
{
	struct channel_config channel = {0};
	assert_int_equal(channel_config_parse(&channel, text), 0);
	return channel_completion_loss(&channel, 1);
}

/* One block, all of it sent once, symbols lost independently: a binomial number is missing. */
static void test_binomial(void **state)
{
	const struct burst_blocks b = {.source = 100, .repair = 20, .chunk = 4, .num_blocks = 1};
	const struct completion_loss loss = {.mean = 0.15};
	const double fails = beta_regularised(21, 100, 0.15);
	struct burst_blocks many = b;
	(void)state;
	assert_true(fabs(burst_blocks_done(&b, &loss, 1) - (1 - fails)) < 1e-9);
	many.num_blocks = 30;
	assert_true(fabs(burst_blocks_done(&many, &loss, 1) - pow(1 - fails, 30)) < 1e-9);
	assert_true(fabs(burst_blocks_done(&b, &loss, 2) - (1 - beta_regularised(21, 100, 0.0225))) < 1e-9);
}

/* Bursts far longer than everything: a block has all or nothing. */
static void test_endless_bursts(void **state)
{
	const struct burst_blocks b = {.source = 20, .repair = 5, .chunk = 4, .num_blocks = 1};
	const struct completion_loss loss = loss_of("loss=30%,burst=1e6");
	(void)state;
	assert_true(fabs(burst_blocks_done(&b, &loss, 1) - 0.7) < 1e-3);
	assert_true(fabs(burst_blocks_done(&b, &loss, 3) - (1 - 0.027)) < 1e-3);
}

static void test_more_is_better(void **state)
{
	static const struct burst_blocks shapes[] = {
		{200, 55, 4, 40}, {24, 8, 4, 300}, {22, 8, 4, 3}, {1, 254, 1, 7}, {3, 1, 3, 1}, {64, 191, 64, 9}};
	static const char *const losses[] = {"loss=0", "loss=20%", "loss=20%,burst=8", "gilbert=0.3 0.4 0.1 0.9"};
	(void)state;
	for (unsigned s = 0; s < sizeof shapes / sizeof shapes[0]; s++)
		for (unsigned l = 0; l < sizeof losses / sizeof losses[0]; l++) {
			const struct completion_loss loss = loss_of(losses[l]);
			double before = 0;
			for (double cycles = 0; cycles < 3.2; cycles += 0.4) {
				const double done = burst_blocks_done(&shapes[s], &loss, cycles);
				assert_true(done >= before - 1e-9 && done <= 1 + 1e-9);
				before = done;
			}
			assert_true(burst_blocks_done(&shapes[s], &loss, 200) > 1 - 1e-9);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_binomial),
		cmocka_unit_test(test_endless_bursts),
		cmocka_unit_test(test_more_is_better),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
