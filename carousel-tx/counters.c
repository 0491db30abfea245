#include "carousel-tx/counters.h"

#include "common/carousel_error.h"
#include "common/config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LEAD_S          10u
#define TOI_LEAD        64u
#define INSTANCE_LEAD   64u
#define HEARTBEAT_LEAD  256u
#define SYMBOL_LEAD_MAX (1u << 26)
#define NUMBER_MAX      ((uint64_t)1 << 62)
#define ENTRY_BYTES     512u

static void lease_set(struct tx_lease *lease, uint64_t value)
{
	*lease = (struct tx_lease){.next = value, .leased = value, .pending = value, .stored_next = value};
}

static int counters_parse_objects(struct tx_counters *c, struct config *config)
{
	struct config_section *s = NULL;
	while ((s = config_next(config, "object", s)) != NULL) {
		struct tx_counter *object;
		int result = memory_grow(c->allocator, (void **)&c->objects, &c->cap_objects, c->num_objects,
			sizeof *c->objects, TX_COUNTERS_MAX_OBJECTS);
		if (result)
			return result;
		if (strlen(config_section_name(s)) >= sizeof object->key) {
			config_fail(
				s, "name", CAROUSEL_E_LIMIT, "a name of more than %zu bytes", sizeof object->key - 1);
			return CAROUSEL_E_LIMIT;
		}
		object = memory_alloc(c->allocator, 1, sizeof *object);
		if (object == NULL)
			return CAROUSEL_E_MEMORY;
		c->objects[c->num_objects++] = object;
		snprintf(object->key, sizeof object->key, "%s", config_section_name(s));
		object->toi = (uint32_t)config_u64(s, "toi", 0, 1, UINT32_MAX);
		object->step = (uint32_t)config_u64(s, "step", 1, 1, UINT16_MAX);
		lease_set(&object->symbols, config_u64(s, "position", 0, 0, NUMBER_MAX));
		object->is_stored = true;
		if (object->toi == 0 || object->toi >= c->toi.next)
			config_fail(s, "toi", CAROUSEL_E_RANGE, "is not below next-toi");
	}
	return 0;
}

static int counters_parse(struct tx_counters *c, const char *text, size_t len, char *message, size_t cap)
{
	struct config *config;
	struct config_section *s;
	int result = config_parse(&config, c->allocator, text, len, "counters.ini"), objects;
	if (result == 0) {
		s = config_section(config, "session", NULL);
		config_u64(s, "tsi", c->tsi, 0, UINT32_MAX);
		lease_set(&c->toi, config_u64(s, "next-toi", 1, 1, (uint64_t)UINT32_MAX + 1));
		lease_set(&c->fdt_instance, config_u64(s, "next-fdt-instance", 0, 0, NUMBER_MAX));
		lease_set(&c->heartbeat, config_u64(s, "next-heartbeat", 1, 1, NUMBER_MAX));
		objects = counters_parse_objects(c, config);
		result = objects ? objects : config_end(config);
	}
	if (result && message && cap)
		snprintf(message, cap, "%s",
			config && config_error(config)[0] ? config_error(config) : carousel_strerror(result));
	config_free(config);
	return result;
}

int tx_counters_init(struct tx_counters *c, const struct carousel_allocator *allocator, uint32_t tsi, const char *text,
	size_t len, char *message, size_t message_cap)
{
	int result = 0;
	memset(c, 0, sizeof *c);
	c->allocator = allocator;
	c->tsi = tsi;
	c->is_wanted = true;
	lease_set(&c->toi, 1);
	lease_set(&c->fdt_instance, 0);
	lease_set(&c->heartbeat, 1);
	if (text)
		result = counters_parse(c, text, len, message, message_cap);
	if (result)
		tx_counters_deinit(c);
	return result;
}

void tx_counters_deinit(struct tx_counters *c)
{
	for (size_t i = 0; i < c->num_objects; i++)
		memory_free(c->allocator, c->objects[i]);
	memory_free(c->allocator, c->objects);
	c->objects = NULL;
	c->num_objects = c->cap_objects = 0;
}

bool tx_lease_use(struct tx_counters *c, struct tx_lease *lease, uint64_t position)
{
	uint64_t lead = lease->leased - lease->stored_next;
	if (c->unleased) {
		if (position >= lease->next)
			lease->next = position + 1;
		return true;
	}
	if (position >= lease->leased || lease->leased - position <= lead / 2)
		c->is_wanted = true;
	if (position >= lease->leased)
		return false;
	if (position >= lease->next)
		lease->next = position + 1;
	return true;
}

bool tx_lease_take(struct tx_counters *c, struct tx_lease *lease, uint64_t *number)
{
	*number = lease->next;
	return tx_lease_use(c, lease, lease->next);
}

static void counters_forget_oldest(struct tx_counters *c)
{
	for (size_t i = 0; i < c->num_objects; i++) {
		if (c->objects[i]->users)
			continue;
		memory_free(c->allocator, c->objects[i]);
		c->num_objects--;
		memmove(&c->objects[i], &c->objects[i + 1], (c->num_objects - i) * sizeof *c->objects);
		return;
	}
}

int tx_counters_object(
	struct tx_counters *c, const char *key, uint32_t step, uint32_t lead_min, struct tx_counter **out)
{
	struct tx_counter *object;
	int result;
	for (size_t i = 0; i < c->num_objects; i++) {
		if (strcmp(c->objects[i]->key, key) == 0) {
			*out = c->objects[i];
			(*out)->users++;
			(*out)->lead_min = lead_min;
			return 0;
		}
	}
	if (strlen(key) >= TX_COUNTERS_KEY_BYTES)
		return CAROUSEL_E_LIMIT;
	if (c->toi.next > UINT32_MAX)
		return CAROUSEL_E_RANGE;
	if (c->num_objects >= TX_COUNTERS_MAX_OBJECTS)
		counters_forget_oldest(c);
	result = memory_grow(c->allocator, (void **)&c->objects, &c->cap_objects, c->num_objects, sizeof *c->objects,
		TX_COUNTERS_MAX_OBJECTS);
	if (result)
		return result;
	object = memory_alloc(c->allocator, 1, sizeof *object);
	if (object == NULL)
		return CAROUSEL_E_MEMORY;
	snprintf(object->key, sizeof object->key, "%s", key);
	/* A TOI beyond the lease is fine: it is not seen before the entry is stored. */
	object->toi = (uint32_t)c->toi.next++;
	object->step = step;
	object->users = 1;
	object->lead_min = lead_min;
	c->objects[c->num_objects++] = object;
	c->is_wanted = true;
	*out = object;
	return 0;
}

bool tx_counters_is_ready(struct tx_counters *c, struct tx_counter *object)
{
	if (object->is_stored || c->unleased)
		return true;
	c->is_wanted = true;
	return false;
}

/* The bound to store: ahead by what ten seconds use, so that about two stores happen in that time. */
static uint64_t lease_bound(struct tx_lease *lease, bool final, uint64_t elapsed_ns, uint64_t min, uint64_t max)
{
	uint64_t used = lease->next - lease->stored_next, lead = min;
	double rate = elapsed_ns ? (double)used * 1e9 / (double)elapsed_ns : 0;
	if (rate * LEAD_S > (double)min)
		lead = rate * LEAD_S < (double)max ? (uint64_t)(rate * LEAD_S) : max;
	lease->pending = final ? lease->next : lease->next + lead;
	/* A bound that was stored once is never taken back while it might be used. */
	if (!final && lease->pending < lease->leased)
		lease->pending = lease->leased;
	return lease->pending;
}

static int print_entry(char *at, size_t cap, const struct tx_counter *object)
{
	return snprintf(at, cap, "\n[object %s]\ntoi = %" PRIu32 "\nstep = %" PRIu32 "\nposition = %" PRIu64 "\n",
		object->key, object->toi, object->step, object->symbols.pending);
}

int tx_counters_print(struct tx_counters *c, bool final, uint64_t now_ns, char **text, size_t *len)
{
	uint64_t elapsed = now_ns > c->stored_ns ? now_ns - c->stored_ns : 0;
	size_t cap = (c->num_objects + 1) * ENTRY_BYTES, used;
	char *at = memory_alloc(c->allocator, cap, 1);
	if (at == NULL)
		return CAROUSEL_E_MEMORY;
	used = (size_t)snprintf(at, cap,
		"# Written by carousel-tx: numbers that were used or may have been. Do not lower any.\n"
		"[session]\ntsi = %" PRIu32 "\nnext-toi = %" PRIu64 "\nnext-fdt-instance = %" PRIu64
		"\nnext-heartbeat = %" PRIu64 "\n",
		c->tsi, lease_bound(&c->toi, final, 0, TOI_LEAD, TOI_LEAD),
		lease_bound(&c->fdt_instance, final, 0, INSTANCE_LEAD, INSTANCE_LEAD),
		lease_bound(&c->heartbeat, final, 0, HEARTBEAT_LEAD, HEARTBEAT_LEAD));
	for (size_t i = 0; i < c->num_objects; i++) {
		struct tx_counter *object = c->objects[i];
		if (object->users)
			lease_bound(&object->symbols, final, elapsed, object->lead_min, SYMBOL_LEAD_MAX);
		object->is_pending = true;
		used += (size_t)print_entry(at + used, cap - used, object);
	}
	c->stored_ns = now_ns;
	c->is_storing = true;
	c->is_wanted = false;
	*text = at;
	*len = used;
	return 0;
}

static void lease_stored(struct tx_lease *lease)
{
	lease->stored_next = lease->next;
	lease->leased = lease->pending;
}

void tx_counters_stored(struct tx_counters *c, bool good)
{
	c->is_storing = false;
	if (!good) {
		c->is_wanted = true;
		return;
	}
	lease_stored(&c->toi);
	lease_stored(&c->fdt_instance);
	lease_stored(&c->heartbeat);
	for (size_t i = 0; i < c->num_objects; i++) {
		struct tx_counter *object = c->objects[i];
		if (!object->is_pending)
			continue;
		object->is_pending = false;
		object->is_stored = true;
		lease_stored(&object->symbols);
	}
}
