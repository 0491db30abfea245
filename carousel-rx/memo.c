#include "carousel-rx/memo.h"

#include "common/carousel_error.h"
#include "common/hash.h"

#include <jansson.h>
#include <string.h>

#define MEMO_FORMAT "carousel-rx-state/1"

/* ---- writing -------------------------------------------------------------------------------------- */

static json_t *memo_hex(const uint8_t sha256[32])
{
	char text[HASH_SHA256_HEX + 1];
	return json_string(hash_hex(text, sha256, 32));
}

static json_t *memo_install_json(const struct memo_install *i)
{
	if (!i->is_set)
		return json_null();
	return json_pack("{s:o,s:I,s:I,s:I,s:i,s:b,s:b}", "sha256", memo_hex(i->sha256), "version",
		(json_int_t)i->version, "from_version", (json_int_t)i->from_version, "retry", (json_int_t)i->retry,
		"slot", i->slot, "switched", i->is_switched, "failed", i->has_failed);
}

static json_t *memo_failures_json(const struct memo *m)
{
	json_t *list = json_array();
	for (size_t i = 0; list && i < m->num_failures; i++) {
		const struct policy_failure *f = &m->failures[i];
		json_array_append_new(list, json_pack("{s:o,s:I,s:I}", "sha256", memo_hex(f->sha256), "attempts",
						    (json_int_t)f->attempts, "retry", (json_int_t)f->retry));
	}
	return list;
}

static json_t *memo_declined_json(const struct memo *m)
{
	json_t *list = json_array();
	for (size_t i = 0; list && i < m->num_declined; i++)
		json_array_append_new(list, memo_hex(m->declined[i]));
	return list;
}

int memo_encode(const struct memo *m, const struct carousel_allocator *a, char **text, size_t *len)
{
	json_t *root = json_pack(
		"{s:s,s:s,s:{s:I,s:I,s:o},s:I,s:o,s:b,s:i,s:o,s:b,s:b,s:o,s:b,s:I,s:I,s:o,s:I,s:o,s:I,s:o,s:o}",
		"format", MEMO_FORMAT, "state", carousel_rx_state_name(m->state), "map", "epoch",
		(json_int_t)m->map_epoch, "serial", (json_int_t)m->map_serial, "sha256", memo_hex(m->map_sha256),
		"gate_time_s", (json_int_t)m->gate_time_s, "install", memo_install_json(&m->install), "slot_dirty",
		m->is_slot_dirty, "slot", m->slot, "slot_sha256", memo_hex(m->slot_sha256), "asked", m->has_asked,
		"accepted", m->has_accepted, "accepted_sha256", memo_hex(m->accepted_sha256), "paused", m->is_paused,
		"defer_until_s", (json_int_t)m->defer_until_s, "offered_s", (json_int_t)m->offered_s, "due_sha256",
		memo_hex(m->due_sha256), "due_since_s", (json_int_t)m->due_since_s, "doubt_sha256",
		memo_hex(m->doubt_sha256), "doubt_heard", (json_int_t)m->doubt_heard, "failures", memo_failures_json(m),
		"declined", memo_declined_json(m));
	char *dumped = root ? json_dumps(root, JSON_COMPACT) : NULL;
	int result = CAROUSEL_E_MEMORY;
	if (dumped) {
		*len = strlen(dumped);
		*text = memory_copy_string(a, dumped, *len);
		if (*text)
			result = 0;
	}
	free(dumped);
	json_decref(root);
	return result;
}

/* ---- reading -------------------------------------------------------------------------------------- */

/* Keeps the first error, so that a record is read whole and asked once. */
struct memo_reader {
	int error;
};

static void memo_fail(struct memo_reader *r, int error)
{
	if (r->error == 0)
		r->error = error;
}

static uint64_t memo_u64(struct memo_reader *r, const json_t *object, const char *key, uint64_t max)
{
	const json_t *value = json_object_get(object, key);
	if (value == NULL)
		return 0;
	if (!json_is_integer(value)) {
		memo_fail(r, CAROUSEL_E_MALFORMED);
		return 0;
	}
	if (json_integer_value(value) < 0 || (uint64_t)json_integer_value(value) > max) {
		memo_fail(r, CAROUSEL_E_RANGE);
		return 0;
	}
	return (uint64_t)json_integer_value(value);
}

static bool memo_bool(struct memo_reader *r, const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);
	if (value && !json_is_boolean(value))
		memo_fail(r, CAROUSEL_E_MALFORMED);
	return json_is_true(value);
}

static void memo_digest(struct memo_reader *r, const json_t *value, uint8_t sha256[32])
{
	if (value == NULL)
		return;
	if (!json_is_string(value) ||
		hash_parse_hex(json_string_value(value), json_string_length(value), sha256, 32) != 0)
		memo_fail(r, CAROUSEL_E_MALFORMED);
}

static void memo_read_install(struct memo_reader *r, const json_t *object, struct memo_install *i)
{
	if (!json_is_object(object))
		return;
	i->is_set = true;
	memo_digest(r, json_object_get(object, "sha256"), i->sha256);
	i->version = (uint32_t)memo_u64(r, object, "version", UINT32_MAX);
	i->from_version = (uint32_t)memo_u64(r, object, "from_version", UINT32_MAX);
	i->retry = (uint32_t)memo_u64(r, object, "retry", UINT32_MAX);
	i->slot = (int)memo_u64(r, object, "slot", 1);
	i->is_switched = memo_bool(r, object, "switched");
	i->has_failed = memo_bool(r, object, "failed");
}

static void memo_read_lists(struct memo_reader *r, const json_t *root, struct memo *m)
{
	const json_t *failures = json_object_get(root, "failures"), *declined = json_object_get(root, "declined");
	if (json_array_size(failures) > MEMO_MAX_FAILURES || json_array_size(declined) > MEMO_MAX_DECLINED) {
		memo_fail(r, CAROUSEL_E_LIMIT);
		return;
	}
	for (size_t i = 0; i < json_array_size(failures); i++) {
		const json_t *entry = json_array_get(failures, i);
		struct policy_failure *f = &m->failures[m->num_failures++];
		memo_digest(r, json_object_get(entry, "sha256"), f->sha256);
		f->attempts = (uint32_t)memo_u64(r, entry, "attempts", UINT32_MAX);
		f->retry = (uint32_t)memo_u64(r, entry, "retry", UINT32_MAX);
	}
	for (size_t i = 0; i < json_array_size(declined); i++)
		memo_digest(r, json_array_get(declined, i), m->declined[m->num_declined++]);
}

static void memo_read_state(struct memo_reader *r, const json_t *root, struct memo *m)
{
	const char *name = json_string_value(json_object_get(root, "state"));
	for (int s = 0; name && s < CAROUSEL_RX_NUM_STATES; s++) {
		if (strcmp(name, carousel_rx_state_name((enum carousel_rx_state)s)) == 0) {
			m->state = (enum carousel_rx_state)s;
			return;
		}
	}
	memo_fail(r, CAROUSEL_E_MALFORMED);
}

static void memo_read(struct memo_reader *r, const json_t *root, struct memo *m)
{
	const json_t *map = json_object_get(root, "map");
	memo_read_state(r, root, m);
	m->map_epoch = (uint32_t)memo_u64(r, map, "epoch", UINT32_MAX);
	m->map_serial = memo_u64(r, map, "serial", INT64_MAX);
	memo_digest(r, json_object_get(map, "sha256"), m->map_sha256);
	m->gate_time_s = memo_u64(r, root, "gate_time_s", INT64_MAX);
	memo_read_install(r, json_object_get(root, "install"), &m->install);
	m->is_slot_dirty = memo_bool(r, root, "slot_dirty");
	m->slot = (int)memo_u64(r, root, "slot", 1);
	memo_digest(r, json_object_get(root, "slot_sha256"), m->slot_sha256);
	m->has_asked = memo_bool(r, root, "asked");
	m->has_accepted = memo_bool(r, root, "accepted");
	memo_digest(r, json_object_get(root, "accepted_sha256"), m->accepted_sha256);
	m->is_paused = memo_bool(r, root, "paused");
	m->defer_until_s = memo_u64(r, root, "defer_until_s", INT64_MAX);
	m->offered_s = memo_u64(r, root, "offered_s", INT64_MAX);
	memo_digest(r, json_object_get(root, "due_sha256"), m->due_sha256);
	m->due_since_s = memo_u64(r, root, "due_since_s", INT64_MAX);
	memo_digest(r, json_object_get(root, "doubt_sha256"), m->doubt_sha256);
	m->doubt_heard = memo_u64(r, root, "doubt_heard", INT64_MAX);
	memo_read_lists(r, root, m);
}

int memo_decode(struct memo *m, const char *text, size_t len)
{
	struct memo_reader r = {0};
	json_error_t error;
	json_t *root;
	*m = (struct memo){0};
	if (len > MEMO_MAX_BYTES)
		return CAROUSEL_E_LIMIT;
	root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	if (root == NULL)
		return json_error_code(&error) == json_error_out_of_memory ? CAROUSEL_E_MEMORY : CAROUSEL_E_SYNTAX;
	if (!json_is_string(json_object_get(root, "format")) ||
		strcmp(json_string_value(json_object_get(root, "format")), MEMO_FORMAT) != 0)
		r.error = CAROUSEL_E_MALFORMED;
	else
		memo_read(&r, root, m);
	json_decref(root);
	if (r.error)
		*m = (struct memo){0};
	return r.error;
}

/* ---- lists that push their oldest out ---------------------------------------------------------------- */

uint32_t memo_add_failure(struct memo *m, const uint8_t sha256[32], uint32_t retry)
{
	struct policy_failure *f;
	for (size_t i = 0; i < m->num_failures; i++) {
		f = &m->failures[i];
		if (memcmp(f->sha256, sha256, sizeof(f->sha256)) == 0) {
			/* A row that was told to try again begins a new count. */
			f->attempts = retry > f->retry ? 1 : f->attempts + 1;
			f->retry = retry > f->retry ? retry : f->retry;
			return f->attempts;
		}
	}
	if (m->num_failures == MEMO_MAX_FAILURES)
		memmove(&m->failures[0], &m->failures[1], --m->num_failures * sizeof(m->failures[0]));
	f = &m->failures[m->num_failures++];
	*f = (struct policy_failure){.attempts = 1, .retry = retry};
	memcpy(f->sha256, sha256, sizeof(f->sha256));
	return 1;
}

void memo_add_declined(struct memo *m, const uint8_t sha256[32])
{
	for (size_t i = 0; i < m->num_declined; i++)
		if (memcmp(m->declined[i], sha256, sizeof(m->declined[i])) == 0)
			return;
	if (m->num_declined == MEMO_MAX_DECLINED)
		memmove(&m->declined[0], &m->declined[1], --m->num_declined * sizeof(m->declined[0]));
	memcpy(m->declined[m->num_declined++], sha256, sizeof(m->declined[0]));
}

void memo_remove_declined(struct memo *m, const uint8_t sha256[32])
{
	size_t kept = 0;
	for (size_t i = 0; i < m->num_declined; i++) {
		if (memcmp(m->declined[i], sha256, sizeof(m->declined[i])) == 0)
			continue;
		memmove(m->declined[kept++], m->declined[i], sizeof(m->declined[i]));
	}
	m->num_declined = kept;
}
