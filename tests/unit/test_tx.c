/* covers: carousel-tx/tx.c */
#include "tests/lib/test.h"

#include "carousel-tx/tx.h"
#include "common/carousel_error.h"
#include "tests/lib/tx_fixture.h"
#include "tests/lib/tx_session.h"
#include "tests/lib/fault_alloc.h"

#define SECOND_NS 1000000000ull

static void test_configurations_refused(void **state)
{
	struct tx_config good = fixture_config(&fixture_slow), bad;
	struct tx *tx = NULL;
	(void)state;
#define REFUSED(change)                                                                                                \
	do {                                                                                                           \
		bad = good;                                                                                            \
		change;                                                                                                \
		assert_int_equal(tx_new(&tx, &bad, 0), CAROUSEL_E_ARGUMENT);                                           \
	} while (0)
	REFUSED(bad.num_channels = 0);
	REFUSED(bad.num_channels = TX_MAX_CHANNELS + 1);
	REFUSED(bad.headend = 1);
	REFUSED(bad.headends = 70000);
	REFUSED(bad.flute_version = 3);
	REFUSED(bad.control_permille = 1001);
	REFUSED(bad.symbol_size = 63);
	REFUSED(bad.symbol_size = TX_MAX_PACKET_BYTES);
	REFUSED(bad.tsi = UINT32_MAX);
	assert_null(tx);
	tx_free(NULL);
}

static void test_small_buffers(void **state)
{
	struct tx_config config = fixture_config(&fixture_slow);
	struct tx *tx = fixture_tx(&config, FIXTURE_START_NS);
	struct published p;
	struct tx_packet packet;
	uint64_t now = FIXTURE_START_NS;
	(void)state;
	fixture_publish(tx, &p, "box", 1, 100000, FEC_RAPTORQ, OBJECT_STRIPED, FIXTURE_START_NS);
	fixture_jobs(tx, now);
	for (unsigned i = 0; i < 40; i++, now += SECOND_NS / 100) {
		uint8_t whole[TX_MAX_PACKET_BYTES], *exact;
		int result;
		for (size_t cap = 0; cap < 1060; cap += cap < 100 ? 1 : 97) {
			exact = malloc(cap ? cap : 1);
			result = tx_next_packet(tx, 0, exact, cap, &packet, now);
			assert_true(result == CAROUSEL_E_LIMIT || result == CAROUSEL_E_NEED_MORE ||
				    (result == 0 && packet.len <= cap));
			free(exact);
		}
		result = tx_next_packet(tx, 0, whole, sizeof whole, &packet, now);
		assert_true(result == 0 || result == CAROUSEL_E_NEED_MORE);
		fixture_jobs(tx, now);
	}
	assert_int_equal(tx_next_packet(tx, 1, NULL, 0, &packet, now), CAROUSEL_E_ARGUMENT);
	tx_free(tx);
	published_free(&p);
}

struct attempt {
	uint8_t *bytes;
	struct ram_source image, index, copy_map;
};

/* Everything up to the first packets, without memory for the n-th thing. */
static int attempt(const struct carousel_allocator *allocator, void *user)
{
	struct attempt *a = user;
	struct tx_config config = fixture_config(&fixture_slow);
	struct object_layout_wish wish = {
		.kind = OBJECT_STRIPED, .encoding_id = FEC_RAPTORQ, .symbol_size = 1024, .block_symbols = 8};
	struct tx_copy_map map = {.from_version = 1, .bytes = 500};
	struct tx_image spec = {
		.class_name = "box", .version = 1, .index_bytes = 2000, .num_copy_maps = 1, .copy_maps = &map};
	uint8_t buffer[TX_MAX_PACKET_BYTES];
	struct tx_packet packet;
	struct tx *tx;
	int result;
	a->image = (struct ram_source){.bytes = a->bytes, .len = 20000};
	a->index = (struct ram_source){.bytes = a->bytes, .len = 2000};
	spec.source = ram_source(&a->image);
	spec.index = ram_source(&a->index);
	a->copy_map = (struct ram_source){.bytes = a->bytes, .len = 500};
	map.source = ram_source(&a->copy_map);
	config.allocator = allocator;
	config.heartbeat_signer = NULL; /* a heartbeat that cannot be made is left out */
	result = tx_new(&tx, &config, FIXTURE_START_NS);
	if (result)
		return result;
	tx_set_wall_clock(tx, FIXTURE_WALL_NS, FIXTURE_START_NS);
	assert_int_equal(object_layout_choose(&spec.layout, &wish, 20000), 0);
	result = tx_set_document(tx, TX_ROLE_MAP, NULL, a->bytes, 3000, FIXTURE_START_NS);
	if (result == 0) {
		result = tx_add_image(tx, &spec, FIXTURE_START_NS);
		assert_int_equal(a->image.released, result != 0);
		assert_int_equal(a->index.released, result != 0);
		assert_int_equal(a->copy_map.released, result != 0);
	}
	if (result == 0)
		result = tx_next_packet(tx, 0, buffer, sizeof buffer, &packet, FIXTURE_START_NS);
	tx_free(tx);
	return result;
}

static void test_no_memory(void **state)
{
	struct attempt a = {.bytes = fixture_bytes(20000, 3)};
	(void)state;
	assert_true(fault_alloc_all(attempt, &a) > 20);
	free(a.bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_configurations_refused),
		cmocka_unit_test(test_small_buffers),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, fixture_signer, NULL);
}
