/* covers: policy-map/chunk_index_builder.c */
#include "tests/lib/fault_alloc.h"
#include "tests/lib/test.h"

#include "common/bytes.h"
#include "common/carousel_error.h"
#include "common/hash.h"
#include "policy-map/chunk_index.h"

#define CHUNK CHUNK_INDEX_CHUNK_BYTES

/* Chunks: random, zeros, the first again, random, a short one that is the beginning of nothing else. */
static uint8_t image[4 * CHUNK + 100];

static int make_image(void **state)
{
	uint64_t random = 5;
	(void)state;
	for (size_t i = 0; i < sizeof image; i++)
		image[i] = (uint8_t)test_random(&random);
	memset(image + CHUNK, 0, CHUNK);
	memcpy(image + 2 * CHUNK, image, CHUNK);
	return 0;
}

static struct chunk_index_record record(const uint8_t *file, uint64_t chunk)
{
	struct chunk_index_record r;
	assert_int_equal(chunk_index_decode_record(file + chunk_index_offset(chunk), chunk, &r), 0);
	return r;
}

static void test_build_and_read(void **state)
{
	static const size_t steps[] = {1, 7, 100, CHUNK, CHUNK + 1, sizeof image};
	uint8_t first_file[32 + 5 * 24];
	(void)state;
	assert_int_equal(chunk_index_bytes(sizeof image), sizeof first_file);
	for (size_t s = 0; s < sizeof steps / sizeof *steps; s++) {
		struct chunk_index_builder *b;
		struct chunk_index_header header;
		const uint8_t *file;
		size_t len;
		assert_int_equal(chunk_index_builder_new(NULL, sizeof image, &b), 0);
		for (size_t at = 0; at < sizeof image; at += steps[s]) {
			assert_int_equal(chunk_index_builder_finish(b, &file, &len), CAROUSEL_E_NEED_MORE);
			assert_int_equal(chunk_index_builder_push(b, image + at,
						 steps[s] < sizeof image - at ? steps[s] : sizeof image - at),
				0);
		}
		assert_int_equal(chunk_index_builder_push(b, image, 1), CAROUSEL_E_LIMIT);
		assert_int_equal(chunk_index_builder_finish(b, &file, &len), 0);
		assert_int_equal(len, sizeof first_file);
		if (s == 0)
			memcpy(first_file, file, len);
		assert_memory_equal(file, first_file, len);
		assert_int_equal(chunk_index_decode_header(file, &header), 0);
		assert_true(header.image_bytes == sizeof image && header.num_chunks == 5);
		chunk_index_builder_free(b);
	}
	assert_int_equal(record(first_file, 0).repeat, CHUNK_INDEX_UNIQUE);
	assert_int_equal(record(first_file, 1).repeat, CHUNK_INDEX_ZERO);
	assert_int_equal(record(first_file, 2).repeat, 0);
	assert_int_equal(record(first_file, 3).repeat, CHUNK_INDEX_UNIQUE);
	assert_int_equal(record(first_file, 4).repeat, CHUNK_INDEX_UNIQUE);
}

static void test_verify(void **state)
{
	struct chunk_index_record r;
	uint8_t digest[16], padded[CHUNK] = {0};
	(void)state;
	assert_int_equal(chunk_index_describe(image, CHUNK, &r), 0);
	hash_blake2b_128(image, CHUNK, digest);
	assert_memory_equal(r.digest, digest, 16);
	assert_int_equal(chunk_index_verify(&r, image, CHUNK), 0);
	image[17] ^= 1;
	assert_int_equal(chunk_index_verify(&r, image, CHUNK), CAROUSEL_E_DIGEST);
	image[17] ^= 1;
	assert_int_equal(chunk_index_verify(&r, image, CHUNK - 1), CAROUSEL_E_DIGEST);
	assert_int_equal(chunk_index_verify(&r, image, 0), CAROUSEL_E_ARGUMENT);
	assert_int_equal(chunk_index_verify(&r, image, CHUNK + 1), CAROUSEL_E_ARGUMENT);
	assert_int_equal(chunk_index_describe(image, 100, &r), 0);
	memcpy(padded, image, 100);
	assert_int_equal(chunk_index_verify(&r, padded, CHUNK), 0);
	assert_int_equal(chunk_index_verify(&r, image, 100), 0);
}

static void test_rolling_hash_rolls(void **state)
{
	uint32_t rolling = chunk_index_rolling(image);
	(void)state;
	for (size_t i = 1; i <= 3 * CHUNK; i++) {
		rolling = chunk_index_roll(rolling, image[i - 1], image[i + CHUNK - 1]);
		if (i % 97 == 0 || i < 10)
			assert_int_equal(rolling, chunk_index_rolling(image + i));
	}
}

static void test_bad_headers_and_records(void **state)
{
	struct chunk_index_header h = {.image_bytes = sizeof image, .num_chunks = 5};
	struct chunk_index_record r = {.repeat = 4};
	uint8_t header[CHUNK_INDEX_HEADER_BYTES], bytes[CHUNK_INDEX_RECORD_BYTES];
	(void)state;
	chunk_index_encode_header(header, &h);
	assert_int_equal(chunk_index_decode_header(header, &h), 0);
	bytes_put_le64(header + 16, 6);
	assert_int_equal(chunk_index_decode_header(header, &h), CAROUSEL_E_MALFORMED);
	bytes_put_le64(header + 8, UINT64_MAX);
	bytes_put_le64(header + 16, (UINT64_MAX >> 12) + 1);
	assert_int_equal(chunk_index_decode_header(header, &h), CAROUSEL_E_MALFORMED);
	bytes_put_le32(header + 4, 8192);
	assert_int_equal(chunk_index_decode_header(header, &h), CAROUSEL_E_UNSUPPORTED);
	header[0] = 'X';
	assert_int_equal(chunk_index_decode_header(header, &h), CAROUSEL_E_MALFORMED);
	chunk_index_encode_record(bytes, &r);
	assert_int_equal(chunk_index_decode_record(bytes, 5, &r), 0);
	assert_int_equal(chunk_index_decode_record(bytes, 4, &r), CAROUSEL_E_MALFORMED);
}

static void test_sizes(void **state)
{
	struct chunk_index_builder *b;
	(void)state;
	assert_true(chunk_index_chunks(0) == 0);
	assert_true(chunk_index_chunks(1) == 1);
	assert_true(chunk_index_chunks(CHUNK) == 1);
	assert_true(chunk_index_chunks(CHUNK + 1) == 2);
	assert_true(chunk_index_chunks(UINT64_MAX) == (UINT64_MAX >> 12) + 1);
	assert_int_equal(chunk_index_builder_new(NULL, 0, &b), CAROUSEL_E_LIMIT);
	assert_int_equal(chunk_index_builder_new(NULL, UINT64_MAX, &b), CAROUSEL_E_LIMIT);
}

static int attempt(const struct carousel_allocator *a, void *user)
{
	struct chunk_index_builder *b;
	int result = chunk_index_builder_new(a, sizeof image, &b);
	(void)user;
	chunk_index_builder_free(b);
	return result;
}

static void test_no_memory(void **state)
{
	(void)state;
	assert_int_equal(fault_alloc_all(attempt, NULL), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_build_and_read),
		cmocka_unit_test(test_verify),
		cmocka_unit_test(test_rolling_hash_rolls),
		cmocka_unit_test(test_bad_headers_and_records),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, make_image, NULL);
}
