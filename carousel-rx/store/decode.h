/* decode.h - two jobs that turn blocks that have enough symbols into blocks that are done.
 *
 * The first, for each block: read back and check what is held, plan, decode what is missing into the scratch, strip by
 * strip. It may take for ever on a box that is busy: it writes nothing but the scratch, syncs nothing and waits for
 * nobody. The second, for all of them: sync slot and scratch, journal that the scratch counts (COPY), copy it to its
 * places, sync, journal that the blocks are done (BLOCK). Small blocks go in batches, so that a sync serves many. */
#ifndef CAROUSEL_RX_STORE_DECODE_H
#define CAROUSEL_RX_STORE_DECODE_H

#include "carousel-rx/store/held.h"

enum decode_outcome {
	DECODE_DONE,
	DECODE_NEED_MORE, /* not solvable yet */
	DECODE_DAMAGED,   /* some symbols did not match their CRC and were dropped */
	DECODE_RESET,     /* the lists do not agree: only the own symbols count on */
	DECODE_SKIPPED,   /* a damaged block came before it */
};

struct decode_block {
	uint32_t sbn;
	enum decode_outcome outcome;
	uint32_t num_missing, copy_crc;
	size_t payload; /* where its part of the BLOCK payload starts */
	bool is_verified;
};

#define DECODE_BATCH 256u

/* Memory for one decode at a time, shared with the other jobs of its lane. */
struct decode_memory {
	size_t strip; /* 0: no decoder fits */
	size_t width; /* of the strips in which symbols come out */
	size_t symbols_bytes, groups_bytes, buf_bytes, decoder_bytes;
	size_t ram_bytes; /* of a whole block; 0: its symbols are read strip by strip */
};

struct decode {
	struct held held; /* with its io, journal and map */
	void *decoder;
	size_t decoder_bytes, strip, width;
	uint8_t *payload; /* JOURNAL_MAX_PAYLOAD: of the BLOCK record */
	size_t payload_len;
	uint32_t block_sequence; /* of the last BLOCK record */
	uint64_t scratch_used, scratch_most;
	bool has_index;  /* RX_INDEX is there and right: decoded blocks meet it */
	bool has_damage; /* the last batch dropped something */
	uint32_t num_blocks;
	struct decode_block block[DECODE_BATCH];
};

/* How much memory decoding the longest block takes at most with strips as wide as `budget` allows.
 * Errors: LIMIT (not even the narrowest fits), UNSUPPORTED. */
int decode_plan_memory(const struct geometry *, size_t budget, bool identities_only, struct decode_memory *);
size_t decode_memory_bytes(const struct decode_memory *);
/* mem: decode_memory_bytes(), aligned to 64. */
void decode_init(struct decode *, const struct decode_memory *, uint8_t *mem, struct place_io *, struct journal *,
	const struct place_map *);

/* Whether another block fits the batch: on the receiver's thread, before the job. */
bool decode_has_room(const struct decode *, uint32_t sbn);
void decode_add(struct decode *, uint32_t sbn);
/* The first job. */
int decode_run(struct decode *);
/* Whether the second has anything to do, and whether it syncs what had been journaled before. */
bool decode_has_outcome(const struct decode *);
bool decode_syncs(const struct decode *);
/* The second job. */
int decode_commit(struct decode *);
/* On the receiver's thread: the map learns what came of it. */
void decode_finish(struct decode *, struct place_map *);

/* What a COPY record says. */
struct decode_copy {
	uint32_t sbn, num_missing, crc, width;
	uint64_t offset;
};
/* After a power cut between COPY and BLOCK: finishes those blocks whose scratch is whole. On the job that opens. */
int decode_recover(struct decode *, const struct decode_copy *, uint32_t count);

#endif
