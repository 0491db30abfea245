/* What a restart finds: state, documents, and what became of the slot that was to be tried. */
#include "carousel-rx/receiver.h"

#include "common/carousel_error.h"

#include <string.h>

#define BOOT_DOCUMENTS_MAX_BYTES (16u << 20)

/* *text is the caller's to memory_free(); NULL when the file is empty or too long. */
static int boot_read(struct carousel_rx *rx, enum carousel_rx_file file, uint64_t max_bytes, char **text, size_t *len,
	bool *is_damaged)
{
	const struct carousel_rx_storage *s = rx->config.storage;
	uint64_t bytes;
	int result = s->size(s->user, file, &bytes);
	*text = NULL;
	*len = 0;
	if (result || bytes == 0)
		return result;
	if (bytes > max_bytes) {
		*is_damaged = true;
		return 0;
	}
	*text = memory_alloc(&rx->budget.allocator, (size_t)bytes, 1);
	if (*text == NULL)
		return CAROUSEL_E_MEMORY;
	*len = (size_t)bytes;
	result = s->read(s->user, file, 0, *text, *len);
	if (result) {
		memory_free(&rx->budget.allocator, *text);
		*text = NULL;
	}
	return result;
}

static int boot_load_state(struct carousel_rx *rx)
{
	char *text;
	size_t len;
	int result = boot_read(rx, RX_STATE, MEMO_MAX_BYTES, &text, &len, &rx->was_state_damaged);
	if (result || text == NULL)
		return result;
	result = memo_decode(&rx->memo, text, len);
	memory_free(&rx->budget.allocator, text);
	if (result == CAROUSEL_E_MEMORY)
		return result;
	if (result)
		rx->was_state_damaged = true;
	return 0;
}

static int boot_load_documents(struct carousel_rx *rx)
{
	struct documents *d = &rx->documents;
	bool is_damaged = false;
	char *text;
	size_t len;
	int result;
	d->floor_epoch = rx->memo.map_epoch;
	d->floor_serial = rx->memo.map_serial;
	memcpy(d->floor_sha256, rx->memo.map_sha256, sizeof(d->floor_sha256));
	d->gate_time_s = rx->desk.gate_saved_s = rx->memo.gate_time_s;
	result = boot_read(rx, RX_DOCUMENTS, BOOT_DOCUMENTS_MAX_BYTES, &text, &len, &is_damaged);
	if (result == 0 && text) {
		result = documents_load(d, text, len, &rx->documents_refused);
		memory_free(&rx->budget.allocator, text);
	}
	if (is_damaged)
		rx->documents_refused++;
	return result;
}

static void boot_note_failure(struct carousel_rx *rx)
{
	struct memo_install *i = &rx->memo.install;
	if (i->has_failed)
		return;
	i->has_failed = true;
	memo_add_failure(&rx->memo, i->sha256, i->retry);
	rx->desk.is_state_dirty = true;
}

/* The slot that was to be tried runs. */
static void boot_is_new(struct carousel_rx *rx)
{
	struct memo_install *i = &rx->memo.install;
	if (rx->box.version_unreadable || rx->box.version != i->version) {
		boot_note_failure(rx);
		rx->trial.error = CAROUSEL_E_VERSION;
	}
	/* A boot loader without trials has nothing to fall back from. */
	if (rx->boot.is_confirmed)
		agent_confirmed(rx);
}

/* It does not run: given up by the boot loader, not booted yet, or never handed over. */
static void boot_is_old(struct carousel_rx *rx)
{
	struct memo_install *i = &rx->memo.install;
	if (rx->boot.fell_back) {
		boot_note_failure(rx);
		rx->has_fallen_back = true;
		*i = (struct memo_install){0};
	} else if (i->is_switched) {
		agent_slot_resume_switched(rx);
	} else {
		*i = (struct memo_install){0};
	}
}

void agent_confirmed(struct carousel_rx *rx)
{
	struct memo *m = &rx->memo;
	rx->trial.is_pending = false;
	rx->boot.is_confirmed = 1;
	rx->boot.is_trial = 0;
	m->install = (struct memo_install){0};
	m->has_accepted = m->has_asked = false;
	m->defer_until_s = m->offered_s = 0;
	rx->desk.is_state_dirty = true;
	rx->must_evaluate = true;
}

int agent_boot(struct carousel_rx *rx)
{
	int result = boot_load_state(rx);
	if (result == 0)
		result = boot_load_documents(rx);
	if (result == 0)
		result = rx->config.boot->state(rx->config.boot->user, &rx->boot);
	if (result)
		return result;
	if (rx->boot.running < 0 || rx->boot.running > 1 || rx->boot.target != !rx->boot.running)
		return CAROUSEL_E_ARGUMENT;
	rx->trial.is_pending = !rx->boot.is_confirmed;
	if (rx->memo.install.is_set && rx->memo.install.slot == rx->boot.running)
		boot_is_new(rx);
	else if (rx->memo.install.is_set)
		boot_is_old(rx);
	/* What was the target then runs now. */
	if (rx->memo.is_slot_dirty && rx->memo.slot != rx->boot.target)
		rx->memo.is_slot_dirty = false;
	rx->inhibits = 0;
	if (rx->memo.defer_until_s > rx->documents.gate_time_s)
		rx->consent.defer_until_ns =
			rx->now_ns + (rx->memo.defer_until_s - rx->documents.gate_time_s) * 1000000000u;
	rx->must_evaluate = true;
	return 0;
}

void agent_boot_report(struct carousel_rx *rx)
{
	if (rx->was_state_damaged)
		report_event(rx, CAROUSEL_RX_EVENT_ALARM, CAROUSEL_E_MALFORMED, "state file was damaged");
	if (rx->documents_refused)
		report_event(rx, CAROUSEL_RX_EVENT_ALARM, CAROUSEL_E_SIGNATURE, "kept documents were refused");
	if (rx->trial.error)
		report_event(rx, CAROUSEL_RX_EVENT_ALARM, rx->trial.error, "another version runs than was installed");
	if (rx->has_fallen_back) {
		rx->trial.error = CAROUSEL_E_REFUSED;
		agent_set_state(rx, CAROUSEL_RX_FAILED, CAROUSEL_E_REFUSED);
		report_event(rx, CAROUSEL_RX_EVENT_ALARM, CAROUSEL_E_REFUSED, "the boot loader fell back");
	}
}
