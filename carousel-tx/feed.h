/* feed.h - the symbols of one file object on one channel, read and encoded ahead by jobs.
 *
 * Source pass: windows of the image, read in order. Repair symbols: two segments in the spool, each some rows (one
 * symbol of every block) in sending order; while one is sent the other is made, block by block. */
#ifndef CAROUSEL_TX_FEED_H
#define CAROUSEL_TX_FEED_H

#include "carousel-tx/cursor.h"
#include "carousel-tx/encoder.h"

#define TX_FEED_WINDOWS  4u
#define TX_FEED_SEGMENTS 2u

enum tx_feed_state { TX_FEED_EMPTY, TX_FEED_FILLING, TX_FEED_READY };

struct tx_feed_window {
	uint8_t *data;
	uint64_t index; /* of windows of window_bytes each */
	enum tx_feed_state state;
};

struct tx_feed_segment {
	uint8_t *data;
	uint64_t index; /* of segments of `rows` rows each */
	uint32_t blocks_done;
	enum tx_feed_state state;
};

struct tx_feed {
	struct tx_encoder *shared;          /* plans, budgets */
	struct tx_encoder_object *object;   /* of all channels that send it; borrowed */
	size_t window_bytes, segment_bytes; /* 0: not laid out yet */
	uint64_t num_windows, num_segments, rows;
	struct tx_feed_window windows[TX_FEED_WINDOWS];
	struct tx_feed_segment segments[TX_FEED_SEGMENTS];
	uint64_t reserved_windows, reserved_segments; /* bytes, of the budgets */
	uint64_t retry_ns;                            /* after an error: no job before */
	unsigned jobs;                                /* under way */
};

void tx_feed_init(struct tx_feed *, struct tx_encoder *, struct tx_encoder_object *);
/* No job may be under way. */
void tx_feed_deinit(struct tx_feed *);

/* The bytes of a symbol (symbol_size of them), or NULL when they are not there yet. Borrowed until the next call. */
const uint8_t *tx_feed_symbol(struct tx_feed *, const struct tx_symbol *);

/* The next piece of work for a stream at this place, or NULL. *error is set when memory is short. */
struct tx_job *tx_feed_next_job(struct tx_feed *, const struct tx_cursor *, uint64_t now_ns, int *error);

#endif
