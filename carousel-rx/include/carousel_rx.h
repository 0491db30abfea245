/* carousel_rx.h - libcarousel-rx: the receiver of the Carousel broadcast update system.
 *
 * A library without an event loop, threads, sockets, clock or files of its own. The owner feeds it:
 *
 *     datagrams and time        carousel_rx_recv, carousel_rx_on_deadline
 *     work that takes long      carousel_rx_next_job -> carousel_job_run (any thread) -> carousel_rx_job_done
 *     storage and boot loader   two tables of functions, called only inside jobs and carousel_rx_new
 *     the user's wishes         carousel_rx_request
 *
 * and it answers with events, with carousel_rx_status_json() and, in the end, with an image in the
 * inactive slot that the boot loader is told to try.
 *
 * Thread rule: every function but carousel_job_run() belongs to one thread (or the caller's lock).
 * Time is a monotonic clock in nanoseconds whose origin does not matter; it may stand still
 * but is never taken to run backwards: a smaller value than before counts as the same moment.
 * Errors are those of carousel_error.h. Nothing that arrives in a datagram is ever a fatal error. */
#ifndef CAROUSEL_RX_H
#define CAROUSEL_RX_H

#include <stddef.h>
#include <stdint.h>

#include "carousel_error.h"

#ifdef __cplusplus
extern "C" {
#endif

struct carousel_rx;
struct carousel_job;

/* ---- packets ---------------------------------------------------------------------------------- */

struct carousel_addr {
	uint8_t family; /* 4 or 6; 0: none */
	uint8_t ip[16]; /* network order; the first 4 bytes for IPv4 */
	uint16_t port;  /* host order */
};

struct carousel_datagram {
	const uint8_t *data; /* UDP payload; borrowed for the call */
	size_t len;
	struct carousel_addr source;
	uint32_t channel;    /* the owner's number for the socket or group it came in on; below 64 */
	size_t absent_bytes; /* payload left out by a simulator; refused unless config.allow_absent */
};

/* ---- storage ---------------------------------------------------------------------------------- */

enum carousel_rx_file {
	RX_SLOT_TARGET,  /* the inactive slot: written, read, never truncated below its size if a device */
	RX_SLOT_RUNNING, /* the running slot: read only */
	RX_JOURNAL,      /* which symbol lies where in the target slot; appended and compacted */
	RX_SCRATCH,      /* one block's worth: decoded symbols before they are copied to their places */
	RX_SPILL,        /* symbols that found no place in the slot */
	RX_INDEX,        /* the chunk index of the image being received */
	RX_STATE,        /* small; state, decisions, what failed and what was declined; replaced as a whole */
	RX_DOCUMENTS,    /* signed documents held: roots, map, manifests; replaced as a whole */
	RX_EVENTS,       /* event log, JSON lines; appended, replaced when rotated */
	RX_NUM_FILES
};

/* Every function returns 0 or a negative code; all bytes or an error. Called only inside jobs and, for
 * RX_STATE, RX_DOCUMENTS and RX_SLOT_TARGET's size, inside carousel_rx_new(). Several jobs may be under way
 * on threads of their own: calls on one file may overlap in time, but never two writes to the same bytes, as pread(2),
 * pwrite(2) and fdatasync(2) allow; truncate and replace come alone.
 * read past the end of a file is NEED_MORE. write past the end makes a regular file longer and is NO_SPACE on a device.
 */
struct carousel_rx_storage {
	void *user;
	int (*size)(void *user, enum carousel_rx_file,
		uint64_t *bytes); /* a slot: its capacity; a file that is not there: 0 */
	int (*read)(void *user, enum carousel_rx_file, uint64_t off, void *dst, size_t len);
	int (*write)(void *user, enum carousel_rx_file, uint64_t off, const void *src, size_t len);
	int (*sync)(void *user, enum carousel_rx_file);
	int (*truncate)(void *user, enum carousel_rx_file, uint64_t bytes); /* never called for the slots */
	int (*replace)(void *user, enum carousel_rx_file, const void *data, size_t len); /* atomic and synced */
};

/* ---- boot loader ------------------------------------------------------------------------------- */

struct carousel_boot_state {
	int running;      /* slot that runs: 0 or 1 */
	int target;       /* slot to write: the other one */
	int is_confirmed; /* the running slot was confirmed after its trial; nothing is received until it is */
	int is_trial;     /* this boot is the trial of a new slot */
	int fell_back;    /* the boot loader gave up on `target` and booted the old slot again */
};

/* Called only inside jobs and carousel_rx_new(). mark_bad before the first write to the target slot;
 * try_slot when its content was read back and verified; confirm after the health check. */
struct carousel_boot {
	void *user;
	int (*state)(void *user, struct carousel_boot_state *);
	int (*mark_bad)(void *user, int slot);
	int (*try_slot)(void *user, int slot, unsigned tries);
	int (*confirm)(void *user, int slot);
};

/* ---- events ------------------------------------------------------------------------------------ */

enum carousel_rx_state {
	CAROUSEL_RX_WAITING_MAP,
	CAROUSEL_RX_UP_TO_DATE,
	CAROUSEL_RX_RECEIVING,
	CAROUSEL_RX_RECEIVED,
	CAROUSEL_RX_OFFERED,
	CAROUSEL_RX_SCHEDULED,
	CAROUSEL_RX_INSTALLING,
	CAROUSEL_RX_PENDING_REBOOT,
	CAROUSEL_RX_TRIAL,
	CAROUSEL_RX_FAILED,
	CAROUSEL_RX_NUM_STATES
};

/* "waiting-map", "up-to-date", ... Static; "unknown" for others. */
CAROUSEL_API const char *carousel_rx_state_name(enum carousel_rx_state);

enum carousel_rx_event_kind {
	CAROUSEL_RX_EVENT_STATE,    /* the state changed */
	CAROUSEL_RX_EVENT_DECISION, /* a decision that counts was made */
	CAROUSEL_RX_EVENT_OFFER,    /* the user is asked: answer with ACCEPT, DECLINE or DEFER */
	CAROUSEL_RX_EVENT_PROGRESS, /* at most one a second while receiving */
	CAROUSEL_RX_EVENT_REBOOT,   /* verified and switched: reboot when it suits */
	CAROUSEL_RX_EVENT_ALARM,    /* stale, unreadable version, refused document, storage trouble */
};

struct carousel_rx_event {
	enum carousel_rx_event_kind kind;
	enum carousel_rx_state state;
	uint64_t time_ns;
	int error;        /* ALARM, FAILED: why; else 0 */
	const char *json; /* the event as the event log has it: one JSON object, no line end; borrowed */
};

typedef void (*carousel_rx_event_fn)(void *user, const struct carousel_rx_event *);

enum carousel_rx_verb {
	CAROUSEL_RX_ACCEPT,      /* the offer that is open; arg: version offered, or 0 for whichever */
	CAROUSEL_RX_DECLINE,     /* until current's digest changes or it becomes mandatory */
	CAROUSEL_RX_DEFER,       /* arg: seconds, at most 30 days */
	CAROUSEL_RX_INSTALL_NOW, /* skips window and defer, and asks as a user may; never the rule */
	CAROUSEL_RX_PAUSE,       /* stop receiving */
	CAROUSEL_RX_RESUME,
	CAROUSEL_RX_INHIBIT, /* a running application forbids the reboot and the switch */
	CAROUSEL_RX_UNINHIBIT,
	CAROUSEL_RX_HEALTHY, /* the health check of a trial boot passed: confirm the running slot */
};

/* ---- configuration ------------------------------------------------------------------------------ */

enum carousel_rx_prefetch { CAROUSEL_RX_PREFETCH_NEEDED, CAROUSEL_RX_PREFETCH_ALWAYS };
enum carousel_rx_offers {
	CAROUSEL_RX_OFFERS_ASK,
	CAROUSEL_RX_OFFERS_INSTALL,
	CAROUSEL_RX_OFFERS_MONTHLY,
	CAROUSEL_RX_OFFERS_IGNORE
};

/* All strings and tables are borrowed for the life of the receiver. Zero means the default. */
struct carousel_rx_config {
	void *alloc_user; /* both functions NULL: malloc and free; jobs call them from the threads they run on */
	void *(*alloc)(void *user, size_t bytes);
	void (*free)(void *user, void *ptr);

	void *log_user; /* level: 0 error, 1 warning, 2 notice, 3 info, 4 debug */
	int log_level;
	void (*log)(void *user, int level, const char *line);

	void *event_user;
	carousel_rx_event_fn event;

	const struct carousel_rx_storage *storage;
	const struct carousel_boot *boot;

	const char *box_id;         /* [0-9a-z._:-]{1,64} */
	const char *category;       /* the box's own setting; NULL: production */
	const char *hardware_class; /* IMAGE_ID of the running image's os-release */
	const char *version;        /* IMAGE_VERSION of it, as text; NULL or not a number: unreadable */
	uint32_t hardware_floor;    /* nothing below it is installed; 0: none */

	const void *trust_root; /* the first root envelope, from the box's factory image */
	size_t trust_root_len;

	uint32_t tsi;                /* of the objects; the heartbeat's is tsi + 1 */
	struct carousel_addr source; /* only packets from here count; family 0: any. The port is not compared */

	size_t memory_bytes;  /* all that the library allocates, 8 MiB or more; default 8.5 MiB: a process of 16 MiB */
	uint64_t spill_bytes; /* at most this much in RX_SPILL; default 64 symbols a block */
	uint64_t write_rate_bps;   /* to the slot, bits per second; 0: unlimited */
	uint64_t sync_interval_ns; /* how much may be lost in a power cut, besides what a sync takes; default 1 s */

	enum carousel_rx_prefetch prefetch;
	enum carousel_rx_offers offers;
	uint64_t mandatory_wait_s;            /* how long an inhibit may hold up what is mandatory; default 7 days */
	uint64_t stale_after_s;               /* airtime without news until the alarm is raised; default 1 hour */
	unsigned max_attempts;                /* default 2 */
	unsigned boot_tries;                  /* default 3 */
	int has_trusted_clock;                /* expiry dates count; wall_clock_s below is then asked */
	uint64_t (*wall_clock_s)(void *user); /* seconds since 1970 */
	void *wall_clock_user;
	int allow_absent; /* simulator: datagrams may leave their payload out */
	int no_progress;  /* no CAROUSEL_RX_EVENT_PROGRESS, which takes some work every second while receiving */
};

/* ---- life ----------------------------------------------------------------------------------------- */

/* Reads state and documents back and goes on where it was. *rx is set only when 0 is returned.
 * Errors: ARGUMENT (a field is missing or illegal), SIGNATURE, SYNTAX, WRONG_TYPE, MALFORMED (the trust root is not
 * one), MEMORY, STORAGE, those of the boot loader's state.
 * A damaged state or documents file is no error: it is reported by an ALARM event and made anew. */
CAROUSEL_API int carousel_rx_new(struct carousel_rx **rx, const struct carousel_rx_config *, uint64_t now_ns);

/* Jobs that run must have been run and handed back. What was not synced is lost, as in a power cut. NULL is legal. */
CAROUSEL_API void carousel_rx_free(struct carousel_rx *);

/* 0, or why the datagram was dropped (counted by that name in status). Only MEMORY, STORAGE, IO and INTERNAL say that
 * the receiver itself cannot go on (carousel_error_is_fatal). */
CAROUSEL_API int carousel_rx_recv(struct carousel_rx *, const struct carousel_datagram *, uint64_t now_ns);

/* The socket's own drop count of a channel, as a running total: to tell loss on the air from loss in the box. */
CAROUSEL_API void carousel_rx_socket_drops(struct carousel_rx *, uint32_t channel, uint64_t total);

/* How welcome datagrams are just now; for owners of links so fast that it matters. */
enum carousel_rx_appetite {
	CAROUSEL_RX_HUNGRY,
	CAROUSEL_RX_SATED, /* none is of use to the image until jobs are done: reading them seldom leaves jobs the
			    * processor
			    */
	CAROUSEL_RX_FULL,  /* there is no room for them until a job is done: better left in the socket's buffer */
};
CAROUSEL_API enum carousel_rx_appetite carousel_rx_appetite(const struct carousel_rx *);

/* When carousel_rx_on_deadline() wants to be called; UINT64_MAX: not at all. Ask again after every call. */
CAROUSEL_API uint64_t carousel_rx_deadline(const struct carousel_rx *);
CAROUSEL_API int carousel_rx_on_deadline(struct carousel_rx *, uint64_t now_ns);

/* The next piece of work, or NULL. Several may be under way at once (at most four: one that writes symbols,
 * one that syncs them, one that decodes or hashes, one for small things: documents, state, boot loader). Each is run
 * once, by any thread, and then handed back. */
CAROUSEL_API struct carousel_job *carousel_rx_next_job(struct carousel_rx *);
CAROUSEL_API void carousel_job_run(struct carousel_job *);
CAROUSEL_API int carousel_rx_job_done(struct carousel_rx *, struct carousel_job *, uint64_t now_ns);
/* 1 for decoding, hashing and scanning, at which the processor is for long and for which no other job waits: they hold
 * no lock, write nothing but RX_SCRATCH and sync nothing. An owner may run them on threads of lower priority. The
 * others are short, and while they wait carousel_rx_appetite() may come to say that no more fits. */
CAROUSEL_API int carousel_job_is_background(const struct carousel_job *);

/* 0, or REFUSED (the rule or the state forbids it; status tells why), ARGUMENT, NOT_FOUND (nothing is offered). */
CAROUSEL_API int carousel_rx_request(struct carousel_rx *, enum carousel_rx_verb, uint64_t arg, uint64_t now_ns);

/* Asks for everything heard to be written and synced now (before the owner exits); jobs follow. */
CAROUSEL_API int carousel_rx_flush(struct carousel_rx *, uint64_t now_ns);

/* ---- looking in ------------------------------------------------------------------------------------- */

CAROUSEL_API enum carousel_rx_state carousel_rx_state(const struct carousel_rx *);

/* The status as one JSON object {"format":"carousel-status/1",...}, NUL-terminated; free with
 * carousel_rx_string_free(). NULL: no memory. */
CAROUSEL_API char *carousel_rx_status_json(const struct carousel_rx *, uint64_t now_ns);

/* Why this box did or did not update: {"format":"carousel-explain/1","line":"...",...}. As above. */
CAROUSEL_API char *carousel_rx_explain_json(const struct carousel_rx *, uint64_t now_ns);
CAROUSEL_API void carousel_rx_string_free(const struct carousel_rx *, char *);

/* Where the signed map says this session is sent, so that the owner can join; NOT_FOUND before a map or past the last.
 */
struct carousel_rx_session {
	struct carousel_addr group, source;
	uint32_t tsi;
	char name[64];
};
CAROUSEL_API int carousel_rx_session_at(const struct carousel_rx *, unsigned index, struct carousel_rx_session *);

#ifdef __cplusplus
}
#endif
#endif
