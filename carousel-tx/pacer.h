/* pacer.h - when the next packet of a channel may leave: exact over the long run, a bounded burst after a delay. */
#ifndef CAROUSEL_TX_PACER_H
#define CAROUSEL_TX_PACER_H

#include <stdbool.h>
#include <stdint.h>

struct tx_pacer {
	uint64_t rate_bps;  /* 0: unlimited */
	uint64_t burst_ns;  /* time that may be made up after a delay */
	uint64_t gather_ns; /* how long packets wait to leave together */
	uint64_t next_ns;   /* when the next packet may leave */
	uint64_t remainder; /* of next_ns, in 1/rate_bps nanoseconds */
	uint64_t last_interval_ns;
};

/* burst_bytes 0: 20 ms of the rate, at least 16 KiB, and above 1 MiB only 2 ms. The first packet may leave at now_ns.
 */
void tx_pacer_init(struct tx_pacer *, uint64_t rate_bps, uint32_t burst_bytes, uint64_t now_ns);

static inline bool tx_pacer_is_ready(const struct tx_pacer *p, uint64_t now_ns)
{
	return now_ns >= p->next_ns;
}

/* A packet of so many bytes on the wire has left. */
void tx_pacer_sent(struct tx_pacer *, uint32_t wire_bytes, uint64_t now_ns);

/* When to look again. Packets closer together than gather_ns are waited for, to leave as a batch. */
uint64_t tx_pacer_deadline(const struct tx_pacer *);

#endif
