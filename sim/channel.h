/* channel.h - what happens to packets between a transmitter and one receiver. Pure: no clock, deterministic by seed.
 *
 * Every packet is asked for with channel_pass(), also while the receiver is off or the link is out, so that the loss
 * process of a channel depends on its seed alone. One channel a receiver; a config is shared by as many as one likes.
 */
#ifndef SIM_CHANNEL_H
#define SIM_CHANNEL_H

#include "carousel-tx/completion.h"
#include "common/trace.h"
#include "sim/random.h"
#include "sim/timetable.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHANNEL_MAX_COPIES 2u
#define CHANNEL_MAX_FLIPS  64u

enum channel_loss { CHANNEL_BERNOULLI, CHANNEL_GILBERT, CHANNEL_TRACE };

/* Gilbert-Elliott: two states; probabilities a packet. Mean burst (time in the bad state): 1 / to_good packets. */
struct channel_gilbert {
	double to_bad, to_good;
	double loss_good, loss_bad;
};

/* All zero: a perfect channel. Tables are borrowed for the life of the channels. */
struct channel_config {
	enum channel_loss kind;
	double loss; /* BERNOULLI: probability that a packet is lost */
	struct channel_gilbert gilbert;
	const struct trace *trace;       /* TRACE: played round and round, each channel from a point of its own */
	const struct timetable *outages; /* nothing passes inside its windows; NULL: none */
	double bit_error;                /* probability that a bit of the datagram is inverted */
	double duplicate;                /* probability that a packet comes twice */
	double reorder;                  /* probability that a packet is held back by reorder_ns */
	uint64_t reorder_ns;
	uint64_t delay_ns;  /* that every packet takes */
	uint64_t jitter_ns; /* plus 0 to this, evenly; packets may overtake each other */
};

enum channel_verdict { CHANNEL_PASSED, CHANNEL_LOST, CHANNEL_OUTAGE, CHANNEL_NUM_VERDICTS };

struct channel_fate {
	enum channel_verdict verdict;
	unsigned num_copies;                   /* 0 unless PASSED; 1 or 2 */
	uint64_t delay_ns[CHANNEL_MAX_COPIES]; /* of each copy, after it was sent */
	unsigned num_flips;                    /* in the first copy */
	uint32_t flips[CHANNEL_MAX_FLIPS];     /* bit numbers, from the first byte's lowest bit */
};

struct channel {
	const struct channel_config *config;
	struct random_stream loss_random, other_random;
	bool is_bad;          /* GILBERT */
	size_t run;           /* TRACE: where the next packet is */
	uint64_t run_at;      /* packets of the run that are played already */
	uint64_t outage_ends; /* until then the answer below holds */
	bool is_outage;
	uint64_t passed, lost, out, duplicated, reordered, corrupted; /* counters */
};

/* RANGE: a number that is no probability, a state that can never be left while it loses all, NaN; ARGUMENT: TRACE
 * without a trace. */
int channel_config_check(const struct channel_config *);
/* The share of packets lost in the long run, outages aside. */
double channel_mean_loss(const struct channel_config *);
/* The same process for the statistics of completion: packets of so many bytes, those with inverted bits lost too; a
 * trace as Gilbert's model with its mean and its bursts. */
struct completion_loss channel_completion_loss(const struct channel_config *, size_t packet_bytes);

/* Sets one property from text. The keys, which scenarios and `carousel-sim impair` share: "loss" ("5%"), "burst" (mean
 * length of loss bursts in packets: turns loss into Gilbert's model with that mean loss), "gilbert" ("TO_BAD TO_GOOD
 * [LOSS_GOOD LOSS_BAD]"), "bit-error", "duplicate", "reorder" (shares), "reorder-by", "delay", "jitter" (durations).
 * "loss" must come before "burst". Errors: UNKNOWN_WORD (no such key), SYNTAX, RANGE. */
int channel_config_set(struct channel_config *, const char *key, const char *value);
/* What a key takes, in words: "a share, 0 to 1 or 0% to 100%". */
const char *channel_config_allowed(const char *key);
/* The keys above, NULL at the end. */
extern const char *const channel_config_keys[];
/* Several at once, as in "loss=5%,burst=8,jitter=20ms"; blanks are allowed around commas. Errors: as above, and those
 * of channel_config_check(). The config is unchanged on error. */
int channel_config_parse(struct channel_config *, const char *text);

/* config is borrowed and must have passed the check. */
void channel_init(struct channel *, const struct channel_config *, uint64_t seed, uint64_t stream);
/* A new model from the next packet on; counters and random streams go on. */
void channel_set_config(struct channel *, const struct channel_config *);
/* The fate of the next packet, of len bytes. */
void channel_pass(struct channel *, uint64_t now_ns, size_t len, struct channel_fate *);
/* True when the loss process alone loses the next packet: channel_pass() without the rest, for the models that
 * need no more. */
bool channel_loses(struct channel *);
/* Inverts the bits of a fate in the packet. */
void channel_corrupt(const struct channel_fate *, uint8_t *data, size_t len);

#endif
