/* held.h - where the symbols of one block lie, gathered for decoding it. */
#ifndef CAROUSEL_RX_STORE_HELD_H
#define CAROUSEL_RX_STORE_HELD_H

#include "carousel-rx/store/journal.h"
#include "carousel-rx/store/place_map.h"

/* A symbol that does not lie in its own place. */
struct held_symbol {
	uint32_t esi;
	uint32_t place; /* or slot of the spill */
	uint32_t crc;
	uint8_t is_spill, has_crc, is_bad;
};

/* Records of the chunk index that were read together. */
struct held_window {
	uint8_t *buf;
	size_t most, len; /* bytes: of the buffer; in it */
	uint64_t at;      /* where in RX_INDEX */
};

/* Work memory of a block; all borrowed. */
struct held {
	struct place_io *io;
	struct journal *journal;
	const struct place_map *map;
	uint32_t sbn, cap, count;
	struct held_symbol *symbol;  /* cap of them; sorted by ESI once held_load returned */
	uint32_t *rank;              /* a group: places of earlier groups that are not own */
	uint32_t *bad_own, *bad_sum; /* a group: own places to be dropped, and the XOR of their checks */
	uint32_t *good_own;          /* a group: places that the index found right */
	uint8_t *ram;                /* the places in order and a symbol of zeros, where memory allows; or NULL */
	uint8_t *buf;                /* HELD_BUF_BYTES */
	size_t buf_bytes;
	uint8_t *scan_buf;                 /* JOURNAL_SCAN_BYTES; may be memory that decoding uses afterwards */
	bool identities_only;              /* nothing is read back */
	uint32_t ahead_first, ahead_count; /* own symbols that buf holds in whole */
	/* What is read meets the index at once (index_check.h); NULL: not. Storage's errors. */
	int (*meet_run)(struct held *, uint32_t place, uint32_t count, const uint8_t *data);
	struct held_window window;
	uint32_t num_bad;
	uint32_t reset_sequence;           /* of the BLOCK record by which held_drop began the block anew; 0: none */
	uint32_t num_read, num_unreadable; /* runs of symbols, of this block */
	uint32_t num_missing;              /* places that are not own: what decoding will put into the scratch */
};

#define HELD_BUF_BYTES (128u * 1024) /* more than the largest symbol */

/* Symbols that held_load must have room for. */
uint32_t held_cap(const struct geometry *);

/* Gathers the block's symbols, from the map or from the journal, reads each one back, into ram where there is one, and
 * compares its check (symbol_check.h). What does not match is counted in num_bad and marked, so that held_drop can take
 * it out. Storage's errors. */
int held_load(struct held *, uint32_t sbn);
/* Writes the drops to the journal. When no symbol stays but own ones, as a BLOCK record of these: the journal then
 * forgets all that was before, and does not grow however often symbols are forged. */
int held_drop(struct held *);
/* On the receiver's thread: takes the dropped symbols out of the map. */
void held_forget(const struct held *, struct place_map *);

/* The symbol that lies in a foreign place or in the spill; NULL: there is none. */
const struct held_symbol *held_find(const struct held *, uint32_t esi);
/* Where ram has the place. */
uint8_t *held_ram(const struct held *, uint32_t place);
/* Where ram has the symbol, as held_load() left it; NULL: nowhere. */
const uint8_t *held_direct(const struct held *, uint32_t esi);
/* Bytes of a held symbol. SYMBOL when it is not held. */
int held_read(struct held *, uint32_t esi, size_t off, size_t len, uint8_t *dst);
/* The same for many in ascending order, a part of each: what follows is read with what is asked for, into buf, which
 * nothing else may use since held_read_begin(). */
void held_read_begin(struct held *);
int held_read_ahead(struct held *, uint32_t esi, size_t off, size_t len, uint8_t *dst);
/* The number of a place among those that are not own: where it lies in the scratch. */
uint32_t held_rank(const struct held *, uint32_t place);

#endif
