/* covers: carousel-rx/store/store.c carousel-rx/store/store_tables.c carousel-rx/store/store_jobs.c */
#include "tests/lib/test.h"

#include "carousel-rx/store/store_internal.h"
#include "common/carousel_error.h"
#include "tests/lib/fault_alloc.h"
#include "tests/lib/ram_storage.h"
#include "tests/lib/store_fixture.h"

struct bench {
	struct store_fixture fixture;
	struct ram_storage storage;
	struct store_config config;
	struct store *store;
	uint64_t now_ns;
};

static void bench_open(struct bench *b)
{
	assert_int_equal(store_new(&b->store, &b->config), 0);
	assert_int_equal(store_begin(b->store, &b->fixture.image, b->now_ns), 0);
	store_fixture_jobs(b->store, b->now_ns);
}

static void bench_init(struct bench *b, const struct store_fixture_shape *shape, uint64_t slot_bytes)
{
	memset(b, 0, sizeof(*b));
	store_fixture_init(&b->fixture, shape);
	ram_storage_init(&b->storage, slot_bytes);
	b->config = (struct store_config){.storage = &b->storage.table};
	bench_open(b);
}

static void bench_deinit(struct bench *b)
{
	size_t now, peak;
	store_memory(b->store, &now, &peak);
	assert_true(peak < 12u * 1024 * 1024);
	store_free(b->store);
	ram_storage_deinit(&b->storage);
	store_fixture_deinit(&b->fixture);
}

static struct store_progress bench_progress(const struct bench *b)
{
	struct store_progress p;
	store_progress(b->store, &p);
	return p;
}

static void bench_expect_verified(struct bench *b)
{
	assert_int_equal(bench_progress(b).error, 0);
	assert_int_equal(bench_progress(b).phase, STORE_COMPLETE);
	assert_int_equal(store_verify(b->store), 0);
	store_fixture_jobs(b->store, b->now_ns);
	assert_int_equal(bench_progress(b).phase, STORE_VERIFIED);
	assert_memory_equal(b->storage.file[RX_SLOT_TARGET].now, b->fixture.data, b->fixture.image.layout.image_bytes);
}

static struct store_fixture_air bench_air(struct bench *b, unsigned loss_percent, uint64_t seed)
{
	return (struct store_fixture_air){
		.seed = seed, .loss_percent = loss_percent, .now_ns = &b->now_ns, .step_ns = 1000000, .jobs_every = 7};
}

static void test_every_scheme_arrives(void **state)
{
	static const unsigned losses[] = {0, 10, 40};
	unsigned count;
	const struct store_fixture_shape *shapes = store_fixture_shapes(&count);
	(void)state;
	assert_true(count > 0);
	for (unsigned i = 0; i < count; i++) {
		for (unsigned l = 0; l < 3; l++) {
			/* A slot whose end cuts the last place, and one with room to spare. */
			struct bench b;
			struct store_fixture_air air;
			bench_init(&b, &shapes[i], shapes[i].image_bytes + (l == 1 ? 100000 : 0));
			air = bench_air(&b, losses[l], i * 10 + l);
			store_fixture_receive(&b.fixture, b.store, &air);
			bench_expect_verified(&b);
			bench_deinit(&b);
		}
	}
}

static const struct store_fixture_shape *raptorq_shape(void)
{
	unsigned count;
	const struct store_fixture_shape *shapes = store_fixture_shapes(&count);
	for (unsigned i = 0; i < count; i++)
		if (shapes[i].encoding_id == FEC_RAPTORQ && shapes[i].kind == OBJECT_STRIPED)
			return &shapes[i];
	fail();
	return NULL;
}

static void open_tight(struct bench *b)
{
	store_free(b->store);
	b->store = store_fixture_open_tight(&b->fixture, &b->storage.table);
}

static void hear(struct bench *b, uint32_t sbn, uint32_t esi)
{
	uint8_t symbol[2048];
	size_t size = b->fixture.image.layout.oti.symbol_size;
	assert_true(size <= sizeof(symbol));
	store_fixture_symbol(&b->fixture, sbn, esi, symbol);
	assert_int_equal(store_add(b->store, sbn, esi, symbol, size, b->now_ns), 0);
}

/* Where there is no memory for a block it is read strip by strip. */
static void test_blocks_larger_than_memory_arrive(void **state)
{
	unsigned count, tried = 0;
	const struct store_fixture_shape *shapes = store_fixture_shapes(&count);
	(void)state;
	for (unsigned i = 0; i < 2 * count; i++) {
		struct store_fixture_shape large = shapes[i / 2];
		struct store_fixture_air air;
		struct bench b;
		if (large.encoding_id == FEC_RAPTORQ) {
			large.block_symbols = 1000;
			large.image_bytes = 2500000 + i;
		}
		bench_init(&b, &large, large.image_bytes);
		open_tight(&b);
		tried += b.store->decode.held.ram == NULL && b.store->decode.strip < large.symbol_size;
		air = bench_air(&b, i % 2 ? 12 : 35, i);
		store_fixture_receive(&b.fixture, b.store, &air);
		bench_expect_verified(&b);
		bench_deinit(&b);
	}
	assert_true(tried >= 2);
}

/* Repair symbols fill all places but two. Source symbols then lie in foreign ones and, as when a first try had failed,
 * in the spill: one of them behind all that are missing. Each has a part in every strip. */
static void test_displaced_symbols_in_strips(void **state)
{
	struct store_fixture_shape large = *raptorq_shape();
	struct bench b;
	(void)state;
	large.block_symbols = 1000;
	large.image_bytes = 2500000;
	bench_init(&b, &large, large.image_bytes);
	open_tight(&b);
	assert_null(b.store->decode.held.ram);
	for (uint32_t sbn = 0; sbn < b.fixture.image.layout.oti.num_blocks; sbn++) {
		uint32_t source = store_fixture_source(&b.fixture, sbn), last = source - 1, places;
		while (store_fixture_is_padding(&b.fixture, sbn, last))
			last--;
		places = last + 1;
		b.store->map.block[sbn].want = places + 1;
		for (uint32_t i = 0; i < places - 2; i++) {
			hear(&b, sbn, source + 5000 + i);
			store_fixture_jobs(b.store, b.now_ns);
		}
		hear(&b, sbn, 5);
		hear(&b, sbn, 6);
		hear(&b, sbn, last);
		store_flush(b.store);
		store_fixture_jobs(b.store, b.now_ns);
	}
	bench_expect_verified(&b);
	bench_deinit(&b);
}

static void test_repair_symbols_alone(void **state)
{
	unsigned count;
	const struct store_fixture_shape *shapes = store_fixture_shapes(&count);
	(void)state;
	for (unsigned i = 0; i < count; i++) {
		struct bench b;
		struct store_fixture_air air;
		if (shapes[i].encoding_id != FEC_RAPTORQ)
			continue;
		bench_init(&b, &shapes[i], shapes[i].image_bytes);
		air = bench_air(&b, 20, i);
		air.repair_only = true;
		air.first_repair = 70000;
		store_fixture_receive(&b.fixture, b.store, &air);
		bench_expect_verified(&b);
		bench_deinit(&b);
	}
}

static void test_goes_on_after_a_restart(void **state)
{
	unsigned count;
	const struct store_fixture_shape *shapes = store_fixture_shapes(&count);
	(void)state;
	for (unsigned i = 0; i < count; i++) {
		struct bench b;
		struct store_fixture_air air;
		bench_init(&b, &shapes[i], shapes[i].image_bytes);
		for (unsigned again = 0; bench_progress(&b).phase == STORE_RECEIVING; again++) {
			uint64_t have;
			air = bench_air(&b, 30, i + again);
			air.max_symbols = 60;
			air.skip_symbols = again * 80;
			store_fixture_receive(&b.fixture, b.store, &air);
			store_flush(b.store);
			store_fixture_jobs(b.store, b.now_ns);
			have = bench_progress(&b).symbols_have;
			store_free(b.store);
			bench_open(&b);
			assert_int_equal(bench_progress(&b).symbols_have, have);
			assert_int_equal(bench_progress(&b).symbols_resumed, have);
			assert_true(again < 1000);
		}
		bench_expect_verified(&b);
		bench_deinit(&b);
	}
}

static void test_bad_arguments(void **state)
{
	unsigned count;
	const struct store_fixture_shape *shapes = store_fixture_shapes(&count);
	uint8_t symbol[1024] = {0};
	struct bench b;
	(void)state;
	bench_init(&b, &shapes[0], shapes[0].image_bytes);
	assert_int_equal(store_add(b.store, 99999, 0, symbol, 1024, 0), CAROUSEL_E_SYMBOL);
	assert_int_equal(store_add(b.store, 0, 99999, symbol, 1024, 0), CAROUSEL_E_SYMBOL);
	assert_int_equal(store_add(b.store, 0, 0, symbol, 1023, 0), CAROUSEL_E_SYMBOL);
	assert_int_equal(store_add(b.store, 0, 0, NULL, 1024, 0), CAROUSEL_E_SYMBOL);
	assert_int_equal(store_add(b.store, 0, 0, symbol, 1024, 0), 0);
	assert_int_equal(store_add(b.store, 0, 0, symbol, 1024, 0), CAROUSEL_E_DUPLICATE);
	assert_int_equal(store_begin(b.store, &b.fixture.image, 0), 0);
	bench_deinit(&b);
}

/* ---- appetite ------------------------------------------------------------------------------------ */

/* Offers source symbols without running a job, until they are all taken or the store is full. */
static bool offer_until_full(struct bench *b, uint32_t *sbn, uint32_t *esi)
{
	uint8_t symbol[1024];
	for (; *sbn < b->fixture.image.layout.oti.num_blocks; (*sbn)++, *esi = 0) {
		for (; *esi < store_fixture_source(&b->fixture, *sbn); (*esi)++) {
			if (store_fixture_is_padding(&b->fixture, *sbn, *esi))
				continue;
			if (store_appetite(b->store) == STORE_FULL)
				return false;
			store_fixture_symbol(&b->fixture, *sbn, *esi, symbol);
			assert_int_equal(store_add(b->store, *sbn, *esi, symbol, sizeof(symbol), b->now_ns), 0);
		}
	}
	return true;
}

static struct carousel_job *wait_for_job(struct bench *b)
{
	struct carousel_job *job = store_next_job(b->store, b->now_ns);
	if (job)
		return job;
	b->now_ns = store_deadline(b->store);
	assert_true(b->now_ns != UINT64_MAX);
	job = store_next_job(b->store, b->now_ns);
	assert_non_null(job);
	return job;
}

/* One who stops when the store is full loses nothing, and is soon let go on. */
static void test_full_is_told_before_symbols_are_dropped(void **state)
{
	struct bench b;
	uint32_t sbn = 0, esi = 0;
	unsigned times_full = 0;
	(void)state;
	bench_init(&b, raptorq_shape(), 1u << 20);
	store_free(b.store);
	b.config.memory_bytes = 2u << 20;
	b.now_ns = 5;
	bench_open(&b);
	while (!offer_until_full(&b, &sbn, &esi)) {
		struct carousel_job *job = store_next_job(b.store, b.now_ns);
		assert_non_null(job); /* at once */
		assert_int_equal(store_appetite(b.store), STORE_HUNGRY);
		/* The other buffer fills up while the job is under way: full until it is done. */
		if (!offer_until_full(&b, &sbn, &esi)) {
			assert_null(store_next_job(b.store, b.now_ns));
			times_full++;
		}
		job->run(job);
		job->done(job, b.now_ns);
	}
	assert_true(times_full > 0);
	assert_int_equal(bench_progress(&b).symbols_dropped, 0);
	store_flush(b.store);
	store_fixture_jobs(b.store, b.now_ns);
	bench_expect_verified(&b);
	bench_deinit(&b);
}

/* A write rate is not waited for: nobody may leave the socket for that long. */
static void test_a_write_rate_is_not_full(void **state)
{
	struct bench b;
	uint8_t symbol[1024];
	uint32_t i = 0;
	int result = 0;
	struct carousel_job *job;
	(void)state;
	bench_init(&b, raptorq_shape(), 1u << 20);
	store_free(b.store);
	b.config.memory_bytes = 2u << 20;
	b.config.write_rate_bps = 1000;
	b.now_ns = 5;
	bench_open(&b);
	while (result == 0) {
		store_fixture_symbol(&b.fixture, i / 64, i % 64, symbol);
		result = store_add(b.store, i / 64, i % 64, symbol, sizeof(symbol), b.now_ns);
		i++;
		while ((job = store_next_job(b.store, b.now_ns)) != NULL) {
			job->run(job);
			job->done(job, b.now_ns);
		}
	}
	assert_int_equal(result, CAROUSEL_E_LIMIT);
	assert_int_equal(store_appetite(b.store), STORE_HUNGRY);
	bench_deinit(&b);
}

/* What comes while blocks that have enough are being decoded or checked counts as offered, not as heard. */
static void test_heard_ends_with_enough(void **state)
{
	struct bench b;
	uint8_t symbol[1024];
	uint32_t sbn = 0, esi = 0;
	uint64_t first_ns = 70, needed;
	struct carousel_job *job;
	(void)state;
	bench_init(&b, raptorq_shape(), 1u << 20);
	needed = bench_progress(&b).symbols_needed;
	b.now_ns = first_ns;
	assert_true(offer_until_full(&b, &sbn, &esi));
	assert_int_equal(store_appetite(b.store), STORE_HUNGRY);
	assert_int_equal(bench_progress(&b).symbols_heard, needed);
	store_fixture_symbol(&b.fixture, 0, 0, symbol);
	b.now_ns = 100000000;
	for (unsigned jobs = 0; bench_progress(&b).phase != STORE_VERIFIED; jobs++) {
		enum store_phase phase = bench_progress(&b).phase;
		if (phase == STORE_COMPLETE)
			assert_int_equal(store_verify(b.store), 0);
		job = wait_for_job(&b);
		if (jobs) /* the first one writes */
			assert_int_equal(store_appetite(b.store), STORE_SATED);
		assert_int_equal(store_add(b.store, 0, 0, symbol, sizeof(symbol), b.now_ns), CAROUSEL_E_DUPLICATE);
		assert_int_equal(bench_progress(&b).symbols_heard, needed);
		assert_int_equal(bench_progress(&b).symbols_offered, needed + jobs + 1);
		job->run(job);
		job->done(job, b.now_ns);
		assert_true(jobs < 100);
	}
	assert_int_equal(store_appetite(b.store), STORE_HUNGRY);
	assert_int_equal(bench_progress(&b).first_ns, first_ns);
	assert_true(bench_progress(&b).done_ns >= 100000000);
	bench_deinit(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_scheme_arrives),
		cmocka_unit_test(test_blocks_larger_than_memory_arrive),
		cmocka_unit_test(test_displaced_symbols_in_strips),
		cmocka_unit_test(test_repair_symbols_alone),
		cmocka_unit_test(test_goes_on_after_a_restart),
		cmocka_unit_test(test_bad_arguments),
		cmocka_unit_test(test_full_is_told_before_symbols_are_dropped),
		cmocka_unit_test(test_a_write_rate_is_not_full),
		cmocka_unit_test(test_heard_ends_with_enough),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
