/* covers: carousel-rx/store/held.c
 *
 * Lists that are longer than a block can have symbols. What else held.c does is seen in test_store_index,
 * test_power_cut. */
#include "tests/lib/test.h"

#include "carousel-rx/store/store_internal.h"
#include "tests/lib/ram_storage.h"
#include "tests/lib/store_fixture.h"

/* No foreign symbol is taken for one of the spill when there is no room for the spill's. */
static void test_a_full_list(void **state)
{
	static const struct store_fixture_shape shape = {FEC_RAPTORQ, 0, OBJECT_STRIPED, 1024, 64, 0, 4096 * 47, 11};
	struct store_fixture f;
	struct ram_storage storage;
	struct store *store;
	struct held *h;
	uint32_t source;
	(void)state;
	store_fixture_init(&f, &shape);
	ram_storage_init(&storage, shape.image_bytes);
	assert_int_equal(store_new(&store, &(struct store_config){.storage = &storage.table}), 0);
	assert_int_equal(store_begin(store, &f.image, 0), 0);
	store_fixture_jobs(store, 0);
	source = store_fixture_source(&f, 0);
	for (uint32_t i = 0; i < 2; i++) {
		uint8_t symbol[1024];
		store_fixture_symbol(&f, 0, source + i, symbol);
		assert_int_equal(store_add(store, 0, source + i, symbol, sizeof symbol, 0), 0);
	}
	store_flush(store);
	store_fixture_jobs(store, 0);
	store->map.spill[5] = (struct map_spill){.sbn = 0, .esi = source + 2, .is_taken = 1, .is_stored = 1};
	store->map.block[0].num_spilled = 1;
	h = &store->decode.held;
	h->cap = 2;
	assert_int_equal(held_load(h, 0), 0);
	assert_int_equal(h->count, 2);
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(h->symbol[i].esi, source + i);
		assert_false(h->symbol[i].is_spill);
		assert_false(h->symbol[i].is_bad);
	}
	store->map.block[0].num_spilled = 0;
	store_free(store);
	ram_storage_deinit(&storage);
	store_fixture_deinit(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_full_list),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
