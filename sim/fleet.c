#include "sim/fleet.h"

#include "common/carousel_error.h"
#include "sim/airtime.h"
#include "sim/coverage.h"
#include "sim/download.h"
#include "sim/moments.h"
#include "sim/random.h"

#include <math.h>
#include <string.h>

#define FLEET_MAX_STEPS      512u /* decisions of one box */
#define FLEET_PROGRESS_BOXES 65536u
#define FLEET_MONTH_NS       (30ull * 86400u * 1000000000u)
#define FLEET_MAX_FAILURES   8u
#define FLEET_BLOCK_JOBS     2u
#define FLEET_FINISH_NS      1000000000ull

struct fleet {
	const struct scenario *scenario;
	struct report *report;
	struct airtime airtime;
	struct moments moments;
	struct download download;
};

/* One box at a time. */
struct fleet_box {
	const struct scenario_group *group;
	uint32_t group_number;
	uint64_t shift_ns, now_ns;
	uint64_t since_ns; /* from when on it keeps symbols of what it is to receive */
	uint32_t version;
	size_t wanted;   /* image that it was meant to have last; num_images: none that there is */
	size_t held;     /* image that lies complete in the inactive slot; num_images: none */
	bool is_waiting; /* lacks something that it is meant to have */
	bool is_fresh;   /* was there when all began, and has decided nothing yet: it keeps whatever it hears */
	enum policy_reason reason;
	struct random_stream random;
	struct scenario_box who;
	struct policy_failure failures[FLEET_MAX_FAILURES];
	size_t num_failures;
	uint8_t declined[FLEET_MAX_FAILURES][HASH_SHA256_BYTES];
	size_t num_declined;
};

/* Documents that are new go first, before any image. */
static bool fleet_is_announced(const struct fleet *f, uint64_t at_ns)
{
	bool announced = at_ns == 0;
	for (size_t i = 0; i < f->scenario->num_maps; i++)
		announced |= f->scenario->maps[i].at_ns == at_ns;
	return announced;
}

/* The box hears of something that is sent in every control period from then on; later when packets are lost. */
static uint64_t fleet_hear(const struct fleet *f, struct fleet_box *box, uint64_t at_ns)
{
	const double loss = f->download.losses[box->group_number].mean, part = random_unit(&box->random);
	double rounds = (double)random_geometric(&box->random, 1 - loss) - 1;
	at_ns = airtime_next_hearing(box->group, box->shift_ns, at_ns);
	if (at_ns == SCENARIO_NEVER)
		return SCENARIO_NEVER;
	if (!fleet_is_announced(f, at_ns))
		rounds += part;
	return at_ns + (uint64_t)(rounds * (double)f->airtime.control_period_ns);
}

static int fleet_decide(const struct fleet *f, const struct fleet_box *box, uint64_t now_ns, struct policy_decision *d)
{
	const struct policy_map *map = moments_map(&f->moments, now_ns);
	const struct policy_box policy = {.id = box->who.id,
		.class_name = box->who.class_name,
		.category = box->who.category,
		.version = box->version,
		.failures = box->failures,
		.num_failures = box->num_failures,
		.declined = (const uint8_t(*)[HASH_SHA256_BYTES])box->declined,
		.num_declined = box->num_declined};
	memset(d, 0, sizeof *d);
	if (map == NULL)
		return 0;
	return policy_decide(map, &policy, moments_gate_time_s(&f->moments, now_ns), d);
}

/* The scenario's image that a decision wants received; num_images: none. */
static size_t fleet_wanted(const struct fleet *f, const struct fleet_box *box, const struct policy_decision *d)
{
	if (d->verdict == POLICY_NONE || d->image == NULL)
		return f->scenario->num_images;
	if (d->verdict == POLICY_OFFER && box->group->offers == CAROUSEL_RX_OFFERS_IGNORE)
		return f->scenario->num_images;
	return moments_image(&f->moments, d->image);
}

/* When the box has been sent enough of the image, all of it or what it lacks; *received: symbols that came by then. */
static int fleet_enough(struct fleet *f, struct fleet_box *box, size_t image, bool is_partly, double common,
	double *received, uint64_t *at_ns)
{
	/* Of the source pass only that is of use to it which it lacks; cyclic schemes reckon with that themselves. */
	const struct scenario_group *g = box->group;
	const double lack = 1 - g->have, loss = f->download.losses[box->group_number].mean;
	const bool is_cyclic = download_is_cyclic(f->scenario);
	const double useful = is_partly && lack > 0 && !is_cyclic ? lack : 1;
	const bool has_begin = is_cyclic || download_is_damaged(g);
	const double cycle = has_begin ? download_cycle(&f->scenario->images[image]) : 1;
	const double begin = has_begin ? airtime_sent(&f->airtime, image, box->since_ns) / cycle : 0;
	double symbols, sent;
	int result = download_symbols(
		&f->download, image, box->group_number, is_partly, begin, common, random_unit(&box->random), &symbols);
	if (result != 0)
		return result;
	if (is_cyclic && (g->on.num_windows || g->outages.num_windows))
		*at_ns = coverage_until(
			&f->airtime, image, g, box->shift_ns, box->since_ns, cycle, loss, symbols, &sent);
	else
		*at_ns = airtime_until(
			&f->airtime, image, box->group, box->shift_ns, box->since_ns, symbols, useful, &sent);
	*received = sent * (1 - loss);
	return 0;
}

/* When the box has the image, listening from now on, if nothing intervenes. What it has already is of use once the
 * index tells what that is. */
static int fleet_complete(
	struct fleet *f, struct fleet_box *box, size_t image, double *received, double *needed, uint64_t *done_ns)
{
	const struct airtime_image *air = &f->airtime.images[image];
	const struct completion_loss *loss = &f->download.losses[box->group_number];
	const double common = random_unit(&box->random);
	int result;
	if (box->group->slot_bytes && f->scenario->images[image].size_bytes > box->group->slot_bytes) {
		*received = *needed = 0;
		*done_ns = SCENARIO_NEVER;
		return 0;
	}
	result = fleet_enough(f, box, image, false, common, received, done_ns);
	*needed = air->symbols;
	if (result == 0 && box->group->have > 0) {
		const struct completion_image index = {air->index_symbols, 1};
		const double symbols = completion_symbols_at(&index, loss, common, random_unit(&box->random));
		/* The index's symbols are spread over the pass; the first is some part of their distance away. */
		const double until = (symbols - 1 + random_unit(&box->random)) * air->symbols / air->index_symbols;
		const uint64_t known =
			airtime_until(&f->airtime, image, box->group, box->shift_ns, box->since_ns, until, 1, NULL);
		double kept_received;
		uint64_t kept;
		result = fleet_enough(f, box, image, true, common, &kept_received, &kept);
		kept = kept > known ? kept : known;
		if (result == 0 && kept < *done_ns) {
			*done_ns = kept;
			*received = kept_received;
			*needed = air->symbols * (1 - box->group->have);
		}
	}
	if (result == 0 && *done_ns != SCENARIO_NEVER && box->group->write_rate_bps) {
		const uint64_t written = box->now_ns + (uint64_t)((double)f->scenario->images[image].size_bytes * 8e9 /
								  (double)box->group->write_rate_bps);
		*done_ns = written > *done_ns ? written : *done_ns;
	}
	/* Read back, verified and handed to the boot loader. Blocks are sent in turn and are complete at about the same
	 * time: then each is decoded and written. */
	if (result == 0 && *done_ns != SCENARIO_NEVER)
		*done_ns += FLEET_FINISH_NS + FLEET_BLOCK_JOBS * air->num_blocks * box->group->job_time_ns;
	return result;
}

/* Receives the image while the decision stands. True when it is complete; otherwise now_ns is when that ended. */
static int fleet_receive(struct fleet *f, struct fleet_box *box, size_t image, bool *is_complete)
{
	double received, needed;
	uint64_t done_ns, moment = box->now_ns;
	int result = fleet_complete(f, box, image, &received, &needed, &done_ns);
	*is_complete = false;
	if (result != 0)
		return result;
	while ((moment = moments_next(&f->moments, moment)) < done_ns && moment < f->scenario->duration_ns) {
		const uint64_t heard = fleet_hear(f, box, moment);
		struct policy_decision d;
		if (heard >= done_ns)
			break;
		result = fleet_decide(f, box, heard, &d);
		if (result != 0)
			return result;
		if (fleet_wanted(f, box, &d) != image) {
			box->now_ns = heard;
			return 0;
		}
	}
	box->now_ns = done_ns;
	if (done_ns < f->scenario->duration_ns) {
		*is_complete = true;
		box->held = image;
		f->report->downloads++;
		report_overhead(f->report, received, needed);
	}
	return 0;
}

/* The user is asked. True when the image is to be installed, at now_ns. */
static bool fleet_consents(struct fleet *f, struct fleet_box *box, const struct policy_decision *d)
{
	const struct scenario_group *g = box->group;
	if (d->verdict != POLICY_OFFER || g->offers == CAROUSEL_RX_OFFERS_INSTALL)
		return true;
	if (g->offers == CAROUSEL_RX_OFFERS_MONTHLY) {
		box->now_ns += random_below(&box->random, FLEET_MONTH_NS);
		return true;
	}
	box->now_ns += (uint64_t)random_exponential(&box->random, (double)g->accept_after_ns);
	if (random_chance(&box->random, g->accept))
		return true;
	f->report->declined++;
	if (box->num_declined < FLEET_MAX_FAILURES)
		memcpy(box->declined[box->num_declined++], d->image->sha256, HASH_SHA256_BYTES);
	return false;
}

static void fleet_remember_failure(struct fleet_box *box, const struct policy_decision *d)
{
	size_t i = 0;
	while (i < box->num_failures && memcmp(box->failures[i].sha256, d->image->sha256, HASH_SHA256_BYTES) != 0)
		i++;
	if (i == FLEET_MAX_FAILURES)
		return;
	if (i == box->num_failures || box->failures[i].retry != d->retry) {
		memcpy(box->failures[i].sha256, d->image->sha256, HASH_SHA256_BYTES);
		box->failures[i].attempts = 0;
		box->failures[i].retry = d->retry;
	}
	box->failures[i].attempts++;
	if (i == box->num_failures)
		box->num_failures++;
}

/* num_images: no such image. */
static size_t fleet_image_of(const struct fleet *f, const char *class_name, uint32_t version)
{
	size_t i = 0;
	while (i < f->scenario->num_images && (f->scenario->images[i].version != version ||
						      strcmp(f->scenario->images[i].class_name, class_name) != 0))
		i++;
	return i;
}

/* Installs, boots, and falls back if the trial fails. */
static int fleet_install(struct fleet *f, struct fleet_box *box, const struct policy_decision *d)
{
	const uint32_t from = box->version;
	f->report->installs++;
	box->now_ns += box->group->reboot_ns;
	if (random_chance(&box->random, box->group->trial_failure)) {
		fleet_remember_failure(box, d);
		f->report->fallbacks++;
		box->now_ns += box->group->reboot_ns;
		return 0;
	}
	if (box->now_ns >= f->scenario->duration_ns)
		return 0;
	/* The slots change their parts: what ran until now is what a recall finds there. */
	box->held = fleet_image_of(f, box->who.class_name, from);
	box->version = d->target;
	return report_move(f->report, box->group_number, from, d->target, box->now_ns);
}

/* One decision and what follows from it. False when nothing can happen to the box any more. */
static int fleet_step(struct fleet *f, struct fleet_box *box, bool *goes_on)
{
	struct policy_decision d;
	bool is_complete = true;
	size_t image;
	int result;
	box->since_ns = airtime_next_hearing(box->group, box->shift_ns, box->now_ns);
	box->now_ns = fleet_hear(f, box, box->now_ns);
	if (!box->is_fresh)
		box->since_ns = box->now_ns;
	box->is_fresh = false;
	*goes_on = box->now_ns < f->scenario->duration_ns;
	if (!*goes_on)
		return 0;
	result = fleet_decide(f, box, box->now_ns, &d);
	if (result != 0)
		return result;
	box->reason = d.reason;
	image = fleet_wanted(f, box, &d);
	box->wanted = image;
	box->is_waiting = d.verdict != POLICY_NONE && box->group->offers != CAROUSEL_RX_OFFERS_IGNORE;
	if (image == f->scenario->num_images) {
		box->now_ns = moments_next(&f->moments, box->now_ns);
		*goes_on = box->now_ns < f->scenario->duration_ns;
		return 0;
	}
	if (box->held != image)
		result = fleet_receive(f, box, image, &is_complete);
	if (result != 0 || !is_complete)
		return result;
	if (!fleet_consents(f, box, &d)) {
		box->is_waiting = false;
		return 0;
	}
	/* The decision that counts is made when all is there. */
	if (box->now_ns < f->scenario->duration_ns)
		result = fleet_decide(f, box, box->now_ns, &d);
	if (result != 0 || box->now_ns >= f->scenario->duration_ns || fleet_wanted(f, box, &d) != image)
		return result;
	box->is_waiting = false;
	return fleet_install(f, box, &d);
}

/* Whoever could wait for ever is told, with the cause. */
static void fleet_note_stuck(struct fleet *f, const struct fleet_box *box, uint64_t join_ns)
{
	const struct scenario *s = f->scenario;
	const struct scenario_image *image = &s->images[box->wanted];
	uint64_t *stuck = f->report->stuck;
	if (box->reason == 0) { /* it has decided nothing */
		if (airtime_next_hearing(box->group, box->shift_ns, join_ns) >= s->duration_ns)
			stuck[REPORT_NOTHING_ARRIVES] += join_ns < s->duration_ns;
		else
			stuck[REPORT_NO_MAP] += moments_map(&f->moments, s->duration_ns) == NULL;
		return;
	}
	if (!box->is_waiting)
		return;
	if (box->wanted == s->num_images || image->until_ns <= s->duration_ns || image->at_ns >= s->duration_ns)
		stuck[REPORT_NOT_ON_AIR]++;
	else if (box->group->slot_bytes && image->size_bytes > box->group->slot_bytes)
		stuck[REPORT_SLOT_TOO_SMALL]++;
}

static int fleet_play(struct fleet *f, uint64_t number)
{
	struct fleet_box box = {.held = f->scenario->num_images};
	bool goes_on = true;
	uint32_t in_group;
	uint64_t join_ns;
	int result;
	box.group = scenario_group_of(f->scenario, number, &in_group);
	box.group_number = (uint32_t)(box.group - f->scenario->groups);
	scenario_box_of(box.group, in_group, &box.who);
	box.version = box.who.version;
	random_init(&box.random, f->scenario->seed, number);
	box.shift_ns = random_below(&box.random, box.group->on_spread_ns);
	box.now_ns = box.group->join_ns + random_below(&box.random, box.group->join_spread_ns);
	join_ns = box.now_ns;
	box.is_fresh = join_ns == 0;
	result = report_move(f->report, box.group_number, REPORT_NONE, box.version, 0);
	for (unsigned i = 0; i < FLEET_MAX_STEPS && goes_on && result == 0; i++)
		result = fleet_step(f, &box, &goes_on);
	f->report->waiting += box.is_waiting;
	fleet_note_stuck(f, &box, join_ns);
	if ((unsigned)box.reason < REPORT_NUM_REASONS)
		f->report->reasons[box.reason]++;
	return result;
}

int fleet_run(struct report **out, const struct carousel_allocator *allocator, const struct scenario *s,
	const struct fleet_options *options)
{
	const struct fleet_options all = {0}, *o = options ? options : &all;
	const uint32_t shards = o->shards ? o->shards : 1;
	struct fleet f = {.scenario = s};
	int result;
	*out = NULL;
	if (o->shard >= shards)
		return CAROUSEL_E_ARGUMENT;
	result = report_new(&f.report, allocator, s, "fleet");
	if (result == 0)
		result = report_set_shard(f.report, o->shard, shards);
	if (result == 0)
		result = airtime_init(&f.airtime, allocator, s);
	if (result == 0)
		result = moments_init(&f.moments, allocator, s, NULL);
	download_init(&f.download, allocator, s);
	for (uint64_t box = o->shard, played = 0; box < s->boxes && result == 0; box += shards, played++) {
		result = fleet_play(&f, box);
		if (result == 0 && o->progress && played % FLEET_PROGRESS_BOXES == 0)
			result = o->progress(o->user, (double)box / (double)s->boxes);
	}
	download_deinit(&f.download);
	airtime_deinit(&f.airtime);
	moments_deinit(&f.moments);
	if (result == 0)
		*out = f.report;
	else
		report_free(f.report);
	return result;
}
