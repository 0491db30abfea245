#include "carousel-rx/index_collector.h"

#include "common/carousel_error.h"
#include "common/hash.h"
#include "fec/fec.h"

#include <string.h>

#define INDEX_STAGED_BYTES 65536u
#define INDEX_SPARE        8u   /* symbols beyond K that a block may hold */
#define INDEX_STRIP        128u /* bytes; width of the decoder's column strips */
#define INDEX_MAX_BLOCKS   4096u
#define INDEX_MAX_SYMBOLS  (1u << 22)
#define INDEX_WRITE_NS     200000000u /* staged symbols wait at most this long */
#define INDEX_MAX_OTHERS   4u /* in a row, and the index was begun under parameters that nobody sends any more */

enum index_step { INDEX_LOOK, INDEX_COLLECT, INDEX_WRITE, INDEX_DECODE, INDEX_DONE };

struct index_block {
	uint64_t first; /* place of its first source symbol, in symbols */
	uint32_t num_source, esi_limit;
	uint32_t have, repairs;
	uint32_t failed_at;
};

struct index_stage {
	uint64_t *place; /* in symbols */
	uint8_t *data;
	uint32_t count;
};

struct index_collector {
	struct carousel_job job; /* first: the job is the collector */
	const struct carousel_allocator *allocator;
	const struct carousel_rx_storage *storage;
	uint8_t sha256[32];
	uint64_t bytes;
	enum index_step step;
	bool has_oti, is_under_way;
	uint32_t others; /* symbols of other parameters since the last of these */
	struct fec_oti oti;
	uint64_t num_source;
	struct index_block *blocks;
	uint8_t *held;        /* bit for each source symbol */
	uint32_t *repair_esi; /* num_source + INDEX_SPARE a block */
	uint32_t blocks_short, cap;
	struct index_stage stage[2]; /* filled by add, drained by the job; swapped */
	uint64_t write_ns;
};

int index_collector_new(struct index_collector **out, const struct carousel_allocator *a,
	const struct carousel_rx_storage *storage, const uint8_t sha256[32], uint64_t index_bytes)
{
	struct index_collector *c = memory_alloc(a, 1, sizeof(*c));
	if (c == NULL)
		return CAROUSEL_E_MEMORY;
	c->allocator = a;
	c->storage = storage;
	memcpy(c->sha256, sha256, sizeof(c->sha256));
	c->bytes = index_bytes;
	c->write_ns = UINT64_MAX;
	*out = c;
	return 0;
}

static void index_drop_tables(struct index_collector *c)
{
	memory_free(c->allocator, c->blocks);
	memory_free(c->allocator, c->held);
	memory_free(c->allocator, c->repair_esi);
	c->blocks = NULL;
	c->held = NULL;
	c->repair_esi = NULL;
	for (int i = 0; i < 2; i++) {
		memory_free(c->allocator, c->stage[i].place);
		memory_free(c->allocator, c->stage[i].data);
		c->stage[i] = (struct index_stage){0};
	}
	c->has_oti = false;
	c->write_ns = UINT64_MAX;
}

void index_collector_free(struct index_collector *c)
{
	if (c == NULL)
		return;
	index_drop_tables(c);
	memory_free(c->allocator, c);
}

bool index_collector_is_done(const struct index_collector *c)
{
	return c->step == INDEX_DONE;
}

static int index_describe_blocks(struct index_collector *c)
{
	for (uint32_t sbn = 0; sbn < c->oti.num_blocks; sbn++) {
		struct fec_block block;
		int result = fec_block_of(&c->oti, sbn, &block);
		if (result)
			return result;
		if (block.num_source == 0)
			return CAROUSEL_E_OTI;
		c->blocks[sbn] = (struct index_block){
			.first = c->num_source, .num_source = block.num_source, .esi_limit = block.esi_limit};
		c->num_source += block.num_source;
		if (c->num_source > INDEX_MAX_SYMBOLS)
			return CAROUSEL_E_LIMIT;
	}
	c->blocks_short = c->oti.num_blocks;
	return 0;
}

static int index_begin(struct index_collector *c, const struct fec_oti *oti)
{
	const struct carousel_allocator *a = c->allocator;
	int result;
	if (oti->transfer_length != c->bytes)
		return CAROUSEL_E_CONFLICT;
	if (!fec_scheme_is_available(oti->encoding_id, oti->instance_id) || oti->num_sub_blocks != 1)
		return CAROUSEL_E_UNSUPPORTED;
	if (oti->num_blocks > INDEX_MAX_BLOCKS)
		return CAROUSEL_E_LIMIT;
	c->oti = *oti;
	c->num_source = 0;
	c->blocks = memory_alloc(a, oti->num_blocks, sizeof(*c->blocks));
	result = c->blocks ? index_describe_blocks(c) : CAROUSEL_E_MEMORY;
	if (result)
		goto out;
	c->cap = INDEX_STAGED_BYTES / oti->symbol_size + 1;
	c->held = memory_alloc(a, (size_t)(c->num_source + 7) / 8, 1);
	c->repair_esi = memory_alloc(a, (size_t)c->num_source + INDEX_SPARE * oti->num_blocks, sizeof(*c->repair_esi));
	result = c->held && c->repair_esi ? 0 : CAROUSEL_E_MEMORY;
	for (int i = 0; i < 2 && result == 0; i++) {
		c->stage[i].place = memory_alloc(a, c->cap, sizeof(*c->stage[i].place));
		c->stage[i].data = memory_alloc(a, c->cap, oti->symbol_size);
		if (c->stage[i].place == NULL || c->stage[i].data == NULL)
			result = CAROUSEL_E_MEMORY;
	}
out:
	if (result)
		index_drop_tables(c);
	else
		c->has_oti = true;
	return result;
}

/* First of a block's places for repair symbols, and of its entries in repair_esi. */
static uint64_t index_repair_base(const struct index_collector *c, uint32_t sbn)
{
	return c->blocks[sbn].first + (uint64_t)INDEX_SPARE * sbn;
}

static bool index_is_held(const struct index_collector *c, uint64_t source)
{
	return c->held[source / 8] >> (source % 8) & 1;
}

/* Where a new symbol goes, in symbols of the file. */
static int index_place(const struct index_collector *c, uint32_t sbn, uint32_t esi, uint64_t *place)
{
	const struct index_block *b = &c->blocks[sbn];
	if (b->have >= b->num_source && b->have != b->failed_at)
		return CAROUSEL_E_DUPLICATE;
	if (esi < b->num_source) {
		*place = b->first + esi;
		return index_is_held(c, *place) ? CAROUSEL_E_DUPLICATE : 0;
	}
	for (uint32_t i = 0; i < b->repairs; i++)
		if (c->repair_esi[index_repair_base(c, sbn) + i] == esi)
			return CAROUSEL_E_DUPLICATE;
	if (b->repairs == b->num_source + INDEX_SPARE)
		return CAROUSEL_E_LIMIT;
	*place = c->num_source + index_repair_base(c, sbn) + b->repairs;
	return 0;
}

static void index_note(struct index_collector *c, uint32_t sbn, uint32_t esi)
{
	struct index_block *b = &c->blocks[sbn];
	if (esi < b->num_source)
		c->held[(b->first + esi) / 8] |= (uint8_t)(1u << ((b->first + esi) % 8));
	else
		c->repair_esi[index_repair_base(c, sbn) + b->repairs++] = esi;
	b->have++;
	if (b->have == b->num_source || b->failed_at)
		c->blocks_short--;
	b->failed_at = 0;
}

int index_collector_add(struct index_collector *c, const struct fec_oti *oti, uint32_t sbn, uint32_t esi,
	const uint8_t *symbol, size_t len)
{
	struct index_stage *stage = &c->stage[0];
	uint64_t place, last = oti->transfer_length % oti->symbol_size;
	int result;
	if (c->step == INDEX_DONE)
		return CAROUSEL_E_DUPLICATE;
	if (c->step == INDEX_LOOK || c->step == INDEX_DECODE)
		return CAROUSEL_E_BUSY;
	if (c->has_oti && !fec_oti_is_equal(oti, &c->oti)) {
		if (++c->others < INDEX_MAX_OTHERS || c->is_under_way)
			return CAROUSEL_E_CONFLICT;
		index_drop_tables(c);
	}
	if (!c->has_oti) {
		result = index_begin(c, oti);
		if (result)
			return result;
	}
	c->others = 0;
	if (sbn >= oti->num_blocks || esi >= c->blocks[sbn].esi_limit)
		return CAROUSEL_E_SYMBOL;
	if (len != oti->symbol_size && (sbn + 1 != oti->num_blocks || esi + 1 != c->blocks[sbn].num_source ||
					       last == 0 || len < last || len > oti->symbol_size))
		return CAROUSEL_E_SYMBOL;
	result = index_place(c, sbn, esi, &place);
	if (result)
		return result;
	if (stage->count == c->cap)
		return CAROUSEL_E_LIMIT;
	stage->place[stage->count] = place;
	memcpy(stage->data + (size_t)stage->count * oti->symbol_size, symbol, len);
	memset(stage->data + (size_t)stage->count * oti->symbol_size + len, 0, oti->symbol_size - len);
	stage->count++;
	index_note(c, sbn, esi);
	return 0;
}

/* ---- jobs ---------------------------------------------------------------------------------------- */

static int index_digest(struct index_collector *c, uint8_t digest[32])
{
	struct hash_stream stream;
	uint8_t piece[4096];
	int result = hash_stream_init(&stream);
	for (uint64_t off = 0; result == 0 && off < c->bytes; off += sizeof(piece)) {
		size_t len = c->bytes - off < sizeof(piece) ? (size_t)(c->bytes - off) : sizeof(piece);
		result = c->storage->read(c->storage->user, RX_INDEX, off, piece, len);
		if (result == 0)
			result = hash_stream_update(&stream, piece, len);
	}
	if (result == 0)
		result = hash_stream_final(&stream, digest);
	hash_stream_deinit(&stream);
	return result;
}

static int index_check(struct index_collector *c)
{
	uint8_t digest[32];
	int result = index_digest(c, digest);
	if (result)
		return result;
	return memcmp(digest, c->sha256, sizeof(digest)) == 0 ? 0 : CAROUSEL_E_DIGEST;
}

static void index_run_look(struct carousel_job *job)
{
	struct index_collector *c = (struct index_collector *)job;
	uint64_t size;
	job->result = c->storage->size(c->storage->user, RX_INDEX, &size);
	if (job->result == 0)
		job->result = size == c->bytes ? index_check(c) : CAROUSEL_E_NOT_FOUND;
}

static int index_write_staged(struct index_collector *c)
{
	const struct index_stage *stage = &c->stage[1];
	size_t size = c->oti.symbol_size;
	int result = 0;
	for (uint32_t i = 0; result == 0 && i < stage->count; i++)
		result = c->storage->write(
			c->storage->user, RX_INDEX, stage->place[i] * size, stage->data + i * size, size);
	return result;
}

static void index_run_write(struct carousel_job *job)
{
	job->result = index_write_staged((struct index_collector *)job);
}

struct index_view {
	struct index_collector *c;
	uint32_t sbn;
};

static int index_view_read(void *user, uint32_t esi, size_t off, size_t len, uint8_t *dst)
{
	const struct index_view *v = user;
	const struct index_collector *c = v->c;
	const struct index_block *b = &c->blocks[v->sbn];
	uint64_t place = b->first + esi, base = index_repair_base(c, v->sbn);
	if (esi >= b->num_source) {
		uint32_t i = 0;
		while (i < b->repairs && c->repair_esi[base + i] != esi)
			i++;
		if (i == b->repairs)
			return CAROUSEL_E_INTERNAL;
		place = c->num_source + base + i;
	}
	return c->storage->read(c->storage->user, RX_INDEX, place * c->oti.symbol_size + off, dst, len);
}

static int index_view_write(void *user, uint32_t esi, size_t off, size_t len, const uint8_t *src)
{
	const struct index_view *v = user;
	const struct index_block *b = &v->c->blocks[v->sbn];
	if (esi >= b->num_source)
		return CAROUSEL_E_INTERNAL;
	return v->c->storage->write(
		v->c->storage->user, RX_INDEX, (b->first + esi) * v->c->oti.symbol_size + off, src, len);
}

static int index_solve(struct index_collector *c, uint32_t sbn)
{
	struct index_view view = {c, sbn};
	const struct fec_symbols symbols = {&view, NULL, index_view_read, index_view_write};
	const struct index_block *b = &c->blocks[sbn];
	struct fec_decoder *decoder = NULL;
	struct fec_block block;
	size_t strip = c->oti.symbol_size > INDEX_STRIP ? INDEX_STRIP : 0, bytes;
	uint8_t *memory;
	int result = fec_block_of(&c->oti, sbn, &block);
	if (result || b->repairs == 0)
		return result;
	bytes = fec_decoder_bytes(&block, strip);
	memory = memory_alloc(c->allocator, bytes + 64, 1);
	if (memory == NULL)
		return CAROUSEL_E_MEMORY;
	result = fec_decoder_init(&decoder, memory + (64 - (uintptr_t)memory % 64) % 64, bytes, &block, strip);
	for (uint32_t esi = 0; result == 0 && esi < b->num_source; esi++)
		if (index_is_held(c, b->first + esi))
			result = fec_decoder_add(decoder, esi);
	for (uint32_t i = 0; result == 0 && i < b->repairs; i++)
		result = fec_decoder_add(decoder, c->repair_esi[index_repair_base(c, sbn) + i]);
	if (result == 0)
		result = fec_decoder_plan(decoder);
	if (result == 0)
		result = fec_decoder_apply(decoder, &symbols);
	if (decoder)
		fec_decoder_deinit(decoder);
	memory_free(c->allocator, memory);
	return result;
}

static void index_run_decode(struct carousel_job *job)
{
	struct index_collector *c = (struct index_collector *)job;
	int result = index_write_staged(c);
	for (uint32_t sbn = 0; sbn < c->oti.num_blocks && (result == 0 || result == CAROUSEL_E_NEED_MORE); sbn++) {
		int solved = index_solve(c, sbn);
		if (solved == CAROUSEL_E_NEED_MORE) {
			c->blocks[sbn].failed_at = c->blocks[sbn].have;
			c->blocks_short++;
		}
		if (solved)
			result = solved;
	}
	if (result == 0)
		result = index_check(c);
	if (result == 0)
		result = c->storage->truncate(c->storage->user, RX_INDEX, c->bytes);
	if (result == 0)
		result = c->storage->sync(c->storage->user, RX_INDEX);
	job->result = result;
}

static int index_job_done(struct carousel_job *job, uint64_t now_ns)
{
	struct index_collector *c = (struct index_collector *)job;
	(void)now_ns;
	c->is_under_way = false;
	c->stage[1].count = 0;
	switch (c->step) {
	case INDEX_LOOK:
		c->step = job->result == 0 ? INDEX_DONE : INDEX_COLLECT;
		return 0;
	case INDEX_DECODE:
		c->step = job->result == 0 ? INDEX_DONE : INDEX_COLLECT;
		/* What was gathered is not the index: somebody sent other symbols. Begin again. */
		if (job->result != CAROUSEL_E_NEED_MORE)
			index_drop_tables(c);
		break;
	default:
		c->step = INDEX_COLLECT;
	}
	return job->result == CAROUSEL_E_STORAGE || job->result == CAROUSEL_E_IO ? job->result : 0;
}

static void index_swap(struct index_collector *c)
{
	struct index_stage full = c->stage[0];
	c->stage[0] = c->stage[1];
	c->stage[1] = full;
	c->write_ns = UINT64_MAX;
}

struct carousel_job *index_collector_next_job(struct index_collector *c, uint64_t now_ns)
{
	if (c->is_under_way || c->step == INDEX_DONE)
		return NULL;
	if (c->step == INDEX_LOOK) {
		c->job.run = index_run_look;
	} else if (c->has_oti && c->blocks_short == 0) {
		index_swap(c);
		c->step = INDEX_DECODE;
		c->job.run = index_run_decode;
	} else if (c->has_oti && c->stage[0].count) {
		if (c->write_ns == UINT64_MAX)
			c->write_ns = now_ns + INDEX_WRITE_NS;
		if (now_ns < c->write_ns && c->stage[0].count < c->cap / 2)
			return NULL;
		index_swap(c);
		c->step = INDEX_WRITE;
		c->job.run = index_run_write;
	} else {
		return NULL;
	}
	c->job.done = index_job_done;
	c->job.result = 0;
	c->is_under_way = true;
	return &c->job;
}

uint64_t index_collector_deadline(const struct index_collector *c)
{
	if (c->is_under_way || c->step == INDEX_DONE)
		return UINT64_MAX;
	return c->step == INDEX_LOOK ? 0 : c->write_ns;
}

void index_collector_progress(const struct index_collector *c, uint64_t *have, uint64_t *need)
{
	*have = *need = 0;
	if (!c->has_oti)
		return;
	*need = c->num_source;
	for (uint32_t sbn = 0; sbn < c->oti.num_blocks; sbn++) {
		const struct index_block *b = &c->blocks[sbn];
		*have += b->have < b->num_source ? b->have : b->num_source;
	}
}
