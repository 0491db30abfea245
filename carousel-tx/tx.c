#include "carousel-tx/tx.h"

#include "carousel-tx/announce.h"
#include "carousel-tx/session.h"
#include "common/carousel_error.h"

#include <string.h>

#define DEFAULT_SYMBOL_SIZE 1024u
#define FDT_PERIOD_NS       (1ull * TX_NS_PER_S)
#define DEFAULT_PERIOD_NS   (2ull * TX_NS_PER_S)
#define CONTROL_CHECK_NS    1000000u
#define IDLE_NS             10000000u
#define RETRY_NS            (5ull * TX_NS_PER_S)
#define INDEX_BLOCK_SYMBOLS 16384u

const char *tx_role_name(enum tx_role role)
{
	static const char *const names[TX_NUM_ROLES] = {
		"fdt", "heartbeat", "trust-root", "map", "schedule", "manifest", "index", "copy-map", "image"};
	return (unsigned)role < TX_NUM_ROLES ? names[role] : "unknown";
}

/* ---- life ------------------------------------------------------------------------------------------ */

static int config_fill(struct tx *tx, const struct tx_config *config)
{
	struct tx_config *c = &tx->config;
	*c = *config;
	if (c->num_channels == 0 || c->num_channels > TX_MAX_CHANNELS || c->channels == NULL)
		return CAROUSEL_E_ARGUMENT;
	if (c->headends == 0)
		c->headends = 1;
	if (c->headend >= c->headends || c->headends > UINT16_MAX / TX_MAX_CHANNELS || c->tsi == UINT32_MAX)
		return CAROUSEL_E_ARGUMENT;
	if (c->session_name == NULL)
		c->session_name = "main";
	if (c->flute_version == 0)
		c->flute_version = 2;
	if (c->flute_version > 2 || c->control_permille > 1000)
		return CAROUSEL_E_ARGUMENT;
	if (c->fti_interval == 0)
		c->fti_interval = 16;
	if (c->control_permille == 0)
		c->control_permille = 50;
	if (c->symbol_size == 0)
		c->symbol_size = DEFAULT_SYMBOL_SIZE;
	if (c->symbol_size < 64 || c->symbol_size > TX_MAX_PACKET_BYTES - 2 * ALC_MAX_HEADER_BYTES)
		return CAROUSEL_E_ARGUMENT;
	if (c->fdt_lifetime_ns == 0)
		c->fdt_lifetime_ns = 3600ull * TX_NS_PER_S;
	c->read_ahead_bytes = c->read_ahead_bytes ? c->read_ahead_bytes : 32u << 20;
	c->encoder_bytes = c->encoder_bytes ? c->encoder_bytes : 384u << 20;
	c->spool_bytes = c->spool_bytes ? c->spool_bytes : 128u << 20;
	for (unsigned role = 0; role < TX_NUM_ROLES; role++)
		if (c->period_ns[role] == 0)
			c->period_ns[role] = role == TX_ROLE_FDT ? FDT_PERIOD_NS : DEFAULT_PERIOD_NS;
	memcpy(tx->channels_config, c->channels, c->num_channels * sizeof *c->channels);
	c->channels = tx->channels_config;
	for (uint32_t i = 0; i < c->num_channels; i++)
		if (tx->channels_config[i].overhead_bytes == 0)
			tx->channels_config[i].overhead_bytes = 28;
	return 0;
}

int tx_new(struct tx **out, const struct tx_config *config, uint64_t now_ns)
{
	struct tx *tx = memory_alloc(config->allocator, 1, sizeof *tx);
	char message[160] = "";
	int result;
	if (tx == NULL)
		return CAROUSEL_E_MEMORY;
	result = config_fill(tx, config);
	if (result == 0)
		result = tx_counters_init(&tx->counters, config->allocator, config->tsi, config->counters,
			config->counters_len, message, sizeof message);
	if (result) {
		if (message[0])
			log_write(config->log, CAROUSEL_LOG_ERROR, "%s", message);
		memory_free(config->allocator, tx);
		return result;
	}
	tx->config.counters = NULL;
	tx->counters.unleased = config->store_counters == NULL;
	tx->context = (struct tx_object_context){&tx->config, &tx->counters, &tx->encoder};
	for (uint32_t i = 0; i < tx->config.num_channels; i++) {
		const struct tx_channel_config *c = &tx->channels_config[i];
		tx_pacer_init(&tx->channels[i].pacer, c->rate_bps, c->burst_bytes, now_ns);
		tx_scheduler_init(&tx->channels[i].scheduler, c->rate_bps, tx->config.control_permille, now_ns);
		tx->channels[i].idle_since_ns = TX_NEVER;
		tx->channels[i].heartbeat_due_ns = now_ns;
	}
	tx_encoder_init(&tx->encoder, config->allocator, config->spool,
		&(struct tx_encoder_budget){.read_ahead_bytes = tx->config.read_ahead_bytes,
			.encoder_bytes = tx->config.encoder_bytes,
			.spool_bytes = tx->config.spool_bytes,
			.keeps_all = config->encoder_bytes != 0,
			.rate_bps = tx_session_rate(tx)});
	tx->fdt_dirty = tx->schedule_dirty = true;
	tx->now_ns = now_ns;
	tx->tick_ns = now_ns + TX_TICK_NS;
	*out = tx;
	return 0;
}

void tx_free(struct tx *tx)
{
	if (tx == NULL)
		return;
	for (struct tx_object *o = tx->objects; o; o = o->next)
		o->is_removed = true;
	tx_session_sweep(tx);
	tx_object_free(&tx->context, tx->fdt);
	tx_encoder_deinit(&tx->encoder);
	tx_counters_deinit(&tx->counters);
	memory_free(tx->config.allocator, tx->heartbeat);
	memory_free(tx->config.allocator, tx);
}

void tx_set_wall_clock(struct tx *tx, uint64_t wall_ns, uint64_t now_ns)
{
	if (tx->wall_ns == 0)
		tx_session_changed(tx);
	tx->wall_ns = wall_ns;
	tx->wall_at_ns = now_ns;
}

int tx_set_rate(struct tx *tx, uint32_t channel, uint64_t rate_bps, uint64_t now_ns)
{
	if (channel >= tx->config.num_channels)
		return CAROUSEL_E_ARGUMENT;
	tx->channels_config[channel].rate_bps = rate_bps;
	tx_pacer_init(&tx->channels[channel].pacer, rate_bps, tx->channels_config[channel].burst_bytes, now_ns);
	tx_scheduler_set_rate(&tx->channels[channel].scheduler, rate_bps, now_ns);
	tx->schedule_dirty = true;
	tx->encoder.budget.rate_bps = tx_session_rate(tx);
	for (struct tx_object *o = tx->objects; o; o = o->next)
		if (!o->is_document && o->has_payload)
			tx_encoder_consider(&tx->encoder, &o->encoder);
	return 0;
}

/* ---- what is on the air ------------------------------------------------------------------------------ */

int tx_set_document(
	struct tx *tx, enum tx_role role, const char *class_name, const void *bytes, size_t len, uint64_t now_ns)
{
	if (role != TX_ROLE_TRUST_ROOT && role != TX_ROLE_MAP && role != TX_ROLE_MANIFEST)
		return CAROUSEL_E_ARGUMENT;
	if ((role == TX_ROLE_MANIFEST) != (class_name != NULL))
		return CAROUSEL_E_ARGUMENT;
	return tx_session_set_document(tx, role, class_name, bytes, len, now_ns);
}

void tx_set_map_info(struct tx *tx, const struct tx_map_info *map)
{
	tx->map = *map;
}

static struct tx_object *find_image(struct tx *tx, const uint8_t sha256[HASH_SHA256_BYTES])
{
	for (struct tx_object *o = tx->objects; o; o = o->next)
		if (o->role == TX_ROLE_IMAGE && !o->is_removed && memcmp(o->sha256, sha256, HASH_SHA256_BYTES) == 0)
			return o;
	return NULL;
}

/* A file that goes with an image: its index, or a copy map. The source is taken over in any case. */
static int new_companion(struct tx *tx, const struct tx_image *image, struct tx_object_spec *spec, uint64_t bytes,
	struct tx_object **out)
{
	struct object_layout_wish wish = {.kind = OBJECT_LINEAR,
		.encoding_id = tx->config.control_no_code || bytes <= tx->config.symbol_size ? FEC_COMPACT_NO_CODE
											     : FEC_RAPTORQ,
		.symbol_size = tx->config.symbol_size,
		.block_symbols = INDEX_BLOCK_SYMBOLS};
	struct object_layout layout;
	int result = object_layout_choose(&layout, &wish, bytes);
	if (result) {
		if (spec->source.release)
			spec->source.release(spec->source.user);
		return result;
	}
	spec->class_name = image->class_name;
	spec->version = image->version;
	spec->weight = image->weight;
	spec->layout = &layout;
	spec->has_payload = true;
	return tx_object_new(&tx->context, spec, out);
}

static bool has_room_for_copy_map(const struct tx *tx, uint32_t more)
{
	for (const struct tx_object *o = tx->objects; o; o = o->next)
		more += o->role == TX_ROLE_COPY_MAP && !o->is_removed;
	return more < TX_MAX_COPY_MAPS;
}

/* All that go with an image, one after the other at *first. Their sources are taken over in any case. */
static int new_companions(struct tx *tx, const struct tx_image *image, struct tx_object **first)
{
	struct tx_object **next = first;
	int result = 0;
	*first = NULL;
	if (image->index_bytes) {
		struct tx_object_spec spec = {.role = TX_ROLE_INDEX, .sha256 = image->sha256, .source = image->index};
		result = new_companion(tx, image, &spec, image->index_bytes, next);
	}
	for (uint32_t i = 0; i < image->num_copy_maps; i++) {
		const struct tx_copy_map *map = &image->copy_maps[i];
		struct tx_object_spec spec = {.role = TX_ROLE_COPY_MAP,
			.from_version = map->from_version,
			.sha256 = map->sha256,
			.source = map->source};
		if (result || !has_room_for_copy_map(tx, i)) {
			if (map->source.release)
				map->source.release(map->source.user);
			if (result == 0)
				log_write(tx->config.log, CAROUSEL_LOG_WARNING,
					"%s %u: no room for its copy map from %u", image->class_name, image->version,
					map->from_version);
			continue;
		}
		while (*next)
			next = &(*next)->companion;
		result = new_companion(tx, image, &spec, map->bytes, next);
	}
	return result;
}

static void free_companions(struct tx *tx, struct tx_object *first)
{
	while (first) {
		struct tx_object *next = first->companion;
		tx_object_free(&tx->context, first);
		first = next;
	}
}

static int refuse_image(const struct tx_image *image, int result)
{
	if (image->source.release)
		image->source.release(image->source.user);
	if (image->index_bytes && image->index.release)
		image->index.release(image->index.user);
	for (uint32_t i = 0; i < image->num_copy_maps; i++)
		if (image->copy_maps[i].source.release)
			image->copy_maps[i].source.release(image->copy_maps[i].source.user);
	return result;
}

int tx_add_image(struct tx *tx, const struct tx_image *image, uint64_t now_ns)
{
	struct tx_object *object = NULL, *companions;
	struct tx_object_spec spec = {.role = TX_ROLE_IMAGE,
		.class_name = image->class_name,
		.version = image->version,
		.sha256 = image->sha256,
		.weight = image->weight,
		.layout = &image->layout,
		.source = image->source,
		.has_payload = !tx->config.leave_out_payload};
	int result;
	if (find_image(tx, image->sha256))
		return refuse_image(image, CAROUSEL_E_EXISTS);
	if (tx->num_images >= TX_MAX_IMAGES)
		return refuse_image(image, CAROUSEL_E_LIMIT);
	result = new_companions(tx, image, &companions);
	if (result == 0)
		result = tx_object_new(&tx->context, &spec, &object);
	else if (image->source.release)
		image->source.release(image->source.user);
	if (result) {
		free_companions(tx, companions);
		return result;
	}
	object->companion = companions;
	tx_session_add(tx, object, now_ns);
	if (object->streams[0].cursor.position == 0)
		object->begins_ns = now_ns + tx->config.lead_ns;
	for (struct tx_object *o = companions; o; o = o->companion) {
		o->image = object;
		tx_session_add(tx, o, now_ns);
	}
	tx->num_images++;
	return 0;
}

int tx_remove_image(struct tx *tx, const uint8_t sha256[HASH_SHA256_BYTES])
{
	struct tx_object *image = find_image(tx, sha256);
	if (image == NULL)
		return CAROUSEL_E_NOT_FOUND;
	tx_session_remove(tx, image);
	tx_session_sweep(tx);
	tx->num_images--;
	tx_session_changed(tx);
	return 0;
}

int tx_set_weight(struct tx *tx, const uint8_t sha256[HASH_SHA256_BYTES], uint32_t weight)
{
	struct tx_object *image = find_image(tx, sha256);
	if (image == NULL)
		return CAROUSEL_E_NOT_FOUND;
	if (image->weight != (weight ? weight : 1)) {
		image->weight = weight ? weight : 1;
		tx->schedule_dirty = true;
	}
	return 0;
}

/* ---- packets ------------------------------------------------------------------------------------------- */

/* The document whose round has been due longest and whose next packet may be sent; the FDT counts as one. */
static struct tx_object *pick_document(struct tx *tx, uint32_t channel, uint64_t now_ns)
{
	struct tx_object *best = NULL;
	if (tx->fdt && tx_scheduler_in_round(tx->fdt, &tx->fdt->streams[channel], now_ns) &&
		tx_object_is_ready(&tx->context, tx->fdt, channel))
		best = tx->fdt;
	for (struct tx_object *o = tx->objects; o; o = o->next) {
		if (!o->is_document || o->is_removed || !tx_scheduler_in_round(o, &o->streams[channel], now_ns))
			continue;
		if (best && best->streams[channel].due_ns <= o->streams[channel].due_ns)
			continue;
		if (tx_object_is_ready(&tx->context, o, channel))
			best = o;
	}
	return best;
}

static int control_packet(
	struct tx *tx, uint32_t channel, uint8_t *buffer, size_t cap, struct tx_packet *packet, uint64_t now_ns)
{
	struct tx_channel *c = &tx->channels[channel];
	struct tx_object *object;
	int result;
	if (now_ns < c->control_check_ns)
		return CAROUSEL_E_NEED_MORE;
	c->control_check_ns = now_ns + CONTROL_CHECK_NS;
	if (!tx_scheduler_may_control(&c->scheduler, now_ns))
		return CAROUSEL_E_NEED_MORE;
	object = pick_document(tx, channel, now_ns);
	if (tx_session_heartbeat_due(tx, channel, now_ns) &&
		(object == NULL || c->heartbeat_due_ns <= object->streams[channel].due_ns)) {
		c->control_check_ns = now_ns;
		return tx_session_heartbeat_packet(tx, channel, buffer, cap, packet, now_ns);
	}
	if (object == NULL)
		return CAROUSEL_E_NEED_MORE;
	c->control_check_ns = now_ns;
	if (object == tx->fdt)
		result = tx_session_fdt_packet(tx, channel, buffer, cap, packet, now_ns);
	else
		result = tx_object_next_packet(&tx->context, object, channel, tx->config.no_sequence ? 0 : c->sequence,
			buffer, cap, packet, now_ns);
	if (result == 0)
		tx_scheduler_round_sent(&object->streams[channel], tx->config.period_ns[object->role], now_ns);
	return result;
}

static int image_packet(
	struct tx *tx, uint32_t channel, uint8_t *buffer, size_t cap, struct tx_packet *packet, uint64_t now_ns)
{
	struct tx_channel *c = &tx->channels[channel];
	struct tx_object *object = tx_scheduler_pick_image(&c->scheduler, &tx->context, tx->objects, channel, now_ns);
	int result;
	if (object == NULL)
		return CAROUSEL_E_NEED_MORE;
	result = tx_object_next_packet(
		&tx->context, object, channel, tx->config.no_sequence ? 0 : c->sequence, buffer, cap, packet, now_ns);
	if (result == 0)
		tx_scheduler_image_served(&c->scheduler, object, channel,
			(uint32_t)(packet->len + packet->absent_bytes) + tx->config.channels[channel].overhead_bytes);
	return result;
}

static uint64_t control_deadline(const struct tx *tx, uint32_t channel)
{
	const struct tx_channel *c = &tx->channels[channel];
	uint64_t due = TX_NEVER, credit = tx_scheduler_control_ns(&c->scheduler, 0);
	if (tx->config.heartbeat_signer && tx->wall_ns)
		due = c->heartbeat_due_ns;
	if (tx->fdt && tx->fdt->streams[channel].due_ns < due)
		due = tx->fdt->streams[channel].due_ns;
	for (const struct tx_object *o = tx->objects; o; o = o->next)
		if (o->is_document && !o->is_removed && o->streams[channel].due_ns < due)
			due = o->streams[channel].due_ns;
	return due == TX_NEVER || due > credit ? due : credit;
}

/* Nothing was ready. What changes that is a document's time, a job done, or the tick. */
static void channel_idle(struct tx *tx, uint32_t channel, uint64_t now_ns)
{
	struct tx_channel *c = &tx->channels[channel];
	uint64_t control = control_deadline(tx, channel);
	if (c->idle_since_ns == TX_NEVER)
		c->idle_since_ns = now_ns;
	c->look_again_ns = control > now_ns + IDLE_NS ? control : now_ns + IDLE_NS;
}

/* A job is done, or a packet left. Without images there is nothing that could starve. */
static void channel_busy(struct tx *tx, struct tx_channel *c, uint64_t now_ns)
{
	if (c->idle_since_ns != TX_NEVER && now_ns > c->idle_since_ns && tx->num_images)
		c->starved.total_bytes += now_ns - c->idle_since_ns;
	c->idle_since_ns = TX_NEVER;
}

static void packet_sent(
	struct tx *tx, uint32_t channel, const struct tx_packet *packet, bool is_control, uint64_t now_ns)
{
	struct tx_channel *c = &tx->channels[channel];
	uint32_t wire = (uint32_t)(packet->len + packet->absent_bytes) + tx->config.channels[channel].overhead_bytes;
	c->sequence++;
	c->packets++;
	c->meter.total_bytes += wire;
	tx_pacer_sent(&c->pacer, wire, now_ns);
	if (is_control) {
		c->control_bytes += wire;
		tx_scheduler_control_sent(&c->scheduler, wire);
	}
	channel_busy(tx, c, now_ns);
}

int tx_next_packet(
	struct tx *tx, uint32_t channel, uint8_t *buffer, size_t cap, struct tx_packet *packet, uint64_t now_ns)
{
	struct tx_channel *c = &tx->channels[channel];
	bool is_control = true;
	int result;
	if (channel >= tx->config.num_channels)
		return CAROUSEL_E_ARGUMENT;
	if (tx->closing || !tx_pacer_is_ready(&c->pacer, now_ns))
		return CAROUSEL_E_NEED_MORE;
	tx->now_ns = now_ns;
	result = tx_session_renew(tx, now_ns);
	if (result == 0)
		result = control_packet(tx, channel, buffer, cap, packet, now_ns);
	if (result == CAROUSEL_E_NEED_MORE) {
		is_control = false;
		result = image_packet(tx, channel, buffer, cap, packet, now_ns);
	}
	if (result == 0)
		packet_sent(tx, channel, packet, is_control, now_ns);
	else if (result == CAROUSEL_E_NEED_MORE)
		channel_idle(tx, channel, now_ns);
	return result;
}

uint64_t tx_deadline(const struct tx *tx, uint32_t channel)
{
	const struct tx_channel *c = &tx->channels[channel];
	uint64_t deadline;
	if (channel >= tx->config.num_channels || tx->closing)
		return TX_NEVER;
	deadline = tx_pacer_deadline(&c->pacer);
	if (c->idle_since_ns != TX_NEVER && c->look_again_ns > deadline)
		deadline = c->look_again_ns;
	return deadline < tx->tick_ns ? deadline : tx->tick_ns;
}

static void tick(struct tx *tx, uint32_t channel, uint64_t elapsed_ns)
{
	struct tx_channel *c = &tx->channels[channel];
	tx_meter_tick(&c->meter, elapsed_ns);
	tx_meter_tick(&c->starved, elapsed_ns);
	tx_window_tick(&c->window, elapsed_ns);
	if (tx->fdt)
		tx_meter_tick(&tx->fdt->streams[channel].meter, elapsed_ns);
	for (struct tx_object *o = tx->objects; o; o = o->next)
		tx_meter_tick(&o->streams[channel].meter, elapsed_ns);
}

int tx_on_deadline(struct tx *tx, uint64_t now_ns)
{
	uint64_t elapsed;
	tx->now_ns = now_ns;
	if (now_ns < tx->tick_ns)
		return 0;
	elapsed = now_ns - tx->tick_ns + TX_TICK_NS;
	tx->tick_ns = now_ns + TX_TICK_NS;
	for (uint32_t i = 0; i < tx->config.num_channels; i++)
		tick(tx, i, elapsed);
	return tx_session_renew(tx, now_ns);
}

void tx_channel_stats(const struct tx *tx, uint32_t channel, struct tx_channel_stats *stats)
{
	const struct tx_channel *c = &tx->channels[channel];
	*stats = (struct tx_channel_stats){c->packets, c->meter.total_bytes, c->control_bytes, c->starved.total_bytes};
}

/* ---- jobs ------------------------------------------------------------------------------------------------ */

struct store_job {
	struct tx_job job;
	struct tx *tx;
	char *text;
	size_t len;
	bool is_final;
};

static int store_run(struct tx_job *base)
{
	struct store_job *job = (struct store_job *)base;
	return job->tx->config.store_counters(job->tx->config.store_user, job->text, job->len);
}

static int store_done(struct tx_job *base, uint64_t now_ns)
{
	struct store_job *job = (struct store_job *)base;
	struct tx *tx = job->tx;
	int result = base->result;
	tx_counters_stored(&tx->counters, result == 0);
	if (result)
		tx->store_retry_ns = now_ns + RETRY_NS;
	else if (job->is_final)
		tx->closed = true;
	memory_free(tx->config.allocator, job->text);
	memory_free(tx->config.allocator, job);
	return result;
}

static struct tx_job *next_store_job(struct tx *tx)
{
	struct tx_counters *counters = &tx->counters;
	struct store_job *job;
	if (counters->unleased || counters->is_storing || tx->closed || (!counters->is_wanted && !tx->closing))
		return NULL;
	if (!tx->closing && tx->now_ns < tx->store_retry_ns)
		return NULL;
	job = memory_alloc(tx->config.allocator, 1, sizeof *job);
	if (job == NULL)
		return NULL;
	if (tx_counters_print(counters, tx->closing, tx->now_ns, &job->text, &job->len)) {
		memory_free(tx->config.allocator, job);
		return NULL;
	}
	job->job = (struct tx_job){.run = store_run, .done = store_done};
	job->tx = tx;
	job->is_final = tx->closing;
	return &job->job;
}

/* Goes round the streams, from where the last search ended. */
static struct tx_job *next_feed_job(struct tx *tx)
{
	uint32_t count = 0, skip;
	int error;
	for (struct tx_object *o = tx->objects; o; o = o->next)
		count++;
	skip = count ? tx->next_feed % count : 0;
	for (unsigned round = 0; round < 2; round++) {
		uint32_t i = 0;
		for (struct tx_object *o = tx->objects; o; o = o->next, i++) {
			if ((round == 0) != (i >= skip) || o->is_document || !o->has_payload || o->is_removed)
				continue;
			for (uint32_t channel = 0; channel < o->num_streams; channel++) {
				struct tx_stream *s = &o->streams[channel];
				struct tx_job *job = tx_feed_next_job(&s->feed, &s->cursor, tx->now_ns, &error);
				if (error)
					tx_object_trouble(tx, o, error);
				if (job) {
					job->object = o;
					tx->next_feed = i + 1;
					return job;
				}
			}
		}
	}
	return NULL;
}

struct tx_job *tx_next_job(struct tx *tx)
{
	struct tx_job *job = next_store_job(tx);
	if (job || tx->closing)
		return job;
	return next_feed_job(tx);
}

void tx_job_run(struct tx_job *job)
{
	job->result = job->run(job);
}

int tx_job_done(struct tx *tx, struct tx_job *job, uint64_t now_ns)
{
	struct tx_object *object;
	int result;
	tx->now_ns = now_ns;
	object = job->object;
	result = job->done(job, now_ns); /* frees the job */
	if (object)
		tx_object_trouble(tx, object, result);
	else
		tx_trouble(tx, TX_TROUBLE_COUNTERS, result);
	tx_session_sweep(tx);
	for (uint32_t i = 0; i < tx->config.num_channels; i++)
		channel_busy(tx, &tx->channels[i], now_ns);
	return result == CAROUSEL_E_INTERNAL ? result : 0;
}

void tx_close(struct tx *tx)
{
	tx->closing = true;
}
