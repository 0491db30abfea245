#include "tests/lib/test.h"

#if WITH_RS

#include "common/carousel_error.h"
#include "common/fec_oti.h"
#include "fec/small_block/fragments.h"

#include <liberasurecode/erasurecode.h>
#include <pthread.h>

enum { K = 5, M = 3, LEN = 66, HEADER = sizeof(fragment_header_t) };

static const uint16_t instances[] = {FEC_INSTANCE_RS_VAND, FEC_INSTANCE_ISA_L_CAUCHY};

/* The library used as its own users use it: whole fragments, headers and all. */
static int plain_instance(uint16_t id)
{
	struct ec_args args = {.k = K, .m = M, .hd = M, .w = id == FEC_INSTANCE_RS_VAND ? 16 : 8, .ct = CHKSUM_NONE};
	return liberasurecode_instance_create(
		id == FEC_INSTANCE_RS_VAND ? EC_BACKEND_LIBERASURECODE_RS_VAND : EC_BACKEND_ISA_L_RS_CAUCHY, &args);
}

static void test_our_repair_symbols_are_the_librarys(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct fragments_code code;
		uint8_t source[K * LEN], ours[M * LEN];
		char **data, **parity;
		uint64_t len, seed = 9;
		int plain;
		for (size_t j = 0; j < sizeof source; j++)
			source[j] = (uint8_t)test_random(&seed);
		assert_int_equal(fragments_open(&code, instances[i], K, M), 0);
		assert_int_equal(fragments_encode(&code, source, LEN, ours), 0);
		fragments_close(&code);
		plain = plain_instance(instances[i]);
		assert_true(plain > 0);
		assert_int_equal(liberasurecode_encode(plain, (char *)source, sizeof source, &data, &parity, &len), 0);
		assert_true(len == HEADER + LEN);
		for (size_t r = 0; r < M; r++)
			assert_memory_equal(ours + r * LEN, parity[r] + HEADER, LEN);
		liberasurecode_encode_cleanup(plain, data, parity);
		liberasurecode_instance_destroy(plain);
	}
}

/* Symbols that came without headers, put into a stripe of zeros, decode to what went into the library's encoder. */
static void decode_set(const struct fragments_code *code, const uint8_t *symbols, unsigned set)
{
	struct fragments_stripe stripe;
	uint32_t esis[K], count = 0;
	uint8_t *decoded;
	assert_int_equal(fragments_stripe_open(&stripe, code, LEN), 0);
	for (uint32_t esi = 0; esi < K + M && count < K; esi++) {
		if (!(set >> esi & 1))
			continue;
		memcpy(fragments_stripe_symbol(&stripe, esi), symbols + esi * LEN, LEN);
		esis[count++] = esi;
	}
	assert_int_equal(count, K);
	assert_int_equal(fragments_stripe_decode(&stripe, esis, &decoded), 0);
	assert_memory_equal(decoded, symbols, K * LEN);
	fragments_stripe_release(&stripe, decoded);
	fragments_stripe_close(&stripe);
}

/* All symbols as the library's own fragments hold them, once its own decode gave the source back from the last K. */
static void library_symbols(uint16_t id, uint8_t *symbols)
{
	char **data, **parity, *last[K], *decoded;
	uint64_t len, decoded_len;
	int plain = plain_instance(id);
	assert_true(plain > 0);
	assert_int_equal(liberasurecode_encode(plain, (char *)symbols, K * LEN, &data, &parity, &len), 0);
	for (size_t i = 0; i < K + M; i++)
		memcpy(symbols + i * LEN, (i < K ? data[i] : parity[i - K]) + HEADER, LEN);
	for (size_t i = 0; i < K; i++)
		last[i] = M + i < K ? data[M + i] : parity[M + i - K];
	assert_int_equal(liberasurecode_decode(plain, last, K, len, 1, &decoded, &decoded_len), 0);
	assert_int_equal(decoded_len, K * LEN);
	assert_memory_equal(decoded, symbols, K * LEN);
	liberasurecode_decode_cleanup(plain, decoded);
	liberasurecode_encode_cleanup(plain, data, parity);
	liberasurecode_instance_destroy(plain);
}

static void test_every_choice_of_k_decodes_the_librarys_symbols(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct fragments_code code;
		uint8_t symbols[(K + M) * LEN];
		uint64_t seed = 10;
		for (size_t j = 0; j < sizeof symbols; j++)
			symbols[j] = (uint8_t)test_random(&seed);
		library_symbols(instances[i], symbols);
		assert_int_equal(fragments_open(&code, instances[i], K, M), 0);
		for (unsigned set = 0; set < 1u << (K + M); set++)
			if (__builtin_popcount(set) == K)
				decode_set(&code, symbols, set);
		fragments_close(&code);
	}
}

static void test_availability(void **state)
{
	struct fragments_code code;
	(void)state;
	assert_int_equal(fragments_is_available(FEC_INSTANCE_RS_VAND), 1);
	assert_int_equal(fragments_is_available(FEC_INSTANCE_RS_VAND), 1);
	assert_int_equal(fragments_is_available(0), 0);
	assert_int_equal(fragments_is_available(3), 0);
	assert_int_equal(fragments_word(FEC_INSTANCE_RS_VAND), 2);
	assert_int_equal(fragments_word(FEC_INSTANCE_ISA_L_CAUCHY), 1);
	assert_int_equal(fragments_open(&code, FEC_INSTANCE_ISA_L_CAUCHY, 40, 0), CAROUSEL_E_UNSUPPORTED);
	assert_int_equal(fragments_open(&code, FEC_INSTANCE_RS_VAND, 40, 0), CAROUSEL_E_UNSUPPORTED);
	assert_int_equal(fragments_open(&code, FEC_INSTANCE_RS_VAND, 4, 2), 0); /* the lock was given back */
	fragments_close(&code);
}

static void *encode_again_and_again(void *user)
{
	uint8_t source[K * LEN], first[M * LEN], ours[M * LEN];
	long wrong = 0;
	for (size_t i = 0; i < sizeof source; i++)
		source[i] = (uint8_t)(i * (size_t)(uintptr_t)user);
	for (unsigned i = 0; i < 300; i++) {
		struct fragments_code code;
		if (fragments_open(&code, instances[(uintptr_t)user % 2], K, M) != 0)
			return (void *)-1;
		wrong += fragments_encode(&code, source, LEN, ours) != 0;
		fragments_close(&code);
		if (i == 0)
			memcpy(first, ours, sizeof first);
		wrong += memcmp(first, ours, sizeof first) != 0;
	}
	return (void *)wrong;
}

static void test_threads_do_not_disturb_each_other(void **state)
{
	pthread_t threads[4];
	(void)state;
	for (uintptr_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, encode_again_and_again, (void *)(i + 1)), 0);
	for (size_t i = 0; i < 4; i++) {
		void *wrong;
		assert_int_equal(pthread_join(threads[i], &wrong), 0);
		assert_null(wrong);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_threads_do_not_disturb_each_other),
		cmocka_unit_test(test_our_repair_symbols_are_the_librarys),
		cmocka_unit_test(test_every_choice_of_k_decodes_the_librarys_symbols),
		cmocka_unit_test(test_availability),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

static void test_nothing_of_the_library_is_built(void **state)
{
	(void)state;
	assert_int_equal(WITH_RS, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_nothing_of_the_library_is_built)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
