/* place_map.h - which encoding symbols are held, and in which places they lie.
 *
 * Belongs to the receiver's thread. A job may read what concerns a block that is frozen (block->is_frozen): nothing
 * of such a block changes until it is thawed. The open job has the whole map to itself.
 *
 * Memory is bounded and taken once: per 32 places a group of three masks and a checksum; per block a handful of
 * counters; for symbols in foreign places the lists of foreign_list.h. */
#ifndef CAROUSEL_RX_STORE_PLACE_MAP_H
#define CAROUSEL_RX_STORE_PLACE_MAP_H

#include "carousel-rx/store/esi_set.h"
#include "carousel-rx/store/foreign_list.h"
#include "carousel-rx/store/geometry.h"
#include "common/memory.h"

#define MAP_GROUP_PLACES 32u
#define MAP_NONE         UINT32_MAX
#define MAP_BLOCK_SPILL  64u /* symbols of one block in the spill */

struct map_group {
	uint32_t taken;     /* the place holds something, or soon will (staged) */
	uint32_t own;       /* on storage and journaled: the place's own symbol */
	uint32_t displaced; /* the source symbol of that ESI lies, or soon will, in a foreign place */
	uint32_t sum;       /* XOR of the checks (symbol_check.h) of the symbols in `own` */
};

enum { MAP_EDGE_FIRST = 1, MAP_EDGE_LAST = 2 };

struct map_block {
	uint32_t source, esi_limit;
	uint32_t real;           /* places: source symbols that are not padding */
	uint32_t held;           /* symbols held, staged ones included */
	uint32_t stored;         /* of those, on storage and journaled */
	uint32_t want;           /* enough to try the decoder */
	uint32_t cursor;         /* no place before this one is free for a foreign symbol */
	uint32_t foreign_sum;    /* XOR of the checks (symbol_check.h) of the symbols in foreign places */
	uint32_t num_foreign;    /* stored, in foreign places of the slot */
	uint32_t num_spilled;    /* in the spill, staged ones included */
	uint32_t reset_sequence; /* of the journal: foreign symbols of before do not count */
	uint32_t next_ready;     /* queue of blocks to be decoded */
	bool is_done, is_verified /* by the index */, is_frozen, is_ready;
	bool is_suspect;     /* done, and to be checked again */
	uint8_t wrong_edges; /* MAP_EDGE_*: a chunk that it shares with other blocks is not what the index says */
};

struct map_spill {
	uint32_t sbn, esi, crc;
	uint8_t is_taken, is_stored;
};

struct place_map {
	const struct carousel_allocator *allocator;
	const struct geometry *geometry;
	uint32_t group_stride; /* groups a block */
	struct map_group *group;
	struct map_block *block;
	struct foreign_list foreign; /* stored symbols in foreign places */
	struct map_spill *spill;
	uint32_t num_spill;
	struct esi_set repair; /* repair symbols held */
	uint64_t symbols_have; /* useful symbols: at most `real` a block */
	uint32_t blocks_done;
	uint32_t ready_first, ready_last;
};

/* What map_bytes and map_init are to provide for. */
struct map_limits {
	uint32_t num_spill;   /* symbols */
	size_t foreign_bytes; /* of lists of foreign symbols */
};

/* Memory that map_init will take. */
size_t map_bytes(const struct geometry *, const struct map_limits *);
/* Errors: MEMORY. */
int map_init(struct place_map *, const struct carousel_allocator *, const struct geometry *, const struct map_limits *);
void map_deinit(struct place_map *);

enum map_kind { MAP_OWN, MAP_FOREIGN, MAP_SPILL };
struct map_spot {
	enum map_kind kind;
	uint32_t place; /* or slot of the spill */
};

/* Whether another symbol of this block would be of use now. */
bool map_wants(const struct place_map *, uint32_t sbn);
/* Whether it has not enough to try the decoder; one that is being tried is not asked for more. */
bool map_is_hungry(const struct place_map *, uint32_t sbn);
/* Chooses and takes a place for a symbol that arrived. DUPLICATE, SYMBOL (padding, or no such ESI), LIMIT (no place).
 */
int map_reserve(struct place_map *, uint32_t sbn, uint32_t esi, struct map_spot *);
/* The symbol is on storage and journaled. Queues the block when it has enough. */
void map_stored(struct place_map *, uint32_t sbn, uint32_t esi, const struct map_spot *, uint32_t crc);

/* What the journal says, in its order. Each checks its numbers and ignores what does not fit: MALFORMED. */
int map_replay_own(struct place_map *, uint32_t sbn, uint32_t group, uint32_t mask, uint32_t sum);
int map_replay_foreign(struct place_map *, uint32_t sbn, uint32_t place, uint32_t esi, uint32_t crc);
int map_replay_spill(struct place_map *, uint32_t slot, uint32_t sbn, uint32_t esi, uint32_t crc);
/* Takes back what the two before said. */
int map_replay_drop_own(struct place_map *, uint32_t sbn, uint32_t group, uint32_t mask, uint32_t sum);
int map_replay_drop_foreign(struct place_map *, uint32_t sbn, uint32_t place, uint32_t esi, uint32_t crc);
int map_replay_drop_spill(struct place_map *, uint32_t slot, uint32_t sbn, uint32_t esi);

/* The block holds exactly these own symbols now and nothing else: {own, sum} of its groups, as a BLOCK record has
 * them. With all of them it is done. */
void map_set_block(struct place_map *, uint32_t sbn, bool is_verified, const uint8_t *groups);
/* Forgets everything of a block. */
void map_clear_block(struct place_map *, uint32_t sbn);

/* A block that is done is to be read back and checked again: queues it. */
void map_suspect(struct place_map *, uint32_t sbn);

/* Freezing and the queue. */
bool map_has_ready(struct place_map *);
uint32_t map_pop_ready(struct place_map *); /* MAP_NONE: none. The block is frozen. */
/* Thaws; queues it anew when it still, or already, has enough. */
void map_thaw(struct place_map *, uint32_t sbn);
void map_queue_ready(struct place_map *, uint32_t sbn);

uint32_t map_group_index(const struct place_map *, uint32_t sbn, uint32_t place);
uint32_t map_num_groups(const struct place_map *, uint32_t sbn);
/* The bits of a group that are places (not padding). */
uint32_t map_group_mask(const struct place_map *, uint32_t sbn, uint32_t group);
bool map_is_own(const struct place_map *, uint32_t sbn, uint32_t place);
bool map_is_taken(const struct place_map *, uint32_t sbn, uint32_t place);
bool map_holds(const struct place_map *, uint32_t sbn, uint32_t esi);
/* Own symbols of a block. */
uint32_t map_count_own(const struct place_map *, uint32_t sbn);

#endif
