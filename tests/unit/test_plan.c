#include "tests/lib/test.h"

#include "carousel-tx/plan.h"
#include "common/carousel_error.h"
#include "tests/lib/tx_fixture.h"
#include "tests/lib/tx_session.h"

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

/* A pass of each of two images, as the transmitter's core measures it on a channel whose documents take all of their
 * share, is the one that is planned. */
static void test_what_the_transmitter_does(void **state)
{
	const struct tx_channel_config channel = {.name = "main", .rate_bps = 200000};
	struct tx_config config = fixture_config(&channel);
	struct published p[2];
	struct plan_image images[2];
	struct plan_result r[2];
	struct plan_config c = config_of(images, 2);
	uint64_t now = FIXTURE_START_NS;
	uint8_t *map = fixture_bytes(20000, 1);
	struct tx *tx;
	json_t *status, *object;
	unsigned found = 0;
	size_t k;
	(void)state;
	config.leave_out_payload = true;
	tx = fixture_tx(&config, now);
	fixture_publish(tx, &p[0], "a", 1, 500000, FEC_RAPTORQ, OBJECT_STRIPED, now);
	fixture_publish(tx, &p[1], "b", 1, 300000, FEC_REED_SOLOMON_GF256, OBJECT_LINEAR, now);
	assert_int_equal(tx_set_weight(tx, p[0].spec.sha256, 3), 0);
	assert_int_equal(tx_set_document(tx, TX_ROLE_MAP, NULL, map, 20000, now), 0);
	fixture_run(tx, 0, NULL, &now, now + 300 * 1000000000ull, 0);
	for (unsigned i = 0; i < 2; i++)
		images[i] = (struct plan_image){.size_bytes = i ? 300000 : 500000,
			.needed = 1,
			.weight = i ? 1 : 3,
			.oti = &p[i].spec.layout.oti,
			.beside_bytes = 2 * 1073};
	c.rate_bps = channel.rate_bps;
	c.control_share = 0.05;
	assert_int_equal(plan_compute(&c, r, NULL), 0);
	status = tx_status(tx, now);
	json_array_foreach(json_object_get(status, "objects"), k, object)
	{
		const char *class_name = json_string_value(json_object_get(object, "class"));
		const double cycle_s = json_number_value(json_object_get(object, "cycle_s"));
		const unsigned i = class_name && class_name[0] == 'b';
		if (strcmp(json_string_value(json_object_get(object, "role")), "image") != 0)
			continue;
		assert_true(json_is_true(json_object_get(object, "cycle_measured")));
		assert_true(fabs(cycle_s / r[i].cycle_s - 1) < 0.02);
		assert_int_equal(r[i].num_blocks, p[i].spec.layout.oti.num_blocks);
		found++;
	}
	assert_int_equal(found, 2);
	json_decref(status);
	tx_free(tx);
	published_free(&p[0]);
	published_free(&p[1]);
	free(map);
}

/* An image's own FEC parameters go before the config's, and count like the same ones there. */
static void test_own_parameters(void **state)
{
	struct fec_oti oti = {.encoding_id = FEC_REED_SOLOMON_GF256,
		.symbol_size = 512,
		.num_blocks = 56,
		.max_block_symbols = 150,
		.max_encoding_symbols = 200};
	struct plan_image image = {.size_bytes = 56 * 150 * 512, .needed = 1, .weight = 1};
	struct plan_config c = config_of(&image, 1);
	struct plan_result by_config, own;
	const char *what;
	(void)state;
	c.loss.mean = 0.1;
	c.fec = PLAN_REED_SOLOMON;
	c.symbol_size = 512;
	c.block_symbols = 150;
	c.encoding_symbols = 200;
	assert_int_equal(plan_compute(&c, &by_config, NULL), 0);
	c.fec = PLAN_RAPTORQ;
	c.symbol_size = c.block_symbols = c.encoding_symbols = 0;
	image.oti = &oti;
	assert_int_equal(plan_compute(&c, &own, NULL), 0);
	assert_int_equal(own.num_blocks, by_config.num_blocks);
	assert_true(own.symbols == by_config.symbols && own.overhead == by_config.overhead);
	assert_true(own.cycle_s == by_config.cycle_s && own.elapsed_s == by_config.elapsed_s);
	/* What goes beside each pass makes it so much longer. */
	image.beside_bytes = 56 * 150 * (512 + 49);
	assert_int_equal(plan_compute(&c, &own, NULL), 0);
	assert_true(fabs(own.airtime_s / by_config.airtime_s - 2) < 1e-9);
	oti.num_blocks = 0;
	assert_int_equal(plan_compute(&c, &own, &what), CAROUSEL_E_RANGE);
	oti.num_blocks = 56;
	oti.encoding_id = 77;
	assert_int_equal(plan_compute(&c, &own, &what), CAROUSEL_E_RANGE);
	oti.encoding_id = FEC_RAPTORQ;
	image.beside_bytes = UINT64_MAX;
	assert_int_equal(plan_compute(&c, &own, &what), CAROUSEL_E_RANGE);
	assert_int_equal(strncmp(what, "bytes beside", 12), 0);
}

static void test_whole_and_json(void **state)
{
	const struct plan_image images[] = {{.name = "a", .size_bytes = 1000000, .needed = 1, .weight = 1},
		{.name = "b", .size_bytes = 5000000, .needed = 1, .weight = 1}};
	struct plan_config c = config_of(images, 2);
	struct plan_result r[2], whole;
	json_t *json, *first;
	(void)state;
	assert_int_equal(plan_compute(&c, r, NULL), 0);
	whole = plan_whole(&c, r);
	assert_true(whole.cycle_s == r[1].cycle_s && whole.elapsed_s == r[1].elapsed_s);
	assert_true(fabs(whole.share - 1) < 1e-12 && fabs(whole.rate_bps - 2e6) < 1e-3);
	json = plan_json(&c, r, 7e6);
	assert_non_null(json);
	first = json_array_get(json_object_get(json, "images"), 0);
	assert_string_equal(json_string_value(json_object_get(json, "format")), "carousel-plan/1");
	assert_string_equal(json_string_value(json_object_get(json, "fec")), "raptorq");
	assert_string_equal(json_string_value(json_object_get(first, "name")), "a");
	assert_true(json_number_value(json_object_get(first, "cycle_s")) == r[0].cycle_s);
	assert_true(json_number_value(json_object_get(json_object_get(json, "carousel"), "cycle_s")) == whole.cycle_s);
	assert_true(json_number_value(json_object_get(json, "rate_needed_bps")) == 7e6);
	json_decref(json);
	json = plan_json(&c, r, 0);
	assert_null(json_object_get(json, "rate_needed_bps"));
	json_decref(json);
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
		cmocka_unit_test(test_what_the_transmitter_does),
		cmocka_unit_test(test_own_parameters),
		cmocka_unit_test(test_whole_and_json),
		cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_refuses_and_names_what),
	};
	return cmocka_run_group_tests(tests, fixture_signer, NULL);
}
