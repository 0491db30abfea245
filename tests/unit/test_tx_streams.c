/* covers: carousel-tx/object.c carousel-tx/scheduler.c */
#include "tests/lib/test.h"

#include "carousel-tx/tx.h"
#include "tests/lib/tx_fixture.h"
#include "tests/lib/tx_session.h"

#define SECOND_NS  1000000000ull
#define IMAGE_SIZE 300001u

static uint64_t packets_of(struct listener *l, struct fdt *fdt, const char *role, const char *class_name)
{
	return listener_find(l, FIXTURE_TSI, fdt_file_of(fdt, role, class_name)->toi)->packets;
}

static void test_weights_and_index(void **state)
{
	struct tx_config config = fixture_config(&fixture_slow);
	struct tx *tx = fixture_tx(&config, FIXTURE_START_NS);
	struct published a, b, c;
	struct listener l;
	struct fdt *fdt;
	uint64_t now = FIXTURE_START_NS, before;
	(void)state;
	fixture_publish(tx, &a, "a", 1, 500000, FEC_RAPTORQ, OBJECT_STRIPED, now);
	fixture_publish(tx, &b, "b", 2, 60000, FEC_RAPTORQ, OBJECT_STRIPED, now);
	assert_int_equal(tx_set_weight(tx, a.spec.sha256, 4), 0);
	listener_init(&l);
	fixture_run(tx, 0, &l, &now, now + 5 * SECOND_NS, 0);
	fdt = listener_fdt(&l, FIXTURE_TSI);
	assert_in_range(packets_of(&l, fdt, "image", "a") * 100 / packets_of(&l, fdt, "image", "b"), 385, 415);
	/* The index goes once with each pass of its image: 2000 bytes to 60000. */
	assert_in_range(packets_of(&l, fdt, "image", "b") / packets_of(&l, fdt, "index", "b"), 27, 33);
	before = packets_of(&l, fdt, "image", "b");
	fdt_free(fdt);

	/* One that comes later takes its share from then on, and no more. */
	fixture_publish(tx, &c, "c", 3, 60000, FEC_RAPTORQ, OBJECT_STRIPED, now);
	fixture_run(tx, 0, &l, &now, now + 3 * SECOND_NS, 0);
	fdt = listener_fdt(&l, FIXTURE_TSI);
	assert_in_range(
		packets_of(&l, fdt, "image", "c") * 100 / (packets_of(&l, fdt, "image", "b") - before), 90, 111);
	fdt_free(fdt);
	listener_deinit(&l);
	tx_free(tx);
	published_free(&a);
	published_free(&b);
	published_free(&c);
}

/* A new image is announced before its first symbol, and is not owed what it did not send meanwhile. */
static void test_lead(void **state)
{
	struct tx_config config = fixture_config(&fixture_slow);
	struct tx *tx;
	struct published a, b;
	struct listener l;
	struct fdt *fdt;
	uint64_t now = FIXTURE_START_NS, before;
	(void)state;
	config.lead_ns = SECOND_NS;
	tx = fixture_tx(&config, now);
	fixture_publish(tx, &a, "a", 1, 60000, FEC_RAPTORQ, OBJECT_STRIPED, now);
	listener_init(&l);
	fixture_run(tx, 0, &l, &now, FIXTURE_START_NS + SECOND_NS - 1, 0);
	fdt = listener_fdt(&l, FIXTURE_TSI);
	assert_non_null(fdt);
	assert_null(listener_find(&l, FIXTURE_TSI, fdt_file_of(fdt, "image", "a")->toi));
	fdt_free(fdt);
	fixture_run(tx, 0, &l, &now, FIXTURE_START_NS + 3 * SECOND_NS, 0);
	fixture_publish(tx, &b, "b", 2, 60000, FEC_RAPTORQ, OBJECT_STRIPED, now);
	fixture_run(tx, 0, &l, &now, FIXTURE_START_NS + 4 * SECOND_NS - 1, 0);
	fdt = listener_fdt(&l, FIXTURE_TSI);
	assert_null(listener_find(&l, FIXTURE_TSI, fdt_file_of(fdt, "image", "b")->toi));
	before = packets_of(&l, fdt, "image", "a");
	fdt_free(fdt);
	fixture_run(tx, 0, &l, &now, FIXTURE_START_NS + 5 * SECOND_NS, 0);
	fdt = listener_fdt(&l, FIXTURE_TSI);
	assert_in_range(
		packets_of(&l, fdt, "image", "b") * 100 / (packets_of(&l, fdt, "image", "a") - before), 90, 111);
	fdt_free(fdt);
	listener_deinit(&l);
	tx_free(tx);
	published_free(&a);
	published_free(&b);
}

static void test_control_share_and_rate(void **state)
{
	static const uint64_t rates[] = {16000, 500000, 20000000};
	(void)state;
	for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
		struct tx_channel_config channel = {.name = "c", .rate_bps = rates[i]};
		struct tx_config config = fixture_config(&channel);
		struct tx *tx = fixture_tx(&config, FIXTURE_START_NS);
		uint64_t now = FIXTURE_START_NS, seconds = rates[i] < 100000 ? 3600 : 20, start = rates[i] / 8;
		uint8_t *map = fixture_bytes(6000, 5);
		struct tx_channel_stats stats;
		struct published p;
		json_t *status;
		fixture_publish(tx, &p, "box", 1, 50000, FEC_RAPTORQ, OBJECT_STRIPED, now);
		assert_int_equal(tx_set_document(tx, TX_ROLE_MAP, NULL, map, 6000, now), 0);
		assert_int_equal(tx_set_document(tx, TX_ROLE_TRUST_ROOT, NULL, map, 900, now), 0);
		fixture_run(tx, 0, NULL, &now, FIXTURE_START_NS + seconds * SECOND_NS, 0);
		tx_channel_stats(tx, 0, &stats);
		assert_true(stats.wire_bytes <= rates[i] / 8 * seconds + 20000);
		assert_true(stats.wire_bytes + 20000 >= rates[i] / 8 * seconds);
		if (start > 256 << 10)
			start = 256 << 10;
		assert_true(stats.control_bytes <= start + rates[i] / 8 * seconds / 20 + 1500);
		/* Every document still comes, and the status tells how slowly. */
		status = tx_status(tx, now);
		assert_non_null(status);
		assert_int_equal(json_array_size(json_object_get(status, "warnings")) > 0, rates[i] == 16000);
		assert_in_range(json_integer_value(json_object_get(
					json_array_get(json_object_get(status, "channels"), 0), "sent_bps")),
			rates[i] * 9 / 10, rates[i] * 11 / 10);
		json_decref(status);
		tx_free(tx);
		published_free(&p);
		free(map);
	}
}

/* Documents come and go, and yet no moment's shares add up to more than the channels sent. */
static void test_shares_add_up(void **state)
{
	static const struct tx_channel_config channels[] = {
		{.name = "a", .rate_bps = 8000000}, {.name = "b", .rate_bps = 1000000}};
	struct tx_config config = fixture_config(channels);
	uint64_t now[2] = {FIXTURE_START_NS, FIXTURE_START_NS};
	struct published a, b;
	struct tx *tx;
	(void)state;
	config.num_channels = 2;
	tx = fixture_tx(&config, FIXTURE_START_NS);
	fixture_publish(tx, &a, "a", 1, IMAGE_SIZE, FEC_RAPTORQ, OBJECT_STRIPED, FIXTURE_START_NS);
	for (unsigned i = 1; i <= 80; i++) {
		const uint64_t end = FIXTURE_START_NS + i * SECOND_NS / 10;
		double sum = 0, fdt = 0;
		json_t *status, *object;
		size_t k;
		if (i == 41)
			fixture_publish(tx, &b, "b", 2, IMAGE_SIZE, FEC_RAPTORQ, OBJECT_STRIPED, now[0]);
		for (uint32_t channel = 0; channel < 2; channel++)
			fixture_run(tx, channel, NULL, &now[channel], end, 0);
		assert_int_equal(tx_on_deadline(tx, end), 0);
		status = tx_status(tx, end);
		json_array_foreach(json_object_get(status, "objects"), k, object)
		{
			const double share = json_number_value(json_object_get(object, "share"));
			assert_true(share >= 0);
			sum += share;
			if (strcmp(json_string_value(json_object_get(object, "role")), "fdt") == 0)
				fdt = share;
		}
		/* What is missing are heartbeats, and documents that others have replaced. */
		assert_true(sum <= 1.000001);
		assert_true(sum >= 0.97);
		assert_true(fdt > 0 || i >= 41);
		assert_in_range(json_integer_value(json_object_get(
					json_array_get(json_object_get(status, "channels"), 0), "sent_bps")),
			7600000, i < 5 ? 10000000 : 8400000);
		json_decref(status);
	}
	tx_free(tx);
	published_free(&a);
	published_free(&b);
}

static void test_sequence_numbers(void **state)
{
	struct tx_config config = fixture_config(&fixture_slow);
	struct listener l;
	uint64_t now = FIXTURE_START_NS;
	struct tx *tx = fixture_tx(&config, now);
	(void)state;
	listener_init(&l);
	fixture_run(tx, 0, &l, &now, now + 20 * SECOND_NS, 0);
	assert_true(l.packets > 20);
	assert_int_equal(l.cci_gaps, 0);
	listener_deinit(&l);
	tx_free(tx);
	config.no_sequence = true;
	tx = fixture_tx(&config, now);
	listener_init(&l);
	fixture_run(tx, 0, &l, &now, now + 20 * SECOND_NS, 0);
	assert_int_equal(l.cci_gaps, l.packets - 1);
	listener_deinit(&l);
	tx_free(tx);
}

static void test_fti_interval(void **state)
{
	struct tx_config config = fixture_config(&fixture_slow);
	struct listener l;
	struct published p;
	struct fdt *fdt;
	struct heard_object *o;
	uint64_t now = FIXTURE_START_NS;
	struct tx *tx;
	(void)state;
	config.fti_interval = 8;
	tx = fixture_tx(&config, now);
	fixture_publish(tx, &p, "box", 1, 200000, FEC_RAPTORQ, OBJECT_STRIPED, now);
	listener_init(&l);
	fixture_run(tx, 0, &l, &now, now + SECOND_NS, 0);
	fdt = listener_fdt(&l, FIXTURE_TSI);
	o = listener_find(&l, FIXTURE_TSI, fdt_file_of(fdt, "image", "box")->toi);
	assert_int_equal(o->with_fti, (o->packets + 7) / 8);
	fdt_free(fdt);
	listener_deinit(&l);
	tx_free(tx);
	published_free(&p);
}

/* Two channels of two headends: four streams that add up without a symbol twice. */
static void test_channels_and_headends_add_up(void **state)
{
	static const struct tx_channel_config channels[] = {
		{.name = "a", .rate_bps = 4000000}, {.name = "b", .rate_bps = 4000000}};
	struct published p[2];
	struct listener l;
	struct fdt *fdt = NULL;
	struct heard_object *o;
	uint64_t packets = 0, toi = 0;
	(void)state;
	listener_init(&l);
	for (uint32_t headend = 0; headend < 2; headend++) {
		struct tx_config config = fixture_config(channels);
		struct tx *tx;
		config.num_channels = 2;
		config.headend = headend;
		config.headends = 2;
		tx = fixture_tx(&config, FIXTURE_START_NS);
		fixture_publish(tx, &p[headend], "box", 1, IMAGE_SIZE, FEC_RAPTORQ, OBJECT_STRIPED, FIXTURE_START_NS);
		for (uint32_t channel = 0; channel < 2; channel++) {
			uint64_t now = FIXTURE_START_NS;
			fixture_run(tx, channel, &l, &now, FIXTURE_START_NS + SECOND_NS / 2, 0);
		}
		fdt_free(fdt);
		fdt = listener_fdt(&l, FIXTURE_TSI);
		toi = fdt_file_of(fdt, "image", "box")->toi;
		tx_free(tx);
	}
	o = listener_find(&l, FIXTURE_TSI, toi);
	packets = o->packets;
	assert_int_equal(o->duplicates, 0);
	assert_true(packets > 600);
	assert_decodes(&l, fdt_file_of(fdt, "image", "box"), p[0].bytes, IMAGE_SIZE);
	fdt_free(fdt);
	listener_deinit(&l);
	published_free(&p[0]);
	published_free(&p[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_weights_and_index),
		cmocka_unit_test(test_lead),
		cmocka_unit_test(test_control_share_and_rate),
		cmocka_unit_test(test_shares_add_up),
		cmocka_unit_test(test_sequence_numbers),
		cmocka_unit_test(test_fti_interval),
		cmocka_unit_test(test_channels_and_headends_add_up),
	};
	return cmocka_run_group_tests(tests, fixture_signer, NULL);
}
