/* reception.h - the way of a packet: datagram -> ALC -> session -> object -> collector, index or symbol store.
 *
 * Takes from the air what the agent wants and hands it whole objects to verify. It trusts nothing: documents are
 * verified by the agent, image symbols are combined under the signed manifest's digest and OTI. Single-threaded. */
#ifndef CAROUSEL_RX_RECEPTION_H
#define CAROUSEL_RX_RECEPTION_H

#include "carousel-rx/backlog.h"
#include "carousel-rx/index_collector.h"
#include "carousel-rx/loss.h"
#include "carousel-rx/object_table.h"
#include "carousel-rx/store/store.h"
#include "common/alc.h"

#define RECEPTION_MAX_SESSIONS 8u
#define RECEPTION_MAX_TSIS     (1u + CAROUSEL_RX_MAX_SESSIONS)
#define RECEPTION_MAX_CHANNELS 64u
#define RECEPTION_FDT_SLOTS    2u
#define RECEPTION_FDT_MEMORY   8u

/* Sessions of a map that count (carousel_rx_session_at). */
#define CAROUSEL_RX_MAX_SESSIONS 8u

struct reception;

/* A session heard: its source and TSI. */
struct reception_session {
	bool is_used;
	bool has_proof; /* a signed document from it was verified */
	struct carousel_addr source;
	uint32_t tsi, serial; /* serial: tells it from another session in the same place */
	uint64_t heard_ns, heartbeat_sequence;
	struct object_table table;
	struct object fdt[RECEPTION_FDT_SLOTS]; /* FDT instances under way; toi is the instance id */
	uint32_t fdt_done[RECEPTION_FDT_MEMORY], fdt_done_count;
	uint64_t fdt_done_ns; /* when these were last forgotten */
};

struct reception_config {
	const struct carousel_allocator *allocator;
	const struct carousel_log *log;
	struct store *store;
	uint32_t tsi;
	struct carousel_addr source; /* family 0: any */
	const char *class_name;
	bool allow_absent;
	size_t document_bytes; /* largest object that is gathered in memory */
	size_t backlog_bytes;
	/* A heartbeat packet of a known session whose sequence is new: verifies it and returns 0 or why not. */
	int (*heartbeat)(void *user, uint64_t sequence, const uint8_t *envelope, size_t len, uint64_t now_ns);
	void *user;
};

/* Errors: MEMORY. */
int reception_new(struct reception **, const struct reception_config *);
void reception_free(struct reception *);

/* 0 or why it was dropped; every drop is counted by that name. Never fatal. */
int reception_recv(struct reception *, const struct carousel_datagram *, uint64_t now_ns);

/* Another session that the map names. Errors: LIMIT. */
int reception_allow_tsi(struct reception *, uint32_t tsi);

/* What image symbols are for; NULL: none. index may be NULL and is borrowed until the next call. */
void reception_want_image(struct reception *, const struct store_image *, struct index_collector *index);
/* Image and index symbols are left alone while paused. */
void reception_set_paused(struct reception *, bool);

/* A whole object, to be decoded and verified in a job. */
struct reception_document {
	enum object_role role;
	struct collector *collector; /* lent until reception_document_done() */
	uint8_t content_encoding;
	uint32_t session, session_serial;
	uint64_t toi; /* FDT: the instance id */
};

/* True and the next one that waits, oldest TOI first within a session. */
bool reception_next_document(struct reception *, struct reception_document *);
/* Gives the collector back. result 0: verified (is_proof: by a signature that counts); NEED_MORE: go on gathering;
 * others: gather it anew after a while. */
void reception_document_done(
	struct reception *, const struct reception_document *, int result, bool is_proof, uint64_t now_ns);
/* The table of that FDT instance. Call before reception_document_done(). */
void reception_take_fdt(struct reception *, const struct reception_document *, const struct fdt *, uint64_t now_ns);
/* Documents of this role count as not heard yet, and not as refused: gather them once more. */
void reception_hear_again(struct reception *, enum object_role);
/* The numbers of heartbeats may have been a thief's: they begin anew. */
void reception_forget_heartbeats(struct reception *);
/* What the FDTs said may be wrong (an image did not verify): gather them anew. */
void reception_doubt(struct reception *);

void reception_socket_drops(struct reception *, uint32_t channel, uint64_t total);

struct reception_stats {
	uint64_t packets, bytes;                /* datagrams that arrived, dropped ones included */
	uint64_t drops[CAROUSEL_ERROR_NUMBERS]; /* by -code */
	uint64_t socket_drops;
	uint64_t heard_ns; /* when the last packet of a session that counts came; 0: never */
	double pps;        /* packets a second, of the last whole second */
	const struct loss *loss;
};
void reception_stats(const struct reception *, uint64_t now_ns, struct reception_stats *);
/* As stats.heard_ns. */
uint64_t reception_heard_ns(const struct reception *);
/* NULL past the last; those with is_used unset are empty. */
const struct reception_session *reception_session_at(const struct reception *, unsigned index);

#endif
