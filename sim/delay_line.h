/* delay_line.h - packets that are on their way: kept, with a copy of their bytes, until they are due. Pure. */
#ifndef SIM_DELAY_LINE_H
#define SIM_DELAY_LINE_H

#include "common/memory.h"

#include <stddef.h>
#include <stdint.h>

struct delay_line_packet {
	uint64_t due_ns, order;
	uint8_t *data; /* owned by the line */
	size_t len;
};

struct delay_line {
	const struct carousel_allocator *allocator;
	struct delay_line_packet *heap; /* the earliest first; of equal times, the one pushed first */
	size_t count, cap, max_packets;
	size_t bytes, max_bytes;
	uint64_t pushed;
};

/* Holds at most so many packets and bytes. The allocator is borrowed for the life of the line. */
void delay_line_init(struct delay_line *, const struct carousel_allocator *, size_t max_packets, size_t max_bytes);
void delay_line_deinit(struct delay_line *);
/* Copies a packet in. Errors: LIMIT, MEMORY. */
int delay_line_push(struct delay_line *, uint64_t due_ns, const uint8_t *data, size_t len);
/* When the earliest packet is due; UINT64_MAX when there is none. */
uint64_t delay_line_due(const struct delay_line *);
/* The earliest packet, or NULL; it stays the line's until delay_line_pop(). */
const struct delay_line_packet *delay_line_first(const struct delay_line *);
void delay_line_pop(struct delay_line *);

#endif
