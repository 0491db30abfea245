#include "carousel-rx/daemon/channels.h"

#include "common/carousel_error.h"
#include "common/io/clock.h"

#include <string.h>

/* Batches taken from one socket before the loop looks at anything else. */
#define CHANNELS_BATCHES 1 /* then the loop hands finished jobs back, so that staging is emptied between batches */
#define CHANNELS_MEMORY  (256u * 1024)

static void channel_recv(struct channel *c, uint64_t now_ns)
{
	struct channels *all = c->owner;
	struct udp_datagram in;
	while (udp_receiver_next(c->receiver, &in)) {
		struct carousel_datagram d = {.data = in.data, .len = in.len, .channel = c->number};
		int result;
		d.source.family = in.source.family;
		d.source.port = in.source.port;
		memcpy(d.source.ip, in.source.ip, sizeof(d.source.ip));
		result = carousel_rx_recv(all->rx, &d, now_ns);
		if (result && carousel_error_is_fatal(result))
			all->fatal(all->user, result);
	}
}

static void channel_readable(void *user, unsigned events)
{
	struct channel *c = user;
	struct channels *all = c->owner;
	int result = 0;
	(void)events;
	for (int i = 0; i < CHANNELS_BATCHES && result == 0; i++) {
		result = udp_receiver_fill(c->receiver);
		if (result == 0)
			channel_recv(c, clock_monotonic_ns());
	}
	if (result && result != CAROUSEL_E_NEED_MORE)
		log_write(all->log, CAROUSEL_LOG_WARNING, "channel %u: %s", c->number, carousel_strerror(result));
	all->after(all->user);
}

static int channel_open(struct channels *all, const struct udp_address *group, const struct udp_address *source,
	const char *interface, bool is_from_map)
{
	const struct udp_receiver_config config = {.group = *group,
		.source = *source,
		.interface = interface,
		.buffer_bytes = (size_t)all->settings->socket_buffer_bytes,
		.memory_bytes = CHANNELS_MEMORY};
	char text[UDP_ADDRESS_TEXT];
	struct channel *c = NULL;
	int result;
	for (uint32_t i = 0; i < CHANNELS_MAX && c == NULL; i++) {
		if (all->channel[i].is_open)
			continue;
		c = &all->channel[i];
		c->number = i;
	}
	if (c == NULL)
		return CAROUSEL_E_LIMIT;
	c->owner = all;
	result = udp_receiver_open(&c->receiver, &config);
	if (result)
		return result;
	result = loop_watch_new(all->loop, udp_receiver_fd(c->receiver), LOOP_READ, channel_readable, c, &c->watch);
	if (result) {
		udp_receiver_close(c->receiver);
		return result;
	}
	c->is_open = true;
	c->is_from_map = is_from_map;
	c->is_named = true;
	c->group = *group;
	c->source = *source;
	log_write(all->log, CAROUSEL_LOG_INFO, "channel %u: joined %s%s", c->number, udp_address_format(group, text),
		is_from_map ? ", which the map names" : "");
	return 0;
}

static void channel_close(struct channel *c)
{
	struct udp_receiver_stats stats;
	if (!c->is_open)
		return;
	udp_receiver_stats(c->receiver, &stats);
	c->drops_base += stats.kernel_drops + stats.truncated;
	loop_watch_free(c->watch);
	udp_receiver_close(c->receiver);
	c->is_open = false;
}

int channels_open(struct channels *all)
{
	for (unsigned i = 0; i < all->settings->num_sessions; i++) {
		const struct settings_session *s = &all->settings->sessions[i];
		int result = channel_open(all, &s->group, &s->source, s->interface, false);
		if (result)
			return result;
	}
	channels_follow_map(all);
	return 0;
}

static struct udp_address channels_address(const struct carousel_addr *from)
{
	struct udp_address to = {.family = from->family, .port = from->port};
	memcpy(to.ip, from->ip, sizeof(to.ip));
	return to;
}

static struct channel *channels_find(
	struct channels *all, const struct udp_address *group, const struct udp_address *source)
{
	for (unsigned i = 0; i < CHANNELS_MAX; i++) {
		struct channel *c = &all->channel[i];
		if (c->is_open && c->group.port == group->port && udp_address_is_same_host(&c->group, group) &&
			(c->source.family == 0 || udp_address_is_same_host(&c->source, source)))
			return c;
	}
	return NULL;
}

void channels_follow_map(struct channels *all)
{
	struct carousel_rx_session session;
	int result;
	if (!all->settings->follows_map || carousel_rx_session_at(all->rx, 0, &session) == CAROUSEL_E_NOT_FOUND)
		return;
	for (unsigned i = 0; i < CHANNELS_MAX; i++)
		all->channel[i].is_named = !all->channel[i].is_from_map;
	for (unsigned i = 0; (result = carousel_rx_session_at(all->rx, i, &session)) != CAROUSEL_E_NOT_FOUND; i++) {
		struct udp_address group = channels_address(&session.group), source = channels_address(&session.source);
		struct channel *c = result == 0 ? channels_find(all, &group, &source) : NULL;
		if (c)
			c->is_named = true;
		else if (result == 0)
			result = channel_open(all, &group, &source, all->settings->map_interface, true);
		if (result)
			log_write(all->log, CAROUSEL_LOG_WARNING, "session %s of the map cannot be joined: %s",
				session.name, carousel_strerror(result));
	}
	for (unsigned i = 0; i < CHANNELS_MAX; i++)
		if (!all->channel[i].is_named)
			channel_close(&all->channel[i]);
}

void channels_count_drops(struct channels *all)
{
	for (unsigned i = 0; i < CHANNELS_MAX; i++) {
		struct channel *c = &all->channel[i];
		struct udp_receiver_stats stats;
		if (!c->is_open)
			continue;
		udp_receiver_stats(c->receiver, &stats);
		carousel_rx_socket_drops(all->rx, c->number, c->drops_base + stats.kernel_drops + stats.truncated);
	}
}

void channels_close(struct channels *all)
{
	for (unsigned i = 0; i < CHANNELS_MAX; i++)
		channel_close(&all->channel[i]);
}
