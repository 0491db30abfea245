/* cursor.h - the order of an object's symbols on one channel (design section 4, "Order of symbols").
 *
 * A stream of positions: first the source symbols in the order of the image, then rows of one repair
 * symbol of each block, ESIs going on from row to row; when the scheme's ESIs are used up it starts again. A
 * position only ever grows and is what is leased on disk. Of n senders, sender i sends only ESIs congruent to i
 * modulo n. Schemes of few ESIs (0, 5, 129) are cycled through whole by every sender, each from another place. */
#ifndef CAROUSEL_TX_CURSOR_H
#define CAROUSEL_TX_CURSOR_H

#include "common/object_layout.h"

#include <stdbool.h>
#include <stdint.h>

struct tx_cursor {
	const struct object_layout *layout; /* borrowed */
	uint32_t step, residue;             /* sends ESI % step == residue */
	uint32_t num_blocks;
	uint64_t num_large;      /* blocks of the larger size, which come first */
	uint32_t first_esi[2];   /* first repair ESI of a larger and of a smaller block */
	uint64_t source_symbols; /* of the image that are not all padding */
	uint64_t repair_rows;    /* rows until the ESIs are used up */
	uint64_t cycle;          /* positions before it starts again */
	uint64_t position;
	uint64_t phase;  /* position % cycle */
	uint64_t offset; /* added to a position before % cycle: where a sender of few ESIs starts */
};

struct tx_symbol {
	uint32_t sbn, esi;
	bool is_source;
	uint64_t image_offset; /* source: of its first byte; it may cross the image's end */
	uint64_t repair_index; /* repair: row * num_blocks + sbn */
};

/* sender i of n (all headends and their channels). Errors: UNSUPPORTED (N > 1), ARGUMENT (sender >= senders, or
 * more senders than a scheme's repair symbols allow). */
int tx_cursor_init(struct tx_cursor *, const struct object_layout *, uint32_t sender, uint32_t senders);
/* Goes to a position that was reached (or leased) with `step` senders: at or after every symbol sent then. */
void tx_cursor_resume(struct tx_cursor *, uint64_t position, uint32_t step);
/* The symbol at the position; false when this sender leaves it out. */
bool tx_cursor_symbol(const struct tx_cursor *, struct tx_symbol *);
void tx_cursor_advance(struct tx_cursor *);
/* The first repair ESI of a block that this sender sends, and the ESI of a row. */
uint32_t tx_cursor_repair_esi(const struct tx_cursor *, uint32_t sbn, uint64_t row);

#endif
