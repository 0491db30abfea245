/* Plans: made, shared, saved, loaded; what is not a plan file is refused. */
#include "tests/lib/fault_alloc.h"
#include "tests/lib/test.h"

#include "common/bytes.h"
#include "common/carousel_error.h"
#include "fec/raptorq/raptorq.h"

#include <zlib.h>

static const struct fec_scheme *const rq = &fec_scheme_raptorq;

static struct fec_block block_of(uint32_t k)
{
	return (struct fec_block){.encoding_id = FEC_RAPTORQ,
		.num_source = k,
		.esi_limit = FEC_RAPTORQ_MAX_ESI + 1,
		.symbol_size = 64,
		.num_sub_blocks = 1,
		.alignment = 1};
}

static uint8_t *save(uint32_t k, size_t *len)
{
	const struct fec_block block = block_of(k);
	struct fec_plan *plan;
	uint8_t *buf;
	assert_int_equal(rq->plan_new(NULL, &block, &plan), 0);
	assert_int_equal(rq->plan_save(plan, NULL, len), 0);
	buf = malloc(*len);
	*len -= 1;
	assert_int_equal(rq->plan_save(plan, buf, len), CAROUSEL_E_LIMIT);
	assert_int_equal(rq->plan_save(plan, buf, len), 0);
	rq->plan_free(plan);
	return buf;
}

static const uint8_t *direct(void *user, uint32_t esi)
{
	return (const uint8_t *)user + (size_t)esi * 64;
}

/* The repair symbols that a plan leads to. */
static void encode(const struct fec_plan *plan, const struct fec_block *block, uint8_t out[20 * 64])
{
	const size_t bytes = rq->encoder_bytes(block);
	uint8_t *source = malloc(block->num_source * (size_t)64);
	void *mem = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
	const struct fec_symbols symbols = {source, direct, NULL, NULL};
	struct fec_encoder *e;
	uint64_t seed = 1;
	for (size_t i = 0; i < block->num_source * (size_t)64; i++)
		source[i] = (uint8_t)test_random(&seed);
	assert_int_equal(rq->encoder_init(&e, mem, bytes, plan, &symbols), 0);
	assert_int_equal(rq->encoder_symbols(e, block->num_source, 7, 20, out, 64), 0);
	assert_int_equal(rq->encoder_symbols(e, block->num_source, 1, 1, out, 63), CAROUSEL_E_ARGUMENT);
	assert_int_equal(rq->encoder_symbols(e, 1u << 24, 1, 1, out, 64), CAROUSEL_E_SYMBOL);
	assert_int_equal(rq->encoder_symbols(e, (1u << 24) - 7, 7, 2, out + 19 * 64, 64), CAROUSEL_E_SYMBOL);
	free(source);
	free(mem);
}

static void test_saved_plan_works_like_the_one_made(void **state)
{
	(void)state;
	for (uint32_t k = 1; k < 2000; k = k * 3 + 1) {
		const struct fec_block block = block_of(k);
		uint8_t made[20 * 64], loaded[20 * 64], *buf;
		struct fec_plan *plan;
		size_t len;
		assert_int_equal(rq->plan_new(NULL, &block, &plan), 0);
		encode(plan, &block, made);
		rq->plan_free(plan);
		buf = save(k, &len);
		assert_int_equal(rq->plan_load(NULL, &block, buf, len, &plan), 0);
		encode(plan, &block, loaded);
		assert_memory_equal(made, loaded, sizeof made);
		rq->plan_free(plan);
		free(buf);
	}
	rq->plan_free(NULL);
}

static int load(void *user, const uint8_t *data, size_t len)
{
	const struct fec_block block = block_of(30);
	struct fec_plan *plan;
	const int result = rq->plan_load(user, &block, data, len, &plan);
	if (result == 0)
		rq->plan_free(plan);
	return result;
}

static void test_damaged_files_are_refused(void **state)
{
	size_t len;
	uint8_t *buf = save(30, &len);
	(void)state;
	assert_int_equal(load(NULL, buf, len), 0);
	test_truncations(load, NULL, buf, len);
	for (size_t i = 0; i < len; i++) {
		buf[i] ^= 0x10;
		assert_int_not_equal(load(NULL, buf, len), 0);
		buf[i] ^= 0x10;
	}
	free(buf);
	buf = save(50, &len);
	assert_int_equal(load(NULL, buf, len), CAROUSEL_E_CONFLICT);
	free(buf);
}

/* A file whose check is right and whose content is not: nothing may be read or written outside. */
static void test_forged_files_stay_inside(void **state)
{
	size_t len;
	uint8_t *buf = save(30, &len), out[20 * 64];
	const struct fec_block block = block_of(30);
	uint64_t seed = 3;
	unsigned loaded = 0;
	(void)state;
	for (unsigned trial = 0; trial < 6000; trial++) {
		const size_t at = 8 + test_random(&seed) % (len - 12);
		const uint8_t was = buf[at];
		struct fec_plan *plan;
		buf[at] = (uint8_t)test_random(&seed);
		bytes_put_le32(buf + len - 4, (uint32_t)crc32(0, buf, (uInt)(len - 4)));
		if (rq->plan_load(NULL, &block, buf, len, &plan) == 0) {
			loaded++;
			encode(plan, &block, out);
			rq->plan_free(plan);
		}
		buf[at] = was;
	}
	assert_in_range(loaded, 1, 5999);
	free(buf);
}

static int make(const struct carousel_allocator *a, void *user)
{
	const struct fec_block block = block_of(50);
	struct fec_plan *plan;
	const int result = rq->plan_new(a, &block, &plan);
	(void)user;
	if (result == 0)
		rq->plan_free(plan);
	return result;
}

struct file {
	uint8_t *buf;
	size_t len;
};

static int load_with(const struct carousel_allocator *a, void *user)
{
	const struct file *f = user;
	const struct fec_block block = block_of(30);
	struct fec_plan *plan;
	const int result = rq->plan_load(a, &block, f->buf, f->len, &plan);
	if (result == 0)
		rq->plan_free(plan);
	return result;
}

static void test_every_allocation_may_fail(void **state)
{
	struct file f;
	(void)state;
	f.buf = save(30, &f.len);
	assert_int_equal(fault_alloc_all(make, NULL), 2);
	assert_int_equal(fault_alloc_all(load_with, &f), 1);
	free(f.buf);
}

static void test_no_plan_without_parameters(void **state)
{
	struct fec_block block = block_of(0);
	struct fec_plan *plan;
	(void)state;
	assert_int_equal(rq->plan_new(NULL, &block, &plan), CAROUSEL_E_OTI);
	block.num_source = FEC_RAPTORQ_MAX_K + 1;
	assert_int_equal(rq->plan_new(NULL, &block, &plan), CAROUSEL_E_OTI);
	assert_int_equal(rq->plan_load(NULL, &block, (const uint8_t *)"", 0, &plan), CAROUSEL_E_OTI);
	assert_int_equal(rq->is_available(0), 1);
	assert_int_equal(rq->is_available(1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_saved_plan_works_like_the_one_made),
		cmocka_unit_test(test_damaged_files_are_refused),
		cmocka_unit_test(test_forged_files_stay_inside),
		cmocka_unit_test(test_every_allocation_may_fail),
		cmocka_unit_test(test_no_plan_without_parameters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
