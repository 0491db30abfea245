/* scheduler.h - what a channel sends next: documents in rounds within their share, images by weight in the rest.
 *
 * Documents: each has a wanted period; the one whose round has been due longest goes first, and a share of the channel
 * bounds them all, so that on a slow channel every period stretches alike and none starves. Images: start-time fair
 * queueing, the least wire bytes over weight first; index and copy maps go with their image, once per pass. */
#ifndef CAROUSEL_TX_SCHEDULER_H
#define CAROUSEL_TX_SCHEDULER_H

#include "carousel-tx/object.h"

struct tx_scheduler {
	uint64_t rate_bps; /* 0: unlimited */
	uint32_t control_permille;
	double credit_bytes, credit_max;
	uint64_t credit_ns;    /* when it was last added to */
	uint64_t virtual_time; /* of the image served last */
};

void tx_scheduler_init(struct tx_scheduler *, uint64_t rate_bps, uint32_t control_permille, uint64_t now_ns);
void tx_scheduler_set_rate(struct tx_scheduler *, uint64_t rate_bps, uint64_t now_ns);

/* Whether documents may send now; adds the credit of the time gone by. */
bool tx_scheduler_may_control(struct tx_scheduler *, uint64_t now_ns);
/* When they may next, if not now. */
uint64_t tx_scheduler_control_ns(const struct tx_scheduler *, uint64_t now_ns);
void tx_scheduler_control_sent(struct tx_scheduler *, uint32_t wire_bytes);
/* On an unlimited channel the share is of what images send. */
void tx_scheduler_image_sent(struct tx_scheduler *, uint32_t wire_bytes);

/* Begins a round when it is due; true while the stream has packets to send in it. */
bool tx_scheduler_in_round(const struct tx_object *, struct tx_stream *, uint64_t now_ns);
/* A packet of the round has left; at its end the next is due a period after this one was (a quarter of it after the
 * first three), or now if that is past. */
void tx_scheduler_round_sent(struct tx_stream *, uint64_t period_ns, uint64_t now_ns);

/* The image or index that sends next, or NULL; images that are only announced yet wait. objects: a list in which others
 * may stand. */
struct tx_object *tx_scheduler_pick_image(struct tx_scheduler *, const struct tx_object_context *,
	struct tx_object *objects, uint32_t channel, uint64_t now_ns);
/* After its packet. */
void tx_scheduler_image_served(struct tx_scheduler *, struct tx_object *, uint32_t channel, uint32_t wire_bytes);

#endif
