/* Shards of one run: which of them a report holds, and how reports are joined. */
#include "sim/report.h"

#include "common/carousel_error.h"

#include <string.h>

int report_set_shard(struct report *r, uint32_t shard, uint32_t shards)
{
	uint8_t *parts = NULL;
	if (shards == 0 || shards > REPORT_MAX_SHARDS || shard >= shards)
		return CAROUSEL_E_RANGE;
	if (shards > 1) {
		parts = memory_alloc(r->allocator, shards / 8 + 1, 1);
		if (parts == NULL)
			return CAROUSEL_E_MEMORY;
		parts[shard / 8] = (uint8_t)(1u << shard % 8);
	}
	memory_free(r->allocator, r->parts);
	r->parts = parts;
	r->shards = shards;
	r->shards_done = 1;
	return 0;
}

bool report_has_shard(const struct report *r, uint32_t shard)
{
	return r->parts == NULL ? shard < r->shards : shard < r->shards && r->parts[shard / 8] >> shard % 8 & 1;
}

/* Shards of which none is in both. */
static bool report_are_apart(const struct report *a, const struct report *b)
{
	bool apart = a->parts && b->parts;
	for (uint32_t i = 0; i <= a->shards / 8 && apart; i++)
		apart = (a->parts[i] & b->parts[i]) == 0;
	return apart;
}

static bool report_is_same_run(const struct report *a, const struct report *b)
{
	if (strcmp(a->mode, b->mode) != 0 || strcmp(a->title, b->title) != 0 || a->seed != b->seed ||
		a->duration_ns != b->duration_ns || a->shards != b->shards || a->num_groups != b->num_groups)
		return false;
	for (size_t i = 0; i < a->num_groups; i++)
		if (strcmp(a->groups[i].name, b->groups[i].name) != 0)
			return false;
	return true;
}

static const char *const report_stuck_names[REPORT_NUM_STUCK][2] = {
	{"not-on-air", "what they are to have is not on the air, and never will be"},
	{"nothing-arrives", "nothing arrives there any more: an outage up to the end"},
	{"slot-too-small", "what they are to have is larger than their slot"},
	{"no-map", "no map is on the air, and none ever will be"},
};

const char *report_stuck_name(enum report_stuck stuck)
{
	return report_stuck_names[stuck][0];
}

const char *report_stuck_sentence(enum report_stuck stuck)
{
	return report_stuck_names[stuck][1];
}

int report_merge(struct report *r, const struct report *other)
{
	int result = 0;
	if (!report_is_same_run(r, other) || !report_are_apart(r, other))
		return CAROUSEL_E_CONFLICT;
	for (size_t i = 0; i < other->num_curves && result == 0; i++) {
		struct report_curve *curve;
		result = report_curve_of(r, other->curves[i]->group, other->curves[i]->version, &curve);
		for (unsigned k = 0; k <= REPORT_BINS && result == 0; k++)
			curve->change[k] += other->curves[i]->change[k];
	}
	if (result != 0)
		return result;
	for (size_t i = 0; i < r->num_groups; i++)
		r->groups[i].boxes += other->groups[i].boxes;
	for (unsigned i = 0; i <= REPORT_OVERHEAD_BINS; i++)
		r->overhead[i] += other->overhead[i];
	for (unsigned i = 0; i < REPORT_BURST_BINS; i++)
		r->bursts[i] += other->bursts[i];
	for (unsigned i = 0; i < REPORT_NUM_REASONS; i++)
		r->reasons[i] += other->reasons[i];
	r->downloads += other->downloads;
	r->installs += other->installs;
	r->fallbacks += other->fallbacks;
	r->declined += other->declined;
	r->kills += other->kills;
	r->waiting += other->waiting;
	for (unsigned i = 0; i < REPORT_NUM_STUCK; i++)
		r->stuck[i] += other->stuck[i];
	/* The run of all ends with that of the last. */
	if (r->ended_ns == 0 || other->ended_ns == 0)
		r->ended_ns = 0;
	else if (other->ended_ns > r->ended_ns)
		r->ended_ns = other->ended_ns;
	/* The same packets, for different boxes; the last shard to end tells how many. */
	r->packets_sent = other->packets_sent > r->packets_sent ? other->packets_sent : r->packets_sent;
	r->packets_received += other->packets_received;
	r->packets_lost += other->packets_lost;
	for (uint32_t i = 0; i <= r->shards / 8; i++)
		r->parts[i] |= other->parts[i];
	r->shards_done += other->shards_done;
	return r->shards_done == r->shards ? report_set_shard(r, 0, 1) : 0;
}
