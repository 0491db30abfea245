#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "sim/gilbert.h"
#include "tests/lib/fault_alloc.h"

#include <math.h>

/* A trace of a channel, as a recorder would have it. */
static struct trace *recorded(const struct channel_config *config, uint64_t seed, unsigned packets)
{
	struct trace *t = calloc(1, sizeof *t);
	struct channel ch;
	bool before = false;
	t->runs = calloc(packets, sizeof *t->runs);
	t->num_runs = 1;
	channel_init(&ch, config, seed, 0);
	for (unsigned i = 0; i < packets; i++) {
		const bool lost = channel_loses(&ch);
		if (before && !lost)
			t->num_runs++;
		t->runs[t->num_runs - 1].lost += lost;
		t->runs[t->num_runs - 1].received += !lost;
		t->lost += lost;
		t->received += !lost;
		before = lost;
	}
	return t;
}

static double relative(double measured, double expected)
{
	return fabs(measured / expected - 1);
}

static void test_finds_independent_losses(void **state)
{
	const struct channel_config c = {.loss = 0.05};
	struct trace *t = recorded(&c, 1, 300000);
	struct gilbert_fit fit;
	(void)state;
	assert_int_equal(gilbert_fit(t, NULL, &fit), 0);
	assert_int_equal(fit.best, GILBERT_BERNOULLI);
	assert_true(relative(fit.candidates[GILBERT_BERNOULLI].model.to_bad, 0.05) < 0.05);
	assert_true(fit.candidates[GILBERT_BERNOULLI].lost_runs.p_value > 0.001);
	assert_true(fit.candidates[GILBERT_BERNOULLI].received_runs.p_value > 0.001);
	assert_true(fit.candidates[GILBERT_BERNOULLI].received_runs.degrees >= 4);
	trace_free(t);
}

static void test_finds_gilbert(void **state)
{
	const struct channel_config c = {.kind = CHANNEL_GILBERT, .gilbert = {0.005, 0.1, 0, 1}};
	struct trace *t = recorded(&c, 2, 400000);
	struct gilbert_fit fit;
	(void)state;
	assert_int_equal(gilbert_fit(t, NULL, &fit), 0);
	assert_int_equal(fit.best, GILBERT_SIMPLE);
	assert_true(relative(fit.candidates[GILBERT_SIMPLE].model.to_bad, 0.005) < 0.1);
	assert_true(relative(fit.candidates[GILBERT_SIMPLE].model.to_good, 0.1) < 0.1);
	assert_true(fit.candidates[GILBERT_SIMPLE].lost_runs.p_value > 0.001);
	/* And that independent losses do not explain it. */
	assert_true(fit.candidates[GILBERT_BERNOULLI].lost_runs.p_value < 1e-6);
	assert_true(relative(fit.mean_burst, 10) < 0.1);
	trace_free(t);
}

static void test_finds_gilbert_elliott(void **state)
{
	const struct channel_config c = {.kind = CHANNEL_GILBERT, .gilbert = {0.002, 0.02, 0.01, 0.4}};
	struct trace *t = recorded(&c, 3, 400000);
	const struct channel_gilbert *g;
	struct gilbert_fit fit;
	(void)state;
	assert_int_equal(gilbert_fit(t, NULL, &fit), 0);
	assert_int_equal(fit.best, GILBERT_ELLIOTT);
	g = &fit.candidates[GILBERT_ELLIOTT].model;
	assert_true(relative(g->to_bad, 0.002) < 0.2);
	assert_true(relative(g->to_good, 0.02) < 0.2);
	assert_true(relative(g->loss_good, 0.01) < 0.15);
	assert_true(relative(g->loss_bad, 0.4) < 0.1);
	assert_true(fit.candidates[GILBERT_ELLIOTT].lost_runs.p_value > 0.001);
	assert_true(fit.candidates[GILBERT_ELLIOTT].received_runs.p_value > 0.001);
	assert_true(fit.candidates[GILBERT_SIMPLE].received_runs.p_value < 1e-6);
	trace_free(t);
}

/* Known parameters, trace after trace, within four standard errors; and the goodness of fit is honest: a trace of the
 * very model rarely has a small p. */
static void test_recovers_within_statistics(void **state)
{
	const double loss = 0.1;
	const struct channel_gilbert known = {0.02, 0.2, 0, 1};
	const struct channel_config independent = {.loss = loss}, bursts = {.kind = CHANNEL_GILBERT, .gilbert = known};
	unsigned small = 0, below_half = 0;
	(void)state;
	for (uint64_t seed = 10; seed < 60; seed++) {
		struct trace *t = recorded(&bursts, seed, 10000);
		struct gilbert_fit fit;
		assert_int_equal(gilbert_fit(t, NULL, &fit), 0);
		below_half += fit.candidates[GILBERT_SIMPLE].lost_runs.p_value < 0.5;
		below_half += fit.candidates[GILBERT_SIMPLE].received_runs.p_value < 0.5;
		trace_free(t);
	}
	/* A fair p is below 0.5 half the time; 34 and 66 of 100 are three standard deviations off. */
	assert_in_range(below_half, 34, 66);
	for (uint64_t seed = 10; seed < 22; seed++) {
		struct trace *t = recorded(&independent, seed, 10000);
		struct gilbert_fit fit;
		const struct channel_gilbert *g;
		assert_int_equal(gilbert_fit(t, NULL, &fit), 0);
		assert_true(fabs(fit.candidates[GILBERT_BERNOULLI].model.to_bad - loss) <
			    4 * sqrt(loss * (1 - loss) / 10000));
		small += fit.candidates[GILBERT_BERNOULLI].lost_runs.p_value < 0.05;
		small += fit.candidates[GILBERT_BERNOULLI].received_runs.p_value < 0.05;
		trace_free(t);
		t = recorded(&bursts, seed, 10000);
		assert_int_equal(gilbert_fit(t, NULL, &fit), 0);
		g = &fit.candidates[GILBERT_SIMPLE].model;
		assert_true(fabs(g->to_bad - known.to_bad) <
			    4 * sqrt(known.to_bad * (1 - known.to_bad) / (double)t->received));
		assert_true(fabs(g->to_good - known.to_good) <
			    4 * sqrt(known.to_good * (1 - known.to_good) / (double)t->lost));
		small += fit.candidates[GILBERT_SIMPLE].lost_runs.p_value < 0.05;
		small += fit.candidates[GILBERT_SIMPLE].received_runs.p_value < 0.05;
		trace_free(t);
	}
	/* Of 48 tests 2.4 are expected; 11 and more would come by chance in 1 of 50000 cases. */
	assert_true(small <= 10);
}

/* Runs as long as they may be, and nothing but alternation: bounded time, finite numbers. */
static void test_hostile_traces(void **state)
{
	static const struct trace_run shapes[][2] = {{{TRACE_MAX_RUN, TRACE_MAX_RUN}, {1, TRACE_MAX_RUN}},
		{{1, 1}, {1, 1}}, {{TRACE_MAX_RUN, 1}, {TRACE_MAX_RUN, 1}}, {{1, TRACE_MAX_RUN}, {1, TRACE_MAX_RUN}}};
	(void)state;
	for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
		static struct trace_run runs[2000];
		struct trace t = {.runs = runs, .num_runs = 2000};
		struct gilbert_fit fit;
		for (size_t k = 0; k < 2000; k++) {
			runs[k] = shapes[i][k % 2];
			t.received += runs[k].received;
			t.lost += runs[k].lost;
		}
		if (gilbert_fit(&t, NULL, &fit) != 0)
			continue;
		for (unsigned m = 0; m < GILBERT_NUM_MODELS; m++) {
			const struct gilbert_candidate *c = &fit.candidates[m];
			assert_true(isfinite(c->bic) && c->model.loss_bad >= 0 && c->model.loss_bad <= 1);
			assert_true(c->lost_runs.p_value >= 0 && c->lost_runs.p_value <= 1);
			assert_true(c->received_runs.p_value >= 0 && c->received_runs.p_value <= 1);
		}
	}
}

/* The distribution of run lengths against a count over a long channel. */
static void test_run_tail(void **state)
{
	const struct channel_config c = {.kind = CHANNEL_GILBERT, .gilbert = {0.05, 0.2, 0.1, 0.7}};
	struct trace *t = recorded(&c, 4, 1000000);
	double runs = 0, at_least[12] = {0};
	(void)state;
	for (size_t i = 0; i < t->num_runs; i++)
		if (t->runs[i].lost) {
			runs++;
			for (unsigned n = 1; n < 12 && n <= t->runs[i].lost; n++)
				at_least[n]++;
		}
	for (unsigned n = 1; n < 12; n++)
		assert_true(fabs(gilbert_run_tail(&c.gilbert, true, n) - at_least[n] / runs) < 0.005);
	assert_true(fabs(gilbert_run_tail(&(struct channel_gilbert){0.1, 0.25, 0, 1}, true, 4) - 0.421875) < 1e-12);
	trace_free(t);
}

static void test_refuses_too_little(void **state)
{
	struct trace_run run = {2000, 0};
	struct trace t = {.runs = &run, .num_runs = 1, .received = 2000};
	struct gilbert_fit fit;
	(void)state;
	assert_int_equal(gilbert_fit(&t, NULL, &fit), CAROUSEL_E_NEED_MORE);
	run = (struct trace_run){0, 2000};
	t.received = 0;
	t.lost = 2000;
	assert_int_equal(gilbert_fit(&t, NULL, &fit), CAROUSEL_E_NEED_MORE);
	run = (struct trace_run){990, 9};
	t.received = 990;
	t.lost = 9;
	assert_int_equal(gilbert_fit(&t, NULL, &fit), CAROUSEL_E_NEED_MORE);
}

static int attempt(const struct carousel_allocator *allocator, void *user)
{
	struct gilbert_fit fit;
	return gilbert_fit(user, allocator, &fit);
}

static void test_no_memory(void **state)
{
	const struct channel_config c = {.loss = 0.05};
	struct trace *t = recorded(&c, 5, 2000);
	(void)state;
	assert_int_equal(fault_alloc_all(attempt, t), 2);
	trace_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_finds_independent_losses),
		cmocka_unit_test(test_finds_gilbert),
		cmocka_unit_test(test_finds_gilbert_elliott),
		cmocka_unit_test(test_recovers_within_statistics),
		cmocka_unit_test(test_hostile_traces),
		cmocka_unit_test(test_run_tail),
		cmocka_unit_test(test_refuses_too_little),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
