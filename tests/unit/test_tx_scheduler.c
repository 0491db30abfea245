/* covers: carousel-tx/scheduler.c carousel-tx/announce.c carousel-tx/status.c */
#include "tests/lib/test.h"

#include "carousel-tx/announce.h"
#include "carousel-tx/scheduler.h"
#include "common/carousel_error.h"
#include "common/fdt.h"
#include "policy-map/heartbeat.h"
#include "tests/lib/fault_alloc.h"
#include "tests/lib/tx_fixture.h"

#define SECOND_NS 1000000000ull

/* ---- the share of documents ---------------------------------------------------------------------------- */

static void test_share_is_never_passed(void **state)
{
	struct tx_scheduler s;
	uint64_t now = 0, sent = 0, first = 0;
	(void)state;
	tx_scheduler_init(&s, 1000000, 50, now);
	for (; now < 100 * SECOND_NS; now += SECOND_NS / 1000) {
		while (tx_scheduler_may_control(&s, now)) {
			tx_scheduler_control_sent(&s, 1000);
			sent += 1000;
			if (now == 0)
				first += 1000;
		}
	}
	assert_in_range(first, 125000, 126000); /* a second's worth to begin with */
	assert_in_range(sent - first, 620000, 627000);
}

static void test_credit_does_not_pile_up(void **state)
{
	struct tx_scheduler s;
	uint64_t sent = 0;
	(void)state;
	tx_scheduler_init(&s, 1000000, 50, 0);
	while (tx_scheduler_may_control(&s, 0))
		tx_scheduler_control_sent(&s, 1000);
	while (tx_scheduler_may_control(&s, 3600 * SECOND_NS)) {
		tx_scheduler_control_sent(&s, 1000);
		sent += 1000;
	}
	assert_in_range(sent, 12000, 14000); /* two seconds' share, not an hour's */
	assert_true(tx_scheduler_control_ns(&s, 3600 * SECOND_NS) > 3600 * SECOND_NS);
	assert_true(tx_scheduler_may_control(&s, tx_scheduler_control_ns(&s, 3600 * SECOND_NS)));
}

static void test_unlimited_share_is_of_images(void **state)
{
	struct tx_scheduler s;
	uint64_t images = 0, control = 0;
	(void)state;
	tx_scheduler_init(&s, 0, 50, 0);
	while (tx_scheduler_may_control(&s, 0))
		tx_scheduler_control_sent(&s, 1000);
	for (; images < 100000000; images += 1000) {
		tx_scheduler_image_sent(&s, 1000);
		for (; tx_scheduler_may_control(&s, 0); control += 1000)
			tx_scheduler_control_sent(&s, 1000);
	}
	assert_in_range(control * 1000 / images, 49, 51);
}

/* ---- rounds ---------------------------------------------------------------------------------------------- */

static void test_rounds_keep_their_period(void **state)
{
	struct tx_document document;
	struct tx_stream stream = {.due_ns = 5 * SECOND_NS, .rounds = 3};
	struct tx_object object = {.is_document = true, .num_streams = 1, .streams = &stream};
	uint8_t *bytes = fixture_bytes(3000, 1);
	(void)state;
	assert_int_equal(tx_document_init(&document, NULL, bytes, 3000, 1000, FEC_RAPTORQ), 0);
	assert_int_equal(tx_cursor_init(&stream.cursor, &document.layout, 0, 1), 0);
	assert_int_equal(tx_object_pass_packets(&object), 4); /* three symbols, and one for a loss */
	assert_false(tx_scheduler_in_round(&object, &stream, 5 * SECOND_NS - 1));
	for (int i = 0; i < 4; i++) {
		assert_true(tx_scheduler_in_round(&object, &stream, 5 * SECOND_NS));
		tx_scheduler_round_sent(&stream, 2 * SECOND_NS, 6 * SECOND_NS);
	}
	/* Due a period after it was due, not after it was sent. */
	assert_false(tx_scheduler_in_round(&object, &stream, 7 * SECOND_NS - 1));
	assert_true(tx_scheduler_in_round(&object, &stream, 7 * SECOND_NS));
	/* One that is late by more than that is due at once, and owes nothing. */
	for (int i = 0; i < 4; i++)
		tx_scheduler_round_sent(&stream, 2 * SECOND_NS, 60 * SECOND_NS);
	assert_int_equal(stream.due_ns, 60 * SECOND_NS);
	/* What is new comes three times faster before. */
	stream = (struct tx_stream){.cursor = stream.cursor};
	for (unsigned round = 1; round <= 5; round++) {
		static const uint64_t due_ms[] = {0, 500, 1000, 1500, 3500, 5500};
		assert_true(tx_scheduler_in_round(&object, &stream, due_ms[round - 1] * 1000000));
		for (int i = 0; i < 4; i++)
			tx_scheduler_round_sent(&stream, 2 * SECOND_NS, due_ms[round - 1] * 1000000);
		assert_int_equal(stream.due_ns, due_ms[round] * 1000000);
	}
	tx_document_deinit(&document);
	free(bytes);
}

/* ---- announcements ----------------------------------------------------------------------------------------- */

static struct key_secret secret;
static struct key_signer signer;

static int setup(void **state)
{
	static const uint8_t seed[KEY_SEED_BYTES] = {7};
	(void)state;
	if (key_secret_init(&secret, KEY_ED25519, seed))
		return -1;
	signer = key_secret_signer(&secret);
	return 0;
}

static struct tx_config config_with(const struct carousel_allocator *allocator)
{
	return (struct tx_config){.allocator = allocator,
		.session_name = "main",
		.flute_version = 2,
		.control_permille = 50,
		.heartbeat_signer = &signer};
}

/* The same facts give the same bytes: a repeated instance is byte-identical. */
static void test_fdt_is_deterministic(void **state)
{
	struct tx_stream stream = {0};
	struct tx_object image = {.role = TX_ROLE_IMAGE,
		.class_name = "box<&\"'>",
		.version = 7,
		.toi = 9,
		.num_streams = 1,
		.streams = &stream,
		.content_bytes = 5000,
		.weight = 1};
	struct tx_object gone = {.role = TX_ROLE_IMAGE, .is_removed = true, .toi = 8};
	struct object_layout_wish wish = {
		.kind = OBJECT_STRIPED, .encoding_id = FEC_RAPTORQ, .symbol_size = 1024, .block_symbols = 64};
	struct tx_config config = config_with(NULL);
	uint8_t *a, *b;
	size_t a_len, b_len;
	struct fdt *fdt;
	(void)state;
	image.next = &gone;
	assert_int_equal(object_layout_choose(&image.layout, &wish, 5000), 0);
	assert_int_equal(tx_announce_fdt(&config, &image, 4000000000u, &a, &a_len), 0);
	assert_int_equal(tx_announce_fdt(&config, &image, 4000000000u, &b, &b_len), 0);
	assert_int_equal(a_len, b_len);
	assert_memory_equal(a, b, a_len);
	assert_int_equal(fdt_parse(NULL, NULL, a, a_len, &fdt), 0);
	assert_int_equal(fdt->num_files, 1);
	assert_string_equal(fdt->files[0].class_name, "box<&\"'>");
	assert_int_equal(fdt->files[0].toi, 9);
	assert_int_equal(fdt->files[0].transfer_length, 8192);
	assert_int_equal(fdt->files[0].content_length, 5000);
	assert_int_equal(fdt->files[0].layout, OBJECT_STRIPED);
	fdt_free(fdt);
	free(a);
	free(b);
}

static void test_longest_heartbeat_fits(void **state)
{
	struct tx_config config = config_with(NULL);
	struct tx_map_info map = {.epoch = UINT32_MAX, .serial = INT64_MAX};
	char *text;
	size_t len;
	(void)state;
	memset(map.sha256, 0xff, sizeof map.sha256);
	config.session_name = "12345678901234567890123456789012";
	assert_int_equal(tx_announce_heartbeat(&config, &map, INT64_MAX, INT64_MAX, INT64_MAX, &text, &len), 0);
	assert_true(len <= HEARTBEAT_MAX_BYTES);
	free(text);
	config.session_name = "123456789012345678901234567890123";
	assert_int_equal(tx_announce_heartbeat(&config, &map, 1, 1, 1, &text, &len), CAROUSEL_E_ARGUMENT);
}

static int attempt(const struct carousel_allocator *allocator, void *user)
{
	struct tx_config config = config_with(allocator);
	struct tx_map_info map = {.epoch = 1};
	struct tx_object *objects = user;
	uint8_t *xml;
	char *text;
	size_t len;
	int result = tx_announce_fdt(&config, objects, 1, &xml, &len);
	if (result)
		return result;
	memory_free(allocator, xml);
	result = tx_announce_heartbeat(&config, &map, 1, 1, 1, &text, &len);
	if (result)
		return result;
	memory_free(allocator, text);
	result = tx_announce_schedule(&config, objects, 1, 1, 1000, &text, &len);
	if (result == 0)
		memory_free(allocator, text);
	return result;
}

static void test_no_memory(void **state)
{
	struct tx_stream stream = {.cursor = {.source_symbols = 5}};
	struct tx_object image = {.role = TX_ROLE_IMAGE,
		.class_name = "box",
		.version = 7,
		.toi = 9,
		.num_streams = 1,
		.streams = &stream,
		.weight = 1};
	struct object_layout_wish wish = {
		.kind = OBJECT_STRIPED, .encoding_id = FEC_RAPTORQ, .symbol_size = 1024, .block_symbols = 64};
	(void)state;
	assert_int_equal(object_layout_choose(&image.layout, &wish, 5000), 0);
	assert_true(fault_alloc_all(attempt, &image) > 5);
}

static void test_shares_and_cycles(void **state)
{
	struct tx_stream streams[3] = {{.cursor = {.source_symbols = 1000}}, {.cursor = {.source_symbols = 1000}},
		{.cursor = {.source_symbols = 10}}};
	struct tx_object objects[3] = {{.role = TX_ROLE_IMAGE, .weight = 3}, {.role = TX_ROLE_IMAGE, .weight = 1},
		{.role = TX_ROLE_INDEX, .weight = 1}};
	struct tx_config config = config_with(NULL);
	uint32_t a, b, index;
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		objects[i].streams = &streams[i];
		objects[i].layout.oti.symbol_size = 1024;
		objects[i].next = i < 2 ? &objects[i + 1] : NULL;
	}
	objects[2].image = &objects[1];
	objects[1].companion = &objects[2];
	a = tx_announce_share_ppm(&config, objects, &objects[0]);
	b = tx_announce_share_ppm(&config, objects, &objects[1]);
	index = tx_announce_share_ppm(&config, objects, &objects[2]);
	assert_in_range(a, 712400, 712600);
	assert_in_range(b + index, 237400, 237600);
	assert_in_range(b / index, 99, 101);
	assert_in_range(tx_announce_cycle_s(&objects[0], a, 1000000), 12, 13);
	assert_int_equal(tx_announce_cycle_s(&objects[0], a, 0), 0);
	assert_int_equal(tx_announce_cycle_s(&objects[0], 1, 1), UINT32_MAX);
}

/* ---- status ------------------------------------------------------------------------------------------------- */

static void test_status_tells_what_is_missing(void **state)
{
	const struct tx_channel_config channel = {.name = "main", .rate_bps = 1000000};
	struct tx_config config = {.tsi = 5, .channels = &channel, .num_channels = 1};
	static const char *const codes[] = {"no-map", "no-trust-root", "no-image", "no-heartbeat"};
	json_t *status, *warnings;
	struct tx *tx;
	(void)state;
	assert_int_equal(tx_new(&tx, &config, 0), 0);
	status = tx_status(tx, 0);
	assert_string_equal(json_string_value(json_object_get(status, "format")), "carousel-status/1");
	assert_int_equal(json_integer_value(json_object_get(json_object_get(status, "session"), "tsi")), 5);
	warnings = json_object_get(status, "warnings");
	assert_int_equal(json_array_size(warnings), 4);
	for (size_t i = 0; i < 4; i++)
		assert_string_equal(json_string_value(json_object_get(json_array_get(warnings, i), "code")), codes[i]);
	json_decref(status);
	assert_int_equal(tx_set_document(tx, TX_ROLE_MAP, NULL, "map", 3, 0), 0);
	status = tx_status(tx, 0);
	assert_int_equal(json_array_size(json_object_get(status, "warnings")), 3);
	assert_int_equal(json_array_size(json_object_get(status, "objects")), 1);
	assert_string_equal(
		json_string_value(json_object_get(json_array_get(json_object_get(status, "objects"), 0), "role")),
		"map");
	json_decref(status);
	tx_free(tx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_share_is_never_passed),
		cmocka_unit_test(test_credit_does_not_pile_up),
		cmocka_unit_test(test_unlimited_share_is_of_images),
		cmocka_unit_test(test_rounds_keep_their_period),
		cmocka_unit_test(test_fdt_is_deterministic),
		cmocka_unit_test(test_longest_heartbeat_fits),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_shares_and_cycles),
		cmocka_unit_test(test_status_tells_what_is_missing),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
