/* store.h - the symbol store: an image grows in the inactive slot, symbol by symbol, through power cuts.
 *
 * The slot itself is the store (design: zero spare flash). A received symbol of a block takes a place of that
 * block in the slot: a source symbol its own, if free, any other a free one; a journal says which encoding
 * symbol lies where. When a block has enough it is decoded in column strips, what lies in foreign places goes
 * through the scratch file, the block is checked against the signed index, and is done.
 *
 * Everything that touches storage or decodes happens inside jobs, at most one of each of three lanes under way: one
 * writes what is staged to slot and journal, one syncs both, one does everything else (opening, decoding, verifying).
 * The first two wait for nothing that is in the background; what is in the background (job.h) reads, computes and
 * writes the scratch, and holds nothing that another job could want. */
#ifndef CAROUSEL_RX_STORE_STORE_H
#define CAROUSEL_RX_STORE_STORE_H

#include "carousel-rx/job.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/object_layout.h"

#include <stdbool.h>

/* What is received: the store key is (sha256, layout.oti, layout.kind); headends and channels add up under it. */
struct store_image {
	uint8_t sha256[32];
	struct object_layout layout;
	bool has_index; /* RX_INDEX is received and checked against index_sha256 before it is used */
	uint8_t index_sha256[32];
	uint64_t index_bytes;
};

struct store_config {
	const struct carousel_allocator *allocator;
	const struct carousel_log *log;
	const struct carousel_rx_storage *storage;
	size_t memory_bytes; /* all that the store allocates, the decoder included */
	uint64_t spill_bytes;
	uint64_t write_rate_bps; /* 0: unlimited */
	uint64_t sync_interval_ns;
	/* Payloads may be absent: identities only, nothing is written. A slot is then taken to hold the image with
	 * whose SHA-256 it begins, and of the one whose SHA-256 follows those chunks of 4 KiB whose bits are set in the
	 * bytes behind, from the lowest bit of the first. */
	bool allow_absent;
};

enum store_phase {
	STORE_IDLE,      /* no image */
	STORE_OPENING,   /* reading the journal back, checking the slot */
	STORE_RECEIVING, /* symbols are taken */
	STORE_COMPLETE,  /* every block is done, not verified as a whole yet */
	STORE_VERIFYING, /* the slot is read back */
	STORE_VERIFIED,  /* SHA-256 of the slot's image_bytes is the manifest's */
	STORE_BROKEN,    /* storage failed; error says how */
};

struct store_progress {
	enum store_phase phase;
	int error;
	uint32_t blocks, blocks_done;
	uint64_t symbols_needed;   /* source symbols that are not padding */
	uint64_t symbols_have;     /* useful symbols held: done blocks count in full */
	uint64_t symbols_heard;    /* offered while some block wanted more, duplicates included: what reception took */
	uint64_t symbols_offered;  /* those included that came when nothing was wanted any more */
	uint64_t symbols_dropped;  /* staging full, or no place left */
	uint64_t bytes_written;    /* to the slot and beside it, since the image was begun in this process */
	uint64_t symbols_resumed;  /* found again after a restart */
	uint64_t first_ns;         /* when the first was offered, in this process; 0: none yet */
	uint64_t done_ns;          /* when the last block was done; 0: not yet */
	bool is_waiting_for_index; /* all is there, but not right as a whole: only the index can tell what is wrong */
};

struct store;

/* Errors: ARGUMENT (memory too small for any block: at least 8 MiB wanted), MEMORY. */
int store_new(struct store **, const struct store_config *);
void store_free(struct store *);

/* Wants this image from now on: opens what the journal holds of it, or begins anew. Another image's symbols are
 * given up. The caller has had the boot loader mark the slot bad before. Same image again: nothing happens.
 * Errors: SLOT_TOO_SMALL, LIMIT (a block does not fit memory_bytes), UNSUPPORTED (scheme not in this build), BUSY
 * (jobs of the image before are under way: ask again after they are done), MEMORY. */
int store_begin(struct store *, const struct store_image *, uint64_t now_ns);
/* Wants nothing any more; what is in the slot stays there. BUSY as above. */
int store_end(struct store *);

/* Offers one encoding symbol (symbol_size bytes, or NULL when absent is allowed). Copies it.
 * Returns 0 (taken), DUPLICATE (held, or its block is done), SYMBOL (no such symbol or wrong length; the last source
 * symbol of an object may be short), LIMIT (no room in staging or no place: dropped and counted), BUSY (opening). */
int store_add(struct store *, uint32_t sbn, uint32_t esi, const uint8_t *symbol, size_t len, uint64_t now_ns);

/* How welcome symbols are just now. */
enum store_appetite {
	STORE_HUNGRY, /* they are of use, or may be */
	STORE_SATED,  /* of none until jobs are done: every block has enough, and is being decoded or checked */
	STORE_FULL,   /* there is no room for them until a job is done that is under way */
};
enum store_appetite store_appetite(struct store *);

/* The chunk index lies in RX_INDEX: a job compares its digest with index_sha256. Then blocks are checked with it before
 * they are done, and those that were done without it are checked again; chunks of zeros need not be received, nor what
 * the slot happens to hold already. Errors: ARGUMENT (no image, or one without an index). */
int store_set_index(struct store *);

/* No index is waited for any more: what is not right as a whole is received anew as a whole. One that comes later is
 * used all the same. */
void store_give_up_index(struct store *);

/* After COMPLETE: read the slot back and compare; ends in VERIFIED, or RECEIVING again: every block is then checked
 * once more, with the index if it is there, and what is wrong is dropped; if nothing is found, all is received anew.
 * Errors: BUSY (not complete), MEMORY. */
int store_verify(struct store *);
/* With no image begun: hash the slot's first bytes against an image without receiving it (a recall often needs no
 * airtime). Ends in VERIFIED or IDLE. */
int store_probe(struct store *, const struct store_image *);

struct carousel_job *store_next_job(struct store *, uint64_t now_ns);
uint64_t store_deadline(const struct store *); /* when next_job has something new (sync interval, write rate) */
/* Everything staged is written and synced as soon as jobs run, without waiting for the interval. */
void store_flush(struct store *);

void store_progress(const struct store *, struct store_progress *);
/* Bytes allocated now and at most so far. */
void store_memory(const struct store *, size_t *now, size_t *peak);

#endif
