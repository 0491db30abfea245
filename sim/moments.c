#include "sim/moments.h"

#include "common/carousel_error.h"

#include <stdlib.h>
#include <string.h>

static int moments_add(struct moments *m, uint64_t at_ns)
{
	void *array = m->times_ns;
	int result;
	if (at_ns >= m->scenario->duration_ns)
		return 0;
	result = memory_grow(m->allocator, &array, &m->cap_times, m->num_times, sizeof *m->times_ns, MOMENTS_MAX);
	m->times_ns = array;
	if (result == 0)
		m->times_ns[m->num_times++] = at_ns;
	return result;
}

/* A moment on the calendar; those that were before the beginning change nothing any more. */
static int moments_add_wall(struct moments *m, uint64_t wall_s)
{
	if (wall_s <= m->wall_s || wall_s - m->wall_s > m->scenario->duration_ns / 1000000000u)
		return 0;
	return moments_add(m, (wall_s - m->wall_s) * 1000000000u);
}

static int moments_add_row(struct moments *m, const struct policy_map *map, const struct policy_row *row)
{
	const uint64_t begin_s = row->from_s ? row->from_s : map->issued_s;
	int result = row->from_s ? moments_add_wall(m, row->from_s) : 0;
	if (result == 0 && row->until_s)
		result = moments_add_wall(m, row->until_s);
	for (unsigned i = 0; i < row->num_steps && result == 0; i++)
		result = moments_add_wall(m, begin_s + row->steps[i].after_s);
	return result;
}

static int moments_compare(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

static int moments_load(struct moments *m)
{
	const struct scenario *s = m->scenario;
	int result = 0;
	for (size_t i = 0; i < s->num_maps && result == 0; i++) {
		char *text;
		size_t len;
		result = scenario_map_text(s, &s->maps[i], m->digests, &text, &len);
		if (result != 0)
			return result;
		result = policy_map_parse(m->allocator, text, len, NULL, &m->maps[i], NULL);
		memory_free(s->allocator, text);
		if (result != 0)
			return result;
		if (i == 0)
			m->wall_s = m->maps[0]->issued_s;
		result = moments_add(m, s->maps[i].at_ns);
		for (size_t r = 0; r < m->maps[i]->num_rows && result == 0; r++)
			result = moments_add_row(m, m->maps[i], &m->maps[i]->rows[r]);
	}
	if (m->num_times)
		qsort(m->times_ns, m->num_times, sizeof *m->times_ns, moments_compare);
	return result;
}

int moments_init(struct moments *m, const struct carousel_allocator *allocator, const struct scenario *s,
	const struct scenario_digests *digests)
{
	int result = 0;
	*m = (struct moments){.allocator = allocator, .scenario = s};
	for (size_t i = 0; i < s->num_images && result == 0; i++)
		if (digests)
			m->digests[i] = digests[i];
		else
			result = scenario_name_digests(&s->images[i], &m->digests[i]);
	if (result == 0)
		result = moments_load(m);
	if (result != 0)
		moments_deinit(m);
	return result;
}

void moments_deinit(struct moments *m)
{
	for (size_t i = 0; i < SCENARIO_MAX_MAPS; i++) {
		policy_map_free(m->maps[i]);
		m->maps[i] = NULL;
	}
	memory_free(m->allocator, m->times_ns);
	m->times_ns = NULL;
	m->num_times = 0;
}

const struct policy_map *moments_map(const struct moments *m, uint64_t now_ns)
{
	size_t i = m->scenario->num_maps;
	while (i > 0 && m->scenario->maps[i - 1].at_ns > now_ns)
		i--;
	return i ? m->maps[i - 1] : NULL;
}

uint64_t moments_next(const struct moments *m, uint64_t now_ns)
{
	for (size_t i = 0; i < m->num_times; i++)
		if (m->times_ns[i] > now_ns)
			return m->times_ns[i];
	return SCENARIO_NEVER;
}

uint64_t moments_gate_time_s(const struct moments *m, uint64_t now_ns)
{
	return m->wall_s + now_ns / 1000000000u;
}

size_t moments_image(const struct moments *m, const struct policy_image *image)
{
	size_t i = 0;
	while (i < m->scenario->num_images && memcmp(m->digests[i].sha256, image->sha256, sizeof image->sha256) != 0)
		i++;
	return i;
}
