/* covers: carousel-rx/store/compact.c
 *
 * A slow air: every symbol is written, and journaled, alone. Compacting gathers what belongs together. */
#include "tests/lib/test.h"

#include "carousel-rx/store/store_internal.h"
#include "common/carousel_error.h"
#include "tests/lib/power_storage.h"
#include "tests/lib/store_fixture.h"

#define STEP 1500u

struct box {
	struct store_fixture fixture;
	struct power_storage storage;
	struct store *store;
	uint64_t now_ns, most_journal;
	unsigned compactions;
};

static const struct store_fixture_shape shape = {FEC_RAPTORQ, 0, OBJECT_STRIPED, 1024, 64, 0, 4096 * 47 + 1234, 11};

static void box_open(struct box *b)
{
	const struct store_config config = {.storage = &b->storage.table};
	struct carousel_job *job;
	assert_int_equal(store_new(&b->store, &config), 0);
	assert_int_equal(store_begin(b->store, &b->fixture.image, b->now_ns), 0);
	job = store_next_job(b->store, b->now_ns);
	job->run(job);
	assert_int_equal(job->done(job, b->now_ns), 0);
	b->store->compact_at = b->store->compact_step = STEP;
}

static void box_init(struct box *b)
{
	memset(b, 0, sizeof(*b));
	store_fixture_init(&b->fixture, &shape);
	power_storage_init(&b->storage, shape.image_bytes, 512);
	box_open(b);
}

static void box_deinit(struct box *b)
{
	store_free(b->store);
	power_storage_deinit(&b->storage);
	store_fixture_deinit(&b->fixture);
}

static struct store_progress box_progress(const struct box *b)
{
	struct store_progress p;
	store_progress(b->store, &p);
	return p;
}

static void box_jobs(struct box *b)
{
	struct carousel_job *job;
	while ((job = store_next_job(b->store, b->now_ns)) != NULL) {
		bool is_compaction = job == &b->store->work.job && b->store->work.kind == WORK_COMPACT;
		job->run(job);
		if (is_compaction) {
			uint64_t live = compact_live_bytes(&b->store->map);
			b->compactions++;
			assert_in_range(journal_bytes(&b->store->journal), 1, live + 1024);
			assert_int_equal(b->storage.file[RX_SCRATCH].now_len, 0);
		}
		if (b->storage.file[RX_JOURNAL].now_len > b->most_journal)
			b->most_journal = b->storage.file[RX_JOURNAL].now_len;
		assert_int_equal(job->done(job, b->now_ns), 0);
	}
}

/* Repair symbols alone, in turn of the blocks, one a write; `rounds` of them. */
static void box_hear(struct box *b, uint32_t first, uint32_t rounds)
{
	uint8_t symbol[1024];
	for (uint32_t i = 0; i < rounds; i++) {
		for (uint32_t sbn = 0; sbn < b->fixture.image.layout.oti.num_blocks; sbn++) {
			uint32_t esi = store_fixture_source(&b->fixture, sbn) + first + i;
			store_fixture_symbol(&b->fixture, sbn, esi, symbol);
			(void)store_add(b->store, sbn, esi, symbol, sizeof(symbol), b->now_ns);
			b->now_ns += 1000000000u;
			box_jobs(b);
		}
	}
}

static void test_slow_air(void **state)
{
	struct box b;
	uint64_t live;
	(void)state;
	box_init(&b);
	box_hear(&b, 0, 60);
	live = compact_live_bytes(&b.store->map);
	assert_true(b.compactions > 0);
	/* The old one and the new one, for a moment. */
	assert_in_range(b.most_journal, live, JOURNAL_START + 3 * live + 2 * STEP + 4096);
	box_hear(&b, 60, 10);
	assert_int_equal(box_progress(&b).phase, STORE_COMPLETE);
	assert_int_equal(store_verify(b.store), 0);
	box_jobs(&b);
	assert_int_equal(box_progress(&b).phase, STORE_VERIFIED);
	box_deinit(&b);
}

/* What was compacted counts after a restart, to the last symbol; what was taken back before does not. */
static void test_nothing_is_lost(void **state)
{
	struct box b;
	uint64_t have;
	(void)state;
	box_init(&b);
	box_hear(&b, 0, 60);
	assert_true(b.compactions > 0);
	/* A symbol rots in its foreign place: found when its block is decoded, and taken back. */
	memset(b.storage.file[RX_SLOT_TARGET].now, 0x5a, 1024);
	memset(b.storage.file[RX_SLOT_TARGET].durable, 0x5a, 1024);
	box_hear(&b, 60, 4);
	assert_false(b.store->map.block[0].is_done);
	assert_true(b.store->map.block[1].is_done);
	b.compactions = 0;
	b.store->wants_compact = true;
	box_jobs(&b);
	assert_int_equal(b.compactions, 1);
	have = box_progress(&b).symbols_have;
	store_free(b.store);
	box_open(&b);
	assert_int_equal(box_progress(&b).symbols_have, have);
	assert_false(b.store->map.block[0].is_ready);
	box_hear(&b, 64, 8);
	assert_int_equal(store_verify(b.store), 0);
	box_jobs(&b);
	assert_int_equal(box_progress(&b).phase, STORE_VERIFIED);
	box_deinit(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slow_air),
		cmocka_unit_test(test_nothing_is_lost),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
