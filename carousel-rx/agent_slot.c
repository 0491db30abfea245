/* The target slot on its way: probe, mark bad, receive, read back, switch.
 *
 * Between reading back and the switch a user may take days, and somebody else may write to the slot: what was not read
 * back within the last minute, and by this process, is read back once more. */
#include "carousel-rx/receiver.h"

#include "common/carousel_error.h"

#include <string.h>

#define SLOT_RETRY_NS         5000000000u   /* after storage or the boot loader failed; doubled each time */
#define SLOT_RETRY_MOST_NS    600000000000u /* and at once when time alone will not mend it */
#define SLOT_BUSY_NS          50000000u
#define SLOT_MANIFEST_WAIT_NS 10000000000u
#define SLOT_TRUST_NS         60000000000u /* what was read back so long ago is read back once more */

/* A full disk is emptied, a device comes back; that the image does not fit, or is not this box's, another map must
 * mend. */
static bool slot_may_mend(int error)
{
	return error == CAROUSEL_E_NO_SPACE || error == CAROUSEL_E_READ_ONLY || error == CAROUSEL_E_STORAGE ||
	       error == CAROUSEL_E_IO || error == CAROUSEL_E_MEMORY || error == CAROUSEL_E_BUSY ||
	       error == CAROUSEL_E_PERMISSION || error == CAROUSEL_E_NOT_FOUND ||
	       error == CAROUSEL_E_REFUSED; /* a boot loader's program */
}

static uint64_t slot_retry_wait_ns(const struct rx_slot *s, int error)
{
	uint64_t wait_ns = SLOT_RETRY_NS;
	if (!slot_may_mend(error))
		return SLOT_RETRY_MOST_NS;
	for (unsigned i = 0; i < s->failures && wait_ns < SLOT_RETRY_MOST_NS; i++)
		wait_ns *= 2;
	return wait_ns < SLOT_RETRY_MOST_NS ? wait_ns : SLOT_RETRY_MOST_NS;
}

static void slot_fail(struct carousel_rx *rx, int error)
{
	struct rx_slot *s = &rx->slot;
	/* What went well for longer than the longest wait has nothing to do with the trouble before. */
	if (s->failures && rx->now_ns >= s->retry_ns && rx->now_ns - s->retry_ns > SLOT_RETRY_MOST_NS) {
		s->failures = 0;
		s->told_error = 0;
	}
	log_write(&rx->log, CAROUSEL_LOG_ERROR, "slot %d: %s", rx->boot.target, carousel_strerror(error));
	if (s->told_error != error)
		report_event(rx, CAROUSEL_RX_EVENT_ALARM, error, "slot");
	s->error = s->told_error = error;
	s->retry_ns = rx->now_ns + slot_retry_wait_ns(s, error);
	s->failures++;
	s->step = SLOT_LEAVING;
}

uint64_t agent_slot_retry_s(const struct carousel_rx *rx)
{
	const struct rx_slot *s = &rx->slot;
	if (s->error == 0 || s->retry_ns <= rx->now_ns)
		return 0;
	return (s->retry_ns - rx->now_ns + 999999999u) / 1000000000u;
}

/* ---- what is to be received ------------------------------------------------------------------------- */

static void slot_listen(struct carousel_rx *rx, bool is_open)
{
	reception_want_image(rx->reception, is_open ? &rx->slot.image : NULL, rx->index);
	reception_set_paused(rx->reception, rx->memo.is_paused);
}

static void slot_forget_index(struct carousel_rx *rx)
{
	if (rx->index == NULL || rx->is_index_under_way)
		return;
	index_collector_free(rx->index);
	rx->index = NULL;
}

/* The manifest must say what the map says. */
static int slot_check_manifest(
	const struct carousel_rx *rx, const struct manifest *m, const struct policy_image *wanted)
{
	uint32_t floor = rx->config.hardware_floor > m->hardware_floor ? rx->config.hardware_floor : m->hardware_floor;
	if (strcmp(m->class_name, rx->class_name) != 0)
		return CAROUSEL_E_WRONG_CLASS;
	if (m->version != wanted->version || m->layout.image_bytes != wanted->size_bytes ||
		memcmp(m->sha256, wanted->sha256, 32) != 0)
		return CAROUSEL_E_CONFLICT;
	return m->version < floor ? CAROUSEL_E_HARDWARE_FLOOR : 0;
}

static void slot_describe(struct rx_slot *s, const struct manifest *m)
{
	s->image = (struct store_image){.layout = m->layout, .has_index = m->index_bytes > 0};
	memcpy(s->image.sha256, m->sha256, 32);
	memcpy(s->image.index_sha256, m->index_sha256, 32);
	s->image.index_bytes = m->index_bytes;
	s->has_image = true;
	s->version = m->version;
	s->has_counted = false;
	s->error = 0;
}

static void slot_mark_bad(struct carousel_rx *rx)
{
	struct memo *m = &rx->memo;
	m->is_slot_dirty = true;
	m->slot = rx->boot.target;
	memcpy(m->slot_sha256, rx->slot.image.sha256, 32);
	rx->desk.is_state_dirty = true;
	rx->desk.boot = BOOT_MARK_BAD;
	rx->desk.boot_slot = rx->boot.target;
	rx->slot.is_marked = false;
	rx->slot.step = SLOT_MARKING;
}

/* NULL: it is listened for. */
static const struct manifest *slot_manifest(struct carousel_rx *rx, const struct policy_image *wanted)
{
	const struct manifest *m = documents_manifest(&rx->documents, wanted->manifest_sha256);
	if (m == NULL && rx->now_ns >= rx->manifest_again_ns) {
		reception_hear_again(rx->reception, OBJECT_ROLE_MANIFEST);
		rx->manifest_again_ns = rx->now_ns + SLOT_MANIFEST_WAIT_NS;
	}
	return m;
}

static bool slot_begin(struct carousel_rx *rx, const struct policy_image *wanted)
{
	struct rx_slot *s = &rx->slot;
	const struct manifest *m;
	int result;
	if (rx->now_ns < s->retry_ns)
		return false;
	m = slot_manifest(rx, wanted);
	if (m == NULL) {
		s->has_image = false;
		return false;
	}
	result = slot_check_manifest(rx, m, wanted);
	if (result) {
		slot_fail(rx, result);
		return true;
	}
	slot_describe(s, m);
	/* A slot that was written to holds no whole image but perhaps this one; that the store finds out. */
	if (rx->memo.is_slot_dirty && rx->memo.slot == rx->boot.target) {
		slot_mark_bad(rx);
		return true;
	}
	s->step = SLOT_LOOKING;
	return false;
}

/* To hash a slot that is blank would cost a pass at high rates. */
void agent_slot_looked(struct carousel_rx *rx, int result)
{
	struct rx_slot *s = &rx->slot;
	if (s->step != SLOT_LOOKING)
		return;
	if (result == 0) {
		slot_mark_bad(rx);
		return;
	}
	result = store_probe(rx->store, &s->image);
	if (result)
		slot_fail(rx, result);
	else
		s->step = SLOT_PROBING;
}

/* The slot is marked: the store may write. */
static void slot_collect(struct carousel_rx *rx)
{
	struct rx_slot *s = &rx->slot;
	int result = store_begin(rx->store, &s->image, rx->now_ns);
	if (result == CAROUSEL_E_BUSY) {
		s->retry_ns = rx->now_ns + SLOT_BUSY_NS;
		return;
	}
	slot_forget_index(rx);
	if (result == 0 && s->image.has_index && rx->index == NULL)
		result = index_collector_new(&rx->index, &rx->budget.allocator, rx->config.storage,
			s->image.index_sha256, s->image.index_bytes);
	if (result) {
		slot_fail(rx, result);
		return;
	}
	s->step = SLOT_COLLECTING;
	rx->has_index_set = false;
	agent_index_begin(rx);
	slot_listen(rx, true);
}

/* ---- following the store ----------------------------------------------------------------------------- */

static bool slot_follow_index(struct carousel_rx *rx)
{
	if (rx->slot.step == SLOT_COLLECTING)
		agent_index_follow(rx);
	if (rx->index == NULL || rx->has_index_set || !index_collector_is_done(rx->index))
		return false;
	rx->has_index_set = store_set_index(rx->store) == 0;
	return false;
}

static bool slot_follow(struct carousel_rx *rx)
{
	struct rx_slot *s = &rx->slot;
	struct store_progress p;
	int result;
	store_progress(rx->store, &p);
	if (p.phase == STORE_BROKEN) {
		slot_fail(rx, p.error ? p.error : CAROUSEL_E_STORAGE);
		return true;
	}
	if (s->step == SLOT_COLLECTING && p.phase == STORE_COMPLETE) {
		result = store_verify(rx->store);
		if (result && result != CAROUSEL_E_BUSY)
			slot_fail(rx, result);
		else if (result == 0)
			s->step = SLOT_VERIFYING;
		return result != CAROUSEL_E_BUSY;
	}
	if (s->step == SLOT_VERIFYING && (p.phase == STORE_RECEIVING || p.phase == STORE_OPENING)) {
		/* Symbols of something else came in under this image's name. */
		log_write(&rx->log, CAROUSEL_LOG_WARNING, "image %u does not verify: its blocks are received again",
			s->version);
		report_event(rx, CAROUSEL_RX_EVENT_ALARM, CAROUSEL_E_DIGEST, "image");
		reception_doubt(rx->reception);
		s->step = SLOT_COLLECTING;
		return false;
	}
	if (s->step != SLOT_COLLECTING && p.phase == STORE_VERIFIED) {
		s->step = SLOT_READY;
		s->verified_ns = rx->now_ns;
		agent_index_settle(rx);
		s->failures = 0;
		s->told_error = 0;
		slot_listen(rx, false);
		slot_forget_index(rx);
		return true;
	}
	if (s->step == SLOT_PROBING && p.phase == STORE_IDLE) {
		slot_mark_bad(rx);
		return true;
	}
	return slot_follow_index(rx);
}

/* ---- leaving ----------------------------------------------------------------------------------------- */

static void slot_leave(struct carousel_rx *rx)
{
	struct rx_slot *s = &rx->slot;
	slot_listen(rx, false);
	rx->consent.is_offer_open = false;
	s->has_counted = false;
	s->step = SLOT_LEAVING;
}

static void slot_unmark(struct carousel_rx *rx)
{
	rx->memo.install = (struct memo_install){0};
	rx->has_told_reboot = false;
	rx->desk.is_state_dirty = true;
	rx->desk.boot = BOOT_MARK_BAD;
	rx->desk.boot_slot = rx->boot.target;
	rx->slot.step = SLOT_UNMARKING;
}

static bool slot_wait_to_leave(struct carousel_rx *rx)
{
	if (rx->desk.boot != BOOT_NOTHING || rx->desk.job.boot != BOOT_NOTHING || rx->is_index_under_way)
		return false;
	slot_listen(rx, false);
	if (store_end(rx->store) == CAROUSEL_E_BUSY)
		return false;
	slot_forget_index(rx);
	rx->slot.has_image = false;
	rx->slot.step = SLOT_IDLE;
	return true;
}

/* ---- once more --------------------------------------------------------------------------------------- */

/* It does not hold what it held, or cannot be read. */
static void slot_check_failed(struct carousel_rx *rx, int error)
{
	log_write(&rx->log, CAROUSEL_LOG_WARNING, "slot %d: changed since it was verified: %s", rx->boot.target,
		carousel_strerror(error));
	report_event(rx, CAROUSEL_RX_EVENT_ALARM, error, "the slot was changed after it had been verified");
	if (rx->slot.was_switched)
		slot_unmark(rx);
	else
		slot_mark_bad(rx);
}

static bool slot_begin_check(struct carousel_rx *rx, const struct policy_image *wanted)
{
	struct rx_slot *s = &rx->slot;
	const struct manifest *m = slot_manifest(rx, wanted);
	int result;
	if (m == NULL || store_end(rx->store) == CAROUSEL_E_BUSY)
		return false;
	result = slot_check_manifest(rx, m, wanted);
	if (result == 0) {
		slot_describe(s, m);
		result = store_probe(rx->store, &s->image);
	}
	s->is_checked = true;
	if (result)
		slot_check_failed(rx, result);
	return result != 0;
}

static bool slot_follow_check(struct carousel_rx *rx)
{
	struct rx_slot *s = &rx->slot;
	struct store_progress p;
	store_progress(rx->store, &p);
	if (p.phase == STORE_VERIFIED) {
		s->verified_ns = rx->now_ns;
		s->step = s->was_switched ? SLOT_SWITCHED : SLOT_READY;
	} else if (p.phase == STORE_IDLE || p.phase == STORE_BROKEN) {
		slot_check_failed(rx, p.phase == STORE_IDLE ? CAROUSEL_E_DIGEST : p.error);
	} else {
		return false;
	}
	return true;
}

static void slot_check(struct carousel_rx *rx, bool was_switched)
{
	rx->slot.is_checked = false;
	rx->slot.was_switched = was_switched;
	rx->slot.step = SLOT_CHECKING;
}

void agent_slot_resume_switched(struct carousel_rx *rx)
{
	const struct memo_install *i = &rx->memo.install;
	rx->slot.has_image = true;
	rx->slot.version = i->version;
	memcpy(rx->slot.image.sha256, i->sha256, sizeof(i->sha256));
	if (rx->config.allow_absent)
		rx->slot.step = SLOT_SWITCHED; /* there is nothing to be read back */
	else
		slot_check(rx, true);
}

bool agent_slot_step(struct carousel_rx *rx, const struct policy_image *wanted)
{
	struct rx_slot *s = &rx->slot;
	bool is_same = wanted && s->has_image && memcmp(s->image.sha256, wanted->sha256, 32) == 0;
	switch (s->step) {
	case SLOT_IDLE:
		return wanted ? slot_begin(rx, wanted) : false;
	case SLOT_LOOKING:
	case SLOT_PROBING:
	case SLOT_COLLECTING:
	case SLOT_VERIFYING:
		if (is_same)
			return s->step != SLOT_LOOKING && slot_follow(rx);
		slot_leave(rx);
		return true;
	case SLOT_CHECKING:
		if (is_same)
			return s->is_checked ? slot_follow_check(rx) : slot_begin_check(rx, wanted);
		if (s->was_switched)
			slot_unmark(rx);
		else
			slot_leave(rx);
		return !s->was_switched;
	case SLOT_READY:
		if (is_same)
			return false;
		slot_leave(rx);
		return true;
	case SLOT_MARKING:
		if (!s->is_marked)
			return false;
		if (is_same)
			slot_collect(rx);
		else
			slot_leave(rx);
		return s->step != SLOT_MARKING;
	case SLOT_SWITCHED:
		if (is_same)
			return false;
		slot_unmark(rx);
		return false;
	case SLOT_LEAVING:
		return slot_wait_to_leave(rx);
	default:
		return false; /* the desk is at it */
	}
}

/* ---- boot loader ------------------------------------------------------------------------------------- */

void agent_slot_switch(struct carousel_rx *rx)
{
	struct memo_install *i = &rx->memo.install;
	if (!rx->config.allow_absent && rx->now_ns - rx->slot.verified_ns > SLOT_TRUST_NS) {
		slot_check(rx, false);
		rx->must_evaluate = true;
		return;
	}
	*i = (struct memo_install){.is_set = true,
		.version = rx->slot.version,
		.from_version = rx->box.version,
		.retry = rx->decision.retry,
		.slot = rx->boot.target};
	memcpy(i->sha256, rx->slot.image.sha256, 32);
	rx->desk.is_state_dirty = true; /* remembered before the boot loader knows */
	rx->desk.boot = BOOT_TRY;
	rx->desk.boot_slot = rx->boot.target;
	rx->slot.step = SLOT_SWITCHING;
}

void agent_slot_boot_done(struct carousel_rx *rx, enum boot_call call, int result)
{
	struct rx_slot *s = &rx->slot;
	rx->must_evaluate = true;
	if (call == BOOT_CONFIRM && result == 0) {
		agent_confirmed(rx);
		return;
	}
	if (call == BOOT_CONFIRM) {
		/* The box is healthy, whatever its flash says: once more, before its boots are used up. */
		rx->desk.boot = BOOT_CONFIRM;
		rx->desk.retry_ns = rx->now_ns + SLOT_RETRY_NS;
		if (rx->trial.confirm_error != result)
			report_event(rx, CAROUSEL_RX_EVENT_ALARM, result, "boot loader does not confirm");
		rx->trial.confirm_error = result;
		return;
	}
	if (result) {
		rx->memo.install = (struct memo_install){0};
		slot_fail(rx, result);
	} else if (s->step == SLOT_MARKING) {
		s->is_marked = true;
	} else if (s->step == SLOT_UNMARKING) {
		s->step = SLOT_LEAVING;
	} else if (s->step == SLOT_SWITCHING) {
		rx->memo.install.is_switched = true;
		rx->desk.is_state_dirty = true;
		s->step = SLOT_SWITCHED;
	}
}
