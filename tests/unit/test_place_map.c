#include "tests/lib/test.h"

#include "carousel-rx/store/place_map.h"
#include "common/bytes.h"
#include "common/carousel_error.h"
#include "tests/lib/fault_alloc.h"

struct maps {
	struct object_layout layout;
	struct geometry geometry;
	struct place_map map;
};

static const struct map_limits small_limits = {5, 4000};

/* RaptorQ, 3 blocks of 100 symbols, the last ones cut: image_bytes of 4096 * 75 - 3000. */
static void maps_layout(struct maps *m, uint64_t spare)
{
	const struct object_layout_wish wish = {
		.kind = OBJECT_STRIPED, .encoding_id = FEC_RAPTORQ, .symbol_size = 1024, .block_symbols = 100};
	uint64_t bytes = 4096 * 75 - 3000;
	assert_int_equal(object_layout_choose(&m->layout, &wish, bytes), 0);
	assert_int_equal(geometry_init(&m->geometry, &m->layout, bytes + spare), 0);
}

static void maps_init(struct maps *m, uint64_t spare)
{
	memset(m, 0, sizeof(*m));
	maps_layout(m, spare);
	assert_int_equal(map_init(&m->map, NULL, &m->geometry, &small_limits), 0);
}

static void put(struct maps *m, uint32_t sbn, uint32_t esi, enum map_kind kind)
{
	struct map_spot spot;
	assert_int_equal(map_reserve(&m->map, sbn, esi, &spot), 0);
	assert_int_equal(spot.kind, kind);
	assert_true(map_holds(&m->map, sbn, esi));
	map_stored(&m->map, sbn, esi, &spot, esi * 3);
}

static void test_places_are_chosen(void **state)
{
	struct maps m;
	struct map_spot spot;
	(void)state;
	maps_init(&m, 4096);
	assert_int_equal(m.map.block[2].real, 98);
	assert_int_equal(m.map.block[0].real, 100);
	put(&m, 0, 5, MAP_OWN);
	put(&m, 0, 200, MAP_FOREIGN); /* into place 0 */
	put(&m, 0, 0, MAP_FOREIGN);   /* displaced */
	assert_true(map_is_own(&m.map, 0, 5));
	assert_false(map_is_own(&m.map, 0, 0));
	assert_int_equal(map_reserve(&m.map, 0, 0, &spot), CAROUSEL_E_DUPLICATE);
	assert_int_equal(map_reserve(&m.map, 0, 5, &spot), CAROUSEL_E_DUPLICATE);
	assert_int_equal(map_reserve(&m.map, 0, 200, &spot), CAROUSEL_E_DUPLICATE);
	assert_int_equal(map_reserve(&m.map, 2, 98, &spot), CAROUSEL_E_SYMBOL);
	assert_int_equal(map_reserve(&m.map, 2, 99, &spot), CAROUSEL_E_SYMBOL);
	assert_int_equal(map_reserve(&m.map, 2, 1u << 24, &spot), CAROUSEL_E_SYMBOL);
	assert_int_equal(m.map.symbols_have, 3);
	map_deinit(&m.map);
}

/* The slot's end cuts the last place: only its own symbol may lie there, so the last symbol goes to the spill. */
static void test_a_cut_place_holds_only_its_own(void **state)
{
	struct maps m;
	struct map_spot spot;
	(void)state;
	maps_init(&m, 0);
	for (uint32_t i = 0; i < 97; i++)
		put(&m, 2, 1000 + i, MAP_FOREIGN);
	put(&m, 2, 3000, MAP_SPILL);
	assert_false(map_wants(&m.map, 2));
	assert_int_equal(map_pop_ready(&m.map), 2);
	map_thaw(&m.map, 2);
	map_clear_block(&m.map, 2);
	assert_int_equal(m.map.spill[0].is_taken, 0);
	assert_int_equal(map_reserve(&m.map, 2, 97, &spot), 0);
	assert_int_equal(spot.kind, MAP_OWN);
	map_deinit(&m.map);
}

/* No more than `want`; after a failed decode one more, into the spill, until that is full. */
static void test_the_spill_is_bounded(void **state)
{
	struct maps m;
	struct map_spot spot;
	(void)state;
	maps_init(&m, 4096);
	for (uint32_t i = 0; i < 100; i++)
		put(&m, 0, 500 + i, MAP_FOREIGN);
	assert_int_equal(map_reserve(&m.map, 0, 700, &spot), CAROUSEL_E_DUPLICATE);
	for (uint32_t i = 0; i < 5; i++) {
		assert_int_equal(map_pop_ready(&m.map), 0);
		m.map.block[0].want = m.map.block[0].held + 1;
		assert_false(map_wants(&m.map, 0));
		map_thaw(&m.map, 0);
		assert_int_equal(map_pop_ready(&m.map), MAP_NONE);
		put(&m, 0, 700 + i, MAP_SPILL);
	}
	m.map.block[0].want = 200;
	assert_int_equal(map_reserve(&m.map, 0, 800, &spot), CAROUSEL_E_LIMIT);
	assert_int_equal(m.map.symbols_have, 100);
	map_deinit(&m.map);
}

static void test_a_block_with_staged_symbols_waits(void **state)
{
	struct maps m;
	struct map_spot spot;
	(void)state;
	maps_init(&m, 4096);
	for (uint32_t i = 0; i < 99; i++)
		put(&m, 1, i, MAP_OWN);
	assert_int_equal(map_reserve(&m.map, 1, 99, &spot), 0);
	assert_int_equal(map_pop_ready(&m.map), MAP_NONE);
	map_stored(&m.map, 1, 99, &spot, 1);
	assert_int_equal(map_pop_ready(&m.map), 1);
	map_deinit(&m.map);
}

/* What the journal says is applied only if it fits; taking back is exact. */
static void test_replay_refuses_what_does_not_fit(void **state)
{
	struct maps m;
	struct map_block before;
	(void)state;
	maps_init(&m, 0);
	assert_int_equal(map_replay_own(&m.map, 0, 0, 0xff, 9), 0);
	assert_int_equal(map_replay_own(&m.map, 0, 0, 0x180, 9), CAROUSEL_E_MALFORMED);
	assert_int_equal(map_replay_own(&m.map, 3, 0, 1, 0), CAROUSEL_E_MALFORMED);
	assert_int_equal(map_replay_own(&m.map, 0, 4, 1, 0), CAROUSEL_E_MALFORMED);
	assert_int_equal(map_replay_own(&m.map, 0, 3, 0x10, 0), CAROUSEL_E_MALFORMED);
	assert_int_equal(map_replay_foreign(&m.map, 0, 3, 300, 1), CAROUSEL_E_MALFORMED);
	assert_int_equal(map_replay_foreign(&m.map, 0, 100, 300, 1), CAROUSEL_E_MALFORMED);
	assert_int_equal(map_replay_foreign(&m.map, 9, 10, 300, 1), CAROUSEL_E_MALFORMED);
	assert_int_equal(map_replay_foreign(&m.map, 2, 97, 300, 1), CAROUSEL_E_MALFORMED);
	assert_int_equal(map_replay_foreign(&m.map, 0, 10, 3, 1), CAROUSEL_E_MALFORMED);
	assert_int_equal(map_replay_spill(&m.map, 5, 0, 300, 1), CAROUSEL_E_MALFORMED);
	before = m.map.block[0];
	assert_int_equal(map_replay_foreign(&m.map, 0, 10, 300, 77), 0);
	assert_int_equal(map_replay_spill(&m.map, 4, 0, 301, 1), 0);
	assert_int_equal(map_replay_spill(&m.map, 4, 0, 302, 1), CAROUSEL_E_MALFORMED);
	assert_int_equal(map_replay_drop_foreign(&m.map, 0, 11, 300, 77), CAROUSEL_E_MALFORMED);
	assert_int_equal(map_replay_drop_foreign(&m.map, 0, 10, 299, 77), CAROUSEL_E_MALFORMED);
	assert_int_equal(map_replay_drop_foreign(&m.map, 0, 10, 300, 77), 0);
	assert_int_equal(map_replay_drop_spill(&m.map, 4, 0, 300), CAROUSEL_E_MALFORMED);
	assert_int_equal(map_replay_drop_spill(&m.map, 4, 0, 301), 0);
	assert_memory_equal(&before, &m.map.block[0], sizeof(before));
	assert_int_equal(map_replay_drop_own(&m.map, 0, 0, 0x1ff, 9), CAROUSEL_E_MALFORMED);
	assert_int_equal(map_replay_drop_own(&m.map, 0, 0, 0xff, 9), 0);
	assert_int_equal(m.map.symbols_have, 0);
	assert_int_equal(m.map.group[0].sum, 0);
	map_deinit(&m.map);
}

static void test_whole_blocks(void **state)
{
	struct maps m;
	uint8_t groups[4 * 8];
	(void)state;
	maps_init(&m, 0);
	put(&m, 2, 400, MAP_FOREIGN);
	memset(groups, 0xff, sizeof(groups));
	map_set_block(&m.map, 2, true, groups);
	assert_true(m.map.block[2].is_done && m.map.block[2].is_verified);
	assert_int_equal(m.map.blocks_done, 1);
	assert_int_equal(m.map.symbols_have, 98);
	assert_false(map_wants(&m.map, 2));
	assert_int_equal(map_replay_own(&m.map, 2, 0, 1, 0), CAROUSEL_E_MALFORMED);
	/* Doubt, and the loss of one symbol. */
	map_suspect(&m.map, 2);
	assert_int_equal(map_pop_ready(&m.map), 2);
	map_thaw(&m.map, 2);
	assert_int_equal(map_pop_ready(&m.map), MAP_NONE);
	assert_int_equal(map_replay_drop_own(&m.map, 2, 1, 4, 0), 0);
	assert_int_equal(m.map.blocks_done, 0);
	assert_true(map_wants(&m.map, 2));
	bytes_put_le32(groups, 0);
	map_set_block(&m.map, 2, true, groups);
	assert_int_equal(m.map.symbols_have, 66);
	assert_false(m.map.block[2].is_done);
	map_deinit(&m.map);
}

static int attempt(const struct carousel_allocator *a, void *user)
{
	struct maps *m = user;
	int result = map_init(&m->map, a, &m->geometry, &small_limits);
	if (result == 0)
		map_deinit(&m->map);
	return result;
}

static void test_no_memory(void **state)
{
	struct maps m;
	(void)state;
	memset(&m, 0, sizeof(m));
	maps_layout(&m, 0);
	assert_int_equal(fault_alloc_all(attempt, &m), 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places_are_chosen),
		cmocka_unit_test(test_a_cut_place_holds_only_its_own),
		cmocka_unit_test(test_the_spill_is_bounded),
		cmocka_unit_test(test_a_block_with_staged_symbols_waits),
		cmocka_unit_test(test_replay_refuses_what_does_not_fit),
		cmocka_unit_test(test_whole_blocks),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
