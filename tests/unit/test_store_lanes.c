/* covers: carousel-rx/store/store_jobs.c carousel-rx/store/decode.c carousel-rx/store/journal.c
 *
 * Jobs in the background may be put off for as long as the processor likes: nobody else waits for them. */
#include "tests/lib/test.h"

#include "carousel-rx/store/store_internal.h"
#include "common/carousel_error.h"
#include "tests/lib/power_storage.h"
#include "tests/lib/store_fixture.h"

#include <unistd.h>

#define SECOND_NS 1000000000u
#define SIZE      1024u

struct box {
	struct store_fixture fixture;
	struct power_storage storage;
	struct carousel_rx_storage table; /* watches storage.table */
	bool is_background;               /* the job that runs */
	unsigned scratch_writes;          /* by background jobs */
	struct store *store;
	uint64_t now_ns;
};

static const struct store_fixture_shape shape = {FEC_RAPTORQ, 0, OBJECT_STRIPED, SIZE, 64, 0, 4096 * 47 + 1234, 11};

/* ---- what jobs in the background may call ----------------------------------------------------------------- */

static int watch_size(void *user, enum carousel_rx_file f, uint64_t *bytes)
{
	struct box *b = user;
	return b->storage.table.size(&b->storage, f, bytes);
}

static int watch_read(void *user, enum carousel_rx_file f, uint64_t off, void *dst, size_t len)
{
	struct box *b = user;
	return b->storage.table.read(&b->storage, f, off, dst, len);
}

static int watch_write(void *user, enum carousel_rx_file f, uint64_t off, const void *src, size_t len)
{
	struct box *b = user;
	if (b->is_background) {
		assert_int_equal(f, RX_SCRATCH);
		b->scratch_writes++;
	}
	return b->storage.table.write(&b->storage, f, off, src, len);
}

static int watch_sync(void *user, enum carousel_rx_file f)
{
	struct box *b = user;
	assert_false(b->is_background);
	return b->storage.table.sync(&b->storage, f);
}

static int watch_truncate(void *user, enum carousel_rx_file f, uint64_t bytes)
{
	struct box *b = user;
	assert_false(b->is_background);
	return b->storage.table.truncate(&b->storage, f, bytes);
}

static int watch_replace(void *user, enum carousel_rx_file f, const void *data, size_t len)
{
	struct box *b = user;
	assert_false(b->is_background);
	return b->storage.table.replace(&b->storage, f, data, len);
}

/* ---- a box ---------------------------------------------------------------------------------------------------- */

static struct store_progress box_progress(const struct box *b)
{
	struct store_progress p;
	store_progress(b->store, &p);
	return p;
}

static void box_open(struct box *b)
{
	const struct store_config config = {.storage = &b->table};
	assert_int_equal(store_new(&b->store, &config), 0);
	assert_int_equal(store_begin(b->store, &b->fixture.image, b->now_ns), 0);
	store_fixture_jobs(b->store, b->now_ns);
}

static void box_init(struct box *b)
{
	memset(b, 0, sizeof(*b));
	b->now_ns = SECOND_NS;
	store_fixture_init(&b->fixture, &shape);
	power_storage_init(&b->storage, shape.image_bytes, 512);
	b->table = (struct carousel_rx_storage){
		b, watch_size, watch_read, watch_write, watch_sync, watch_truncate, watch_replace};
	box_open(b);
}

static void box_deinit(struct box *b)
{
	store_free(b->store);
	power_storage_deinit(&b->storage);
	store_fixture_deinit(&b->fixture);
}

static void box_add(struct box *b, uint32_t sbn, uint32_t esi, bool is_forged)
{
	uint8_t symbol[SIZE];
	int result;
	if (esi < store_fixture_source(&b->fixture, sbn) && store_fixture_is_padding(&b->fixture, sbn, esi))
		return;
	store_fixture_symbol(&b->fixture, sbn, esi, symbol);
	symbol[100] ^= is_forged;
	result = store_add(b->store, sbn, esi, symbol, sizeof(symbol), b->now_ns);
	/* The index knows zeros. */
	assert_true(result == 0 || (result == CAROUSEL_E_DUPLICATE && b->store->decode.has_index));
}

/* All but one of the source symbols, and a repair symbol in its place. */
static void box_add_block(struct box *b, uint32_t sbn, bool is_forged)
{
	uint32_t source = store_fixture_source(&b->fixture, sbn);
	for (uint32_t esi = 0; esi < source; esi++)
		if (esi != 3)
			box_add(b, sbn, esi, false);
	box_add(b, sbn, source, is_forged);
}

/* The next job; it must be this one. */
static struct carousel_job *box_next(struct box *b, const struct carousel_job *wanted)
{
	struct carousel_job *job = store_next_job(b->store, b->now_ns);
	assert_ptr_equal(job, wanted);
	return job;
}

static void box_run(struct box *b, struct carousel_job *job)
{
	b->is_background = carousel_job_is_background(job);
	job->run(job);
	b->is_background = false;
	assert_int_equal(job->done(job, b->now_ns), 0);
}

/* A decode that has begun and that nobody gives a processor. */
static struct carousel_job *box_begin_decode(struct box *b)
{
	struct carousel_job *job;
	box_add_block(b, 0, false);
	b->now_ns += 2 * SECOND_NS;
	while ((job = store_next_job(b->store, b->now_ns)) != NULL && !carousel_job_is_background(job)) {
		box_run(b, job);
		b->now_ns += 2 * SECOND_NS;
	}
	assert_ptr_equal(job, &b->store->work.job);
	assert_int_equal(b->store->work.kind, WORK_DECODE);
	assert_null(store_next_job(b->store, b->now_ns));
	return job;
}

/* ---- tests ------------------------------------------------------------------------------------------------------ */

/* However long a decode takes: what is received meanwhile is synced after the interval, and found after a power cut. */
static void test_syncing_waits_for_no_decode(void **state)
{
	struct box b;
	uint64_t have;
	(void)state;
	for (unsigned cut = 0; cut < 2; cut++) {
		struct carousel_job *decode;
		box_init(&b);
		decode = box_begin_decode(&b);
		for (uint32_t esi = 0; esi < 5; esi++)
			box_add(&b, 1, esi, false);
		b.now_ns += SECOND_NS / 10;
		box_run(&b, box_next(&b, &b.store->write.job));
		assert_null(store_next_job(b.store, b.now_ns));
		assert_int_equal(store_deadline(b.store), b.now_ns + SECOND_NS);
		b.now_ns += SECOND_NS;
		box_run(&b, box_next(&b, &b.store->sync.job));
		assert_true(store_deadline(b.store) == UINT64_MAX);
		have = box_progress(&b).symbols_have;
		if (cut) {
			store_free(b.store);
			power_storage_on(&b.storage, POWER_ALL_LOST, 1);
			box_open(&b);
			assert_int_equal(box_progress(&b).symbols_have, have);
		} else {
			box_run(&b, decode);
			store_fixture_jobs(b.store, b.now_ns);
			assert_int_equal(box_progress(&b).blocks_done, 1);
		}
		box_deinit(&b);
	}
}

/* What a decode comes to is put into place while nothing else is synced, and is a sync itself. */
static void test_one_syncs_at_a_time(void **state)
{
	struct box b;
	struct carousel_job *decode, *sync;
	(void)state;
	box_init(&b);
	decode = box_begin_decode(&b);
	box_add(&b, 1, 0, false);
	store_flush(b.store);
	box_run(&b, box_next(&b, &b.store->write.job));
	sync = box_next(&b, &b.store->sync.job);
	assert_int_equal(store_end(b.store), CAROUSEL_E_BUSY);
	box_run(&b, decode);
	assert_null(store_next_job(b.store, b.now_ns));
	box_add(&b, 1, 1, false);
	assert_true(store_deadline(b.store) <= b.now_ns);
	box_run(&b, box_next(&b, &b.store->write.job));
	assert_true(store_deadline(b.store) == UINT64_MAX);
	box_run(&b, sync);
	assert_true(store_deadline(b.store) <= b.now_ns);
	decode = box_next(&b, &b.store->work.job);
	assert_int_equal(b.store->work.kind, WORK_COMMIT);
	assert_false(carousel_job_is_background(decode));
	b.now_ns += 2 * SECOND_NS;
	assert_null(store_next_job(b.store, b.now_ns));
	assert_true(store_deadline(b.store) == UINT64_MAX);
	box_run(&b, decode);
	assert_int_equal(box_progress(&b).blocks_done, 1);
	/* The second symbol was synced with it. */
	assert_null(store_next_job(b.store, b.now_ns));
	store_free(b.store);
	power_storage_on(&b.storage, POWER_ALL_LOST, 1);
	box_open(&b);
	assert_int_equal(box_progress(&b).blocks_done, 1);
	assert_int_equal(box_progress(&b).symbols_have, b.store->map.block[0].real + 2);
	box_deinit(&b);
}

/* Runs all jobs, those in the background while somebody else holds the journal's lock. Returns how many those were. */
static unsigned box_jobs_locked(struct box *b)
{
	struct carousel_job *job;
	unsigned count = 0;
	while ((job = store_next_job(b->store, b->now_ns)) != NULL) {
		bool is_background = carousel_job_is_background(job);
		count += is_background;
		if (is_background)
			assert_int_equal(pthread_mutex_lock(&b->store->journal.lock), 0);
		b->is_background = is_background;
		alarm(20);
		job->run(job);
		alarm(0);
		b->is_background = false;
		if (is_background)
			assert_int_equal(pthread_mutex_unlock(&b->store->journal.lock), 0);
		assert_int_equal(job->done(job, b->now_ns), 0);
	}
	return count;
}

/* Jobs in the background write nothing but the scratch, sync nothing, and take no lock that others could wait for:
 * decoding, dropping what is damaged or forged, looking into the slot, verifying. */
static void test_the_background_holds_nothing(void **state)
{
	struct box b;
	uint32_t blocks;
	(void)state;
	box_init(&b);
	blocks = b.fixture.image.layout.oti.num_blocks;
	store_fixture_set_index(&b.fixture, b.store, &b.storage.table);
	/* Its lists must be read from the journal. */
	b.store->map.foreign.block[1].is_evicted = 1;
	for (uint32_t sbn = 0; sbn < blocks; sbn++) {
		bool is_damaged = sbn == 1;
		box_add_block(&b, sbn, sbn == 0);
		if (is_damaged) {
			b.store->wants_flush = true;
			box_run(&b, box_next(&b, &b.store->write.job));
			b.storage.file[RX_SLOT_TARGET].now[geometry_offset(&b.store->geometry, sbn, 3) + 7] ^= 1;
		}
		store_flush(b.store);
		assert_true(box_jobs_locked(&b) > 0);
		if (sbn < 2) {
			assert_true(b.store->decode.has_damage);
			for (uint32_t esi = 0; esi < b.store->map.block[sbn].real; esi++)
				if (!map_holds(&b.store->map, sbn, esi) && map_wants(&b.store->map, sbn))
					box_add(&b, sbn, esi, false);
			store_flush(b.store);
			box_jobs_locked(&b);
		}
	}
	assert_true(b.scratch_writes > 0);
	assert_int_equal(box_progress(&b).phase, STORE_COMPLETE);
	assert_int_equal(store_verify(b.store), 0);
	assert_int_equal(box_jobs_locked(&b), 1);
	assert_int_equal(box_progress(&b).phase, STORE_VERIFIED);
	box_deinit(&b);
}

/* Whoever holds the journal's lock may wait for a disk: nothing on the receiver's thread waits for it. */
static void test_the_receiver_waits_for_no_job(void **state)
{
	struct box b;
	struct carousel_job *job;
	(void)state;
	box_init(&b);
	box_add(&b, 0, 0, false);
	store_flush(b.store);
	alarm(20);
	job = store_next_job(b.store, b.now_ns);
	for (unsigned i = 0; i < 2; i++) {
		assert_ptr_equal(job, i ? &b.store->sync.job : &b.store->write.job);
		job->run(job);
		assert_int_equal(pthread_mutex_lock(&b.store->journal.lock), 0);
		assert_int_equal(job->done(job, b.now_ns), 0);
		(void)store_deadline(b.store);
		(void)box_progress(&b);
		job = store_next_job(b.store, b.now_ns);
		assert_int_equal(pthread_mutex_unlock(&b.store->journal.lock), 0);
	}
	alarm(0);
	assert_null(job);
	box_deinit(&b);
}

/* A sync that fails while something is decoded: what the decode then comes to changes nothing. */
static void test_broken_beside_a_decode(void **state)
{
	struct box b;
	struct carousel_job *decode;
	(void)state;
	box_init(&b);
	decode = box_begin_decode(&b);
	box_add(&b, 1, 0, false);
	store_flush(b.store);
	box_run(&b, box_next(&b, &b.store->write.job));
	b.storage.fail_with = CAROUSEL_E_NO_SPACE;
	b.storage.fails_one_file = true;
	b.storage.fail_file = RX_SLOT_TARGET;
	box_run(&b, box_next(&b, &b.store->sync.job));
	assert_int_equal(box_progress(&b).phase, STORE_BROKEN);
	assert_null(store_next_job(b.store, b.now_ns));
	box_run(&b, decode);
	assert_int_equal(box_progress(&b).phase, STORE_BROKEN);
	assert_int_equal(box_progress(&b).error, CAROUSEL_E_NO_SPACE);
	assert_null(store_next_job(b.store, b.now_ns));
	b.storage.fail_with = 0;
	assert_int_equal(store_begin(b.store, &b.fixture.image, b.now_ns), 0);
	store_fixture_jobs(b.store, b.now_ns);
	store_flush(b.store);
	store_fixture_jobs(b.store, b.now_ns);
	assert_int_equal(box_progress(&b).blocks_done, 1);
	assert_int_equal(box_progress(&b).symbols_have, b.store->map.block[0].real + 1);
	box_deinit(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_syncing_waits_for_no_decode),
		cmocka_unit_test(test_one_syncs_at_a_time),
		cmocka_unit_test(test_the_background_holds_nothing),
		cmocka_unit_test(test_the_receiver_waits_for_no_job),
		cmocka_unit_test(test_broken_beside_a_decode),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
