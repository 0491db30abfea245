#include "carousel-rx/store/store_internal.h"

#include "fec/fec.h"

#include <string.h>

#define STORE_LEAST_MEMORY     (1024u * 1024)
#define STORE_COMPACT_STEP     (256u * 1024)
#define STORE_DEFAULT_INTERVAL 1000000000u

int store_new(struct store **store, const struct store_config *config)
{
	struct store *s;
	if (config->memory_bytes && config->memory_bytes < STORE_LEAST_MEMORY)
		return CAROUSEL_E_ARGUMENT;
	if (config->storage == NULL && !config->allow_absent)
		return CAROUSEL_E_ARGUMENT;
	s = memory_alloc(config->allocator, 1, sizeof(*s));
	if (s == NULL)
		return CAROUSEL_E_MEMORY;
	s->config = *config;
	if (s->config.sync_interval_ns == 0)
		s->config.sync_interval_ns = STORE_DEFAULT_INTERVAL;
	store_account_init(&s->account, config->allocator);
	s->account.now = s->account.peak = sizeof(*s);
	if (config->storage == NULL)
		s->slot_bytes = UINT64_MAX;
	else
		s->slot_error = config->storage->size(config->storage->user, RX_SLOT_TARGET, &s->slot_bytes);
	store_jobs_init(s);
	*store = s;
	return 0;
}

void store_free(struct store *s)
{
	if (s == NULL)
		return;
	store_tables_deinit(s);
	memory_free(s->config.allocator, s);
}

static bool store_is_same(const struct store_image *a, const struct store_image *b)
{
	return memcmp(a->sha256, b->sha256, sizeof(a->sha256)) == 0 && a->layout.kind == b->layout.kind &&
	       a->layout.image_bytes == b->layout.image_bytes && fec_oti_is_equal(&a->layout.oti, &b->layout.oti);
}

int store_end(struct store *s)
{
	if (s->write.is_running || s->sync.is_running || s->work.is_running)
		return CAROUSEL_E_BUSY;
	store_tables_deinit(s);
	s->phase = STORE_IDLE;
	s->error = 0;
	s->is_suspect = s->wants_index = s->wants_compact = s->wants_commit = s->wants_edges = s->has_seen_edges =
		false;
	s->has_given_up_index = false;
	memset(&s->look, 0, sizeof(s->look));
	s->is_probe = s->is_dirty = s->wants_flush = s->wants_verify = s->wants_start_over = false;
	return 0;
}

/* Tables and a clean state for an image. */
static int store_prepare(struct store *s, const struct store_image *image)
{
	int result = store_end(s);
	if (result)
		return result;
	if (s->slot_error)
		return s->slot_error;
	if (image->layout.oti.num_blocks == 0)
		return CAROUSEL_E_ARGUMENT;
	s->image = *image;
	s->symbols_heard = s->symbols_offered = s->symbols_dropped = s->bytes_written = 0;
	s->first_ns = s->done_ns = 0;
	s->hungry_sbn = 0;
	s->write_allowed_ns = s->journal_at_sync = s->journal_bytes_seen = 0;
	s->compact_step = STORE_COMPACT_STEP;
	s->compact_at = 4 * STORE_COMPACT_STEP;
	memset(&s->replayed, 0, sizeof(s->replayed));
	return store_tables_init(s);
}

int store_begin(struct store *s, const struct store_image *image, uint64_t now_ns)
{
	int result;
	if (s->phase != STORE_IDLE && s->phase != STORE_BROKEN && store_is_same(&s->image, image))
		return 0;
	result = store_prepare(s, image);
	if (result)
		return result;
	s->ready_since_ns = now_ns;
	s->phase = s->config.allow_absent ? STORE_RECEIVING : STORE_OPENING;
	return 0;
}

int store_probe(struct store *s, const struct store_image *image)
{
	int result;
	if (s->phase != STORE_IDLE)
		return CAROUSEL_E_BUSY;
	result = store_prepare(s, image);
	if (result)
		return result;
	s->is_probe = true;
	s->phase = STORE_COMPLETE;
	result = store_verify(s);
	if (result) {
		store_tables_deinit(s);
		s->phase = STORE_IDLE;
	}
	return result;
}

/* Without payload a slot stands for an image by beginning with its digest. */
static bool store_is_named(const struct store *s)
{
	const struct carousel_rx_storage *storage = s->config.storage;
	uint8_t name[32];
	return storage && storage->read(storage->user, RX_SLOT_TARGET, 0, name, sizeof(name)) == 0 &&
	       memcmp(name, s->image.sha256, sizeof(name)) == 0;
}

int store_verify(struct store *s)
{
	int result;
	if (s->phase != STORE_COMPLETE)
		return s->phase == STORE_VERIFIED ? 0 : CAROUSEL_E_BUSY;
	if (s->config.allow_absent) {
		s->phase = s->is_probe && !store_is_named(s) ? STORE_IDLE : STORE_VERIFIED;
		return 0;
	}
	result = verify_begin(&s->verify, &s->work_io, s->geometry.layout.image_bytes, s->image.sha256,
		s->decode.held.buf, s->decode.held.buf_bytes);
	if (result)
		return result;
	s->wants_verify = true;
	s->phase = STORE_VERIFYING;
	return 0;
}

int store_set_index(struct store *s)
{
	if (!s->has_tables || s->is_probe || !s->image.has_index)
		return CAROUSEL_E_ARGUMENT;
	if (s->config.allow_absent)
		store_index_named(s);
	else if (!s->decode.has_index)
		s->wants_index = true;
	return 0;
}

void store_give_up_index(struct store *s)
{
	s->has_given_up_index = true;
}

bool store_is_hungry(struct store *s)
{
	if (s->is_suspect)
		return true;
	while (s->hungry_sbn < s->geometry.blocks && !map_is_hungry(&s->map, s->hungry_sbn))
		s->hungry_sbn++;
	return s->hungry_sbn < s->geometry.blocks;
}

enum store_appetite store_appetite(struct store *s)
{
	/* A write rate keeps symbols waiting for much longer than a job: what comes then is dropped. */
	if (s->phase == STORE_RECEIVING && !s->config.allow_absent && staging_is_full(&s->staging) &&
		(s->write.is_running || s->config.write_rate_bps == 0))
		return STORE_FULL;
	if (s->work.is_running && (s->phase == STORE_COMPLETE || s->phase == STORE_VERIFYING ||
					  (s->phase == STORE_RECEIVING && !store_is_hungry(s))))
		return STORE_SATED;
	return STORE_HUNGRY;
}

/* The whole symbol, or the last source symbol of the object without its padding. */
static bool store_is_length(const struct store *s, uint32_t sbn, uint32_t esi, size_t len)
{
	size_t size = s->geometry.symbol_size;
	if (len == size)
		return true;
	return s->geometry.layout.kind == OBJECT_LINEAR && sbn == s->geometry.blocks - 1 &&
	       esi + 1 == s->map.block[sbn].source && len > 0 &&
	       len == s->geometry.layout.image_bytes - (s->geometry.real_symbols - 1) * size;
}

int store_add(struct store *s, uint32_t sbn, uint32_t esi, const uint8_t *symbol, size_t len, uint64_t now_ns)
{
	struct map_spot spot;
	int result;
	if (s->phase != STORE_RECEIVING) {
		s->symbols_offered++;
		if (s->phase != STORE_OPENING && s->phase != STORE_IDLE && s->phase != STORE_BROKEN)
			return CAROUSEL_E_DUPLICATE;
		s->symbols_heard++;
		return CAROUSEL_E_BUSY;
	}
	if (sbn >= s->geometry.blocks || !store_is_length(s, sbn, esi, len) ||
		(symbol == NULL && !s->config.allow_absent))
		return CAROUSEL_E_SYMBOL;
	s->symbols_offered++;
	if (s->first_ns == 0)
		s->first_ns = now_ns;
	s->symbols_heard += store_is_hungry(s);
	if (s->config.allow_absent) {
		result = map_reserve(&s->map, sbn, esi, &spot);
		if (result == 0)
			map_stored(&s->map, sbn, esi, &spot, 0);
		return result;
	}
	if (!map_wants(&s->map, sbn))
		return CAROUSEL_E_DUPLICATE;
	result = staging_room(&s->staging) ? map_reserve(&s->map, sbn, esi, &spot) : CAROUSEL_E_LIMIT;
	if (result == CAROUSEL_E_LIMIT)
		s->symbols_dropped++;
	if (result == 0)
		staging_push(&s->staging, sbn, esi, &spot, symbol, len, now_ns);
	return result;
}

void store_flush(struct store *s)
{
	if (s->phase == STORE_RECEIVING && !s->config.allow_absent)
		s->wants_flush = true;
}

void store_progress(const struct store *s, struct store_progress *p)
{
	*p = (struct store_progress){.phase = s->phase, .error = s->error};
	if (!s->has_tables)
		return;
	p->blocks = s->geometry.blocks;
	p->symbols_needed = s->geometry.real_symbols;
	p->is_waiting_for_index = store_is_waiting(s) && !s->has_given_up_index;
	p->symbols_heard = s->symbols_heard;
	p->symbols_offered = s->symbols_offered;
	p->first_ns = s->first_ns;
	p->done_ns = s->done_ns;
	p->symbols_dropped = s->symbols_dropped;
	p->symbols_resumed = s->replayed.symbols_resumed;
	p->bytes_written = s->bytes_written;
	/* The map belongs to the job that opens. */
	if (s->phase == STORE_OPENING)
		return;
	p->blocks_done = s->map.blocks_done;
	p->symbols_have = s->map.symbols_have;
}

void store_memory(const struct store *s, size_t *now, size_t *peak)
{
	*now = s->account.now;
	*peak = s->account.peak;
}
