/* event_log.h - events as JSON lines, waiting to be appended to RX_EVENTS; rotated at a limit. */
#ifndef CAROUSEL_RX_EVENT_LOG_H
#define CAROUSEL_RX_EVENT_LOG_H

#include "carousel_rx.h"
#include "common/memory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EVENT_LOG_MAX_BYTES  (256u * 1024u) /* of the file; the older half goes when it is passed */
#define EVENT_LOG_WAIT_BYTES 16384u         /* of lines in memory; more are counted and lost */

struct event_log {
	const struct carousel_allocator *allocator;
	char *waiting;
	size_t len;
	uint64_t lost; /* lines that found no room */
};

/* Errors: MEMORY. */
int event_log_init(struct event_log *, const struct carousel_allocator *);
void event_log_deinit(struct event_log *);
/* Copies a line (without its end). */
void event_log_push(struct event_log *, const char *line);

/* Takes the waiting lines out for a job: *lines is the caller's to memory_free(); NULL and 0 when there are none.
 * Errors: MEMORY (they go on waiting). */
int event_log_take(struct event_log *, char **lines, size_t *len);
/* Puts lines that could not be written back in front. */
void event_log_put_back(struct event_log *, const char *lines, size_t len);

/* In a job: appends to RX_EVENTS, or rotates. Errors: MEMORY and those of the storage. */
int event_log_write(
	const struct carousel_rx_storage *, const struct carousel_allocator *, const char *lines, size_t len);

#endif
