#include "carousel-rx/backlog.h"

#include "common/carousel_error.h"

#include <string.h>

struct backlog_head {
	uint32_t mark, len;
};

int backlog_init(struct backlog *b, const struct carousel_allocator *a, size_t bytes)
{
	*b = (struct backlog){.data = memory_alloc(a, bytes, 1), .cap = bytes};
	return b->data ? 0 : CAROUSEL_E_MEMORY;
}

void backlog_deinit(struct backlog *b, const struct carousel_allocator *a)
{
	memory_free(a, b->data);
	*b = (struct backlog){0};
}

int backlog_push(struct backlog *b, uint32_t mark, const uint8_t *packet, size_t len)
{
	const struct backlog_head head = {mark, (uint32_t)len};
	size_t left = b->cap - b->len;
	if (len > UINT32_MAX || left < sizeof(head) || left - sizeof(head) < len)
		return CAROUSEL_E_LIMIT;
	memcpy(b->data + b->len, &head, sizeof(head));
	if (len)
		memcpy(b->data + b->len + sizeof(head), packet, len);
	b->len += sizeof(head) + len;
	b->count++;
	return 0;
}

void backlog_drain(
	struct backlog *b, bool (*take)(void *user, uint32_t mark, const uint8_t *packet, size_t len), void *user)
{
	size_t from = 0, to = 0;
	uint32_t kept = 0;
	while (from < b->len) {
		struct backlog_head head;
		size_t whole;
		memcpy(&head, b->data + from, sizeof(head));
		whole = sizeof(head) + head.len;
		if (take(user, head.mark, b->data + from + sizeof(head), head.len)) {
			memmove(b->data + to, b->data + from, whole);
			to += whole;
			kept++;
		}
		from += whole;
	}
	b->len = to;
	b->count = kept;
}
