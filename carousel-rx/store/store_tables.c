#include "carousel-rx/budget.h"
#include "carousel-rx/store/store_internal.h"

#include "policy-map/chunk_index.h"

#include <string.h>

#define TABLES_DEFAULT_MEMORY (12u * 1024 * 1024)
#define TABLES_STAGING_MOST   (2u * 1024 * 1024)
#define TABLES_STAGING_LEAST  (64u * 1024)
#define TABLES_SPILL_MOST     4096u
#define TABLES_HEAD           16u /* before each allocation, its size */

/* ---- accounting --------------------------------------------------------------------------------- */

static void *account_alloc(void *user, size_t bytes)
{
	struct store_account *a = user;
	uint8_t *ptr = bytes <= SIZE_MAX - TABLES_HEAD ? memory_alloc(a->parent, 1, bytes + TABLES_HEAD) : NULL;
	if (ptr == NULL)
		return NULL;
	memcpy(ptr, &bytes, sizeof(bytes));
	a->now += bytes;
	if (a->now > a->peak)
		a->peak = a->now;
	return ptr + TABLES_HEAD;
}

static void account_free(void *user, void *ptr)
{
	struct store_account *a = user;
	size_t bytes;
	if (ptr == NULL)
		return;
	memcpy(&bytes, (uint8_t *)ptr - TABLES_HEAD, sizeof(bytes));
	a->now -= bytes;
	memory_free(a->parent, (uint8_t *)ptr - TABLES_HEAD);
}

void store_account_init(struct store_account *a, const struct carousel_allocator *parent)
{
	a->allocator = (struct carousel_allocator){a, account_alloc, account_free};
	a->parent = parent;
}

/* ---- tables ------------------------------------------------------------------------------------- */

struct tables_plan {
	struct map_limits map;
	size_t staging_bytes;
	struct decode_memory decode;
};

/* A bit a chunk. */
static size_t tables_later(const struct store *s)
{
	return s->image.has_index ? (size_t)(s->geometry.layout.image_bytes / CHUNK_INDEX_CHUNK_BYTES / 8 + 1) : 0;
}

static uint32_t tables_spill(const struct store *s)
{
	uint64_t wanted = s->config.spill_bytes ? s->config.spill_bytes / s->geometry.symbol_size
						: (uint64_t)s->geometry.blocks * MAP_BLOCK_SPILL;
	return wanted < TABLES_SPILL_MOST ? (uint32_t)wanted : TABLES_SPILL_MOST;
}

/* Shares the budget out: staging and tables first, lists of foreign symbols as long as a decoder still fits. The wider
 * the decoder's strips the less often a block is read, so the rest begins modestly. */
static int tables_plan(const struct store *s, struct tables_plan *plan)
{
	size_t budget = s->config.memory_bytes ? s->config.memory_bytes : TABLES_DEFAULT_MEMORY, fixed;
	bool identities_only = s->config.allow_absent;
	int result = CAROUSEL_E_LIMIT;
	plan->map.num_spill = tables_spill(s);
	plan->staging_bytes = budget / BUDGET_AT_ONCE;
	if (plan->staging_bytes > TABLES_STAGING_MOST)
		plan->staging_bytes = TABLES_STAGING_MOST;
	if (plan->staging_bytes < TABLES_STAGING_LEAST)
		plan->staging_bytes = TABLES_STAGING_LEAST;
	if (identities_only) {
		/* No bytes are stored, so no journal could give a list back. */
		budget = SIZE_MAX / 2;
		plan->map.foreign_bytes = SIZE_MAX / 4;
	} else {
		plan->map.foreign_bytes = budget / 18;
	}
	for (;;) {
		fixed = map_bytes(&s->geometry, &plan->map) + tables_later(s);
		if (!identities_only)
			fixed += staging_bytes(s->geometry.symbol_size, plan->staging_bytes);
		result = fixed < budget
				 ? decode_plan_memory(&s->geometry, budget - fixed, identities_only, &plan->decode)
				 : CAROUSEL_E_LIMIT;
		if (result != CAROUSEL_E_LIMIT || plan->map.foreign_bytes < 64 * 1024)
			return result;
		plan->map.foreign_bytes /= 2;
	}
}

int store_tables_init(struct store *s)
{
	const struct carousel_allocator *a = &s->account.allocator;
	const struct journal_image image = {.layout = &s->image.layout};
	struct journal_image named = image;
	struct tables_plan plan;
	uint8_t *aligned;
	int result = geometry_init(&s->geometry, &s->image.layout, s->slot_bytes);
	if (result == 0)
		result = tables_plan(s, &plan);
	if (result)
		return result;
	memcpy(named.sha256, s->image.sha256, sizeof(named.sha256));
	result = journal_init(&s->journal, &named);
	if (result)
		return result;
	s->has_tables = true;
	result = map_init(&s->map, a, &s->geometry, &plan.map);
	if (result == 0 && !s->config.allow_absent)
		result = staging_init(&s->staging, a, s->geometry.symbol_size, plan.staging_bytes);
	if (result == 0 && tables_later(s)) {
		s->look.later = memory_alloc(a, tables_later(s), 1);
		result = s->look.later ? 0 : CAROUSEL_E_MEMORY;
	}
	if (result == 0) {
		s->decode_memory = memory_alloc(a, 1, decode_memory_bytes(&plan.decode) + 64);
		result = s->decode_memory ? 0 : CAROUSEL_E_MEMORY;
	}
	if (result) {
		store_tables_deinit(s);
		return result;
	}
	aligned = (uint8_t *)s->decode_memory + (64 - (uintptr_t)s->decode_memory % 64) % 64;
	s->write_io = s->sync_io = s->work_io =
		(struct place_io){.storage = s->config.storage, .geometry = &s->geometry};
	decode_init(&s->decode, &plan.decode, aligned, &s->work_io, &s->journal, &s->map);
	/* A batch is written at once: no more than a second's worth. */
	if (s->config.write_rate_bps && s->decode.scratch_most > s->config.write_rate_bps / 8)
		s->decode.scratch_most = s->config.write_rate_bps / 8;
	return 0;
}

void store_tables_deinit(struct store *s)
{
	if (!s->has_tables)
		return;
	verify_end(&s->verify);
	map_deinit(&s->map);
	if (!s->config.allow_absent)
		staging_deinit(&s->staging);
	journal_deinit(&s->journal);
	memory_free(&s->account.allocator, s->look.later);
	memory_free(&s->account.allocator, s->decode_memory);
	s->look.later = NULL;
	s->decode_memory = NULL;
	s->has_tables = false;
}
