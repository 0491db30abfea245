/* sender.h - one channel's socket: packets of the core, in batches. */
#ifndef CAROUSEL_TX_DAEMON_SENDER_H
#define CAROUSEL_TX_DAEMON_SENDER_H

#include "carousel-tx/daemon/settings.h"
#include "common/io/loop.h"
#include "common/io/udp.h"

#define SENDER_BATCH 128u

struct sender {
	struct tx *tx;
	struct loop *loop;
	uint32_t channel;
	struct udp_sender udp;
	struct loop_timer *timer;
	struct loop_watch *watch; /* while the queue is full */
	uint8_t *buffers;         /* SENDER_BATCH of slot_bytes */
	size_t slot_bytes;
	struct iovec packets[SENDER_BATCH];
	size_t first, count; /* of packets: not sent yet */
	int error;           /* the first that ended sending for good */
	void *user;
	void (*sent)(void *user); /* after packets left: the core may want jobs */
};

/* Opens the socket and starts the timer. Errors: those of udp_sender_open() and loop.h. */
int sender_open(struct sender *, struct loop *, struct tx *, uint32_t channel, const struct settings_channel *,
	size_t slot_bytes, struct catalogue_error *);
/* Whether the channel names an interface that this host has not. */
bool sender_lacks_interface(const struct settings_channel *);
void sender_close(struct sender *);

#endif
