#include "sim/run.h"

#include "common/carousel_error.h"
#include "sim/box.h"
#include "sim/outlook.h"

#include <string.h>

#define RUN_SETTLED_EVERY_NS 10000000000u
#define RUN_HEARD_NS         900000000000u /* within which a box that listens hears of a change */
#define RUN_PROGRESS_PACKETS 1024u
#define RUN_OUTLOOK_NS       60000000000u /* when boxes are first asked what they can hope for; then ever more rarely */

struct run {
	const struct scenario *scenario;
	const struct run_options *options;
	struct headend *headend;
	struct report *report;
	struct box *boxes;
	size_t num_boxes;
	uint64_t now_ns, settled_check_ns;
	uint64_t outlook_check_ns;
	uint64_t heard_ns; /* within which every box hears of a change, asleep or not */
};

static int run_advance(struct run *r, uint64_t now_ns)
{
	int result = 0;
	r->now_ns = now_ns;
	for (size_t i = 0; i < r->num_boxes && result == 0; i++)
		if (r->boxes[i].wake_ns <= now_ns && !r->boxes[i].is_retired)
			result = box_run(&r->boxes[i], now_ns);
		else
			r->boxes[i].now_ns = now_ns;
	return result;
}

/* Every packet that may leave now, to every box. */
static int run_transmit(struct run *r)
{
	uint8_t buffer[TX_MAX_PACKET_BYTES];
	for (uint32_t n = 0; n < r->scenario->transmitter.headends; n++)
		for (;;) {
			struct tx_packet packet;
			int result = headend_next_packet(r->headend, n, buffer, sizeof buffer, &packet, r->now_ns);
			if (result == CAROUSEL_E_NEED_MORE)
				break;
			if (result != 0)
				return result;
			r->report->packets_sent++;
			for (size_t i = 0; i < r->num_boxes && result == 0; i++)
				if (!r->boxes[i].is_retired)
					result = box_send(&r->boxes[i], n, buffer, &packet, r->now_ns);
			if (result != 0)
				return result;
			if (r->options->progress && r->report->packets_sent % RUN_PROGRESS_PACKETS == 0)
				result = r->options->progress(
					r->options->user, (double)r->now_ns / (double)r->scenario->duration_ns);
			if (result != 0)
				return result;
		}
	return 0;
}

/* Boxes of which nothing more is to be learnt leave the run: those that lack nothing, and, when asked for (which
 * costs), those that can never get what they lack. A box leaves at the same moment whatever others are played. True
 * when none is left. */
static bool run_retire(struct run *r, bool is_outlook_asked)
{
	bool all = true;
	for (size_t i = 0; i < r->num_boxes; i++) {
		struct box *b = &r->boxes[i];
		enum report_stuck why = REPORT_NOT_ON_AIR;
		enum outlook outlook = OUTLOOK_OPEN;
		if (b->is_retired)
			continue;
		if (is_outlook_asked)
			outlook = outlook_of(b, r->now_ns, &why);
		else if (box_is_settled(b))
			outlook = OUTLOOK_CONTENT;
		r->report->stuck[why] += outlook == OUTLOOK_STUCK;
		all &= outlook != OUTLOOK_OPEN;
		b->is_retired = outlook != OUTLOOK_OPEN;
	}
	return all;
}

/* Nothing is to come, and nobody lacks anything that he could get. */
static bool run_is_settled(struct run *r)
{
	uint64_t since_ns;
	if (r->now_ns < r->settled_check_ns)
		return false;
	r->settled_check_ns = r->now_ns + RUN_SETTLED_EVERY_NS;
	/* What was so from the beginning needs no time to be heard of: boxes know nothing else. */
	since_ns = r->now_ns > r->heard_ns ? r->now_ns - r->heard_ns : 0;
	if (headend_next_update(r->headend, since_ns) < r->scenario->duration_ns ||
		moments_next(&r->headend->moments, since_ns) != SCENARIO_NEVER)
		return false;
	if (run_retire(r, false))
		return true;
	if (r->now_ns < r->outlook_check_ns)
		return false;
	r->outlook_check_ns = 2 * r->now_ns;
	return run_retire(r, true);
}

static uint64_t run_time_to_hear(const struct scenario *s)
{
	uint64_t most = 0;
	for (size_t i = 0; i < s->num_groups; i++) {
		const struct scenario_group *g = &s->groups[i];
		uint64_t asleep = g->on.num_windows ? g->on.period_ns : 0;
		for (size_t w = 0; w < g->outages.num_windows && g->outages.windows[w].end_ns < s->duration_ns; w++)
			asleep += g->outages.windows[w].end_ns - g->outages.windows[w].start_ns;
		most = asleep > most ? asleep : most;
	}
	return most + RUN_HEARD_NS;
}

static int run_play(struct run *r)
{
	int result = headend_update(r->headend, 0);
	r->heard_ns = run_time_to_hear(r->scenario);
	r->outlook_check_ns = RUN_OUTLOOK_NS;
	while (result == 0 && !run_is_settled(r)) {
		const uint64_t update = headend_next_update(r->headend, r->now_ns);
		uint64_t next = headend_deadline(r->headend);
		if (next <= r->now_ns)
			next = r->now_ns + 1;
		if (update < next)
			next = update;
		if (next >= r->scenario->duration_ns && headend_deadline(r->headend) == SCENARIO_NEVER &&
			run_retire(r, true))
			break;
		if (next >= r->scenario->duration_ns) {
			result = run_advance(r, r->scenario->duration_ns);
			(void)run_retire(r, true);
			return result;
		}
		result = run_advance(r, next);
		if (result == 0 && next == update)
			result = headend_update(r->headend, next);
		if (result == 0)
			result = run_transmit(r);
	}
	r->report->ended_ns = r->now_ns;
	return result;
}

static int run_make_boxes(struct run *r, const struct carousel_allocator *allocator, uint32_t shard, uint32_t shards)
{
	const uint64_t boxes = r->scenario->boxes;
	const size_t count = boxes > shard ? (size_t)((boxes - shard - 1) / shards + 1) : 0;
	int result = 0;
	r->boxes = memory_alloc(allocator, count, sizeof *r->boxes);
	if (r->boxes == NULL)
		return CAROUSEL_E_MEMORY;
	for (; r->num_boxes < count && result == 0; r->num_boxes++)
		result = box_init(&r->boxes[r->num_boxes], allocator, r->report, r->scenario, r->headend,
			shard + (uint64_t)r->num_boxes * shards);
	return result;
}

static int run_check(const struct scenario *s, const struct run_options *o)
{
	if (o->shards && o->shard >= o->shards)
		return CAROUSEL_E_ARGUMENT;
	for (size_t i = 0; i < s->num_groups && o->payload != HEADEND_BYTES; i++) {
		const struct scenario_group *g = &s->groups[i];
		if (g->kill_every_ns)
			return scenario_refuse(s, g, "kill-every", CAROUSEL_E_UNSUPPORTED,
				"needs the images' bytes: payload = yes, or --payload");
		if (g->no_checksum && g->channel.bit_error > 0)
			return scenario_refuse(s, g, "udp-checksum", CAROUSEL_E_UNSUPPORTED,
				"damaged symbols need the images' bytes: payload = yes, or --payload");
	}
	return 0;
}

int run_scenario(struct report **out, const struct carousel_allocator *allocator, const struct scenario *s,
	const struct run_options *options)
{
	const struct run_options all = {0};
	struct run r = {.scenario = s, .options = options ? options : &all};
	const uint32_t shards = r.options->shards ? r.options->shards : 1;
	int result = run_check(s, r.options);
	*out = NULL;
	if (result != 0)
		return result;
	result = report_new(&r.report, allocator, s, "run");
	if (result == 0)
		result = report_set_shard(r.report, r.options->shard, shards);
	if (result == 0)
		result = headend_new(&r.headend, allocator, s, r.options->payload);
	if (result == 0)
		result = run_make_boxes(&r, allocator, r.options->shard, shards);
	if (result == 0)
		result = run_play(&r);
	for (size_t i = 0; i < r.num_boxes; i++) {
		if (result == 0)
			box_finish(&r.boxes[i]);
		box_deinit(&r.boxes[i]);
	}
	memory_free(allocator, r.boxes);
	headend_free(r.headend);
	if (result == 0)
		*out = r.report;
	else
		report_free(r.report);
	return result;
}
