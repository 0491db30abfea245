/* loss.h - loss on the air, from the packet sequence numbers (CCI) of each source and channel.
 *
 * A gap is a burst of lost packets until the missing ones turn up late; what the receiver's own socket dropped is
 * counted apart. Nothing here is trusted: the figures are for people, never for decisions. */
#ifndef CAROUSEL_RX_LOSS_H
#define CAROUSEL_RX_LOSS_H

#include "carousel_rx.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOSS_MAX_STREAMS 16u

struct loss_stream {
	struct carousel_addr source;
	uint32_t channel;
	uint32_t next;     /* sequence number expected */
	uint32_t jump;     /* after a jump: what would confirm it */
	uint64_t window;   /* bit i: next - 1 - i was received */
	uint32_t in_a_row; /* packets with the same number 0: numbering is off */
};

struct loss {
	uint64_t received, lost, bursts, longest_burst, late, duplicates; /* packets */
	size_t num_streams;
	struct loss_stream streams[LOSS_MAX_STREAMS];
	struct loss_stream *latest;
	size_t victim; /* the stream that is overwritten when all are taken */
};

void loss_init(struct loss *);
void loss_push(struct loss *, const struct carousel_addr *source, uint32_t channel, uint32_t sequence);
/* lost / (received + lost), 0 to 1; numbering that is off gives 0. */
double loss_share(const struct loss *);

/* Same family and host; the port is not compared. */
bool loss_is_same_host(const struct carousel_addr *, const struct carousel_addr *);

#endif
