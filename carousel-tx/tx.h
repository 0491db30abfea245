/* tx.h - the transmitter's core: every object of one FLUTE session, over and over, on one or more channels.
 *
 * No event loop, threads, sockets, files, clock or random source. The owner feeds it time and asks for packets:
 *
 *     tx_on_deadline(tx, now);
 *     while (tx_next_packet(tx, channel, buffer, sizeof buffer, &packet, now) == 0)
 *             send(buffer, packet.len);
 *     while ((job = tx_next_job(tx)) != NULL)
 *             tx_job_run(job) on any thread, then tx_job_done(tx, job, now) on this one
 *     sleep until tx_deadline(tx, channel) or the next tx_job_done
 *
 * Files are read, blocks encoded and counters stored only inside jobs. What goes on the air is described in
 * common/PROTOCOL.md: documents (control objects) within a share of each channel, images round-robin by weight in the
 * rest, heartbeats on TSI + 1.
 *
 * Thread rule: everything but tx_job_run() belongs to one thread; an allocator handed in must be thread-safe when jobs
 * run on others. Time is monotonic nanoseconds; a value smaller than before counts as the same moment. */
#ifndef CAROUSEL_TX_TX_H
#define CAROUSEL_TX_TX_H

#include "common/hash.h"
#include "common/key.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/object_layout.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TX_MAX_CHANNELS       16u
#define TX_MAX_IMAGES         512u
#define TX_MAX_COPY_MAPS      256u /* of all images; more are left off the air */
#define TX_MAX_DOCUMENT_BYTES (8u << 20)
#define TX_MAX_PACKET_BYTES   9000u /* header and symbol; what tx_next_packet() may need */
#define TX_NEVER              UINT64_MAX

struct tx;
struct tx_job;

enum tx_role {
	TX_ROLE_FDT,
	TX_ROLE_HEARTBEAT,
	TX_ROLE_TRUST_ROOT,
	TX_ROLE_MAP,
	TX_ROLE_SCHEDULE,
	TX_ROLE_MANIFEST,
	TX_ROLE_INDEX,
	TX_ROLE_COPY_MAP,
	TX_ROLE_IMAGE,
	TX_NUM_ROLES
};
/* "fdt", "heartbeat", "trust-root", "map", "schedule", "manifest", "index", "copy-map", "image". */
const char *tx_role_name(enum tx_role);

/* Where the bytes of an image, an index or a copy map come from. read is called inside jobs only, perhaps by several
 * threads at once; all of it or a negative code. release is called once, on the core's thread, when the core needs it
 * no more. */
struct tx_source {
	void *user;
	int (*read)(void *user, uint64_t offset, void *dst, size_t len);
	void (*release)(void *user);
};

struct tx_channel_config {
	const char *name;        /* for status and counters; [A-Za-z0-9._-]{1,32}, distinct */
	uint64_t rate_bps;       /* on the wire: UDP payload, UDP and IP headers; 0: unlimited */
	uint32_t burst_bytes;    /* how much may be made up at once after a delay; 0: as tx_pacer_init() chooses */
	uint32_t overhead_bytes; /* IP and UDP headers: 28 or 48; 0: 28 */
};

/* Memory that may be large and is used sequentially: repair symbols made ahead. The daemon maps files. */
struct tx_spool {
	void *user;
	void *(*alloc)(void *user, size_t bytes); /* NULL: none to be had */
	void (*free)(void *user, void *memory, size_t bytes);
};

/* All strings and tables are borrowed for the life of the transmitter. Zero means the default in brackets. */
struct tx_config {
	const struct carousel_allocator *allocator;
	const struct carousel_log *log;
	const char *session_name; /* as the map calls it ["main"] */
	uint32_t tsi;             /* of the objects; heartbeats go out on tsi + 1 */
	const struct tx_channel_config *channels;
	uint32_t num_channels;
	uint32_t headend, headends;       /* this is headend i (from 0) of n [1] */
	uint8_t flute_version;            /* [2] */
	uint32_t fti_interval;            /* EXT_FTI on every Nth packet of an image, index or copy map [16] */
	bool no_sequence;                 /* CCI 0 instead of the channel's packet sequence number */
	uint32_t control_permille;        /* of each channel, at most, for all but images and indexes [50] */
	uint64_t period_ns[TX_NUM_ROLES]; /* wanted; of all but index, copy map and image [FDT 1 s, others 2 s] */
	uint64_t lead_ns; /* an image is announced so long before its first symbol, so that boxes hear its source pass
			     [0] */
	uint64_t fdt_lifetime_ns; /* an FDT instance expires after this and is renewed at half of it [1 h] */
	uint16_t symbol_size;     /* of documents and indexes [1024] */
	bool control_no_code;     /* documents and indexes in Compact No-Code instead of RaptorQ */
	size_t read_ahead_bytes;  /* of images in their source pass, in all [32 MiB] */
	/* Kept to make repair symbols without loading a block again, in all [384 MiB, and only of images that cost a
	 * tenth of a core or more without, at the channels' rate]. */
	size_t encoder_bytes;
	size_t spool_bytes;                        /* repair symbols made ahead, in all [128 MiB] */
	const struct tx_spool *spool;              /* NULL: the allocator */
	const struct key_signer *heartbeat_signer; /* NULL: no heartbeats and no schedule */
	/* Stores the counters' text (counters.h), synced, replacing what was there; called inside jobs. NULL: nothing
	 * is kept and nothing leased (simulator, tests). */
	int (*store_counters)(void *user, const char *text, size_t len);
	void *store_user;
	const char *counters; /* the text last stored; NULL: none. Not needed after tx_new() */
	size_t counters_len;
	bool leave_out_payload; /* simulator: images without payload, see struct tx_packet */
};

/* *tx is set only when 0 is returned. Errors: ARGUMENT, UNSUPPORTED, MEMORY, and for counters that
 * cannot be read those of tx_counters_init(). */
int tx_new(struct tx **tx, const struct tx_config *, uint64_t now_ns);
/* Jobs that were handed out must have been run and handed back. NULL is legal. */
void tx_free(struct tx *);

/* The time of day, for heartbeats, the FDT's expiry and SCT; to be called before the first packet and now and then. */
void tx_set_wall_clock(struct tx *, uint64_t wall_ns, uint64_t now_ns);
/* A new rate for a channel (bits per second, 0: unlimited). Errors: ARGUMENT. */
int tx_set_rate(struct tx *, uint32_t channel, uint64_t rate_bps, uint64_t now_ns);

/* ---- what is on the air ------------------------------------------------------------------------ */

/* A document: TRUST_ROOT, MAP or MANIFEST (one a class, class_name; else NULL). The bytes are copied. The same bytes
 * again change nothing; other bytes take a new TOI. len 0 takes it off the air. Errors: ARGUMENT, LIMIT, MEMORY. */
int tx_set_document(struct tx *, enum tx_role, const char *class_name, const void *bytes, size_t len, uint64_t now_ns);

/* What heartbeats say of the map on the air. */
struct tx_map_info {
	uint32_t epoch;
	uint64_t serial;
	uint8_t sha256[HASH_SHA256_BYTES]; /* of the map's payload */
};
void tx_set_map_info(struct tx *, const struct tx_map_info *);

/* Where the chunks of the image lie in an older one (policy-map/copy_map.h). */
struct tx_copy_map {
	uint32_t from_version;
	uint8_t sha256[HASH_SHA256_BYTES]; /* of the copy map */
	uint64_t bytes;
	struct tx_source source;
};

struct tx_image {
	const char *class_name;
	uint32_t version;
	uint8_t sha256[HASH_SHA256_BYTES];
	struct object_layout layout; /* as the signed manifest has it; N = 1 */
	struct tx_source source;
	uint64_t index_bytes; /* 0: no index */
	struct tx_source index;
	uint32_t num_copy_maps;
	const struct tx_copy_map *copy_maps;
	uint32_t weight; /* relative share; 0: 1 */
};

/* Puts an image on the air. Takes the sources over, in case of an error too. EXISTS: an image of that digest is there.
 * Errors: ARGUMENT, UNSUPPORTED (N > 1, FEC scheme, symbols too long for a packet), LIMIT (number of images), MEMORY.
 */
int tx_add_image(struct tx *, const struct tx_image *, uint64_t now_ns);
/* Off the air at once; the sources are released when no job uses them any more. NOT_FOUND. */
int tx_remove_image(struct tx *, const uint8_t sha256[HASH_SHA256_BYTES]);
/* NOT_FOUND. */
int tx_set_weight(struct tx *, const uint8_t sha256[HASH_SHA256_BYTES], uint32_t weight);

/* ---- packets and time --------------------------------------------------------------------------- */

struct tx_packet {
	size_t len;          /* bytes in the buffer */
	size_t absent_bytes; /* leave_out_payload: payload that follows the buffer's bytes and was left out */
	enum tx_role role;
};

/* The next packet of a channel. Returns 0, or NEED_MORE: nothing may or can be sent now (see tx_deadline), or LIMIT:
 * cap is too small (TX_MAX_PACKET_BYTES always suffices), or a fatal code. */
int tx_next_packet(struct tx *, uint32_t channel, uint8_t *buffer, size_t cap, struct tx_packet *, uint64_t now_ns);
/* When to call tx_on_deadline() and then tx_next_packet() again, if no job is done before. On a fast channel some
 * packets' time is waited for at once (at most 1 ms and a quarter of the burst), so that they leave in one batch. */
uint64_t tx_deadline(const struct tx *, uint32_t channel);
/* What has to be done by time: renewals, rates measured. 0 or a fatal code. */
int tx_on_deadline(struct tx *, uint64_t now_ns);

/* ---- jobs ------------------------------------------------------------------------------------------- */

/* The next piece of work, or NULL. Several may be under way; ask after every packet batch and job done. */
struct tx_job *tx_next_job(struct tx *);
void tx_job_run(struct tx_job *);
/* 0 or a fatal code. A job that failed is tried again later, and warned of in the status. */
int tx_job_done(struct tx *, struct tx_job *, uint64_t now_ns);

/* Asks for the counters to be stored as they are, without leases (before a clean end; a job follows, and no packet
 * after it). */
void tx_close(struct tx *);

/* ---- looking in --------------------------------------------------------------------------------------- */

/* {"format":"carousel-status/1","session":{},"channels":[],"objects":[],"map":{},"warnings":[]}; the caller's
 * reference, NULL: no memory. */
json_t *tx_status(const struct tx *, uint64_t now_ns);

struct tx_channel_stats {
	uint64_t packets, wire_bytes, control_bytes; /* wire_bytes as the rate counts them; control: those of them */
	uint64_t starved_ns;                         /* the channel had nothing ready though its time had come */
};
void tx_channel_stats(const struct tx *, uint32_t channel, struct tx_channel_stats *);

#endif
