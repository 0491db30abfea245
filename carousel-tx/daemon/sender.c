#include "carousel-tx/daemon/sender.h"

#include "common/carousel_error.h"
#include "common/io/clock.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define BATCHES_A_TURN 8u /* then the loop looks after the others */

/* Sends what is waiting. True when nothing is left. */
static bool flush(struct sender *s)
{
	size_t sent = 0;
	int result;
	if (s->count == 0)
		return true;
	result = udp_send(&s->udp, s->packets + s->first, s->count, &sent);
	s->first += sent;
	s->count -= sent;
	if (result == CAROUSEL_E_BUSY)
		return false;
	/* A packet that is too long for the path is given up; it counts as lost. */
	if (result == CAROUSEL_E_LIMIT && s->count) {
		s->first++;
		s->count--;
		s->udp.lost++;
		return flush(s);
	}
	if (result)
		s->error = result;
	return result == 0;
}

static void fill(struct sender *s, uint64_t now_ns)
{
	struct tx_packet packet;
	s->first = s->count = 0;
	while (s->count < SENDER_BATCH) {
		uint8_t *buffer = s->buffers + s->count * s->slot_bytes;
		int result = tx_next_packet(s->tx, s->channel, buffer, s->slot_bytes, &packet, now_ns);
		if (result) {
			if (carousel_error_is_fatal(result))
				s->error = result;
			return;
		}
		s->packets[s->count++] = (struct iovec){.iov_base = buffer, .iov_len = packet.len};
	}
}

static void sender_turn(struct sender *s)
{
	for (unsigned i = 0; i < BATCHES_A_TURN && s->error == 0; i++) {
		if (!flush(s))
			break;
		fill(s, clock_monotonic_ns());
		if (s->count == 0)
			break;
	}
	/* What is left after a whole turn waits for the socket like what the socket refused: no deadline watches over
	 * it. */
	if (s->count)
		loop_watch_set(s->watch, LOOP_WRITE);
	if (s->error)
		loop_stop(s->loop);
	s->sent(s->user);
}

static uint64_t sender_deadline(void *user)
{
	const struct sender *s = user;
	return s->count || s->error ? LOOP_NEVER : tx_deadline(s->tx, s->channel);
}

static void sender_on_deadline(void *user, uint64_t now_ns)
{
	struct sender *s = user;
	int result = tx_on_deadline(s->tx, now_ns);
	if (result)
		s->error = result;
	sender_turn(s);
}

static void sender_on_writable(void *user, unsigned events)
{
	struct sender *s = user;
	(void)events;
	loop_watch_set(s->watch, 0);
	sender_turn(s);
}

bool sender_lacks_interface(const struct settings_channel *settings)
{
	unsigned index;
	return udp_interface_index(settings->interface, &index) == CAROUSEL_E_ADDRESS;
}

int sender_open(struct sender *s, struct loop *loop, struct tx *tx, uint32_t channel,
	const struct settings_channel *settings, size_t slot_bytes, struct catalogue_error *error)
{
	struct udp_sender_config config = {.destination = settings->group,
		.interface = settings->interface[0] ? settings->interface : NULL,
		.source = settings->source,
		.ttl = settings->ttl,
		.loop = settings->loop,
		.buffer_bytes = (size_t)settings->buffer_bytes,
		.no_offload = !settings->offload};
	char group[UDP_ADDRESS_TEXT];
	int result = udp_sender_open(&s->udp, &config);
	if (result)
		return tx_catalogue_fail(error, result, "channel %s: cannot send to %s%s%s: %s", settings->name,
			udp_address_format(&settings->group, group), config.interface ? " on interface " : "",
			settings->interface,
			sender_lacks_interface(settings) ? "there is no such interface" : carousel_strerror(result));
	s->tx = tx;
	s->loop = loop;
	s->channel = channel;
	s->slot_bytes = slot_bytes;
	s->buffers = malloc(SENDER_BATCH * slot_bytes);
	result = s->buffers ? loop_watch_new(loop, s->udp.fd, 0, sender_on_writable, s, &s->watch) : CAROUSEL_E_MEMORY;
	if (result == 0)
		result = loop_timer_new(loop, sender_deadline, sender_on_deadline, s, &s->timer);
	if (result) {
		sender_close(s);
		return tx_catalogue_fail(error, result, "channel %s: %s", settings->name, carousel_strerror(result));
	}
	return 0;
}

void sender_close(struct sender *s)
{
	loop_timer_free(s->timer);
	loop_watch_free(s->watch);
	udp_sender_close(&s->udp);
	free(s->buffers);
	s->timer = NULL;
	s->watch = NULL;
	s->buffers = NULL;
}
