/* store_internal.h - what the files of the store share. */
#ifndef CAROUSEL_RX_STORE_STORE_INTERNAL_H
#define CAROUSEL_RX_STORE_STORE_INTERNAL_H

#include "carousel-rx/store/compact.h"
#include "carousel-rx/store/index_check.h"
#include "carousel-rx/store/replay.h"
#include "carousel-rx/store/staging.h"
#include "carousel-rx/store/store.h"
#include "carousel-rx/store/verify.h"

/* Symbols wait at most so long in RAM: what a killed process loses. Syncing, which a power cut asks for, is rarer. */
#define STORE_WRITE_INTERVAL_NS (20u * 1000 * 1000)

enum store_work {
	WORK_OPEN,
	WORK_START_OVER,
	WORK_DECODE,
	WORK_COMMIT, /* what came of it */
	WORK_VERIFY,
	WORK_INDEX_OPEN,
	WORK_INDEX_LOOK,
	WORK_INDEX_EDGES,
	WORK_COMPACT
};

struct write_job {
	struct carousel_job job;
	struct store *store;
	struct staging_buffer *buffer;
	bool is_running;
};

struct sync_job {
	struct carousel_job job;
	struct store *store;
	bool is_running;
};

/* Chunks that are looked up in index and slot by one job. */
#define LOOK_CHUNKS 128u
struct store_look {
	uint64_t next;                /* the chunk to go on with */
	bool is_again;                /* the first round is over: chunks in `later` alone */
	uint64_t num_later, again_at; /* of them; symbols held at which they are looked at again */
	uint8_t *later;               /* a bit a chunk: repeats one that the slot did not hold yet */
	uint8_t *data;                /* 4096 bytes each; the decoder's memory */
	uint32_t count;
	uint64_t chunk[LOOK_CHUNKS];
	enum index_chunk what[LOOK_CHUNKS];
};

struct work_job {
	struct carousel_job job;
	struct store *store;
	enum store_work kind;
	bool is_running;
};

/* An allocator that counts what the store holds; the receiver's thread only. */
struct store_account {
	struct carousel_allocator allocator;
	const struct carousel_allocator *parent;
	size_t now, peak;
};

struct store {
	struct store_config config;
	struct store_account account;
	uint64_t slot_bytes;
	int slot_error;

	enum store_phase phase;
	int error;
	struct store_image image;
	bool is_probe;

	struct geometry geometry;
	struct place_map map;
	struct staging staging;
	struct journal journal;
	struct decode decode;
	struct verify verify;
	struct replay_report replayed;
	void *decode_memory;
	bool has_tables; /* all of the above are initialised */

	struct place_io write_io, sync_io, work_io;
	struct write_job write;
	struct sync_job sync;
	struct work_job work;
	struct store_look look;
	bool wants_flush, wants_verify, wants_start_over, wants_index, wants_compact, wants_commit, is_dirty;
	bool is_suspect;           /* the whole was not right, and no block was found that is to blame */
	bool has_given_up_index;   /* what is suspect does not wait for one */
	bool wants_edges;          /* chunks that lie in two blocks are to be checked */
	bool has_seen_edges;       /* since the whole was found not right */
	uint64_t dirty_since_ns;   /* the oldest symbol written and not synced */
	uint64_t ready_since_ns;   /* the oldest block that waits for decoding */
	uint64_t write_allowed_ns; /* not before, because of the write rate */
	uint64_t journal_at_sync;  /* its length then */
	uint64_t journal_bytes_seen;
	uint64_t compact_at;   /* journal bytes at which compacting is considered */
	uint64_t compact_step; /* garbage that is not worth it */
	uint64_t symbols_heard, symbols_offered, symbols_dropped, bytes_written;
	uint64_t first_ns, done_ns; /* as in the progress */
	uint32_t hungry_sbn;        /* blocks before it want nothing, until the next job is done */
};

/* store_tables.c: memory and tables of an image. Errors: LIMIT, UNSUPPORTED, MEMORY, SLOT_TOO_SMALL. */
int store_tables_init(struct store *);
void store_tables_deinit(struct store *);
void store_account_init(struct store_account *, const struct carousel_allocator *parent);

/* store_jobs.c */
void store_jobs_init(struct store *);
/* All blocks are done and checked, the whole is not right, and only an index that is not there could tell more. */
bool store_is_waiting(const struct store *);
void store_break(struct store *, int error);
/* Some block has not enough symbols yet, or the whole is known not to be right. */
bool store_is_hungry(struct store *);

/* store_index.c: what the index knows without reception. */
bool store_look_is_due(const struct store *);
/* Chooses chunks of which nothing is held; false: none now. */
bool store_look_prepare(struct store *);
int store_look_run(struct store *); /* in a job */
void store_look_finish(struct store *, uint64_t now_ns);
/* Everything stored was synced: when most of what is missing repeats something, it is looked for without delay. */
void store_look_synced(struct store *);
/* The index was found right. */
void store_index_opened(struct store *);
/* Blocks that share a chunk which is wrong are queued, so that its symbols go. */
int store_edges_run(struct store *); /* in a job */
void store_edges_finish(struct store *);
/* Without payload: what the slot is said to hold of the image is looked up from now on. */
void store_index_named(struct store *);

#endif
