#include "carousel-rx/receiver.h"

#include "common/carousel_error.h"

#include <string.h>

#define AGENT_ALARM_AGAIN_NS 60000000000u
/* A checked signature costs about 0.1 ms: at most 20 heartbeats a second are checked, 40 at once. */
#define AGENT_HEARTBEAT_COST_NS 50000000u
#define AGENT_HEARTBEAT_BURST   40u
#define AGENT_MONTH_S           (30u * 86400u)
#define AGENT_SECOND_NS         1000000000u

void agent_set_state(struct carousel_rx *rx, enum carousel_rx_state state, int error)
{
	if (rx->state == state && rx->state_error == error && rx->is_started)
		return;
	rx->state = rx->memo.state = state;
	rx->state_error = error;
	rx->is_started = true;
	rx->desk.is_state_dirty = true;
	report_event(rx, CAROUSEL_RX_EVENT_STATE, error, NULL);
}

/* ---- documents ------------------------------------------------------------------------------------- */

void agent_refused(struct carousel_rx *rx, unsigned role, int error)
{
	struct rx_refusals *r = &rx->refusals;
	const char *name = role == OBJECT_NUM_ROLES ? "heartbeat" : object_role_name((enum object_role)role);
	uint64_t *told_ns;
	r->count[role]++;
	if (error >= 0 || error <= -CAROUSEL_ERROR_NUMBERS)
		return;
	told_ns = &r->told_ns[role][-error];
	if (*told_ns && rx->now_ns - *told_ns < AGENT_ALARM_AGAIN_NS)
		return;
	*told_ns = rx->now_ns;
	log_write(&rx->log, CAROUSEL_LOG_WARNING, "%s refused: %s", name, carousel_strerror(error));
	report_event(rx, CAROUSEL_RX_EVENT_ALARM, error, name);
}

int agent_heartbeat(void *user, uint64_t sequence, const uint8_t *envelope, size_t len, uint64_t now_ns)
{
	struct carousel_rx *rx = user;
	const uint64_t burst_ns = (uint64_t)AGENT_HEARTBEAT_COST_NS * AGENT_HEARTBEAT_BURST;
	uint64_t paid_ns = rx->heartbeat_paid_ns, gate_time_s = rx->documents.gate_time_s;
	int result;
	if (now_ns > burst_ns && paid_ns < now_ns - burst_ns)
		paid_ns = now_ns - burst_ns;
	if (paid_ns + AGENT_HEARTBEAT_COST_NS > now_ns)
		return CAROUSEL_E_LIMIT;
	rx->heartbeat_paid_ns = paid_ns + AGENT_HEARTBEAT_COST_NS;
	result = documents_take_heartbeat(&rx->documents, sequence, envelope, len, now_ns);
	if (result == CAROUSEL_E_MEMORY)
		return CAROUSEL_E_LIMIT;
	if (result) {
		agent_refused(rx, OBJECT_NUM_ROLES, result);
		return result;
	}
	/* A recording of this hour verifies as well, but moves nothing. */
	if (rx->documents.gate_time_s > gate_time_s)
		agent_watch_heartbeat(rx);
	rx->must_evaluate = true;
	return 0;
}

static void agent_follow_sessions(struct carousel_rx *rx)
{
	const struct policy_map *map = rx->documents.map;
	for (size_t i = 0; map && i < map->num_sessions && i < CAROUSEL_RX_MAX_SESSIONS; i++)
		reception_allow_tsi(rx->reception, map->sessions[i].tsi);
}

void agent_documents_changed(struct carousel_rx *rx, enum object_role role)
{
	const struct documents *d = &rx->documents;
	if (role == OBJECT_ROLE_TRUST_ROOT) {
		/* What an unknown key had signed may be good now. */
		reception_hear_again(rx->reception, OBJECT_ROLE_MAP);
		reception_hear_again(rx->reception, OBJECT_ROLE_MANIFEST);
		if (d->heartbeat.sequence == 0) {
			reception_forget_heartbeats(rx->reception);
			rx->watch.has_announced = false;
		}
	}
	if (role == OBJECT_ROLE_MAP || role == OBJECT_ROLE_TRUST_ROOT) {
		rx->memo.map_epoch = d->floor_epoch;
		rx->memo.map_serial = d->floor_serial;
		memcpy(rx->memo.map_sha256, d->floor_sha256, sizeof(rx->memo.map_sha256));
		agent_follow_sessions(rx);
		rx->manifest_again_ns = 0;
		rx->slot.retry_ns = 0;
	}
	rx->desk.are_documents_dirty = true;
	rx->desk.is_state_dirty = true;
	rx->must_evaluate = true;
	rx->has_decision = false; /* it may borrow from a map that is gone */
}

/* ---- decision -------------------------------------------------------------------------------------- */

static void agent_decide(struct carousel_rx *rx)
{
	const struct documents *d = &rx->documents;
	rx->has_decision = false;
	if (d->map == NULL)
		return;
	rx->box.failures = rx->memo.failures;
	rx->box.num_failures = rx->memo.num_failures;
	rx->box.declined = (const uint8_t(*)[HASH_SHA256_BYTES])rx->memo.declined;
	rx->box.num_declined = rx->memo.num_declined;
	if (rx->config.has_trusted_clock && rx->config.wall_clock_s)
		rx->box.clock_s = rx->config.wall_clock_s(rx->config.wall_clock_user);
	rx->has_decision = policy_decide(d->map, &rx->box, d->gate_time_s, &rx->decision) == 0;
}

bool agent_is_mandatory(const struct carousel_rx *rx)
{
	return rx->has_decision && (rx->decision.verdict == POLICY_MANDATORY || rx->decision.verdict == POLICY_RECALL);
}

static bool agent_has_accepted(const struct carousel_rx *rx, const struct policy_image *image)
{
	return rx->memo.has_accepted && memcmp(rx->memo.accepted_sha256, image->sha256, 32) == 0;
}

/* What the newest map wants in the target slot, or NULL; *is_agreed: it may be installed without asking. */
static const struct policy_image *agent_wanted(const struct carousel_rx *rx, bool *is_agreed)
{
	const struct policy_decision *d = &rx->decision;
	bool is_prefetched = rx->config.prefetch == CAROUSEL_RX_PREFETCH_ALWAYS;
	*is_agreed = false;
	if (!rx->has_decision || d->image == NULL)
		return NULL;
	switch (d->verdict) {
	case POLICY_MANDATORY:
	case POLICY_RECALL:
		*is_agreed = true;
		return d->image;
	case POLICY_OFFER:
		*is_agreed = rx->memo.has_asked || agent_has_accepted(rx, d->image) ||
			     rx->config.offers == CAROUSEL_RX_OFFERS_INSTALL;
		is_prefetched = is_prefetched || rx->config.offers != CAROUSEL_RX_OFFERS_IGNORE;
		return *is_agreed || is_prefetched ? d->image : NULL;
	default:
		*is_agreed = rx->memo.has_asked &&
			     (d->request == POLICY_REQUEST_INSTALL || d->request == POLICY_REQUEST_REINSTALL);
		is_prefetched = is_prefetched && d->request == POLICY_REQUEST_INSTALL;
		return *is_agreed || is_prefetched ? d->image : NULL;
	}
}

/* Since when the box has known that it must: what an inhibit may hold up is counted from there. */
static void agent_note_due(struct carousel_rx *rx)
{
	struct memo *m = &rx->memo;
	if (!agent_is_mandatory(rx) || rx->decision.image == NULL)
		return;
	if (memcmp(m->due_sha256, rx->decision.image->sha256, 32) == 0 && (m->due_since_s || rx->due_since_ns))
		return;
	memcpy(m->due_sha256, rx->decision.image->sha256, 32);
	m->due_since_s = rx->documents.gate_time_s;
	rx->due_since_ns = rx->now_ns;
	rx->desk.is_state_dirty = true;
}

/* Whichever of the two clocks is ahead: gate time goes on through power cuts, ours without a heartbeat. */
static bool agent_is_overdue(const struct carousel_rx *rx, uint64_t *until_ns)
{
	uint64_t wait_s = rx->config.mandatory_wait_s, gate_s = rx->documents.gate_time_s;
	*until_ns = UINT64_MAX;
	if (!agent_is_mandatory(rx))
		return false;
	if (rx->memo.due_since_s && gate_s > rx->memo.due_since_s && gate_s - rx->memo.due_since_s >= wait_s)
		return true;
	*until_ns = rx->due_since_ns + wait_s * AGENT_SECOND_NS;
	return rx->now_ns >= *until_ns;
}

int agent_delay(const struct carousel_rx *rx, uint64_t *until_ns)
{
	const struct rx_consent *c = &rx->consent;
	*until_ns = UINT64_MAX;
	if (rx->inhibits && !agent_is_overdue(rx, until_ns))
		return CAROUSEL_E_INHIBITED;
	if (agent_is_mandatory(rx))
		return 0;
	if (rx->now_ns < c->defer_until_ns && rx->documents.gate_time_s < rx->memo.defer_until_s) {
		*until_ns = c->defer_until_ns;
		return CAROUSEL_E_BUSY;
	}
	return 0;
}

/* ---- states ---------------------------------------------------------------------------------------- */

/* The decision that counts: with the newest map, for what is complete. */
static void agent_count(struct carousel_rx *rx)
{
	uint64_t serial = rx->documents.map->serial;
	if (rx->slot.has_counted && rx->slot.counted_serial == serial)
		return;
	if (!rx->slot.has_counted)
		agent_set_state(rx, CAROUSEL_RX_RECEIVED, 0);
	rx->slot.has_counted = true;
	rx->slot.counted_serial = serial;
	report_event(rx, CAROUSEL_RX_EVENT_DECISION, 0, "final");
}

static void agent_offer(struct carousel_rx *rx)
{
	uint64_t until_ns, gate_s = rx->documents.gate_time_s;
	bool is_monthly = rx->config.offers == CAROUSEL_RX_OFFERS_MONTHLY;
	if (agent_delay(rx, &until_ns) == CAROUSEL_E_BUSY) {
		rx->consent.is_offer_open = false;
		agent_set_state(rx, CAROUSEL_RX_SCHEDULED, 0);
		return;
	}
	if (!rx->consent.is_offer_open && is_monthly && rx->memo.offered_s &&
		gate_s - rx->memo.offered_s < AGENT_MONTH_S) {
		agent_set_state(rx, CAROUSEL_RX_RECEIVED, 0);
		return;
	}
	agent_set_state(rx, CAROUSEL_RX_OFFERED, 0);
	if (rx->consent.is_offer_open)
		return;
	rx->consent.is_offer_open = true;
	rx->memo.offered_s = gate_s;
	rx->desk.is_state_dirty = true;
	report_event(rx, CAROUSEL_RX_EVENT_OFFER, 0, NULL);
}

static void agent_ready(struct carousel_rx *rx, bool is_agreed)
{
	uint64_t until_ns;
	int delay = agent_delay(rx, &until_ns);
	agent_count(rx);
	if (is_agreed && delay) {
		agent_set_state(rx, CAROUSEL_RX_SCHEDULED, delay);
	} else if (is_agreed) {
		rx->consent.is_offer_open = false;
		agent_set_state(rx, CAROUSEL_RX_INSTALLING, 0);
		agent_slot_switch(rx);
	} else if (rx->decision.verdict == POLICY_OFFER && rx->config.offers != CAROUSEL_RX_OFFERS_IGNORE) {
		agent_offer(rx);
	} else {
		agent_set_state(rx, CAROUSEL_RX_UP_TO_DATE, 0);
	}
}

static void agent_switched(struct carousel_rx *rx)
{
	uint64_t until_ns;
	agent_set_state(rx, CAROUSEL_RX_PENDING_REBOOT, 0);
	if (rx->has_told_reboot || (rx->inhibits && !agent_is_overdue(rx, &until_ns)))
		return;
	rx->has_told_reboot = true;
	report_event(rx, CAROUSEL_RX_EVENT_REBOOT, 0, NULL);
}

static void agent_nothing_wanted(struct carousel_rx *rx)
{
	rx->consent.is_offer_open = false;
	if (!rx->has_decision)
		agent_set_state(rx, CAROUSEL_RX_WAITING_MAP, 0);
	else if (rx->decision.reason == POLICY_REASON_FAILED_BEFORE)
		agent_set_state(rx, CAROUSEL_RX_FAILED, rx->trial.error);
	else if (rx->decision.reason == POLICY_REASON_BELOW_HARDWARE_FLOOR)
		agent_set_state(rx, CAROUSEL_RX_FAILED, CAROUSEL_E_HARDWARE_FLOOR);
	else
		agent_set_state(rx, CAROUSEL_RX_UP_TO_DATE, 0);
}

static void agent_conclude(struct carousel_rx *rx, const struct policy_image *wanted, bool is_agreed)
{
	const struct rx_slot *s = &rx->slot;
	if (wanted == NULL) {
		agent_nothing_wanted(rx);
		return;
	}
	switch (s->step) {
	case SLOT_READY:
		agent_ready(rx, is_agreed);
		break;
	case SLOT_CHECKING:
		agent_set_state(rx, s->was_switched ? CAROUSEL_RX_PENDING_REBOOT : CAROUSEL_RX_INSTALLING, 0);
		break;
	case SLOT_SWITCHING:
		agent_set_state(rx, CAROUSEL_RX_INSTALLING, 0);
		break;
	case SLOT_SWITCHED:
		agent_switched(rx);
		break;
	default:
		rx->consent.is_offer_open = false;
		if (s->error)
			agent_set_state(rx, CAROUSEL_RX_FAILED, s->error);
		else if (!is_agreed &&
			 (rx->decision.verdict == POLICY_NONE || rx->config.offers == CAROUSEL_RX_OFFERS_IGNORE))
			agent_set_state(rx, CAROUSEL_RX_UP_TO_DATE, 0); /* ahead of any need */
		else
			agent_set_state(rx, CAROUSEL_RX_RECEIVING, 0);
	}
}

/* ---- evaluation ------------------------------------------------------------------------------------ */

/* Told once when it changes; what is nothing to do counts at once, the rest when the image is complete. */
static void agent_tell_decision(struct carousel_rx *rx)
{
	const struct policy_decision *d = &rx->decision;
	uint64_t mark[5] = {(uint64_t)d->verdict, (uint64_t)d->reason, (uint64_t)d->target, rx->documents.floor_serial,
		rx->documents.floor_epoch};
	if (!rx->has_decision || memcmp(mark, rx->told_decision, sizeof(mark)) == 0)
		return;
	memcpy(rx->told_decision, mark, sizeof(mark));
	if (rx->slot.step < SLOT_READY)
		report_event(rx, CAROUSEL_RX_EVENT_DECISION, 0, d->verdict == POLICY_NONE ? "final" : "provisional");
	if (d->alarm)
		report_event(rx, CAROUSEL_RX_EVENT_ALARM, CAROUSEL_E_VERSION, "installed version is unreadable");
	if (d->map_expired)
		report_event(rx, CAROUSEL_RX_EVENT_ALARM, CAROUSEL_E_EXPIRED, "map");
}

static void agent_on_trial(struct carousel_rx *rx)
{
	if (rx->trial.error == 0) {
		agent_set_state(rx, CAROUSEL_RX_TRIAL, 0);
		return;
	}
	agent_set_state(rx, CAROUSEL_RX_FAILED, rx->trial.error);
	if (!rx->has_told_reboot) {
		rx->has_told_reboot = true; /* so that the boot loader falls back */
		report_event(rx, CAROUSEL_RX_EVENT_REBOOT, rx->trial.error, NULL);
	}
}

/* A wish that the rule does not allow any more is void. */
static void agent_drop_void_wishes(struct carousel_rx *rx)
{
	const struct policy_decision *d = &rx->decision;
	if (!rx->has_decision || !rx->memo.has_asked || d->verdict != POLICY_NONE)
		return;
	if (d->request == POLICY_REQUEST_INSTALL || d->request == POLICY_REQUEST_REINSTALL)
		return;
	rx->memo.has_asked = false;
	rx->desk.is_state_dirty = true;
}

void agent_evaluate(struct carousel_rx *rx)
{
	const struct policy_image *wanted;
	bool is_agreed;
	rx->must_evaluate = false;
	agent_decide(rx);
	if (rx->trial.is_pending) {
		agent_on_trial(rx);
		return;
	}
	agent_tell_decision(rx);
	agent_drop_void_wishes(rx);
	agent_note_due(rx);
	wanted = agent_wanted(rx, &is_agreed);
	while (agent_slot_step(rx, wanted))
		;
	agent_conclude(rx, wanted, is_agreed);
}

uint64_t agent_deadline(const struct carousel_rx *rx)
{
	uint64_t deadline = UINT64_MAX, until_ns;
	if (rx->must_evaluate)
		return 0;
	if (rx->state == CAROUSEL_RX_RECEIVING)
		deadline = rx->progress_ns;
	if (rx->state == CAROUSEL_RX_SCHEDULED || rx->state == CAROUSEL_RX_PENDING_REBOOT) {
		if (agent_delay(rx, &until_ns) && until_ns < deadline)
			deadline = until_ns;
	}
	if (rx->slot.retry_ns > rx->now_ns && rx->slot.retry_ns < deadline)
		deadline = rx->slot.retry_ns;
	until_ns = staleness_deadline(&rx->watch.staleness, reception_heard_ns(rx->reception));
	if (until_ns < deadline)
		deadline = until_ns;
	return deadline;
}
