/* covers: carousel-rx/store/held.c
 *
 * Lists that are longer than a block can have symbols, and the power that goes while a block begins anew. What else
 * held.c does is seen in test_store_index, test_power_cut. */
#include "tests/lib/test.h"

#include "carousel-rx/store/store_internal.h"
#include "tests/lib/power_storage.h"
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

static struct store *open_store(const struct store_fixture *f, const struct power_storage *storage)
{
	struct store *store;
	assert_int_equal(store_new(&store, &(struct store_config){.storage = &storage->table}), 0);
	assert_int_equal(store_begin(store, &f->image, 0), 0);
	return store;
}

/* All source symbols of the only block but the second, and a forged repair symbol, which nothing but the index tells:
 * decoded at once, as the last block is, before a sync is due. */
static void hear_forged(struct store_fixture *f, struct store *store)
{
	uint32_t source = store_fixture_source(f, 0);
	uint8_t symbol[1024];
	for (uint32_t esi = 0; esi <= source; esi++) {
		store_fixture_symbol(f, 0, esi, symbol);
		symbol[100] ^= esi == source;
		if (esi != 1)
			(void)store_add(store, 0, esi, symbol, sizeof symbol, 0);
	}
	store_fixture_jobs(store, STORE_WRITE_INTERVAL_NS);
}

/* What the journal alone says is there after a restart. */
static void check_found_again(const struct store_fixture *f, const struct power_storage *storage, struct store *store)
{
	struct carousel_job *job = store_next_job(store, 0);
	assert_non_null(job);
	job->run(job);
	assert_int_equal(job->done(job, 0), 0);
	assert_int_equal(store->phase, STORE_RECEIVING);
	for (uint32_t esi = 0; esi < store_fixture_source(f, 0); esi++)
		if (map_is_own(&store->map, 0, esi) &&
			!store_fixture_is_own(f, 0, esi, storage->file[RX_SLOT_TARGET].now))
			fail_msg("symbol %u is called there", esi);
}

/* The power goes in this changing call from the first of what is heard on, or, when there are not so many, behind the
 * last; and with it all that was not synced. Returns whether it went in a call. */
static bool cut_in_reset(struct store_fixture *f, uint64_t call)
{
	struct power_storage storage;
	struct store *store;
	uint32_t source = store_fixture_source(f, 0), kept;
	bool is_cut;
	power_storage_init(&storage, f->image.layout.image_bytes, 512);
	store = open_store(f, &storage);
	store_fixture_set_index(f, store, &storage.table);
	store_fixture_jobs(store, 0);
	storage.cut_at = storage.calls + call;
	hear_forged(f, store);
	is_cut = storage.is_off;
	kept = map_count_own(&store->map, 0);
	if (!is_cut) {
		assert_int_not_equal(store->map.block[0].reset_sequence, 0);
		assert_in_range(kept, source / 2, source - 2);
	}
	store_free(store);
	power_storage_on(&storage, POWER_ALL_LOST, 1);
	store = open_store(f, &storage);
	check_found_again(f, &storage, store);
	if (!is_cut) {
		assert_int_equal(map_count_own(&store->map, 0), kept);
		assert_false(map_holds(&store->map, 0, source));
	}
	store_free(store);
	power_storage_deinit(&storage);
	return is_cut;
}

/* What a block keeps that begins anew counts without being read back, so it was synced before; and what it drops does
 * not come back, whatever takes its place. */
static void test_power_cuts_in_a_reset(void **state)
{
	static const struct store_fixture_shape shape = {FEC_RAPTORQ, 0, OBJECT_STRIPED, 1024, 64, 0, 4096 * 12, 11};
	struct store_fixture f;
	uint64_t call = 1;
	(void)state;
	store_fixture_init(&f, &shape);
	assert_int_equal(f.image.layout.oti.num_blocks, 1);
	while (cut_in_reset(&f, call))
		call++;
	assert_true(call > 5);
	store_fixture_deinit(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_full_list),
		cmocka_unit_test(test_power_cuts_in_a_reset),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
