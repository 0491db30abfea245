#include "tests/lib/fake_box.h"

#include "tests/lib/test.h"

#include <stdio.h>

static int fake_boot_call(struct fake_boot *b)
{
	b->calls++;
	if (b->fail_calls == 0)
		return 0;
	b->fail_calls--;
	return CAROUSEL_E_STORAGE;
}

static int fake_boot_state_of(void *user, struct carousel_boot_state *state)
{
	*state = ((struct fake_boot *)user)->state;
	return 0;
}

static int fake_boot_mark_bad(void *user, int slot)
{
	struct fake_boot *b = user;
	int result = fake_boot_call(b);
	if (result)
		return result;
	b->is_bad[slot] = true;
	b->tries[slot] = 0;
	b->first = !slot;
	return 0;
}

static int fake_boot_try(void *user, int slot, unsigned tries)
{
	struct fake_boot *b = user;
	int result = fake_boot_call(b);
	if (result)
		return result;
	b->is_bad[slot] = false;
	b->tries[slot] = tries;
	b->first = slot;
	return 0;
}

static int fake_boot_confirm(void *user, int slot)
{
	struct fake_boot *b = user;
	int result = fake_boot_call(b);
	if (result)
		return result;
	b->tries[slot] = 0;
	b->state.is_confirmed = 1;
	b->state.is_trial = 0;
	return 0;
}

static void fake_box_event(void *user, const struct carousel_rx_event *e)
{
	static const char letters[] = {'S', 'D', 'O', 'P', 'R', 'A'};
	struct fake_box *box = user;
	size_t len = strlen(box->event_kinds);
	if (e->kind != CAROUSEL_RX_EVENT_PROGRESS && len + 1 < sizeof(box->event_kinds))
		box->event_kinds[len] = letters[e->kind];
	box->offers += e->kind == CAROUSEL_RX_EVENT_OFFER;
	box->reboots += e->kind == CAROUSEL_RX_EVENT_REBOOT;
	box->alarms += e->kind == CAROUSEL_RX_EVENT_ALARM;
	box->decisions += e->kind == CAROUSEL_RX_EVENT_DECISION;
	box->progress += e->kind == CAROUSEL_RX_EVENT_PROGRESS;
	if (e->kind == CAROUSEL_RX_EVENT_ALARM)
		box->alarm_error = e->error;
	free(box->last_json);
	box->last_json = strdup(e->json);
}

void fake_box_init(
	struct fake_box *box, const char *root_text, const char *class_name, uint32_t version, uint64_t slot_bytes)
{
	memset(box, 0, sizeof(*box));
	ram_storage_init(&box->storage, slot_bytes);
	box->boot.table = (struct carousel_boot){
		&box->boot, fake_boot_state_of, fake_boot_mark_bad, fake_boot_try, fake_boot_confirm};
	box->boot.state = (struct carousel_boot_state){.running = 0, .target = 1, .is_confirmed = 1};
	box->boot.storage = &box->storage;
	box->now_ns = 1000000000;
	box->packet_ns = 1000000;
	box->random = 1;
	box->source = (struct carousel_addr){.family = 4, .ip = {198, 51, 100, 7}, .port = 4001};
	snprintf(box->version, sizeof(box->version), "%u", version);
	box->config = (struct carousel_rx_config){.event_user = box,
		.event = fake_box_event,
		.storage = &box->storage.table,
		.boot = &box->boot.table,
		.box_id = "00a1b2c3d4",
		.hardware_class = class_name,
		.version = box->version,
		.trust_root = root_text,
		.trust_root_len = strlen(root_text),
		.tsi = 4001};
}

int fake_box_start(struct fake_box *box)
{
	fake_box_stop(box);
	return carousel_rx_new(&box->rx, &box->config, box->now_ns);
}

void fake_box_stop(struct fake_box *box)
{
	carousel_rx_free(box->rx);
	box->rx = NULL;
}

void fake_box_deinit(struct fake_box *box)
{
	fake_box_stop(box);
	ram_storage_deinit(&box->storage);
	free(box->last_json);
}

void fake_box_power_cut(struct fake_box *box, uint64_t seed)
{
	fake_box_stop(box);
	ram_storage_power_on(&box->storage, seed);
	assert_int_equal(fake_box_start(box), 0);
	fake_box_work(box);
}

static void fake_box_check_mark(struct fake_box *box)
{
	const struct ram_file *target = &box->storage.file[RX_SLOT_TARGET];
	if (target->num_pending && !box->boot.is_bad[box->boot.state.target])
		box->boot.wrote_before_mark = true;
}

void fake_box_work(struct fake_box *box)
{
	for (unsigned i = 0; i < 100000 && !box->hold_jobs; i++) {
		struct carousel_job *job = carousel_rx_next_job(box->rx);
		if (job == NULL) {
			if (carousel_rx_deadline(box->rx) > box->now_ns)
				return;
			assert_int_equal(carousel_rx_on_deadline(box->rx, box->now_ns), 0);
			continue;
		}
		carousel_job_run(job);
		fake_box_check_mark(box);
		(void)carousel_rx_job_done(box->rx, job, box->now_ns);
	}
	if (!box->hold_jobs)
		fail_msg("the receiver is never at rest");
}

void fake_box_wait(struct fake_box *box, uint64_t ns)
{
	uint64_t until_ns = box->now_ns + ns;
	while (box->now_ns < until_ns) {
		uint64_t deadline = carousel_rx_deadline(box->rx);
		box->now_ns = deadline < until_ns && deadline > box->now_ns ? deadline : until_ns;
		fake_box_work(box);
	}
}

void fake_box_hear(void *user, const uint8_t *packet, size_t len)
{
	struct fake_box *box = user;
	struct carousel_datagram d = {.source = box->source};
	uint8_t *copy;
	int result;
	box->now_ns += box->packet_ns;
	if (box->loss > 0 && (double)(test_random(&box->random) >> 11) / 9007199254740992.0 < box->loss)
		return;
	copy = malloc(len ? len : 1); /* of exact size: a sanitizer sees one byte too many */
	assert_non_null(copy);
	memcpy(copy, packet, len);
	d.data = copy;
	d.len = len;
	result = carousel_rx_recv(box->rx, &d, box->now_ns);
	free(copy);
	assert_false(carousel_error_is_fatal(result));
	fake_box_work(box);
}

void fake_box_until(struct fake_box *box, struct fake_tx *tx, enum carousel_rx_state state, unsigned passes)
{
	tx->send = fake_box_hear;
	tx->user = box;
	for (unsigned i = 0; i < passes && carousel_rx_state(box->rx) != state; i++) {
		fake_tx_pass(tx);
		fake_box_wait(box, 2000000000);
	}
	if (carousel_rx_state(box->rx) != state) {
		char *text = carousel_rx_explain_json(box->rx, box->now_ns);
		fail_msg("is %s, not %s: %s", carousel_rx_state_name(carousel_rx_state(box->rx)),
			carousel_rx_state_name(state), text);
	}
}

void fake_box_reboot(struct fake_box *box, uint32_t version)
{
	struct fake_boot *b = &box->boot;
	int old = b->state.running, slot = b->first;
	fake_box_stop(box);
	if (b->is_bad[slot] || (b->tries[slot] == 0 && slot != old && !b->state.is_trial))
		slot = !slot;
	b->state.is_trial = b->tries[slot] > 0;
	if (b->tries[slot] == 1 && b->state.running == slot && !b->state.is_confirmed) {
		/* the last trial was not confirmed */
		b->tries[slot] = 0;
		slot = !slot;
		b->state.is_trial = 0;
	} else if (b->tries[slot]) {
		b->tries[slot]--;
		b->tries[slot] += b->tries[slot] == 0; /* 1: none left after this one */
	}
	b->state.running = slot;
	b->state.target = !slot;
	b->state.is_confirmed = !b->state.is_trial;
	b->state.fell_back = slot != b->first;
	if (slot != old) {
		struct ram_file swap = box->storage.file[RX_SLOT_TARGET];
		box->storage.file[RX_SLOT_TARGET] = box->storage.file[RX_SLOT_RUNNING];
		box->storage.file[RX_SLOT_RUNNING] = swap;
	}
	snprintf(box->version, sizeof(box->version), "%u", version);
	assert_int_equal(fake_box_start(box), 0);
	fake_box_work(box);
}

bool fake_box_holds(const struct fake_box *box, const struct fake_image *image)
{
	return memcmp(box->storage.file[RX_SLOT_TARGET].now, image->bytes, image->len) == 0;
}
