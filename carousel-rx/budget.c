#include "carousel-rx/budget.h"

#include <stdint.h>
#include <stdlib.h>

/* As large as the strictest alignment that malloc grants, so that what follows keeps it. */
#define BUDGET_HEADER 16u

static void *budget_alloc(void *user, size_t bytes)
{
	struct budget *b = user;
	size_t now, peak, whole;
	uint8_t *piece;
	if (bytes > SIZE_MAX - BUDGET_HEADER)
		return NULL;
	whole = bytes + BUDGET_HEADER;
	now = atomic_load(&b->now_bytes);
	do {
		if (whole > b->limit_bytes || now > b->limit_bytes - whole)
			return NULL;
	} while (!atomic_compare_exchange_weak(&b->now_bytes, &now, now + whole));
	piece = b->inner ? b->inner->alloc(b->inner->user, whole) : malloc(whole);
	if (piece == NULL) {
		atomic_fetch_sub(&b->now_bytes, whole);
		return NULL;
	}
	*(size_t *)(void *)piece = whole;
	peak = atomic_load(&b->peak_bytes);
	while (peak < now + whole && !atomic_compare_exchange_weak(&b->peak_bytes, &peak, now + whole))
		;
	return piece + BUDGET_HEADER;
}

static void budget_free(void *user, void *ptr)
{
	struct budget *b = user;
	uint8_t *piece = (uint8_t *)ptr - BUDGET_HEADER;
	atomic_fetch_sub(&b->now_bytes, *(size_t *)(void *)piece);
	if (b->inner)
		b->inner->free(b->inner->user, piece);
	else
		free(piece);
}

void budget_init(struct budget *b, const struct carousel_allocator *inner, size_t limit_bytes)
{
	b->inner = inner;
	b->limit_bytes = limit_bytes;
	atomic_init(&b->now_bytes, 0);
	atomic_init(&b->peak_bytes, 0);
	b->allocator = (struct carousel_allocator){b, budget_alloc, budget_free};
}
