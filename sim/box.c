#include "sim/box.h"

#include "common/carousel_error.h"
#include "sim/airtime.h"
#include "sim/box_seed.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BOX_MAX_DELAYED_PACKETS 100000u
#define BOX_MAX_DELAYED_BYTES   (256u << 20)
#define BOX_WIRE_PREFIX         8u /* headend and absent bytes, before a delayed packet */
#define BOX_MAX_TURNS           1000000u

/* ---- boot loader ------------------------------------------------------------------------------------ */

static int boot_state_of(void *user, struct carousel_boot_state *state)
{
	*state = ((struct box *)user)->boot_state;
	return 0;
}

static int boot_mark_bad(void *user, int slot)
{
	struct box *b = user;
	/* Without payload nothing is written over the old image's name. */
	box_storage_forget(&b->storage, slot, false);
	return 0;
}

static int boot_try_slot(void *user, int slot, unsigned tries)
{
	struct box *b = user;
	(void)tries;
	return b->storage.has_payload ? 0 : box_storage_fill(&b->storage, slot, b->target_sha256, NULL, 0);
}

static int boot_confirm(void *user, int slot)
{
	struct box *b = user;
	(void)slot;
	b->boot_state.is_confirmed = 1;
	b->boot_state.is_trial = 0;
	return 0;
}

/* ---- events ------------------------------------------------------------------------------------------- */

static void box_note_image(struct box *b, const json_t *event)
{
	const json_t *image = json_object_get(event, "image");
	const char *sha256 = json_string_value(json_object_get(image, "sha256"));
	const double heard = (double)json_integer_value(json_object_get(image, "symbols_heard"));
	const double needed = (double)json_integer_value(json_object_get(image, "symbols_need"));
	if (sha256 == NULL)
		return;
	b->target_version = (uint32_t)json_integer_value(json_object_get(image, "version"));
	hash_parse_sha256(sha256, strlen(sha256), b->target_sha256);
	if (b->is_receiving && heard > 0) {
		b->is_receiving = false;
		b->report->downloads++;
		report_overhead(b->report, heard, needed);
	}
}

/* Another image grows where parts of this one lay: what it leaves of them is not reckoned with. */
static void box_note_begun(struct box *b, const char *text)
{
	json_t *event = b->storage.has_payload || b->group->have <= 0 ? NULL : json_loads(text, 0, NULL);
	const char *sha256 = json_string_value(json_object_get(json_object_get(event, "image"), "sha256"));
	uint8_t digest[32];
	if (sha256 && hash_parse_sha256(sha256, strlen(sha256), digest) == 0 &&
		!box_storage_has_parts_of(&b->storage, b->boot_state.target, digest))
		box_storage_forget(&b->storage, b->boot_state.target, true);
	json_decref(event);
}

static void box_note_offer(struct box *b)
{
	const struct scenario_group *g = b->group;
	if (b->answer_ns != BOX_NEVER)
		return;
	b->answer_ns = b->now_ns + (uint64_t)random_exponential(&b->random, (double)g->accept_after_ns);
	b->answer_accepts = random_chance(&b->random, g->accept);
}

static void box_event(void *user, const struct carousel_rx_event *e)
{
	struct box *b = user;
	json_t *event;
	if (e->kind == CAROUSEL_RX_EVENT_PROGRESS || e->kind == CAROUSEL_RX_EVENT_ALARM)
		return;
	if (e->kind == CAROUSEL_RX_EVENT_STATE && e->state == CAROUSEL_RX_RECEIVING) {
		b->is_receiving = true;
		box_note_begun(b, e->json);
	}
	if (e->state < CAROUSEL_RX_RECEIVED && e->kind != CAROUSEL_RX_EVENT_REBOOT)
		return;
	event = json_loads(e->json, 0, NULL);
	if (event == NULL)
		return;
	box_note_image(b, event);
	json_decref(event);
	if (e->kind == CAROUSEL_RX_EVENT_OFFER)
		box_note_offer(b);
	if (e->kind == CAROUSEL_RX_EVENT_REBOOT && b->boot_ns == BOX_NEVER) {
		b->report->installs++;
		b->is_boot_trial = true;
		b->is_boot_failing = random_chance(&b->random, b->group->trial_failure);
		b->boot_ns = b->now_ns + b->group->reboot_ns * (b->is_boot_failing ? 2 : 1);
	}
}

/* ---- life ---------------------------------------------------------------------------------------------- */

static int box_fail(struct box *b, int result)
{
	if (carousel_error_is_fatal(result) && b->error == 0)
		b->error = result;
	return b->error;
}

static int box_start(struct box *b)
{
	snprintf(b->version_text, sizeof b->version_text, "%u", (unsigned)b->version);
	return carousel_rx_new(&b->rx, &b->config, b->now_ns);
}

static void box_stop(struct box *b)
{
	for (unsigned i = 0; i < sizeof b->jobs / sizeof b->jobs[0]; i++)
		if (b->jobs[i]) {
			(void)carousel_rx_job_done(b->rx, b->jobs[i], b->now_ns);
			b->jobs[i] = NULL;
		}
	carousel_rx_free(b->rx);
	b->rx = NULL;
}

/* The boot is over: in the new slot, or back in the old one. */
static int box_boot(struct box *b)
{
	const uint32_t from = b->version;
	int result;
	b->boot_ns = BOX_NEVER;
	b->answer_ns = BOX_NEVER;
	box_stop(b);
	b->boot_state.fell_back = b->is_boot_failing;
	if (b->is_boot_failing)
		b->report->fallbacks++;
	else {
		b->boot_state = (struct carousel_boot_state){
			.running = b->boot_state.target, .target = b->boot_state.running, .is_trial = 1};
		b->storage.running = b->boot_state.running;
		b->version = b->target_version;
		if (report_move(b->report, b->group_number, from, b->version, b->now_ns) != 0)
			return CAROUSEL_E_MEMORY;
	}
	result = box_start(b);
	if (result == 0 && !b->is_boot_failing)
		(void)carousel_rx_request(b->rx, CAROUSEL_RX_HEALTHY, 0, b->now_ns);
	return result;
}

static void box_answer(struct box *b)
{
	b->answer_ns = BOX_NEVER;
	b->report->declined += !b->answer_accepts;
	(void)carousel_rx_request(b->rx, b->answer_accepts ? CAROUSEL_RX_ACCEPT : CAROUSEL_RX_DECLINE, 0, b->now_ns);
}

static uint64_t box_next_kill(struct box *b)
{
	const double mean = (double)b->group->kill_every_ns;
	return mean > 0 ? b->now_ns + 1 + (uint64_t)random_exponential(&b->random, mean) : BOX_NEVER;
}

int box_init(struct box *b, const struct carousel_allocator *allocator, struct report *report, const struct scenario *s,
	const struct headend *headend, uint64_t number)
{
	uint64_t slot_bytes = 1u << 20;
	uint32_t in_group;
	int result;
	*b = (struct box){.headend = headend, .report = report, .boot_ns = BOX_NEVER, .answer_ns = BOX_NEVER};
	b->group = scenario_group_of(s, number, &in_group);
	b->group_number = (uint32_t)(b->group - s->groups);
	scenario_box_of(b->group, in_group, &b->who);
	b->version = b->who.version;
	/* The same first draws as in the fleet model: a box has the same habits in both. */
	random_init(&b->random, s->seed, number);
	b->shift_ns = random_below(&b->random, b->group->on_spread_ns);
	b->join_ns = b->group->join_ns + random_below(&b->random, b->group->join_spread_ns);
	b->wake_ns = b->join_ns;
	b->kill_ns = box_next_kill(b);
	for (uint32_t n = 0; n < s->transmitter.headends; n++)
		channel_init(&b->channels[n], &b->group->channel, s->seed, number * SCENARIO_MAX_HEADENDS + n);
	for (size_t i = 0; i < s->num_images; i++)
		slot_bytes = s->images[i].size_bytes > slot_bytes ? s->images[i].size_bytes : slot_bytes;
	if (b->group->slot_bytes)
		slot_bytes = b->group->slot_bytes;
	delay_line_init(&b->line, allocator, BOX_MAX_DELAYED_PACKETS, BOX_MAX_DELAYED_BYTES);
	result = box_storage_init(&b->storage, allocator, slot_bytes, headend->payload == HEADEND_BYTES);
	for (size_t i = 0; i < s->num_images && result == 0; i++)
		if (s->images[i].version == b->version && s->images[i].size_bytes <= slot_bytes &&
			strcmp(s->images[i].class_name, b->who.class_name) == 0)
			result = box_storage_fill(&b->storage, 0, headend->images[i].manifest.sha256,
				headend->images[i].bytes, headend->images[i].len);
	if (result == 0)
		result = box_seed(&b->storage, headend, &b->who, b->group->have, number);
	b->boot = (struct carousel_boot){b, boot_state_of, boot_mark_bad, boot_try_slot, boot_confirm};
	b->boot_state = (struct carousel_boot_state){.running = 0, .target = 1, .is_confirmed = 1};
	b->config = (struct carousel_rx_config){.alloc_user = allocator ? allocator->user : NULL,
		.alloc = allocator ? allocator->alloc : NULL,
		.free = allocator ? allocator->free : NULL,
		.event_user = b,
		.event = box_event,
		.storage = &b->storage.table,
		.boot = &b->boot,
		.box_id = b->who.id,
		.category = b->who.category,
		.hardware_class = b->who.class_name,
		.version = b->version_text,
		.trust_root = headend->root_text,
		.trust_root_len = headend->root_len,
		.tsi = HEADEND_TSI,
		.write_rate_bps = b->group->write_rate_bps,
		.offers = b->group->offers,
		.no_progress = 1,
		.allow_absent = headend->payload != HEADEND_BYTES};
	if (result == 0)
		result = report_move(report, b->group_number, REPORT_NONE, b->version, 0);
	return result;
}

void box_deinit(struct box *b)
{
	if (b->rx)
		box_stop(b);
	delay_line_deinit(&b->line);
	box_storage_deinit(&b->storage);
}

/* ---- time ------------------------------------------------------------------------------------------------ */

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* When something happens by itself. Asleep, a box neither hears nor works; its clock goes on. */
static uint64_t box_next(const struct box *b)
{
	uint64_t next = b->boot_ns;
	if (b->rx == NULL && b->boot_ns == BOX_NEVER)
		return b->join_ns;
	if (b->rx == NULL)
		return next;
	next = earlier(next, b->answer_ns);
	next = earlier(next, b->kill_ns);
	next = earlier(next, delay_line_due(&b->line));
	for (unsigned i = 0; i < sizeof b->jobs / sizeof b->jobs[0]; i++)
		if (b->jobs[i])
			next = earlier(next, b->jobs_ns[i]);
	next = earlier(next, carousel_rx_deadline(b->rx));
	if (next <= b->now_ns)
		next = b->now_ns;
	return next;
}

/* Takes up and does what work there is; slow boxes hand it back later. */
static int box_work(struct box *b)
{
	struct carousel_job *job;
	int result = 0;
	for (unsigned turn = 0; turn < BOX_MAX_TURNS && result == 0 && (job = carousel_rx_next_job(b->rx)) != NULL;
		turn++) {
		unsigned place = 0;
		carousel_job_run(job);
		while (place < sizeof b->jobs / sizeof b->jobs[0] && b->jobs[place])
			place++;
		if (b->group->job_time_ns == 0 || place == sizeof b->jobs / sizeof b->jobs[0]) {
			result = box_fail(b, carousel_rx_job_done(b->rx, job, b->now_ns));
			continue;
		}
		b->jobs[place] = job;
		b->jobs_ns[place] = b->now_ns + b->group->job_time_ns;
	}
	return result;
}

static int box_hand_back(struct box *b)
{
	int result = 0;
	for (unsigned i = 0; i < sizeof b->jobs / sizeof b->jobs[0] && result == 0; i++)
		if (b->jobs[i] && b->jobs_ns[i] <= b->now_ns) {
			struct carousel_job *job = b->jobs[i];
			b->jobs[i] = NULL;
			result = box_fail(b, carousel_rx_job_done(b->rx, job, b->now_ns));
		}
	return result;
}

static int box_take(struct box *b, uint32_t headend, const uint8_t *data, size_t len, size_t absent)
{
	const struct carousel_datagram d = {.data = data,
		.len = len,
		.source = {.family = 4, .ip = {198, 51, 100, (uint8_t)(headend + 1)}, .port = 4001},
		.channel = headend,
		.absent_bytes = absent};
	int result;
	if (b->rx == NULL || !airtime_hears(b->group, b->shift_ns, b->now_ns))
		return 0;
	b->report->packets_received++;
	result = box_fail(b, carousel_rx_recv(b->rx, &d, b->now_ns));
	return result ? result : box_work(b);
}

static int box_take_delayed(struct box *b)
{
	const struct delay_line_packet *p = delay_line_first(&b->line);
	uint32_t head[2];
	int result;
	memcpy(head, p->data, sizeof head);
	result = box_take(b, head[0], p->data + BOX_WIRE_PREFIX, p->len - BOX_WIRE_PREFIX, head[1]);
	delay_line_pop(&b->line);
	return result;
}

static int box_step(struct box *b)
{
	int result;
	if (b->boot_ns <= b->now_ns)
		return box_boot(b);
	if (b->rx == NULL)
		return box_start(b);
	if (b->answer_ns <= b->now_ns)
		box_answer(b);
	if (b->kill_ns <= b->now_ns) {
		b->report->kills++;
		b->kill_ns = box_next_kill(b);
		box_stop(b);
		return box_start(b);
	}
	result = box_hand_back(b);
	if (result == 0 && delay_line_due(&b->line) <= b->now_ns)
		result = box_take_delayed(b);
	if (result == 0 && carousel_rx_deadline(b->rx) <= b->now_ns)
		result = box_fail(b, carousel_rx_on_deadline(b->rx, b->now_ns));
	return result ? result : box_work(b);
}

int box_run(struct box *b, uint64_t now_ns)
{
	int result = 0;
	for (unsigned turn = 0; b->wake_ns <= now_ns && result == 0; turn++) {
		if (b->wake_ns > b->now_ns) {
			b->now_ns = b->wake_ns;
			turn = 0;
		}
		if (turn == BOX_MAX_TURNS)
			return CAROUSEL_E_INTERNAL; /* a deadline that is never met */
		result = box_step(b);
		b->wake_ns = box_next(b);
	}
	b->now_ns = now_ns;
	return result;
}

/* ---- packets --------------------------------------------------------------------------------------------- */

static int box_delay(struct box *b, uint32_t headend, const uint8_t *data, const struct tx_packet *p, uint64_t due_ns)
{
	const uint32_t head[2] = {headend, (uint32_t)p->absent_bytes};
	uint8_t copy[BOX_WIRE_PREFIX + TX_MAX_PACKET_BYTES];
	int result;
	memcpy(copy, head, sizeof head);
	memcpy(copy + BOX_WIRE_PREFIX, data, p->len);
	result = delay_line_push(&b->line, due_ns, copy, BOX_WIRE_PREFIX + p->len);
	b->wake_ns = earlier(b->wake_ns, due_ns);
	return result == CAROUSEL_E_LIMIT ? 0 : result;
}

int box_send(struct box *b, uint32_t headend, const uint8_t *data, const struct tx_packet *p, uint64_t now_ns)
{
	struct channel_fate fate;
	uint8_t damaged[TX_MAX_PACKET_BYTES];
	int result = 0;
	channel_pass(&b->channels[headend], now_ns, p->len + p->absent_bytes, &fate);
	if (b->rx == NULL || !airtime_hears(b->group, b->shift_ns, now_ns))
		return 0;
	if (fate.num_copies == 0) {
		b->report->packets_lost++;
		b->burst++;
		return 0;
	}
	if (b->burst)
		report_burst(b->report, b->burst);
	b->burst = 0;
	for (unsigned i = 0; i < fate.num_copies && result == 0; i++) {
		const uint8_t *bytes = data;
		/* UDP's checksum finds it; without one, damage to a payload that is not there cannot be shown. */
		if (i == 0 && fate.num_flips &&
			(!b->group->no_checksum || (fate.flips[0] / 8 >= p->len && p->absent_bytes)))
			continue;
		if (i == 0 && fate.num_flips) {
			memcpy(damaged, data, p->len);
			channel_corrupt(&fate, damaged, p->len);
			bytes = damaged;
		}
		if (fate.delay_ns[i])
			result = box_delay(b, headend, bytes, p, now_ns + fate.delay_ns[i]);
		else
			result = box_take(b, headend, bytes, p->len, p->absent_bytes);
	}
	if (b->rx)
		b->wake_ns = earlier(b->wake_ns, box_next(b));
	return result;
}

bool box_is_settled(const struct box *b)
{
	return b->rx && b->boot_ns == BOX_NEVER && b->answer_ns == BOX_NEVER && b->boot_state.is_confirmed &&
	       carousel_rx_state(b->rx) == CAROUSEL_RX_UP_TO_DATE;
}

void box_finish(struct box *b)
{
	json_t *explain, *decision;
	const char *reason, *verdict;
	char *text = b->rx ? carousel_rx_status_json(b->rx, b->now_ns) : NULL;
	if (text == NULL)
		return;
	explain = json_loads(text, 0, NULL);
	carousel_rx_string_free(b->rx, text);
	decision = json_object_get(explain, "decision");
	reason = json_string_value(json_object_get(decision, "reason"));
	verdict = json_string_value(json_object_get(decision, "verdict"));
	if (verdict && strcmp(verdict, "none") != 0 && b->group->offers != CAROUSEL_RX_OFFERS_IGNORE)
		b->report->waiting++;
	for (unsigned i = 1; reason && i < REPORT_NUM_REASONS; i++)
		if (strcmp(reason, policy_reason_name((enum policy_reason)i)) == 0)
			b->report->reasons[i]++;
	json_decref(explain);
}
