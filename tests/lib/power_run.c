#include "tests/lib/power_run.h"

#include "carousel-rx/job.h"
#include "carousel-rx/store/store_internal.h"
#include "tests/lib/cut_fork.h"
#include "tests/lib/test.h"

#include <stdio.h>

#define RUN_SYNC_EVERY 37u /* symbols */
#define RUN_SLOW_TURNS 4u  /* between the beginning and the end of a job in the background */
#define RUN_JOBS_EVERY 5u
#define RUN_MOST_HEARD 100000u
#define RUN_MEMORY     (2u * 1024 * 1024)
#define RUN_SLACK      700u /* of the slot beyond the image */

struct run_symbol {
	uint32_t sbn, esi;
};

/* How the power goes, and what is left of what was not synced. */
struct run_cut {
	enum power_luck luck;
	size_t tear;
	uint64_t at;        /* changing call */
	uint64_t second_at; /* calls after the first restart; 0: never */
};

struct run {
	struct store_fixture *fixture;
	const struct power_sweep *c;
	bool is_small; /* as if a block did not fit memory */
	bool is_child; /* one cut of all, to its end */
	struct run_cut cut;
	uint64_t tried; /* cuts, by the children */
	struct power_storage storage;
	struct store *store;
	struct carousel_job *slow; /* in the background: under way, while others come and go */
	unsigned slow_turns;
	bool is_busy; /* the processor, with other things */
	uint64_t now_ns, seed;
	struct run_symbol *taken; /* accepted, in order */
	size_t num_taken, cap_taken;
	size_t num_synced; /* of those, known to be synced */
	uint32_t turn;     /* position in the stream */
	unsigned cuts;
	bool has_forged;
};

static struct store_progress run_progress(const struct run *r)
{
	struct store_progress p;
	store_progress(r->store, &p);
	return p;
}

/* A block that is done has the image's bytes, on the medium itself. */
static void run_check_done(const struct run *r)
{
	const uint8_t *slot = r->storage.file[RX_SLOT_TARGET].durable;
	for (uint32_t sbn = 0; sbn < r->store->geometry.blocks; sbn++) {
		const struct map_block *b = &r->store->map.block[sbn];
		for (uint32_t esi = 0; b->is_done && esi < b->real; esi++)
			if (!store_fixture_is_own(r->fixture, sbn, esi, slot))
				fail_msg("block %u is called done without symbol %u", sbn, esi);
	}
}

/* What a store says it holds, after it was opened, is there. */
static void run_check_own(const struct run *r)
{
	const uint8_t *slot = r->storage.file[RX_SLOT_TARGET].now;
	for (uint32_t sbn = 0; sbn < r->store->geometry.blocks; sbn++)
		for (uint32_t esi = 0; esi < r->store->map.block[sbn].real; esi++)
			if (map_is_own(&r->store->map, sbn, esi) && !store_fixture_is_own(r->fixture, sbn, esi, slot))
				fail_msg("symbol %u of block %u is called there", esi, sbn);
}

/* The next job; one in the background has its turn after others, as if the processor were busy. */
static struct carousel_job *run_next_job(struct run *r)
{
	struct carousel_job *job;
	while ((job = store_next_job(r->store, r->now_ns)) != NULL && carousel_job_is_background(job) && r->is_busy) {
		r->slow = job;
		r->slow_turns = RUN_SLOW_TURNS;
	}
	if (job == NULL && r->slow && r->slow_turns-- == 0) {
		job = r->slow;
		r->slow = NULL;
	}
	return job;
}

/* Runs the jobs; false when the power went. */
static bool run_jobs(struct run *r)
{
	struct carousel_job *job;
	while ((job = run_next_job(r)) != NULL) {
		job->run(job);
		assert_int_equal(job->done(job, r->now_ns), 0);
		if (r->storage.is_off)
			return false;
	}
	assert_int_equal(run_progress(r).error, 0);
	return true;
}

static bool run_flush(struct run *r)
{
	size_t taken = r->num_taken;
	store_flush(r->store);
	if (!run_jobs(r))
		return false;
	r->num_synced = taken;
	return true;
}

static void run_check_complete(const struct run *r)
{
	enum store_phase phase = run_progress(r).phase;
	if (phase == STORE_COMPLETE || phase == STORE_VERIFYING || phase == STORE_VERIFIED)
		assert_memory_equal(r->storage.file[RX_SLOT_TARGET].durable, r->fixture->data,
			r->fixture->image.layout.image_bytes);
}

static bool run_open(struct run *r)
{
	const struct store_config config = {.storage = &r->storage.table, .memory_bytes = RUN_MEMORY};
	assert_int_equal(store_new(&r->store, &config), 0);
	assert_int_equal(store_begin(r->store, &r->fixture->image, r->now_ns), 0);
	/* So that the journal is written anew several times in a reception. */
	r->store->compact_at = r->store->compact_step = 500;
	if (r->is_small)
		r->store->decode.held.ram = NULL;
	if (r->c->with_index)
		assert_int_equal(store_set_index(r->store), 0);
	return run_jobs(r);
}

/* Nothing that was synced is received again. */
static void run_check_synced(struct run *r)
{
	uint8_t *symbol = calloc(1, r->fixture->image.layout.oti.symbol_size);
	for (size_t i = 0; run_progress(r).phase == STORE_RECEIVING && i < r->num_synced; i++) {
		if (r->c->has_forger && r->taken[i].sbn == 0)
			continue;
		assert_int_equal(store_add(r->store, r->taken[i].sbn, r->taken[i].esi, symbol,
					 r->fixture->image.layout.oti.symbol_size, r->now_ns),
			CAROUSEL_E_DUPLICATE);
	}
	free(symbol);
}

/* The power went; it comes back, perhaps to go again while the store recovers. */
static void run_restart(struct run *r)
{
	do {
		r->slow = NULL;
		r->is_busy = false;
		store_free(r->store);
		power_storage_on(&r->storage, r->cut.luck, r->cut.at + r->cuts);
		r->cuts++;
		if (r->cuts == 1 && r->cut.second_at)
			r->storage.cut_at = r->storage.calls + r->cut.second_at;
	} while (!run_open(r));
	r->num_taken = r->num_synced;
	run_check_done(r);
	run_check_own(r);
	run_check_complete(r);
	run_check_synced(r);
}

/* The stream: source symbols block by block in turn, then repair symbols, for ever. */
static bool run_next_symbol(struct run *r, struct run_symbol *s)
{
	const struct fec_oti *oti = &r->fixture->image.layout.oti;
	struct fec_block block;
	uint32_t turn = r->turn++, index, pass = oti->max_block_symbols * 2;
	s->sbn = turn % oti->num_blocks;
	fec_block_of(oti, s->sbn, &block);
	index = turn / oti->num_blocks;
	if (r->c->repair_first)
		index += oti->max_block_symbols * 3 / 4;
	if (oti->encoding_id != FEC_RAPTORQ)
		index %= pass;
	s->esi = index;
	return s->esi < block.esi_limit &&
	       !(s->esi < block.num_source && store_fixture_is_padding(r->fixture, s->sbn, s->esi));
}

static bool run_hear(struct run *r, const struct run_symbol *s)
{
	uint16_t size = r->fixture->image.layout.oti.symbol_size;
	uint8_t *symbol = malloc(size);
	bool is_false = false;
	int result;
	assert_non_null(symbol);
	store_fixture_symbol(r->fixture, s->sbn, s->esi, symbol);
	if (r->c->has_forger && s->sbn == 0 && s->esi >= store_fixture_source(r->fixture, 0) && !r->has_forged) {
		symbol[size / 2] ^= 1;
		is_false = true;
	}
	r->now_ns += 3000000;
	result = store_add(r->store, s->sbn, s->esi, symbol, size, r->now_ns);
	free(symbol);
	r->has_forged = r->has_forged || (is_false && result == 0);
	if (result == 0) {
		if (r->num_taken == r->cap_taken) {
			r->cap_taken = r->cap_taken ? r->cap_taken * 2 : 256;
			r->taken = realloc(r->taken, r->cap_taken * sizeof(*r->taken));
			assert_non_null(r->taken);
		}
		r->taken[r->num_taken++] = *s;
	}
	if (r->turn % RUN_SYNC_EVERY == 0)
		return run_flush(r);
	return r->turn % RUN_JOBS_EVERY ? true : run_jobs(r);
}

static void run_receive(struct run *r)
{
	for (unsigned heard = 0; run_progress(r).phase == STORE_RECEIVING; heard++) {
		struct run_symbol s;
		bool is_on = true;
		r->is_busy = r->is_small;
		assert_true(heard < RUN_MOST_HEARD);
		if (!run_next_symbol(r, &s) || test_random(&r->seed) % 100 < r->c->loss_percent)
			continue;
		is_on = run_hear(r, &s);
		if (is_on && heard % 400 == 399)
			is_on = run_flush(r);
		if (!is_on)
			run_restart(r);
		else
			run_check_complete(r);
	}
}

/* The end of the reception survives a cut, too. */
static void run_finish(struct run *r)
{
	r->is_busy = false;
	while (run_progress(r).phase != STORE_VERIFIED) {
		assert_int_equal(run_progress(r).phase, STORE_COMPLETE);
		run_check_done(r);
		assert_int_equal(store_verify(r->store), 0);
		if (!run_jobs(r))
			run_restart(r);
	}
	store_free(r->store);
	power_storage_on(&r->storage, POWER_ALL_LOST, 0);
	if (!run_open(r))
		run_restart(r);
	assert_int_equal(run_progress(r).phase, STORE_COMPLETE);
	run_check_complete(r);
}

/* Before each changing call: the power goes during it, in every way, each in a child. */
static void run_before_call(void *user)
{
	static const struct run_cut cuts[2][3] = {
		{{.luck = POWER_ALL_LOST, .tear = 512}, {.luck = POWER_ALL_KEPT, .tear = 512}},
		{{.luck = POWER_RANDOM, .tear = 1}, {.luck = POWER_RANDOM, .tear = 512},
			{.luck = POWER_RANDOM, .tear = 4096}},
	};
	struct run *r = user;
	uint64_t n = r->storage.calls + 1;
	char what[96];
	if (r->is_child || n % r->c->every || n / r->c->every % r->c->parts != r->c->part)
		return;
	for (unsigned how = 0; how < 3 && cuts[r->is_small][how].tear; how++) {
		r->cut = cuts[r->is_small][how];
		r->cut.at = n;
		/* Every other time again while recovering. */
		r->cut.second_at = (n + how) % 2 ? 1 + (n * 7 + how) % 23 : 0;
		r->tried += r->cut.second_at ? 2 : 1;
		snprintf(what, sizeof(what), "power cut at call %llu, way %u, then %llu", (unsigned long long)n, how,
			(unsigned long long)r->cut.second_at);
		r->is_child = cut_fork(what);
		if (r->is_child) {
			r->storage.tear = r->cut.tear;
			r->storage.cut_at = n;
			return;
		}
	}
}

/* A whole reception; returns how many cuts were tried in it. */
static uint64_t power_run(struct store_fixture *f, const struct power_sweep *c, bool is_small)
{
	struct run r = {.fixture = f, .c = c, .seed = c->shape->seed * 7919 + 1, .is_small = is_small};
	power_storage_init(&r.storage, f->image.layout.image_bytes + RUN_SLACK, 512);
	if (c->with_index) {
		r.storage.table.replace(&r.storage, RX_INDEX, f->index, f->image.index_bytes);
		r.storage.calls = 0;
	}
	r.storage.before_call = run_before_call;
	r.storage.user = &r;
	if (!run_open(&r))
		run_restart(&r);
	run_receive(&r);
	run_finish(&r);
	assert_false(r.storage.has_touched_running);
	if (r.is_child)
		cut_fork_end();
	store_free(r.store);
	power_storage_deinit(&r.storage);
	free(r.taken);
	return r.tried;
}

uint64_t power_sweep(const struct power_sweep *sweep)
{
	struct store_fixture fixture;
	uint64_t tried;
	store_fixture_init_sub_blocks(&fixture, sweep->shape, sweep->sub_blocks);
	store_fixture_warm(&fixture);
	tried = power_run(&fixture, sweep, false);
	tried += power_run(&fixture, sweep, true);
	store_fixture_deinit(&fixture);
	return tried;
}
