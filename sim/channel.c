#include "sim/channel.h"

#include "common/carousel_error.h"

#include <math.h>

static bool channel_is_probability(double p)
{
	return p >= 0 && p <= 1; /* false for NaN */
}

int channel_config_check(const struct channel_config *c)
{
	const struct channel_gilbert *g = &c->gilbert;
	if (!channel_is_probability(c->loss) || !channel_is_probability(c->bit_error) ||
		!channel_is_probability(c->duplicate) || !channel_is_probability(c->reorder))
		return CAROUSEL_E_RANGE;
	if (!channel_is_probability(g->to_bad) || !channel_is_probability(g->to_good) ||
		!channel_is_probability(g->loss_good) || !channel_is_probability(g->loss_bad))
		return CAROUSEL_E_RANGE;
	if (c->kind == CHANNEL_GILBERT && g->to_good <= 0)
		return CAROUSEL_E_RANGE;
	if (c->kind == CHANNEL_TRACE && c->trace == NULL)
		return CAROUSEL_E_ARGUMENT;
	return 0;
}

double channel_mean_loss(const struct channel_config *c)
{
	const struct channel_gilbert *g = &c->gilbert;
	if (c->kind == CHANNEL_GILBERT)
		return (g->to_bad * g->loss_bad + g->to_good * g->loss_good) / (g->to_bad + g->to_good);
	if (c->kind == CHANNEL_TRACE)
		return (double)c->trace->lost / (double)(c->trace->lost + c->trace->received);
	return c->loss;
}

/* A point of the trace that is any packet of it with the same probability. */
static void channel_start_trace(struct channel *ch)
{
	const struct trace *t = ch->config->trace;
	uint64_t at = random_below(&ch->loss_random, t->received + t->lost);
	for (ch->run = 0; at >= (uint64_t)t->runs[ch->run].received + t->runs[ch->run].lost; ch->run++)
		at -= (uint64_t)t->runs[ch->run].received + t->runs[ch->run].lost;
	ch->run_at = at;
}

static void channel_start(struct channel *ch)
{
	const struct channel_gilbert *g = &ch->config->gilbert;
	if (ch->config->kind == CHANNEL_GILBERT)
		ch->is_bad = random_chance(&ch->loss_random, g->to_bad / (g->to_bad + g->to_good));
	else if (ch->config->kind == CHANNEL_TRACE)
		channel_start_trace(ch);
	ch->outage_ends = 0;
	ch->is_outage = false;
}

void channel_init(struct channel *ch, const struct channel_config *config, uint64_t seed, uint64_t stream)
{
	*ch = (struct channel){.config = config};
	random_init(&ch->loss_random, seed, stream * 2);
	random_init(&ch->other_random, seed, stream * 2 + 1);
	channel_start(ch);
}

void channel_set_config(struct channel *ch, const struct channel_config *config)
{
	ch->config = config;
	channel_start(ch);
}

static bool channel_trace_loses(struct channel *ch)
{
	const struct trace *t = ch->config->trace;
	bool lost;
	while (ch->run_at >= (uint64_t)t->runs[ch->run].received + t->runs[ch->run].lost) {
		ch->run = ch->run + 1 < t->num_runs ? ch->run + 1 : 0;
		ch->run_at = 0;
	}
	lost = ch->run_at >= t->runs[ch->run].received;
	ch->run_at++;
	return lost;
}

bool channel_loses(struct channel *ch)
{
	const struct channel_config *c = ch->config;
	bool lost;
	if (c->kind == CHANNEL_BERNOULLI)
		return random_chance(&ch->loss_random, c->loss);
	if (c->kind == CHANNEL_TRACE)
		return channel_trace_loses(ch);
	lost = random_chance(&ch->loss_random, ch->is_bad ? c->gilbert.loss_bad : c->gilbert.loss_good);
	if (random_chance(&ch->loss_random, ch->is_bad ? c->gilbert.to_good : c->gilbert.to_bad))
		ch->is_bad = !ch->is_bad;
	return lost;
}

static bool channel_is_out(struct channel *ch, uint64_t now_ns)
{
	if (ch->config->outages == NULL)
		return false;
	if (now_ns >= ch->outage_ends) {
		ch->is_outage = timetable_is_inside(ch->config->outages, 0, now_ns);
		ch->outage_ends = timetable_next_change(ch->config->outages, 0, now_ns);
	}
	return ch->is_outage;
}

static uint64_t channel_delay(struct channel *ch)
{
	const struct channel_config *c = ch->config;
	uint64_t delay = c->delay_ns;
	if (c->jitter_ns)
		delay += random_below(&ch->other_random, c->jitter_ns);
	if (random_chance(&ch->other_random, c->reorder)) {
		delay += c->reorder_ns;
		ch->reordered++;
	}
	return delay;
}

/* Draws the distances between inverted bits, so that a clean packet costs one draw. */
static void channel_flip(struct channel *ch, size_t len, struct channel_fate *fate)
{
	const uint64_t bits = (uint64_t)len * 8;
	uint64_t at = 0;
	while (fate->num_flips < CHANNEL_MAX_FLIPS) {
		const uint64_t skip = random_geometric(&ch->other_random, ch->config->bit_error);
		if (skip > bits - at)
			break;
		at += skip;
		fate->flips[fate->num_flips++] = (uint32_t)(at - 1);
	}
	ch->corrupted += fate->num_flips != 0;
}

void channel_pass(struct channel *ch, uint64_t now_ns, size_t len, struct channel_fate *fate)
{
	const struct channel_config *c = ch->config;
	const bool is_lost = channel_loses(ch), is_out = channel_is_out(ch, now_ns);
	fate->num_copies = 0;
	fate->num_flips = 0;
	if (is_out || is_lost) {
		fate->verdict = is_out ? CHANNEL_OUTAGE : CHANNEL_LOST;
		ch->out += is_out;
		ch->lost += !is_out;
		return;
	}
	fate->verdict = CHANNEL_PASSED;
	ch->passed++;
	fate->delay_ns[fate->num_copies++] = channel_delay(ch);
	if (random_chance(&ch->other_random, c->duplicate)) {
		fate->delay_ns[fate->num_copies++] = channel_delay(ch);
		ch->duplicated++;
	}
	if (c->bit_error > 0)
		channel_flip(ch, len, fate);
}

void channel_corrupt(const struct channel_fate *fate, uint8_t *data, size_t len)
{
	for (unsigned i = 0; i < fate->num_flips; i++)
		if (fate->flips[i] / 8 < len)
			data[fate->flips[i] / 8] ^= (uint8_t)(1u << fate->flips[i] % 8);
}
