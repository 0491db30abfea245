/* What is on the air when: the scenario's images, maps and events, handed to the transmitter cores. */
#include "sim/headend.h"

#include "common/carousel_error.h"

#include <string.h>

/* ---- sources ---------------------------------------------------------------------------------------- */

static int headend_read_bytes(void *user, uint64_t offset, void *dst, size_t len)
{
	const struct headend_image *image = user;
	/* Without payload nothing is asked for but the length of things. */
	if (image->bytes == NULL)
		memset(dst, 0, len);
	else
		memcpy(dst, image->bytes + offset, len);
	return 0;
}

static int headend_read_index(void *user, uint64_t offset, void *dst, size_t len)
{
	memcpy(dst, ((const struct headend_image *)user)->index + offset, len);
	return 0;
}

static void headend_release(void *user)
{
	(void)user; /* images live as long as the headend */
}

/* ---- transmitters ------------------------------------------------------------------------------------- */

static int headend_store_counters(void *user, const char *text, size_t len)
{
	struct headend_counters *c = user;
	char *copy = memory_copy_string(c->allocator, text, len);
	if (copy == NULL)
		return CAROUSEL_E_MEMORY;
	memory_free(c->allocator, c->text);
	c->text = copy;
	c->len = len;
	return 0;
}

static int headend_add_image(struct headend *h, uint32_t number, size_t i, uint64_t now_ns)
{
	struct headend_image *image = &h->images[i];
	struct tx_image on_air = {.class_name = image->manifest.class_name,
		.version = image->manifest.version,
		.layout = image->manifest.layout,
		.source = {image, headend_read_bytes, headend_release},
		.index_bytes = image->index_len,
		.index = {image, headend_read_index, headend_release},
		.weight = h->scenario->images[i].weight};
	memcpy(on_air.sha256, image->manifest.sha256, sizeof on_air.sha256);
	return tx_add_image(h->tx[number], &on_air, now_ns);
}

/* The manifests of a class that are on the air, one envelope a line. */
static int headend_set_manifests(struct headend *h, uint32_t number, const char *class_name, uint64_t now_ns)
{
	size_t len = 0;
	char *text;
	int result;
	for (size_t i = 0; i < h->scenario->num_images; i++)
		if (h->images[i].is_on_air && strcmp(h->images[i].manifest.class_name, class_name) == 0)
			len += h->images[i].manifest_len;
	text = memory_alloc(h->allocator, len, 1);
	if (text == NULL)
		return CAROUSEL_E_MEMORY;
	len = 0;
	for (size_t i = 0; i < h->scenario->num_images; i++)
		if (h->images[i].is_on_air && strcmp(h->images[i].manifest.class_name, class_name) == 0) {
			memcpy(text + len, h->images[i].manifest_text, h->images[i].manifest_len);
			len += h->images[i].manifest_len;
		}
	result = tx_set_document(h->tx[number], TX_ROLE_MANIFEST, class_name, text, len, now_ns);
	memory_free(h->allocator, text);
	return result;
}

static int headend_set_map(struct headend *h, uint32_t number, uint64_t now_ns)
{
	const struct headend_map *map = &h->maps[h->map_on_air];
	int result = tx_set_document(h->tx[number], TX_ROLE_MAP, NULL, map->text, map->len, now_ns);
	if (result == 0)
		tx_set_map_info(h->tx[number], &map->info);
	return result;
}

static int headend_start(struct headend *h, uint32_t number, uint64_t now_ns)
{
	struct headend_counters *counters = &h->counters[number];
	struct tx_config config = {.allocator = h->allocator,
		.tsi = HEADEND_TSI,
		.channels = &h->channel,
		.num_channels = 1,
		.headend = number,
		.headends = h->scenario->transmitter.headends,
		.control_permille = (uint32_t)(h->scenario->transmitter.control_share * 1000),
		.heartbeat_signer = &h->heartbeat_signer,
		.store_counters = headend_store_counters,
		.store_user = counters,
		.counters = counters->text,
		.counters_len = counters->len,
		.leave_out_payload = h->payload != HEADEND_BYTES};
	for (unsigned role = 0; role < TX_NUM_ROLES; role++)
		config.period_ns[role] = h->scenario->transmitter.control_period_ns / (role == TX_ROLE_FDT ? 2 : 1);
	int result;
	counters->allocator = h->allocator;
	result = tx_new(&h->tx[number], &config, now_ns);
	if (result != 0)
		return result;
	tx_set_wall_clock(h->tx[number], h->moments.wall_s * 1000000000u + now_ns, now_ns);
	result = tx_set_document(h->tx[number], TX_ROLE_TRUST_ROOT, NULL, h->root_text, h->root_len, now_ns);
	if (result == 0 && h->map_on_air < h->scenario->num_maps)
		result = headend_set_map(h, number, now_ns);
	for (size_t i = 0; i < h->scenario->num_images && result == 0; i++)
		if (h->images[i].is_on_air) {
			result = headend_add_image(h, number, i, now_ns);
			if (result == 0)
				result = headend_set_manifests(h, number, h->images[i].manifest.class_name, now_ns);
		}
	return result;
}

/* ---- the plot -------------------------------------------------------------------------------------------- */

static bool headend_is_silent(const struct scenario *s, uint64_t now_ns)
{
	for (size_t i = 0; i < s->num_events; i++)
		if (s->events[i].kind == SCENARIO_RESTART_TRANSMITTER && now_ns >= s->events[i].at_ns &&
			now_ns < s->events[i].at_ns + s->events[i].length_ns)
			return true;
	return false;
}

static int headend_update_image(struct headend *h, size_t i, uint64_t now_ns)
{
	const struct scenario_image *image = &h->scenario->images[i];
	const bool is_wanted = now_ns >= image->at_ns && now_ns < image->until_ns;
	int result = 0;
	if (h->images[i].is_on_air == is_wanted)
		return 0;
	h->images[i].is_on_air = is_wanted;
	for (uint32_t n = 0; n < h->scenario->transmitter.headends && result == 0; n++) {
		if (h->tx[n] == NULL)
			continue;
		result = is_wanted ? headend_add_image(h, n, i, now_ns)
				   : tx_remove_image(h->tx[n], h->images[i].manifest.sha256);
		if (result == 0)
			result = headend_set_manifests(h, n, image->class_name, now_ns);
	}
	return result;
}

int headend_update(struct headend *h, uint64_t now_ns)
{
	const struct scenario *s = h->scenario;
	const bool is_silent = headend_is_silent(s, now_ns);
	size_t map = s->num_maps;
	int result = 0;
	for (size_t i = 0; i < s->num_maps && s->maps[i].at_ns <= now_ns; i++)
		map = i;
	for (size_t i = 0; i < s->num_images && result == 0; i++)
		result = headend_update_image(h, i, now_ns);
	for (uint32_t n = 0; n < s->transmitter.headends && result == 0; n++) {
		if (h->tx[n] && map != h->map_on_air) {
			const size_t before = h->map_on_air;
			h->map_on_air = map;
			result = headend_set_map(h, n, now_ns);
			h->map_on_air = before;
		}
		if (h->tx[n] && is_silent) {
			tx_free(h->tx[n]);
			h->tx[n] = NULL;
		}
	}
	h->map_on_air = map;
	for (uint32_t n = 0; n < s->transmitter.headends && result == 0; n++)
		if (h->tx[n] == NULL && !is_silent)
			result = headend_start(h, n, now_ns);
	return result;
}

static uint64_t headend_earlier(uint64_t next, uint64_t at_ns, uint64_t now_ns)
{
	return at_ns > now_ns && at_ns < next ? at_ns : next;
}

uint64_t headend_next_update(const struct headend *h, uint64_t now_ns)
{
	const struct scenario *s = h->scenario;
	uint64_t next = SCENARIO_NEVER;
	for (size_t i = 0; i < s->num_maps; i++)
		next = headend_earlier(next, s->maps[i].at_ns, now_ns);
	for (size_t i = 0; i < s->num_images; i++) {
		next = headend_earlier(next, s->images[i].at_ns, now_ns);
		next = headend_earlier(next, s->images[i].until_ns, now_ns);
	}
	for (size_t i = 0; i < s->num_events; i++) {
		next = headend_earlier(next, s->events[i].at_ns, now_ns);
		next = headend_earlier(next, s->events[i].at_ns + s->events[i].length_ns, now_ns);
	}
	return next;
}

uint64_t headend_deadline(const struct headend *h)
{
	uint64_t next = SCENARIO_NEVER;
	for (uint32_t n = 0; n < h->scenario->transmitter.headends; n++)
		if (h->tx[n] && tx_deadline(h->tx[n], 0) < next)
			next = tx_deadline(h->tx[n], 0);
	return next;
}

int headend_next_packet(
	struct headend *h, uint32_t number, uint8_t *buffer, size_t cap, struct tx_packet *packet, uint64_t now_ns)
{
	struct tx *tx = h->tx[number];
	struct tx_job *job;
	int result;
	if (tx == NULL || tx_deadline(tx, 0) > now_ns)
		return CAROUSEL_E_NEED_MORE;
	result = tx_on_deadline(tx, now_ns);
	while (result == 0 && (job = tx_next_job(tx)) != NULL) {
		tx_job_run(job);
		result = tx_job_done(tx, job, now_ns);
	}
	if (result == 0)
		result = tx_next_packet(tx, 0, buffer, cap, packet, now_ns);
	h->packets += result == 0;
	return result;
}
