#include "tests/lib/test.h"

#include "carousel-tx/occupancy.h"
#include "common/carousel_error.h"
#include "sim/download.h"
#include "tests/lib/fault_alloc.h"

#include <math.h>

/* 1 MiB in blocks of 200 out of 255, or as the scheme has it. */
static void scenario_of(struct scenario *s, uint8_t encoding_id, double have, const char *losses)
{
	memset(s, 0, sizeof *s);
	s->transmitter.wish = (struct object_layout_wish){.kind = OBJECT_STRIPED,
		.encoding_id = encoding_id,
		.symbol_size = 1024,
		.block_symbols = encoding_id == FEC_REED_SOLOMON_GF256 ? 200 : 1024,
		.max_encoding_symbols = encoding_id == FEC_REED_SOLOMON_GF256 ? 255 : 0};
	s->images[0].size_bytes = 1u << 20;
	assert_int_equal(object_layout_choose(&s->images[0].layout, &s->transmitter.wish, 1u << 20), 0);
	s->num_images = s->num_groups = 1;
	s->groups[0].have = have;
	assert_int_equal(channel_config_parse(&s->groups[0].channel, losses), 0);
}

static double symbols_of(uint8_t encoding_id, double have, const char *losses, bool is_partly)
{
	static struct scenario s;
	static struct download d;
	double symbols = -1;
	scenario_of(&s, encoding_id, have, losses);
	download_init(&d, NULL, &s);
	assert_int_equal(download_symbols(&d, 0, 0, is_partly, 0.3, 0.5, 0.5, &symbols), 0);
	assert_int_equal(download_is_cyclic(&s), encoding_id != FEC_RAPTORQ);
	download_deinit(&d);
	return symbols;
}

static void test_schemes(void **state)
{
	const double fountain = symbols_of(FEC_RAPTORQ, 0, "loss=10%", false);
	const double code = symbols_of(FEC_REED_SOLOMON_GF256, 0, "loss=10%", false);
	const double plain = symbols_of(FEC_COMPACT_NO_CODE, 0, "loss=10%", false);
	(void)state;
	assert_true(fabs(fountain / (1024 / 0.9) - 1) < 0.01);
	assert_true(code > fountain && code < 1.1 * fountain);
	assert_true(plain > 3 * 1024 && plain < 5 * 1024);
	/* Without losses each needs what it is. */
	assert_true(fabs(symbols_of(FEC_RAPTORQ, 0, "loss=0", false) - 1024) < 1);
	assert_true(fabs(symbols_of(FEC_REED_SOLOMON_GF256, 0, "loss=0", false) - 1024) < 11);
	assert_true(fabs(symbols_of(FEC_COMPACT_NO_CODE, 0, "loss=0", false) - 1024) < 2);
	/* Bursts are played; their mean is what it was. */
	assert_true(fabs(symbols_of(FEC_REED_SOLOMON_GF256, 0, "loss=10%,burst=3", false) / code - 1) < 0.05);
}

/* Who has nine tenths: repair symbols of Reed-Solomon are as good as any, those of no code are what they are. */
static void test_partly(void **state)
{
	const double code = symbols_of(FEC_REED_SOLOMON_GF256, 0.9, "loss=10%", true);
	const double plain = symbols_of(FEC_COMPACT_NO_CODE, 0.9, "loss=10%", true);
	const double played = symbols_of(FEC_REED_SOLOMON_GF256, 0.9, "loss=10%,burst=2", true);
	(void)state;
	assert_true(symbols_of(FEC_RAPTORQ, 0.9, "loss=10%", true) < 130);
	assert_true(code < 0.5 * symbols_of(FEC_REED_SOLOMON_GF256, 0.9, "loss=10%", false));
	assert_true(plain > 2000);
	assert_true(fabs(played / code - 1) < 0.2);
	assert_true(symbols_of(FEC_REED_SOLOMON_GF256, 1, "loss=10%", true) == 0);
}

static int attempt(const struct carousel_allocator *allocator, void *user)
{
	static struct download d;
	double symbols;
	int result;
	download_init(&d, allocator, user);
	result = download_symbols(&d, 0, 0, false, 0.3, 0.5, 0.5, &symbols);
	download_deinit(&d);
	return result;
}

static void test_no_memory(void **state)
{
	static struct scenario s;
	(void)state;
	scenario_of(&s, FEC_REED_SOLOMON_GF256, 0, "loss=10%");
	assert_int_equal(fault_alloc_all(attempt, &s), 1);
	scenario_of(&s, FEC_REED_SOLOMON_GF256, 0, "loss=10%,burst=3");
	assert_int_equal(fault_alloc_all(attempt, &s), 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_schemes),
		cmocka_unit_test(test_partly),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
