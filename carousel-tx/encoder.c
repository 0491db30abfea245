#include "carousel-tx/encoder.h"

#include "carousel-tx/cursor.h"
#include "common/carousel_error.h"

#include <string.h>

#define ENCODER_ALIGNMENT 64u
#define BATCH_BYTES       (4u << 20)
/* What a core encodes of an image in a second, and how much of it may be spent on what memory would save. */
#define ENCODE_BYTES_PER_S 400e6
#define ENCODE_SHARE       0.1

struct encode_job {
	struct tx_job job;
	struct tx_encoder *shared;
	struct tx_encoder_object *object;
	struct tx_encode_request request;
	struct tx_cursor cursor; /* a copy: the stream's own goes on meanwhile */
	uint32_t num_blocks;
	uint32_t max_symbols; /* of the largest block of the batch */
	uint8_t *blocks, *chunks;
	void *encoder_memory;
};

void tx_encoder_init(struct tx_encoder *e, const struct carousel_allocator *allocator, const struct tx_spool *spool,
	const struct tx_encoder_budget *budget)
{
	*e = (struct tx_encoder){.allocator = allocator, .spool = spool, .budget = *budget};
}

void tx_encoder_deinit(struct tx_encoder *e)
{
	memory_free(e->allocator, e->work);
	e->work = NULL;
	e->work_bytes = 0;
}

static struct tx_plan *plan_take(struct tx_encoder *e, const struct fec_block *shape)
{
	struct tx_plan *plan;
	for (plan = e->plans; plan; plan = plan->next) {
		if (plan->shape.encoding_id == shape->encoding_id && plan->shape.instance_id == shape->instance_id &&
			plan->shape.num_source == shape->num_source && plan->shape.esi_limit == shape->esi_limit &&
			plan->shape.symbol_size == shape->symbol_size) {
			plan->refs++;
			return plan;
		}
	}
	plan = memory_alloc(e->allocator, 1, sizeof *plan);
	if (plan == NULL)
		return NULL;
	plan->shape = *shape;
	plan->refs = 1;
	plan->next = e->plans;
	e->plans = plan;
	return plan;
}

static void plan_release(struct tx_encoder *e, struct tx_plan *plan)
{
	struct tx_plan **at = &e->plans;
	if (plan == NULL || --plan->refs > 0)
		return;
	while (*at != plan)
		at = &(*at)->next;
	*at = plan->next;
	fec_plan_free(plan->plan);
	memory_free(e->allocator, plan);
}

static size_t kept_bytes(const struct tx_encoder_object *object, uint32_t sbn)
{
	return fec_encoder_bytes(&object->plans[sbn < object->num_large ? 0 : 1]->shape) + ENCODER_ALIGNMENT;
}

/* Without its encoders an image is encoded again for each segment of the spool. On a slow channel that is little work,
 * and the memory much. */
static bool is_worth_keeping(const struct tx_encoder *e, const struct tx_encoder_object *object)
{
	const double image = (double)object->layout->oti.transfer_length, half = (double)e->budget.spool_bytes / 2;
	const double segment = image < half / 2 ? image : half / 2;
	if (e->budget.keeps_all || e->budget.rate_bps == 0 || (double)object->keeps_bytes <= 2 * segment)
		return true;
	return (double)e->budget.rate_bps / 8 / segment * image > ENCODE_BYTES_PER_S * ENCODE_SHARE;
}

void tx_encoder_consider(struct tx_encoder *e, struct tx_encoder_object *object)
{
	if (object->kept == NULL || object->keeps || object->keeps_bytes > e->budget.encoder_bytes - e->encoder_used)
		return;
	object->keeps = is_worth_keeping(e, object);
	if (object->keeps)
		e->encoder_used += object->keeps_bytes;
}

int tx_encoder_object_init(struct tx_encoder *e, struct tx_encoder_object *object, const struct object_layout *layout,
	const struct tx_source *source)
{
	const struct fec_oti *oti = &layout->oti;
	uint64_t symbols = (oti->transfer_length + oti->symbol_size - 1) / oti->symbol_size, large, small;
	*object = (struct tx_encoder_object){.layout = layout, .source = source};
	fec_partition(symbols, oti->num_blocks, &large, &small, &object->num_large);
	if (oti->encoding_id == FEC_COMPACT_NO_CODE)
		return 0;
	object->kept = memory_alloc(e->allocator, oti->num_blocks, sizeof *object->kept);
	for (unsigned i = 0; i < 2; i++) {
		struct fec_block shape;
		if (fec_block_of(oti, i == 0 ? 0 : oti->num_blocks - 1, &shape) == 0)
			object->plans[i] = plan_take(e, &shape);
	}
	if (object->kept == NULL || object->plans[0] == NULL || object->plans[1] == NULL) {
		tx_encoder_object_deinit(e, object);
		return CAROUSEL_E_MEMORY;
	}
	/* All or nothing: an object of which some blocks must be loaded again needs long segments all the same. */
	object->keeps_bytes = oti->num_blocks * (uint64_t)kept_bytes(object, 0);
	tx_encoder_consider(e, object);
	return 0;
}

void tx_encoder_object_deinit(struct tx_encoder *e, struct tx_encoder_object *object)
{
	for (uint32_t sbn = 0; object->kept && sbn < object->layout->oti.num_blocks; sbn++) {
		if (object->kept[sbn].encoder)
			fec_encoder_deinit(object->kept[sbn].encoder);
		memory_free(e->allocator, object->kept[sbn].memory);
	}
	memory_free(e->allocator, object->kept);
	object->kept = NULL;
	if (object->keeps)
		e->encoder_used -= object->keeps_bytes;
	for (unsigned i = 0; i < 2; i++) {
		plan_release(e, object->plans[i]);
		object->plans[i] = NULL;
	}
}

void *tx_encoder_spool_alloc(struct tx_encoder *e, size_t bytes)
{
	return e->spool ? e->spool->alloc(e->spool->user, bytes) : memory_alloc(e->allocator, bytes, 1);
}

void tx_encoder_spool_free(struct tx_encoder *e, void *memory, size_t bytes)
{
	if (memory == NULL)
		return;
	if (e->spool)
		e->spool->free(e->spool->user, memory, bytes);
	else
		memory_free(e->allocator, memory);
}

int tx_source_read(
	const struct tx_source *source, const struct object_layout *layout, uint64_t offset, uint8_t *dst, size_t len)
{
	size_t inside = 0;
	int result = 0;
	if (offset < layout->image_bytes)
		inside = layout->image_bytes - offset < len ? (size_t)(layout->image_bytes - offset) : len;
	if (inside)
		result = source->read(source->user, offset, dst, inside);
	memset(dst + inside, 0, len - inside);
	return result;
}

static bool is_loaded(const struct encode_job *job)
{
	for (uint32_t i = 0; i < job->num_blocks; i++)
		if (job->object->kept[job->request.first_block + i].encoder == NULL)
			return false;
	return true;
}

static size_t block_stride(const struct encode_job *job)
{
	return (size_t)job->max_symbols * job->object->layout->oti.symbol_size;
}

static int load_striped(struct encode_job *job)
{
	const struct object_layout *layout = job->object->layout;
	size_t chunks = block_stride(job) / OBJECT_CHUNK_BYTES;
	for (size_t i = 0; i < chunks; i++) {
		uint64_t offset =
			((uint64_t)i * layout->oti.num_blocks + job->request.first_block) * OBJECT_CHUNK_BYTES;
		uint8_t *dst = job->num_blocks == 1 ? job->blocks + i * OBJECT_CHUNK_BYTES : job->chunks;
		int result = tx_source_read(
			job->object->source, layout, offset, dst, (size_t)job->num_blocks * OBJECT_CHUNK_BYTES);
		if (result)
			return result;
		for (uint32_t b = 0; job->num_blocks > 1 && b < job->num_blocks; b++)
			memcpy(job->blocks + b * block_stride(job) + i * OBJECT_CHUNK_BYTES,
				job->chunks + (size_t)b * OBJECT_CHUNK_BYTES, OBJECT_CHUNK_BYTES);
	}
	return 0;
}

static int load_linear(struct encode_job *job)
{
	const struct object_layout *layout = job->object->layout;
	for (uint32_t b = 0; b < job->num_blocks; b++) {
		uint64_t first = fec_block_first_symbol(&layout->oti, job->request.first_block + b);
		int result = tx_source_read(job->object->source, layout, first * layout->oti.symbol_size,
			job->blocks + b * block_stride(job), block_stride(job));
		if (result)
			return result;
	}
	return 0;
}

struct loaded_block {
	const uint8_t *bytes;
	size_t symbol_size;
};

static const uint8_t *loaded_direct(void *user, uint32_t esi)
{
	const struct loaded_block *block = user;
	return block->bytes + esi * block->symbol_size;
}

static int loaded_read(void *user, uint32_t esi, size_t off, size_t len, uint8_t *dst)
{
	memcpy(dst, loaded_direct(user, esi) + off, len);
	return 0;
}

static void *align(void *memory)
{
	return (uint8_t *)memory + (ENCODER_ALIGNMENT - (uintptr_t)memory % ENCODER_ALIGNMENT) % ENCODER_ALIGNMENT;
}

static int encode_block(struct encode_job *job, uint32_t b)
{
	struct tx_encoder_object *object = job->object;
	uint32_t sbn = job->request.first_block + b;
	struct tx_plan *plan = object->plans[sbn < object->num_large ? 0 : 1];
	struct tx_kept_encoder *kept = &object->kept[sbn];
	struct fec_encoder *encoder = kept->encoder;
	uint16_t symbol_size = object->layout->oti.symbol_size;
	struct loaded_block loaded = {job->blocks + b * block_stride(job), symbol_size};
	const struct fec_symbols source = {.user = &loaded, .direct = loaded_direct, .read = loaded_read};
	int result = 0;
	if (encoder == NULL) {
		struct fec_block shape = plan->shape;
		shape.sbn = sbn;
		if (plan->plan == NULL)
			result = fec_plan_new(job->shared->allocator, &plan->shape, &plan->plan);
		if (result)
			return result;
		result = fec_encoder_init(&encoder, align(kept->memory ? kept->memory : job->encoder_memory),
			fec_encoder_bytes(&shape), plan->plan, &source);
		if (result)
			return result;
		if (kept->memory)
			kept->encoder = encoder;
	}
	result = fec_encoder_symbols(encoder, tx_cursor_repair_esi(&job->cursor, sbn, job->request.first_row),
		job->cursor.step, (uint32_t)job->request.rows, job->request.out + (size_t)sbn * symbol_size,
		(size_t)object->layout->oti.num_blocks * symbol_size);
	if (kept->encoder == NULL)
		fec_encoder_deinit(encoder);
	return result;
}

static int encode_run(struct tx_job *base)
{
	struct encode_job *job = (struct encode_job *)base;
	int result = 0;
	if (!is_loaded(job))
		result = job->object->layout->kind == OBJECT_STRIPED ? load_striped(job) : load_linear(job);
	for (uint32_t b = 0; result == 0 && b < job->num_blocks; b++)
		result = encode_block(job, b);
	return result;
}

static int encode_done(struct tx_job *base, uint64_t now_ns)
{
	struct encode_job *job = (struct encode_job *)base;
	int result = base->result;
	job->shared->is_busy = false;
	job->request.done(job->request.user, result, job->num_blocks, now_ns);
	memory_free(job->shared->allocator, job);
	return result;
}

static void keep_encoders(struct encode_job *job)
{
	struct tx_encoder *e = job->shared;
	for (uint32_t b = 0; job->object->keeps && b < job->num_blocks; b++) {
		struct tx_kept_encoder *kept = &job->object->kept[job->request.first_block + b];
		if (kept->memory == NULL)
			kept->memory =
				memory_alloc(e->allocator, kept_bytes(job->object, job->request.first_block + b), 1);
	}
}

static int encode_job_memory(struct encode_job *job)
{
	struct tx_encoder *e = job->shared;
	size_t blocks = block_stride(job) * job->num_blocks;
	size_t chunks = (size_t)job->num_blocks * OBJECT_CHUNK_BYTES;
	size_t wanted;
	if (is_loaded(job))
		return 0;
	wanted = blocks + chunks + kept_bytes(job->object, job->request.first_block);
	if (wanted > e->work_bytes) {
		memory_free(e->allocator, e->work);
		e->work_bytes = 0;
		e->work = memory_alloc(e->allocator, wanted, 1);
		if (e->work == NULL)
			return CAROUSEL_E_MEMORY;
		e->work_bytes = wanted;
	}
	job->blocks = e->work;
	job->chunks = job->blocks + blocks;
	job->encoder_memory = job->chunks + chunks;
	return 0;
}

struct tx_job *tx_encoder_job(
	struct tx_encoder *e, struct tx_encoder_object *object, const struct tx_encode_request *request, int *error)
{
	const struct fec_oti *oti = &object->layout->oti;
	uint64_t end = request->first_block < object->num_large ? object->num_large : oti->num_blocks;
	struct encode_job *job;
	uint64_t batch;
	*error = 0;
	if (e->is_busy)
		return NULL;
	job = memory_alloc(e->allocator, 1, sizeof *job);
	if (job == NULL) {
		*error = CAROUSEL_E_MEMORY;
		return NULL;
	}
	job->job = (struct tx_job){.run = encode_run, .done = encode_done};
	job->shared = e;
	job->object = object;
	job->request = *request;
	job->cursor = *request->cursor;
	job->max_symbols = object->plans[request->first_block < object->num_large ? 0 : 1]->shape.num_source;
	batch = BATCH_BYTES / block_stride(job) + 1;
	job->num_blocks = (uint32_t)(batch < end - request->first_block ? batch : end - request->first_block);
	keep_encoders(job);
	*error = encode_job_memory(job);
	if (*error) {
		memory_free(e->allocator, job);
		return NULL;
	}
	e->is_busy = true;
	return &job->job;
}
