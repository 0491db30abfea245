/* index_check.h - the signed chunk index against the slot: is a block right, and what does the slot hold already?
 *
 * A block is checked by the chunks of 4 KiB that lie wholly within it; with the striped layout all do. In the linear
 * layout a chunk may lie in two blocks: once both are done, index_check_edges() finds those that are wrong, and
 * index_check_block() then takes the symbols of such a chunk out of either block. */
#ifndef CAROUSEL_RX_STORE_INDEX_CHECK_H
#define CAROUSEL_RX_STORE_INDEX_CHECK_H

#include "carousel-rx/store/held.h"
#include "carousel-rx/store/scratch.h"

/* In a job: whether RX_INDEX is whole and is of this image. buf: HELD_BUF_BYTES. 0, DIGEST, or storage's errors. */
int index_check_file(struct place_io *, const uint8_t sha256[32], uint64_t index_bytes, uint8_t *buf, size_t buf_bytes);

/* Makes held_load() compare chunks as it reads them, where each symbol lies in one chunk only, so that
 * index_check_block() has not to read them again. */
void index_meet_block(struct held *);

/* Compares every chunk of a block, own places from the slot and the others from the scratch, and marks
 * in bad_own and the symbols (num_bad counts them) what must go: own symbols of chunks that came whole and are wrong,
 * or, when there are none, whatever does not lie in a chunk that is right. Chunks all of whose symbols the map calls
 * good are not read again: held_load() has. */
int index_check_block(struct held *, struct scratch *);

/* In a job, when all blocks are done: reads the chunks that lie in more than one block, and sets bit sbn of wrong
 * (of `blocks` bits) when the one at the start of that block is not what the index says. buf: a chunk. */
int index_check_edges(struct place_io *, uint8_t *wrong, uint8_t *buf);
/* Whether there are any. */
bool index_has_edges(const struct geometry *);

/* What the index says of a chunk that was not received: nothing; zeros that the slot does not hold; that the slot holds
 * it already; that it repeats one which the slot holds, or one which the slot does not hold yet. */
enum index_chunk { INDEX_UNKNOWN, INDEX_ZERO, INDEX_PRESENT, INDEX_REPEAT, INDEX_LATER };
struct index_look {
	bool is_again;    /* the chunks' own places were looked at before */
	uint32_t missing; /* found last: a chunk that others repeat is not there; CHUNK_INDEX_UNIQUE: none */
};
/* Reads a chunk's record, its place in the slot, and that of the chunk that it repeats; data: its 4096 bytes if ZERO,
 * PRESENT or REPEAT, which then have the record's digest. Whatever else may hold a chunk, the running slot for one, is
 * one more place to try here. */
int index_look(struct place_io *, uint64_t chunk, struct index_look *, enum index_chunk *, uint8_t *data);

#endif
