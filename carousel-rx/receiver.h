/* receiver.h - the inside of a receiver: what the agent's files share.
 *
 *   carousel_rx.c     the public functions: packets, time and jobs in
 *   desk.c            small jobs: documents decoded and verified, files and boot loader written
 *   agent.c           decision, states and what follows from them
 *   agent_slot.c      the target slot: probe, mark bad, receive, verify, switch
 *   agent_index.c     how long a wrong image waits for its chunk index
 *   agent_request.c   what the user wishes
 *   agent_boot.c      what a restart finds
 *   agent_watch.c     is what is held still what is sent
 *   report.c          events · status.c, explain.c: looking in */
#ifndef CAROUSEL_RX_RECEIVER_H
#define CAROUSEL_RX_RECEIVER_H

#include "carousel-rx/budget.h"
#include "carousel-rx/documents.h"
#include "carousel-rx/event_log.h"
#include "carousel-rx/memo.h"
#include "carousel-rx/reception.h"
#include "carousel-rx/staleness.h"
#include "carousel-rx/store/store.h"
#include "policy-map/policy.h"

#include <jansson.h>
#include <stdbool.h>

/* What happens to the target slot, in order. */
enum slot_step {
	SLOT_IDLE,       /* nothing is wanted of it */
	SLOT_LOOKING,    /* is it blank? */
	SLOT_PROBING,    /* does it hold the image already? */
	SLOT_MARKING,    /* the boot loader is told that it is bad */
	SLOT_COLLECTING, /* the store fills it */
	SLOT_VERIFYING,  /* it is read back */
	SLOT_CHECKING,   /* once more: it was verified long ago, or by a process before this one */
	SLOT_READY,      /* it holds the image, verified */
	SLOT_SWITCHING,  /* the boot loader is told to try it */
	SLOT_SWITCHED,   /* at the next boot */
	SLOT_LEAVING,    /* another image is wanted, or none: the store finishes what is under way */
	SLOT_UNMARKING,  /* switched, but no longer wanted: the boot loader is told that it is bad */
};

/* A boot loader call that waits for the desk or is under way there. */
enum boot_call { BOOT_NOTHING, BOOT_MARK_BAD, BOOT_TRY, BOOT_CONFIRM };

struct rx_slot {
	enum slot_step step;
	bool is_marked;    /* MARKING: the boot loader knows */
	bool is_checked;   /* CHECKING: the store is at it */
	bool was_switched; /* CHECKING: the boot loader was told to try it */
	bool has_image;
	struct store_image image; /* what the step is about */
	uint32_t version;
	uint64_t verified_ns; /* when it was read back last */
	bool has_counted;     /* the decision that counts was made for what is ready */
	uint64_t counted_serial;
	int error;         /* why the store or the boot loader did not do it; 0: none */
	int told_error;    /* by the last alarm */
	unsigned failures; /* one after the other: each doubles the wait */
	uint64_t retry_ns; /* after an error: not before */
};

struct rx_consent {
	bool is_offer_open;      /* the user was told in this process, and has not answered */
	uint64_t defer_until_ns; /* in this process; memo.defer_until_s goes on after a restart */
};

/* Why a trial, or the last installation, went wrong. */
struct rx_trial {
	bool is_pending;   /* the running slot is not confirmed: nothing is received */
	int error;         /* VERSION: it runs another version than was installed */
	int confirm_error; /* the boot loader's, when it was last told that the slot is good */
};

/* The job of the desk: a document to decode and verify, or files to write and the boot loader to tell. */
struct desk_job {
	struct carousel_job job; /* first: the job is the desk's */
	struct carousel_rx *rx;
	bool is_under_way;
	struct reception_document document;
	struct document_outcome outcome;
	struct fdt *fdt;
	struct carousel_job *index;      /* of the index collector */
	uint64_t look_bytes;             /* of the slot */
	char *state, *documents, *lines; /* owned; NULL: not to be written */
	size_t state_len, documents_len, lines_len;
	bool is_state_written, are_documents_written, are_lines_written;
	enum boot_call boot;
	int boot_slot, boot_result;
};

struct rx_desk {
	struct desk_job job;
	bool is_state_dirty, are_documents_dirty;
	uint64_t gate_saved_s; /* gate time as it is in RX_STATE */
	enum boot_call boot;   /* waits to be made */
	int boot_slot;
	uint64_t retry_ns; /* after a write that failed */
	int error;
};

struct rx_refusals {
	uint64_t count[OBJECT_NUM_ROLES + 1];                           /* by role; the last: heartbeats */
	uint64_t told_ns[OBJECT_NUM_ROLES + 1][CAROUSEL_ERROR_NUMBERS]; /* when that error was told last, by -code */
};

/* What a freeze is told by. */
struct rx_watch {
	struct staleness staleness;
	bool has_announced;
	struct heartbeat announced; /* by the newest fresh heartbeat of this process */
	enum staleness_reason told;
};

struct rx_speed {
	uint64_t time_ns, symbols;
	double per_second; /* useful symbols, smoothed */
};

struct carousel_rx {
	struct carousel_rx_config config;
	struct carousel_allocator owner_allocator;
	struct carousel_log log;
	struct budget budget;
	struct store *store;
	struct reception *reception;
	struct index_collector *index;
	struct documents documents;
	struct memo memo;
	struct event_log events;
	uint64_t now_ns, started_ns;
	struct carousel_boot_state boot;
	struct policy_box box;
	char class_name[65], box_id[65], category[65];

	bool has_decision;
	struct policy_decision decision; /* borrows from documents.map; made anew whenever that changes */
	enum carousel_rx_state state;
	int state_error;
	bool must_evaluate, is_started;
	unsigned inhibits;
	struct rx_slot slot;
	struct rx_consent consent;
	struct rx_trial trial;
	struct rx_desk desk;
	struct rx_refusals refusals;
	struct rx_watch watch;
	struct rx_speed speed;
	size_t document_bytes;      /* largest document */
	uint64_t progress_ns;       /* of the next progress event */
	uint64_t heartbeat_paid_ns; /* the time up to here is paid for in checked heartbeats */
	uint64_t due_since_ns;      /* what is mandatory has been so since, in this process */
	uint64_t told_decision[5];
	bool has_index_set, is_index_under_way;
	uint64_t doubt_mark;        /* symbols heard when memo.doubt_heard was counted last */
	uint64_t manifest_again_ns; /* when a missing manifest is listened for once more */
	bool has_told_reboot, was_state_damaged, has_fallen_back;
	unsigned documents_refused; /* lines of RX_DOCUMENTS */
};

/* ---- agent ------------------------------------------------------------------------------------------ */

/* Follows every consequence of what is known now. Cheap when nothing changed. */
void agent_evaluate(struct carousel_rx *);
/* Sets the state, remembers it and tells. */
void agent_set_state(struct carousel_rx *, enum carousel_rx_state, int error);
/* The decision may wait no longer for the user: mandatory and recall. */
bool agent_is_mandatory(const struct carousel_rx *);
/* What stands between what is ready and the switch: 0, INHIBITED, or BUSY (deferred). *until_ns: ask again then. */
int agent_delay(const struct carousel_rx *, uint64_t *until_ns);
uint64_t agent_deadline(const struct carousel_rx *);
/* Something new is held. */
void agent_documents_changed(struct carousel_rx *, enum object_role);
/* A document was refused: counted, and told as an alarm, the same one at most once a minute. role
 * OBJECT_NUM_ROLES: a heartbeat. */
void agent_refused(struct carousel_rx *, unsigned role, int error);
/* reception_config.heartbeat; user is the receiver. */
int agent_heartbeat(void *user, uint64_t sequence, const uint8_t *envelope, size_t len, uint64_t now_ns);

/* One step of the target slot towards `wanted` (NULL: nothing). True when it wants to be asked again at once. */
bool agent_slot_step(struct carousel_rx *, const struct policy_image *wanted);
/* Seconds until what failed is tried again; 0: nothing waits. */
uint64_t agent_slot_retry_s(const struct carousel_rx *);
/* Tells the boot loader to try what is ready, unless it was read back too long ago: then that comes first. */
void agent_slot_switch(struct carousel_rx *);
/* What the boot loader was told to try before this process was started, memo.install, is read back first. */
void agent_slot_resume_switched(struct carousel_rx *);
/* The desk has looked whether the slot is blank (0) or holds something (EXISTS, or why it cannot be read). */
void agent_slot_looked(struct carousel_rx *, int result);
/* The desk made the call. */
void agent_slot_boot_done(struct carousel_rx *, enum boot_call, int result);

/* A wrong image and its index: the store was begun; the store went on; the image is right after all. */
void agent_index_begin(struct carousel_rx *);
void agent_index_follow(struct carousel_rx *);
void agent_index_settle(struct carousel_rx *);
/* No index came in time for the image of the slot: what is wrong is received anew as a whole. */
bool agent_index_is_given_up(const struct carousel_rx *);
/* Symbols that are still waited for. */
uint64_t agent_index_patience(const struct carousel_rx *);

/* At the start: reads RX_STATE and RX_DOCUMENTS and asks the boot loader. Errors: MEMORY, STORAGE and the boot
 * loader's.
 */
int agent_boot(struct carousel_rx *);
/* Tells what agent_boot() found. */
void agent_boot_report(struct carousel_rx *);
/* The trial of the running slot is over: the boot loader was told that it is good. */
void agent_confirmed(struct carousel_rx *);
int agent_request(struct carousel_rx *, enum carousel_rx_verb, uint64_t arg);
/* Counts airtime and tells when what is held has become stale. */
void agent_watch(struct carousel_rx *);
/* The newest heartbeat is fresh: newer than all before. */
void agent_watch_heartbeat(struct carousel_rx *);

/* ---- desk ------------------------------------------------------------------------------------------- */

/* The next small job or NULL: at most one is under way. */
struct carousel_job *desk_next_job(struct carousel_rx *);
uint64_t desk_deadline(const struct carousel_rx *);

/* ---- report ----------------------------------------------------------------------------------------- */

/* One event, with what is decided and held, to the log (PROGRESS excepted) and to the owner. note: a word or
 * sentence more, or NULL. */
void report_event(struct carousel_rx *, enum carousel_rx_event_kind, int error, const char *note);
/* Members that events, status and explain share. New references; NULL: no memory. */
json_t *report_box(const struct carousel_rx *);
json_t *report_map(const struct carousel_rx *);
json_t *report_decision(const struct carousel_rx *);
json_t *report_image(const struct carousel_rx *);
/* null while nothing is stale. */
json_t *report_stale(const struct carousel_rx *);

#endif
