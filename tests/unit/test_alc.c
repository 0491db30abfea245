#include "tests/lib/test.h"

#include "common/alc.h"
#include "common/carousel_error.h"

#include <sys/mman.h>
#include <unistd.h>

/* By hand from RFC 6726 section 3.4 and RFC 6330: an FDT packet with EXT_FDT (version 2, instance 5), EXT_CENC
 * (gzip), EXT_TIME (SCT high and low), EXT_FTI for RaptorQ, one symbol of 4 bytes. */
static const uint8_t fdt_packet[] = {0x10, 0xa0, 13, 6, 0, 0, 0, 1, 0, 0, 0x0f, 0xa1, 0, 0, 0,
	0,                                                 /* LCT: TSI 4001, TOI 0 */
	192, 0x20, 0, 5,                                   /* EXT_FDT */
	193, 3, 0, 0,                                      /* EXT_CENC */
	2, 3, 0xc0, 0, 0xec, 0, 0, 1, 0x80, 0, 0, 0,       /* EXT_TIME */
	64, 4, 0, 0, 0, 0, 200, 0, 0, 4, 1, 0, 1, 4, 0, 0, /* EXT_FTI */
	0, 0, 0, 9,                                        /* SBN 0, ESI 9 */
	'a', 'b', 'c', 'd'};

static void test_parses_every_extension(void **state)
{
	struct alc_packet p;
	(void)state;
	assert_int_equal(alc_parse(fdt_packet, sizeof fdt_packet, &p), 0);
	assert_true(p.lct.toi == 0 && p.lct.tsi == 4001);
	assert_true(p.has_fdt && p.flute_version == 2 && p.fdt_instance_id == 5);
	assert_true(p.has_cenc && p.content_encoding == ALC_CENC_GZIP);
	assert_true(p.has_sct && p.sct_ntp == 0xec00000180000000u);
	assert_true(p.has_fti && p.oti.encoding_id == FEC_RAPTORQ && p.oti.transfer_length == 200);
	assert_true(p.oti.symbol_size == 4 && p.oti.num_blocks == 1 && p.oti.alignment == 4);
	assert_true(p.has_payload_id && p.id.sbn == 0 && p.id.esi == 9);
	assert_int_equal(p.payload_len, 4);
	assert_ptr_equal(p.payload, fdt_packet + sizeof fdt_packet - 4);
}

static void test_writes_the_same_bytes(void **state)
{
	struct alc_packet p;
	struct bytes_writer w;
	uint8_t out[ALC_MAX_HEADER_BYTES];
	(void)state;
	assert_int_equal(alc_parse(fdt_packet, sizeof fdt_packet, &p), 0);
	bytes_writer_init(&w, out, sizeof out);
	assert_int_equal(alc_write_header(&w, &p), 0);
	assert_int_equal(w.len, sizeof fdt_packet - 4);
	assert_memory_equal(out, fdt_packet, w.len);
	for (size_t cap = 0; cap < w.len; cap++) {
		struct bytes_writer small;
		uint8_t *exact = malloc(cap ? cap : 1);
		bytes_writer_init(&small, exact, cap);
		assert_int_equal(alc_write_header(&small, &p), CAROUSEL_E_LIMIT);
		free(exact);
	}
}

static int parse_with_payload(void *user, const uint8_t *data, size_t len)
{
	struct alc_packet p;
	int result = alc_parse(data, len, &p);
	(void)user;
	if (result)
		return result;
	/* Cut in the payload, or after the whole header: legal, but never more than was there. */
	assert_true(p.payload_len < 4);
	assert_true(!p.has_payload_id || len >= sizeof fdt_packet - 4);
	return p.payload_len < 4 ? CAROUSEL_E_TRUNCATED : 0;
}

static void test_truncations_are_found(void **state)
{
	(void)state;
	test_truncations(parse_with_payload, NULL, fdt_packet, sizeof fdt_packet);
}

static void test_close_session_has_no_payload(void **state)
{
	static const uint8_t close[] = {0x10, 0x82, 3, 99, 0, 0, 0, 1, 0, 0, 0, 7};
	struct alc_packet p;
	(void)state;
	assert_int_equal(alc_parse(close, sizeof close, &p), 0);
	assert_true(p.lct.close_session && !p.has_payload_id && p.payload_len == 0);
	assert_null(p.payload);
}

static void test_unknown_scheme(void **state)
{
	uint8_t packet[sizeof fdt_packet];
	struct alc_packet p;
	(void)state;
	memcpy(packet, fdt_packet, sizeof packet);
	packet[3] = 99;
	assert_int_equal(alc_parse(packet, sizeof packet, &p), CAROUSEL_E_UNSUPPORTED);
	assert_int_equal(alc_parse(packet, 52, &p), 0);
	assert_false(p.has_fti);
}

/* A data packet whose only extensions are `ext` (len a multiple of 4), then a payload id and one byte. */
static int parse_extensions(const uint8_t *ext, size_t len, struct alc_packet *p)
{
	size_t total = 16 + len + 5;
	uint8_t *packet = calloc(total, 1);
	int result;
	memcpy(packet, fdt_packet, 16);
	packet[2] = (uint8_t)(4 + len / 4);
	memcpy(packet + 16, ext, len);
	result = alc_parse(packet, total, p);
	p->payload = NULL;
	free(packet);
	return result;
}

static void test_extension_of_length_zero_ends(void **state)
{
	static const uint8_t zero[] = {0, 0, 0, 0}, zero_fti[] = {64, 0, 0, 0};
	static const uint8_t long_nop[] = {0, 2, 0, 0}, short_fti[] = {64, 1, 0, 0};
	struct alc_packet p;
	(void)state;
	alarm(10); /* a loop that never ends ends the test */
	assert_int_equal(parse_extensions(zero, sizeof zero, &p), CAROUSEL_E_MALFORMED);
	assert_int_equal(parse_extensions(zero_fti, sizeof zero_fti, &p), CAROUSEL_E_MALFORMED);
	assert_int_equal(parse_extensions(long_nop, sizeof long_nop, &p), CAROUSEL_E_MALFORMED);
	assert_int_equal(parse_extensions(short_fti, sizeof short_fti, &p), CAROUSEL_E_MALFORMED);
	alarm(0);
}

/* An extension that claims more than the header has, at the end of readable memory. */
static void test_extension_longer_than_the_header(void **state)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *packet = pages + page - 20;
	struct alc_packet p;
	(void)state;
	assert_true(pages != MAP_FAILED);
	assert_int_equal(mprotect(pages + page, page, PROT_NONE), 0);
	memcpy(packet, fdt_packet, 16);
	packet[2] = 5;
	packet[16] = LCT_EXT_NOP;
	packet[17] = 255;
	assert_int_equal(alc_parse(packet, 20, &p), CAROUSEL_E_MALFORMED);
	packet[16] = LCT_EXT_FTI;
	assert_int_equal(alc_parse(packet, 20, &p), CAROUSEL_E_MALFORMED);
	munmap(pages, 2 * page);
}

static void test_unknown_extensions_are_skipped(void **state)
{
	static const uint8_t ext[] = {
		0, 1, 0xff, 0xff, 1, 2, 1, 2, 3, 4, 5, 6, 200, 1, 2, 3, 77, 2, 9, 9, 9, 9, 9, 9, 192, 0x10, 0x0f, 0xff};
	struct alc_packet p;
	(void)state;
	assert_int_equal(parse_extensions(ext, sizeof ext, &p), 0);
	assert_true(p.has_fdt && p.flute_version == 1 && p.fdt_instance_id == 0xfff);
	assert_false(p.has_fti || p.has_cenc || p.has_sct);
	assert_true(p.has_payload_id && p.payload_len == 1);
}

static void test_time(void **state)
{
	static const uint8_t high_only[] = {2, 2, 0x80, 0, 0, 0, 0, 7};
	static const uint8_t with_ert_slc[] = {2, 5, 0xf0, 0, 0, 0, 0, 7, 0, 0, 0, 8, 1, 1, 1, 1, 2, 2, 2, 2};
	static const uint8_t ert_only[] = {2, 2, 0x20, 0, 0, 0, 0, 7};
	static const uint8_t low_only[] = {2, 2, 0x40, 0, 0, 0, 0, 7};
	static const uint8_t too_short[] = {2, 2, 0xc0, 0, 0, 0, 0, 7};
	static const uint8_t no_room[] = {2, 1, 0x80, 0};
	struct alc_packet p;
	(void)state;
	assert_int_equal(parse_extensions(high_only, sizeof high_only, &p), 0);
	assert_true(p.has_sct && p.sct_ntp == (uint64_t)7 << 32);
	assert_int_equal(parse_extensions(with_ert_slc, sizeof with_ert_slc, &p), 0);
	assert_true(p.has_sct && p.sct_ntp == ((uint64_t)7 << 32 | 8));
	assert_int_equal(parse_extensions(ert_only, sizeof ert_only, &p), 0);
	assert_false(p.has_sct);
	assert_int_equal(parse_extensions(low_only, sizeof low_only, &p), CAROUSEL_E_MALFORMED);
	assert_int_equal(parse_extensions(too_short, sizeof too_short, &p), CAROUSEL_E_MALFORMED);
	assert_int_equal(parse_extensions(no_room, sizeof no_room, &p), CAROUSEL_E_MALFORMED);
}

static struct alc_packet packet_of(uint8_t id)
{
	struct alc_packet p = {.has_payload_id = true, .has_fti = true};
	p.lct.codepoint = id;
	p.lct.has_tsi = p.lct.has_toi = true;
	p.lct.tsi = 1;
	p.lct.toi = 2;
	p.oti.encoding_id = id;
	p.oti.instance_id = id == FEC_SMALL_BLOCK ? 1 : 0;
	p.oti.transfer_length = 5000;
	p.oti.symbol_size = 100;
	p.oti.num_blocks = 5;
	p.oti.num_sub_blocks = p.oti.alignment = 1;
	p.oti.max_block_symbols = 10;
	p.oti.max_encoding_symbols = id == FEC_SMALL_BLOCK || id == FEC_REED_SOLOMON_GF256 ? 15 : 0;
	p.id.sbn = 3;
	p.id.esi = 12;
	p.id.block_length = id == FEC_SMALL_BLOCK ? 10 : 0;
	return p;
}

static void test_every_scheme_there_and_back(void **state)
{
	static const uint8_t ids[] = {FEC_COMPACT_NO_CODE, FEC_REED_SOLOMON_GF256, FEC_RAPTORQ, FEC_SMALL_BLOCK};
	(void)state;
	for (size_t i = 0; i < sizeof ids; i++) {
		struct alc_packet p = packet_of(ids[i]), back;
		struct bytes_writer w;
		uint8_t out[ALC_MAX_HEADER_BYTES];
		bytes_writer_init(&w, out, sizeof out);
		assert_int_equal(alc_write_header(&w, &p), 0);
		assert_int_equal(alc_parse(out, w.len, &back), 0);
		assert_int_equal(fec_oti_check(&back.oti, NULL), 0);
		assert_true(fec_oti_is_equal(&back.oti, &p.oti));
		assert_true(back.has_payload_id && back.id.sbn == 3 && back.id.esi == 12);
		assert_int_equal(back.id.block_length, p.id.block_length);
		assert_false(back.has_fdt || back.has_cenc || back.has_sct);
	}
}

static void test_write_refuses(void **state)
{
	struct alc_packet p = packet_of(FEC_RAPTORQ);
	struct bytes_writer w;
	uint8_t out[ALC_MAX_HEADER_BYTES];
	(void)state;
	bytes_writer_init(&w, out, sizeof out);
	p.id.esi = 1u << 24;
	assert_int_equal(alc_write_header(&w, &p), CAROUSEL_E_RANGE);
	p = packet_of(FEC_RAPTORQ);
	p.id.sbn = 256;
	assert_int_equal(alc_write_header(&w, &p), CAROUSEL_E_RANGE);
	p = packet_of(FEC_REED_SOLOMON_GF256);
	p.id.esi = 256;
	assert_int_equal(alc_write_header(&w, &p), CAROUSEL_E_RANGE);
	p = packet_of(FEC_COMPACT_NO_CODE);
	p.id.sbn = 65536;
	assert_int_equal(alc_write_header(&w, &p), CAROUSEL_E_RANGE);
	p = packet_of(FEC_SMALL_BLOCK);
	p.id.esi = 65536;
	assert_int_equal(alc_write_header(&w, &p), CAROUSEL_E_RANGE);
	p = packet_of(FEC_RAPTORQ);
	p.has_fdt = true;
	p.fdt_instance_id = ALC_MAX_FDT_INSTANCE_ID + 1;
	assert_int_equal(alc_write_header(&w, &p), CAROUSEL_E_RANGE);
	p = packet_of(FEC_RAPTORQ);
	p.lct.codepoint = FEC_COMPACT_NO_CODE;
	assert_int_equal(alc_write_header(&w, &p), CAROUSEL_E_UNSUPPORTED);
	assert_int_equal(w.len, 0);
}

static void test_noise_is_harmless(void **state)
{
	uint64_t seed = 4;
	(void)state;
	for (unsigned i = 0; i < 200000; i++) {
		size_t len = test_random(&seed) % 80;
		uint8_t *noise = malloc(len ? len : 1);
		struct alc_packet p;
		for (size_t j = 0; j < len; j++)
			noise[j] = (uint8_t)test_random(&seed);
		if (len > 3) {
			noise[0] = (uint8_t)(0x10 | (noise[0] & 15));
			noise[2] %= 20;
		}
		if (alc_parse(noise, len, &p) == 0 && p.payload_len)
			assert_true(p.payload + p.payload_len == noise + len);
		free(noise);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parses_every_extension),
		cmocka_unit_test(test_writes_the_same_bytes),
		cmocka_unit_test(test_truncations_are_found),
		cmocka_unit_test(test_close_session_has_no_payload),
		cmocka_unit_test(test_unknown_scheme),
		cmocka_unit_test(test_extension_of_length_zero_ends),
		cmocka_unit_test(test_extension_longer_than_the_header),
		cmocka_unit_test(test_unknown_extensions_are_skipped),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_every_scheme_there_and_back),
		cmocka_unit_test(test_write_refuses),
		cmocka_unit_test(test_noise_is_harmless),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
