#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "common/object_layout.h"

static struct object_layout_wish wish(enum object_layout_kind kind, uint8_t id, uint16_t t, uint32_t k)
{
	const struct object_layout_wish w = {.kind = kind,
		.encoding_id = id,
		.instance_id = id == FEC_SMALL_BLOCK ? FEC_INSTANCE_RS_VAND : 0,
		.symbol_size = t,
		.block_symbols = k,
		.max_encoding_symbols = id == FEC_SMALL_BLOCK          ? 32
					: id == FEC_REED_SOLOMON_GF256 ? 255
								       : 0};
	return w;
}

static void test_names(void **state)
{
	enum object_layout_kind kind;
	(void)state;
	assert_int_equal(object_layout_parse("striped", &kind), 0);
	assert_int_equal(kind, OBJECT_STRIPED);
	assert_string_equal(object_layout_name(OBJECT_LINEAR), "linear");
	assert_string_equal(object_layout_name((enum object_layout_kind)7), "unknown");
	assert_int_equal(object_layout_parse("spiral", &kind), CAROUSEL_E_UNKNOWN_WORD);
}

/* Every byte of the image is in exactly one place, and the inverse finds it. */
static void assert_tiles(const struct object_layout *layout)
{
	uint8_t *seen = calloc(layout->image_bytes, 1);
	uint64_t covered = 0;
	assert_non_null(seen);
	for (uint32_t sbn = 0; sbn < layout->oti.num_blocks; sbn++) {
		struct fec_block block;
		assert_int_equal(fec_block_of(&layout->oti, sbn, &block), 0);
		for (uint32_t esi = 0; esi < block.num_source; esi++) {
			struct object_piece piece;
			uint32_t symbol_at = 0, s, e;
			for (uint32_t i = 0; i < layout->oti.num_sub_blocks; i++) {
				int result = object_symbol_piece(layout, sbn, esi, i, &piece);
				assert_true(result == 0 || result == OBJECT_PADDING);
				assert_int_equal(piece.symbol_offset, symbol_at);
				symbol_at += piece.len;
				for (uint64_t b = piece.image_offset;
					b < piece.image_offset + piece.len && b < layout->image_bytes; b++) {
					assert_int_equal(result, 0);
					assert_int_equal(seen[b]++, 0);
					covered++;
				}
				if (result == 0 && layout->oti.num_sub_blocks == 1) {
					assert_int_equal(object_symbol_at(layout, piece.image_offset, &s, &e), 0);
					assert_true(s == sbn && e == esi);
				}
			}
			assert_int_equal(symbol_at, layout->oti.symbol_size);
		}
		assert_int_equal(object_symbol_piece(layout, sbn, block.num_source, 0, &(struct object_piece){0}),
			CAROUSEL_E_SYMBOL);
	}
	assert_true(covered == layout->image_bytes);
	free(seen);
}

static void test_chosen_layouts_tile(void **state)
{
	static const uint64_t sizes[] = {1, 1023, 1024, 4096, 4097, 50000, 65536, 200001, 1 << 20};
	static const uint8_t ids[] = {FEC_COMPACT_NO_CODE, FEC_REED_SOLOMON_GF256, FEC_RAPTORQ, FEC_SMALL_BLOCK};
	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		for (size_t j = 0; j < sizeof ids; j++) {
			for (int kind = OBJECT_LINEAR; kind <= OBJECT_STRIPED; kind++) {
				struct object_layout layout;
				const struct object_layout_wish w =
					wish((enum object_layout_kind)kind, ids[j], 1024, 20);
				assert_int_equal(object_layout_choose(&layout, &w, sizes[i]), 0);
				assert_true(layout.image_bytes == sizes[i]);
				assert_true(layout.oti.max_block_symbols <= 20 || layout.oti.num_blocks == 255);
				assert_tiles(&layout);
			}
		}
	}
}

static void test_striping_spreads_neighbours(void **state)
{
	const struct object_layout_wish w = wish(OBJECT_STRIPED, FEC_RAPTORQ, 1024, 16);
	struct object_layout layout;
	uint32_t sbn, esi;
	uint64_t offset;
	(void)state;
	assert_int_equal(object_layout_choose(&layout, &w, 10 * 4096), 0);
	assert_int_equal(layout.oti.num_blocks, 3);
	assert_true(layout.oti.transfer_length == 12 * 4096);
	/* chunk 7 = 2*Z + 1 is chunk 2 of block 1; its third symbol is ESI 2*4 + 2 */
	assert_int_equal(object_symbol_at(&layout, 7 * 4096 + 2 * 1024 + 5, &sbn, &esi), 0);
	assert_int_equal(sbn, 1);
	assert_int_equal(esi, 10);
	assert_int_equal(object_symbol_offset(&layout, 1, 10, &offset), 0);
	assert_true(offset == 7 * 4096 + 2 * 1024);
	assert_int_equal(object_symbol_offset(&layout, 0, 12, &offset), 0);
	assert_int_equal(object_symbol_offset(&layout, 1, 12, &offset), OBJECT_PADDING);
	assert_int_equal(object_symbol_offset(&layout, 2, 15, &offset), OBJECT_PADDING);
	assert_int_equal(object_symbol_offset(&layout, 2, 16, &offset), CAROUSEL_E_SYMBOL);
	assert_int_equal(object_symbol_offset(&layout, 3, 0, &offset), CAROUSEL_E_SYMBOL);
	assert_int_equal(object_symbol_at(&layout, 10 * 4096, &sbn, &esi), CAROUSEL_E_RANGE);
}

static void test_large_images_get_larger_blocks(void **state)
{
	const struct object_layout_wish w = wish(OBJECT_STRIPED, FEC_RAPTORQ, 1024, 16384);
	struct object_layout layout;
	(void)state;
	assert_int_equal(object_layout_choose(&layout, &w, (uint64_t)1 << 30), 0);
	assert_int_equal(layout.oti.num_blocks, 64);
	assert_int_equal(layout.oti.max_block_symbols, 16384);
	assert_int_equal(object_layout_choose(&layout, &w, (uint64_t)8 << 30), 0);
	assert_int_equal(layout.oti.num_blocks, 255);
	assert_true(layout.oti.max_block_symbols > 16384);
	assert_int_equal(object_layout_choose(&layout, &w, (uint64_t)15 << 30), CAROUSEL_E_LIMIT);
	assert_int_equal(object_layout_choose(&layout, &w, UINT64_MAX), CAROUSEL_E_ARGUMENT);
}

static void test_bad_wishes(void **state)
{
	struct object_layout_wish w = wish(OBJECT_STRIPED, FEC_RAPTORQ, 1000, 16);
	struct object_layout layout;
	(void)state;
	assert_int_equal(object_layout_choose(&layout, &w, 5000), CAROUSEL_E_ARGUMENT);
	w.symbol_size = 0;
	assert_int_equal(object_layout_choose(&layout, &w, 5000), CAROUSEL_E_ARGUMENT);
	w.symbol_size = 1024;
	assert_int_equal(object_layout_choose(&layout, &w, 0), CAROUSEL_E_ARGUMENT);
	w.block_symbols = 0;
	assert_int_equal(object_layout_choose(&layout, &w, 5000), CAROUSEL_E_ARGUMENT);
	w = wish(OBJECT_LINEAR, FEC_COMPACT_NO_CODE, 1024, 64);
	assert_int_equal(object_layout_choose(&layout, &w, 0), 0);
	assert_int_equal(layout.oti.num_blocks, 0);
	w.encoding_id = FEC_RAPTORQ;
	assert_int_equal(object_layout_choose(&layout, &w, 0), CAROUSEL_E_OTI);
	w = wish((enum object_layout_kind)5, FEC_RAPTORQ, 1024, 64);
	assert_int_equal(object_layout_choose(&layout, &w, 5000), CAROUSEL_E_OTI);
}

static struct fec_oti striped_oti(void)
{
	struct fec_oti oti = {.encoding_id = FEC_RAPTORQ,
		.transfer_length = 12 * 4096,
		.symbol_size = 1024,
		.num_blocks = 3,
		.num_sub_blocks = 1,
		.alignment = 4};
	assert_int_equal(fec_oti_check(&oti, NULL), 0);
	return oti;
}

static void test_striped_layout_is_checked(void **state)
{
	struct object_layout layout;
	struct fec_oti oti = striped_oti();
	(void)state;
	assert_int_equal(object_layout_init(&layout, OBJECT_STRIPED, &oti, 9 * 4096 + 1), 0);
	assert_int_equal(object_layout_init(&layout, OBJECT_STRIPED, &oti, 12 * 4096), 0);
	assert_int_equal(object_layout_init(&layout, OBJECT_STRIPED, &oti, 12 * 4096 + 1), CAROUSEL_E_OTI);
	assert_int_equal(object_layout_init(&layout, OBJECT_STRIPED, &oti, 9 * 4096), CAROUSEL_E_OTI);
	assert_int_equal(object_layout_init(&layout, OBJECT_STRIPED, &oti, 0), CAROUSEL_E_OTI);
	assert_int_equal(object_layout_init(&layout, OBJECT_LINEAR, &oti, 12 * 4096), 0);
	assert_int_equal(object_layout_init(&layout, OBJECT_LINEAR, &oti, 12 * 4096 - 1), CAROUSEL_E_OTI);
	oti.num_sub_blocks = 2;
	assert_int_equal(object_layout_init(&layout, OBJECT_STRIPED, &oti, 12 * 4096), CAROUSEL_E_OTI);
	oti = striped_oti();
	oti.symbol_size = 1536;
	assert_int_equal(object_layout_init(&layout, OBJECT_STRIPED, &oti, 12 * 4096), CAROUSEL_E_OTI);
	oti = striped_oti();
	oti.num_blocks = 5;
	assert_int_equal(object_layout_init(&layout, OBJECT_STRIPED, &oti, 12 * 4096), CAROUSEL_E_OTI);
	oti = striped_oti();
	oti.transfer_length -= 1024;
	assert_int_equal(object_layout_init(&layout, OBJECT_STRIPED, &oti, 11 * 4096), CAROUSEL_E_OTI);
}

/* RFC 6330 section 4.4.1.2 with N > 1: a symbol is no contiguous part of the object. */
static void test_sub_blocks(void **state)
{
	struct fec_oti oti = {.encoding_id = FEC_RAPTORQ,
		.transfer_length = 1000,
		.symbol_size = 20,
		.num_blocks = 3,
		.num_sub_blocks = 3,
		.alignment = 4};
	struct object_layout layout;
	struct object_piece piece;
	uint32_t sbn, esi;
	uint64_t offset;
	(void)state;
	assert_int_equal(fec_oti_check(&oti, NULL), 0);
	assert_int_equal(object_layout_init(&layout, OBJECT_LINEAR, &oti, 1000), 0);
	assert_tiles(&layout);
	/* 50 symbols: blocks of 17, 17, 16; sub-symbols of 8, 8 and 4 bytes */
	assert_int_equal(object_symbol_piece(&layout, 1, 2, 2, &piece), 0);
	assert_int_equal(piece.len, 4);
	assert_int_equal(piece.symbol_offset, 16);
	assert_true(piece.image_offset == 17 * 20 + 17 * 16 + 2 * 4);
	assert_int_equal(object_symbol_piece(&layout, 1, 2, 3, &piece), CAROUSEL_E_SYMBOL);
	assert_int_equal(object_symbol_offset(&layout, 1, 2, &offset), CAROUSEL_E_UNSUPPORTED);
	assert_int_equal(object_symbol_at(&layout, 5, &sbn, &esi), CAROUSEL_E_UNSUPPORTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_chosen_layouts_tile),
		cmocka_unit_test(test_striping_spreads_neighbours),
		cmocka_unit_test(test_large_images_get_larger_blocks),
		cmocka_unit_test(test_bad_wishes),
		cmocka_unit_test(test_striped_layout_is_checked),
		cmocka_unit_test(test_sub_blocks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
