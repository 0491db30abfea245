/* store_fixture.h - an image, its encoding symbols, and a symbol store that is driven by hand. */
#ifndef TESTS_LIB_STORE_FIXTURE_H
#define TESTS_LIB_STORE_FIXTURE_H

#include "carousel-rx/store/store.h"
#include "fec/fec.h"

struct store_fixture {
	struct store_image image;
	uint8_t *data;  /* image_bytes */
	uint8_t *index; /* the chunk index, image.index_bytes of it */
	struct fec_encoder **encoder;
	void **encoder_mem;
	struct fec_plan *plan[2]; /* of the longer and the shorter blocks */
	uint32_t plan_source[2];
};

struct store_fixture_shape {
	uint8_t encoding_id;
	uint16_t instance_id;
	enum object_layout_kind kind;
	uint16_t symbol_size;
	uint32_t block_symbols, max_encoding_symbols;
	uint64_t image_bytes;
	uint64_t seed;
};

/* The schemes of this build, one shape each: small blocks, a padded tail. *count of them. */
const struct store_fixture_shape *store_fixture_shapes(unsigned *count);

/* Image of random chunks, every eighth zero. Fails the test when the shape is impossible. */
void store_fixture_init(struct store_fixture *, const struct store_fixture_shape *);
/* The same, and every eighth chunk, from the seventh on, is one and the same. */
void store_fixture_init_repeats(struct store_fixture *, const struct store_fixture_shape *);
/* The same as the first, with N sub-blocks, Al = 4. RaptorQ in the linear layout has them. */
void store_fixture_init_sub_blocks(struct store_fixture *, const struct store_fixture_shape *, uint16_t sub_blocks);
void store_fixture_deinit(struct store_fixture *);

uint32_t store_fixture_source(const struct store_fixture *, uint32_t sbn);
/* Whether (sbn, esi) is padding, never sent. */
bool store_fixture_is_padding(const struct store_fixture *, uint32_t sbn, uint32_t esi);
/* Whether the bytes of a source symbol in a slot are the image's. */
bool store_fixture_is_own(const struct store_fixture *, uint32_t sbn, uint32_t esi, const uint8_t *slot);
/* Makes what encoding needs once, before processes are forked that would each make it anew. */
void store_fixture_warm(struct store_fixture *);
/* One encoding symbol, symbol_size bytes. */
void store_fixture_symbol(struct store_fixture *, uint32_t sbn, uint32_t esi, uint8_t *out);

/* Tells the store of the index, which is put into storage's RX_INDEX. */
void store_fixture_set_index(const struct store_fixture *, struct store *, const struct carousel_rx_storage *);

/* Runs every job that the store has now, one after the other, until it has none. Returns how many. */
unsigned store_fixture_jobs(struct store *, uint64_t now_ns);

/* Opens a store in the least memory that will do: large blocks are decoded strip by strip. Its caller frees it. */
struct store *store_fixture_open_tight(const struct store_fixture *, const struct carousel_rx_storage *);

/* How a pass over the air is offered: source symbols first, then repair, until the store wants nothing more. */
struct store_fixture_air {
	uint64_t seed;
	unsigned loss_percent;
	bool repair_only;
	uint32_t first_repair; /* added to K */
	uint64_t *now_ns;      /* moves on by step_ns a symbol */
	uint64_t step_ns;
	unsigned jobs_every;                                               /* symbols between two runs of the jobs */
	uint64_t skip_symbols;                                             /* of those offered, at the start */
	uint64_t max_symbols;                                              /* stop after so many heard; 0: none */
	void (*heard)(void *user, uint32_t sbn, uint32_t esi, int result); /* may be NULL */
	void *user;
};
/* Returns the symbols heard. */
uint64_t store_fixture_receive(struct store_fixture *, struct store *, const struct store_fixture_air *);

#endif
