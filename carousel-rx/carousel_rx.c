#include "carousel_rx.h"

#include "carousel-rx/receiver.h"
#include "common/address.h"
#include "common/carousel_error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RX_DEFAULT_MEMORY       (17u << 19)
#define RX_MIN_STORE_MEMORY     (6u << 20)
#define RX_MIN_OTHER_MEMORY     (2u << 20)
#define RX_BACKLOG_BYTES        (256u << 10)
#define RX_DEFAULT_SYNC_NS      1000000000u
#define RX_DEFAULT_WAIT_S       (7u * 86400u)
#define RX_DEFAULT_STALE_S      3600u
#define RX_DEFAULT_MAX_ATTEMPTS 2u
#define RX_DEFAULT_BOOT_TRIES   3u
#define RX_PROGRESS_NS          1000000000u
#define RX_SPEED_SMOOTHING      0.3

static void rx_log(void *user, enum carousel_log_level level, const char *line)
{
	const struct carousel_rx *rx = user;
	rx->config.log(rx->config.log_user, (int)level, line);
}

/* ---- configuration --------------------------------------------------------------------------------- */

/* Versions are decimal numbers without sign or blanks (design: 1 to 4294967294; 0 and 4294967295 special builds). */
static bool rx_parse_version(const char *text, uint32_t *version)
{
	uint64_t value = 0;
	if (text == NULL || text[0] == 0 || strlen(text) > 10)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		value = value * 10 + (uint64_t)(*text - '0');
	}
	*version = (uint32_t)value;
	return value <= UINT32_MAX;
}

static int rx_copy_name(char *to, size_t cap, const char *from)
{
	if (from == NULL || strlen(from) >= cap)
		return CAROUSEL_E_ARGUMENT;
	memcpy(to, from, strlen(from) + 1);
	return 0;
}

static void rx_fill_defaults(struct carousel_rx_config *c)
{
	if (c->memory_bytes == 0)
		c->memory_bytes = RX_DEFAULT_MEMORY;
	if (c->sync_interval_ns == 0)
		c->sync_interval_ns = RX_DEFAULT_SYNC_NS;
	if (c->mandatory_wait_s == 0)
		c->mandatory_wait_s = RX_DEFAULT_WAIT_S;
	if (c->stale_after_s == 0)
		c->stale_after_s = RX_DEFAULT_STALE_S;
	if (c->max_attempts == 0)
		c->max_attempts = RX_DEFAULT_MAX_ATTEMPTS;
	if (c->boot_tries == 0)
		c->boot_tries = RX_DEFAULT_BOOT_TRIES;
	if (c->category == NULL || c->category[0] == 0)
		c->category = POLICY_DEFAULT_CATEGORY;
}

static int rx_check_config(struct carousel_rx *rx)
{
	struct carousel_rx_config *c = &rx->config;
	const struct carousel_rx_storage *s = c->storage;
	const struct carousel_boot *b = c->boot;
	if (s == NULL || b == NULL || c->tsi == 0 || c->tsi == UINT32_MAX || c->trust_root == NULL ||
		(c->alloc == NULL) != (c->free == NULL))
		return CAROUSEL_E_ARGUMENT;
	if (!s->size || !s->read || !s->write || !s->sync || !s->truncate || !s->replace)
		return CAROUSEL_E_ARGUMENT;
	if (!b->state || !b->mark_bad || !b->try_slot || !b->confirm)
		return CAROUSEL_E_ARGUMENT;
	if (c->memory_bytes < RX_MIN_STORE_MEMORY + RX_MIN_OTHER_MEMORY || c->mandatory_wait_s > UINT32_MAX ||
		c->stale_after_s > UINT32_MAX)
		return CAROUSEL_E_ARGUMENT;
	if (rx_copy_name(rx->class_name, sizeof(rx->class_name), c->hardware_class) ||
		rx_copy_name(rx->box_id, sizeof(rx->box_id), c->box_id) ||
		rx_copy_name(rx->category, sizeof(rx->category), c->category))
		return CAROUSEL_E_ARGUMENT;
	if (!policy_is_name(rx->class_name) || !policy_is_name(rx->category) || !policy_is_box_id(rx->box_id))
		return CAROUSEL_E_ARGUMENT;
	rx->box = (struct policy_box){.id = rx->box_id,
		.class_name = rx->class_name,
		.category = rx->category,
		.max_attempts = c->max_attempts,
		.hardware_floor = c->hardware_floor,
		.has_trusted_clock = c->has_trusted_clock && c->wall_clock_s};
	rx->box.version_unreadable = !rx_parse_version(c->version, &rx->box.version);
	return 0;
}

/* ---- life ------------------------------------------------------------------------------------------ */

/* A quarter, at least what documents need, for everything but the store. */
static size_t rx_other_memory(size_t memory_bytes)
{
	size_t quarter = memory_bytes / 4;
	if (quarter < RX_MIN_OTHER_MEMORY)
		quarter = RX_MIN_OTHER_MEMORY;
	return memory_bytes - quarter < RX_MIN_STORE_MEMORY ? memory_bytes - RX_MIN_STORE_MEMORY : quarter;
}

static int rx_start(struct carousel_rx *rx)
{
	const struct carousel_rx_config *c = &rx->config;
	const struct carousel_allocator *owner = c->alloc ? &rx->owner_allocator : NULL;
	size_t other_bytes = rx_other_memory(c->memory_bytes);
	const struct store_config store = {.allocator = owner,
		.log = &rx->log,
		.storage = c->storage,
		.memory_bytes = c->memory_bytes - other_bytes,
		.spill_bytes = c->spill_bytes,
		.write_rate_bps = c->write_rate_bps,
		.sync_interval_ns = c->sync_interval_ns,
		.allow_absent = c->allow_absent};
	struct reception_config reception = {.allocator = &rx->budget.allocator,
		.log = &rx->log,
		.tsi = c->tsi,
		.source = c->source,
		.class_name = rx->class_name,
		.allow_absent = c->allow_absent,
		.document_bytes = other_bytes / 3,
		.backlog_bytes = RX_BACKLOG_BYTES,
		.heartbeat = agent_heartbeat,
		.user = rx};
	int result;
	staleness_init(&rx->watch.staleness, c->stale_after_s * 1000000000u, rx->now_ns);
	budget_init(&rx->budget, owner, other_bytes);
	rx->document_bytes = reception.document_bytes;
	result = event_log_init(&rx->events, &rx->budget.allocator);
	if (result == 0)
		result = documents_init(&rx->documents, &rx->budget.allocator, rx->class_name, rx->box_id,
			c->trust_root, c->trust_root_len);
	if (result == 0)
		result = store_new(&rx->store, &store);
	if (result)
		return result;
	reception.store = rx->store;
	result = reception_new(&rx->reception, &reception);
	return result ? result : agent_boot(rx);
}

int carousel_rx_new(struct carousel_rx **out, const struct carousel_rx_config *config, uint64_t now_ns)
{
	const struct carousel_allocator owner = {config->alloc_user, config->alloc, config->free};
	struct carousel_rx *rx;
	int result;
	if ((config->alloc == NULL) != (config->free == NULL))
		return CAROUSEL_E_ARGUMENT;
	rx = memory_alloc(config->alloc ? &owner : NULL, 1, sizeof(*rx));
	if (rx == NULL)
		return CAROUSEL_E_MEMORY;
	rx->config = *config;
	rx->owner_allocator = owner;
	rx->now_ns = rx->started_ns = now_ns;
	rx->log = (struct carousel_log){rx, (enum carousel_log_level)config->log_level, config->log ? rx_log : NULL};
	rx_fill_defaults(&rx->config);
	result = rx_check_config(rx);
	if (result == 0)
		result = rx_start(rx);
	if (result)
		carousel_rx_free(rx);
	else
		*out = rx;
	return result;
}

void carousel_rx_free(struct carousel_rx *rx)
{
	struct carousel_allocator owner;
	bool has_owner;
	if (rx == NULL)
		return;
	owner = rx->owner_allocator;
	has_owner = rx->config.alloc != NULL;
	reception_free(rx->reception);
	index_collector_free(rx->index);
	store_free(rx->store);
	if (rx->documents.allocator)
		documents_deinit(&rx->documents);
	event_log_deinit(&rx->events);
	memory_free(has_owner ? &owner : NULL, rx);
}

/* ---- time, packets, jobs ---------------------------------------------------------------------------- */

static void rx_set_time(struct carousel_rx *rx, uint64_t now_ns)
{
	if (now_ns > rx->now_ns)
		rx->now_ns = now_ns;
}

static void rx_settle(struct carousel_rx *rx)
{
	if (!rx->is_started)
		agent_boot_report(rx);
	while (rx->must_evaluate)
		agent_evaluate(rx);
}

int carousel_rx_recv(struct carousel_rx *rx, const struct carousel_datagram *d, uint64_t now_ns)
{
	int result;
	rx_set_time(rx, now_ns);
	result = reception_recv(rx->reception, d, rx->now_ns);
	if (rx->must_evaluate)
		rx_settle(rx);
	return result;
}

void carousel_rx_socket_drops(struct carousel_rx *rx, uint32_t channel, uint64_t total)
{
	reception_socket_drops(rx->reception, channel, total);
}

enum carousel_rx_appetite carousel_rx_appetite(const struct carousel_rx *rx)
{
	static const enum carousel_rx_appetite appetites[] = {[STORE_HUNGRY] = CAROUSEL_RX_HUNGRY,
		[STORE_SATED] = CAROUSEL_RX_SATED,
		[STORE_FULL] = CAROUSEL_RX_FULL};
	return appetites[store_appetite(rx->store)];
}

static uint64_t rx_min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t carousel_rx_deadline(const struct carousel_rx *rx)
{
	return rx_min(rx_min(agent_deadline(rx), desk_deadline(rx)), store_deadline(rx->store));
}

static void rx_progress(struct carousel_rx *rx)
{
	struct rx_speed *s = &rx->speed;
	struct store_progress p;
	double seconds = (double)(rx->now_ns - s->time_ns) / 1e9, speed;
	store_progress(rx->store, &p);
	if (s->time_ns && seconds > 0 && p.symbols_have >= s->symbols) {
		speed = (double)(p.symbols_have - s->symbols) / seconds;
		s->per_second =
			s->per_second > 0 ? s->per_second + RX_SPEED_SMOOTHING * (speed - s->per_second) : speed;
	}
	s->time_ns = rx->now_ns;
	s->symbols = p.symbols_have;
	rx->progress_ns = rx->now_ns + RX_PROGRESS_NS;
	if (!rx->config.no_progress)
		report_event(rx, CAROUSEL_RX_EVENT_PROGRESS, 0, NULL);
}

int carousel_rx_on_deadline(struct carousel_rx *rx, uint64_t now_ns)
{
	rx_set_time(rx, now_ns);
	rx->must_evaluate = true;
	rx_settle(rx);
	agent_watch(rx);
	if (rx->state == CAROUSEL_RX_RECEIVING && rx->now_ns >= rx->progress_ns)
		rx_progress(rx);
	return 0;
}

struct carousel_job *carousel_rx_next_job(struct carousel_rx *rx)
{
	struct carousel_job *job = store_next_job(rx->store, rx->now_ns);
	return job ? job : desk_next_job(rx);
}

int carousel_job_is_background(const struct carousel_job *job)
{
	return job->is_background;
}

void carousel_job_run(struct carousel_job *job)
{
	job->run(job);
}

int carousel_rx_job_done(struct carousel_rx *rx, struct carousel_job *job, uint64_t now_ns)
{
	int result;
	rx_set_time(rx, now_ns);
	result = job->done(job, rx->now_ns);
	rx->must_evaluate = true;
	rx_settle(rx);
	return result;
}

int carousel_rx_request(struct carousel_rx *rx, enum carousel_rx_verb verb, uint64_t arg, uint64_t now_ns)
{
	int result;
	rx_set_time(rx, now_ns);
	rx->must_evaluate = true;
	rx_settle(rx);
	result = agent_request(rx, verb, arg);
	if (result == 0)
		rx->desk.is_state_dirty = true;
	rx->must_evaluate = true;
	rx_settle(rx);
	return result;
}

int carousel_rx_flush(struct carousel_rx *rx, uint64_t now_ns)
{
	rx_set_time(rx, now_ns);
	store_flush(rx->store);
	rx->desk.is_state_dirty = true;
	rx->desk.retry_ns = 0;
	return 0;
}

/* ---- looking in ------------------------------------------------------------------------------------- */

enum carousel_rx_state carousel_rx_state(const struct carousel_rx *rx)
{
	return rx->state;
}

static struct carousel_addr rx_address(const struct udp_address *from)
{
	struct carousel_addr to = {.family = from->family, .port = from->port};
	memcpy(to.ip, from->ip, sizeof(to.ip));
	return to;
}

int carousel_rx_session_at(const struct carousel_rx *rx, unsigned index, struct carousel_rx_session *session)
{
	const struct policy_map *map = rx->documents.map;
	const struct policy_session *s;
	if (map == NULL || index >= map->num_sessions || index >= CAROUSEL_RX_MAX_SESSIONS)
		return CAROUSEL_E_NOT_FOUND;
	s = &map->sessions[index];
	session->group = rx_address(&s->group);
	session->source = rx_address(&s->source);
	session->tsi = s->tsi;
	snprintf(session->name, sizeof(session->name), "%.63s", s->name);
	return 0;
}
