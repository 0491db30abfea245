#include "sim/delay_line.h"

#include "common/carousel_error.h"

#include <stdbool.h>
#include <string.h>

void delay_line_init(
	struct delay_line *d, const struct carousel_allocator *allocator, size_t max_packets, size_t max_bytes)
{
	memset(d, 0, sizeof *d);
	d->allocator = allocator;
	d->max_packets = max_packets;
	d->max_bytes = max_bytes;
}

void delay_line_deinit(struct delay_line *d)
{
	for (size_t i = 0; i < d->count; i++)
		memory_free(d->allocator, d->heap[i].data);
	memory_free(d->allocator, d->heap);
	memset(d, 0, sizeof *d);
}

static bool delay_line_is_before(const struct delay_line_packet *a, const struct delay_line_packet *b)
{
	return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->order < b->order;
}

int delay_line_push(struct delay_line *d, uint64_t due_ns, const uint8_t *data, size_t len)
{
	struct delay_line_packet packet = {.due_ns = due_ns, .order = d->pushed, .len = len};
	void *heap = d->heap;
	size_t at;
	int result;
	if (len > d->max_bytes || d->bytes > d->max_bytes - len)
		return CAROUSEL_E_LIMIT;
	result = memory_grow(d->allocator, &heap, &d->cap, d->count, sizeof *d->heap, d->max_packets);
	d->heap = heap;
	if (result != 0)
		return result;
	packet.data = memory_alloc(d->allocator, len, 1);
	if (packet.data == NULL)
		return CAROUSEL_E_MEMORY;
	if (len)
		memcpy(packet.data, data, len);
	for (at = d->count++; at > 0; at = (at - 1) / 2) {
		if (delay_line_is_before(&d->heap[(at - 1) / 2], &packet))
			break;
		d->heap[at] = d->heap[(at - 1) / 2];
	}
	d->heap[at] = packet;
	d->bytes += len;
	d->pushed++;
	return 0;
}

uint64_t delay_line_due(const struct delay_line *d)
{
	return d->count ? d->heap[0].due_ns : UINT64_MAX;
}

const struct delay_line_packet *delay_line_first(const struct delay_line *d)
{
	return d->count ? &d->heap[0] : NULL;
}

void delay_line_pop(struct delay_line *d)
{
	struct delay_line_packet last;
	size_t at = 0;
	if (d->count == 0)
		return;
	d->bytes -= d->heap[0].len;
	memory_free(d->allocator, d->heap[0].data);
	last = d->heap[--d->count];
	for (;;) {
		size_t child = 2 * at + 1;
		if (child >= d->count)
			break;
		if (child + 1 < d->count && delay_line_is_before(&d->heap[child + 1], &d->heap[child]))
			child++;
		if (delay_line_is_before(&last, &d->heap[child]))
			break;
		d->heap[at] = d->heap[child];
		at = child;
	}
	if (d->count)
		d->heap[at] = last;
}
