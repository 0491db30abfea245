#include "tests/lib/test.h"

#include "carousel-rx/store/scratch.h"
#include "carousel-rx/store/store_internal.h"
#include "common/carousel_error.h"
#include "tests/lib/power_storage.h"
#include "tests/lib/ram_storage.h"
#include "tests/lib/store_fixture.h"

#define MOST_BYTES (64u * 1024)

struct fixture {
	struct ram_storage storage;
	struct place_io io;
	struct scratch scratch;
	uint8_t expected[MOST_BYTES], got[MOST_BYTES];
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	assert_non_null(f);
	ram_storage_init(&f->storage, 0);
	f->io.storage = &f->storage.table;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	ram_storage_deinit(&f->storage);
	free(f);
	return 0;
}

/* As a decoder does: strip by strip, of each all symbols; some symbols in whole before. */
static void fill(struct fixture *f, uint64_t offset, uint32_t count, size_t size, size_t width, size_t strip)
{
	for (size_t i = 0; i < count * size; i++)
		f->expected[i] = (uint8_t)(i * 7 + i / 251 + width);
	scratch_init(&f->scratch, &f->io, offset, count, size, width);
	for (uint32_t i = 0; i < count; i += 3)
		assert_int_equal(scratch_write(&f->scratch, i, 0, size, f->expected + i * size), 0);
	for (size_t from = 0; from < size; from += strip)
		for (uint32_t i = 0; i < count; i++)
			if (i % 3)
				assert_int_equal(
					scratch_write(&f->scratch, i, from, size - from < strip ? size - from : strip,
						f->expected + i * size + from),
					0);
	assert_int_equal(scratch_flush(&f->scratch), 0);
}

static void check(struct fixture *f, size_t at, size_t len)
{
	memset(f->got, 0xee, sizeof f->got);
	assert_int_equal(scratch_read(&f->scratch, at, len, f->got), 0);
	assert_memory_equal(f->got, f->expected + at, len);
	assert_int_equal(f->got[len], 0xee);
}

static void test_reads_what_was_written(void **state)
{
	static const struct {
		uint32_t count;
		size_t size, width, strip;
	} cases[] = {{1, 1024, 64, 64}, {50, 1024, 64, 64}, {50, 1024, 192, 192}, {50, 1024, 192, 64}, {7, 100, 33, 33},
		{9, 6000, 5000, 5000}, {60, 1024, 1024, 1024}, {60, 1024, 0, 100}, {3, 16, 1, 1}, {300, 4, 3, 3}};
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		size_t bytes = cases[i].count * cases[i].size, size = cases[i].size;
		fill(f, i * 4321, cases[i].count, size, cases[i].width, cases[i].strip);
		check(f, 0, bytes);
		check(f, bytes / 2, 0);
		check(f, bytes - 1, 1);
		for (size_t at = 0; at < bytes; at += size / 2 + 1)
			for (size_t len = 1; len <= bytes - at && len < 4 * size; len += size / 3 + 1)
				check(f, at, len);
	}
}

static void test_lies_strip_by_strip(void **state)
{
	struct fixture *f = *state;
	fill(f, 1000, 50, 1024, 192, 192);
	for (uint32_t i = 0; i < 50; i++) {
		assert_int_equal(f->storage.table.read(
					 f->storage.table.user, RX_SCRATCH, 1000 + 192 * 50 + i * 192, f->got, 192),
			0);
		assert_memory_equal(f->got, f->expected + i * 1024 + 192, 192);
	}
	assert_int_equal(
		f->storage.table.read(f->storage.table.user, RX_SCRATCH, 1000 + 960 * 50 + 64 * 49, f->got, 64), 0);
	assert_memory_equal(f->got, f->expected + 49 * 1024 + 960, 64);
}

static void test_refuses_what_is_not_of_the_block(void **state)
{
	struct fixture *f = *state;
	fill(f, 0, 5, 100, 30, 30);
	assert_int_equal(scratch_write(&f->scratch, 5, 0, 1, f->got), CAROUSEL_E_ARGUMENT);
	assert_int_equal(scratch_write(&f->scratch, 0, 50, 51, f->got), CAROUSEL_E_ARGUMENT);
	assert_int_equal(scratch_write(&f->scratch, 0, 101, 0, f->got), CAROUSEL_E_ARGUMENT);
	assert_int_equal(scratch_read(&f->scratch, 499, 2, f->got), CAROUSEL_E_ARGUMENT);
	assert_int_equal(scratch_read(&f->scratch, 501, 0, f->got), CAROUSEL_E_ARGUMENT);
	assert_int_equal(scratch_write(&f->scratch, 0, 0, 10, f->expected), 0);
	assert_int_equal(scratch_read(&f->scratch, 0, 10, f->got), CAROUSEL_E_ARGUMENT);
	assert_int_equal(scratch_flush(&f->scratch), 0);
	check(f, 0, 500);
}

/* Repair symbols alone, as many as will do; synced. */
static void hear_enough(struct store_fixture *f, struct store *store)
{
	uint8_t symbol[1024];
	uint32_t source = store_fixture_source(f, 0);
	for (uint32_t i = 0; i < source + 2; i++) {
		store_fixture_symbol(f, 0, source + i, symbol);
		(void)store_add(store, 0, source + i, symbol, sizeof(symbol), 0);
		if (i == source - 2)
			store_flush(store);
		if (i < source - 1)
			store_fixture_jobs(store, 0);
	}
	store_flush(store);
}

/* The power goes in this changing call from the job on that puts what was decoded into place. Returns whether it did.
 */
static bool cut_in_commit(struct store_fixture *f, uint64_t call)
{
	struct power_storage storage;
	struct store_progress progress;
	struct store *store;
	struct carousel_job *job;
	bool is_cut;
	power_storage_init(&storage, f->image.layout.image_bytes, 512);
	store = store_fixture_open_tight(f, &storage.table);
	assert_null(store->decode.held.ram);
	assert_in_range(store->decode.width, 1, 1023);
	hear_enough(f, store);
	while (!storage.is_off && (job = store_next_job(store, 0)) != NULL) {
		if (job == &store->work.job && store->work.kind == WORK_COMMIT)
			storage.cut_at = storage.calls + call;
		job->run(job);
		(void)job->done(job, 0);
	}
	is_cut = storage.is_off;
	store_free(store);
	power_storage_on(&storage, POWER_ALL_KEPT, 1);
	store = store_fixture_open_tight(f, &storage.table);
	/* The last three symbols may have gone with the power. */
	for (uint32_t i = 0; i < 4; i++) {
		uint8_t symbol[1024];
		uint32_t esi = store_fixture_source(f, 0) + 5000 + i;
		store_fixture_symbol(f, 0, esi, symbol);
		(void)store_add(store, 0, esi, symbol, sizeof(symbol), 0);
		store_flush(store);
		store_fixture_jobs(store, 0);
	}
	store_progress(store, &progress);
	if (progress.phase != STORE_COMPLETE)
		fail_msg("cut in call %u: what was synced has to be received again", (unsigned)call);
	store_free(store);
	power_storage_deinit(&storage);
	return is_cut;
}

/* While strips are copied to their places, over what they were made of: the journal says how they lie. */
static void test_power_cuts_while_strips_are_copied(void **state)
{
	static const struct store_fixture_shape shape = {
		FEC_RAPTORQ, 0, OBJECT_STRIPED, 1024, 1000, 0, 1000 * 1024, 11};
	struct store_fixture f;
	uint64_t call = 1;
	(void)state;
	store_fixture_init(&f, &shape);
	assert_int_equal(f.image.layout.oti.num_blocks, 1);
	while (cut_in_commit(&f, call))
		call++;
	assert_true(call > 10);
	store_fixture_deinit(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_reads_what_was_written, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lies_strip_by_strip, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refuses_what_is_not_of_the_block, setup, teardown),
		cmocka_unit_test(test_power_cuts_while_strips_are_copied)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
