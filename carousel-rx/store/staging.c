#include "carousel-rx/store/staging.h"

#include "carousel-rx/store/journal_entry.h"
#include "carousel-rx/store/symbol_check.h"

#include <stdlib.h>
#include <string.h>

#define STAGING_RECORDS_BYTES (16u * 1024)
#define STAGING_MOST          4096u /* symbols a buffer */
#define STAGING_DATAGRAM      16u   /* symbols that come in one datagram at most, as far as anyone sends them */

static uint32_t staging_cap(size_t symbol_size, size_t buffer_bytes)
{
	size_t cap = buffer_bytes / symbol_size;
	if (cap > STAGING_MOST)
		cap = STAGING_MOST;
	return cap < 4 ? 4 : (uint32_t)cap;
}

static size_t staging_bounce_bytes(size_t symbol_size)
{
	return symbol_size > STAGING_BOUNCE_BYTES ? symbol_size : STAGING_BOUNCE_BYTES;
}

size_t staging_bytes(size_t symbol_size, size_t buffer_bytes)
{
	return 2 * (size_t)staging_cap(symbol_size, buffer_bytes) * (symbol_size + sizeof(struct staged)) +
	       staging_bounce_bytes(symbol_size) + STAGING_RECORDS_BYTES;
}

int staging_init(struct staging *s, const struct carousel_allocator *a, size_t symbol_size, size_t buffer_bytes)
{
	memset(s, 0, sizeof(*s));
	s->allocator = a;
	s->symbol_size = symbol_size;
	s->cap = staging_cap(symbol_size, buffer_bytes);
	s->bounce = memory_alloc(a, 1, staging_bounce_bytes(symbol_size));
	s->records = memory_alloc(a, 1, STAGING_RECORDS_BYTES);
	for (int i = 0; i < 2; i++) {
		s->buffer[i].entry = memory_alloc(a, s->cap, sizeof(*s->buffer[i].entry));
		s->buffer[i].data = memory_alloc(a, s->cap, symbol_size);
	}
	for (int i = 0; i < 2; i++) {
		if (s->buffer[i].entry == NULL || s->buffer[i].data == NULL || !s->bounce || !s->records) {
			staging_deinit(s);
			return CAROUSEL_E_MEMORY;
		}
	}
	return 0;
}

void staging_deinit(struct staging *s)
{
	for (int i = 0; i < 2; i++) {
		memory_free(s->allocator, s->buffer[i].entry);
		memory_free(s->allocator, s->buffer[i].data);
	}
	memory_free(s->allocator, s->bounce);
	memory_free(s->allocator, s->records);
	memset(s, 0, sizeof(*s));
}

uint32_t staging_room(const struct staging *s)
{
	return s->cap - s->buffer[s->filling].used;
}

bool staging_is_full(const struct staging *s)
{
	uint32_t least = (s->cap + 1) / 2 < STAGING_DATAGRAM ? (s->cap + 1) / 2 : STAGING_DATAGRAM;
	return staging_room(s) < least;
}

struct staged *staging_push(struct staging *s, uint32_t sbn, uint32_t esi, const struct map_spot *spot,
	const uint8_t *symbol, size_t len, uint64_t now_ns)
{
	struct staging_buffer *b = &s->buffer[s->filling];
	uint8_t *data = b->data + b->used * s->symbol_size;
	if (b->used == 0)
		b->since_ns = now_ns;
	b->entry[b->used] = (struct staged){.sbn = sbn, .esi = esi, .spot = *spot, .index = b->used};
	memcpy(data, symbol, len);
	memset(data + len, 0, s->symbol_size - len);
	return &b->entry[b->used++];
}

struct staging_buffer *staging_swap(struct staging *s)
{
	struct staging_buffer *full = &s->buffer[s->filling];
	s->filling = !s->filling;
	return full;
}

static int staged_order_offset(const void *a, const void *b)
{
	const struct staged *x = a, *y = b;
	if ((x->spot.kind == MAP_SPILL) != (y->spot.kind == MAP_SPILL))
		return x->spot.kind == MAP_SPILL ? 1 : -1;
	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static int staged_order_block(const void *a, const void *b)
{
	const struct staged *x = a, *y = b;
	if (x->spot.kind != y->spot.kind)
		return x->spot.kind < y->spot.kind ? -1 : 1;
	if (x->sbn != y->sbn)
		return x->sbn < y->sbn ? -1 : 1;
	return x->spot.place < y->spot.place ? -1 : x->spot.place > y->spot.place;
}

static void staged_sort(struct staging_buffer *b, int (*order)(const void *, const void *))
{
	uint32_t i = 1;
	while (i < b->used && order(&b->entry[i - 1], &b->entry[i]) <= 0)
		i++;
	if (i < b->used)
		qsort(b->entry, b->used, sizeof(*b->entry), order);
}

/* Whether an entry's bytes lie in one piece of its file, uncut. */
static bool staged_is_plain(const struct place_io *io, const struct staged *e)
{
	if (e->spot.kind == MAP_SPILL)
		return true;
	if (io->geometry->num_pieces != 1)
		return false;
	return e->spot.kind == MAP_FOREIGN ||
	       geometry_own_bytes(io->geometry, e->sbn, e->spot.place) == io->geometry->symbol_size;
}

static int staging_write_odd(struct staging *s, struct staging_buffer *b, struct place_io *io, const struct staged *e)
{
	return place_write(io, e->sbn, e->spot.place, e->spot.kind == MAP_OWN, 0, s->symbol_size,
		b->data + e->index * s->symbol_size);
}

/* Writes the run of plain entries that starts at `first`; *next: the first entry after it. */
static int staging_write_run(
	struct staging *s, struct staging_buffer *b, struct place_io *io, uint32_t first, uint32_t *next)
{
	const struct staged *head = &b->entry[first];
	enum carousel_rx_file file = head->spot.kind == MAP_SPILL ? RX_SPILL : RX_SLOT_TARGET;
	const uint8_t *src = b->data + head->index * s->symbol_size;
	size_t most = staging_bounce_bytes(s->symbol_size) / s->symbol_size;
	uint32_t end = first + 1;
	bool is_contiguous = true;
	while (end < b->used && b->entry[end].offset == head->offset + (end - first) * s->symbol_size &&
		!b->entry[end].is_present && (b->entry[end].spot.kind == MAP_SPILL) == (file == RX_SPILL) &&
		staged_is_plain(io, &b->entry[end])) {
		bool follows = b->entry[end].index == head->index + (end - first);
		/* Scattered bytes are gathered as far as the bounce buffer goes. */
		if (!(is_contiguous && follows) && end - first >= most)
			break;
		is_contiguous = is_contiguous && follows;
		end++;
	}
	*next = end;
	if (!is_contiguous) {
		for (uint32_t i = first; i < end; i++)
			memcpy(s->bounce + (i - first) * s->symbol_size, b->data + b->entry[i].index * s->symbol_size,
				s->symbol_size);
		src = s->bounce;
	}
	return place_io_write(io, file, head->offset, src, (end - first) * s->symbol_size);
}

static struct journal_entry staged_entry(const struct staged *e)
{
	uint32_t group = e->spot.place / MAP_GROUP_PLACES, mask = 1u << e->spot.place % MAP_GROUP_PLACES;
	switch (e->spot.kind) {
	case MAP_OWN:
		return (struct journal_entry){e->sbn, group, mask, e->crc};
	case MAP_FOREIGN:
		return (struct journal_entry){e->sbn, e->spot.place, e->esi, e->crc};
	default:
		return (struct journal_entry){e->spot.place, e->sbn, e->esi, e->crc};
	}
}

/* Entries in block order as records; own symbols of one group are one entry. */
static int staging_record(struct staging *s, struct staging_buffer *b, struct place_io *io, struct journal *j)
{
	static const enum journal_type types[] = {JOURNAL_OWN, JOURNAL_FOREIGN, JOURNAL_SPILL};
	struct journal_payload payload = {.buf = s->records, .cap = STAGING_RECORDS_BYTES, .type = JOURNAL_OWN};
	int result = 0;
	for (uint32_t i = 0; result == 0 && i < b->used;) {
		struct journal_entry entry = staged_entry(&b->entry[i]);
		enum map_kind kind = b->entry[i++].spot.kind;
		for (; kind == MAP_OWN && i < b->used && b->entry[i].spot.kind == MAP_OWN; i++) {
			struct journal_entry next = staged_entry(&b->entry[i]);
			if (next.a != entry.a || next.b != entry.b)
				break;
			entry.c |= next.c;
			entry.d ^= next.d;
		}
		result = journal_entry_put(&payload, j, io, types[kind], &entry);
	}
	return result ? result : journal_entry_flush(&payload, j, io);
}

int staging_write(struct staging *s, struct staging_buffer *b, struct place_io *io, struct journal *j)
{
	int result = 0;
	for (uint32_t i = 0; i < b->used; i++) {
		struct staged *e = &b->entry[i];
		e->offset = e->spot.kind == MAP_SPILL ? (uint64_t)e->spot.place * s->symbol_size
						      : geometry_offset(io->geometry, e->sbn, e->spot.place);
		e->crc = symbol_check(b->data + e->index * s->symbol_size, s->symbol_size, e->esi);
	}
	staged_sort(b, staged_order_offset);
	for (uint32_t i = 0; result == 0 && i < b->used;) {
		if (b->entry[i].is_present)
			i++;
		else if (staged_is_plain(io, &b->entry[i])) {
			result = staging_write_run(s, b, io, i, &i);
		} else {
			result = staging_write_odd(s, b, io, &b->entry[i]);
			i++;
		}
	}
	staged_sort(b, staged_order_block);
	return result ? result : staging_record(s, b, io, j);
}
