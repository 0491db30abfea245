#include "carousel-rx/store/journal_entry.h"
#include "carousel-rx/store/store_internal.h"

#include <string.h>

/* Blocks wait for each other up to the sync interval, so that a sync serves many, unless there is as much as this. */
#define JOBS_DECODE_AT_ONCE (1024u * 1024)

void store_break(struct store *s, int error)
{
	log_write(s->config.log, CAROUSEL_LOG_ERROR, "symbol store: %s", carousel_strerror(error));
	s->phase = STORE_BROKEN;
	s->error = error;
}

/* What a lane's job wrote counts, also against the write rate. */
static void jobs_account(struct store *s, struct place_io *io, uint64_t now_ns)
{
	uint64_t bits = io->bytes_written * 8, rate = s->config.write_rate_bps;
	s->bytes_written += io->bytes_written;
	io->bytes_written = 0;
	if (rate == 0)
		return;
	if (s->write_allowed_ns < now_ns)
		s->write_allowed_ns = now_ns;
	s->write_allowed_ns += bits / rate * 1000000000u + bits % rate * 1000000000u / rate;
}

/* ---- writing ------------------------------------------------------------------------------------ */

static void write_run(struct carousel_job *job)
{
	struct write_job *w = (struct write_job *)(void *)job;
	struct store *s = w->store;
	job->result = staging_write(&s->staging, w->buffer, &s->write_io, &s->journal);
}

/* Garbage comes from blocks that are done and from symbols that came one by one. */
static void jobs_look_at_journal(struct store *s)
{
	uint64_t live;
	if (s->config.allow_absent)
		return;
	s->journal_bytes_seen = journal_bytes(&s->journal);
	if (s->phase != STORE_RECEIVING || s->journal_bytes_seen <= s->compact_at)
		return;
	live = compact_live_bytes(&s->map);
	s->wants_compact = s->journal_bytes_seen >= live + live / 4 + s->compact_step;
	s->compact_at = s->journal_bytes_seen + s->compact_step;
}

static int write_done(struct carousel_job *job, uint64_t now_ns)
{
	struct write_job *w = (struct write_job *)(void *)job;
	struct store *s = w->store;
	bool was_ready = s->map.ready_first != MAP_NONE;
	w->is_running = false;
	jobs_account(s, &s->write_io, now_ns);
	if (job->result) {
		store_break(s, job->result);
		return 0;
	}
	for (uint32_t i = 0; i < w->buffer->used; i++) {
		const struct staged *e = &w->buffer->entry[i];
		map_stored(&s->map, e->sbn, e->esi, &e->spot, e->crc);
	}
	w->buffer->used = 0;
	if (!was_ready)
		s->ready_since_ns = now_ns;
	if (!s->is_dirty)
		s->dirty_since_ns = now_ns;
	s->is_dirty = true;
	jobs_look_at_journal(s);
	return 0;
}

/* When the staged symbols want to be written; UINT64_MAX: there are none. */
static uint64_t write_time(const struct store *s)
{
	const struct staging_buffer *b = &s->staging.buffer[s->staging.filling];
	uint64_t at;
	if (s->write.is_running || s->phase != STORE_RECEIVING || b->used == 0)
		return UINT64_MAX;
	/* Compacting has the journal to itself. */
	if (s->wants_compact && (!s->work.is_running || s->work.kind == WORK_COMPACT))
		return UINT64_MAX;
	at = staging_is_full(&s->staging) || s->wants_flush ? 0 : b->since_ns + STORE_WRITE_INTERVAL_NS;
	return at < s->write_allowed_ns ? s->write_allowed_ns : at;
}

/* ---- syncing ------------------------------------------------------------------------------------ */

static void sync_run(struct carousel_job *job)
{
	struct store *s = ((struct sync_job *)(void *)job)->store;
	job->result = journal_sync_data(&s->journal, &s->sync_io);
}

static int sync_done(struct carousel_job *job, uint64_t now_ns)
{
	struct store *s = ((struct sync_job *)(void *)job)->store;
	s->sync.is_running = false;
	jobs_account(s, &s->sync_io, now_ns);
	if (job->result) {
		store_break(s, job->result);
		return 0;
	}
	jobs_look_at_journal(s);
	store_look_synced(s);
	return 0;
}

/* What a sync would make safe is safe by another: nothing is to be done for it until more is written. */
static void sync_begun(struct store *s)
{
	s->is_dirty = false;
	s->journal_at_sync = s->journal_bytes_seen;
}

/* Symbols that were journaled and not synced are read back after a restart; their list must fit there. */
static bool sync_is_urgent(const struct store *s, uint64_t journal_now)
{
	/* Twenty bytes an entry there, seven and more in the journal. */
	size_t room = (s->decode.decoder_bytes - JOURNAL_SCAN_BYTES) / 20 * JOURNAL_PACKED_BYTES;
	return journal_now - s->journal_at_sync > room - 2 * (size_t)s->staging.cap * JOURNAL_ENTRY_BYTES;
}

/* When the next sync is due; UINT64_MAX: none, or another job is at it or must come first. */
static uint64_t sync_time(const struct store *s)
{
	if (!s->is_dirty || s->phase != STORE_RECEIVING || s->sync.is_running || s->wants_commit)
		return UINT64_MAX;
	if (s->work.is_running ? !s->work.job.is_background : s->wants_compact)
		return UINT64_MAX;
	if (s->wants_flush && !s->write.is_running && s->staging.buffer[s->staging.filling].used == 0)
		return 0;
	if (sync_is_urgent(s, s->journal_bytes_seen))
		return 0;
	return s->dirty_since_ns + s->config.sync_interval_ns;
}

/* ---- everything else ---------------------------------------------------------------------------- */

static void work_run(struct carousel_job *job)
{
	struct work_job *w = (struct work_job *)(void *)job;
	struct store *s = w->store;
	switch (w->kind) {
	case WORK_OPEN:
		job->result = replay_run(&s->decode, &s->map, &s->journal, &s->replayed);
		break;
	case WORK_START_OVER:
		job->result = journal_create(&s->journal, &s->work_io);
		break;
	case WORK_DECODE:
		job->result = decode_run(&s->decode);
		break;
	case WORK_COMMIT:
		job->result = decode_commit(&s->decode);
		break;
	case WORK_VERIFY:
		job->result = verify_run(&s->verify);
		break;
	case WORK_INDEX_OPEN:
		job->result = index_check_file(&s->work_io, s->image.index_sha256, s->image.index_bytes,
			s->decode.held.buf, s->decode.held.buf_bytes);
		break;
	case WORK_INDEX_LOOK:
		job->result = store_look_run(s);
		break;
	case WORK_INDEX_EDGES:
		job->result = store_edges_run(s);
		break;
	case WORK_COMPACT:
		job->result = compact_run(&s->decode, &s->journal);
		break;
	}
}

/* What reception or a sync waits for is not among them: opening, committing, compacting. */
static bool work_is_background(enum store_work kind)
{
	return kind == WORK_DECODE || kind == WORK_VERIFY || kind == WORK_INDEX_OPEN || kind == WORK_INDEX_LOOK ||
	       kind == WORK_INDEX_EDGES;
}

/* Nothing that lies in the slot can be told right from wrong: all over again. */
static void work_start_over(struct store *s)
{
	log_write(s->config.log, CAROUSEL_LOG_WARNING, "symbol store: no block is to blame; receiving all anew");
	for (uint32_t sbn = 0; sbn < s->geometry.blocks; sbn++)
		map_clear_block(&s->map, sbn);
	memset(&s->replayed, 0, sizeof(s->replayed));
	s->is_suspect = false;
	s->hungry_sbn = 0;
	s->wants_start_over = true;
	s->phase = STORE_OPENING;
}

static void work_check_complete(struct store *s, uint64_t now_ns)
{
	if (s->phase != STORE_RECEIVING || s->map.blocks_done < s->geometry.blocks || map_has_ready(&s->map) ||
		s->wants_index)
		return;
	if (!s->is_suspect) {
		s->phase = STORE_COMPLETE;
		s->done_ns = now_ns;
		s->wants_flush = false;
	} else if (s->decode.has_index && !s->has_seen_edges && index_has_edges(&s->geometry)) {
		s->wants_edges = true;
	} else if (!s->image.has_index || s->decode.has_index || s->has_given_up_index) {
		work_start_over(s);
	}
}

bool store_is_waiting(const struct store *s)
{
	return s->phase == STORE_RECEIVING && s->is_suspect && s->image.has_index && !s->decode.has_index &&
	       !s->wants_index && !s->work.is_running && !s->write.is_running && s->map.ready_first == MAP_NONE &&
	       s->map.blocks_done == s->geometry.blocks;
}

static void work_opened(struct store *s, uint64_t now_ns)
{
	s->phase = STORE_RECEIVING;
	s->ready_since_ns = now_ns;
	s->journal_at_sync = s->journal_bytes_seen;
	if (s->replayed.symbols_resumed)
		log_write(s->config.log, CAROUSEL_LOG_NOTICE, "symbol store: %llu symbols found again, %llu refused",
			(unsigned long long)s->replayed.symbols_resumed,
			(unsigned long long)s->replayed.entries_refused);
	if (s->replayed.bytes_damaged)
		log_write(s->config.log, CAROUSEL_LOG_WARNING, "symbol store: %llu bytes of the journal are damaged",
			(unsigned long long)s->replayed.bytes_damaged);
	work_check_complete(s, now_ns);
}

static void work_verified(struct store *s, int result)
{
	if (result == 0) {
		s->phase = STORE_VERIFIED;
		return;
	}
	if (s->is_probe) {
		s->phase = STORE_IDLE;
		store_tables_deinit(s);
		return;
	}
	log_write(s->config.log, CAROUSEL_LOG_WARNING, "symbol store: the slot does not hold the image: %s",
		carousel_strerror(result));
	s->is_suspect = true;
	s->done_ns = 0;
	s->has_seen_edges = false;
	s->phase = STORE_RECEIVING;
	for (uint32_t sbn = 0; sbn < s->geometry.blocks; sbn++)
		map_suspect(&s->map, sbn);
}

static void work_decoded(struct store *s, uint64_t now_ns)
{
	decode_finish(&s->decode, &s->map);
	s->is_suspect = s->is_suspect && !s->decode.has_damage;
	s->ready_since_ns = now_ns;
	work_check_complete(s, now_ns);
}

static int work_done(struct carousel_job *job, uint64_t now_ns)
{
	struct work_job *w = (struct work_job *)(void *)job;
	struct store *s = w->store;
	int result = job->result;
	w->is_running = false;
	s->hungry_sbn = 0;
	jobs_account(s, &s->work_io, now_ns);
	if (s->phase == STORE_BROKEN)
		return 0;
	if (w->kind == WORK_VERIFY && result == CAROUSEL_E_NEED_MORE)
		return 0;
	if (result && !((w->kind == WORK_VERIFY || w->kind == WORK_INDEX_OPEN) && result == CAROUSEL_E_DIGEST)) {
		store_break(s, result);
		return 0;
	}
	jobs_look_at_journal(s);
	switch (w->kind) {
	case WORK_OPEN:
	case WORK_START_OVER:
		s->wants_start_over = false;
		work_opened(s, now_ns);
		break;
	case WORK_DECODE:
		s->wants_commit = decode_has_outcome(&s->decode);
		if (!s->wants_commit)
			work_decoded(s, now_ns);
		break;
	case WORK_COMMIT:
		s->wants_commit = false;
		work_decoded(s, now_ns);
		break;
	case WORK_VERIFY:
		s->wants_verify = false;
		work_verified(s, result);
		break;
	case WORK_INDEX_OPEN:
		s->wants_index = false;
		if (result == 0)
			store_index_opened(s);
		else
			log_write(s->config.log, CAROUSEL_LOG_WARNING,
				"symbol store: the chunk index is not what was signed");
		work_check_complete(s, now_ns);
		break;
	case WORK_INDEX_LOOK:
		store_look_finish(s, now_ns);
		break;
	case WORK_INDEX_EDGES:
		s->wants_edges = false;
		s->has_seen_edges = true;
		store_edges_finish(s);
		work_check_complete(s, now_ns);
		break;
	case WORK_COMPACT:
		s->wants_compact = false;
		s->journal_at_sync = s->journal_bytes_seen;
		s->compact_at = s->journal_bytes_seen + s->compact_step;
		break;
	}
	return 0;
}

/* When a decode is worth it; UINT64_MAX: nothing is ready. */
static uint64_t decode_time(const struct store *s)
{
	uint64_t bytes = 0, at = s->ready_since_ns + s->config.sync_interval_ns;
	uint32_t ready = 0;
	if (s->phase != STORE_RECEIVING || s->map.ready_first == MAP_NONE)
		return UINT64_MAX;
	for (uint32_t sbn = s->map.ready_first; sbn != MAP_NONE && ready < DECODE_BATCH;
		sbn = s->map.block[sbn].next_ready) {
		ready++;
		bytes += (uint64_t)s->map.block[sbn].real * s->geometry.symbol_size;
	}
	if (s->config.allow_absent || s->wants_flush || bytes >= JOBS_DECODE_AT_ONCE || ready == DECODE_BATCH ||
		s->map.blocks_done + ready >= s->geometry.blocks)
		at = 0;
	/* What it writes comes at once, and is paid for before the next. */
	return at < s->write_allowed_ns ? s->write_allowed_ns : at;
}

static struct carousel_job *work_start(struct store *s, enum store_work kind)
{
	s->work.kind = kind;
	s->work.is_running = true;
	s->work.job.result = 0;
	s->work.job.is_background = work_is_background(kind);
	return &s->work.job;
}

static struct carousel_job *decode_start(struct store *s)
{
	while (map_has_ready(&s->map) && decode_has_room(&s->decode, s->map.ready_first))
		decode_add(&s->decode, map_pop_ready(&s->map));
	return s->decode.num_blocks ? work_start(s, WORK_DECODE) : NULL;
}

/* The journal is begun anew, or what is decoded is put into place: while nothing is synced. */
static struct carousel_job *work_next_alone(struct store *s)
{
	if (s->sync.is_running)
		return NULL;
	if (s->phase == STORE_OPENING)
		return work_start(s, s->wants_start_over ? WORK_START_OVER : WORK_OPEN);
	if (s->wants_commit) {
		if (decode_syncs(&s->decode))
			sync_begun(s);
		return work_start(s, WORK_COMMIT);
	}
	return s->write.is_running ? NULL : work_start(s, WORK_COMPACT);
}

static bool work_is_alone(const struct store *s)
{
	return s->phase == STORE_OPENING || (s->phase != STORE_BROKEN && (s->wants_commit || s->wants_compact));
}

static struct carousel_job *work_next(struct store *s, uint64_t now_ns)
{
	struct carousel_job *job;
	if (s->work.is_running)
		return NULL;
	if (s->has_given_up_index && store_is_waiting(s))
		work_start_over(s);
	if (work_is_alone(s))
		return work_next_alone(s);
	if (s->phase == STORE_VERIFYING && s->wants_verify)
		return work_start(s, WORK_VERIFY);
	/* So that what is decoded meets it. */
	if (s->phase == STORE_RECEIVING && s->wants_index)
		return work_start(s, WORK_INDEX_OPEN);
	if (decode_time(s) <= now_ns && (job = decode_start(s)) != NULL)
		return job;
	if (s->phase == STORE_RECEIVING && s->wants_edges)
		return work_start(s, WORK_INDEX_EDGES);
	if (s->phase == STORE_RECEIVING && s->decode.has_index && store_look_prepare(s))
		return work_start(s, WORK_INDEX_LOOK);
	return NULL;
}

static void jobs_check_flushed(struct store *s)
{
	if (!s->write.is_running && !s->sync.is_running && !s->work.is_running && !s->wants_commit && !s->is_dirty &&
		s->map.ready_first == MAP_NONE && s->staging.buffer[s->staging.filling].used == 0)
		s->wants_flush = false;
}

struct carousel_job *store_next_job(struct store *s, uint64_t now_ns)
{
	if (!s->has_tables)
		return NULL;
	if (s->wants_flush)
		jobs_check_flushed(s);
	if (write_time(s) <= now_ns && write_time(s) != UINT64_MAX) {
		s->write.buffer = staging_swap(&s->staging);
		s->write.is_running = true;
		s->write.job.result = 0;
		return &s->write.job;
	}
	if (sync_time(s) <= now_ns && sync_time(s) != UINT64_MAX) {
		sync_begun(s);
		s->sync.is_running = true;
		s->sync.job.result = 0;
		return &s->sync.job;
	}
	return work_next(s, now_ns);
}

uint64_t store_deadline(const struct store *s)
{
	uint64_t at, other;
	if (!s->has_tables)
		return UINT64_MAX;
	at = write_time(s);
	other = sync_time(s);
	at = other < at ? other : at;
	if (s->work.is_running)
		return at;
	if (s->has_given_up_index && store_is_waiting(s))
		return 0;
	if (work_is_alone(s))
		return s->sync.is_running || (!s->wants_commit && s->write.is_running) ? at : 0;
	if (s->phase == STORE_VERIFYING && s->wants_verify)
		return 0;
	if (s->phase == STORE_RECEIVING && (s->wants_index || s->wants_edges || store_look_is_due(s)))
		return 0;
	other = decode_time(s);
	return other < at ? other : at;
}

void store_jobs_init(struct store *s)
{
	s->write = (struct write_job){.job = {.run = write_run, .done = write_done}, .store = s};
	s->sync = (struct sync_job){.job = {.run = sync_run, .done = sync_done}, .store = s};
	s->work = (struct work_job){.job = {.run = work_run, .done = work_done}, .store = s};
}
