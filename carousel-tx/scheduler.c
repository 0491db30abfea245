#include "carousel-tx/scheduler.h"

#define UNLIMITED_BASE_BPS 10000000u /* whose share documents have on an unlimited channel that is idle */
#define START_CREDIT_MAX   (256u << 10)
#define CREDIT_MIN         4096.0
#define CREDIT_S           2.0
#define TIME_UNIT          1024u /* of virtual time: a wire byte at weight 1 */
#define MAX_LAG            ((uint64_t)1 << 30)
#define FRESH_ROUNDS       3u /* the first rounds of a document come faster, */
#define FRESH_SPEED        4u /* so many times: boxes wait for what has changed */

void tx_scheduler_set_rate(struct tx_scheduler *s, uint64_t rate_bps, uint64_t now_ns)
{
	tx_scheduler_may_control(s, now_ns);
	s->rate_bps = rate_bps;
	s->credit_max = CREDIT_S * (double)(rate_bps ? rate_bps : UNLIMITED_BASE_BPS) / 8 * s->control_permille / 1000;
	if (s->credit_max < CREDIT_MIN)
		s->credit_max = CREDIT_MIN;
}

void tx_scheduler_init(struct tx_scheduler *s, uint64_t rate_bps, uint32_t control_permille, uint64_t now_ns)
{
	double start = (double)(rate_bps ? rate_bps : UNLIMITED_BASE_BPS) / 8;
	*s = (struct tx_scheduler){.control_permille = control_permille, .credit_ns = now_ns};
	tx_scheduler_set_rate(s, rate_bps, now_ns);
	/* A first round of everything at once, of a second's length at most, so that boxes that wait can begin. */
	s->credit_bytes = start < START_CREDIT_MAX ? start : START_CREDIT_MAX;
}

static double credit_per_ns(const struct tx_scheduler *s)
{
	return (double)(s->rate_bps ? s->rate_bps : UNLIMITED_BASE_BPS) / 8e9 * s->control_permille / 1000;
}

bool tx_scheduler_may_control(struct tx_scheduler *s, uint64_t now_ns)
{
	if (now_ns > s->credit_ns) {
		if (s->credit_bytes < s->credit_max) {
			s->credit_bytes += (double)(now_ns - s->credit_ns) * credit_per_ns(s);
			if (s->credit_bytes > s->credit_max)
				s->credit_bytes = s->credit_max;
		}
		s->credit_ns = now_ns;
	}
	return s->credit_bytes > 0;
}

uint64_t tx_scheduler_control_ns(const struct tx_scheduler *s, uint64_t now_ns)
{
	if (s->credit_bytes > 0)
		return now_ns;
	return s->credit_ns + (uint64_t)(-s->credit_bytes / credit_per_ns(s)) + 1;
}

void tx_scheduler_control_sent(struct tx_scheduler *s, uint32_t wire_bytes)
{
	s->credit_bytes -= wire_bytes;
}

void tx_scheduler_image_sent(struct tx_scheduler *s, uint32_t wire_bytes)
{
	if (s->rate_bps == 0 && s->credit_bytes < s->credit_max)
		s->credit_bytes += (double)wire_bytes * s->control_permille / 1000;
}

bool tx_scheduler_in_round(const struct tx_object *object, struct tx_stream *stream, uint64_t now_ns)
{
	if (stream->round_left == 0 && now_ns >= stream->due_ns)
		stream->round_left = (uint32_t)tx_object_pass_packets(object);
	return stream->round_left > 0;
}

void tx_scheduler_round_sent(struct tx_stream *stream, uint64_t period_ns, uint64_t now_ns)
{
	if (--stream->round_left > 0)
		return;
	if (stream->rounds < FRESH_ROUNDS) {
		stream->rounds++;
		period_ns /= FRESH_SPEED;
	}
	stream->due_ns += period_ns;
	if (stream->due_ns < now_ns)
		stream->due_ns = now_ns;
}

/* An index or copy map goes once with each pass of its image. */
static bool is_due(const struct tx_object *image, const struct tx_object *companion, uint32_t channel)
{
	return companion->streams[channel].symbols_sent * tx_object_pass_packets(image) <=
	       image->streams[channel].symbols_sent * tx_object_pass_packets(companion);
}

static struct tx_object *image_or_companion(
	const struct tx_object_context *context, struct tx_object *image, uint32_t channel)
{
	for (struct tx_object *o = image->companion; o; o = o->companion)
		if (!o->is_removed && is_due(image, o, channel) && tx_object_is_ready(context, o, channel))
			return o;
	return tx_object_is_ready(context, image, channel) ? image : NULL;
}

struct tx_object *tx_scheduler_pick_image(struct tx_scheduler *s, const struct tx_object_context *context,
	struct tx_object *objects, uint32_t channel, uint64_t now_ns)
{
	uint64_t tried_time = 0;
	const struct tx_object *tried = NULL;
	for (;;) {
		struct tx_object *best = NULL, *ready;
		bool is_past = tried == NULL;
		/* The least virtual time; those of equal time in the order of the list, from the one tried last on. */
		for (struct tx_object *o = objects; o; o = o->next) {
			struct tx_stream *stream = &o->streams[channel];
			if (o->role != TX_ROLE_IMAGE || o->is_removed)
				continue;
			if (now_ns < o->begins_ns) {
				/* What it does not send while it is only announced it is not owed afterwards. */
				if (stream->virtual_time < s->virtual_time)
					stream->virtual_time = s->virtual_time;
				continue;
			}
			if (s->virtual_time > MAX_LAG && stream->virtual_time < s->virtual_time - MAX_LAG)
				stream->virtual_time = s->virtual_time - MAX_LAG;
			if (o == tried) {
				is_past = true;
				continue;
			}
			if (tried &&
				(stream->virtual_time < tried_time || (stream->virtual_time == tried_time && !is_past)))
				continue;
			if (best == NULL || stream->virtual_time < best->streams[channel].virtual_time)
				best = o;
		}
		if (best == NULL)
			return NULL;
		ready = image_or_companion(context, best, channel);
		if (ready)
			return ready;
		tried = best;
		tried_time = best->streams[channel].virtual_time;
	}
}

void tx_scheduler_image_served(struct tx_scheduler *s, struct tx_object *object, uint32_t channel, uint32_t wire_bytes)
{
	struct tx_object *image = object->image ? object->image : object;
	struct tx_stream *stream = &image->streams[channel];
	if (stream->virtual_time > s->virtual_time)
		s->virtual_time = stream->virtual_time;
	stream->virtual_time += (uint64_t)wire_bytes * TIME_UNIT / image->weight;
	tx_scheduler_image_sent(s, wire_bytes);
}
