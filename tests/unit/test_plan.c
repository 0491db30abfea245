#include "tests/lib/test.h"

#include "carousel-tx/plan.h"
#include "common/carousel_error.h"

#include <math.h>

static struct plan_config config_of(const struct plan_image *images, size_t count)
{
	return (struct plan_config){
		.rate_bps = 2000000, .duty = 1, .percentile = 0.999, .images = images, .num_images = count};
}

/* By hand: 64 MiB in symbols of 1024 bytes are 65536 packets of 1073 bytes; at 2 Mbit/s 281.3 s. */
static void test_one_image_by_hand(void **state)
{
	const struct plan_image image = {.size_bytes = 64u << 20, .needed = 1, .weight = 1};
	struct plan_config c = config_of(&image, 1);
	struct plan_result r;
	(void)state;
	assert_int_equal(plan_compute(&c, &r, NULL), 0);
	assert_true(r.share == 1);
	assert_int_equal(r.num_blocks, 4);
	assert_true(fabs(r.cycle_s - 65536.0 * 1073 * 8 / 2e6) < 1e-6);
	assert_true(r.airtime_s >= r.cycle_s && r.airtime_s < r.cycle_s * 1.001);
	assert_true(r.elapsed_s == r.airtime_s);
	/* 20 % of loss, 5 % for control, on a quarter of the day. */
	c.loss.mean = 0.2;
	c.control_share = 0.05;
	c.duty = 0.25;
	assert_int_equal(plan_compute(&c, &r, NULL), 0);
	assert_true(r.airtime_s > 281.277 / 0.8 / 0.95 && r.airtime_s < 1.02 * 281.277 / 0.8 / 0.95);
	assert_true(fabs(r.elapsed_s - 4 * r.airtime_s) < 1e-6);
	assert_true(r.overhead > 0.25 && r.overhead < 0.28);
	assert_true(fabs(plan_rate_for(&c, &r, r.elapsed_s / 3) - 6e6) < 1);
}

static void test_rate_is_shared(void **state)
{
	const struct plan_image weighted[] = {
		{.size_bytes = 1000000, .needed = 1, .weight = 3}, {.size_bytes = 9000000, .needed = 1, .weight = 1}};
	const struct plan_image wanted[] = {{.size_bytes = 1000000, .needed = 1, .demand = 900000},
		{.size_bytes = 1000000, .needed = 1, .demand = 100000}, {.size_bytes = 1000000, .needed = 1}};
	struct plan_config c = config_of(weighted, 2);
	struct plan_result r[3];
	(void)state;
	assert_int_equal(plan_compute(&c, r, NULL), 0);
	assert_true(fabs(r[0].share - 0.75) < 1e-12 && fabs(r[1].share - 0.25) < 1e-12);
	assert_true(fabs(r[1].cycle_s / r[0].cycle_s - 27) < 0.1);
	/* Square root of demand times size; who is not wanted is not starved. */
	c = config_of(wanted, 3);
	assert_int_equal(plan_compute(&c, r, NULL), 0);
	assert_true(fabs(r[0].share / r[1].share - 3) < 1e-9);
	assert_true(r[2].share > 0.005 && isfinite(r[2].elapsed_s));
	assert_true(fabs(r[0].share + r[1].share + r[2].share - 1) < 1e-12);
	/* Nothing known at all: equal shares. */
	const struct plan_image unknown[] = {{.size_bytes = 5, .needed = 1}, {.size_bytes = 7, .needed = 1}};
	c = config_of(unknown, 2);
	assert_int_equal(plan_compute(&c, r, NULL), 0);
	assert_true(r[0].share == 0.5 && r[1].share == 0.5);
}

static void test_what_boxes_have_saves_airtime(void **state)
{
	const struct plan_image image = {.size_bytes = 64u << 20, .needed = 0.08, .weight = 1},
				nothing = {.size_bytes = 64u << 20, .needed = 0, .weight = 1};
	struct plan_config c = config_of(&image, 1);
	struct plan_result r;
	(void)state;
	assert_int_equal(plan_compute(&c, &r, NULL), 0);
	assert_true(fabs(r.airtime_s / r.cycle_s - 0.08) < 0.001);
	c = config_of(&nothing, 1);
	assert_int_equal(plan_compute(&c, &r, NULL), 0);
	assert_true(r.airtime_s == 0 && r.overhead == 0);
}

static void test_blocks(void **state)
{
	(void)state;
	assert_int_equal(plan_blocks(0, 1024, 16384), 1);
	assert_int_equal(plan_blocks(1, 1024, 16384), 1);
	assert_int_equal(plan_blocks(16384u * 1024, 1024, 16384), 1);
	assert_int_equal(plan_blocks(16384u * 1024 + 1, 1024, 16384), 2);
	assert_int_equal(plan_blocks((uint64_t)1 << 36, 1024, 16384), 255);
}

static void test_refuses_and_names_what(void **state)
{
	struct plan_image image = {.size_bytes = 1, .needed = 1, .weight = 1};
	struct plan_result r;
	const struct plan_config good = config_of(&image, 1);
	struct plan_config c;
	const char *what;
	(void)state;
#define REFUSED(change, name)                                                                                          \
	do {                                                                                                           \
		c = good;                                                                                              \
		change;                                                                                                \
		assert_int_equal(plan_compute(&c, &r, &what), CAROUSEL_E_RANGE);                                       \
		assert_int_equal(strncmp(what, name ": not within", strlen(name) + 12), 0);                            \
	} while (0)
	REFUSED(c.rate_bps = 0, "rate");
	REFUSED(c.control_share = 0.6, "control share");
	REFUSED(c.symbol_size = 3, "symbol size");
	REFUSED(c.overhead_bytes = 10001, "overhead");
	REFUSED(c.block_symbols = 56404, "block symbols");
	REFUSED(c.loss.mean = 1, "loss");
	REFUSED(c.loss.mean = NAN, "loss");
	REFUSED(c.duty = 0, "duty");
	REFUSED(c.percentile = 1, "percentile");
	REFUSED(c.percentile = 0, "percentile");
	REFUSED(image.size_bytes = 0, "image size");
	image.size_bytes = 1;
	REFUSED(image.needed = -0.1, "needed share");
	image.needed = 1;
	REFUSED(image.demand = -1, "demand");
	image.demand = 0;
	c = good;
	c.num_images = PLAN_MAX_IMAGES + 1;
	assert_int_equal(plan_compute(&c, &r, &what), CAROUSEL_E_LIMIT);
	assert_true(isinf(plan_rate_for(&good, &r, 0)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_image_by_hand),
		cmocka_unit_test(test_rate_is_shared),
		cmocka_unit_test(test_what_boxes_have_saves_airtime),
		cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_refuses_and_names_what),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
