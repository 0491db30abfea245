/* covers: carousel-rx/store/staging.c carousel-rx/store/geometry.c */
#include "tests/lib/test.h"

#include "carousel-rx/store/staging.h"
#include "common/bytes.h"
#include "tests/lib/fault_alloc.h"
#include "tests/lib/ram_storage.h"

struct stage {
	struct ram_storage storage;
	struct object_layout layout;
	struct geometry geometry;
	struct place_io io;
	struct journal journal;
	struct staging staging;
};

static void stage_init(struct stage *s, uint16_t sub_blocks, uint64_t image_bytes, uint64_t slot_bytes)
{
	struct fec_oti oti = {.encoding_id = FEC_RAPTORQ,
		.transfer_length = image_bytes,
		.symbol_size = 1024,
		.num_blocks = 2,
		.num_sub_blocks = sub_blocks,
		.alignment = 4};
	struct journal_image image = {.layout = &s->layout};
	memset(s, 0, sizeof(*s));
	ram_storage_init(&s->storage, slot_bytes);
	assert_int_equal(fec_oti_check(&oti, NULL), 0);
	assert_int_equal(object_layout_init(&s->layout, OBJECT_LINEAR, &oti, image_bytes), 0);
	assert_int_equal(geometry_init(&s->geometry, &s->layout, slot_bytes), 0);
	s->io = (struct place_io){&s->storage.table, &s->geometry, 0};
	assert_int_equal(journal_init(&s->journal, &image), 0);
	assert_int_equal(journal_create(&s->journal, &s->io), 0);
	assert_int_equal(staging_init(&s->staging, NULL, 1024, 64 * 1024), 0);
	s->storage.calls = 0;
}

static void stage_deinit(struct stage *s)
{
	staging_deinit(&s->staging);
	journal_deinit(&s->journal);
	ram_storage_deinit(&s->storage);
}

static void push(struct stage *s, uint32_t sbn, uint32_t esi, enum map_kind kind, uint32_t place)
{
	const struct map_spot spot = {kind, place};
	uint8_t symbol[1024];
	memset(symbol, (int)(esi + 1), sizeof(symbol));
	assert_non_null(staging_push(&s->staging, sbn, esi, &spot, symbol, sizeof(symbol), 5));
}

static void stage_write(struct stage *s)
{
	struct staging_buffer *b = staging_swap(&s->staging);
	assert_int_equal(staging_write(&s->staging, b, &s->io, &s->journal), 0);
	b->used = 0;
}

static void expect(struct stage *s, uint64_t off, size_t len, int value)
{
	for (size_t i = 0; i < len; i++)
		assert_int_equal(s->storage.file[RX_SLOT_TARGET].now[off + i], value);
}

/* A run is one write, whatever order it came in; the journal takes two more (head and entries). */
static void test_long_runs(void **state)
{
	struct stage s;
	(void)state;
	stage_init(&s, 1, 40 * 1024, 40 * 1024);
	for (uint32_t i = 0; i < 20; i++)
		push(&s, 0, i, MAP_OWN, i);
	stage_write(&s);
	assert_int_equal(s.storage.calls, 3);
	for (uint32_t i = 20; i-- > 0;)
		push(&s, 1, i, MAP_OWN, i);
	stage_write(&s);
	assert_int_equal(s.storage.calls, 6);
	for (uint32_t i = 0; i < 20; i++) {
		expect(&s, i * 1024, 1024, (int)i + 1);
		expect(&s, (20 + i) * 1024, 1024, (int)i + 1);
	}
	stage_deinit(&s);
}

static void test_kinds_apart(void **state)
{
	struct stage s;
	(void)state;
	stage_init(&s, 1, 40 * 1024, 40 * 1024);
	push(&s, 0, 100, MAP_SPILL, 1);
	push(&s, 0, 101, MAP_FOREIGN, 7);
	push(&s, 0, 6, MAP_OWN, 6);
	push(&s, 0, 102, MAP_SPILL, 0);
	stage_write(&s);
	/* Two runs, slot and spill, and three records. */
	assert_int_equal(s.storage.calls, 2 + 6);
	expect(&s, 6 * 1024, 1024, 7);
	expect(&s, 7 * 1024, 1024, 102);
	assert_int_equal(s.storage.file[RX_SPILL].now[0], 103);
	assert_int_equal(s.storage.file[RX_SPILL].now[1024], 101);
	assert_true(s.journal.has_spill);
	stage_deinit(&s);
}

/* The image's last symbol is cut; nothing is written past the slot's end. */
static void test_cut_symbol(void **state)
{
	struct stage s;
	uint8_t back[1024];
	(void)state;
	stage_init(&s, 1, 39 * 1024 + 100, 39 * 1024 + 100);
	assert_false(geometry_is_whole(&s.geometry, 1, 19));
	assert_true(geometry_is_whole(&s.geometry, 1, 18));
	assert_int_equal(geometry_own_bytes(&s.geometry, 1, 19), 100);
	push(&s, 1, 19, MAP_OWN, 19);
	push(&s, 1, 18, MAP_OWN, 18);
	stage_write(&s);
	expect(&s, 39 * 1024, 100, 20);
	assert_int_equal(place_read(&s.io, 1, 19, true, 0, 1024, back), 0);
	assert_int_equal(back[99], 20);
	for (size_t i = 100; i < 1024; i++)
		assert_int_equal(back[i], 0);
	/* Only a part of it. */
	memset(back, 0xee, sizeof(back));
	assert_int_equal(place_read(&s.io, 1, 19, true, 90, 20, back), 0);
	assert_int_equal(back[9], 20);
	assert_int_equal(back[10], 0);
	assert_int_equal(back[20], 0xee);
	stage_deinit(&s);
}

/* Sub-blocks: a symbol lies in as many pieces. */
static void test_sub_blocks(void **state)
{
	struct stage s;
	struct object_piece piece;
	uint8_t back[1024];
	(void)state;
	stage_init(&s, 4, 40 * 1024, 40 * 1024);
	push(&s, 1, 3, MAP_OWN, 3);
	push(&s, 1, 90, MAP_FOREIGN, 4);
	stage_write(&s);
	for (uint32_t i = 0; i < 4; i++) {
		assert_int_equal(object_symbol_piece(&s.layout, 1, 3, i, &piece), 0);
		expect(&s, piece.image_offset, piece.len, 4);
	}
	assert_int_equal(place_read(&s.io, 1, 4, false, 0, 1024, back), 0);
	for (size_t i = 0; i < 1024; i++)
		assert_int_equal(back[i], 91);
	assert_int_equal(place_read(&s.io, 1, 3, true, 200, 200, back), 0);
	assert_int_equal(back[0], 4);
	assert_int_equal(back[199], 4);
	stage_deinit(&s);
}

static void test_present_symbols_are_only_journaled(void **state)
{
	struct stage s;
	const struct map_spot spot = {MAP_OWN, 2};
	uint8_t symbol[1024] = {1};
	(void)state;
	stage_init(&s, 1, 40 * 1024, 40 * 1024);
	staging_push(&s.staging, 0, 2, &spot, symbol, sizeof(symbol), 0)->is_present = true;
	stage_write(&s);
	assert_int_equal(s.storage.calls, 2);
	expect(&s, 2 * 1024, 1024, 0);
	stage_deinit(&s);
}

static void test_two_buffers(void **state)
{
	struct stage s;
	struct staging_buffer *full;
	(void)state;
	stage_init(&s, 1, 400 * 1024, 400 * 1024);
	assert_int_equal(staging_room(&s.staging), 64);
	for (uint32_t i = 0; i < 64; i++)
		push(&s, 0, i, MAP_OWN, i);
	assert_int_equal(staging_room(&s.staging), 0);
	full = staging_swap(&s.staging);
	assert_int_equal(full->since_ns, 5);
	assert_int_equal(staging_room(&s.staging), 64);
	push(&s, 0, 70, MAP_OWN, 70);
	assert_int_equal(staging_write(&s.staging, full, &s.io, &s.journal), 0);
	expect(&s, 70 * 1024, 1024, 0);
	s.storage.fail_with = CAROUSEL_E_READ_ONLY;
	full->used = 0;
	assert_int_equal(staging_write(&s.staging, staging_swap(&s.staging), &s.io, &s.journal), CAROUSEL_E_READ_ONLY);
	stage_deinit(&s);
}

static void test_slot_too_small(void **state)
{
	struct stage s;
	(void)state;
	stage_init(&s, 1, 40 * 1024, 40 * 1024);
	assert_int_equal(geometry_init(&s.geometry, &s.layout, 40 * 1024 - 1), CAROUSEL_E_SLOT_TOO_SMALL);
	stage_deinit(&s);
}

static int attempt(const struct carousel_allocator *a, void *user)
{
	struct staging staging;
	int result = staging_init(&staging, a, 1024, *(size_t *)user);
	if (result == 0)
		staging_deinit(&staging);
	return result;
}

static void test_no_memory(void **state)
{
	size_t bytes = 64 * 1024;
	(void)state;
	assert_int_equal(fault_alloc_all(attempt, &bytes), 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_long_runs),
		cmocka_unit_test(test_kinds_apart),
		cmocka_unit_test(test_cut_symbol),
		cmocka_unit_test(test_sub_blocks),
		cmocka_unit_test(test_present_symbols_are_only_journaled),
		cmocka_unit_test(test_two_buffers),
		cmocka_unit_test(test_slot_too_small),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
