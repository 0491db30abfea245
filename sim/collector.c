#include "sim/collector.h"

#include "common/carousel_error.h"
#include "sim/damage.h"
#include "sim/random.h"
#include "sim/statistics.h"

#include <math.h>
#include <string.h>

#define COLLECTOR_MAX_SYMBOLS 0x40000000u
#define COLLECTOR_MAX_CYCLES  1000u /* of a receiver; then it counts as never done */
#define COLLECTOR_FEWEST      200u  /* receivers */
#define COLLECTOR_TAIL        0.02  /* the share of receivers that tells how the tail falls */

struct collector_play {
	const struct collector_object *object;
	uint64_t cycle;
	uint8_t *have;         /* a bit an encoding symbol, by its place in the cycle */
	uint32_t *need;        /* by block */
	struct damage *damage; /* in place of both */
};

static uint32_t collector_block(const struct collector_object *o, uint64_t at)
{
	const uint64_t source = (uint64_t)o->source_symbols * o->num_blocks;
	const uint64_t whole = (uint64_t)(o->source_symbols / o->chunk_symbols) * o->chunk_symbols * o->num_blocks;
	if (at < whole)
		return (uint32_t)(at / o->chunk_symbols % o->num_blocks);
	return (uint32_t)((at - (at < source ? whole : source)) % o->num_blocks);
}

/* One receiver, from a place of the cycle on: symbols sent until it is done, and all that were looked at. */
static double collector_receive(struct collector_play *p, struct channel *channel, struct random_stream *random,
	double damaged, uint64_t at, uint64_t *packets)
{
	const struct collector_object *o = p->object;
	const uint64_t most = p->cycle * COLLECTOR_MAX_CYCLES;
	uint32_t left = o->num_blocks;
	memset(p->have, 0, (size_t)(p->cycle / 8 + 1));
	for (uint32_t b = 0; b < o->num_blocks; b++)
		p->need[b] = o->source_symbols;
	for (uint64_t sent = 1; sent <= most; sent++, at = at + 1 == p->cycle ? 0 : at + 1) {
		uint32_t block;
		++*packets;
		if (channel_loses(channel) || p->have[at / 8] >> at % 8 & 1 || random_chance(random, damaged))
			continue;
		p->have[at / 8] |= (uint8_t)(1u << at % 8);
		block = collector_block(o, at);
		if (p->need[block] && --p->need[block] == 0 && --left == 0)
			return (double)sent;
	}
	return INFINITY;
}

static uint64_t collector_begin(const struct collector_object *o, struct random_stream *random)
{
	const uint64_t pass = (uint64_t)(o->is_fountain ? o->source_symbols : o->encoding_symbols) * o->num_blocks;
	uint64_t at;
	if (o->begin < 0)
		return random_below(random, pass);
	at = (uint64_t)((o->begin + o->spread * random_unit(random)) * (double)pass);
	return at < pass || o->is_fountain ? at : pass - 1;
}

static void collector_play_all(struct collector *c, struct collector_play *p, const struct channel_config *config,
	size_t packet_bytes, uint64_t seed)
{
	const double damaged = -expm1(8.0 * (double)packet_bytes * log1p(-fmin(config->bit_error, 0.999999)));
	uint64_t packets = 0;
	while (c->count < COLLECTOR_RECEIVERS && (c->count < COLLECTOR_FEWEST || packets < COLLECTOR_PACKETS)) {
		struct random_stream random;
		struct channel channel;
		uint64_t begin;
		random_init(&random, ~seed, c->count);
		channel_init(&channel, config, seed, c->count);
		begin = collector_begin(p->object, &random);
		if (p->damage) {
			const double sent = damage_receive(
				p->damage, &channel, &random, damaged, begin, p->cycle * COLLECTOR_MAX_CYCLES);
			packets += isinf(sent) ? p->cycle * COLLECTOR_MAX_CYCLES : (uint64_t)sent;
			c->sent[c->count] = sent;
		} else
			c->sent[c->count] = collector_receive(p, &channel, &random, damaged, begin, &packets);
		c->count++;
		/* Hopeless ones need not be played in thousands. */
		if (packets > COLLECTOR_PACKETS && isinf(c->sent[c->count - 1]))
			break;
	}
}

static void collector_end(struct collector *c)
{
	const size_t tail = (size_t)ceil((double)c->count * COLLECTOR_TAIL);
	double sum = 0;
	statistics_sort(c->sent, c->count);
	for (size_t i = c->count - tail; i < c->count; i++)
		sum += c->sent[i] - c->sent[c->count - tail - (tail < c->count)];
	c->tail_mean = sum / (double)tail;
}

int collector_init(struct collector *c, const struct carousel_allocator *allocator, const struct collector_object *o,
	const struct channel_config *config, size_t packet_bytes, uint64_t seed)
{
	const struct damage_object damage = {.source_symbols = o->source_symbols,
		.repair_symbols = o->is_fountain ? 0 : o->encoding_symbols - o->source_symbols,
		.num_blocks = o->num_blocks,
		.chunk_symbols = o->chunk_symbols,
		.is_fountain = o->is_fountain,
		.index_symbols = o->index_symbols};
	struct collector_play p = {.object = o, .cycle = (uint64_t)o->encoding_symbols * o->num_blocks};
	*c = (struct collector){.allocator = allocator};
	if (o->source_symbols == 0 || o->source_symbols > o->encoding_symbols || o->num_blocks == 0 ||
		o->chunk_symbols == 0 || o->chunk_symbols > o->source_symbols || p.cycle > COLLECTOR_MAX_SYMBOLS)
		return CAROUSEL_E_RANGE;
	c->sent = memory_alloc(allocator, COLLECTOR_RECEIVERS, sizeof *c->sent);
	if (o->is_unchecked)
		(void)damage_new(&p.damage, allocator, &damage);
	else {
		p.have = memory_alloc(allocator, (size_t)(p.cycle / 8 + 1), 1);
		p.need = memory_alloc(allocator, o->num_blocks, sizeof *p.need);
	}
	if (c->sent && (p.damage || (p.have && p.need))) {
		collector_play_all(c, &p, config, packet_bytes, seed);
		collector_end(c);
	}
	memory_free(allocator, p.have);
	memory_free(allocator, p.need);
	damage_free(p.damage);
	if (c->count)
		return 0;
	collector_deinit(c);
	return CAROUSEL_E_MEMORY;
}

void collector_deinit(struct collector *c)
{
	memory_free(c->allocator, c->sent);
	c->sent = NULL;
	c->count = 0;
}

double collector_symbols(const struct collector *c, double q)
{
	const double rank = q * (double)c->count - 0.5, knee = (double)c->count * (1 - COLLECTOR_TAIL) - 1;
	const size_t low = rank > 0 ? (size_t)rank : 0;
	if (isinf(c->tail_mean) || isnan(c->tail_mean))
		return c->sent[low < c->count ? low : c->count - 1];
	if (rank > knee && knee > 0)
		return c->sent[(size_t)knee] - c->tail_mean * log((1 - fmin(q, 1 - 1e-12)) / COLLECTOR_TAIL);
	if (low + 1 >= c->count)
		return c->sent[c->count - 1];
	return c->sent[low] + (c->sent[low + 1] - c->sent[low]) * fmax(0, rank - (double)low);
}
