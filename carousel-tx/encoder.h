/* encoder.h - what the streams of file objects share: encoding plans, encoders kept in memory, budgets.
 *
 * At most one encoding job is under way at a time, so that one block's bytes and one encoder are the most that is held
 * beside the encoders kept. */
#ifndef CAROUSEL_TX_ENCODER_H
#define CAROUSEL_TX_ENCODER_H

#include "carousel-tx/job.h"
#include "carousel-tx/tx.h"
#include "fec/fec.h"

struct tx_plan { /* shared by all blocks of one shape */
	struct tx_plan *next;
	struct fec_block shape;
	struct fec_plan *plan; /* made by the first job that needs it */
	unsigned refs;
};

struct tx_cursor;

struct tx_encoder_budget {
	size_t read_ahead_bytes, encoder_bytes, spool_bytes;
	bool keeps_all;    /* encoders that fit; else only of images that would cost too much time without */
	uint64_t rate_bps; /* of all channels; 0: unlimited */
};

struct tx_encoder {
	const struct carousel_allocator *allocator;
	const struct tx_spool *spool;
	struct tx_encoder_budget budget;
	uint64_t encoder_used;
	uint64_t read_ahead_reserved, spool_reserved; /* by feeds that are laid out, */
	uint64_t waiting_bytes;                       /* and the files of those that are not yet */
	struct tx_plan *plans;
	void *work; /* one batch of blocks, and one encoder */
	size_t work_bytes;
	bool is_busy; /* an encoding job is under way */
};

void tx_encoder_init(struct tx_encoder *, const struct carousel_allocator *, const struct tx_spool *,
	const struct tx_encoder_budget *);
void tx_encoder_deinit(struct tx_encoder *);

/* One file object, for all its channels. */
struct tx_encoder_object {
	const struct object_layout *layout; /* borrowed */
	const struct tx_source *source;     /* borrowed */
	struct tx_plan *plans[2];           /* of the larger and the smaller blocks */
	uint64_t num_large;
	struct tx_kept_encoder {
		void *memory; /* NULL: none is kept */
		struct fec_encoder *encoder;
	} * kept;   /* one a block */
	bool keeps; /* all of its encoders are kept once they are made */
	uint64_t keeps_bytes;
};

/* Decides anew, after a change of the rate, whether the object's encoders are worth being kept. Those that are kept
 * stay. */
void tx_encoder_consider(struct tx_encoder *, struct tx_encoder_object *);

/* Errors: MEMORY. */
int tx_encoder_object_init(
	struct tx_encoder *, struct tx_encoder_object *, const struct object_layout *, const struct tx_source *);
void tx_encoder_object_deinit(struct tx_encoder *, struct tx_encoder_object *);

/* Memory for segments and windows, counted. */
void *tx_encoder_spool_alloc(struct tx_encoder *, size_t bytes);
void tx_encoder_spool_free(struct tx_encoder *, void *, size_t bytes);

/* A job that makes `rows` repair symbols, from row first_row on, of some blocks from first_block on:
 * block b's symbol of row r goes to out + ((r - first_row) * blocks + b) * T. *num_blocks: how many blocks
 * it takes. done() is called with the outcome. NULL with *error 0: another is under way; MEMORY: no memory. */
struct tx_encode_request {
	const struct tx_cursor *cursor;
	uint64_t first_row, rows;
	uint32_t first_block;
	uint8_t *out;
	void *user;
	void (*done)(void *user, int result, uint32_t num_blocks, uint64_t now_ns);
};
struct tx_job *tx_encoder_job(
	struct tx_encoder *, struct tx_encoder_object *, const struct tx_encode_request *, int *error);

/* Reads bytes of the image, zeros past its end. Inside jobs. */
int tx_source_read(const struct tx_source *, const struct object_layout *, uint64_t offset, uint8_t *dst, size_t len);

#endif
