/* store_internal.h - what the files of the store share. */
#ifndef CAROUSEL_RX_STORE_STORE_INTERNAL_H
#define CAROUSEL_RX_STORE_STORE_INTERNAL_H

#include "carousel-rx/store/replay.h"
#include "carousel-rx/store/staging.h"
#include "carousel-rx/store/store.h"
#include "carousel-rx/store/verify.h"

/* Symbols wait at most so long in RAM: what a killed process loses. Syncing, which a power cut asks for, is rarer. */
#define STORE_WRITE_INTERVAL_NS (20u * 1000 * 1000)

enum store_work { WORK_OPEN, WORK_START_OVER, WORK_SYNC, WORK_DECODE, WORK_VERIFY };

struct write_job {
	struct carousel_job job;
	struct store *store;
	struct staging_buffer *buffer;
	bool is_running;
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

	struct place_io write_io, work_io;
	struct write_job write;
	struct work_job work;
	bool wants_flush, wants_verify, wants_start_over, is_dirty;
	uint64_t dirty_since_ns;   /* the oldest symbol written and not synced */
	uint64_t ready_since_ns;   /* the oldest block that waits for decoding */
	uint64_t write_allowed_ns; /* not before, because of the write rate */
	uint64_t journal_at_sync;  /* its length then */
	uint64_t journal_bytes_seen;
	uint64_t symbols_heard, symbols_dropped, bytes_written;
};

/* store_tables.c: memory and tables of an image. Errors: LIMIT, UNSUPPORTED, MEMORY, SLOT_TOO_SMALL. */
int store_tables_init(struct store *);
void store_tables_deinit(struct store *);
void store_account_init(struct store_account *, const struct carousel_allocator *parent);

/* store_jobs.c */
void store_jobs_init(struct store *);
void store_break(struct store *, int error);

#endif
