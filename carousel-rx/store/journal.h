/* journal.h - what lies where in the slot, as CRC-ed records that survive power cuts.
 *
 * The file: two copies of a superblock (at 0 and 4096), then a region of records. The superblock names the image, the
 * region's start and a generation, which seeds every record's CRC, so that records of another time never count.
 * A record (little endian): magic and type 4, payload length 4, epoch 4, sequence 4, CRC-32 4, payload.
 * The epoch grows with every opening: what a power cut left behind a lost record belongs to an older epoch than what
 * was written in its place. A damaged record is skipped; the reader finds the next good one.
 *
 * Records are appended as soon as their symbols are written, and count without further ado once a MARK says that
 * everything up to a sequence number was synced (data first, then the mark, then the journal). Younger records are
 * taken only for symbols that are read back and match their check (symbol_check.h). BLOCK and COPY are written after
 * their data was synced.
 *
 * Thread rule: append and mark may be called by several jobs at once, none of them of low priority: they wait for each
 * other's writes (a lock inside). Open and rewrite by one alone. What asks (sequence, end, bytes) and scanning wait for
 * nobody. */
#ifndef CAROUSEL_RX_STORE_JOURNAL_H
#define CAROUSEL_RX_STORE_JOURNAL_H

#include "carousel-rx/store/geometry.h"

#include <pthread.h>
#include <stdatomic.h>

enum journal_type {
	JOURNAL_EPOCH = 1,    /* nothing: a new opening */
	JOURNAL_OWN,          /* n * {sbn, group, mask, XOR of checks}: own symbols of 32 places */
	JOURNAL_FOREIGN,      /* {sbn, place, ESI, check}, packed (journal_entry.h) */
	JOURNAL_SPILL,        /* n * {spill slot, sbn, ESI, check} */
	JOURNAL_DROP_OWN,     /* as OWN: these do not count any more */
	JOURNAL_DROP_FOREIGN, /* n * {sbn, place, ESI, check} */
	JOURNAL_DROP_SPILL,   /* as SPILL */
	JOURNAL_MARK,         /* sequence: all up to it was synced */
	JOURNAL_COPY,  /* blocks whose places not own lie in the scratch, in order: n * {sbn, places, CRC-32 of their
			  checks, width of its strips} */
	JOURNAL_BLOCK, /* n * {sbn, flags, groups * {own, sum}}: the block holds this and nothing else */
};

#define JOURNAL_ENTRY_BYTES 16u /* of OWN, SPILL and the drops */
#define JOURNAL_COPY_BYTES  16u
#define JOURNAL_BLOCK_BYTES 8u /* before the groups */
#define JOURNAL_GROUP_BYTES 8u
#define JOURNAL_HEAD_BYTES  20u
#define JOURNAL_MAX_PAYLOAD (48u * 1024)
#define JOURNAL_START       8192u /* of the first region */
#define JOURNAL_VERIFIED    1u    /* flag of BLOCK */

struct journal_image {
	uint8_t sha256[32];
	const struct object_layout *layout;
};

struct journal {
	struct place_io *io; /* of the lane that opens */
	pthread_mutex_t lock;
	uint8_t key[32]; /* digest of the image's identity */
	uint32_t generation, epoch;
	_Atomic uint32_t sequence; /* of the last record that is written */
	uint32_t crc_seed;
	int copy;       /* which superblock copy is the newest */
	uint64_t start; /* of the region */
	_Atomic uint64_t end;
	atomic_bool has_spill; /* a SPILL was appended or found: the spill is to be synced too */
};

struct journal_record {
	enum journal_type type;
	uint32_t epoch, sequence;
	const uint8_t *payload; /* borrowed until the next */
	size_t len;
	uint64_t offset;
};

/* Errors: MEMORY. */
int journal_init(struct journal *, const struct journal_image *);
void journal_deinit(struct journal *);

/* Reads the superblock. 0, or NOT_FOUND: no journal, or damaged, or of another image; STORAGE: it cannot be read. */
int journal_open(struct journal *, struct place_io *);
/* An empty journal for this image. Synced. */
int journal_create(struct journal *, struct place_io *);

/* Goes through the good records from the region's start to file_end, where journal_scan_next returns NEED_MORE.
 * buf: JOURNAL_SCAN_BYTES, borrowed. */
#define JOURNAL_SCAN_BYTES (2u * JOURNAL_MAX_PAYLOAD)
struct journal_scan {
	const struct journal *journal;
	struct place_io *io;
	uint8_t *buf;
	uint64_t offset, file_end; /* of buf[0] */
	size_t at, len;
	uint32_t epoch, sequence; /* the newest so far */
	uint64_t end;             /* behind the newest so far */
	uint64_t bytes_damaged;
	bool has_spill;
};
void journal_scan_init(
	struct journal_scan *, const struct journal *, struct place_io *, uint8_t *buf, uint64_t file_end);
int journal_scan_next(struct journal_scan *, struct journal_record *);

/* After a scan to the end: starts a new epoch behind the last good record. */
int journal_resume(struct journal *, struct place_io *, const struct journal_scan *);

/* Appends one record, not synced. len at most JOURNAL_MAX_PAYLOAD. */
int journal_append(struct journal *, struct place_io *, enum journal_type, const void *payload, size_t len);
/* Says that all up to `sequence` was synced, and syncs the journal itself. */
int journal_mark(struct journal *, struct place_io *, uint32_t sequence);
/* Syncs slot and spill, and marks what had been appended before. */
int journal_sync_data(struct journal *, struct place_io *);

/* Rewriting: `to` becomes the next generation of `from`, with its records from `start` on; to is appended to, and
 * then replaces from: synced, made known by the superblock, synced. `to` has no lock of its own: one thread. */
void journal_fork(struct journal *to, const struct journal *from, uint64_t start);
int journal_replace(struct journal *from, struct place_io *, struct journal *to);
/* Behind the region, where another may start. */
uint64_t journal_after(const struct journal *);

/* Of the last record that is written. These never wait. */
uint32_t journal_sequence(const struct journal *);
/* Offset in the file behind the last record, and the length of the region of records. */
uint64_t journal_end(const struct journal *);
uint64_t journal_bytes(const struct journal *);

#endif
