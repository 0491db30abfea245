#include "carousel-rx/index_collector.h"
#include "common/carousel_error.h"
#include "common/hash.h"
#include "common/object_layout.h"
#include "fec/fec.h"
#include "tests/lib/fault_alloc.h"
#include "tests/lib/ram_storage.h"
#include "tests/lib/test.h"

#define T       1024u
#define BYTES   150000u
#define REPAIRS 32u

struct lab {
	struct fec_oti oti;
	uint8_t *bytes, sha256[32];
	uint8_t *symbols[8]; /* of each block: K source and REPAIRS repair symbols */
	struct ram_storage storage;
};

static int source_read(void *user, uint32_t esi, size_t off, size_t len, uint8_t *dst)
{
	memcpy(dst, (uint8_t *)user + (size_t)esi * T + off, len);
	return 0;
}

static void encode(struct lab *lab, uint32_t sbn)
{
	struct fec_block block;
	struct fec_plan *plan;
	struct fec_encoder *encoder;
	size_t bytes, first = (size_t)fec_block_first_symbol(&lab->oti, sbn) * T;
	uint8_t *source, *memory;
	assert_int_equal(fec_block_of(&lab->oti, sbn, &block), 0);
	source = calloc(block.num_source, T);
	memcpy(source, lab->bytes + first,
		first + (size_t)block.num_source * T > BYTES ? BYTES - first : (size_t)block.num_source * T);
	const struct fec_symbols symbols = {source, NULL, source_read, NULL};
	bytes = (fec_encoder_bytes(&block) + 127) / 64 * 64;
	memory = aligned_alloc(64, bytes);
	lab->symbols[sbn] = calloc(block.num_source + REPAIRS, T);
	assert_int_equal(fec_plan_new(NULL, &block, &plan), 0);
	assert_int_equal(fec_encoder_init(&encoder, memory, bytes, plan, &symbols), 0);
	assert_int_equal(fec_encoder_symbols(encoder, 0, 1, block.num_source + REPAIRS, lab->symbols[sbn], T), 0);
	fec_encoder_deinit(encoder);
	fec_plan_free(plan);
	free(memory);
	free(source);
}

static int lab_open(void **state)
{
	struct lab *lab = calloc(1, sizeof(*lab));
	uint64_t random = 3;
	assert_non_null(lab);
	lab->oti = (struct fec_oti){.encoding_id = FEC_RAPTORQ,
		.transfer_length = BYTES,
		.symbol_size = T,
		.num_blocks = 3,
		.num_sub_blocks = 1,
		.alignment = 4};
	assert_int_equal(fec_oti_check(&lab->oti, NULL), 0);
	lab->bytes = malloc(BYTES);
	for (size_t i = 0; i < BYTES; i++)
		lab->bytes[i] = (uint8_t)test_random(&random);
	assert_int_equal(hash_sha256(lab->bytes, BYTES, lab->sha256), 0);
	for (uint32_t sbn = 0; sbn < 3; sbn++)
		encode(lab, sbn);
	ram_storage_init(&lab->storage, 4096);
	*state = lab;
	return 0;
}

static int lab_close(void **state)
{
	struct lab *lab = *state;
	for (unsigned i = 0; i < 8; i++)
		free(lab->symbols[i]);
	free(lab->bytes);
	ram_storage_deinit(&lab->storage);
	free(lab);
	return 0;
}

static struct index_collector *open_collector(struct lab *lab)
{
	struct index_collector *c;
	assert_int_equal(index_collector_new(&c, NULL, &lab->storage.table, lab->sha256, BYTES), 0);
	return c;
}

/* Jobs until there are none. */
static void work(struct index_collector *c, uint64_t now_ns)
{
	struct carousel_job *job;
	while ((job = index_collector_next_job(c, now_ns)) != NULL) {
		assert_null(index_collector_next_job(c, now_ns));
		job->run(job);
		job->done(job, now_ns);
	}
}

static int give(struct lab *lab, struct index_collector *c, uint32_t sbn, uint32_t esi)
{
	return index_collector_add(c, &lab->oti, sbn, esi, lab->symbols[sbn] + (size_t)esi * T, T);
}

static void test_gathers(void **state)
{
	struct lab *lab = *state;
	struct index_collector *c = open_collector(lab);
	uint64_t now_ns = 1, have, need;
	assert_int_equal(give(lab, c, 0, 0), CAROUSEL_E_BUSY); /* it has not looked yet */
	work(c, now_ns);
	for (uint32_t esi = 9; !index_collector_is_done(c) && esi < 49 + REPAIRS; esi++) {
		for (uint32_t sbn = 0; sbn < 3; sbn++) {
			int result = give(lab, c, sbn, esi);
			assert_true(result == 0 || result == CAROUSEL_E_DUPLICATE);
			assert_int_equal(give(lab, c, sbn, esi), CAROUSEL_E_DUPLICATE);
		}
		work(c, now_ns += 50000000);
	}
	assert_true(index_collector_is_done(c));
	assert_int_equal(lab->storage.file[RX_INDEX].durable_len, BYTES);
	assert_memory_equal(lab->storage.file[RX_INDEX].durable, lab->bytes, BYTES);
	index_collector_progress(c, &have, &need);
	assert_int_equal(have, need);
	index_collector_free(c);
	/* Found at once by the next. */
	c = open_collector(lab);
	assert_int_equal(index_collector_deadline(c), 0);
	work(c, now_ns);
	assert_true(index_collector_is_done(c));
	assert_int_equal(index_collector_deadline(c), UINT64_MAX);
	assert_int_equal(give(lab, c, 0, 0), CAROUSEL_E_DUPLICATE);
	index_collector_free(c);
}

static void test_false_symbols_cost_a_pass(void **state)
{
	struct lab *lab = *state;
	struct index_collector *c = open_collector(lab);
	work(c, 1);
	lab->symbols[1][77] ^= 1;
	for (uint32_t sbn = 0; sbn < 3; sbn++)
		for (uint32_t esi = 0; esi < 49; esi++)
			give(lab, c, sbn, esi), work(c, 1000000000);
	assert_false(index_collector_is_done(c));
	lab->symbols[1][77] ^= 1;
	for (uint32_t sbn = 0; sbn < 3; sbn++)
		for (uint32_t esi = 0; esi < 49; esi++)
			give(lab, c, sbn, esi), work(c, 2000000000);
	assert_true(index_collector_is_done(c));
	index_collector_free(c);
}

static void test_refuses(void **state)
{
	struct lab *lab = *state;
	struct index_collector *c = open_collector(lab);
	struct fec_oti other = lab->oti;
	uint8_t symbol[T + 1] = {0};
	work(c, 1);
	other.transfer_length++;
	assert_int_equal(index_collector_add(c, &other, 0, 0, symbol, T), CAROUSEL_E_CONFLICT);
	assert_int_equal(give(lab, c, 0, 0), 0);
	other = lab->oti;
	other.num_blocks = 2;
	assert_int_equal(index_collector_add(c, &other, 0, 0, symbol, T), CAROUSEL_E_CONFLICT);
	assert_int_equal(index_collector_add(c, &lab->oti, 3, 0, symbol, T), CAROUSEL_E_SYMBOL);
	assert_int_equal(index_collector_add(c, &lab->oti, 0, 1 << 24, symbol, T), CAROUSEL_E_SYMBOL);
	assert_int_equal(index_collector_add(c, &lab->oti, 0, 1, symbol, T - 1), CAROUSEL_E_SYMBOL);
	assert_int_equal(index_collector_add(c, &lab->oti, 0, 1, symbol, T + 1), CAROUSEL_E_SYMBOL);
	/* Nobody writes: what is staged has an end. */
	int last = 0;
	for (uint32_t esi = 0; last == 0 || last == CAROUSEL_E_DUPLICATE; esi++)
		last = index_collector_add(c, &lab->oti, esi / 49, esi % 49, symbol, T);
	assert_int_equal(last, CAROUSEL_E_LIMIT);
	index_collector_free(c);
	index_collector_free(NULL);
}

static void test_storage_fails(void **state)
{
	struct lab *lab = *state;
	struct index_collector *c = open_collector(lab);
	struct carousel_job *job;
	work(c, 1);
	for (uint32_t esi = 0; esi < 49; esi++)
		give(lab, c, 0, esi);
	lab->storage.fail_with = CAROUSEL_E_STORAGE;
	job = index_collector_next_job(c, 1000000000);
	assert_non_null(job);
	job->run(job);
	assert_int_equal(job->done(job, 1), CAROUSEL_E_STORAGE);
	index_collector_free(c);
}

static int attempt(const struct carousel_allocator *a, void *user)
{
	struct lab *lab = user;
	struct index_collector *c;
	int result = index_collector_new(&c, a, &lab->storage.table, lab->sha256, BYTES);
	if (result)
		return result;
	lab->storage.file[RX_INDEX].now_len = 0;
	work(c, 1);
	for (uint32_t sbn = 0; result == 0 && sbn < 3; sbn++) {
		for (uint32_t esi = 10; result == 0 && esi < 59; esi++) {
			result = give(lab, c, sbn, esi);
			result = result == CAROUSEL_E_DUPLICATE ? 0 : result;
			if (index_collector_deadline(c) != UINT64_MAX || esi % 8 == 0)
				work(c, 1000000000u * (esi + sbn * 100));
		}
	}
	work(c, 900000000000u);
	if (result == 0 && !index_collector_is_done(c))
		result = CAROUSEL_E_MEMORY; /* a decoder that found none: gathered anew */
	index_collector_free(c);
	return result;
}

static void test_no_memory(void **state)
{
	assert_true(fault_alloc_all(attempt, *state) > 6);
}

#define WITH_LAB(name) cmocka_unit_test_setup_teardown(name, lab_open, lab_close)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		WITH_LAB(test_gathers),
		WITH_LAB(test_false_symbols_cost_a_pass),
		WITH_LAB(test_refuses),
		WITH_LAB(test_storage_fails),
		WITH_LAB(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
