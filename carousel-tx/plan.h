/* plan.h - how long until they all have it: rate, images, loss and habits in, days of airtime out.
 *
 * The arithmetic of `carousel-tx plan` and `carousel-sim plan`. Pure. */
#ifndef CAROUSEL_TX_PLAN_H
#define CAROUSEL_TX_PLAN_H

#include "carousel-tx/completion.h"
#include "common/fec_oti.h"

#include <jansson.h>

#include <stddef.h>
#include <stdint.h>

#define PLAN_MAX_IMAGES 512u

struct plan_image {
	const char *name;      /* borrowed; for whoever shows it */
	uint64_t size_bytes;   /* 1 to 2^40 */
	double needed;         /* share of the image that the boxes lack, 0 to 1; what they have seeds the decoder */
	double demand;         /* boxes that want it; counts with weight 0 */
	uint64_t beside_bytes; /* on the wire, with each pass: index and copy maps; at most 2^40 */
	const struct fec_oti *oti; /* how it is cut into symbols, checked; NULL: as the config says */
	uint32_t weight; /* share of the rate in proportion; 0: the square root of demand times size, at least a
			    hundredth */
};

enum plan_fec { PLAN_RAPTORQ, PLAN_REED_SOLOMON, PLAN_SMALL_BLOCK, PLAN_NO_CODE, PLAN_NUM_FEC };

struct plan_config {
	uint64_t rate_bps;       /* on the wire, 1000 to 10^12 */
	double control_share;    /* of the rate, 0 to 0.5: documents, heartbeats, index */
	uint32_t symbol_size;    /* bytes, 4 to 65528 [1024] */
	uint32_t overhead_bytes; /* of each packet: IP, UDP, LCT, payload id [49] */
	enum plan_fec fec;
	uint32_t block_symbols;      /* source symbols a block at most [by scheme: 16384, 200, 24, 16384] */
	uint32_t encoding_symbols;   /* of a block of Reed-Solomon or small blocks, repair and all [255, 32] */
	struct completion_loss loss; /* mean 0 to 0.99 */
	double duty;                 /* share of the time that a box listens, above 0 to 1 */
	double percentile;           /* share of boxes that shall be done, above 0, below 1 */
	const struct plan_image *images;
	size_t num_images;
};

struct plan_result {
	double share;    /* of the images' rate */
	double rate_bps; /* its own */
	double cycle_s;  /* one pass of the whole image */
	uint32_t num_blocks;
	double symbols;   /* to be sent until the percentile is done */
	double overhead;  /* of them, beyond what the boxes lack: 0.05 is 5 % more */
	double airtime_s; /* listening time until the percentile is done */
	double elapsed_s; /* the same on the calendar: airtime divided by duty */
};

#define PLAN_SYMBOL_SIZE   1024u
#define PLAN_OVERHEAD      49u
#define PLAN_BLOCK_SYMBOLS 16384u

/* Fills in results[num_images]. A zero symbol_size, overhead_bytes or block_symbols means the default in brackets.
 * Errors: RANGE (a number out of the range above; *what names it and what is allowed, when not NULL), LIMIT (too many
 * images). */
int plan_compute(const struct plan_config *, struct plan_result *results, const char **what);

/* The slowest of all images in everything: when the whole carousel has gone round, and all is where it shall be. share
 * and rate_bps are the sums. */
struct plan_result plan_whole(const struct plan_config *, const struct plan_result *results);

/* The rate at which the slowest image's elapsed time is this: times scale with 1 / rate exactly. */
double plan_rate_for(const struct plan_config *, const struct plan_result *results, double elapsed_s);

/* {"format":"carousel-plan/1","rate_bps":..,"loss":..,"duty":..,"percentile":..,"images":[{}],"carousel":{}}, "fec"
 * when there are images that are cut as the config says, and, above 0, "rate_needed_bps". The caller's reference; NULL:
 * no memory. */
json_t *plan_json(const struct plan_config *, const struct plan_result *results, double rate_needed_bps);

/* Source blocks of a RaptorQ image: no more than 255, none longer than need be. */
uint32_t plan_blocks(uint64_t size_bytes, uint32_t symbol_size, uint32_t block_symbols);

/* "raptorq", "reed-solomon", "small-block", "none": as a config, a manifest and a scenario call them; NULL at the end.
 */
extern const char *const plan_fec_names[];

#endif
