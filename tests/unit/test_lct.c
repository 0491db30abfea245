#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "common/lct.h"

static const uint8_t usual[] = {0x10, 0xa0, 4, 6, 0, 0, 0, 9, 0, 0, 0x0f, 0xa1, 0, 0, 0, 7};

static void test_parses_the_usual_header(void **state)
{
	struct lct_header h;
	size_t fixed, total;
	(void)state;
	assert_int_equal(lct_parse(usual, sizeof usual, &h, &fixed, &total), 0);
	assert_int_equal(fixed, 16);
	assert_int_equal(total, 16);
	assert_int_equal(h.version, 1);
	assert_int_equal(h.codepoint, 6);
	assert_int_equal(h.cci, 9);
	assert_true(h.has_tsi && h.tsi == 4001);
	assert_true(h.has_toi && h.toi == 7);
	assert_false(h.close_session || h.close_object);
}

/* Every combination of C, S, O, H against a straightforward reading of RFC 5651 figure 1. */
static void test_all_flag_combinations(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 4; c++) {
		for (unsigned rest = 0; rest < 16; rest++) {
			unsigned s = rest >> 3, o = rest >> 1 & 3, half = rest & 1;
			size_t cci = 4 * (c + 1), tsi = 4 * s + 2 * half, toi = 4 * o + 2 * half;
			size_t len = 4 + cci + tsi + toi, fixed, total;
			struct lct_header h;
			uint8_t *p = calloc(len, 1);
			p[0] = (uint8_t)(0x10 | c << 2 | 1);
			p[1] = (uint8_t)(s << 7 | o << 5 | half << 4 | 3);
			p[2] = (uint8_t)(len / 4);
			p[3] = 129;
			p[4 + cci - 1] = 0xcc;
			if (tsi)
				p[4 + cci + tsi - 1] = 0xaa;
			if (toi)
				p[len - 1] = 0xbb;
			assert_int_equal(lct_parse(p, len, &h, &fixed, &total), 0);
			assert_int_equal(fixed, len);
			assert_int_equal(h.cci, 0xcc);
			assert_int_equal(h.psi, 1);
			assert_true(h.close_session && h.close_object);
			assert_int_equal(h.has_tsi, tsi != 0);
			assert_int_equal(h.has_toi, toi != 0);
			assert_true(h.tsi == (tsi ? 0xaa : 0) && h.toi == (toi ? 0xbb : 0));
			if (toi > 8) {
				p[len - 9] = 1;
				assert_int_equal(lct_parse(p, len, &h, &fixed, &total), CAROUSEL_E_UNSUPPORTED);
			}
			free(p);
		}
	}
}

static int parse(void *user, const uint8_t *data, size_t len)
{
	struct lct_header h;
	size_t fixed, total;
	(void)user;
	return lct_parse(data, len, &h, &fixed, &total);
}

static void test_lengths_are_checked(void **state)
{
	uint8_t p[sizeof usual + 4] = {0};
	struct lct_header h;
	size_t fixed, total;
	(void)state;
	test_truncations(parse, NULL, usual, sizeof usual);
	memcpy(p, usual, sizeof usual);
	for (uint8_t words = 0; words < 4; words++) {
		p[2] = words;
		assert_int_equal(lct_parse(p, sizeof p, &h, &fixed, &total), CAROUSEL_E_MALFORMED);
	}
	p[2] = 5;
	assert_int_equal(lct_parse(p, sizeof p, &h, &fixed, &total), 0);
	assert_int_equal(total - fixed, 4);
	p[2] = 6;
	assert_int_equal(lct_parse(p, sizeof p, &h, &fixed, &total), CAROUSEL_E_TRUNCATED);
}

static void test_other_versions(void **state)
{
	uint8_t p[sizeof usual];
	struct lct_header h;
	size_t fixed, total;
	(void)state;
	memcpy(p, usual, sizeof usual);
	for (unsigned version = 0; version < 16; version++) {
		p[0] = (uint8_t)(version << 4);
		assert_int_equal(lct_parse(p, sizeof p, &h, &fixed, &total), version == 1 ? 0 : CAROUSEL_E_UNSUPPORTED);
	}
}

static void test_writes_what_it_reads(void **state)
{
	static const uint64_t tois[] = {0, 7, UINT32_MAX, (uint64_t)UINT32_MAX + 1, UINT64_MAX};
	uint8_t out[32];
	(void)state;
	for (size_t i = 0; i < sizeof tois / sizeof *tois; i++) {
		for (unsigned bits = 0; bits < 16; bits++) {
			struct lct_header h = {.codepoint = 6, .cci = 77, .has_tsi = bits & 1, .has_toi = bits & 2};
			struct lct_header back;
			struct bytes_writer w;
			size_t fixed, total;
			h.close_session = bits & 4;
			h.close_object = bits & 8;
			h.tsi = h.has_tsi ? 4001 : 0;
			h.toi = h.has_toi ? tois[i] : 0;
			bytes_writer_init(&w, out, sizeof out);
			assert_int_equal(lct_write(&w, &h, 0), 0);
			assert_int_equal(w.len, lct_fixed_bytes(&h));
			assert_int_equal(lct_parse(out, w.len, &back, &fixed, &total), 0);
			assert_true(back.tsi == h.tsi && back.toi == h.toi && back.cci == 77);
			assert_true(back.has_tsi == h.has_tsi && back.has_toi == h.has_toi);
			assert_true(back.close_session == h.close_session && back.close_object == h.close_object);
		}
	}
}

static void test_write_refuses(void **state)
{
	struct lct_header h = {.has_tsi = true, .tsi = (uint64_t)UINT32_MAX + 1};
	struct bytes_writer w;
	uint8_t out[16];
	(void)state;
	bytes_writer_init(&w, out, sizeof out);
	assert_int_equal(lct_write(&w, &h, 0), CAROUSEL_E_RANGE);
	h.tsi = 1;
	assert_int_equal(lct_write(&w, &h, LCT_MAX_HEADER_BYTES), CAROUSEL_E_LIMIT);
	assert_int_equal(lct_write(&w, &h, LCT_MAX_HEADER_BYTES - 12), 0);
	assert_int_equal(out[2], 255);
	bytes_writer_init(&w, out, 11);
	assert_int_equal(lct_write(&w, &h, 0), CAROUSEL_E_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parses_the_usual_header),
		cmocka_unit_test(test_all_flag_combinations),
		cmocka_unit_test(test_lengths_are_checked),
		cmocka_unit_test(test_other_versions),
		cmocka_unit_test(test_writes_what_it_reads),
		cmocka_unit_test(test_write_refuses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
