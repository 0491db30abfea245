/* backlog.h - packets whose object is not known yet, kept within a bound until an FDT tells. */
#ifndef CAROUSEL_RX_BACKLOG_H
#define CAROUSEL_RX_BACKLOG_H

#include "common/memory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct backlog {
	uint8_t *data;
	size_t cap, len;
	uint32_t count; /* packets */
};

/* Errors: MEMORY. */
int backlog_init(struct backlog *, const struct carousel_allocator *, size_t bytes);
void backlog_deinit(struct backlog *, const struct carousel_allocator *);

/* Copies a packet under the caller's mark. LIMIT: full. */
int backlog_push(struct backlog *, uint32_t mark, const uint8_t *packet, size_t len);
/* Hands each packet to `take`, oldest first; those for which it returns true stay. take must not push. */
void backlog_drain(
	struct backlog *, bool (*take)(void *user, uint32_t mark, const uint8_t *packet, size_t len), void *user);

#endif
