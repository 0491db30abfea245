#include "sim/damage.h"

#include "common/carousel_error.h"

#include <math.h>
#include <string.h>

/* A RaptorQ block that has K symbols cannot be decoded in so many cases. */
#define DAMAGE_FAILURE   0.01
#define DAMAGE_MAX_INDEX 1e6 /* symbols; of more nobody has the patience */

/* What a receiver has of an encoding symbol. */
enum damage_symbol { DAMAGE_ABSENT, DAMAGE_CLEAN, DAMAGE_WRONG, DAMAGE_VALUE = 3, DAMAGE_DISPLACED = 4 };

struct damage_block {
	uint32_t own, foreign;             /* symbols in their places; source symbols in others, and repair symbols */
	uint32_t wrong_own, wrong_foreign; /* of them */
	uint32_t want;                     /* symbols at which it is decoded next */
	uint32_t cursor;                   /* no place before it is free */
	bool is_done;                      /* decoded, and taken for right */
};

struct damage {
	const struct carousel_allocator *allocator;
	struct damage_object object;
	struct damage_block *blocks;
	uint8_t *source, *repair; /* enum damage_symbol, block by block; repair: not of a fountain */
	uint8_t *taken;           /* places, as many as source symbols */
	uint32_t left;            /* blocks that are not done */
	uint32_t wrong;           /* blocks that are done, but for the index would tell */
};

int damage_new(struct damage **out, const struct carousel_allocator *allocator, const struct damage_object *o)
{
	struct damage *d = memory_alloc(allocator, 1, sizeof *d);
	*out = NULL;
	if (d == NULL)
		return CAROUSEL_E_MEMORY;
	*d = (struct damage){.allocator = allocator, .object = *o};
	d->blocks = memory_alloc(allocator, o->num_blocks, sizeof *d->blocks);
	d->source = memory_alloc(allocator, (size_t)o->source_symbols * o->num_blocks, 1);
	d->taken = memory_alloc(allocator, (size_t)o->source_symbols * o->num_blocks, 1);
	d->repair = memory_alloc(allocator, (size_t)o->repair_symbols * o->num_blocks + 1, 1);
	if (d->blocks == NULL || d->source == NULL || d->taken == NULL || d->repair == NULL) {
		damage_free(d);
		return CAROUSEL_E_MEMORY;
	}
	*out = d;
	return 0;
}

void damage_free(struct damage *d)
{
	if (d == NULL)
		return;
	memory_free(d->allocator, d->blocks);
	memory_free(d->allocator, d->source);
	memory_free(d->allocator, d->taken);
	memory_free(d->allocator, d->repair);
	memory_free(d->allocator, d);
}

static uint8_t *damage_of(const struct damage *d, uint8_t *symbols, uint32_t block)
{
	return symbols + (size_t)block * d->object.source_symbols;
}

/* ---- decoding ------------------------------------------------------------------------------------------- */

static void damage_drop_own(struct damage *d, uint32_t number, uint32_t first, uint32_t end)
{
	uint8_t *symbols = damage_of(d, d->source, number), *taken = damage_of(d, d->taken, number);
	struct damage_block *b = &d->blocks[number];
	for (uint32_t i = first; i < end; i++) {
		if (symbols[i] == DAMAGE_ABSENT || symbols[i] & DAMAGE_DISPLACED)
			continue;
		b->own--;
		b->wrong_own -= symbols[i] == DAMAGE_WRONG;
		symbols[i] = DAMAGE_ABSENT;
		taken[i] = 0;
	}
	b->cursor = 0;
}

static uint32_t damage_chunk_end(const struct damage_object *o, uint32_t first)
{
	return o->source_symbols - first < o->chunk_symbols ? o->source_symbols : first + o->chunk_symbols;
}

/* Whether all symbols of a chunk are in their places; *is_right: all came and are clean, wherever they are. */
static bool damage_chunk(const uint8_t *symbols, uint32_t first, uint32_t end, bool *is_right)
{
	bool is_whole = true;
	*is_right = true;
	for (uint32_t i = first; i < end; i++) {
		is_whole &= symbols[i] != DAMAGE_ABSENT && (symbols[i] & DAMAGE_DISPLACED) == 0;
		*is_right &= (symbols[i] & DAMAGE_VALUE) == DAMAGE_CLEAN;
	}
	return is_whole;
}

/* A symbol that is not in its own place takes the first that is free, or none (the spill). */
static void damage_take_place(struct damage *d, uint32_t number)
{
	uint8_t *taken = damage_of(d, d->taken, number);
	struct damage_block *b = &d->blocks[number];
	while (b->cursor < d->object.source_symbols && taken[b->cursor])
		b->cursor++;
	if (b->cursor < d->object.source_symbols)
		taken[b->cursor] = 1;
}

/* Repair symbols, and source symbols in foreign places but for those of chunks that are right. */
static void damage_drop_foreign(struct damage *d, uint32_t number)
{
	const struct damage_object *o = &d->object;
	uint8_t *symbols = damage_of(d, d->source, number), *taken = damage_of(d, d->taken, number);
	struct damage_block *b = &d->blocks[number];
	b->foreign = b->wrong_foreign = 0;
	b->cursor = 0;
	memset(d->repair + (size_t)number * o->repair_symbols, DAMAGE_ABSENT, o->repair_symbols);
	for (uint32_t i = 0; i < o->source_symbols; i++) {
		const uint32_t first = i - i % o->chunk_symbols;
		bool is_right;
		if (symbols[i] & DAMAGE_DISPLACED) {
			(void)damage_chunk(symbols, first, damage_chunk_end(o, first), &is_right);
			b->foreign += is_right;
			if (!is_right)
				symbols[i] = DAMAGE_ABSENT;
		}
		taken[i] = symbols[i] != DAMAGE_ABSENT && (symbols[i] & DAMAGE_DISPLACED) == 0;
	}
	for (uint32_t i = 0; i < b->foreign; i++)
		damage_take_place(d, number);
}

/* Drops what the index finds wrong: chunks that came whole, or else (is_all) every chunk that is not right. */
static bool damage_drop_chunks(struct damage *d, uint32_t number, bool is_all)
{
	const struct damage_object *o = &d->object;
	const uint8_t *symbols = damage_of(d, d->source, number);
	bool has_dropped = false, is_right;
	for (uint32_t first = 0, end; first < o->source_symbols; first = end) {
		end = damage_chunk_end(o, first);
		if ((!damage_chunk(symbols, first, end, &is_right) && !is_all) || is_right)
			continue;
		damage_drop_own(d, number, first, end);
		has_dropped = true;
	}
	return has_dropped;
}

static bool damage_is_clean(const struct damage *d, const struct damage_block *b)
{
	return b->wrong_own == 0 && (b->wrong_foreign == 0 || b->own == d->object.source_symbols);
}

static void damage_decode(struct damage *d, uint32_t number, bool has_index)
{
	struct damage_block *b = &d->blocks[number];
	const bool is_clean = damage_is_clean(d, b);
	if (is_clean || !has_index) {
		b->is_done = true;
		d->left--;
		d->wrong += !is_clean;
		return;
	}
	b->want = d->object.source_symbols;
	if (damage_drop_chunks(d, number, false))
		return;
	damage_drop_chunks(d, number, true);
	damage_drop_foreign(d, number);
}

/* Blocks that were taken as they are: what was displaced has come to its place, what did not come was decoded and is
 * wrong. */
static void damage_look_again(struct damage *d)
{
	for (uint32_t i = 0; i < d->object.num_blocks; i++) {
		struct damage_block *b = &d->blocks[i];
		uint8_t *symbols = damage_of(d, d->source, i);
		if (damage_is_clean(d, b))
			continue;
		for (uint32_t k = 0; k < d->object.source_symbols; k++)
			if (symbols[k] & DAMAGE_DISPLACED) {
				symbols[k] &= DAMAGE_VALUE;
				b->own++;
				b->wrong_own += symbols[k] == DAMAGE_WRONG;
			}
		b->is_done = false;
		b->want = d->object.source_symbols;
		damage_drop_chunks(d, i, true);
		damage_drop_foreign(d, i);
		d->left++;
	}
	d->wrong = 0;
}

/* ---- receiving ------------------------------------------------------------------------------------------ */

/* Where a symbol of the stream belongs, in the order of carousel-tx/cursor.h. True: source. */
static bool damage_place(const struct damage_object *o, uint64_t at, uint32_t *block, uint32_t *symbol)
{
	const uint64_t source = (uint64_t)o->source_symbols * o->num_blocks;
	const uint32_t in_chunks = o->source_symbols / o->chunk_symbols * o->chunk_symbols;
	const uint64_t whole = (uint64_t)in_chunks * o->num_blocks;
	bool is_source = true;
	if (at < whole) {
		*block = (uint32_t)(at / o->chunk_symbols % o->num_blocks);
		*symbol = (uint32_t)(at / o->chunk_symbols / o->num_blocks) * o->chunk_symbols +
			  (uint32_t)(at % o->chunk_symbols);
		return true;
	}
	is_source = at < source;
	at -= is_source ? whole : source;
	*block = (uint32_t)(at % o->num_blocks);
	*symbol = (uint32_t)(at / o->num_blocks) + (is_source ? in_chunks : 0);
	return is_source;
}

static void damage_take(struct damage *d, uint64_t at, bool is_wrong, bool has_index, struct random_stream *random)
{
	const struct damage_object *o = &d->object;
	uint32_t number, symbol;
	const bool is_source = damage_place(o, at, &number, &symbol);
	struct damage_block *b = &d->blocks[number];
	uint8_t *state = NULL;
	bool is_own;
	if (b->is_done)
		return;
	if (is_source)
		state = damage_of(d, d->source, number) + symbol;
	else if (!o->is_fountain)
		state = d->repair + (size_t)number * o->repair_symbols + symbol;
	if (state && *state != DAMAGE_ABSENT)
		return;
	is_own = is_source && !damage_of(d, d->taken, number)[symbol];
	if (state)
		*state = (uint8_t)((is_wrong ? DAMAGE_WRONG : DAMAGE_CLEAN) |
				   (is_source && !is_own ? DAMAGE_DISPLACED : 0));
	if (is_own)
		damage_of(d, d->taken, number)[symbol] = 1;
	else
		damage_take_place(d, number);
	b->own += is_own;
	b->wrong_own += is_own && is_wrong;
	b->foreign += !is_own;
	b->wrong_foreign += !is_own && is_wrong;
	if (b->own + b->foreign < b->want)
		return;
	if (o->is_fountain && b->own < o->source_symbols && random_chance(random, DAMAGE_FAILURE))
		b->want++;
	else
		damage_decode(d, number, has_index);
}

/* Image symbols that are sent until the index is there. */
static double damage_index(const struct damage_object *o, double loss, double damaged, struct random_stream *random)
{
	const double source = (double)o->source_symbols * o->num_blocks, clean = pow(1 - damaged, o->index_symbols);
	double symbols = 0, rounds;
	if (o->index_symbols <= 0)
		return 0;
	if (clean < 1e-9 || loss >= 1)
		return INFINITY;
	rounds = (double)random_geometric(random, clean);
	for (double i = 0; i < rounds * o->index_symbols && symbols < DAMAGE_MAX_INDEX; i++)
		symbols += (double)random_geometric(random, 1 - loss);
	return (symbols - 1 + random_unit(random)) * source / o->index_symbols;
}

double damage_receive(struct damage *d, struct channel *channel, struct random_stream *random, double damaged,
	uint64_t begin, uint64_t most)
{
	const struct damage_object *o = &d->object;
	const uint64_t cycle = ((uint64_t)o->source_symbols + o->repair_symbols) * o->num_blocks;
	const double index = damage_index(o, channel_mean_loss(channel->config), damaged, random);
	uint64_t at = begin;
	memset(d->source, DAMAGE_ABSENT, (size_t)o->source_symbols * o->num_blocks);
	memset(d->taken, 0, (size_t)o->source_symbols * o->num_blocks);
	memset(d->repair, DAMAGE_ABSENT, (size_t)o->repair_symbols * o->num_blocks);
	for (uint32_t i = 0; i < o->num_blocks; i++)
		d->blocks[i] = (struct damage_block){.want = o->source_symbols};
	d->left = o->num_blocks;
	d->wrong = 0;
	for (uint64_t sent = 1; sent <= most; sent++) {
		if (!channel_loses(channel))
			damage_take(d, at, random_chance(random, damaged), (double)sent >= index, random);
		if (d->left == 0 && d->wrong == 0)
			return (double)sent;
		if (d->left == 0 && (double)sent >= index)
			damage_look_again(d);
		at = at + 1 == cycle && !o->is_fountain ? 0 : at + 1;
	}
	return INFINITY;
}
