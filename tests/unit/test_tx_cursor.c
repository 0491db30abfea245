/* covers: carousel-tx/cursor.c */
#include "tests/lib/test.h"

#include "carousel-tx/cursor.h"
#include "common/carousel_error.h"

static struct object_layout layout_of(uint8_t id, enum object_layout_kind kind, uint64_t bytes)
{
	struct object_layout_wish wish = {.kind = kind,
		.encoding_id = id,
		.symbol_size = 1024,
		.block_symbols = 64,
		.max_encoding_symbols = id == FEC_REED_SOLOMON_GF256 ? 96 : 0};
	struct object_layout layout;
	assert_int_equal(object_layout_choose(&layout, &wish, bytes), 0);
	return layout;
}

/* Source symbols come in the order of the image, none that is padding; then rows of one repair symbol a block. */
static void order_of(uint8_t id, enum object_layout_kind kind, uint64_t bytes)
{
	struct object_layout layout = layout_of(id, kind, bytes);
	struct tx_cursor c;
	struct tx_symbol s;
	uint64_t offset = 0;
	uint32_t esi[64] = {0};
	assert_int_equal(tx_cursor_init(&c, &layout, 0, 1), 0);
	assert_int_equal(c.source_symbols, (bytes + 1023) / 1024);
	for (; offset < bytes; offset += 1024, tx_cursor_advance(&c)) {
		uint64_t at;
		assert_true(tx_cursor_symbol(&c, &s));
		assert_true(s.is_source);
		assert_int_equal(s.image_offset, offset);
		assert_int_equal(object_symbol_offset(&layout, s.sbn, s.esi, &at), 0);
		assert_int_equal(at, offset);
	}
	for (uint32_t row = 0; row < 3; row++) {
		for (uint32_t sbn = 0; sbn < layout.oti.num_blocks; sbn++, tx_cursor_advance(&c)) {
			struct fec_block block;
			assert_true(tx_cursor_symbol(&c, &s));
			assert_false(s.is_source);
			assert_int_equal(s.sbn, sbn);
			assert_int_equal(s.repair_index, row * layout.oti.num_blocks + sbn);
			assert_int_equal(fec_block_of(&layout.oti, sbn, &block), 0);
			assert_int_equal(s.esi, row ? esi[sbn] + 1 : block.num_source);
			esi[sbn] = s.esi;
		}
	}
}

static void test_order(void **state)
{
	(void)state;
	order_of(FEC_RAPTORQ, OBJECT_STRIPED, 300001);
	order_of(FEC_RAPTORQ, OBJECT_LINEAR, 300001);
	order_of(FEC_RAPTORQ, OBJECT_STRIPED, 1);
	order_of(FEC_REED_SOLOMON_GF256, OBJECT_LINEAR, 300001);
}

/* Source symbol for source symbol in the image's order, a striped object goes round its blocks a chunk at a time. */
static void test_striped_goes_round(void **state)
{
	struct object_layout layout = layout_of(FEC_RAPTORQ, OBJECT_STRIPED, 300001);
	struct tx_cursor c;
	struct tx_symbol s;
	(void)state;
	assert_true(layout.oti.num_blocks > 2);
	assert_int_equal(tx_cursor_init(&c, &layout, 0, 1), 0);
	for (uint32_t i = 0; i < 12; i++, tx_cursor_advance(&c)) {
		assert_true(tx_cursor_symbol(&c, &s));
		assert_int_equal(s.sbn, i / 4);
		assert_int_equal(s.esi, i % 4);
	}
}

/* Headends add up: together every ESI once, alone only those of one residue. */
static void test_headends_share(void **state)
{
	struct object_layout layout = layout_of(FEC_RAPTORQ, OBJECT_STRIPED, 200000);
	uint8_t *seen = calloc(layout.oti.num_blocks, 256);
	(void)state;
	assert_non_null(seen);
	for (uint32_t sender = 0; sender < 3; sender++) {
		struct tx_cursor c;
		struct tx_symbol s;
		assert_int_equal(tx_cursor_init(&c, &layout, sender, 3), 0);
		for (uint64_t i = 0; i < c.source_symbols + 30ull * c.num_blocks; i++, tx_cursor_advance(&c)) {
			if (!tx_cursor_symbol(&c, &s))
				continue;
			assert_int_equal(s.esi % 3, sender);
			if (s.esi < 256)
				assert_int_equal(seen[s.sbn * 256 + s.esi]++, 0);
		}
	}
	for (uint32_t esi = 0; esi < 120; esi++) {
		uint64_t at;
		struct fec_block block;
		assert_int_equal(fec_block_of(&layout.oti, 0, &block), 0);
		if (esi < block.num_source && object_symbol_offset(&layout, 0, esi, &at) == OBJECT_PADDING)
			continue;
		assert_int_equal(seen[esi], 1);
	}
	free(seen);
}

/* Schemes of few ESIs: everyone sends all of them, each from another place. */
static void test_few_esis_are_cycled_through(void **state)
{
	static const uint8_t ids[] = {FEC_COMPACT_NO_CODE, FEC_REED_SOLOMON_GF256};
	(void)state;
	for (size_t i = 0; i < sizeof ids; i++) {
		struct object_layout layout = layout_of(ids[i], OBJECT_LINEAR, 100000);
		struct tx_cursor a, b;
		struct tx_symbol first, other;
		uint64_t count = 0;
		assert_int_equal(tx_cursor_init(&a, &layout, 0, 2), 0);
		assert_int_equal(tx_cursor_init(&b, &layout, 1, 2), 0);
		assert_true(tx_cursor_symbol(&a, &first) && tx_cursor_symbol(&b, &other));
		assert_false(first.sbn == other.sbn && first.esi == other.esi);
		for (; count < a.cycle; count++, tx_cursor_advance(&a))
			assert_true(tx_cursor_symbol(&a, &other));
		assert_true(tx_cursor_symbol(&a, &other));
		assert_true(first.sbn == other.sbn && first.esi == other.esi);
		assert_int_equal(count, a.source_symbols + a.repair_rows * a.num_blocks);
	}
}

/* Whatever was sent before a change of the number of senders is not sent after it, until ESIs wrap. */
static void test_resume_passes_what_was_sent(void **state)
{
	static const uint32_t steps[][2] = {{1, 1}, {1, 2}, {2, 1}, {3, 2}, {2, 3}};
	struct object_layout layout = layout_of(FEC_RAPTORQ, OBJECT_STRIPED, 200000);
	(void)state;
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		for (uint64_t more = 0; more < 40; more += 7) {
			struct tx_cursor before, after;
			struct tx_symbol s;
			uint32_t highest = 0;
			assert_int_equal(tx_cursor_init(&before, &layout, steps[i][0] - 1, steps[i][0]), 0);
			for (uint64_t k = 0; k < before.source_symbols + more; k++, tx_cursor_advance(&before))
				if (tx_cursor_symbol(&before, &s) && s.esi > highest)
					highest = s.esi;
			assert_int_equal(tx_cursor_init(&after, &layout, 0, steps[i][1]), 0);
			tx_cursor_resume(&after, before.position, steps[i][0]);
			assert_true(tx_cursor_symbol(&after, &s));
			assert_false(s.is_source);
			if (steps[i][0] != steps[i][1] && more)
				assert_true(s.esi > highest);
			else
				assert_true(s.esi >= highest);
		}
	}
}

static void test_wraps_at_the_end_of_the_esis(void **state)
{
	struct object_layout layout = layout_of(FEC_RAPTORQ, OBJECT_STRIPED, 200000);
	struct tx_cursor c;
	struct tx_symbol s;
	(void)state;
	assert_int_equal(tx_cursor_init(&c, &layout, 1, 2), 0);
	tx_cursor_resume(&c, c.cycle - 1, 2);
	assert_true(tx_cursor_symbol(&c, &s));
	assert_true(s.esi <= FEC_RAPTORQ_MAX_ESI && s.esi > FEC_RAPTORQ_MAX_ESI - 128);
	tx_cursor_advance(&c);
	assert_int_equal(c.phase, 0);
	assert_int_equal(c.position, c.cycle);
}

static void test_refuses(void **state)
{
	struct object_layout layout = layout_of(FEC_RAPTORQ, OBJECT_LINEAR, 200000);
	struct tx_cursor c;
	(void)state;
	assert_int_equal(tx_cursor_init(&c, &layout, 0, 0), CAROUSEL_E_ARGUMENT);
	assert_int_equal(tx_cursor_init(&c, &layout, 2, 2), CAROUSEL_E_ARGUMENT);
	layout.oti.num_sub_blocks = 2;
	assert_int_equal(tx_cursor_init(&c, &layout, 0, 1), CAROUSEL_E_UNSUPPORTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_striped_goes_round),
		cmocka_unit_test(test_headends_share),
		cmocka_unit_test(test_few_esis_are_cycled_through),
		cmocka_unit_test(test_resume_passes_what_was_sent),
		cmocka_unit_test(test_wraps_at_the_end_of_the_esis),
		cmocka_unit_test(test_refuses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
