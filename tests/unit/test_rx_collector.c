/* covers: carousel-rx/collector.c */
#include "carousel-rx/collector.h"
#include "common/carousel_error.h"
#include "common/object_layout.h"
#include "fec/fec.h"
#include "tests/lib/fault_alloc.h"
#include "tests/lib/test.h"

/* An object and everything a transmitter could send of it. */
struct sent {
	struct object_layout layout;
	uint8_t *bytes;
	uint8_t *symbols; /* of block b, esi e: at (b * per_block + e) * T */
	uint32_t per_block;
};

static int source_read(void *user, uint32_t esi, size_t off, size_t len, uint8_t *dst)
{
	memcpy(dst, (uint8_t *)user + (size_t)esi * 64 + off, len);
	return 0;
}

static void encode_block(struct sent *s, uint32_t sbn)
{
	struct fec_block block;
	uint8_t *source, *memory;
	size_t bytes;
	struct fec_plan *plan;
	struct fec_encoder *encoder;
	assert_int_equal(fec_block_of(&s->layout.oti, sbn, &block), 0);
	source = calloc(block.num_source, 64);
	for (uint32_t esi = 0; esi < block.num_source; esi++) {
		for (uint32_t i = 0; i < s->layout.oti.num_sub_blocks; i++) {
			struct object_piece p;
			uint64_t left;
			if (object_symbol_piece(&s->layout, sbn, esi, i, &p) || p.image_offset >= s->layout.image_bytes)
				continue;
			left = s->layout.image_bytes - p.image_offset;
			memcpy(source + (size_t)esi * 64 + p.symbol_offset, s->bytes + p.image_offset,
				p.len < left ? p.len : (size_t)left);
		}
	}
	const struct fec_symbols symbols = {source, NULL, source_read, NULL};
	bytes = (fec_encoder_bytes(&block) + 127) / 64 * 64;
	memory = aligned_alloc(64, bytes);
	assert_int_equal(fec_plan_new(NULL, &block, &plan), 0);
	assert_int_equal(fec_encoder_init(&encoder, memory, bytes, plan, &symbols), 0);
	for (uint32_t esi = 0; esi < s->per_block && esi < block.esi_limit; esi++)
		assert_int_equal(fec_encoder_symbols(
					 encoder, esi, 1, 1, s->symbols + ((size_t)sbn * s->per_block + esi) * 64, 64),
			0);
	fec_encoder_deinit(encoder);
	fec_plan_free(plan);
	free(memory);
	free(source);
}

static void send_init(struct sent *s, uint8_t scheme, uint16_t sub_blocks, size_t len)
{
	struct fec_oti oti = {.encoding_id = scheme,
		.transfer_length = len,
		.symbol_size = 64,
		.num_blocks = len > 1000 ? 3 : 1,
		.num_sub_blocks = sub_blocks,
		.alignment = 4,
		.max_block_symbols = 20,
		.max_encoding_symbols = 30};
	uint64_t random = 1;
	if (scheme != FEC_RAPTORQ) {
		oti.num_blocks = 0;
		oti.num_sub_blocks = 1;
		oti.alignment = 1;
	}
	if (scheme == FEC_COMPACT_NO_CODE)
		oti.max_encoding_symbols = 0;
	if (scheme == FEC_RAPTORQ)
		oti.max_block_symbols = oti.max_encoding_symbols = 0;
	assert_int_equal(fec_oti_check(&oti, NULL), 0);
	assert_int_equal(object_layout_init(&s->layout, OBJECT_LINEAR, &oti, len), 0);
	s->per_block = 40;
	s->bytes = malloc(len);
	for (size_t i = 0; i < len; i++)
		s->bytes[i] = (uint8_t)test_random(&random);
	s->symbols = calloc((size_t)s->layout.oti.num_blocks * s->per_block, 64);
	for (uint32_t sbn = 0; sbn < s->layout.oti.num_blocks; sbn++)
		encode_block(s, sbn);
}

static void send_deinit(struct sent *s)
{
	free(s->bytes);
	free(s->symbols);
}

static int give(struct collector *c, const struct sent *s, uint32_t sbn, uint32_t esi)
{
	uint8_t *copy = malloc(64);
	int result;
	memcpy(copy, s->symbols + ((size_t)sbn * s->per_block + esi) * 64, 64);
	result = collector_add(c, sbn, esi, copy, 64);
	free(copy);
	return result;
}

/* Symbols of every block from `first` on until the object is whole. */
static void check_scheme(uint8_t scheme, uint16_t sub_blocks, uint32_t first, size_t len)
{
	struct sent s;
	struct collector *c;
	uint8_t *object = NULL;
	int result = CAROUSEL_E_NEED_MORE;
	send_init(&s, scheme, sub_blocks, len);
	assert_int_equal(collector_new(&c, NULL, &s.layout.oti, 100000), 0);
	for (uint32_t esi = first; result == CAROUSEL_E_NEED_MORE && esi < s.per_block; esi++) {
		assert_int_equal(collector_decode(c, &object), CAROUSEL_E_NEED_MORE);
		for (uint32_t sbn = 0; sbn < s.layout.oti.num_blocks; sbn++) {
			struct fec_block b;
			fec_block_of(&s.layout.oti, sbn, &b);
			if (esi >= b.esi_limit)
				continue;
			int added = give(c, &s, sbn, esi);
			assert_true(added == 0 || added == CAROUSEL_E_DUPLICATE);
			assert_int_equal(give(c, &s, sbn, esi), CAROUSEL_E_DUPLICATE);
		}
		if (collector_is_ready(c))
			result = collector_decode(c, &object);
	}
	assert_int_equal(result, 0);
	assert_memory_equal(object, s.bytes, len);
	assert_int_equal(object[len], 0);
	memory_free(NULL, object);
	collector_free(c);
	send_deinit(&s);
}

static void test_every_scheme(void **state)
{
	(void)state;
	check_scheme(FEC_COMPACT_NO_CODE, 1, 0, 3001);
	check_scheme(FEC_REED_SOLOMON_GF256, 1, 0, 3001);
	check_scheme(FEC_REED_SOLOMON_GF256, 1, 6, 3001);
	check_scheme(FEC_RAPTORQ, 1, 0, 3001);
	check_scheme(FEC_RAPTORQ, 1, 7, 3001);
	check_scheme(FEC_RAPTORQ, 4, 0, 3001);
	check_scheme(FEC_RAPTORQ, 4, 11, 3001);
	check_scheme(FEC_RAPTORQ, 1, 5, 64);
}

static void test_refuses(void **state)
{
	struct sent s;
	struct collector *c;
	uint8_t symbol[65] = {0};
	(void)state;
	send_init(&s, FEC_COMPACT_NO_CODE, 1, 1000);
	assert_int_equal(collector_new(&c, NULL, &s.layout.oti, 999), CAROUSEL_E_LIMIT);
	assert_int_equal(collector_new(&c, NULL, &s.layout.oti, 1000), 0);
	assert_int_equal(collector_add(c, 1, 0, symbol, 64), CAROUSEL_E_SYMBOL);
	assert_int_equal(collector_add(c, 0, 16, symbol, 64), CAROUSEL_E_SYMBOL);
	assert_int_equal(collector_add(c, 0, 0, symbol, 63), CAROUSEL_E_SYMBOL);
	assert_int_equal(collector_add(c, 0, 0, symbol, 65), CAROUSEL_E_SYMBOL);
	assert_int_equal(collector_add(c, 0, 0, symbol, 0), CAROUSEL_E_SYMBOL);
	assert_int_equal(collector_add(c, 0, 15, symbol, 39), CAROUSEL_E_SYMBOL);
	assert_int_equal(collector_add(c, 0, 15, symbol, 40), 0); /* the object's end */
	assert_false(collector_is_ready(c));
	collector_free(c);
	collector_free(NULL);
	send_deinit(&s);
}

static void test_too_many_blocks(void **state)
{
	struct fec_oti oti = {.transfer_length = 50000, .symbol_size = 4, .max_block_symbols = 1};
	struct collector *c;
	(void)state;
	assert_int_equal(fec_oti_check(&oti, NULL), 0);
	assert_int_equal(collector_new(&c, NULL, &oti, 1 << 20), CAROUSEL_E_LIMIT);
}

static int attempt(const struct carousel_allocator *a, void *user)
{
	const struct sent *s = user;
	struct collector *c;
	uint8_t *object = NULL;
	int result = collector_new(&c, a, &s->layout.oti, 100000);
	if (result)
		return result;
	for (uint32_t esi = 3; esi < 30; esi++)
		for (uint32_t sbn = 0; sbn < s->layout.oti.num_blocks; sbn++)
			give(c, s, sbn, esi);
	result = collector_decode(c, &object);
	memory_free(a, object);
	collector_free(c);
	return result;
}

static void test_no_memory(void **state)
{
	struct sent s;
	(void)state;
	send_init(&s, FEC_REED_SOLOMON_GF256, 1, 2000);
	assert_true(fault_alloc_all(attempt, &s) > 5);
	send_deinit(&s);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_scheme),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_too_many_blocks),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
