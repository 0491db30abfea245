/* heartbeat.h - the headend's signed sign of life. Payload type application/vnd.carousel.heartbeat.
 *
 * One packet: the printed envelope with one signature is at most HEARTBEAT_MAX_BYTES long. */
#ifndef POLICY_MAP_HEARTBEAT_H
#define POLICY_MAP_HEARTBEAT_H

#include "common/envelope.h"
#include "common/hash.h"

#include <stddef.h>
#include <stdint.h>

#define HEARTBEAT_MAX_BYTES 1100u

struct heartbeat {
	char session[33];  /* the map's name of the session */
	uint64_t sequence; /* only ever grows within a session */
	uint64_t time_s;   /* UTC, seconds since 1970 */
	uint32_t epoch;    /* of the map on the air; epoch and serial 0: none yet */
	uint64_t serial;
	uint8_t map_sha256[HASH_SHA256_BYTES]; /* of the map's payload */
	uint64_t rate_bps;                     /* of the whole session */
};

/* Errors: SYNTAX, MALFORMED, RANGE, LIMIT, MEMORY. Unknown members are skipped. */
int heartbeat_parse(struct heartbeat *, const uint8_t *payload, size_t len);
/* Deterministic JSON without line end and NUL into a buffer of `cap` bytes. Errors: LIMIT, ARGUMENT (session name). */
int heartbeat_print(const struct heartbeat *, char *payload, size_t cap, size_t *len);

#endif
