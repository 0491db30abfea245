/* reception_internal.h - what the files of the reception share.
 *
 *   reception.c            life, datagrams, what is wanted, looking in
 *   reception_sessions.c   who is heard: sources and TSIs
 *   reception_symbols.c    symbols of a session's objects: to the collector, the index or the store
 *   reception_documents.c  whole documents: lent to be verified, and what comes of it */
#ifndef CAROUSEL_RX_RECEPTION_INTERNAL_H
#define CAROUSEL_RX_RECEPTION_INTERNAL_H

#include "carousel-rx/reception.h"

#define RECEPTION_IDLE_NS   60000000000u /* a session or object not heard for so long may make room */
#define RECEPTION_SECOND_NS 1000000000u

struct reception {
	struct reception_config config;
	struct reception_session sessions[RECEPTION_MAX_SESSIONS], *latest;
	uint32_t tsis[RECEPTION_MAX_TSIS];
	unsigned num_tsis, num_proofs;
	uint32_t next_serial;
	uint32_t num_ready; /* documents that wait for a job, FDTs included */
	bool has_image, is_paused;
	struct store_image image;
	struct index_collector *index;
	struct backlog backlog;
	uint64_t backlog_ns;
	struct loss loss;
	uint64_t packets, bytes, heard_ns;
	uint64_t drops[CAROUSEL_ERROR_NUMBERS];
	uint64_t socket_drops[RECEPTION_MAX_CHANNELS];
	uint64_t second_ns, second_packets, last_packets;
};

/* The session and all that it gathers go. */
void reception_end_session(struct reception *, struct reception_session *);
/* Of the TSI of a packet: the session's own, or one more for heartbeats. Errors: FOREIGN_SESSION. */
int reception_tsi(const struct reception *, uint64_t tsi, uint32_t *session_tsi, bool *is_heartbeat);
/* The session of a source, which has just been heard; begun when it is new. Errors: LIMIT. */
int reception_session_of(struct reception *, const struct carousel_addr *source, uint32_t tsi, uint64_t now_ns,
	struct reception_session **);

/* The symbols of one packet of a session. *is_unknown: of a TOI that no FDT has named yet. */
int reception_session_packet(struct reception *, struct reception_session *, const struct alc_packet *,
	size_t absent_bytes, uint64_t now_ns, bool *is_unknown);
/* The collector not heard for longest makes room. False: all are being heard. */
bool reception_make_room(struct reception *, uint64_t now_ns);
/* Where the symbols of an image or index go, by what is wanted. */
void reception_route(const struct reception *, struct object *);

#endif
