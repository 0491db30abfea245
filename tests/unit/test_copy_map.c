/* covers: policy-map/copy_map_builder.c */
#include "tests/lib/fault_alloc.h"
#include "tests/lib/test.h"

#include "common/bytes.h"
#include "common/carousel_error.h"
#include "policy-map/chunk_index.h"
#include "policy-map/copy_map.h"

#include <stdio.h>

#define CHUNK  CHUNK_INDEX_CHUNK_BYTES
#define CHUNKS 40u

static const uint8_t digest[HASH_SHA256_BYTES] = {1, 2, 3};

static void fill(uint8_t *data, size_t len, uint64_t seed)
{
	for (size_t i = 0; i < len; i++)
		data[i] = (uint8_t)test_random(&seed);
}

static uint8_t *index_of(const uint8_t *image, size_t image_len, size_t *len)
{
	struct chunk_index_builder *b;
	const uint8_t *file;
	uint8_t *copy;
	assert_int_equal(chunk_index_builder_new(NULL, image_len, &b), 0);
	assert_int_equal(chunk_index_builder_push(b, image, image_len), 0);
	assert_int_equal(chunk_index_builder_finish(b, &file, len), 0);
	copy = malloc(*len);
	assert_non_null(copy);
	memcpy(copy, file, *len);
	chunk_index_builder_free(b);
	return copy;
}

struct result {
	uint8_t *file;
	size_t len;
	struct copy_map_header header;
};

/* The copy map of `image` from `old`, which is pushed in pieces of `step`. Every run is compared with both images. */
static struct result build(const uint8_t *image, size_t image_len, const uint8_t *old, size_t old_len, size_t step)
{
	struct copy_map_builder *b;
	struct copy_map_header h;
	struct result r = {0};
	const uint8_t *file;
	uint64_t next = 0;
	size_t index_len;
	uint8_t *index = index_of(image, image_len, &index_len), sha256[HASH_SHA256_BYTES];
	assert_int_equal(copy_map_builder_new(NULL, index, index_len, old_len, &b), 0);
	for (size_t at = 0; at < old_len; at += step) {
		assert_int_equal(copy_map_builder_finish(b, digest, &file, &r.len, &r.header), CAROUSEL_E_NEED_MORE);
		assert_int_equal(copy_map_builder_push(b, old + at, step < old_len - at ? step : old_len - at), 0);
	}
	assert_int_equal(copy_map_builder_push(b, old, 1), CAROUSEL_E_LIMIT);
	assert_int_equal(copy_map_builder_finish(b, digest, &file, &r.len, &r.header), 0);
	r.file = malloc(r.len);
	assert_non_null(r.file);
	memcpy(r.file, file, r.len);
	copy_map_builder_free(b);
	free(index);
	assert_int_equal(copy_map_check(r.file, r.len, &h), 0);
	assert_memory_equal(h.image_sha256, digest, sizeof digest);
	assert_int_equal(hash_sha256(old, old_len, sha256), 0);
	assert_memory_equal(h.from_sha256, sha256, sizeof sha256);
	assert_true(h.image_bytes == image_len && h.from_bytes == old_len);
	for (uint32_t i = 0; i < h.num_runs; i++) {
		struct copy_map_run run;
		uint64_t bytes;
		assert_int_equal(copy_map_decode_run(r.file + copy_map_offset(i), &h, &next, &run), 0);
		bytes = copy_map_run_bytes(&h, &run);
		assert_true((uint64_t)run.first_chunk * CHUNK + bytes <= image_len);
		assert_true(run.from_offset + bytes <= old_len);
		assert_memory_equal(image + (size_t)run.first_chunk * CHUNK, old + run.from_offset, (size_t)bytes);
	}
	return r;
}

static struct copy_map_run run_of(const struct result *r, uint32_t i)
{
	return (struct copy_map_run){bytes_get_le32(r->file + copy_map_offset(i)),
		bytes_get_le32(r->file + copy_map_offset(i) + 4), bytes_get_le64(r->file + copy_map_offset(i) + 8)};
}

static void test_the_same_image(void **state)
{
	static uint8_t image[CHUNKS * CHUNK + 100];
	static const size_t steps[] = {1, 1000, CHUNK, 64 * CHUNK + 1, sizeof image};
	struct result first;
	(void)state;
	fill(image, sizeof image, 1);
	first = build(image, sizeof image, image, sizeof image, sizeof image);
	assert_int_equal(first.header.num_runs, 1);
	assert_int_equal(first.header.num_chunks, CHUNKS + 1);
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		struct result r = build(image, sizeof image, image, sizeof image, steps[i]);
		assert_int_equal(r.len, first.len);
		assert_memory_equal(r.file, first.file, r.len);
		free(r.file);
	}
	free(first.file);
}

/* Two pieces of the old image at odd places of the new one, something new between and behind. */
static void test_moved_pieces(void **state)
{
	static uint8_t old[20 * CHUNK], image[CHUNKS * CHUNK];
	struct copy_map_run run;
	struct result r;
	(void)state;
	fill(old, sizeof old, 1);
	fill(image, sizeof image, 2);
	memcpy(image + 5 * CHUNK, old + 777, 8 * CHUNK);
	memcpy(image + 20 * CHUNK, old + 12 * CHUNK + 1, 6 * CHUNK);
	r = build(image, sizeof image, old, sizeof old, 999);
	assert_int_equal(r.header.num_runs, 2);
	run = run_of(&r, 0);
	assert_true(run.first_chunk == 5 && run.num_chunks == 8 && run.from_offset == 777);
	run = run_of(&r, 1);
	assert_true(run.first_chunk == 20 && run.num_chunks == 6 && run.from_offset == 12 * CHUNK + 1);
	free(r.file);
}

/* Chunks of zeros and repeats are the index's; nothing in common is an empty map. */
static void test_zeros_and_repeats(void **state)
{
	static uint8_t old[9 * CHUNK], image[9 * CHUNK];
	struct result r;
	(void)state;
	fill(image, CHUNK, 1);
	memcpy(image + 3 * CHUNK, image, CHUNK);
	memcpy(old + 5 * CHUNK, image, CHUNK);
	r = build(image, sizeof image, old, sizeof old, sizeof old);
	assert_int_equal(r.header.num_chunks, 1);
	free(r.file);
	fill(old, sizeof old, 3);
	r = build(image, sizeof image, old, sizeof old, sizeof old);
	assert_int_equal(r.len, COPY_MAP_HEADER_BYTES);
	free(r.file);
}

/* A chunk that lies in several places is taken from where it goes on from the one before. */
static void test_runs_go_on(void **state)
{
	static uint8_t old[20 * CHUNK], image[10 * CHUNK];
	struct result r;
	(void)state;
	fill(image, sizeof image, 1);
	fill(old, sizeof old, 2);
	memcpy(old, image + 4 * CHUNK, CHUNK);
	memcpy(old + 8 * CHUNK, image, sizeof image);
	r = build(image, sizeof image, old, sizeof old, sizeof old);
	assert_int_equal(r.header.num_runs, 1);
	assert_int_equal(r.header.num_chunks, 10);
	free(r.file);
}

/* The short end of an image: at the end of the old one, and where zeros follow it there; never beyond its end. */
static void test_a_short_end(void **state)
{
	static uint8_t old[3 * CHUNK], image[CHUNK + 10], whole[2 * CHUNK];
	struct result r;
	(void)state;
	fill(image, sizeof image, 1);
	fill(old, sizeof old, 2);
	memcpy(old + sizeof old - 10, image + CHUNK, 10);
	r = build(image, sizeof image, old, sizeof old, 7);
	assert_int_equal(r.header.num_chunks, 1);
	assert_true(run_of(&r, 0).from_offset == sizeof old - 10);
	free(r.file);
	fill(old, sizeof old, 2);
	memset(old + 100, 0, CHUNK);
	memcpy(old + 100, image + CHUNK, 10);
	r = build(image, sizeof image, old, sizeof old, 7);
	assert_int_equal(r.header.num_chunks, 1);
	assert_true(run_of(&r, 0).from_offset == 100);
	free(r.file);
	/* A whole chunk that ends in zeros is not there when the old image ends before them. */
	fill(whole, sizeof whole, 4);
	memset(whole + CHUNK + 10, 0, CHUNK - 10);
	fill(old, sizeof old, 2);
	memcpy(old + sizeof old - 20, whole + CHUNK, 20);
	r = build(whole, sizeof whole, old, sizeof old, 7);
	assert_int_equal(r.header.num_chunks, 0);
	free(r.file);
}

/* Contents made for many windows of one rolling hash and no hit: when the digests are used up, only whole chunks of the
 * old image are looked at. */
static void test_digests_are_bounded(void **state)
{
	static uint8_t old[600 * CHUNK], image[2 * CHUNK];
	struct result r;
	(void)state;
	/* Swapping x, y, z, so that both sums stay: +1 -2 +1 on three bytes. */
	memset(image, 7, sizeof image);
	image[100]++, image[101] = (uint8_t)(image[101] - 2), image[102]++;
	fill(image + CHUNK, CHUNK, 1);
	memset(old, 7, sizeof old);
	memcpy(old + 590 * CHUNK, image + CHUNK, CHUNK);
	r = build(image, sizeof image, old, sizeof old, sizeof old);
	assert_int_equal(r.header.num_chunks, 1);
	assert_true(run_of(&r, 0).from_offset == 590 * CHUNK);
	free(r.file);
	memset(old, 7, sizeof old);
	memcpy(old + 590 * CHUNK + 1, image + CHUNK, CHUNK);
	r = build(image, sizeof image, old, sizeof old, sizeof old);
	assert_int_equal(r.header.num_chunks, 0);
	free(r.file);
}

static int check(void *user, const uint8_t *data, size_t len)
{
	struct copy_map_header h;
	(void)user;
	return copy_map_check(data, len, &h);
}

static void test_hostile_files(void **state)
{
	struct copy_map_header h = {.image_bytes = 3 * CHUNK - 5, .from_bytes = 5000, .num_runs = 2, .num_chunks = 2};
	const struct copy_map_run good[2] = {{0, 1, 0}, {2, 1, 5000 - (CHUNK - 5)}};
	const struct copy_map_run bad[] = {{2, 0, 0}, {3, 1, 0}, {2, 2, 0}, {0, 1, 0}, {2, UINT32_MAX, 0},
		{UINT32_MAX, 1, 0}, {2, 1, 5000 - (CHUNK - 5) + 1}, {2, 1, 5001}, {2, 1, UINT64_MAX}, {1, 2, 0}};
	uint8_t file[COPY_MAP_HEADER_BYTES + 2 * COPY_MAP_RUN_BYTES + 1] = {0};
	const size_t len = sizeof file - 1;
	(void)state;
	copy_map_encode_header(file, &h);
	copy_map_encode_run(file + copy_map_offset(0), &good[0]);
	copy_map_encode_run(file + copy_map_offset(1), &good[1]);
	assert_int_equal(copy_map_check(file, len, &h), 0);
	test_truncations(check, NULL, file, len);
	assert_int_equal(copy_map_check(file, len + 1, &h), CAROUSEL_E_MALFORMED);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct copy_map_run run;
		uint64_t next = 1;
		copy_map_encode_run(file + copy_map_offset(1), &bad[i]);
		assert_int_equal(copy_map_decode_run(file + copy_map_offset(1), &h, &next, &run), CAROUSEL_E_MALFORMED);
		assert_int_equal(copy_map_check(file, len, &h), CAROUSEL_E_MALFORMED);
	}
	copy_map_encode_run(file + copy_map_offset(1), &good[1]);
	file[0] ^= 1;
	assert_int_equal(copy_map_check(file, len, &h), CAROUSEL_E_MALFORMED);
	file[0] ^= 1;
	file[4] ^= 1;
	assert_int_equal(copy_map_check(file, len, &h), CAROUSEL_E_UNSUPPORTED);
	file[4] ^= 1;
	bytes_put_le32(file + 28, 3);
	assert_int_equal(copy_map_check(file, len, &h), CAROUSEL_E_MALFORMED);
	bytes_put_le32(file + 28, 4); /* more than there are */
	assert_int_equal(copy_map_check(file, len, &h), CAROUSEL_E_MALFORMED);
	bytes_put_le32(file + 28, 1); /* more runs than chunks */
	assert_int_equal(copy_map_check(file, len, &h), CAROUSEL_E_MALFORMED);
	bytes_put_le32(file + 28, 2);
	bytes_put_le64(file + 8, 0);
	assert_int_equal(copy_map_check(file, len, &h), CAROUSEL_E_MALFORMED);
	bytes_put_le64(file + 8, UINT64_MAX);
	assert_int_equal(copy_map_check(file, len, &h), CAROUSEL_E_MALFORMED);
}

/* A file of 0.1.0, written by another program from the format's description. */
static void test_vector(void **state)
{
	uint8_t file[200];
	struct copy_map_header h;
	struct copy_map_run run;
	uint64_t next = 0;
	size_t len;
	FILE *in = fopen("tests/vectors/maps/copy-map-0.1.bin", "rb");
	(void)state;
	assert_non_null(in);
	len = fread(file, 1, sizeof file, in);
	fclose(in);
	assert_int_equal(copy_map_check(file, len, &h), 0);
	assert_true(h.image_bytes == 5 * CHUNK + 10 && h.from_bytes == 9000 && h.num_runs == 2 && h.num_chunks == 3);
	assert_true(h.image_sha256[31] == 32 && h.from_sha256[0] == 33 && h.from_sha256[31] == 64);
	assert_int_equal(copy_map_decode_run(file + copy_map_offset(0), &h, &next, &run), 0);
	assert_true(run.first_chunk == 0 && run.num_chunks == 2 && run.from_offset == 700);
	assert_int_equal(copy_map_run_bytes(&h, &run), 2 * CHUNK);
	assert_int_equal(copy_map_decode_run(file + copy_map_offset(1), &h, &next, &run), 0);
	assert_true(run.first_chunk == 5 && run.num_chunks == 1 && run.from_offset == 8990);
	assert_int_equal(copy_map_run_bytes(&h, &run), 10);
}

static void test_hostile_index(void **state)
{
	struct copy_map_builder *b;
	uint8_t image[2 * CHUNK], *index;
	size_t len;
	(void)state;
	fill(image, sizeof image, 1);
	index = index_of(image, sizeof image, &len);
	assert_int_equal(copy_map_builder_new(NULL, index, len - 1, 10, &b), CAROUSEL_E_MALFORMED);
	assert_int_equal(copy_map_builder_new(NULL, index, 3, 10, &b), CAROUSEL_E_MALFORMED);
	assert_int_equal(copy_map_builder_new(NULL, index, len, 0, &b), CAROUSEL_E_LIMIT);
	bytes_put_le32(index + chunk_index_offset(1) + 20, 1); /* a repeat of itself */
	assert_int_equal(copy_map_builder_new(NULL, index, len, 10, &b), CAROUSEL_E_MALFORMED);
	assert_null(b);
	free(index);
}

struct attempt {
	const uint8_t *image, *index;
	size_t image_len, index_len;
};

static int attempt_build(const struct carousel_allocator *a, void *user)
{
	const struct attempt *t = user;
	struct copy_map_builder *b;
	struct copy_map_header h;
	const uint8_t *file;
	size_t len;
	int result = copy_map_builder_new(a, t->index, t->index_len, t->image_len, &b);
	if (result == 0)
		result = copy_map_builder_push(b, t->image, t->image_len);
	if (result == 0)
		result = copy_map_builder_finish(b, digest, &file, &len, &h);
	copy_map_builder_free(b);
	return result;
}

static void test_no_memory(void **state)
{
	static uint8_t image[4 * CHUNK];
	struct attempt t = {.image = image, .image_len = sizeof image};
	uint8_t *index;
	(void)state;
	fill(image, sizeof image, 1);
	index = index_of(image, sizeof image, &t.index_len);
	t.index = index;
	assert_true(fault_alloc_all(attempt_build, &t) >= 6);
	free(index);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_same_image),
		cmocka_unit_test(test_moved_pieces),
		cmocka_unit_test(test_zeros_and_repeats),
		cmocka_unit_test(test_runs_go_on),
		cmocka_unit_test(test_a_short_end),
		cmocka_unit_test(test_digests_are_bounded),
		cmocka_unit_test(test_hostile_files),
		cmocka_unit_test(test_vector),
		cmocka_unit_test(test_hostile_index),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
