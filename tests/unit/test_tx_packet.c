/* covers: carousel-tx/packet.c carousel-tx/document.c */
#include "tests/lib/test.h"

#include "carousel-tx/document.h"
#include "carousel-tx/packet.h"
#include "carousel-tx/tx.h"
#include "common/carousel_error.h"
#include "fec/fec.h"
#include "tests/lib/fault_alloc.h"
#include "tests/lib/tx_fixture.h"

/* What the patched template gives is what the parser reads, for every scheme's FEC Payload ID. */
static void test_headers_read_back(void **state)
{
	static const struct fec_oti otis[] = {
		{.encoding_id = FEC_COMPACT_NO_CODE,
			.transfer_length = 5000,
			.symbol_size = 100,
			.max_block_symbols = 20},
		{.encoding_id = FEC_REED_SOLOMON_GF256,
			.transfer_length = 5000,
			.symbol_size = 100,
			.max_block_symbols = 20,
			.max_encoding_symbols = 30},
		{.encoding_id = FEC_RAPTORQ,
			.transfer_length = 5000,
			.symbol_size = 100,
			.num_blocks = 3,
			.num_sub_blocks = 1,
			.alignment = 1},
		{.encoding_id = FEC_SMALL_BLOCK,
			.instance_id = FEC_INSTANCE_ISA_L_CAUCHY,
			.transfer_length = 5000,
			.symbol_size = 100,
			.max_block_symbols = 20,
			.max_encoding_symbols = 30},
	};
	(void)state;
	for (size_t i = 0; i < sizeof otis / sizeof *otis; i++) {
		struct fec_oti oti = otis[i];
		struct tx_header header;
		assert_int_equal(fec_oti_check(&oti, NULL), 0);
		assert_int_equal(tx_header_init(&header, 0xfffffffe, 0x80000001, &oti), 0);
		for (int with_fti = 0; with_fti < 2; with_fti++) {
			struct fec_payload_id id = {.sbn = 2, .esi = 19, .block_length = 20};
			size_t len = tx_header_bytes(&header, with_fti);
			uint8_t *exact = malloc(len);
			struct alc_packet p;
			tx_header_write(&header, with_fti, 0xcafe0001, &id, exact);
			assert_int_equal(alc_parse(exact, len, &p), 0);
			assert_int_equal(p.lct.cci, 0xcafe0001);
			assert_true(p.lct.tsi == 0xfffffffe && p.lct.toi == 0x80000001);
			assert_int_equal(p.lct.codepoint, oti.encoding_id);
			assert_int_equal(p.id.sbn, 2);
			assert_int_equal(p.id.esi, 19);
			if (oti.encoding_id == FEC_SMALL_BLOCK)
				assert_int_equal(p.id.block_length, 20);
			assert_int_equal(p.has_fti, with_fti);
			assert_int_equal(p.payload_len, 0);
			if (with_fti) {
				assert_int_equal(fec_oti_check(&p.oti, NULL), 0);
				assert_true(fec_oti_is_equal(&p.oti, &oti));
			}
			free(exact);
		}
	}
}

static void test_ntp_time(void **state)
{
	(void)state;
	assert_true(tx_ntp_of_wall(0) == 2208988800ull << 32);
	assert_true(tx_ntp_of_wall(500000000) == (2208988800ull << 32 | 0x80000000u));
	/* RFC 5905 figure 4: 1972-01-01 is 2272060800. */
	assert_true(tx_ntp_of_wall(63072000ull * 1000000000) >> 32 == 2272060800u);
	/* Era 1 begins on 2036-02-07 06:28:16; the timestamp wraps. */
	assert_true(tx_ntp_of_wall(2085978496ull * 1000000000) == 0);
}

struct decode {
	uint8_t repair[14][128]; /* ESIs 10 to 23 */
	uint8_t source[10][128];
};

static int read_repair(void *user, uint32_t esi, size_t off, size_t len, uint8_t *dst)
{
	memcpy(dst, ((struct decode *)user)->repair[esi - 10] + off, len);
	return 0;
}

static int write_source(void *user, uint32_t esi, size_t off, size_t len, const uint8_t *src)
{
	memcpy(((struct decode *)user)->source[esi] + off, src, len);
	return 0;
}

/* A document can be had from its repair symbols alone. */
static void test_document_from_repair_symbols(void **state)
{
	uint8_t *bytes = fixture_bytes(1200, 4);
	struct decode *decode = calloc(1, sizeof *decode);
	const struct fec_symbols access = {.user = decode, .read = read_repair, .write = write_source};
	struct fec_decoder *decoder;
	struct fec_block block;
	struct tx_document d;
	void *memory;
	size_t size;
	(void)state;
	assert_int_equal(tx_document_init(&d, NULL, bytes, 1200, 128, FEC_RAPTORQ), 0);
	assert_int_equal(fec_block_of(&d.layout.oti, 0, &block), 0);
	assert_int_equal(block.num_source, 10);
	size = fec_decoder_bytes(&block, 0);
	memory = aligned_alloc(64, (size + 63) / 64 * 64);
	assert_int_equal(fec_decoder_init(&decoder, memory, size, &block, 0), 0);
	for (uint32_t esi = 10; esi < 24; esi++) {
		assert_int_equal(tx_document_symbol(&d, esi, decode->repair[esi - 10]), 0);
		assert_int_equal(fec_decoder_add(decoder, esi), 0);
	}
	assert_int_equal(fec_decoder_plan(decoder), 0);
	assert_int_equal(fec_decoder_apply(decoder, &access), 0);
	assert_memory_equal(decode->source, bytes, 1200);
	fec_decoder_deinit(decoder);
	tx_document_deinit(&d);
	free(memory);
	free(decode);
	free(bytes);
}

static void test_document_symbols_in_order(void **state)
{
	uint8_t *bytes = fixture_bytes(1200, 4), symbol[128];
	struct tx_document d;
	(void)state;
	assert_int_equal(tx_document_init(&d, NULL, bytes, 1200, 128, FEC_COMPACT_NO_CODE), 0);
	for (uint32_t esi = 0; esi < 10; esi++) {
		assert_int_equal(tx_document_symbol(&d, esi, symbol), 0);
		assert_memory_equal(symbol, bytes + 128 * esi, esi < 9 ? 128 : 48);
	}
	assert_int_equal(tx_document_symbol(&d, 10, symbol), CAROUSEL_E_SYMBOL);
	tx_document_deinit(&d);
	free(bytes);
}

static void test_documents_refused(void **state)
{
	struct tx_document d;
	(void)state;
	assert_int_equal(tx_document_init(&d, NULL, "x", 0, 128, FEC_RAPTORQ), CAROUSEL_E_ARGUMENT);
	assert_int_equal(tx_document_init(&d, NULL, "x", 1, 0, FEC_RAPTORQ), CAROUSEL_E_ARGUMENT);
	assert_int_equal(
		tx_document_init(&d, NULL, "x", TX_MAX_DOCUMENT_BYTES + 1, 128, FEC_RAPTORQ), CAROUSEL_E_LIMIT);
	assert_int_equal(tx_document_init(&d, NULL, "x", 2, 1, 77), CAROUSEL_E_UNSUPPORTED);
	/* One symbol needs no code. */
	assert_int_equal(tx_document_init(&d, NULL, "xy", 2, 128, FEC_RAPTORQ), 0);
	assert_int_equal(d.layout.oti.encoding_id, FEC_COMPACT_NO_CODE);
	tx_document_deinit(&d);
}

static int attempt(const struct carousel_allocator *allocator, void *user)
{
	struct tx_document d;
	uint8_t symbol[128];
	int result = tx_document_init(&d, allocator, user, 1200, 128, FEC_RAPTORQ);
	if (result)
		return result;
	result = tx_document_symbol(&d, 10, symbol);
	tx_document_deinit(&d);
	return result;
}

static void test_no_memory(void **state)
{
	uint8_t *bytes = fixture_bytes(1200, 4);
	(void)state;
	assert_true(fault_alloc_all(attempt, bytes) >= 3);
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_headers_read_back),
		cmocka_unit_test(test_ntp_time),
		cmocka_unit_test(test_document_from_repair_symbols),
		cmocka_unit_test(test_document_symbols_in_order),
		cmocka_unit_test(test_documents_refused),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
