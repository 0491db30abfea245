#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "common/fec_oti.h"

static struct fec_oti raptorq(uint64_t length, uint16_t t, uint32_t z, uint16_t n, uint8_t al)
{
	const struct fec_oti oti = {.encoding_id = FEC_RAPTORQ,
		.transfer_length = length,
		.symbol_size = t,
		.num_blocks = z,
		.num_sub_blocks = n,
		.alignment = al};
	return oti;
}

static struct fec_oti blocks(uint8_t id, uint64_t length, uint16_t e, uint32_t b, uint32_t max_n)
{
	const struct fec_oti oti = {.encoding_id = id,
		.instance_id = id == FEC_SMALL_BLOCK ? FEC_INSTANCE_ISA_L_CAUCHY : 0,
		.transfer_length = length,
		.symbol_size = e,
		.max_block_symbols = b,
		.max_encoding_symbols = max_n};
	return oti;
}

static int check(struct fec_oti oti)
{
	return fec_oti_check(&oti, NULL);
}

static void test_raptorq_bounds(void **state)
{
	struct fec_oti oti = raptorq(10 * 1024 + 1, 1024, 2, 1, 4);
	(void)state;
	assert_int_equal(fec_oti_check(&oti, NULL), 0);
	assert_int_equal(oti.max_block_symbols, 6);
	assert_int_equal(check(raptorq(0, 1024, 1, 1, 4)), CAROUSEL_E_OTI);
	assert_int_equal(check(raptorq(1, 0, 1, 1, 4)), CAROUSEL_E_OTI);
	assert_int_equal(check(raptorq(1, 1024, 0, 1, 4)), CAROUSEL_E_OTI);
	assert_int_equal(check(raptorq(1, 1024, 1, 0, 4)), CAROUSEL_E_OTI);
	assert_int_equal(check(raptorq(1, 1024, 1, 1, 0)), CAROUSEL_E_OTI);
	assert_int_equal(check(raptorq(1, 1022, 1, 1, 4)), CAROUSEL_E_OTI);
	assert_int_equal(check(raptorq(1, 1024, 1, 257, 4)), CAROUSEL_E_OTI);
	assert_int_equal(check(raptorq(1, 1024, 1, 256, 4)), 0);
	assert_int_equal(check(raptorq(1024, 1024, 2, 1, 4)), CAROUSEL_E_OTI);
	assert_int_equal(check(raptorq(2048, 1024, 2, 1, 4)), 0);
	assert_int_equal(check(raptorq(56403 * 4, 4, 1, 1, 4)), 0);
	assert_int_equal(check(raptorq(56403 * 4 + 1, 4, 1, 1, 4)), CAROUSEL_E_OTI);
	assert_int_equal(check(raptorq(UINT64_MAX, 4, 1, 1, 4)), CAROUSEL_E_OTI);
	assert_int_equal(check(raptorq(FEC_RAPTORQ_MAX_TRANSFER_LENGTH + 1, 65528, 255, 1, 4)), CAROUSEL_E_OTI);
	assert_int_equal(check(raptorq(1, 65532, 1, 1, 4)), CAROUSEL_E_OTI);
	assert_int_equal(check(raptorq(300 * 1024, 1024, 256, 1, 4)), CAROUSEL_E_OTI);
}

static void test_partitioned_bounds(void **state)
{
	struct fec_oti oti = blocks(FEC_REED_SOLOMON_GF256, 1001, 10, 20, 30);
	(void)state;
	assert_int_equal(fec_oti_check(&oti, NULL), 0);
	assert_int_equal(oti.num_blocks, 6);
	assert_int_equal(oti.num_sub_blocks, 1);
	assert_int_equal(oti.alignment, 1);
	assert_int_equal(check(blocks(FEC_REED_SOLOMON_GF256, 1001, 10, 0, 30)), CAROUSEL_E_OTI);
	assert_int_equal(check(blocks(FEC_REED_SOLOMON_GF256, 1001, 0, 20, 30)), CAROUSEL_E_OTI);
	assert_int_equal(check(blocks(FEC_REED_SOLOMON_GF256, 0, 10, 20, 30)), CAROUSEL_E_OTI);
	assert_int_equal(check(blocks(FEC_REED_SOLOMON_GF256, 1001, 10, 31, 30)), CAROUSEL_E_OTI);
	assert_int_equal(check(blocks(FEC_REED_SOLOMON_GF256, 1001, 10, 20, 256)), CAROUSEL_E_OTI);
	assert_int_equal(check(blocks(FEC_REED_SOLOMON_GF256, 1001, 10, 255, 255)), 0);
	assert_int_equal(check(blocks(FEC_REED_SOLOMON_GF256, 1u << 24, 1, 1, 2)), 0);
	assert_int_equal(check(blocks(FEC_REED_SOLOMON_GF256, (1u << 24) + 1, 1, 1, 2)), CAROUSEL_E_OTI);
	assert_int_equal(check(blocks(FEC_SMALL_BLOCK, 1001, 10, 20, 32)), 0);
	assert_int_equal(check(blocks(FEC_SMALL_BLOCK, 1001, 10, 20, 33)), CAROUSEL_E_OTI);
	assert_int_equal(check(blocks(FEC_SMALL_BLOCK, 1001, 10, 20, 20)), CAROUSEL_E_OTI);
	assert_int_equal(check(blocks(FEC_SMALL_BLOCK, 0, 10, 20, 25)), CAROUSEL_E_OTI);
	oti = blocks(FEC_SMALL_BLOCK, 1001, 10, 20, 25);
	oti.instance_id = 0;
	assert_int_equal(check(oti), CAROUSEL_E_UNSUPPORTED);
	assert_int_equal(check(blocks(1, 1001, 10, 20, 25)), CAROUSEL_E_UNSUPPORTED);
}

static void test_no_code_bounds(void **state)
{
	struct fec_oti oti = blocks(FEC_COMPACT_NO_CODE, 0, 1400, 64, 77);
	(void)state;
	assert_int_equal(fec_oti_check(&oti, NULL), 0);
	assert_int_equal(oti.num_blocks, 0);
	assert_int_equal(oti.max_encoding_symbols, 0);
	/* A sender may announce a longer maximum than any block of the object has. */
	assert_int_equal(check(blocks(FEC_COMPACT_NO_CODE, 65536, 1, UINT32_MAX, 0)), 0);
	assert_int_equal(check(blocks(FEC_COMPACT_NO_CODE, 65537, 1, UINT32_MAX, 0)), CAROUSEL_E_OTI);
	assert_int_equal(check(blocks(FEC_COMPACT_NO_CODE, 65537, 1, 1, 0)), CAROUSEL_E_OTI);
	assert_int_equal(check(blocks(FEC_COMPACT_NO_CODE, 65536, 1, 1, 0)), 0);
	assert_int_equal(check(blocks(FEC_COMPACT_NO_CODE, (uint64_t)1 << 48, 1024, 65536, 0)), CAROUSEL_E_OTI);
}

static void test_limits(void **state)
{
	const struct fec_limits none = {0};
	struct fec_limits limits = none;
	struct fec_oti oti = raptorq(100 * 1024, 1024, 4, 1, 4);
	(void)state;
	assert_int_equal(fec_oti_check(&oti, &none), 0);
	limits.max_transfer_length = 100 * 1024 - 1;
	assert_int_equal(fec_oti_check(&oti, &limits), CAROUSEL_E_LIMIT);
	limits = none;
	limits.max_symbol_size = 1023;
	assert_int_equal(fec_oti_check(&oti, &limits), CAROUSEL_E_LIMIT);
	limits = none;
	limits.max_blocks = 3;
	assert_int_equal(fec_oti_check(&oti, &limits), CAROUSEL_E_LIMIT);
	limits = none;
	limits.max_block_symbols = 24;
	assert_int_equal(fec_oti_check(&oti, &limits), CAROUSEL_E_LIMIT);
	limits.max_block_symbols = 25;
	assert_int_equal(fec_oti_check(&oti, &limits), 0);
}

static void test_random_otis_never_divide_by_zero(void **state)
{
	static const uint8_t ids[] = {0, 5, 6, 129, 7};
	static const uint64_t edges[] = {0, 1, 2, 3, 255, 256, 65535, 65536, UINT32_MAX, UINT64_MAX};
	uint64_t seed = 1;
	(void)state;
	for (unsigned i = 0; i < 200000; i++) {
		struct fec_oti oti = {.encoding_id = ids[test_random(&seed) % 5],
			.instance_id = (uint16_t)(test_random(&seed) % 3),
			.transfer_length = edges[test_random(&seed) % 10],
			.symbol_size = (uint16_t)edges[test_random(&seed) % 10],
			.num_blocks = (uint32_t)edges[test_random(&seed) % 10],
			.num_sub_blocks = (uint16_t)edges[test_random(&seed) % 10],
			.alignment = (uint8_t)edges[test_random(&seed) % 10],
			.max_block_symbols = (uint32_t)edges[test_random(&seed) % 10],
			.max_encoding_symbols = (uint32_t)edges[test_random(&seed) % 10]};
		struct fec_block block;
		if (fec_oti_check(&oti, NULL) != 0 || oti.num_blocks == 0)
			continue;
		assert_int_equal(fec_block_of(&oti, oti.num_blocks - 1, &block), 0);
		assert_true(block.num_source > 0 && block.num_source <= block.esi_limit);
		assert_int_equal(fec_block_of(&oti, oti.num_blocks, &block), CAROUSEL_E_SYMBOL);
	}
}

static void test_blocks_tile_the_object(void **state)
{
	struct fec_oti oti = blocks(FEC_REED_SOLOMON_GF256, 1001, 10, 20, 30);
	uint64_t at = 0;
	struct fec_block block;
	(void)state;
	assert_int_equal(fec_oti_check(&oti, NULL), 0);
	for (uint32_t sbn = 0; sbn < oti.num_blocks; sbn++) {
		assert_true(fec_block_first_symbol(&oti, sbn) == at);
		assert_int_equal(fec_block_of(&oti, sbn, &block), 0);
		assert_int_equal(block.num_source, sbn < 5 ? 17 : 16);
		assert_int_equal(block.esi_limit, sbn < 5 ? 17 * 30 / 20 : 16 * 30 / 20);
		at += block.num_source;
	}
	assert_true(at == 101);
	oti = raptorq(101, 1, 6, 1, 1);
	assert_int_equal(fec_oti_check(&oti, NULL), 0);
	assert_int_equal(fec_block_of(&oti, 0, &block), 0);
	assert_int_equal(block.esi_limit, 1 << 24);
	assert_int_equal(block.num_source, 17);
}

/* Bodies written by hand from the figures of the RFCs. */
static const uint8_t no_code_body[] = {0, 1, 2, 3, 4, 5, 0, 0, 0x05, 0x78, 0, 1, 0, 2};
static const uint8_t rs_body[] = {0, 0, 0, 1, 0, 0, 0x04, 0x00, 200, 255};
static const uint8_t raptorq_body[] = {0, 0, 1, 0, 0, 0, 0x04, 0x00, 9, 0, 3, 4, 0, 0};
static const uint8_t small_body[] = {0, 0, 0, 1, 0, 0, 0, 2, 0x04, 0x00, 0, 20, 0, 25};

static int decode_as(void *user, const uint8_t *data, size_t len)
{
	struct bytes_reader r;
	struct fec_oti oti;
	bytes_reader_init(&r, data, len);
	return fec_oti_decode(&r, *(const uint8_t *)user, &oti);
}

static void code_both_ways(uint8_t id, const uint8_t *body, size_t len, struct fec_oti *oti)
{
	struct bytes_reader r;
	struct bytes_writer w;
	uint8_t out[16];
	bytes_reader_init(&r, body, len);
	assert_int_equal(fec_oti_decode(&r, id, oti), 0);
	assert_int_equal(r.left, 0);
	bytes_writer_init(&w, out, sizeof out);
	assert_int_equal(fec_oti_encode(&w, oti), 0);
	assert_int_equal(w.len, len);
	assert_memory_equal(out, body, len);
	test_truncations(decode_as, &id, body, len);
}

static void test_codes(void **state)
{
	struct fec_oti oti;
	(void)state;
	code_both_ways(FEC_COMPACT_NO_CODE, no_code_body, sizeof no_code_body, &oti);
	assert_true(oti.transfer_length == 0x000102030405 && oti.symbol_size == 1400);
	assert_int_equal(oti.max_block_symbols, 65538);
	code_both_ways(FEC_REED_SOLOMON_GF256, rs_body, sizeof rs_body, &oti);
	assert_int_equal(oti.max_block_symbols, 200);
	assert_int_equal(oti.max_encoding_symbols, 255);
	code_both_ways(FEC_RAPTORQ, raptorq_body, sizeof raptorq_body, &oti);
	assert_true(oti.transfer_length == 65536 && oti.symbol_size == 1024 && oti.num_blocks == 9);
	assert_true(oti.num_sub_blocks == 3 && oti.alignment == 4);
	code_both_ways(FEC_SMALL_BLOCK, small_body, sizeof small_body, &oti);
	assert_true(oti.instance_id == 2 && oti.max_block_symbols == 20 && oti.max_encoding_symbols == 25);
}

static int decode_id(void *user, const uint8_t *data, size_t len)
{
	struct bytes_reader r;
	struct fec_payload_id id;
	bytes_reader_init(&r, data, len);
	return fec_payload_id_decode(&r, *(const uint8_t *)user, &id);
}

static void test_payload_ids(void **state)
{
	static const struct {
		uint8_t scheme, bytes[8], len;
		struct fec_payload_id id;
	} rows[] = {
		{FEC_COMPACT_NO_CODE, {1, 2, 3, 4}, 4, {0x0102, 0x0304, 0}},
		{FEC_REED_SOLOMON_GF256, {1, 2, 3, 4}, 4, {0x010203, 4, 0}},
		{FEC_RAPTORQ, {1, 2, 3, 4}, 4, {1, 0x020304, 0}},
		{FEC_SMALL_BLOCK, {1, 2, 3, 4, 5, 6, 7, 8}, 8, {0x01020304, 0x0708, 0x0506}},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct bytes_reader r;
		struct bytes_writer w;
		struct fec_payload_id id;
		uint8_t out[8], scheme = rows[i].scheme;
		bytes_reader_init(&r, rows[i].bytes, rows[i].len);
		assert_int_equal(fec_payload_id_decode(&r, scheme, &id), 0);
		assert_true(id.sbn == rows[i].id.sbn && id.esi == rows[i].id.esi);
		assert_int_equal(id.block_length, rows[i].id.block_length);
		bytes_writer_init(&w, out, sizeof out);
		assert_int_equal(fec_payload_id_encode(&w, scheme, &id), 0);
		assert_int_equal(w.len, rows[i].len);
		assert_memory_equal(out, rows[i].bytes, w.len);
		test_truncations(decode_id, &scheme, rows[i].bytes, rows[i].len);
	}
}

static void test_unknown_schemes(void **state)
{
	struct bytes_reader r;
	struct bytes_writer w;
	struct fec_payload_id id;
	struct fec_oti oti;
	uint8_t out[16];
	(void)state;
	bytes_reader_init(&r, no_code_body, sizeof no_code_body);
	bytes_writer_init(&w, out, sizeof out);
	assert_int_equal(fec_oti_decode(&r, 2, &oti), CAROUSEL_E_UNSUPPORTED);
	assert_int_equal(fec_payload_id_decode(&r, 2, &id), CAROUSEL_E_UNSUPPORTED);
	assert_int_equal(fec_oti_encode(&w, &oti), CAROUSEL_E_UNSUPPORTED);
	assert_int_equal(fec_payload_id_encode(&w, 2, &id), CAROUSEL_E_UNSUPPORTED);
	assert_int_equal(w.len, 0);
}

static void test_equality_sees_every_field(void **state)
{
	const struct fec_oti a = {129, 2, 3, 4, 5, 6, 7, 8, 9};
	struct fec_oti b = a;
	(void)state;
	assert_true(fec_oti_is_equal(&a, &b));
#define DIFFERS(field)                                                                                                 \
	b = a;                                                                                                         \
	b.field++;                                                                                                     \
	assert_false(fec_oti_is_equal(&a, &b));
	DIFFERS(encoding_id)
	DIFFERS(instance_id)
	DIFFERS(transfer_length)
	DIFFERS(symbol_size)
	DIFFERS(num_blocks)
	DIFFERS(num_sub_blocks)
	DIFFERS(alignment)
	DIFFERS(max_block_symbols)
	DIFFERS(max_encoding_symbols)
#undef DIFFERS
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_raptorq_bounds),
		cmocka_unit_test(test_partitioned_bounds),
		cmocka_unit_test(test_no_code_bounds),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_random_otis_never_divide_by_zero),
		cmocka_unit_test(test_blocks_tile_the_object),
		cmocka_unit_test(test_codes),
		cmocka_unit_test(test_payload_ids),
		cmocka_unit_test(test_unknown_schemes),
		cmocka_unit_test(test_equality_sees_every_field),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
