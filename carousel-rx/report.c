#include "carousel-rx/receiver.h"

#include "common/carousel_error.h"
#include "common/hash.h"

#include <jansson.h>
#include <stdlib.h>

static const char *const report_kinds[] = {"state", "decision", "offer", "progress", "reboot", "alarm"};

const char *carousel_rx_state_name(enum carousel_rx_state state)
{
	static const char *const names[CAROUSEL_RX_NUM_STATES] = {"waiting-map", "up-to-date", "receiving", "received",
		"offered", "scheduled", "installing", "pending-reboot", "trial", "failed"};
	return (unsigned)state < CAROUSEL_RX_NUM_STATES ? names[state] : "unknown";
}

static json_t *report_digest(const uint8_t sha256[32])
{
	char text[HASH_SHA256_TEXT_BYTES];
	return json_string(hash_sha256_text(text, sha256));
}

json_t *report_box(const struct carousel_rx *rx)
{
	json_t *version = rx->box.version_unreadable ? json_null() : json_integer(rx->box.version);
	return json_pack("{s:s,s:s,s:s,s:o,s:i}", "id", rx->box_id, "class", rx->class_name, "category",
		rx->has_decision ? rx->decision.category : rx->category, "version", version, "slot", rx->boot.running);
}

json_t *report_map(const struct carousel_rx *rx)
{
	const struct policy_map *m = rx->documents.map;
	if (m == NULL)
		return json_null();
	return json_pack("{s:I,s:I,s:I,s:I,s:o}", "epoch", (json_int_t)m->epoch, "serial", (json_int_t)m->serial,
		"issued_s", (json_int_t)m->issued_s, "expires_s", (json_int_t)m->expires_s, "sha256",
		report_digest(m->sha256));
}

json_t *report_decision(const struct carousel_rx *rx)
{
	const struct policy_decision *d = &rx->decision;
	if (!rx->has_decision)
		return json_null();
	return json_pack("{s:s,s:s,s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:b}", "verdict", policy_verdict_name(d->verdict),
		"reason", policy_reason_name(d->reason), "rule", policy_reason_name(d->rule), "request",
		policy_request_name(d->request), "target", (json_int_t)d->target, "minimum",
		(json_int_t)d->numbers.minimum, "acceptable", (json_int_t)d->numbers.acceptable, "current",
		(json_int_t)d->numbers.current, "maximum", (json_int_t)d->numbers.maximum, "line", (json_int_t)d->line,
		"override", d->is_override);
}

#define REPORT_MAX_ETA_S 315360000.0 /* ten years */

static const char *report_index(const struct carousel_rx *rx)
{
	if (!rx->slot.image.has_index)
		return "none";
	if (rx->has_index_set)
		return "held";
	return agent_index_is_given_up(rx) ? "given-up" : "awaited";
}

/* Symbols of the index, while it is being received and its size is known. */
static void report_index_symbols(const struct carousel_rx *rx, json_t **have, json_t **need)
{
	uint64_t num_have = 0, num_need = 0;
	if (rx->index && !rx->has_index_set)
		index_collector_progress(rx->index, &num_have, &num_need);
	*have = num_need ? json_integer((json_int_t)num_have) : json_null();
	*need = num_need ? json_integer((json_int_t)num_need) : json_null();
}

json_t *report_image(const struct carousel_rx *rx)
{
	const struct rx_slot *s = &rx->slot;
	struct store_progress p;
	uint64_t left;
	json_t *eta, *receiving, *index_have, *index_need;
	if (!s->has_image)
		return json_null();
	store_progress(rx->store, &p);
	report_index_symbols(rx, &index_have, &index_need);
	left = p.symbols_needed > p.symbols_have ? p.symbols_needed - p.symbols_have : 0;
	/* In a long silence the speed becomes so small that the time left is no number any more. */
	eta = s->step == SLOT_COLLECTING && (double)left < rx->speed.per_second * REPORT_MAX_ETA_S
		      ? json_integer((json_int_t)((double)left / rx->speed.per_second))
		      : json_null();
	receiving =
		p.first_ns && p.done_ns >= p.first_ns ? json_real((double)(p.done_ns - p.first_ns) / 1e9) : json_null();
	return json_pack("{s:I,s:o,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:o,s:o,s:s,s:o,s:o}", "version",
		(json_int_t)s->version, "sha256", report_digest(s->image.sha256), "bytes",
		(json_int_t)s->image.layout.image_bytes, "blocks_done", (json_int_t)p.blocks_done, "blocks",
		(json_int_t)p.blocks, "symbols_have", (json_int_t)p.symbols_have, "symbols_need",
		(json_int_t)p.symbols_needed, "symbols_heard", (json_int_t)p.symbols_heard, "symbols_dropped",
		(json_int_t)p.symbols_dropped, "symbols_resumed", (json_int_t)p.symbols_resumed, "bytes_written",
		(json_int_t)p.bytes_written, "index_have", index_have, "index_need", index_need, "index",
		report_index(rx), "eta_s", eta, "receiving_s", receiving);
}

void report_event(struct carousel_rx *rx, enum carousel_rx_event_kind kind, int error, const char *note)
{
	struct carousel_rx_event event = {.kind = kind, .state = rx->state, .time_ns = rx->now_ns, .error = error};
	json_t *root = json_pack("{s:s,s:I,s:I,s:s,s:o*,s:o*,s:o*,s:o*}", "event", report_kinds[kind], "time_ns",
		(json_int_t)rx->now_ns, "gate_time_s", (json_int_t)rx->documents.gate_time_s, "state",
		carousel_rx_state_name(rx->state), "box", report_box(rx), "map", report_map(rx), "decision",
		report_decision(rx), "image", report_image(rx));
	char *text;
	if (root && error)
		json_object_set_new(root, "error", json_string(carousel_error_name(error)));
	if (root && note)
		json_object_set_new(root, "note", json_string(note));
	if (root && rx->config.wall_clock_s)
		json_object_set_new(
			root, "clock_s", json_integer((json_int_t)rx->config.wall_clock_s(rx->config.wall_clock_user)));
	text = root ? json_dumps(root, JSON_COMPACT) : NULL;
	json_decref(root);
	if (text == NULL) {
		rx->events.lost++;
		return;
	}
	if (kind != CAROUSEL_RX_EVENT_PROGRESS)
		event_log_push(&rx->events, text);
	event.json = text;
	if (rx->config.event)
		rx->config.event(rx->config.event_user, &event);
	free(text);
}
