#include "sim/compare.h"

#include "common/carousel_error.h"
#include "common/fec_oti.h"
#include "fec/fec.h"
#include "sim/statistics.h"

#include <math.h>
#include <string.h>

#define COMPARE_DEFAULT_PASSES 1000u

const char *compare_scheme_name(enum compare_scheme scheme)
{
	static const char *const names[] = {"plain", "reed-solomon", "raptorq"};
	return names[scheme];
}

double compare_plain_passes(uint64_t packets, double loss)
{
	double sum = 0, still = 1;
	for (unsigned pass = 0; pass < 100000 && still > 1e-12; pass++) {
		sum += still;
		still = -expm1((double)packets * log1p(-pow(loss, pass + 1.0)));
	}
	return sum;
}

/* One receiver's view of one object cut into blocks, sent round-robin over the blocks. */
struct compare_object {
	uint32_t blocks, large, small, num_large; /* symbols a block */
	uint32_t *need;                           /* by block: symbols still missing */
	uint32_t missing_blocks;
	uint8_t *have;  /* a bit an encoding symbol: plain and RS */
	uint32_t cycle; /* packets until plain and RS start over: whole turns of all blocks, then one of the large ones
			 */
};

static uint32_t compare_block_symbols(const struct compare_object *o, uint32_t block)
{
	return block < o->num_large ? o->large : o->small;
}

static int compare_object_init(const struct carousel_allocator *allocator, struct compare_object *o, uint32_t packets,
	uint32_t blocks, uint32_t extra, bool is_cyclic)
{
	uint64_t large, small, num_large;
	fec_partition(packets, blocks, &large, &small, &num_large);
	*o = (struct compare_object){
		.blocks = blocks, .large = (uint32_t)large, .small = (uint32_t)small, .num_large = (uint32_t)num_large};
	o->cycle = packets + blocks * extra;
	o->need = memory_alloc(allocator, blocks, sizeof *o->need);
	if (is_cyclic)
		o->have = memory_alloc(allocator, (size_t)o->cycle / 8 + 1, 1);
	return o->need && (o->have || !is_cyclic) ? 0 : CAROUSEL_E_MEMORY;
}

static void compare_object_deinit(const struct carousel_allocator *allocator, struct compare_object *o)
{
	memory_free(allocator, o->need);
	memory_free(allocator, o->have);
}

static void compare_object_start(struct compare_object *o)
{
	for (uint32_t b = 0; b < o->blocks; b++)
		o->need[b] = compare_block_symbols(o, b);
	o->missing_blocks = o->blocks;
	if (o->have)
		memset(o->have, 0, (size_t)o->cycle / 8 + 1);
}

/* A packet that came, by its number on the air; true when the object is complete with it. */
static bool compare_cyclic_take(struct compare_object *o, uint64_t packet)
{
	const uint32_t at = (uint32_t)(packet % o->cycle);
	const uint32_t block = at % o->blocks;
	if (o->have[at / 8] >> at % 8 & 1)
		return false;
	o->have[at / 8] |= (uint8_t)(1u << at % 8);
	if (o->need[block] && --o->need[block] == 0)
		o->missing_blocks--;
	return o->missing_blocks == 0;
}

/* A block that holds this many more than K can be decoded but for one case in 10^18. */
#define COMPARE_SURE_SYMBOLS 8u

struct compare_fountain {
	struct compare_object object;
	struct random_stream random;
	/* With the real decoder: which packets on the air came, and one decoder's memory. */
	uint64_t *came;
	uint64_t limit;
	struct fec_block block;
	void *memory, *aligned;
	size_t memory_bytes;
};

static int compare_fountain_init(
	const struct carousel_allocator *allocator, struct compare_fountain *f, const struct compare_config *c)
{
	int result = compare_object_init(allocator, &f->object, c->packets, c->blocks, 0, false);
	if (result != 0 || !c->real_decoder)
		return result;
	if (!fec_scheme_is_available(FEC_RAPTORQ, 0))
		return CAROUSEL_E_UNSUPPORTED;
	f->block = (struct fec_block){.encoding_id = FEC_RAPTORQ,
		.num_source = f->object.large,
		.esi_limit = FEC_RAPTORQ_MAX_ESI + 1,
		.symbol_size = 4,
		.num_sub_blocks = 1,
		.alignment = 1};
	f->limit = (uint64_t)c->packets * c->max_passes;
	f->memory_bytes = fec_decoder_bytes(&f->block, 1);
	f->memory = memory_alloc(allocator, f->memory_bytes + 64, 1);
	f->came = memory_alloc(allocator, f->limit / 64 + 1, sizeof *f->came);
	if (f->memory == NULL || f->came == NULL)
		return CAROUSEL_E_MEMORY;
	f->aligned = (void *)(((uintptr_t)f->memory + 63) & ~(uintptr_t)63);
	return 0;
}

static void compare_fountain_deinit(const struct carousel_allocator *allocator, struct compare_fountain *f)
{
	compare_object_deinit(allocator, &f->object);
	memory_free(allocator, f->memory);
	memory_free(allocator, f->came);
}

static void compare_fountain_start(struct compare_fountain *f, uint64_t seed, uint64_t stream)
{
	compare_object_start(&f->object);
	random_init(&f->random, seed, stream);
	if (f->came == NULL)
		return;
	memset(f->came, 0, (f->limit / 64 + 1) * sizeof *f->came);
	for (uint32_t b = 0; b < f->object.blocks; b++)
		f->object.need[b] += COMPARE_SURE_SYMBOLS;
}

/* By probability: K + h symbols fail in 1 of 100^(h + 1) cases, so each one beyond K is needed in 1 of 100. */
static bool compare_fountain_take(struct compare_fountain *f, uint64_t packet)
{
	struct compare_object *o = &f->object;
	const uint32_t block = (uint32_t)(packet % o->blocks);
	if (f->came)
		f->came[packet / 64] |= (uint64_t)1 << packet % 64;
	if (o->need[block] == 0 || --o->need[block] > 0)
		return false;
	if (f->came == NULL && random_chance(&f->random, 0.01)) {
		o->need[block] = 1;
		return false;
	}
	return --o->missing_blocks == 0;
}

/* Replays what came of one block into a decoder: *sent is the number of packets on the air when it could be decoded. */
static int compare_decode_block(struct compare_fountain *f, uint32_t sbn, uint64_t *sent)
{
	struct fec_decoder *decoder;
	int result;
	f->block.sbn = sbn;
	f->block.num_source = compare_block_symbols(&f->object, sbn);
	result = fec_decoder_init(&decoder, f->aligned, f->memory_bytes, &f->block, 1);
	if (result != 0)
		return result;
	result = CAROUSEL_E_NEED_MORE;
	for (uint64_t packet = sbn; packet < f->limit && result == CAROUSEL_E_NEED_MORE; packet += f->object.blocks) {
		if (!(f->came[packet / 64] >> packet % 64 & 1))
			continue;
		result = fec_decoder_add(decoder, (uint32_t)(packet / f->object.blocks));
		if (result != 0)
			break;
		result = fec_decoder_count(decoder) >= f->block.num_source ? fec_decoder_plan(decoder)
									   : CAROUSEL_E_NEED_MORE;
		*sent = packet + 1;
	}
	fec_decoder_deinit(decoder);
	return result;
}

static int compare_decode(struct compare_fountain *f, uint64_t *sent)
{
	uint64_t last = 0;
	int result = 0;
	for (uint32_t sbn = 0; sbn < f->object.blocks && result == 0; sbn++) {
		result = compare_decode_block(f, sbn, sent);
		if (*sent > last)
			last = *sent;
	}
	*sent = last;
	return result;
}

/* Sends until every scheme is done or the limit is reached; sent[]: packets on the air by then, 0: not done. */
static int compare_receiver(const struct compare_config *c, struct compare_object *plain, struct compare_object *rs,
	struct compare_fountain *fountain, uint32_t receiver, uint64_t sent[COMPARE_NUM_SCHEMES])
{
	const uint64_t limit = (uint64_t)c->packets * c->max_passes;
	struct channel channel;
	int result = 0;
	channel_init(&channel, c->channel, c->seed, receiver);
	compare_object_start(plain);
	compare_object_start(rs);
	compare_fountain_start(fountain, ~c->seed, receiver);
	memset(sent, 0, COMPARE_NUM_SCHEMES * sizeof *sent);
	for (uint64_t packet = 0; packet < limit; packet++) {
		if (channel_loses(&channel))
			continue;
		if (sent[COMPARE_PLAIN] == 0 && compare_cyclic_take(plain, packet))
			sent[COMPARE_PLAIN] = packet + 1;
		if (sent[COMPARE_RS] == 0 && compare_cyclic_take(rs, packet))
			sent[COMPARE_RS] = packet + 1;
		if (sent[COMPARE_FOUNTAIN] == 0 && compare_fountain_take(fountain, packet))
			sent[COMPARE_FOUNTAIN] = packet + 1;
		if (sent[COMPARE_PLAIN] && sent[COMPARE_RS] && sent[COMPARE_FOUNTAIN])
			break;
	}
	if (fountain->came && sent[COMPARE_FOUNTAIN])
		result = compare_decode(fountain, &sent[COMPARE_FOUNTAIN]);
	return result;
}

static void compare_summarise(struct compare_result *r, uint32_t receivers)
{
	double passes = 0;
	statistics_sort(r->airtime, receivers);
	for (uint32_t i = 0; i < receivers; i++)
		passes += ceil(r->airtime[i]);
	r->mean_airtime = statistics_mean(r->airtime, receivers);
	r->mean_passes = passes / receivers;
	r->median = statistics_quantile(r->airtime, receivers, 0.5);
	r->p90 = statistics_quantile(r->airtime, receivers, 0.9);
	r->p99 = statistics_quantile(r->airtime, receivers, 0.99);
	r->max = r->airtime[receivers - 1];
}

static int compare_check(struct compare_config *c)
{
	if (c->max_passes == 0)
		c->max_passes = COMPARE_DEFAULT_PASSES;
	if (c->packets == 0 || c->packets > 1u << 24 || c->receivers == 0 || c->receivers > 10000000 ||
		c->max_passes > 100000)
		return CAROUSEL_E_RANGE;
	if (c->rs_k == 0 || c->rs_k > c->rs_n || c->rs_n > FEC_RS_MAX_N)
		return CAROUSEL_E_RANGE;
	if (c->blocks == 0 || c->blocks > FEC_RAPTORQ_MAX_BLOCKS || c->blocks > c->packets ||
		(c->packets - 1) / c->blocks + 1 > FEC_RAPTORQ_MAX_K)
		return CAROUSEL_E_RANGE;
	return channel_config_check(c->channel);
}

int compare_run(const struct carousel_allocator *allocator, const struct compare_config *config,
	struct compare_result results[COMPARE_NUM_SCHEMES])
{
	struct compare_config c = *config;
	struct compare_object plain = {0}, rs = {0};
	struct compare_fountain fountain = {0};
	int result = compare_check(&c);
	memset(results, 0, COMPARE_NUM_SCHEMES * sizeof *results);
	if (result != 0)
		return result;
	for (unsigned s = 0; s < COMPARE_NUM_SCHEMES; s++)
		if ((results[s].airtime = memory_alloc(allocator, c.receivers, sizeof(double))) == NULL)
			result = CAROUSEL_E_MEMORY;
	if (result == 0)
		result = compare_object_init(allocator, &plain, c.packets, 1, 0, true);
	if (result == 0)
		result = compare_object_init(
			allocator, &rs, c.packets, (c.packets - 1) / c.rs_k + 1, c.rs_n - c.rs_k, true);
	if (result == 0)
		result = compare_fountain_init(allocator, &fountain, &c);
	for (uint32_t receiver = 0; receiver < c.receivers && result == 0; receiver++) {
		uint64_t sent[COMPARE_NUM_SCHEMES];
		result = compare_receiver(&c, &plain, &rs, &fountain, receiver, sent);
		for (unsigned s = 0; s < COMPARE_NUM_SCHEMES; s++) {
			results[s].airtime[receiver] = sent[s] ? (double)sent[s] / c.packets : INFINITY;
			results[s].unfinished += sent[s] == 0;
		}
	}
	for (unsigned s = 0; s < COMPARE_NUM_SCHEMES && result == 0; s++)
		compare_summarise(&results[s], c.receivers);
	compare_object_deinit(allocator, &plain);
	compare_object_deinit(allocator, &rs);
	compare_fountain_deinit(allocator, &fountain);
	return result;
}

void compare_deinit(const struct carousel_allocator *allocator, struct compare_result results[COMPARE_NUM_SCHEMES])
{
	for (unsigned s = 0; s < COMPARE_NUM_SCHEMES; s++) {
		memory_free(allocator, results[s].airtime);
		results[s].airtime = NULL;
	}
}
