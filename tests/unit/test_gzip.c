#include "tests/lib/test.h"

#include "common/alc.h"
#include "common/carousel_error.h"
#include "common/gzip.h"
#include "tests/lib/fault_alloc.h"

#include <zlib.h>

static const char text[] = "carousel carousel carousel carousel, round and round it goes, carousel carousel";

static void test_there_and_back(void **state)
{
	uint8_t *packed, *again, *out;
	size_t packed_len, again_len, len;
	(void)state;
	assert_int_equal(gzip_encode(NULL, text, sizeof text, &packed, &packed_len), 0);
	assert_int_equal(gzip_encode(NULL, text, sizeof text, &again, &again_len), 0);
	assert_int_equal(packed_len, again_len);
	assert_memory_equal(packed, again, packed_len);
	assert_int_equal(packed[0], 0x1f);
	assert_int_equal(packed[1], 0x8b);
	assert_int_equal(bytes_get_be32(packed + 4), 0); /* RFC 1952: no time stamp */
	assert_int_equal(gzip_decode(NULL, ALC_CENC_GZIP, NULL, packed, packed_len, &out, &len), 0);
	assert_int_equal(len, sizeof text);
	assert_memory_equal(out, text, len);
	memory_free(NULL, packed);
	memory_free(NULL, again);
	memory_free(NULL, out);
}

static void test_nothing_there_and_back(void **state)
{
	uint8_t *packed, *out;
	size_t packed_len, len;
	(void)state;
	assert_int_equal(gzip_encode(NULL, "", 0, &packed, &packed_len), 0);
	assert_int_equal(gzip_decode(NULL, ALC_CENC_GZIP, NULL, packed, packed_len, &out, &len), 0);
	assert_int_equal(len, 0);
	assert_non_null(out);
	memory_free(NULL, packed);
	memory_free(NULL, out);
}

/* Streams of the other encodings, made by zlib's own one-call functions. */
static void test_other_encodings(void **state)
{
	uint8_t zlib_stream[256], *out;
	uLongf zlib_len = sizeof zlib_stream;
	size_t len;
	(void)state;
	assert_int_equal(compress(zlib_stream, &zlib_len, (const Bytef *)text, sizeof text), Z_OK);
	assert_int_equal(gzip_decode(NULL, ALC_CENC_ZLIB, NULL, zlib_stream, zlib_len, &out, &len), 0);
	assert_memory_equal(out, text, sizeof text);
	memory_free(NULL, out);
	/* RFC 1950: 2 bytes before and 4 after the DEFLATE stream. */
	assert_int_equal(gzip_decode(NULL, ALC_CENC_DEFLATE, NULL, zlib_stream + 2, zlib_len - 6, &out, &len), 0);
	assert_int_equal(len, sizeof text);
	memory_free(NULL, out);
	assert_int_equal(gzip_decode(NULL, ALC_CENC_NULL, NULL, text, sizeof text, &out, &len), 0);
	assert_string_equal((const char *)out, text);
	memory_free(NULL, out);
	assert_int_equal(gzip_decode(NULL, 4, NULL, text, sizeof text, &out, &len), CAROUSEL_E_UNSUPPORTED);
	assert_null(out);
}

static int decode(void *user, const uint8_t *data, size_t size)
{
	uint8_t *out;
	size_t len;
	int result = gzip_decode(NULL, ALC_CENC_GZIP, user, data, size, &out, &len);
	memory_free(NULL, out);
	return result;
}

static void test_bad_streams(void **state)
{
	uint8_t *packed, longer[256];
	size_t len;
	(void)state;
	assert_int_equal(gzip_encode(NULL, text, sizeof text, &packed, &len), 0);
	test_truncations(decode, NULL, packed, len);
	memcpy(longer, packed, len);
	longer[len] = 0;
	assert_int_equal(decode(NULL, longer, len + 1), CAROUSEL_E_MALFORMED);
	packed[len - 6] ^= 1; /* its CRC-32 */
	assert_int_equal(decode(NULL, packed, len), CAROUSEL_E_MALFORMED);
	assert_int_equal(decode(NULL, (const uint8_t *)text, sizeof text), CAROUSEL_E_MALFORMED);
	memory_free(NULL, packed);
}

static void *alloc_little(void *user, size_t bytes)
{
	size_t *largest = user;
	if (bytes > *largest)
		*largest = bytes;
	return malloc(bytes);
}

static void free_little(void *user, void *ptr)
{
	(void)user;
	free(ptr);
}

static void test_bombs_are_bounded(void **state)
{
	size_t largest = 0;
	const struct carousel_allocator little = {&largest, alloc_little, free_little};
	const size_t size = 1 << 20;
	struct gzip_limits limits = {.max_bytes = 0, .max_ratio = 0};
	uint8_t *zeros = calloc(size, 1), *packed;
	size_t len;
	(void)state;
	assert_int_equal(gzip_encode(NULL, zeros, size, &packed, &len), 0);
	assert_true(len * 200 < size);
	{
		uint8_t *out;
		size_t out_len;
		assert_int_equal(gzip_decode(&little, ALC_CENC_GZIP, NULL, packed, len, &out, &out_len),
			CAROUSEL_E_LIMIT); /* by its ratio, and never held in memory */
		assert_true(largest <= 200 * len + 1);
	}
	limits.max_ratio = 2000;
	assert_int_equal(decode(&limits, packed, len), 0);
	limits.max_bytes = size;
	assert_int_equal(decode(&limits, packed, len), 0);
	limits.max_bytes = size - 1;
	assert_int_equal(decode(&limits, packed, len), CAROUSEL_E_LIMIT);
	memory_free(NULL, packed);
	/* Little outputs may have any ratio. */
	assert_int_equal(gzip_encode(NULL, zeros, 60000, &packed, &len), 0);
	assert_int_equal(decode(NULL, packed, len), 0);
	memory_free(NULL, packed);
	limits.max_bytes = 10;
	assert_int_equal(gzip_decode(NULL, ALC_CENC_NULL, &limits, zeros, 11, &packed, &len), CAROUSEL_E_LIMIT);
	free(zeros);
}

static int both_ways(const struct carousel_allocator *a, void *user)
{
	uint8_t *packed, *out = NULL;
	size_t packed_len, len;
	int result = gzip_encode(a, user, 20000, &packed, &packed_len);
	if (result == 0)
		result = gzip_decode(a, ALC_CENC_GZIP, NULL, packed, packed_len, &out, &len);
	memory_free(a, out);
	memory_free(a, packed);
	return result;
}

static void test_no_memory(void **state)
{
	uint8_t *data = calloc(20000, 1);
	(void)state;
	assert_true(fault_alloc_all(both_ways, data) > 5);
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_nothing_there_and_back),
		cmocka_unit_test(test_other_encodings),
		cmocka_unit_test(test_bad_streams),
		cmocka_unit_test(test_bombs_are_bounded),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
