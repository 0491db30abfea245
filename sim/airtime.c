#include "sim/airtime.h"

#include "common/carousel_error.h"
#include "policy-map/chunk_index.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* IP and UDP 28, LCT 16, FEC Payload ID 4, EXT_FTI of 16 on every 16th packet. */
#define AIRTIME_PACKET_OVERHEAD 49u
/* A heartbeat every period, the other documents every two and a half: bytes on the air, headers and all. */
#define AIRTIME_PERIODS         2.5
#define AIRTIME_HEARTBEAT_BYTES 900.0
#define AIRTIME_DOCUMENT_BYTES  5500.0
#define AIRTIME_MANIFEST_BYTES  2200.0

static int compare_u64(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

/* Moments at which what is on the air changes, ascending; includes 0 and the end. */
static size_t airtime_changes(const struct scenario *s, uint64_t *changes)
{
	size_t count = 0;
	changes[count++] = 0;
	changes[count++] = s->duration_ns;
	for (size_t i = 0; i < s->num_images; i++) {
		changes[count++] = s->images[i].at_ns;
		changes[count++] = s->images[i].until_ns;
	}
	for (size_t i = 0; i < s->num_events; i++) {
		changes[count++] = s->events[i].at_ns;
		changes[count++] = s->events[i].at_ns + s->events[i].length_ns;
	}
	qsort(changes, count, sizeof *changes, compare_u64);
	while (count && changes[count - 1] > s->duration_ns)
		count--;
	return count;
}

static bool airtime_is_silent(const struct scenario *s, uint64_t now_ns)
{
	for (size_t i = 0; i < s->num_events; i++)
		if (s->events[i].kind == SCENARIO_RESTART_TRANSMITTER && now_ns >= s->events[i].at_ns &&
			now_ns < s->events[i].at_ns + s->events[i].length_ns)
			return true;
	return false;
}

static bool airtime_is_on_air(const struct scenario_image *image, uint64_t now_ns)
{
	return now_ns >= image->at_ns && now_ns < image->until_ns;
}

/* Bits a second that documents and heartbeats take, and how long they take to come round. */
static double airtime_control_bps(struct airtime *a)
{
	const struct scenario *s = a->scenario;
	const double period_s = (double)s->transmitter.control_period_ns / 1e9;
	const double most = s->transmitter.control_share * (double)s->transmitter.rate_bps;
	double documents = AIRTIME_DOCUMENT_BYTES + AIRTIME_MANIFEST_BYTES * (double)s->num_images, wanted;
	for (size_t i = 0; i < s->num_maps; i++)
		documents += 1.4 * (double)s->maps[i].len / (double)s->num_maps; /* base64 */
	wanted = documents * 8 / (AIRTIME_PERIODS * period_s) + AIRTIME_HEARTBEAT_BYTES * 8 / period_s;
	a->control_period_ns = (uint64_t)(AIRTIME_PERIODS * period_s * 1e9 * fmax(1, wanted / most));
	return fmin(wanted, most);
}

static int airtime_add(struct airtime *a, struct airtime_image *image, struct airtime_segment segment)
{
	if (segment.end_ns <= segment.start_ns || segment.symbols_per_ns <= 0)
		return 0;
	if (image->num_segments == AIRTIME_MAX_SEGMENTS)
		return CAROUSEL_E_LIMIT;
	if (image->segments == NULL)
		image->segments = memory_alloc(a->allocator, AIRTIME_MAX_SEGMENTS, sizeof *image->segments);
	if (image->segments == NULL)
		return CAROUSEL_E_MEMORY;
	image->segments[image->num_segments++] = segment;
	return 0;
}

/* One interval in which nothing changes; cut where the source pass ends. */
static int airtime_add_interval(
	struct airtime *a, struct airtime_image *image, uint64_t start, uint64_t end, double per_ns, double *sent)
{
	struct airtime_segment segment = {start, end, per_ns, *sent < image->symbols};
	int result;
	if (segment.is_source_pass) {
		const double rest = (image->symbols - *sent) / per_ns;
		if (rest < (double)(end - start))
			segment.end_ns = start + (uint64_t)ceil(rest);
	}
	*sent += per_ns * (double)(end - start);
	result = airtime_add(a, image, segment);
	if (result == 0 && segment.end_ns < end)
		result = airtime_add(a, image, (struct airtime_segment){segment.end_ns, end, per_ns, false});
	return result;
}

static void airtime_measure(struct airtime_image *image, const struct scenario_image *source)
{
	const uint32_t symbol = source->layout.oti.symbol_size;
	image->symbols = ceil((double)source->size_bytes / symbol);
	image->index_symbols = ceil((double)chunk_index_bytes(source->size_bytes) / PLAN_SYMBOL_SIZE);
	image->num_blocks = source->layout.oti.num_blocks;
}

int airtime_init(struct airtime *a, const struct carousel_allocator *allocator, const struct scenario *s)
{
	uint64_t changes[2 + 2 * SCENARIO_MAX_IMAGES + 2 * SCENARIO_MAX_EVENTS];
	double sent[SCENARIO_MAX_IMAGES] = {0}, bps;
	size_t count;
	int result = 0;
	*a = (struct airtime){.allocator = allocator, .scenario = s};
	bps = (double)s->transmitter.rate_bps - airtime_control_bps(a);
	for (size_t i = 0; i < s->num_images; i++)
		airtime_measure(&a->images[i], &s->images[i]);
	count = airtime_changes(s, changes);
	for (size_t c = 0; c + 1 < count && result == 0; c++) {
		double weights = 0;
		if (changes[c] == changes[c + 1] || airtime_is_silent(s, changes[c]))
			continue;
		for (size_t i = 0; i < s->num_images; i++)
			if (airtime_is_on_air(&s->images[i], changes[c]))
				weights += s->images[i].weight ? s->images[i].weight : 1;
		for (size_t i = 0; i < s->num_images && result == 0; i++) {
			const double weight = s->images[i].weight ? s->images[i].weight : 1;
			const double packet = 8.0 * (s->transmitter.wish.symbol_size + AIRTIME_PACKET_OVERHEAD);
			const double index = a->images[i].index_symbols / a->images[i].symbols * 8 *
					     (PLAN_SYMBOL_SIZE + AIRTIME_PACKET_OVERHEAD);
			if (!airtime_is_on_air(&s->images[i], changes[c]))
				continue;
			result = airtime_add_interval(a, &a->images[i], changes[c], changes[c + 1],
				bps * weight / weights / (packet + index) / 1e9 * s->transmitter.headends, &sent[i]);
		}
	}
	if (result != 0)
		airtime_deinit(a);
	return result;
}

void airtime_deinit(struct airtime *a)
{
	for (size_t i = 0; i < SCENARIO_MAX_IMAGES; i++) {
		memory_free(a->allocator, a->images[i].segments);
		a->images[i].segments = NULL;
	}
}

double airtime_sent(const struct airtime *a, size_t image, uint64_t now_ns)
{
	const struct airtime_image *im = &a->images[image];
	double sent = 0;
	for (size_t i = 0; i < im->num_segments && im->segments[i].start_ns < now_ns; i++) {
		const struct airtime_segment *segment = &im->segments[i];
		const uint64_t end_ns = segment->end_ns < now_ns ? segment->end_ns : now_ns;
		sent += segment->symbols_per_ns * (double)(end_ns - segment->start_ns);
	}
	return sent;
}

/* ---- a box's ears ----------------------------------------------------------------------------------- */

bool airtime_hears(const struct scenario_group *g, uint64_t shift_ns, uint64_t now_ns)
{
	return (g->on.num_windows == 0 || timetable_is_inside(&g->on, shift_ns, now_ns)) &&
	       !timetable_is_inside(&g->outages, 0, now_ns);
}

/* The first change after now of what decides whether it hears; SCENARIO_NEVER. */
static uint64_t airtime_next_change(const struct scenario_group *g, uint64_t shift_ns, uint64_t now_ns)
{
	const uint64_t on = timetable_next_change(&g->on, shift_ns, now_ns);
	const uint64_t outage = timetable_next_change(&g->outages, 0, now_ns);
	return on < outage ? on : outage;
}

uint64_t airtime_next_hearing(const struct scenario_group *g, uint64_t shift_ns, uint64_t now_ns)
{
	while (now_ns != SCENARIO_NEVER && !airtime_hears(g, shift_ns, now_ns))
		now_ns = airtime_next_change(g, shift_ns, now_ns);
	return now_ns;
}

bool airtime_next_piece(const struct airtime *a, size_t image, const struct scenario_group *g, uint64_t shift_ns,
	struct airtime_piece *piece)
{
	const struct airtime_image *im = &a->images[image];
	const struct airtime_segment *segment;
	uint64_t change;
	while (piece->number < im->num_segments && im->segments[piece->number].end_ns <= piece->end_ns)
		piece->number++;
	if (piece->number == im->num_segments)
		return false;
	segment = &im->segments[piece->number];
	piece->start_ns = piece->end_ns > segment->start_ns ? piece->end_ns : segment->start_ns;
	change = airtime_next_change(g, shift_ns, piece->start_ns);
	piece->end_ns = change < segment->end_ns ? change : segment->end_ns;
	piece->segment = segment;
	piece->symbols = segment->symbols_per_ns * (double)(piece->end_ns - piece->start_ns);
	piece->hears = airtime_hears(g, shift_ns, piece->start_ns);
	return true;
}

uint64_t airtime_until(const struct airtime *a, size_t image, const struct scenario_group *g, uint64_t shift_ns,
	uint64_t start_ns, double symbols, double useful, double *sent)
{
	struct airtime_piece piece = {.end_ns = start_ns};
	double all = 0;
	while (airtime_next_piece(a, image, g, shift_ns, &piece)) {
		const double share = piece.segment->is_source_pass ? useful : 1, here = piece.hears ? piece.symbols : 0;
		if (here * share >= symbols) {
			const double rest = share > 0 ? symbols / share : 0;
			if (sent)
				*sent = all + rest;
			return piece.start_ns + (uint64_t)(rest / piece.segment->symbols_per_ns);
		}
		symbols -= here * share;
		all += here;
	}
	if (sent)
		*sent = all;
	return SCENARIO_NEVER;
}
