#include "sim/report.h"

#include "common/carousel_error.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

int report_new(struct report **out, const struct carousel_allocator *allocator, const struct scenario *scenario,
	const char *mode)
{
	struct report *r = memory_alloc(allocator, 1, sizeof *r);
	*out = NULL;
	if (r == NULL)
		return CAROUSEL_E_MEMORY;
	r->allocator = allocator;
	snprintf(r->mode, sizeof r->mode, "%s", mode);
	r->seed = scenario->seed;
	r->duration_ns = scenario->duration_ns;
	r->shards = r->shards_done = 1;
	r->title = memory_copy_string(allocator, scenario->title, strlen(scenario->title));
	r->groups = memory_alloc(allocator, scenario->num_groups, sizeof *r->groups);
	if (r->title == NULL || r->groups == NULL)
		goto no_memory;
	for (r->num_groups = 0; r->num_groups < scenario->num_groups; r->num_groups++) {
		const char *name = scenario->groups[r->num_groups].name;
		r->groups[r->num_groups].name = memory_copy_string(allocator, name, strlen(name));
		if (r->groups[r->num_groups].name == NULL)
			goto no_memory;
	}
	*out = r;
	return 0;
no_memory:
	report_free(r);
	return CAROUSEL_E_MEMORY;
}

void report_free(struct report *r)
{
	if (r == NULL)
		return;
	for (size_t i = 0; i < r->num_groups; i++)
		memory_free(r->allocator, r->groups[i].name);
	for (size_t i = 0; i < r->num_curves; i++)
		memory_free(r->allocator, r->curves[i]);
	memory_free(r->allocator, r->curves);
	memory_free(r->allocator, r->groups);
	memory_free(r->allocator, r->title);
	memory_free(r->allocator, r->parts);
	memory_free(r->allocator, r);
}

/* ---- filling in --------------------------------------------------------------------------------- */

/* The place of a curve among those there are, which are in the order of groups and versions. */
static size_t report_place(const struct report *r, uint32_t group, uint32_t version)
{
	size_t low = 0, high = r->num_curves;
	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		const struct report_curve *c = r->curves[middle];
		if (c->group < group || (c->group == group && c->version < version))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int report_curve_of(struct report *r, uint32_t group, uint32_t version, struct report_curve **out)
{
	const size_t place = report_place(r, group, version);
	void *array = r->curves;
	struct report_curve *curve;
	int result;
	*out = place < r->num_curves ? r->curves[place] : NULL;
	if (*out && (*out)->group == group && (*out)->version == version)
		return 0;
	*out = NULL;
	result = memory_grow(r->allocator, &array, &r->cap_curves, r->num_curves, sizeof *r->curves, REPORT_MAX_CURVES);
	r->curves = array;
	if (result != 0)
		return result;
	curve = memory_alloc(r->allocator, 1, sizeof *curve);
	if (curve == NULL)
		return CAROUSEL_E_MEMORY;
	curve->group = group;
	curve->version = version;
	memmove(&r->curves[place + 1], &r->curves[place], (r->num_curves - place) * sizeof(struct report_curve *));
	r->curves[place] = *out = curve;
	r->num_curves++;
	return 0;
}

static unsigned report_bin(const struct report *r, uint64_t at_ns)
{
	const double bin = (double)at_ns / (double)r->duration_ns * REPORT_BINS;
	return bin >= REPORT_BINS - 1 ? REPORT_BINS - 1 : (unsigned)bin;
}

int report_move(struct report *r, uint32_t group, uint32_t from, uint32_t to, uint64_t at_ns)
{
	const unsigned at = from == REPORT_NONE ? 0 : report_bin(r, at_ns) + 1;
	struct report_curve *curve;
	int result = report_curve_of(r, group, to, &curve);
	if (result != 0)
		return result;
	curve->change[at]++;
	if (from == REPORT_NONE) {
		r->groups[group].boxes++;
		return 0;
	}
	result = report_curve_of(r, group, from, &curve);
	if (result == 0)
		curve->change[at]--;
	return result;
}

void report_overhead(struct report *r, double received, double needed)
{
	const double permille = needed > 0 ? (received / needed - 1) * 1000 : 0;
	r->overhead[permille >= REPORT_OVERHEAD_BINS ? REPORT_OVERHEAD_BINS : permille > 0 ? (unsigned)permille : 0]++;
}

void report_burst(struct report *r, uint64_t packets)
{
	unsigned bin = 0;
	for (; packets > 1 && bin < REPORT_BURST_BINS - 1; packets /= 2)
		bin++;
	r->bursts[bin]++;
}

/* ---- looking in ----------------------------------------------------------------------------------- */

static uint64_t report_boxes(const struct report *r, const char *group)
{
	uint64_t boxes = 0;
	for (size_t i = 0; i < r->num_groups; i++)
		if (group == NULL || strcmp(group, r->groups[i].name) == 0)
			boxes += r->groups[i].boxes;
	return boxes;
}

static bool report_is_asked(
	const struct report *r, const struct report_curve *curve, const char *group, uint32_t version)
{
	return curve->version == version && (group == NULL || strcmp(group, r->groups[curve->group].name) == 0);
}

double report_share_at(const struct report *r, const char *group, uint32_t version, uint64_t at_ns)
{
	/* Everything that happened in the bins before the moment's own, and in it at the very end. */
	const unsigned last = at_ns >= r->duration_ns ? REPORT_BINS : report_bin(r, at_ns);
	const uint64_t boxes = report_boxes(r, group);
	int64_t running = 0;
	for (size_t c = 0; c < r->num_curves; c++)
		if (report_is_asked(r, r->curves[c], group, version))
			for (unsigned i = 0; i <= last; i++)
				running += r->curves[c]->change[i];
	return boxes ? (double)running / (double)boxes : 0;
}

uint64_t report_time_of(const struct report *r, const char *group, uint32_t version, double share)
{
	const double wanted = share * (double)report_boxes(r, group);
	int64_t running = 0, change[REPORT_BINS + 1] = {0};
	for (size_t c = 0; c < r->num_curves; c++)
		if (report_is_asked(r, r->curves[c], group, version))
			for (unsigned i = 0; i <= REPORT_BINS; i++)
				change[i] += r->curves[c]->change[i];
	for (unsigned i = 0; i <= REPORT_BINS; i++) {
		running += change[i];
		if (running > 0 && (double)running >= wanted)
			return (uint64_t)((double)i / REPORT_BINS * (double)r->duration_ns);
	}
	return UINT64_MAX;
}

bool report_meets(const struct report *r, const struct scenario_expect *expect, double *share)
{
	const double there = report_share_at(r, expect->group, expect->version, expect->at_ns);
	if (share)
		*share = there;
	return there >= expect->min_share && there <= expect->max_share;
}

/* ---- tables --------------------------------------------------------------------------------------- */

int report_csv(const struct report *r, unsigned rows, int (*write)(void *, const char *, size_t), void *user)
{
	static const char head[] = "time_s,group,version,boxes,share\n";
	const unsigned step = rows && rows < REPORT_BINS ? REPORT_BINS / rows : 1;
	int result = write(user, head, sizeof head - 1);
	for (size_t c = 0; c < r->num_curves && result == 0; c++) {
		const struct report_curve *curve = r->curves[c];
		const struct report_group *group = &r->groups[curve->group];
		int64_t running = 0;
		for (unsigned i = 0; i <= REPORT_BINS && result == 0; i++) {
			char line[256];
			int len;
			running += curve->change[i];
			if (i % step && i != REPORT_BINS)
				continue;
			len = snprintf(line, sizeof line, "%.3f,%s,%u,%lld,%.6f\n",
				(double)r->duration_ns / 1e9 * i / REPORT_BINS, group->name, (unsigned)curve->version,
				(long long)running, group->boxes ? (double)running / (double)group->boxes : 0);
			result = write(user, line, (size_t)len);
		}
	}
	return result;
}
