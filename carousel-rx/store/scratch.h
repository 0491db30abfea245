/* scratch.h - one block's decoded symbols in RX_SCRATCH, until they are copied to their places.
 *
 * A decoder makes symbols in column strips, the narrower the less memory it has. Were each symbol in one piece here,
 * every strip would touch every page again, and a box's flash would be written as often as there are strips. So the
 * first `width` bytes of all symbols come first, then the next of all, and so on: each page is written once. Who reads
 * sees symbols one after the other. With width = symbol_size they are. */
#ifndef CAROUSEL_RX_STORE_SCRATCH_H
#define CAROUSEL_RX_STORE_SCRATCH_H

#include "carousel-rx/store/geometry.h"

#define SCRATCH_PIECE 4096u

struct scratch {
	struct place_io *io;
	uint64_t offset; /* in RX_SCRATCH */
	uint32_t count;  /* symbols */
	size_t symbol_size, width;
	uint64_t pending_at; /* what was written last and is not in the file yet */
	size_t pending;
	uint8_t piece[SCRATCH_PIECE];
};

/* width: of a strip; 0 or symbol_size and more: each symbol in one piece; at most a page otherwise. Nothing to release.
 */
void scratch_init(
	struct scratch *, struct place_io *, uint64_t offset, uint32_t count, size_t symbol_size, size_t width);

/* Bytes [off, off + len) of symbol `number`. Those that follow each other in the file are written together, so that
 * nothing is sure to be there before scratch_flush(). ARGUMENT (not of this block), or storage's errors. */
int scratch_write(struct scratch *, uint32_t number, size_t off, size_t len, const uint8_t *src);
int scratch_flush(struct scratch *);

/* `len` bytes from byte `at` of the symbols one after the other. Not while something is pending. ARGUMENT, or storage's
 * errors. */
int scratch_read(struct scratch *, uint64_t at, size_t len, uint8_t *dst);

#endif
