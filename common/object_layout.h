/* object_layout.h - where each source symbol of an object lies in the image.
 *
 * The only place that knows striping, padding and sub-blocks (common/PROTOCOL.md, "Layouts"). */
#ifndef COMMON_OBJECT_LAYOUT_H
#define COMMON_OBJECT_LAYOUT_H

#include "common/fec_oti.h"

#include <stdint.h>

#define OBJECT_CHUNK_BYTES 4096u

enum object_layout_kind {
	OBJECT_LINEAR,  /* block after block, RFC 6330 section 4.4.1.2; foreign receivers read it */
	OBJECT_STRIPED, /* chunk i*Z+s of the image is chunk i of block s; F = 4096 * Z * chunks a block */
};

struct object_layout {
	enum object_layout_kind kind;
	struct fec_oti oti;   /* checked */
	uint64_t image_bytes; /* size of the image: F when linear, at most F when striped */
};

/* "linear" and "striped"; parse returns UNKNOWN_WORD for others. */
const char *object_layout_name(enum object_layout_kind);
int object_layout_parse(const char *name, enum object_layout_kind *);

/* Builds and checks a layout from a checked OTI. Striped needs T to divide 4096, N = 1, equal blocks
 * of whole chunks, and F = 4096 * Z * c with fewer than Z chunks of padding. Errors: OTI. */
int object_layout_init(struct object_layout *, enum object_layout_kind, const struct fec_oti *, uint64_t image_bytes);

/* Chooses OTI and layout for an image: FEC parameters wanted -> a checked layout.
 * Striped blocks hold about `block_symbols` symbols (rounded to whole chunks), more when the scheme's
 * number of blocks would not suffice. Errors: ARGUMENT, OTI, LIMIT. */
struct object_layout_wish {
	enum object_layout_kind kind;
	uint8_t encoding_id;
	uint16_t instance_id;
	uint16_t symbol_size;          /* T */
	uint32_t block_symbols;        /* K wanted per block */
	uint32_t max_encoding_symbols; /* n of 5 and 129 */
};
int object_layout_choose(struct object_layout *, const struct object_layout_wish *, uint64_t image_bytes);

/* Returned in place of 0 for a symbol that is all padding: known zeros, never sent, never stored. */
#define OBJECT_PADDING 1

/* Offset in the image of the first byte of a source symbol whose bytes are contiguous (N = 1).
 * The symbol may cross the image's end: the rest is zeros, and a slot may hold no room for it.
 * Returns 0, OBJECT_PADDING, SYMBOL (sbn or esi no source symbol), UNSUPPORTED (N > 1). */
int object_symbol_offset(const struct object_layout *, uint32_t sbn, uint32_t esi, uint64_t *image_offset);

/* General form: piece `index` (0 to N-1) of a source symbol: its offset in the image, its offset
 * within the symbol and its length. With N = 1 there is one piece. RFC 6330 section 4.4.1.2.
 * Returns 0, OBJECT_PADDING, SYMBOL. */
struct object_piece {
	uint64_t image_offset;
	uint32_t symbol_offset, len;
};
int object_symbol_piece(
	const struct object_layout *, uint32_t sbn, uint32_t esi, uint32_t index, struct object_piece *);

/* The inverse for N = 1: which source symbol holds the byte at image_offset (< image_bytes). 0 or RANGE, UNSUPPORTED.
 */
int object_symbol_at(const struct object_layout *, uint64_t image_offset, uint32_t *sbn, uint32_t *esi);

#endif
