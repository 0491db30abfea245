#include "carousel-rx/store/place_map.h"

#include "common/bytes.h"

#include <string.h>

static struct foreign_shape map_foreign_shape(const struct geometry *g, const struct map_limits *limits)
{
	struct fec_block longest = geometry_block(g, 0);
	return (struct foreign_shape){.blocks = g->blocks,
		.places = g->max_source,
		.max_esi = longest.esi_limit ? longest.esi_limit - 1 : 0,
		.pool_bytes = limits->foreign_bytes};
}

/* Block 0 is a longest one; a shorter block has fewer source symbols, so at most the difference in repair symbols. */
static uint32_t map_max_repair(const struct geometry *g)
{
	struct fec_block last = geometry_block(g, g->blocks - 1);
	return last.esi_limit > last.num_source ? last.esi_limit - last.num_source : 0;
}

static uint32_t map_stride(const struct geometry *g)
{
	return (g->max_source + MAP_GROUP_PLACES - 1) / MAP_GROUP_PLACES;
}

size_t map_bytes(const struct geometry *g, const struct map_limits *limits)
{
	struct foreign_shape shape = map_foreign_shape(g, limits);
	return (size_t)g->blocks * (map_stride(g) * sizeof(struct map_group) + sizeof(struct map_block)) +
	       limits->num_spill * sizeof(struct map_spill) + foreign_list_bytes(&shape) +
	       esi_set_bytes(g->blocks, map_max_repair(g));
}

static void map_describe(struct place_map *m, uint32_t sbn)
{
	struct fec_block block = geometry_block(m->geometry, sbn);
	m->block[sbn].source = block.num_source;
	m->block[sbn].esi_limit = block.esi_limit;
	m->block[sbn].real = m->block[sbn].want = geometry_real(m->geometry, sbn);
}

int map_init(struct place_map *m, const struct carousel_allocator *a, const struct geometry *g,
	const struct map_limits *limits)
{
	struct foreign_shape shape = map_foreign_shape(g, limits);
	int result = CAROUSEL_E_MEMORY;
	memset(m, 0, sizeof(*m));
	m->allocator = a;
	m->geometry = g;
	m->group_stride = map_stride(g);
	m->num_spill = limits->num_spill;
	m->ready_first = m->ready_last = MAP_NONE;
	m->group = memory_alloc(a, (size_t)g->blocks * m->group_stride, sizeof(*m->group));
	m->block = memory_alloc(a, g->blocks, sizeof(*m->block));
	m->spill = memory_alloc(a, m->num_spill, sizeof(*m->spill));
	if (m->group == NULL || m->block == NULL || m->spill == NULL)
		goto out;
	result = foreign_list_init(&m->foreign, a, &shape);
	if (result == 0)
		result = esi_set_init(&m->repair, a, g->blocks, map_max_repair(g));
	for (uint32_t sbn = 0; result == 0 && sbn < g->blocks; sbn++)
		map_describe(m, sbn);
out:
	if (result)
		map_deinit(m);
	return result;
}

void map_deinit(struct place_map *m)
{
	foreign_list_deinit(&m->foreign);
	esi_set_deinit(&m->repair);
	memory_free(m->allocator, m->group);
	memory_free(m->allocator, m->block);
	memory_free(m->allocator, m->spill);
	m->group = NULL;
	m->block = NULL;
	m->spill = NULL;
}

uint32_t map_group_index(const struct place_map *m, uint32_t sbn, uint32_t place)
{
	return sbn * m->group_stride + place / MAP_GROUP_PLACES;
}

uint32_t map_num_groups(const struct place_map *m, uint32_t sbn)
{
	return (m->block[sbn].real + MAP_GROUP_PLACES - 1) / MAP_GROUP_PLACES;
}

uint32_t map_group_mask(const struct place_map *m, uint32_t sbn, uint32_t group)
{
	uint32_t first = group * MAP_GROUP_PLACES, real = m->block[sbn].real;
	if (first >= real)
		return 0;
	return real - first >= MAP_GROUP_PLACES ? UINT32_MAX : (1u << (real - first)) - 1;
}

static struct map_group *map_group(const struct place_map *m, uint32_t sbn, uint32_t place)
{
	return &m->group[map_group_index(m, sbn, place)];
}

static uint32_t map_bit(uint32_t place)
{
	return 1u << place % MAP_GROUP_PLACES;
}

bool map_is_own(const struct place_map *m, uint32_t sbn, uint32_t place)
{
	return (map_group(m, sbn, place)->own & map_bit(place)) != 0;
}

bool map_is_taken(const struct place_map *m, uint32_t sbn, uint32_t place)
{
	return (map_group(m, sbn, place)->taken & map_bit(place)) != 0;
}

static bool map_is_source(const struct place_map *m, uint32_t sbn, uint32_t esi)
{
	return esi < m->block[sbn].source;
}

/* A place that is taken without holding its displaced or a foreign symbol holds its own, or soon will. The masks
 * cannot tell a staged own symbol from a foreign one, so staged own symbols are marked displaced until stored. */
static bool map_holds_source(const struct place_map *m, uint32_t sbn, uint32_t esi)
{
	const struct map_group *g = map_group(m, sbn, esi);
	return ((g->own | g->displaced) & map_bit(esi)) != 0;
}

bool map_holds(const struct place_map *m, uint32_t sbn, uint32_t esi)
{
	uint32_t source = m->block[sbn].source;
	if (esi < source)
		return esi >= m->block[sbn].real || map_holds_source(m, sbn, esi);
	return esi_set_has(&m->repair, sbn, esi - source);
}

/* An encoding symbol that is sent: padding is not. */
static bool map_is_symbol(const struct place_map *m, uint32_t sbn, uint32_t esi)
{
	const struct map_block *b = &m->block[sbn];
	return esi < b->esi_limit && (esi < b->real || esi >= b->source);
}

bool map_is_hungry(const struct place_map *m, uint32_t sbn)
{
	const struct map_block *b = &m->block[sbn];
	return !b->is_done && b->held < b->want;
}

bool map_wants(const struct place_map *m, uint32_t sbn)
{
	return !m->block[sbn].is_frozen && map_is_hungry(m, sbn);
}

static void map_count(struct place_map *m, uint32_t sbn, uint32_t more)
{
	struct map_block *b = &m->block[sbn];
	for (; more; more--)
		if (b->held++ < b->real)
			m->symbols_have++;
}

static void map_uncount(struct place_map *m, uint32_t sbn, uint32_t less)
{
	struct map_block *b = &m->block[sbn];
	for (; less && b->held; less--)
		if (--b->held < b->real)
			m->symbols_have--;
}

static void map_mark_held(struct place_map *m, uint32_t sbn, uint32_t esi)
{
	if (map_is_source(m, sbn, esi))
		map_group(m, sbn, esi)->displaced |= map_bit(esi);
	else
		esi_set_add(&m->repair, sbn, esi - m->block[sbn].source);
}

static void map_unmark_held(struct place_map *m, uint32_t sbn, uint32_t esi)
{
	if (map_is_source(m, sbn, esi))
		map_group(m, sbn, esi)->displaced &= ~map_bit(esi);
	else
		esi_set_remove(&m->repair, sbn, esi - m->block[sbn].source);
}

/* The next place that is free for a foreign symbol, from the block's cursor on, or MAP_NONE. */
static uint32_t map_free_place(struct place_map *m, uint32_t sbn)
{
	struct map_block *b = &m->block[sbn];
	while (b->cursor < b->real) {
		const struct map_group *g = map_group(m, sbn, b->cursor);
		uint32_t left = ~g->taken & ~(map_bit(b->cursor) - 1);
		if (left == 0) {
			b->cursor = (b->cursor / MAP_GROUP_PLACES + 1) * MAP_GROUP_PLACES;
			continue;
		}
		b->cursor = b->cursor / MAP_GROUP_PLACES * MAP_GROUP_PLACES + (uint32_t)__builtin_ctz(left);
		if (b->cursor >= b->real)
			break;
		if (geometry_is_whole(m->geometry, sbn, b->cursor))
			return b->cursor;
		b->cursor++;
	}
	return MAP_NONE;
}

static uint32_t map_free_spill(const struct place_map *m)
{
	for (uint32_t i = 0; i < m->num_spill; i++)
		if (!m->spill[i].is_taken)
			return i;
	return MAP_NONE;
}

static int map_choose(struct place_map *m, uint32_t sbn, uint32_t esi, struct map_spot *spot)
{
	uint32_t place;
	if (esi < m->block[sbn].real && (map_group(m, sbn, esi)->taken & map_bit(esi)) == 0) {
		*spot = (struct map_spot){MAP_OWN, esi};
		return 0;
	}
	place = map_free_place(m, sbn);
	if (place != MAP_NONE) {
		*spot = (struct map_spot){MAP_FOREIGN, place};
		return 0;
	}
	place = m->block[sbn].num_spilled < MAP_BLOCK_SPILL ? map_free_spill(m) : MAP_NONE;
	if (place == MAP_NONE)
		return CAROUSEL_E_LIMIT;
	*spot = (struct map_spot){MAP_SPILL, place};
	return 0;
}

int map_reserve(struct place_map *m, uint32_t sbn, uint32_t esi, struct map_spot *spot)
{
	int result;
	if (!map_is_symbol(m, sbn, esi))
		return CAROUSEL_E_SYMBOL;
	if (!map_wants(m, sbn) || map_holds(m, sbn, esi))
		return CAROUSEL_E_DUPLICATE;
	result = map_choose(m, sbn, esi, spot);
	if (result)
		return result;
	if (spot->kind == MAP_SPILL) {
		m->spill[spot->place] = (struct map_spill){.sbn = sbn, .esi = esi, .is_taken = 1};
		m->block[sbn].num_spilled++;
	} else {
		map_group(m, sbn, spot->place)->taken |= map_bit(spot->place);
	}
	map_mark_held(m, sbn, esi);
	map_count(m, sbn, 1);
	return 0;
}

/* Enough to try the decoder, all of it on storage; or done, and to be looked at again. */
static bool map_is_ready(const struct map_block *b)
{
	return b->is_done ? b->is_suspect : b->stored >= b->want && b->stored == b->held;
}

void map_queue_ready(struct place_map *m, uint32_t sbn)
{
	struct map_block *b = &m->block[sbn];
	if (b->is_ready || b->is_frozen || !map_is_ready(b))
		return;
	b->is_ready = true;
	b->next_ready = MAP_NONE;
	if (m->ready_first == MAP_NONE)
		m->ready_first = sbn;
	else
		m->block[m->ready_last].next_ready = sbn;
	m->ready_last = sbn;
}

bool map_has_ready(struct place_map *m)
{
	/* A block may have lost symbols, or been done, since it was queued. */
	while (m->ready_first != MAP_NONE && !map_is_ready(&m->block[m->ready_first])) {
		m->block[m->ready_first].is_ready = false;
		m->ready_first = m->block[m->ready_first].next_ready;
	}
	return m->ready_first != MAP_NONE;
}

uint32_t map_pop_ready(struct place_map *m)
{
	struct map_block *b;
	uint32_t sbn;
	if (!map_has_ready(m))
		return MAP_NONE;
	sbn = m->ready_first;
	b = &m->block[sbn];
	m->ready_first = b->next_ready;
	b->is_ready = b->is_suspect = false;
	b->is_frozen = true;
	foreign_list_pin(&m->foreign, sbn, true);
	return sbn;
}

void map_thaw(struct place_map *m, uint32_t sbn)
{
	m->block[sbn].is_frozen = false;
	foreign_list_pin(&m->foreign, sbn, false);
	map_queue_ready(m, sbn);
}

void map_stored(struct place_map *m, uint32_t sbn, uint32_t esi, const struct map_spot *spot, uint32_t crc)
{
	struct map_block *b = &m->block[sbn];
	struct map_group *g;
	switch (spot->kind) {
	case MAP_OWN:
		g = map_group(m, sbn, esi);
		g->own |= map_bit(esi);
		g->displaced &= ~map_bit(esi);
		g->sum ^= crc;
		break;
	case MAP_FOREIGN:
		foreign_list_add(&m->foreign, sbn, spot->place, esi);
		b->foreign_sum ^= crc;
		b->num_foreign++;
		break;
	case MAP_SPILL:
		m->spill[spot->place].crc = crc;
		m->spill[spot->place].is_stored = 1;
		break;
	}
	b->stored++;
	map_queue_ready(m, sbn);
}

uint32_t map_count_own(const struct place_map *m, uint32_t sbn)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < map_num_groups(m, sbn); i++)
		count += (uint32_t)__builtin_popcount(m->group[sbn * m->group_stride + i].own);
	return count;
}

/* ---- replay ------------------------------------------------------------------------------------ */

int map_replay_own(struct place_map *m, uint32_t sbn, uint32_t group, uint32_t mask, uint32_t sum)
{
	struct map_group *g;
	if (sbn >= m->geometry->blocks || group >= m->group_stride || (mask & ~map_group_mask(m, sbn, group)))
		return CAROUSEL_E_MALFORMED;
	g = &m->group[sbn * m->group_stride + group];
	if (m->block[sbn].is_done || mask & g->taken || mask & g->displaced)
		return CAROUSEL_E_MALFORMED;
	g->taken |= mask;
	g->own |= mask;
	g->sum ^= sum;
	map_count(m, sbn, (uint32_t)__builtin_popcount(mask));
	m->block[sbn].stored += (uint32_t)__builtin_popcount(mask);
	return 0;
}

static int map_check_symbol(const struct place_map *m, uint32_t sbn, uint32_t esi)
{
	if (sbn >= m->geometry->blocks || m->block[sbn].is_done || !map_is_symbol(m, sbn, esi))
		return CAROUSEL_E_MALFORMED;
	return 0;
}

int map_replay_foreign(struct place_map *m, uint32_t sbn, uint32_t place, uint32_t esi, uint32_t crc)
{
	struct map_spot spot = {MAP_FOREIGN, place};
	if (map_check_symbol(m, sbn, esi) || place >= m->block[sbn].real)
		return CAROUSEL_E_MALFORMED;
	if (map_group(m, sbn, place)->taken & map_bit(place) || !geometry_is_whole(m->geometry, sbn, place))
		return CAROUSEL_E_MALFORMED;
	if (map_holds(m, sbn, esi))
		return CAROUSEL_E_MALFORMED;
	map_group(m, sbn, place)->taken |= map_bit(place);
	map_mark_held(m, sbn, esi);
	map_count(m, sbn, 1);
	map_stored(m, sbn, esi, &spot, crc);
	return 0;
}

int map_replay_spill(struct place_map *m, uint32_t slot, uint32_t sbn, uint32_t esi, uint32_t crc)
{
	struct map_spot spot = {MAP_SPILL, slot};
	if (map_check_symbol(m, sbn, esi) || slot >= m->num_spill || m->spill[slot].is_taken || map_holds(m, sbn, esi))
		return CAROUSEL_E_MALFORMED;
	m->spill[slot] = (struct map_spill){.sbn = sbn, .esi = esi, .is_taken = 1};
	m->block[sbn].num_spilled++;
	map_mark_held(m, sbn, esi);
	map_count(m, sbn, 1);
	map_stored(m, sbn, esi, &spot, crc);
	return 0;
}

int map_replay_drop_own(struct place_map *m, uint32_t sbn, uint32_t group, uint32_t mask, uint32_t sum)
{
	struct map_group *g;
	if (sbn >= m->geometry->blocks || group >= m->group_stride)
		return CAROUSEL_E_MALFORMED;
	g = &m->group[sbn * m->group_stride + group];
	if (mask & ~g->own)
		return CAROUSEL_E_MALFORMED;
	if (mask && m->block[sbn].is_done) {
		m->block[sbn].is_done = m->block[sbn].is_verified = false;
		m->blocks_done--;
	}
	g->taken &= ~mask;
	g->own &= ~mask;
	g->sum ^= sum;
	map_uncount(m, sbn, (uint32_t)__builtin_popcount(mask));
	m->block[sbn].stored -= (uint32_t)__builtin_popcount(mask);
	m->block[sbn].cursor = 0;
	return 0;
}

int map_replay_drop_foreign(struct place_map *m, uint32_t sbn, uint32_t place, uint32_t esi, uint32_t crc)
{
	struct map_block *b;
	if (map_check_symbol(m, sbn, esi) || place >= m->block[sbn].real || !map_holds(m, sbn, esi))
		return CAROUSEL_E_MALFORMED;
	b = &m->block[sbn];
	if ((map_group(m, sbn, place)->taken & map_bit(place)) == 0 || map_is_own(m, sbn, place) || b->num_foreign == 0)
		return CAROUSEL_E_MALFORMED;
	map_group(m, sbn, place)->taken &= ~map_bit(place);
	foreign_list_remove(&m->foreign, sbn, place);
	map_unmark_held(m, sbn, esi);
	map_uncount(m, sbn, 1);
	b->stored--;
	b->num_foreign--;
	b->foreign_sum ^= crc;
	b->cursor = 0;
	return 0;
}

int map_replay_drop_spill(struct place_map *m, uint32_t slot, uint32_t sbn, uint32_t esi)
{
	struct map_spill *s;
	if (slot >= m->num_spill || map_check_symbol(m, sbn, esi))
		return CAROUSEL_E_MALFORMED;
	s = &m->spill[slot];
	if (!s->is_stored || s->sbn != sbn || s->esi != esi)
		return CAROUSEL_E_MALFORMED;
	s->is_taken = s->is_stored = 0;
	map_unmark_held(m, sbn, esi);
	map_uncount(m, sbn, 1);
	m->block[sbn].stored--;
	m->block[sbn].num_spilled--;
	return 0;
}

/* ---- whole blocks ------------------------------------------------------------------------------- */

void map_clear_block(struct place_map *m, uint32_t sbn)
{
	struct map_block *b = &m->block[sbn];
	if (b->is_done)
		m->blocks_done--;
	map_uncount(m, sbn, b->held);
	for (uint32_t i = 0; b->num_spilled && i < m->num_spill; i++) {
		if (m->spill[i].is_taken && m->spill[i].sbn == sbn) {
			m->spill[i].is_taken = m->spill[i].is_stored = 0;
			b->num_spilled--;
		}
	}
	memset(m->group + (size_t)sbn * m->group_stride, 0, m->group_stride * sizeof(*m->group));
	foreign_list_clear(&m->foreign, sbn);
	esi_set_clear_block(&m->repair, sbn);
	b->stored = b->num_foreign = b->foreign_sum = b->cursor = 0;
	b->want = b->real;
	b->is_done = b->is_verified = false;
	b->wrong_edges = 0;
}

void map_set_block(struct place_map *m, uint32_t sbn, bool is_verified, const uint8_t *groups)
{
	struct map_block *b = &m->block[sbn];
	map_clear_block(m, sbn);
	for (uint32_t i = 0; i < map_num_groups(m, sbn); i++) {
		struct map_group *g = &m->group[sbn * m->group_stride + i];
		g->own = g->taken = bytes_get_le32(groups + i * 8) & map_group_mask(m, sbn, i);
		g->sum = bytes_get_le32(groups + i * 8 + 4);
		map_count(m, sbn, (uint32_t)__builtin_popcount(g->own));
	}
	b->stored = b->held;
	if (b->held == b->real) {
		b->is_done = true;
		b->is_verified = is_verified;
		m->blocks_done++;
	}
}

void map_suspect(struct place_map *m, uint32_t sbn)
{
	if (!m->block[sbn].is_done)
		return;
	m->block[sbn].is_suspect = true;
	map_queue_ready(m, sbn);
}
