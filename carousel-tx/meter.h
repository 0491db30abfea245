/* meter.h - what was sent of late: bytes over the last seconds, the older the less they count.
 *
 * Channel and objects are measured over one window with one decay, so that what objects sent never adds up to more than
 * what their channel did, from the first packet on. */
#ifndef CAROUSEL_TX_METER_H
#define CAROUSEL_TX_METER_H

#include <stdint.h>

/* The time that bytes are counted over; of a channel. */
struct tx_window {
	double ns;
};

struct tx_meter {
	double bytes;         /* weighted, up to the last tick */
	uint64_t total_bytes; /* ever; whoever sends adds to it */
	uint64_t ticked_bytes;
};

/* Takes over what was sent in the elapsed_ns since the last tick. */
void tx_window_tick(struct tx_window *, uint64_t elapsed_ns);
void tx_meter_tick(struct tx_meter *, uint64_t elapsed_ns);

/* Weighted bytes, and bits per second, as a tick now would have them. */
double tx_meter_bytes(const struct tx_meter *, uint64_t elapsed_ns);
/* Of something that is counted in nanoseconds: its share of the window. */
double tx_meter_time_share(const struct tx_meter *, const struct tx_window *, uint64_t elapsed_ns);
uint64_t tx_meter_bps(const struct tx_meter *, const struct tx_window *, uint64_t elapsed_ns);

#endif
