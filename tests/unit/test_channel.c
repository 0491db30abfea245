/* covers: sim/channel.c sim/channel_config.c */
#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "common/hash.h"
#include "sim/channel.h"

#include <math.h>

#define PACKETS 200000u

struct statistics {
	double loss, burst; /* mean length of runs of lost packets */
	uint64_t duplicated, reordered, corrupted;
};

static struct statistics measured(const struct channel_config *config, uint64_t seed)
{
	struct statistics s = {0};
	struct channel_fate fate;
	struct channel ch;
	unsigned lost = 0, bursts = 0;
	bool before = false;
	assert_int_equal(channel_config_check(config), 0);
	channel_init(&ch, config, seed, 0);
	for (unsigned i = 0; i < PACKETS; i++) {
		channel_pass(&ch, i, 1024, &fate);
		const bool is_lost = fate.verdict != CHANNEL_PASSED;
		assert_int_equal(fate.num_copies == 0, is_lost);
		lost += is_lost;
		bursts += is_lost && !before;
		before = is_lost;
	}
	assert_true(ch.passed + ch.lost + ch.out == PACKETS);
	s.loss = (double)lost / PACKETS;
	s.burst = bursts ? (double)lost / bursts : 0;
	s.duplicated = ch.duplicated;
	s.reordered = ch.reordered;
	s.corrupted = ch.corrupted;
	return s;
}

static void test_bernoulli(void **state)
{
	struct channel_config c = {.loss = 0.1};
	struct statistics s = measured(&c, 1);
	(void)state;
	/* Five standard deviations of a binomial. */
	assert_true(fabs(s.loss - 0.1) < 5 * sqrt(0.09 / PACKETS));
	assert_true(fabs(s.burst - 1 / 0.9) < 0.02);
	c.loss = 0;
	assert_true(measured(&c, 1).loss == 0);
	c.loss = 1;
	assert_true(measured(&c, 1).loss == 1);
}

static void test_gilbert(void **state)
{
	struct channel_config c = {0};
	struct statistics s;
	(void)state;
	assert_int_equal(channel_config_parse(&c, "loss=5%,burst=20"), 0);
	assert_true(fabs(channel_mean_loss(&c) - 0.05) < 1e-12);
	s = measured(&c, 2);
	/* The variance of the mean is that of a Bernoulli process times (1 + r) / (1 - r), r = 1 - to_bad - to_good. */
	assert_true(fabs(s.loss - 0.05) < 5 * sqrt(0.05 * 0.95 / PACKETS * 38));
	assert_true(fabs(s.burst - 20) < 2);
	assert_int_equal(channel_config_parse(&c, "gilbert=0.01 0.1 0.02 0.5"), 0);
	assert_true(fabs(channel_mean_loss(&c) - (0.01 * 0.5 + 0.1 * 0.02) / 0.11) < 1e-12);
	assert_true(fabs(measured(&c, 3).loss - channel_mean_loss(&c)) < 0.01);
}

static void test_trace(void **state)
{
	static const char text[] = "carousel-trace 1\n90 10\n5 0\n0 5\n";
	struct channel_config c = {.kind = CHANNEL_TRACE};
	struct statistics s;
	struct channel ch;
	struct trace *t;
	unsigned came = 0;
	(void)state;
	assert_int_equal(channel_config_check(&c), CAROUSEL_E_ARGUMENT);
	assert_int_equal(trace_parse(&t, NULL, text, sizeof text - 1, NULL), 0);
	c.trace = t;
	s = measured(&c, 4);
	assert_true(fabs(s.loss - 15.0 / 110) < 0.001);
	/* Every channel plays the same trace, from its own point: any whole round of it has the trace's counts. */
	for (uint64_t stream = 0; stream < 50; stream++) {
		channel_init(&ch, &c, 1, stream);
		for (unsigned i = 0; i < 110; i++)
			came += !channel_loses(&ch);
	}
	assert_int_equal(came, 50 * 95);
	trace_free(t);
}

static void test_outages(void **state)
{
	struct timetable_window windows[] = {{1000, 2000}, {150000, 160000}};
	struct timetable t = {.windows = windows, .num_windows = 2};
	struct channel_config c = {.outages = &t};
	struct channel_fate fate;
	struct channel ch;
	(void)state;
	channel_init(&ch, &c, 1, 0);
	for (unsigned i = 0; i < PACKETS; i++) {
		channel_pass(&ch, i, 100, &fate);
		assert_int_equal(fate.verdict,
			(i >= 1000 && i < 2000) || (i >= 150000 && i < 160000) ? CHANNEL_OUTAGE : CHANNEL_PASSED);
	}
	assert_true(ch.out == 11000);
}

static void test_duplicates_reordering_jitter(void **state)
{
	struct channel_config c = {0};
	struct channel_fate fate;
	struct channel ch;
	double sum = 0;
	(void)state;
	assert_int_equal(
		channel_config_parse(&c, "duplicate=2%, reorder=3% ,reorder-by=5s,delay=250ms,jitter=100ms"), 0);
	channel_init(&ch, &c, 9, 0);
	for (unsigned i = 0; i < PACKETS; i++) {
		channel_pass(&ch, i, 100, &fate);
		for (unsigned k = 0; k < fate.num_copies; k++) {
			uint64_t delay =
				fate.delay_ns[k] >= 5000000000u ? fate.delay_ns[k] - 5000000000u : fate.delay_ns[k];
			assert_true(delay >= 250000000u && delay < 350000000u);
			sum += k == 0 ? (double)delay : 0;
		}
	}
	assert_true(fabs(sum / PACKETS / 1e6 - 300) < 1);
	assert_true(fabs((double)ch.duplicated / PACKETS - 0.02) < 0.002);
	assert_true(fabs((double)ch.reordered / (PACKETS + (double)ch.duplicated) - 0.03) < 0.002);
}

static void test_bit_errors(void **state)
{
	struct channel_config c = {.bit_error = 1e-5};
	struct channel_fate fate = {0};
	struct channel ch;
	uint64_t flips = 0;
	(void)state;
	channel_init(&ch, &c, 9, 0);
	for (unsigned i = 0; i < PACKETS; i++) {
		uint8_t data[100] = {0};
		unsigned set = 0;
		channel_pass(&ch, i, sizeof data, &fate);
		channel_corrupt(&fate, data, sizeof data);
		for (unsigned b = 0; b < sizeof data * 8; b++)
			set += data[b / 8] >> b % 8 & 1;
		assert_int_equal(set, fate.num_flips);
		flips += fate.num_flips;
	}
	assert_true(fabs((double)flips / PACKETS / 800 - 1e-5) < 1e-6);
	/* A shorter copy is never written past its end. */
	fate.num_flips = 1;
	fate.flips[0] = 799;
	uint8_t data[100] = {0};
	channel_corrupt(&fate, data, 1);
	assert_int_equal(data[99], 0);
	/* A channel that inverts everything inverts as many bits as a fate holds. */
	c.bit_error = 1;
	channel_init(&ch, &c, 9, 0);
	channel_pass(&ch, 0, 1000, &fate);
	assert_int_equal(fate.num_flips, CHANNEL_MAX_FLIPS);
	assert_int_equal(fate.flips[63], 63);
}

/* The digest of every fate of a run: the same on every machine and for ever, for scenarios' bounds rest on it. */
static void test_seed_reproduces_exactly(void **state)
{
	struct channel_config c = {0};
	char hex[2][2 * 8 + 1];
	(void)state;
	assert_int_equal(
		channel_config_parse(&c, "loss=10%,burst=7,duplicate=1%,reorder=1%,reorder-by=1s,jitter=20ms"), 0);
	for (unsigned run = 0; run < 2; run++) {
		static uint64_t log[PACKETS / 10];
		struct channel ch;
		uint8_t digest[8];
		channel_init(&ch, &c, 42, run == 0 ? 5 : 6);
		for (unsigned i = 0; i < PACKETS / 10; i++) {
			struct channel_fate fate;
			channel_pass(&ch, i, 1024, &fate);
			log[i] = fate.num_copies ? fate.delay_ns[fate.num_copies - 1] + fate.num_flips : 1;
		}
		assert_int_equal(hash_blake2b_64(log, sizeof log, digest), 0);
		hash_hex(hex[run], digest, 8);
	}
	assert_string_equal(hex[0], "6b5ddec675bd2e54");
	assert_string_not_equal(hex[0], hex[1]);
}

static void test_refuses(void **state)
{
	static const struct {
		const char *text;
		int code;
	} bad[] = {{"loss=101%", CAROUSEL_E_RANGE}, {"loss=-1", CAROUSEL_E_SYNTAX}, {"loss=nan", CAROUSEL_E_SYNTAX},
		{"loss=5%x", CAROUSEL_E_SYNTAX}, {"loss=", CAROUSEL_E_SYNTAX}, {"loss", CAROUSEL_E_SYNTAX},
		{"noise=1", CAROUSEL_E_UNKNOWN_WORD}, {"burst=0.5", CAROUSEL_E_RANGE},
		{"loss=100%,burst=2", CAROUSEL_E_RANGE}, {"loss=90%,burst=2", CAROUSEL_E_RANGE},
		{"gilbert=0.1", CAROUSEL_E_SYNTAX}, {"gilbert=0.1 0", CAROUSEL_E_RANGE},
		{"gilbert=0.1 0.1 0.1", CAROUSEL_E_SYNTAX}, {"gilbert=2 0.1", CAROUSEL_E_RANGE},
		{"gilbert=0.1 0.1 0 1 0", CAROUSEL_E_SYNTAX}, {"delay=5", CAROUSEL_E_SYNTAX},
		{"jitter=2h", CAROUSEL_E_RANGE}, {"reorder=x", CAROUSEL_E_SYNTAX}, {"bit-error=2", CAROUSEL_E_RANGE}};
	struct channel_config c = {.loss = 0.25};
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_int_equal(channel_config_parse(&c, bad[i].text), bad[i].code);
		assert_true(c.loss == 0.25 && c.kind == CHANNEL_BERNOULLI);
	}
	c.loss = NAN;
	assert_int_equal(channel_config_check(&c), CAROUSEL_E_RANGE);
	c = (struct channel_config){.kind = CHANNEL_GILBERT};
	assert_int_equal(channel_config_check(&c), CAROUSEL_E_RANGE);
	for (const char *const *key = channel_config_keys; *key; key++)
		assert_int_not_equal(channel_config_set(&c, *key, "1"), CAROUSEL_E_UNKNOWN_WORD);
}

static void test_model_changes_while_it_runs(void **state)
{
	struct channel_config clear = {0}, dead = {.loss = 1};
	struct channel_fate fate;
	struct channel ch;
	(void)state;
	channel_init(&ch, &clear, 1, 0);
	channel_pass(&ch, 0, 10, &fate);
	channel_set_config(&ch, &dead);
	channel_pass(&ch, 1, 10, &fate);
	assert_int_equal(fate.verdict, CHANNEL_LOST);
	assert_true(ch.passed == 1 && ch.lost == 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bernoulli),
		cmocka_unit_test(test_gilbert),
		cmocka_unit_test(test_trace),
		cmocka_unit_test(test_outages),
		cmocka_unit_test(test_duplicates_reordering_jitter),
		cmocka_unit_test(test_bit_errors),
		cmocka_unit_test(test_seed_reproduces_exactly),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_model_changes_while_it_runs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
