/* trace.h - loss traces: which packets of a stream came and which did not, as a receiver records them from the packet
 * sequence number and the simulator plays them back (carousel-scenario.5, "TRACES").
 *
 * Text. First line "carousel-trace 1"; '#' starts a comment line; "pps NUMBER" gives the packets per second on the air;
 * every other line is "RECEIVED LOST": a run of packets that came, then a run of packets that did not.
 * "gap" stands where the sequence could not be followed (the transmitter or the receiver started anew). */
#ifndef COMMON_TRACE_H
#define COMMON_TRACE_H

#include "common/memory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRACE_MAX_BYTES   (256u << 20)
#define TRACE_MAX_RUNS    (16u << 20)
#define TRACE_MAX_RUN     0xffffffffu
#define TRACE_WINDOW      512u       /* packets that may overtake each other */
#define TRACE_MAX_JUMP    (1u << 22) /* a longer jump in the sequence is a new start */
#define TRACE_LINE_BYTES  48u
#define TRACE_HEADER_LINE "carousel-trace 1\n"

struct trace_run {
	uint32_t received, lost;
};

struct trace {
	const struct carousel_allocator *allocator;
	struct trace_run *runs;
	size_t num_runs;
	uint64_t received, lost; /* in all; their sum is at least 1 */
	uint64_t pps;            /* 0: not given */
};

/* Errors: SYNTAX, RANGE (a number too large; no packet in it at all), UNSUPPORTED (another version), LIMIT, MEMORY.
 * *line (may be NULL): where. *out is set only when 0 is returned. */
int trace_parse(struct trace **out, const struct carousel_allocator *, const char *text, size_t len, unsigned *line);
void trace_free(struct trace *);

/* Turns packet sequence numbers into runs. Duplicates and late packets within the window are put where they belong. */
struct trace_recorder {
	uint64_t bits[TRACE_WINDOW / 64]; /* of the window: which came */
	uint32_t next;                    /* sequence number after the window */
	uint32_t fill;                    /* packets in the window, at most TRACE_WINDOW */
	struct trace_run run;             /* not yet handed out */
	bool is_started;
	uint64_t received, lost, duplicates, gaps;
};

void trace_recorder_init(struct trace_recorder *);
/* Takes one packet's sequence number. Runs that are certain by now come as lines to write(); returns 0 or what write
 * returned. */
int trace_recorder_recv(
	struct trace_recorder *, uint32_t sequence, int (*write)(void *user, const char *text, size_t len), void *user);
/* Hands out what is left in the window (at the end of a recording). */
int trace_recorder_finish(struct trace_recorder *, int (*write)(void *user, const char *text, size_t len), void *user);

#endif
