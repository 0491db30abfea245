#include "carousel-rx/daemon/channels.h"

#include "common/carousel_error.h"
#include "common/io/clock.h"

#include <string.h>

#define CHANNELS_MEMORY (256u * 1024)
/* While the receiver wants nothing but documents: so much is read, and then nothing for so long. */
#define CHANNELS_SATED_BYTES (256u * 1024)
#define CHANNELS_SATED_NS    5000000u

/* ---- receiving ------------------------------------------------------------------------------------ */

/* Hands the batch on, as far as the receiver has room. */
static void channel_hand_on(struct channel *c, uint64_t now_ns)
{
	struct channels *all = c->owner;
	struct udp_datagram in;
	c->has_rest = true;
	while (carousel_rx_appetite(all->rx) != CAROUSEL_RX_FULL) {
		struct carousel_datagram d = {.channel = c->number};
		int result;
		if (!udp_receiver_next(c->receiver, &in)) {
			c->has_rest = false;
			return;
		}
		d.data = in.data;
		d.len = in.len;
		d.source.family = in.source.family;
		d.source.port = in.source.port;
		memcpy(d.source.ip, in.source.ip, sizeof(d.source.ip));
		c->turn_bytes += in.len;
		result = carousel_rx_recv(all->rx, &d, now_ns);
		if (result && carousel_error_is_fatal(result))
			all->fatal(all->user, result);
	}
}

/* One batch, or what is left of one. 0, or NEED_MORE: the socket is empty. */
static int channel_batch(struct channel *c)
{
	struct channels *all = c->owner;
	int result = c->has_rest ? 0 : udp_receiver_fill(c->receiver);
	if (result)
		return result;
	do {
		channel_hand_on(c, clock_monotonic_ns());
		/* Jobs are handed out, so that staging is emptied: there may be room again at once. */
		all->after(all->user);
	} while (c->is_open && c->has_rest && carousel_rx_appetite(all->rx) != CAROUSEL_RX_FULL);
	return 0;
}

static void channel_rest(struct channel *c, uint64_t resume_ns)
{
	c->resume_ns = resume_ns;
	loop_watch_set(c->watch, resume_ns ? 0 : LOOP_READ);
}

static void channel_turn(struct channel *c)
{
	struct channels *all = c->owner;
	enum carousel_rx_appetite appetite;
	int result;
	c->turn_bytes = 0;
	do {
		result = channel_batch(c);
		appetite = carousel_rx_appetite(all->rx);
	} while (result == 0 && c->is_open && appetite == CAROUSEL_RX_SATED && c->turn_bytes < CHANNELS_SATED_BYTES);
	if (result && result != CAROUSEL_E_NEED_MORE)
		log_write(all->log, CAROUSEL_LOG_WARNING, "channel %u: %s", c->number, carousel_strerror(result));
	if (c->is_open)
		channel_rest(c, appetite == CAROUSEL_RX_FULL    ? LOOP_NEVER
				: appetite == CAROUSEL_RX_SATED ? clock_monotonic_ns() + CHANNELS_SATED_NS
								: 0);
}

static void channel_readable(void *user, unsigned events)
{
	(void)events;
	channel_turn(user);
}

void channels_resume(struct channels *all, uint64_t now_ns)
{
	for (unsigned i = 0; i < CHANNELS_MAX; i++) {
		struct channel *c = &all->channel[i];
		enum carousel_rx_appetite appetite = carousel_rx_appetite(all->rx);
		if (c->is_open && c->resume_ns && appetite != CAROUSEL_RX_FULL &&
			(appetite == CAROUSEL_RX_HUNGRY || now_ns >= c->resume_ns))
			channel_turn(c);
	}
}

uint64_t channels_deadline(const struct channels *all)
{
	uint64_t deadline = LOOP_NEVER;
	for (unsigned i = 0; i < CHANNELS_MAX; i++)
		if (all->channel[i].is_open && all->channel[i].resume_ns && all->channel[i].resume_ns < deadline)
			deadline = all->channel[i].resume_ns;
	return deadline;
}

/* ---- joining -------------------------------------------------------------------------------------- */

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
	c->has_rest = false;
	c->resume_ns = 0;
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

static void channels_refused(const struct channels *all, enum carousel_log_level level, const char *session,
	const struct udp_address *group, const char *interface, int error)
{
	char text[UDP_ADDRESS_TEXT];
	unsigned index;
	bool is_missing = udp_interface_index(interface, &index) == CAROUSEL_E_ADDRESS;
	log_write(all->log, level, "session %s: joining %s%s%s: %s", session, udp_address_format(group, text),
		interface ? " on interface " : "", interface ? interface : "",
		is_missing ? "there is no such interface" : carousel_strerror(error));
}

int channels_open(struct channels *all)
{
	for (unsigned i = 0; i < all->settings->num_sessions; i++) {
		const struct settings_session *s = &all->settings->sessions[i];
		int result = channel_open(all, &s->group, &s->source, s->interface, false);
		if (result) {
			channels_refused(all, CAROUSEL_LOG_ERROR, s->name, &s->group, s->interface, result);
			return result;
		}
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
			channels_refused(
				all, CAROUSEL_LOG_WARNING, session.name, &group, all->settings->map_interface, result);
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
