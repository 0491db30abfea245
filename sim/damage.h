/* damage.h - one receiver that no checksum protects: some symbols come with inverted bits, and only the signed chunk
 * index tells, when a block is decoded. Played on identities, by the rules of carousel-rx/store/index_check.h and
 * carousel-rx/index_collector.h.
 *
 * A block that has enough symbols is decoded. If all of them are clean it is done. Otherwise chunks whose symbols all
 * came and are clean are kept for good; if a chunk came whole and is wrong its symbols go, and nothing else; if there
 * is none, all goes that is not kept. Before the index has come blocks are taken as they are; when all are there and
 * the image is wrong, those are looked at again once it has. An index that came with a damaged symbol is begun anew. */
#ifndef SIM_DAMAGE_H
#define SIM_DAMAGE_H

#include "common/memory.h"
#include "sim/channel.h"
#include "sim/random.h"

#include <stdbool.h>
#include <stdint.h>

struct damage_object {
	uint32_t source_symbols, repair_symbols; /* of a block; repair: sent round and round, or always new ones */
	uint32_t num_blocks, chunk_symbols;
	bool is_fountain;
	double index_symbols; /* that the index needs; so many are sent while all source symbols are */
};

struct damage;

/* Errors: MEMORY. */
int damage_new(struct damage **, const struct carousel_allocator *, const struct damage_object *);
void damage_free(struct damage *);

/* damaged: share of the symbols that come. Symbols sent until a receiver that begins at this place of the cycle is done
 * (of a fountain: of the stream, which begins with the source symbols); INFINITY after `most`. */
double damage_receive(
	struct damage *, struct channel *, struct random_stream *, double damaged, uint64_t begin, uint64_t most);

#endif
