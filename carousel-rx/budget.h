/* budget.h - an allocator with a limit: what the receiver may take in all, checked before it is taken. */
#ifndef CAROUSEL_RX_BUDGET_H
#define CAROUSEL_RX_BUDGET_H

#include "common/memory.h"

#include <stdatomic.h>
#include <stddef.h>

/* What is in a hurry takes this part of the memory at a time: symbols on their way to the slot, and what the kernel
 * holds of them before it is made to write. */
#define BUDGET_AT_ONCE 24u

struct budget {
	const struct carousel_allocator *inner; /* NULL: malloc and free */
	size_t limit_bytes;
	atomic_size_t now_bytes, peak_bytes; /* with 16 bytes of book-keeping a piece */
	struct carousel_allocator allocator; /* hand this on; any thread may use it if `inner` may be used so */
};

/* The budget must stay where it is for as long as its allocator is used. */
void budget_init(struct budget *, const struct carousel_allocator *inner, size_t limit_bytes);

#endif
