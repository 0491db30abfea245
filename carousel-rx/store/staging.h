/* staging.h - symbols on their way from the receiver's thread to the slot: two buffers that swap.
 *
 * The receiver fills one; a write job sorts the other by place, writes it in long runs, and appends to the journal. */
#ifndef CAROUSEL_RX_STORE_STAGING_H
#define CAROUSEL_RX_STORE_STAGING_H

#include "carousel-rx/store/journal.h"
#include "carousel-rx/store/place_map.h"

struct staged {
	uint64_t offset; /* in the file it goes to; set by the write job */
	uint32_t sbn, esi;
	struct map_spot spot;
	uint32_t crc;
	uint32_t index;  /* of its bytes in the buffer */
	bool is_present; /* the slot holds it already: it is only journaled */
};

struct staging_buffer {
	struct staged *entry;
	uint8_t *data;
	uint32_t used;
	uint64_t since_ns; /* when the first came in */
};

struct staging {
	const struct carousel_allocator *allocator;
	struct staging_buffer buffer[2];
	uint32_t cap; /* symbols a buffer */
	size_t symbol_size;
	uint8_t *bounce;  /* gathers runs */
	uint8_t *records; /* a journal payload */
	int filling;      /* which buffer the receiver fills; the other is being written, or empty */
};

#define STAGING_BOUNCE_BYTES (128u * 1024)

size_t staging_bytes(size_t symbol_size, size_t buffer_bytes);
/* Errors: MEMORY. */
int staging_init(struct staging *, const struct carousel_allocator *, size_t symbol_size, size_t buffer_bytes);
void staging_deinit(struct staging *);

/* Symbols that fit. */
uint32_t staging_room(const struct staging *);
/* Too little room is left to be sure of another datagram. */
bool staging_is_full(const struct staging *);
/* There is room. symbol: len bytes, zeros follow up to symbol_size. Returns the entry, until the next swap. */
struct staged *staging_push(struct staging *, uint32_t sbn, uint32_t esi, const struct map_spot *,
	const uint8_t *symbol, size_t len, uint64_t now_ns);
/* The full buffer is handed to the write job; the receiver goes on in the other, which is empty. */
struct staging_buffer *staging_swap(struct staging *);

/* In a write job: the buffer's symbols to slot and spill, and then to the journal; nothing is synced. */
int staging_write(struct staging *, struct staging_buffer *, struct place_io *, struct journal *);

#endif
