/* trust.h - the chain of signed roots, and what the newest of them lets a key sign.
 *
 * A root lists public keys and, for each role, which of them count and how many must sign. Version n+1 is signed by
 * the root thresholds of n and of n+1, so a box that slept for years catches up along the chain. */
#ifndef POLICY_MAP_TRUST_H
#define POLICY_MAP_TRUST_H

#include "common/envelope.h"
#include "common/hash.h"
#include "common/key.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRUST_MAX_ROLES      8u
#define TRUST_MAX_ROLE_KEYS  16u
#define TRUST_MAX_KEYS       48u
#define TRUST_MAX_ROOT_BYTES 65536u
#define TRUST_MAX_CHAIN      1024u

#define TRUST_ROLE_ROOT      "root"
#define TRUST_ROLE_MAP       "map"
#define TRUST_ROLE_IMAGE     "image"
#define TRUST_ROLE_HEARTBEAT "heartbeat"

struct trust_role {
	char name[24];
	unsigned threshold;
	unsigned num_keys;
	uint8_t key_ids[TRUST_MAX_ROLE_KEYS][KEY_ID_BYTES];
};

struct trust_root {
	uint32_t version; /* from 1 */
	uint32_t epoch;   /* from 1; the epoch that maps must have at least */
	unsigned num_roles, num_keys;
	struct trust_role roles[TRUST_MAX_ROLES];
	struct key_public keys[TRUST_MAX_KEYS];
	unsigned num_skipped; /* roles and keys of kinds that are not known here */
};

/* The payload of a root envelope. Unknown roles and key types are skipped; a role may name keys that
 * are not listed, which never count. Errors: SYNTAX, MALFORMED (a role without keys, no root role, a threshold of 0
 * or above its keys, a key whose id is not its digest), LIMIT, RANGE, MEMORY. */
int trust_root_parse(struct trust_root *, const uint8_t *payload, size_t len);
/* Deterministic JSON, owned by the caller. Errors: MEMORY, ARGUMENT. */
int trust_root_print(const struct carousel_allocator *, const struct trust_root *, char **payload, size_t *len);
/* NULL when there is none. */
const struct trust_role *trust_root_role(const struct trust_root *, const char *name);
const struct key_public *trust_root_key(const struct trust_root *, const uint8_t id[KEY_ID_BYTES]);
/* Does the role name this key? */
bool trust_role_has(const struct trust_role *, const uint8_t key_id[KEY_ID_BYTES]);
/* Counts distinct valid signatures by a role's keys. 0, SIGNATURE, or NOT_FOUND (no such role). */
int trust_root_verify(const struct trust_root *, const char *role, const struct envelope *);

/* What a box trusts now. No pointers inside: it may be copied. */
struct trust {
	struct trust_root root;
	uint8_t root_sha256[HASH_SHA256_BYTES]; /* of the root's payload */
};

/* Starts from a root that is trusted because of where it came from (built into the box); it must
 * still carry its own threshold of signatures. Errors: as trust_root_parse, WRONG_TYPE, SIGNATURE. */
int trust_init(struct trust *, const struct envelope *root);
/* Takes one further root. Errors: DUPLICATE (held already), CONFLICT (same version, other bytes), ROLLBACK (older, or
 * lowers the epoch), NEED_MORE (not the very next version), SIGNATURE, WRONG_TYPE, those of parsing. On error nothing
 * changes. */
int trust_update(struct trust *, const struct envelope *root);
/* Takes a chain, one envelope a line, oldest first; older and held ones are passed over. *num_taken counts
 * new ones. The first bad link ends it: its error, with the good ones before it kept. */
int trust_update_chain(
	const struct carousel_allocator *, struct trust *, const char *text, size_t len, unsigned *num_taken);

/* Verifies an envelope for a role. *payload is borrowed from the envelope.
 * Errors: WRONG_TYPE, NOT_FOUND (no such role), SIGNATURE. */
int trust_verify(const struct trust *, const char *role, const struct envelope *, const char *payload_type,
	const uint8_t **payload, size_t *len);

#endif
