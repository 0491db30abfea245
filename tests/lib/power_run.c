#include "tests/lib/power_run.h"

#include "carousel-rx/job.h"
#include "carousel-rx/store/store_internal.h"
#include "tests/lib/test.h"

#define RUN_SYNC_EVERY 37u /* symbols */
#define RUN_SLOW_TURNS 4u  /* between the beginning and the end of a job in the background */
#define RUN_JOBS_EVERY 5u
#define RUN_MOST_CUTS  3u
#define RUN_MOST_HEARD 100000u

struct run_symbol {
	uint32_t sbn, esi;
};

struct run {
	struct store_fixture *fixture;
	const struct power_run_case *c;
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
	const struct geometry *g = &r->store->geometry;
	for (uint32_t sbn = 0; sbn < g->blocks; sbn++) {
		const struct map_block *b = &r->store->map.block[sbn];
		for (uint32_t esi = 0; b->is_done && esi < b->real; esi++) {
			uint64_t off = geometry_offset(g, sbn, esi);
			size_t len = geometry_own_bytes(g, sbn, esi);
			assert_int_equal(
				memcmp(r->storage.file[RX_SLOT_TARGET].durable + off, r->fixture->data + off, len), 0);
		}
	}
}

/* What a store says it holds, after it was opened, is there. */
static void run_check_own(const struct run *r)
{
	const struct geometry *g = &r->store->geometry;
	for (uint32_t sbn = 0; sbn < g->blocks; sbn++) {
		for (uint32_t esi = 0; esi < r->store->map.block[sbn].real; esi++) {
			uint64_t off = geometry_offset(g, sbn, esi);
			if (map_is_own(&r->store->map, sbn, esi))
				assert_int_equal(memcmp(r->storage.file[RX_SLOT_TARGET].now + off,
							 r->fixture->data + off, geometry_own_bytes(g, sbn, esi)),
					0);
		}
	}
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
	const struct store_config config = {.storage = &r->storage.table, .memory_bytes = 8u * 1024 * 1024};
	assert_int_equal(store_new(&r->store, &config), 0);
	assert_int_equal(store_begin(r->store, &r->fixture->image, r->now_ns), 0);
	/* So that the journal is written anew several times in a reception. */
	r->store->compact_at = r->store->compact_step = 500;
	/* Some as if a block did not fit memory. */
	if (r->c->luck == POWER_RANDOM)
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
		power_storage_on(&r->storage, r->c->luck, r->c->seed + r->cuts);
		r->cuts++;
		if (r->cuts == 1 && r->c->second_at)
			r->storage.cut_at = r->storage.calls + r->c->second_at;
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
		r->is_busy = r->c->luck == POWER_RANDOM;
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
	assert_true(run_open(r));
	assert_int_equal(run_progress(r).phase, STORE_COMPLETE);
	run_check_complete(r);
}

uint64_t power_run(struct store_fixture *f, const struct power_run_case *c)
{
	struct run r = {.fixture = f, .c = c, .seed = c->seed * 7919 + 1};
	uint64_t calls;
	power_storage_init(&r.storage, f->image.layout.image_bytes + 700, c->tear);
	if (c->with_index) {
		r.storage.table.replace(&r.storage, RX_INDEX, f->index, f->image.index_bytes);
		r.storage.calls = 0;
	}
	r.storage.cut_at = c->cut_at;
	if (!run_open(&r))
		run_restart(&r);
	run_receive(&r);
	run_finish(&r);
	assert_false(r.storage.has_touched_running);
	calls = r.storage.calls;
	store_free(r.store);
	power_storage_deinit(&r.storage);
	free(r.taken);
	return calls;
}

uint64_t power_sweep(const struct power_sweep *sweep)
{
	static const size_t tears[] = {1, 512, 4096};
	struct power_run_case c = {.loss_percent = sweep->loss_percent,
		.repair_first = sweep->repair_first,
		.with_index = sweep->with_index,
		.has_forger = sweep->has_forger,
		.seed = 1,
		.tear = 512,
		.luck = POWER_RANDOM}; /* which takes most calls */
	struct store_fixture fixture;
	uint64_t calls, tried = 0;
	store_fixture_init(&fixture, sweep->shape);
	calls = power_run(&fixture, &c);
	for (uint64_t n = 1; n <= calls; n += sweep->every) {
		/* Lost, kept, and torn at each kind of boundary; every other time again while recovering. */
		for (unsigned how = 0; how < 5; how++) {
			c.luck = how == 0 ? POWER_ALL_LOST : how == 1 ? POWER_ALL_KEPT : POWER_RANDOM;
			c.tear = how < 2 ? 512 : tears[how - 2];
			c.cut_at = n;
			c.second_at = (n + how) % 2 ? 1 + (n * 7 + how) % 23 : 0;
			power_run(&fixture, &c);
			tried += c.second_at ? 2 : 1;
		}
	}
	store_fixture_deinit(&fixture);
	return tried;
}
