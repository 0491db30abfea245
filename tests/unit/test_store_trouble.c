/* covers: carousel-rx/store/verify.c
 *
 * Slots, disks and files that are not what they should be: each has a clear error, and a store that goes on. */
#include "tests/lib/test.h"

#include "carousel-rx/store/store_internal.h"
#include "common/carousel_error.h"
#include "tests/lib/fault_alloc.h"
#include "tests/lib/power_storage.h"
#include "tests/lib/store_fixture.h"

struct box {
	struct store_fixture fixture;
	struct power_storage storage;
	struct store *store;
	uint64_t now_ns;
};

/* A late box, so that all kinds of records come up. */
static const struct store_fixture_shape *trouble_shape(void)
{
	static const struct store_fixture_shape shape = {
		FEC_RAPTORQ, 0, OBJECT_STRIPED, 1024, 64, 0, 4096 * 47 + 1234, 11};
	return &shape;
}

static void box_open(struct box *b)
{
	const struct store_config config = {.storage = &b->storage.table};
	assert_int_equal(store_new(&b->store, &config), 0);
	assert_int_equal(store_begin(b->store, &b->fixture.image, b->now_ns), 0);
	store_fixture_jobs(b->store, b->now_ns);
}

static void box_init(struct box *b)
{
	memset(b, 0, sizeof(*b));
	store_fixture_init(&b->fixture, trouble_shape());
	power_storage_init(&b->storage, trouble_shape()->image_bytes, 512);
	box_open(b);
}

static void box_deinit(struct box *b)
{
	store_free(b->store);
	power_storage_deinit(&b->storage);
	store_fixture_deinit(&b->fixture);
}

static void box_restart(struct box *b)
{
	store_free(b->store);
	box_open(b);
}

static struct store_progress box_progress(const struct box *b)
{
	struct store_progress p;
	store_progress(b->store, &p);
	return p;
}

static void box_receive(struct box *b, bool late, uint64_t max_symbols)
{
	const struct store_fixture_air air = {.seed = 3,
		.loss_percent = 15,
		.repair_only = late,
		.first_repair = late ? 500 : 0,
		.now_ns = &b->now_ns,
		.step_ns = 1000000,
		.jobs_every = 9,
		.max_symbols = max_symbols};
	store_fixture_receive(&b->fixture, b->store, &air);
	store_flush(b->store);
	store_fixture_jobs(b->store, b->now_ns);
}

/* Whatever happened before: the image arrives. */
static void box_finish(struct box *b)
{
	for (unsigned i = 0; i < 5 && box_progress(b).phase != STORE_VERIFIED; i++) {
		box_receive(b, false, 0);
		if (box_progress(b).phase == STORE_COMPLETE) {
			assert_int_equal(store_verify(b->store), 0);
			store_fixture_jobs(b->store, b->now_ns);
		}
	}
	assert_int_equal(box_progress(b).phase, STORE_VERIFIED);
	assert_memory_equal(b->storage.file[RX_SLOT_TARGET].durable, b->fixture.data, trouble_shape()->image_bytes);
}

/* Half of it: some blocks in foreign places and the spill, some done. */
static void box_half(struct box *b)
{
	box_receive(b, true, 120);
	box_receive(b, false, 60);
	assert_true(box_progress(b).symbols_have > 100);
}

static void test_slot_too_small(void **state)
{
	struct box b;
	struct store_config config;
	(void)state;
	box_init(&b);
	store_free(b.store);
	b.storage.file[RX_SLOT_TARGET].now_len--;
	config = (struct store_config){.storage = &b.storage.table};
	assert_int_equal(store_new(&b.store, &config), 0);
	assert_int_equal(store_begin(b.store, &b.fixture.image, 0), CAROUSEL_E_SLOT_TOO_SMALL);
	assert_int_equal(store_probe(b.store, &b.fixture.image), CAROUSEL_E_SLOT_TOO_SMALL);
	assert_int_equal(box_progress(&b).phase, STORE_IDLE);
	assert_null(store_next_job(b.store, 0));
	assert_true(store_deadline(b.store) == UINT64_MAX);
	box_deinit(&b);
}

/* Each file in turn cannot be written: the store says so, stays alive, and goes on when begun anew. */
static void test_storage_that_cannot_be_written(void **state)
{
	static const enum carousel_rx_file files[] = {RX_SLOT_TARGET, RX_JOURNAL, RX_SCRATCH};
	static const int errors[] = {CAROUSEL_E_READ_ONLY, CAROUSEL_E_NO_SPACE, CAROUSEL_E_STORAGE};
	(void)state;
	for (unsigned i = 0; i < 9; i++) {
		struct box b;
		uint64_t have;
		box_init(&b);
		box_half(&b);
		have = box_progress(&b).symbols_have;
		b.storage.fails_one_file = true;
		b.storage.fail_file = files[i % 3];
		b.storage.fail_with = errors[i / 3];
		box_receive(&b, false, 0);
		assert_int_equal(box_progress(&b).phase, STORE_BROKEN);
		assert_int_equal(box_progress(&b).error, errors[i / 3]);
		assert_null(store_next_job(b.store, b.now_ns));
		b.storage.fail_with = 0;
		assert_int_equal(store_begin(b.store, &b.fixture.image, b.now_ns), 0);
		store_fixture_jobs(b.store, b.now_ns);
		assert_true(box_progress(&b).symbols_have >= have);
		box_finish(&b);
		box_deinit(&b);
	}
}

static void test_journal_of_another_image(void **state)
{
	struct box b;
	(void)state;
	box_init(&b);
	box_half(&b);
	b.fixture.image.sha256[0] ^= 1;
	assert_int_equal(store_begin(b.store, &b.fixture.image, b.now_ns), 0);
	store_fixture_jobs(b.store, b.now_ns);
	assert_int_equal(box_progress(&b).symbols_have, 0);
	b.fixture.image.sha256[0] ^= 1;
	assert_int_equal(store_begin(b.store, &b.fixture.image, b.now_ns), 0);
	store_fixture_jobs(b.store, b.now_ns);
	assert_int_equal(box_progress(&b).symbols_have, 0);
	box_finish(&b);
	box_deinit(&b);
}

static void flip(struct box *b, enum carousel_rx_file file, uint64_t bit)
{
	struct power_file *f = &b->storage.file[file];
	f->now[bit / 8] ^= (uint8_t)(1u << bit % 8);
	f->durable[bit / 8] ^= (uint8_t)(1u << bit % 8);
}

/* Bits of the journal flipped all over: what one record held may be lost, the image arrives all the same. */
static void test_journal_with_any_bit_flipped(void **state)
{
	struct box b;
	uint64_t bits, bit = 0;
	(void)state;
	do {
		box_init(&b);
		box_half(&b);
		bits = 8 * b.storage.file[RX_JOURNAL].durable_len;
		store_free(b.store);
		flip(&b, RX_JOURNAL, bit);
		box_open(&b);
		box_finish(&b);
		box_deinit(&b);
		/* Superblocks first, then every few bits of the records. */
		bit += bit < 64 * 8 ? 23 : bit < 8 * JOURNAL_START ? 8 * JOURNAL_START - bit : 61;
	} while (bit < bits);
}

static void test_journal_cut_anywhere(void **state)
{
	(void)state;
	for (uint64_t keep = 0;; keep = keep < JOURNAL_START ? keep + 1777 : keep + 83) {
		struct box b;
		struct power_file *f = &b.storage.file[RX_JOURNAL];
		bool is_past;
		box_init(&b);
		box_half(&b);
		store_free(b.store);
		is_past = keep > f->now_len;
		if (!is_past)
			f->now_len = f->durable_len = keep;
		box_open(&b);
		box_finish(&b);
		box_deinit(&b);
		if (is_past)
			break;
	}
}

/* Spill and scratch full of other things, or gone. */
static void test_spill_and_scratch_of_another_time(void **state)
{
	(void)state;
	for (unsigned gone = 0; gone < 2; gone++) {
		struct box b;
		box_init(&b);
		box_half(&b);
		store_free(b.store);
		for (int i = 0; i < 2; i++) {
			struct power_file *f = &b.storage.file[i ? RX_SPILL : RX_SCRATCH];
			if (f->now_len)
				memset(f->now, 0x77, f->now_len);
			if (f->durable_len)
				memset(f->durable, 0x77, f->durable_len);
			if (gone)
				f->now_len = f->durable_len = 0;
		}
		box_open(&b);
		assert_int_equal(box_progress(&b).phase, STORE_RECEIVING);
		box_finish(&b);
		box_deinit(&b);
	}
}

/* The slot was overwritten behind the journal's back. */
static void test_slot_of_another_time(void **state)
{
	struct box b;
	(void)state;
	box_init(&b);
	box_half(&b);
	memset(b.storage.file[RX_SLOT_TARGET].now, 0x11, trouble_shape()->image_bytes);
	memset(b.storage.file[RX_SLOT_TARGET].durable, 0x11, trouble_shape()->image_bytes);
	box_restart(&b);
	box_finish(&b);
	box_deinit(&b);
}

static void test_clock_that_jumps(void **state)
{
	struct box b;
	(void)state;
	box_init(&b);
	b.now_ns = UINT64_MAX / 2;
	box_receive(&b, false, 50);
	b.now_ns = 5;
	box_receive(&b, false, 50);
	b.now_ns = UINT64_MAX - 1000000000000u;
	box_finish(&b);
	box_deinit(&b);
}

static void test_probe(void **state)
{
	struct box b;
	(void)state;
	box_init(&b);
	assert_int_equal(store_end(b.store), 0);
	assert_int_equal(store_probe(b.store, &b.fixture.image), 0);
	assert_int_equal(box_progress(&b).phase, STORE_VERIFYING);
	assert_int_equal(store_probe(b.store, &b.fixture.image), CAROUSEL_E_BUSY);
	store_fixture_jobs(b.store, 0);
	assert_int_equal(box_progress(&b).phase, STORE_IDLE);
	memcpy(b.storage.file[RX_SLOT_TARGET].now, b.fixture.data, trouble_shape()->image_bytes);
	assert_int_equal(store_probe(b.store, &b.fixture.image), 0);
	store_fixture_jobs(b.store, 0);
	assert_int_equal(box_progress(&b).phase, STORE_VERIFIED);
	/* Nothing is received for it. */
	assert_int_equal(store_begin(b.store, &b.fixture.image, 0), 0);
	assert_int_equal(box_progress(&b).phase, STORE_VERIFIED);
	box_deinit(&b);
}

static void wear(struct box *b, enum carousel_rx_file file, uint64_t from, uint64_t to)
{
	b->storage.worn_file = file;
	b->storage.worn_from = from;
	b->storage.worn_to = to;
}

/* What lay in a page that cannot be read is received again, wherever it is, and whenever it is found out. */
static void test_a_worn_page(void **state)
{
	static const enum carousel_rx_file files[] = {RX_SLOT_TARGET, RX_SPILL, RX_JOURNAL};
	(void)state;
	for (unsigned i = 0; i < 60; i++) {
		uint64_t page = i / 3 * 4096 * 2 + (files[i % 3] == RX_JOURNAL ? JOURNAL_START : 0);
		struct box b;
		box_init(&b);
		box_half(&b);
		wear(&b, files[i % 3], page, page + 4096);
		if (i % 2)
			box_restart(&b);
		assert_int_not_equal(box_progress(&b).phase, STORE_BROKEN);
		box_finish(&b);
		box_deinit(&b);
	}
}

/* Records around a worn page of the journal count. */
static void test_a_worn_page_of_the_journal(void **state)
{
	struct box b;
	uint64_t have;
	(void)state;
	box_init(&b);
	box_half(&b);
	have = box_progress(&b).symbols_have;
	assert_true(b.storage.file[RX_JOURNAL].now_len > JOURNAL_START + 1024);
	wear(&b, RX_JOURNAL, b.storage.file[RX_JOURNAL].now_len / 4096 * 4096, UINT64_MAX);
	box_restart(&b);
	assert_int_equal(box_progress(&b).phase, STORE_RECEIVING);
	assert_true(box_progress(&b).symbols_have < have);
	box_finish(&b);
	box_deinit(&b);
}

/* Read back from end to end: a worn page is found, and what lay there received again. */
static void test_a_page_that_wears_out_before_it_is_verified(void **state)
{
	(void)state;
	for (uint64_t page = 0; page < 48; page += 7) {
		struct box b;
		box_init(&b);
		box_receive(&b, false, 0);
		assert_int_equal(box_progress(&b).phase, STORE_COMPLETE);
		wear(&b, RX_SLOT_TARGET, page * 4096, page * 4096 + 4096);
		assert_int_equal(store_verify(b.store), 0);
		store_fixture_jobs(b.store, b.now_ns);
		assert_int_equal(box_progress(&b).phase, STORE_RECEIVING);
		box_finish(&b);
		box_deinit(&b);
	}
}

/* A slot that cannot be read as a whole does not hold the image: no reason not to write it. */
static void test_a_probe_of_a_worn_slot(void **state)
{
	struct box b;
	(void)state;
	box_init(&b);
	assert_int_equal(store_end(b.store), 0);
	wear(&b, RX_SLOT_TARGET, 8192, 12288);
	assert_int_equal(store_probe(b.store, &b.fixture.image), 0);
	store_fixture_jobs(b.store, b.now_ns);
	assert_int_equal(box_progress(&b).phase, STORE_IDLE);
	box_deinit(&b);
}

/* Where nothing can be read, it is not a page: nothing is given up, and all is there when the device is. */
static void test_a_device_that_is_gone(void **state)
{
	static const enum carousel_rx_file files[] = {RX_SLOT_TARGET, RX_JOURNAL};
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct box b;
		uint64_t have;
		box_init(&b);
		box_half(&b);
		have = box_progress(&b).symbols_have;
		wear(&b, files[i], 0, UINT64_MAX);
		b.storage.is_worn_for_good = true;
		if (files[i] == RX_JOURNAL)
			box_restart(&b);
		else
			box_receive(&b, false, 0);
		assert_int_equal(box_progress(&b).phase, STORE_BROKEN);
		assert_int_equal(box_progress(&b).error, CAROUSEL_E_STORAGE);
		wear(&b, RX_SLOT_TARGET, 0, 0);
		box_restart(&b);
		assert_true(box_progress(&b).symbols_have >= have);
		box_finish(&b);
		box_deinit(&b);
	}
}

static void test_write_rate(void **state)
{
	struct box b;
	struct store_config config;
	uint8_t symbol[1024] = {0};
	uint64_t second = 1000000000u;
	(void)state;
	box_init(&b);
	store_free(b.store);
	config = (struct store_config){.storage = &b.storage.table, .write_rate_bps = 100 * 8 * 1024};
	assert_int_equal(store_new(&b.store, &config), 0);
	assert_int_equal(store_begin(b.store, &b.fixture.image, 0), 0);
	store_fixture_jobs(b.store, 0);
	/* A hundred symbols a second: after fifty the next waits for half a second. */
	for (uint32_t i = 0; i < 50; i++)
		assert_int_equal(store_add(b.store, 0, i, symbol, sizeof(symbol), second), 0);
	assert_int_equal(store_fixture_jobs(b.store, second + second / 10), 1);
	assert_int_equal(store_add(b.store, 1, 1, symbol, sizeof(symbol), second), 0);
	assert_int_equal(store_fixture_jobs(b.store, second + second / 2), 0);
	assert_true(store_deadline(b.store) > second + second / 2);
	assert_true(store_fixture_jobs(b.store, 2 * second) > 0);
	box_deinit(&b);
}

struct rate_watch {
	const struct box *box;
	uint64_t bytes_per_s, start_ns, most_ahead;
};

static void watch_rate(void *user, uint32_t sbn, uint32_t esi, int result)
{
	struct rate_watch *w = user;
	uint64_t may = (w->box->now_ns - w->start_ns) / 1000 * w->bytes_per_s / 1000000;
	uint64_t written = box_progress(w->box).bytes_written;
	(void)sbn;
	(void)esi;
	(void)result;
	if (written > may && written - may > w->most_ahead)
		w->most_ahead = written - may;
}

/* Over a whole reception, journal and decoding included: never further ahead than by what is staged and one decoding,
 * though the air is four times as fast. What there is no time for is heard again. */
static void test_write_rate_holds(void **state)
{
	static const struct store_fixture_shape big = {FEC_RAPTORQ, 0, OBJECT_STRIPED, 1024, 64, 0, 4096 * 512, 11};
	struct box b = {.now_ns = 1000000000};
	const struct store_config config = {
		.storage = &b.storage.table, .memory_bytes = 2u << 20, .write_rate_bps = 2000000};
	struct rate_watch watch = {&b, config.write_rate_bps / 8, b.now_ns, 0};
	const struct store_fixture_air air = {.seed = 3,
		.loss_percent = 15,
		.now_ns = &b.now_ns,
		.step_ns = 1024 * 8 * 1000 / 8,
		.jobs_every = 1,
		.heard = watch_rate,
		.user = &watch};
	uint64_t took_ns;
	(void)state;
	store_fixture_init(&b.fixture, &big);
	power_storage_init(&b.storage, big.image_bytes, 512);
	assert_int_equal(store_new(&b.store, &config), 0);
	assert_int_equal(store_begin(b.store, &b.fixture.image, b.now_ns), 0);
	store_fixture_jobs(b.store, b.now_ns);
	for (unsigned i = 0; i < 10 && box_progress(&b).phase == STORE_RECEIVING; i++)
		store_fixture_receive(&b.fixture, b.store, &air);
	assert_int_equal(box_progress(&b).phase, STORE_COMPLETE);
	took_ns = b.now_ns - watch.start_ns;
	assert_in_range(watch.most_ahead, 1, 600 * 1024);
	assert_true(took_ns / 1000 * watch.bytes_per_s / 1000000 + 600 * 1024 >= box_progress(&b).bytes_written);
	assert_true(box_progress(&b).symbols_dropped > 0);
	box_deinit(&b);
}

/* Only jobs touch storage: no call from the receiver's thread. */
static void test_busy(void **state)
{
	struct box b;
	struct carousel_job *job;
	struct store_image other;
	uint8_t symbol[1024] = {0};
	(void)state;
	box_init(&b);
	assert_int_equal(store_add(b.store, 0, 0, symbol, sizeof(symbol), 0), 0);
	store_flush(b.store);
	job = store_next_job(b.store, 0);
	assert_non_null(job);
	other = b.fixture.image;
	other.sha256[5] ^= 1;
	assert_int_equal(store_begin(b.store, &other, 0), CAROUSEL_E_BUSY);
	assert_int_equal(store_end(b.store), CAROUSEL_E_BUSY);
	assert_int_equal(store_verify(b.store), CAROUSEL_E_BUSY);
	job->run(job);
	assert_int_equal(job->done(job, 0), 0);
	assert_int_equal(store_begin(b.store, &other, 0), 0);
	assert_int_equal(store_add(b.store, 0, 0, symbol, sizeof(symbol), 0), CAROUSEL_E_BUSY);
	store_fixture_jobs(b.store, 0);
	assert_int_equal(store_end(b.store), 0);
	assert_int_equal(store_add(b.store, 0, 0, symbol, sizeof(symbol), 0), CAROUSEL_E_BUSY);
	box_deinit(&b);
}

static void test_memory_too_small(void **state)
{
	struct box b;
	struct store_config config;
	struct store_fixture big;
	static const struct store_fixture_shape shape = {
		FEC_RAPTORQ, 0, OBJECT_STRIPED, 1024, 8192, 0, 4096 * 4000, 11};
	(void)state;
	box_init(&b);
	store_free(b.store);
	store_fixture_init(&big, &shape);
	b.storage.file[RX_SLOT_TARGET].now_len = 4096 * 4000;
	config = (struct store_config){.storage = &b.storage.table, .memory_bytes = 1};
	assert_int_equal(store_new(&b.store, &config), CAROUSEL_E_ARGUMENT);
	config.memory_bytes = 1024 * 1024;
	assert_int_equal(store_new(&b.store, &config), 0);
	assert_int_equal(store_begin(b.store, &big.image, 0), CAROUSEL_E_LIMIT);
	assert_int_equal(box_progress(&b).phase, STORE_IDLE);
	store_fixture_deinit(&big);
	box_deinit(&b);
}

static int attempt(const struct carousel_allocator *a, void *user)
{
	struct box *b = user;
	const struct store_config config = {.allocator = a, .storage = &b->storage.table};
	struct store *store;
	int result = store_new(&store, &config);
	if (result)
		return result;
	result = store_begin(store, &b->fixture.image, 0);
	if (result == 0)
		store_fixture_jobs(store, 0);
	store_free(store);
	return result;
}

static void test_no_memory(void **state)
{
	struct box b;
	(void)state;
	box_init(&b);
	assert_true(fault_alloc_all(attempt, &b) > 10);
	box_deinit(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slot_too_small),
		cmocka_unit_test(test_storage_that_cannot_be_written),
		cmocka_unit_test(test_journal_of_another_image),
		cmocka_unit_test(test_journal_with_any_bit_flipped),
		cmocka_unit_test(test_journal_cut_anywhere),
		cmocka_unit_test(test_spill_and_scratch_of_another_time),
		cmocka_unit_test(test_slot_of_another_time),
		cmocka_unit_test(test_clock_that_jumps),
		cmocka_unit_test(test_probe),
		cmocka_unit_test(test_a_worn_page),
		cmocka_unit_test(test_a_worn_page_of_the_journal),
		cmocka_unit_test(test_a_page_that_wears_out_before_it_is_verified),
		cmocka_unit_test(test_a_probe_of_a_worn_slot),
		cmocka_unit_test(test_a_device_that_is_gone),
		cmocka_unit_test(test_write_rate),
		cmocka_unit_test(test_write_rate_holds),
		cmocka_unit_test(test_busy),
		cmocka_unit_test(test_memory_too_small),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
