/* carousel_rx_status_json: everything an operator asks of a box, in one object (carousel-rx.1, "STATUS"). */
#include "carousel-rx/receiver.h"

#include "common/carousel_error.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static json_t *status_drops(const struct reception_stats *s)
{
	json_t *drops = json_object();
	for (int i = 1; drops && i < CAROUSEL_ERROR_NUMBERS; i++)
		if (s->drops[i])
			json_object_set_new(drops, carousel_error_name(-i), json_integer((json_int_t)s->drops[i]));
	return drops;
}

static json_t *status_on_air(const struct carousel_rx *rx, const struct reception_stats *s, uint64_t now_ns)
{
	const struct heartbeat *h = &rx->documents.heartbeat;
	json_t *age = h->sequence ? json_real((double)(now_ns - rx->documents.heartbeat_ns) / 1e9) : json_null();
	json_t *quiet = s->heard_ns ? json_real((double)(now_ns - s->heard_ns) / 1e9) : json_null();
	return json_pack("{s:o,s:o,s:I,s:f,s:f,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "heartbeat_age_s", age, "silent_s", quiet,
		"heartbeat_sequence", (json_int_t)h->sequence, "pps", s->pps, "loss", loss_share(s->loss), "lost",
		(json_int_t)s->loss->lost, "bursts", (json_int_t)s->loss->bursts, "longest_burst",
		(json_int_t)s->loss->longest_burst, "late", (json_int_t)s->loss->late, "packets",
		(json_int_t)s->packets, "bytes", (json_int_t)s->bytes, "socket_drops", (json_int_t)s->socket_drops);
}

static json_t *status_sessions(const struct carousel_rx *rx)
{
	json_t *list = json_array();
	const struct reception_session *s;
	for (unsigned i = 0; list && (s = reception_session_at(rx->reception, i)) != NULL; i++)
		if (s->is_used)
			json_array_append_new(list, json_pack("{s:I,s:I,s:b,s:I}", "tsi", (json_int_t)s->tsi, "objects",
							    (json_int_t)s->table.count, "proven", s->has_proof,
							    "heartbeat", (json_int_t)s->heartbeat_sequence));
	return list;
}

static json_t *status_refused(const struct carousel_rx *rx)
{
	json_t *refused = json_object();
	for (unsigned i = 0; refused && i <= OBJECT_NUM_ROLES; i++)
		if (rx->refusals.count[i])
			json_object_set_new(refused,
				i == OBJECT_NUM_ROLES ? "heartbeat" : object_role_name((enum object_role)i),
				json_integer((json_int_t)rx->refusals.count[i]));
	return refused;
}

static json_t *status_memory(const struct carousel_rx *rx)
{
	size_t now, peak;
	store_memory(rx->store, &now, &peak);
	return json_pack("{s:I,s:I,s:I,s:I}", "limit_bytes", (json_int_t)rx->config.memory_bytes, "now_bytes",
		(json_int_t)(now + atomic_load(&rx->budget.now_bytes)), "store_peak_bytes", (json_int_t)peak,
		"other_peak_bytes", (json_int_t)atomic_load(&rx->budget.peak_bytes));
}

/* How often an installation failed here, and which version did last, as far as the map still names it. */
static json_t *status_failures(const struct carousel_rx *rx)
{
	const struct memo *memo = &rx->memo;
	const struct policy_map *map = rx->documents.map;
	uint32_t attempts = 0, version = 0;
	for (size_t i = 0; i < memo->num_failures; i++)
		attempts += memo->failures[i].attempts;
	for (size_t i = 0; map && memo->num_failures && i < map->num_images; i++)
		if (memcmp(map->images[i].sha256, memo->failures[memo->num_failures - 1].sha256, HASH_SHA256_BYTES) ==
			0)
			version = map->images[i].version;
	return json_pack("{s:I,s:I}", "attempts", (json_int_t)attempts, "version", (json_int_t)version);
}

char *carousel_rx_status_json(const struct carousel_rx *rx, uint64_t now_ns)
{
	struct reception_stats stats;
	json_t *root;
	char *dumped, *text = NULL;
	now_ns = now_ns > rx->now_ns ? now_ns : rx->now_ns;
	reception_stats(rx->reception, now_ns, &stats);
	root = json_pack("{s:s,s:o*,s:o*,s:o*,s:o*,s:o*,s:s,s:o*,s:o*,s:o*,s:o*,s:b,s:i,s:I,s:I,s:o*}", "format",
		"carousel-status/1", "box", report_box(rx), "map", report_map(rx), "on_air",
		status_on_air(rx, &stats, now_ns), "image", report_image(rx), "decision", report_decision(rx), "state",
		carousel_rx_state_name(rx->state), "drops", status_drops(&stats), "refused", status_refused(rx),
		"sessions", status_sessions(rx), "memory", status_memory(rx), "paused", rx->memo.is_paused, "inhibits",
		(int)rx->inhibits, "gate_time_s", (json_int_t)rx->documents.gate_time_s, "trust_root",
		(json_int_t)rx->documents.trust.root.version, "stale", report_stale(rx));
	if (root)
		json_object_set_new(root, "failures", status_failures(rx));
	if (root && rx->state_error)
		json_object_set_new(root, "error", json_string(carousel_error_name(rx->state_error)));
	if (root && agent_slot_retry_s(rx))
		json_object_set_new(root, "retry_s", json_integer((json_int_t)agent_slot_retry_s(rx)));
	if (root && rx->desk.error)
		json_object_set_new(root, "unsaved", json_string(carousel_error_name(rx->desk.error)));
	dumped = root ? json_dumps(root, JSON_COMPACT) : NULL;
	json_decref(root);
	if (dumped)
		text = memory_copy_string(&rx->budget.allocator, dumped, strlen(dumped));
	free(dumped);
	return text;
}

void carousel_rx_string_free(const struct carousel_rx *rx, char *text)
{
	memory_free(&rx->budget.allocator, text);
}
