/* schedule.h - the signed plan of what is on the air. Payload type application/vnd.carousel.schedule. */
#ifndef POLICY_MAP_SCHEDULE_H
#define POLICY_MAP_SCHEDULE_H

#include "common/hash.h"
#include "common/memory.h"

#include <stddef.h>
#include <stdint.h>

#define SCHEDULE_MAX_BYTES   (1u << 20)
#define SCHEDULE_MAX_OBJECTS 4096u

struct schedule_object {
	char role[16]; /* "map", "image", ... as the FDT's role attribute */
	char class_name[65];
	uint32_t version; /* 0: the object has none */
	uint8_t sha256[HASH_SHA256_BYTES];
	uint32_t share_ppm; /* of the session's rate */
	uint32_t cycle_s;   /* one pass takes so long */
	uint64_t from_s;    /* not on the air before; 0: on the air now */
};

struct schedule {
	uint64_t sequence; /* that of the newest heartbeat when it was made */
	uint64_t until_s;  /* UTC; what follows is not known yet */
	size_t num_objects;
	struct schedule_object *objects; /* owned */
};

/* Errors: SYNTAX, MALFORMED, RANGE, LIMIT, MEMORY. Unknown members are skipped. On error nothing is left to deinit. */
int schedule_parse(const struct carousel_allocator *, struct schedule *, const uint8_t *payload, size_t len);
/* Deterministic JSON; *payload is owned by the caller. Errors: MEMORY, ARGUMENT. */
int schedule_print(const struct carousel_allocator *, const struct schedule *, char **payload, size_t *len);
void schedule_deinit(const struct carousel_allocator *, struct schedule *);

#endif
