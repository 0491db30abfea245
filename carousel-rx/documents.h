/* documents.h - the signed documents a box holds: roots, map, manifests, schedule, newest heartbeat.
 *
 * Checking (signatures, parsing) reads what is held and changes nothing, so a job may do it; taking over is the
 * receiver's thread's. What is held is always the newest: (epoch, serial) of the map and the root's version only grow.
 */
#ifndef CAROUSEL_RX_DOCUMENTS_H
#define CAROUSEL_RX_DOCUMENTS_H

#include "carousel-rx/object_table.h"
#include "common/memory.h"
#include "policy-map/heartbeat.h"
#include "policy-map/manifest.h"
#include "policy-map/policy_map.h"
#include "policy-map/schedule.h"
#include "policy-map/trust.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DOCUMENTS_MAX_MANIFESTS 16u
#define DOCUMENTS_MAX_ROOTS     64u

/* An envelope's text, one line without its end. */
struct document_text {
	char *text; /* owned */
	size_t len;
};

struct document_manifest {
	struct manifest manifest;
	uint8_t sha256[32]; /* of the payload: what a map's image line names */
	struct document_text text;
};

struct documents {
	const struct carousel_allocator *allocator;
	const char *class_name, *box_id;
	struct trust trust;
	struct document_text roots[DOCUMENTS_MAX_ROOTS]; /* beyond the box's first */
	unsigned num_roots;
	struct policy_map *map; /* NULL: none yet */
	struct document_text map_text;
	/* The newest map ever held, whatever became of its bytes. */
	uint32_t floor_epoch;
	uint64_t floor_serial;
	uint8_t floor_sha256[32];
	struct document_manifest *manifests[DOCUMENTS_MAX_MANIFESTS];
	unsigned num_manifests;
	struct schedule schedule;
	bool has_schedule;
	struct heartbeat heartbeat; /* newest verified; sequence 0: none in this process */
	uint64_t heartbeat_ns, gate_time_s;
};

/* trust_root: the first root's envelope. Errors: those of envelope_parse and trust_init. */
int documents_init(struct documents *, const struct carousel_allocator *, const char *class_name, const char *box_id,
	const void *trust_root, size_t len);
void documents_deinit(struct documents *);

/* What a check made of an object's bytes; deinit frees what was not taken over. */
struct document_outcome {
	enum object_role role;
	struct trust *trust; /* TRUST_ROOT: as it would be then */
	unsigned num_new;    /* roots, or manifests */
	struct document_text texts[DOCUMENTS_MAX_MANIFESTS];
	struct policy_map *map;
	struct document_manifest *manifests[DOCUMENTS_MAX_MANIFESTS];
	struct schedule schedule;
	bool has_schedule;
};

/* Verifies and parses a TRUST_ROOT, MAP, MANIFEST or SCHEDULE object (text: its bytes). Of manifests those of the box's
 * class are kept, as many as there is room for. Errors: SIGNATURE, WRONG_TYPE, NOT_FOUND (role without keys), SYNTAX,
 * MALFORMED, LIMIT, MEMORY and those of the parsers; on error the outcome holds nothing. */
int documents_check(
	const struct documents *, enum object_role, const char *text, size_t len, struct document_outcome *);
void document_outcome_deinit(const struct documents *, struct document_outcome *);

/* Takes a checked outcome over. *changed: something new is held. Errors: ROLLBACK (older than what is held),
 * CONFLICT (same serial, other bytes), RANGE (an epoch that no root has named yet); what was held stays. A new root
 * drops what its keys no longer vouch for; one that takes a key from the heartbeat role, gate time and schedule too. */
int documents_take(struct documents *, struct document_outcome *, bool *changed);

/* Verifies one heartbeat; on 0 it is the newest and gate time has moved if it is later. Errors: ROLLBACK (an hour and
 * more before gate time), MALFORMED (sequence is not the TOI), those of checking. */
int documents_take_heartbeat(
	struct documents *, uint64_t sequence, const uint8_t *envelope, size_t len, uint64_t now_ns);

/* The manifest whose payload has this digest, or NULL. */
const struct manifest *documents_manifest(const struct documents *, const uint8_t sha256[32]);

/* What is held, as one file of envelopes, one a line; and back. Loading checks every signature: *num_refused lines did
 * not pass and are not held. *text is the caller's to memory_free(). Errors: MEMORY. */
int documents_save(const struct documents *, char **text, size_t *len);
int documents_load(struct documents *, const char *text, size_t len, unsigned *num_refused);

#endif
