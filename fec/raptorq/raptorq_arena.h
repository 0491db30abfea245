/* raptorq_arena.h - carves arrays out of one piece of memory, or counts what they would take. */
#ifndef FEC_RAPTORQ_ARENA_H
#define FEC_RAPTORQ_ARENA_H

#include <stddef.h>
#include <stdint.h>

struct raptorq_arena {
	uint8_t *base; /* NULL: only count */
	size_t used;
};

/* `count` elements of `size` bytes, aligned to 64; NULL when counting. Sizes stem from checked parameters. */
static inline void *raptorq_arena_take(struct raptorq_arena *a, size_t count, size_t size)
{
	void *p = a->base ? a->base + a->used : NULL;
	a->used += (count * size + 63) & ~(size_t)63;
	return p;
}

#endif
