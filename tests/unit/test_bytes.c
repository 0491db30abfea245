#include "tests/lib/test.h"

#include "common/bytes.h"
#include "common/carousel_error.h"

static void test_reads_network_order(void **state)
{
	static const uint8_t data[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18};
	struct bytes_reader r;
	(void)state;
	bytes_reader_init(&r, data, sizeof data);
	assert_int_equal(bytes_read_u8(&r), 0x01);
	assert_int_equal(bytes_read_u16(&r), 0x0203);
	assert_int_equal(bytes_read_u24(&r), 0x040506);
	assert_int_equal(bytes_read_u32(&r), 0x0708090a);
	assert_true(bytes_read_u64(&r) == 0x0b0c0d0e0f101112u);
	assert_int_equal(r.left, 0);
	assert_int_equal(r.error, 0);
}

static void test_error_sticks(void **state)
{
	static const uint8_t data[] = {1, 2, 3};
	struct bytes_reader r;
	(void)state;
	bytes_reader_init(&r, data, sizeof data);
	assert_int_equal(bytes_read_u32(&r), 0);
	assert_int_equal(r.error, CAROUSEL_E_TRUNCATED);
	assert_int_equal(bytes_read_u8(&r), 0);
	assert_null(bytes_read(&r, 0));
}

static void test_sub_reader_is_bounded(void **state)
{
	static const uint8_t data[] = {1, 2, 3, 4};
	struct bytes_reader r, sub;
	(void)state;
	bytes_reader_init(&r, data, sizeof data);
	sub = bytes_read_sub(&r, 2);
	assert_int_equal(bytes_read_u24(&sub), 0);
	assert_int_equal(sub.error, CAROUSEL_E_TRUNCATED);
	assert_int_equal(bytes_read_u16(&r), 0x0304);
	sub = bytes_read_sub(&r, 1);
	assert_int_equal(sub.error, CAROUSEL_E_TRUNCATED);
}

static void test_wide_numbers(void **state)
{
	static const uint8_t fits[] = {0, 0, 1, 2, 3, 4, 5, 6, 7, 8}, wide[] = {1, 0, 0, 0, 0, 0, 0, 0, 0};
	struct bytes_reader r;
	(void)state;
	bytes_reader_init(&r, fits, sizeof fits);
	assert_true(bytes_read_uint(&r, sizeof fits) == 0x0102030405060708u);
	bytes_reader_init(&r, wide, sizeof wide);
	assert_true(bytes_read_uint(&r, sizeof wide) == 0);
	assert_int_equal(r.error, CAROUSEL_E_UNSUPPORTED);
}

static void test_writer_never_passes_its_end(void **state)
{
	for (size_t cap = 0; cap < 18; cap++) {
		uint8_t *out = malloc(cap ? cap : 1);
		struct bytes_writer w;
		bytes_writer_init(&w, out, cap);
		bytes_write_u8(&w, 1);
		bytes_write_u16(&w, 2);
		bytes_write_u24(&w, 3);
		bytes_write_u32(&w, 4);
		bytes_write_u64(&w, 5);
		assert_int_equal(w.error, CAROUSEL_E_LIMIT);
		assert_true(w.len <= cap);
		free(out);
	}
	(void)state;
}

static void test_little_endian(void **state)
{
	uint8_t p[8];
	(void)state;
	bytes_put_le64(p, 0x0102030405060708u);
	assert_int_equal(p[0], 8);
	assert_int_equal(bytes_get_le16(p), 0x0708);
	assert_int_equal(bytes_get_le32(p), 0x05060708);
	assert_true(bytes_get_le64(p) == 0x0102030405060708u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_network_order),
		cmocka_unit_test(test_error_sticks),
		cmocka_unit_test(test_sub_reader_is_bounded),
		cmocka_unit_test(test_wide_numbers),
		cmocka_unit_test(test_writer_never_passes_its_end),
		cmocka_unit_test(test_little_endian),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
