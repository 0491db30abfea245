/* covers: fec/reed_solomon/reed_solomon.c fec/reed_solomon/decoder.c */
#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "fec/gf256/gf256.h"
#include "tests/lib/fault_alloc.h"
#include "tests/lib/fec_round.h"

static struct fec_block rs_block(uint32_t k, uint32_t n, uint16_t t)
{
	return fec_round_block(FEC_REED_SOLOMON_GF256, 0, k, n, t);
}

/* Every set of encoding symbols of every small code: solved if and only if it has K or more. */
static void test_every_erasure_pattern(void **state)
{
	(void)state;
	for (uint32_t n = 1; n <= 9; n++) {
		for (uint32_t k = 1; k <= n; k++) {
			const struct fec_block block = rs_block(k, n, 5);
			struct fec_round round;
			fec_round_open(&round, &block, n * 100 + k);
			for (uint32_t set = 0; set < 1u << n; set++) {
				uint32_t esis[9], count = 0;
				for (uint32_t esi = 0; esi < n; esi++)
					if (set >> esi & 1)
						esis[count++] = esi;
				assert_int_equal(fec_round_decode(&round, esis, count, set % 2 ? 0 : 2, set % 3 == 0),
					count < k ? CAROUSEL_E_NEED_MORE : 0);
			}
			fec_round_close(&round);
		}
	}
}

static void shuffle(uint32_t *esis, uint32_t n, uint64_t *seed)
{
	for (uint32_t i = 0; i < n; i++)
		esis[i] = i;
	for (uint32_t i = n; i > 1; i--) {
		uint32_t j = (uint32_t)(test_random(seed) % i), swap = esis[j];
		esis[j] = esis[i - 1];
		esis[i - 1] = swap;
	}
}

static void test_large_codes(void **state)
{
	static const struct {
		uint32_t k, n;
		uint16_t t;
		size_t strip;
	} rows[] = {
		{1, 255, 64, 0},
		{2, 255, 33, 0},
		{100, 255, 1024, 256},
		{127, 255, 100, 99},
		{200, 255, 3000, 0},
		{254, 255, 1024, 1000},
		{223, 255, 1, 0},
		{255, 255, 16, 0},
		{128, 192, 5001, 4096},
	};
	uint64_t seed = 77;
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct fec_block block = rs_block(rows[i].k, rows[i].n, rows[i].t);
		struct fec_round round;
		uint32_t esis[255];
		fec_round_open(&round, &block, i);
		for (unsigned tries = 0; tries < 10; tries++) {
			shuffle(esis, rows[i].n, &seed);
			assert_int_equal(fec_round_decode(&round, esis, rows[i].k, rows[i].strip, tries & 1), 0);
			assert_int_equal(
				fec_round_decode(&round, esis, rows[i].k - 1, rows[i].strip, 0), CAROUSEL_E_NEED_MORE);
		}
		fec_round_close(&round);
	}
}

/* RFC 5510 section 8.2.1 by the letter: GM = V(k,k)^-1 * V(k,n), the inverse by Gauss and Jordan. */
static void generator(uint32_t k, uint32_t n, uint8_t gm[16][32])
{
	uint8_t v[16][32], inverse[16][16] = {{0}};
	for (uint32_t i = 0; i < k; i++) {
		for (uint32_t j = 0; j < n; j++)
			v[i][j] = gf256_exp[i * j % 255];
		inverse[i][i] = 1;
	}
	uint8_t a[16][16];
	for (uint32_t i = 0; i < k; i++)
		memcpy(a[i], v[i], k);
	for (uint32_t c = 0; c < k; c++) {
		uint32_t pivot = c;
		while (a[pivot][c] == 0)
			pivot++;
		for (uint32_t j = 0; j < k; j++) {
			uint8_t swap = a[c][j];
			a[c][j] = a[pivot][j];
			a[pivot][j] = swap;
			swap = inverse[c][j];
			inverse[c][j] = inverse[pivot][j];
			inverse[pivot][j] = swap;
		}
		uint8_t scale = gf256_inv(a[c][c]);
		for (uint32_t j = 0; j < k; j++) {
			a[c][j] = gf256_mul(a[c][j], scale);
			inverse[c][j] = gf256_mul(inverse[c][j], scale);
		}
		for (uint32_t r = 0; r < k; r++) {
			uint8_t factor = a[r][c];
			for (uint32_t j = 0; r != c && j < k; j++) {
				a[r][j] ^= gf256_mul(factor, a[c][j]);
				inverse[r][j] ^= gf256_mul(factor, inverse[c][j]);
			}
		}
	}
	for (uint32_t i = 0; i < k; i++) {
		for (uint32_t j = 0; j < n; j++) {
			gm[i][j] = 0;
			for (uint32_t l = 0; l < k; l++)
				gm[i][j] ^= gf256_mul(inverse[i][l], v[l][j]);
		}
	}
}

static void test_the_generator_is_that_of_the_rfc(void **state)
{
	(void)state;
	for (uint32_t k = 1; k <= 16; k++) {
		const struct fec_block block = rs_block(k, 32, 7);
		struct fec_round round;
		uint8_t gm[16][32];
		generator(k, 32, gm);
		fec_round_open(&round, &block, k);
		for (uint32_t j = 0; j < 32; j++) {
			for (uint32_t u = 0; u < 7; u++) {
				uint8_t e = 0;
				for (uint32_t i = 0; i < k; i++)
					e ^= gf256_mul(round.source[i * 7 + u], gm[i][j]);
				assert_int_equal(round.encoded[j * 7 + u], e);
			}
		}
		fec_round_close(&round);
	}
}

static void test_adding_after_a_plan(void **state)
{
	const struct fec_block block = rs_block(3, 6, 8);
	const size_t bytes = fec_decoder_bytes(&block, 0);
	void *mem = aligned_alloc(64, bytes);
	struct fec_decoder *decoder;
	const struct fec_symbols none = {NULL, NULL, NULL, NULL};
	uint32_t count;
	(void)state;
	assert_int_equal(fec_decoder_init(&decoder, mem, bytes, &block, 0), 0);
	assert_int_equal(fec_decoder_apply(decoder, &none), CAROUSEL_E_NEED_MORE);
	for (uint32_t esi = 3; esi < 6; esi++)
		assert_int_equal(fec_decoder_add(decoder, esi), 0);
	assert_int_equal(fec_decoder_add(decoder, 5), CAROUSEL_E_DUPLICATE);
	assert_int_equal(fec_decoder_add(decoder, 6), CAROUSEL_E_SYMBOL);
	assert_int_equal(fec_decoder_plan(decoder), 0);
	assert_int_equal(fec_decoder_missing(decoder, &count)[0], 0);
	assert_int_equal(count, 3);
	for (uint32_t esi = 0; esi < 3; esi++)
		assert_int_equal(fec_decoder_add(decoder, esi), 0);
	assert_int_equal(fec_decoder_apply(decoder, &none), CAROUSEL_E_NEED_MORE);
	assert_int_equal(fec_decoder_plan(decoder), 0);
	fec_decoder_missing(decoder, &count);
	assert_int_equal(count, 0);
	assert_int_equal(fec_decoder_apply(decoder, &none), 0);
	free(mem);
}

static void test_identities_only(void **state)
{
	const struct fec_block block = rs_block(3, 6, 1024);
	struct fec_round round;
	(void)state;
	assert_true(fec_decoder_bytes(&block, 1) < fec_decoder_bytes(&block, 256));
	assert_true(fec_decoder_bytes(&block, 256) < fec_decoder_bytes(&block, 0));
	fec_round_open(&round, &block, 1);
	assert_int_equal(fec_round_decode(&round, (const uint32_t[]){3, 4, 5}, 3, 1, 0), CAROUSEL_E_UNSUPPORTED);
	assert_int_equal(fec_round_decode(&round, (const uint32_t[]){3, 4}, 2, 1, 0), CAROUSEL_E_NEED_MORE);
	fec_round_close(&round);
}

static int make_plan(const struct carousel_allocator *a, void *user)
{
	struct fec_plan *plan, *loaded = NULL;
	uint8_t saved[64];
	size_t len = sizeof saved;
	int result = fec_plan_new(a, user, &plan);
	if (result)
		return result;
	result = fec_plan_save(plan, saved, &len);
	if (result == 0)
		result = fec_plan_load(a, user, saved, len, &loaded);
	fec_plan_free(plan);
	fec_plan_free(loaded);
	return result;
}

static void test_no_memory(void **state)
{
	struct fec_block block = rs_block(20, 30, 8);
	(void)state;
	assert_int_equal(fault_alloc_all(make_plan, &block), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_erasure_pattern),
		cmocka_unit_test(test_large_codes),
		cmocka_unit_test(test_the_generator_is_that_of_the_rfc),
		cmocka_unit_test(test_adding_after_a_plan),
		cmocka_unit_test(test_identities_only),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
