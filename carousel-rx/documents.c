#include "carousel-rx/documents.h"

#include "common/carousel_error.h"
#include "common/envelope.h"

#include <string.h>

/* How far behind gate time a heartbeat may be: two headends' clocks differ, a recording from last week is old. */
#define DOCUMENTS_HEARTBEAT_SLACK_S 3600u

static void document_text_free(const struct documents *d, struct document_text *t)
{
	memory_free(d->allocator, t->text);
	*t = (struct document_text){0};
}

/* As one line, however it was laid out on the air. */
static int document_text_print(const struct documents *d, struct document_text *t, const struct envelope *e)
{
	int result = envelope_print(d->allocator, e, &t->text, &t->len);
	while (result == 0 && t->len && t->text[t->len - 1] == '\n')
		t->len--;
	return result;
}

static void document_manifest_free(const struct documents *d, struct document_manifest *m)
{
	if (m == NULL)
		return;
	document_text_free(d, &m->text);
	memory_free(d->allocator, m);
}

int documents_init(struct documents *d, const struct carousel_allocator *a, const char *class_name, const char *box_id,
	const void *trust_root, size_t len)
{
	struct envelope root;
	int result;
	*d = (struct documents){.allocator = a, .class_name = class_name, .box_id = box_id};
	result = envelope_parse(a, &root, trust_root, len);
	if (result)
		return result;
	result = trust_init(&d->trust, &root);
	envelope_deinit(a, &root);
	return result;
}

static void documents_drop_map(struct documents *d)
{
	policy_map_free(d->map);
	d->map = NULL;
	document_text_free(d, &d->map_text);
}

static void documents_drop_manifest(struct documents *d, unsigned index)
{
	document_manifest_free(d, d->manifests[index]);
	d->manifests[index] = d->manifests[--d->num_manifests];
}

void documents_deinit(struct documents *d)
{
	documents_drop_map(d);
	while (d->num_manifests)
		documents_drop_manifest(d, 0);
	for (unsigned i = 0; i < d->num_roots; i++)
		document_text_free(d, &d->roots[i]);
	d->num_roots = 0;
	if (d->has_schedule)
		schedule_deinit(d->allocator, &d->schedule);
	d->has_schedule = false;
}

/* ---- checking ------------------------------------------------------------------------------------- */

void document_outcome_deinit(const struct documents *d, struct document_outcome *o)
{
	memory_free(d->allocator, o->trust);
	policy_map_free(o->map);
	for (unsigned i = 0; i < DOCUMENTS_MAX_MANIFESTS; i++) {
		document_text_free(d, &o->texts[i]);
		document_manifest_free(d, o->manifests[i]);
	}
	if (o->has_schedule)
		schedule_deinit(d->allocator, &o->schedule);
	*o = (struct document_outcome){.role = o->role};
}

static int documents_check_roots(const struct documents *d, const char *text, size_t len, struct document_outcome *o)
{
	const char *line;
	size_t line_len;
	int result = 0, last = CAROUSEL_E_MALFORMED;
	bool is_known = false;
	o->trust = memory_alloc(d->allocator, 1, sizeof(*o->trust));
	if (o->trust == NULL)
		return CAROUSEL_E_MEMORY;
	*o->trust = d->trust;
	while (result == 0 && o->num_new < DOCUMENTS_MAX_MANIFESTS &&
		envelope_next_line(&text, &len, &line, &line_len) == 0) {
		struct envelope e;
		last = envelope_parse(d->allocator, &e, line, line_len);
		if (last)
			break;
		last = trust_update(o->trust, &e);
		if (last == 0)
			result = document_text_print(d, &o->texts[o->num_new++], &e);
		envelope_deinit(d->allocator, &e);
		/* The chain begins with what boxes may hold that slept for years; of those no signature is checked. */
		is_known |= last == CAROUSEL_E_DUPLICATE;
		if (last && last != CAROUSEL_E_DUPLICATE && last != CAROUSEL_E_ROLLBACK)
			break;
	}
	if (result == 0 && o->num_new == 0 && !is_known)
		result = last;
	return result;
}

static int documents_check_map(const struct documents *d, const char *text, size_t len, struct document_outcome *o)
{
	const struct policy_map_options options = {.only_box_id = d->box_id};
	const uint8_t *payload;
	size_t payload_len;
	struct envelope e;
	int result = envelope_parse(d->allocator, &e, text, len);
	if (result)
		return result;
	result = trust_verify(&d->trust, TRUST_ROLE_MAP, &e, ENVELOPE_TYPE_MAP, &payload, &payload_len);
	if (result == 0)
		result = policy_map_parse(d->allocator, (const char *)payload, payload_len, &options, &o->map, NULL);
	if (result == 0)
		result = document_text_print(d, &o->texts[0], &e);
	envelope_deinit(d->allocator, &e);
	return result;
}

static int documents_check_manifest(const struct documents *d, const char *line, size_t len, struct document_outcome *o)
{
	struct document_manifest *m = NULL;
	const uint8_t *payload;
	size_t payload_len;
	struct envelope e;
	int result = envelope_parse(d->allocator, &e, line, len);
	if (result)
		return result;
	result = trust_verify(&d->trust, TRUST_ROLE_IMAGE, &e, ENVELOPE_TYPE_MANIFEST, &payload, &payload_len);
	if (result)
		goto out;
	m = memory_alloc(d->allocator, 1, sizeof(*m));
	result = m ? manifest_parse(&m->manifest, payload, payload_len, NULL) : CAROUSEL_E_MEMORY;
	if (result || strcmp(m->manifest.class_name, d->class_name) != 0)
		goto out;
	result = hash_sha256(payload, payload_len, m->sha256);
	if (result == 0)
		result = document_text_print(d, &m->text, &e);
	if (result == 0) {
		o->manifests[o->num_new++] = m;
		m = NULL;
	}
out:
	envelope_deinit(d->allocator, &e);
	document_manifest_free(d, m);
	return result;
}

/* One bad manifest does not spoil the others; when none is good, the first error says why. */
static int documents_check_manifests(
	const struct documents *d, const char *text, size_t len, struct document_outcome *o)
{
	const char *line;
	size_t line_len;
	int first = CAROUSEL_E_MALFORMED;
	bool is_verified = false;
	while (o->num_new < DOCUMENTS_MAX_MANIFESTS && envelope_next_line(&text, &len, &line, &line_len) == 0) {
		int result = documents_check_manifest(d, line, line_len, o);
		if (result && carousel_error_is_fatal(result))
			return result;
		if (result && first == CAROUSEL_E_MALFORMED)
			first = result;
		is_verified |= result == 0;
	}
	return is_verified ? 0 : first;
}

static int documents_check_schedule(const struct documents *d, const char *text, size_t len, struct document_outcome *o)
{
	const uint8_t *payload;
	size_t payload_len;
	struct envelope e;
	int result = envelope_parse(d->allocator, &e, text, len);
	if (result)
		return result;
	result = trust_verify(&d->trust, TRUST_ROLE_HEARTBEAT, &e, ENVELOPE_TYPE_SCHEDULE, &payload, &payload_len);
	if (result == 0)
		result = schedule_parse(d->allocator, &o->schedule, payload, payload_len);
	o->has_schedule = result == 0;
	envelope_deinit(d->allocator, &e);
	return result;
}

int documents_check(
	const struct documents *d, enum object_role role, const char *text, size_t len, struct document_outcome *o)
{
	int result;
	*o = (struct document_outcome){.role = role};
	switch (role) {
	case OBJECT_ROLE_TRUST_ROOT:
		result = documents_check_roots(d, text, len, o);
		break;
	case OBJECT_ROLE_MAP:
		result = documents_check_map(d, text, len, o);
		break;
	case OBJECT_ROLE_MANIFEST:
		result = documents_check_manifests(d, text, len, o);
		break;
	case OBJECT_ROLE_SCHEDULE:
		result = documents_check_schedule(d, text, len, o);
		break;
	default:
		result = CAROUSEL_E_WRONG_TYPE;
	}
	if (result)
		document_outcome_deinit(d, o);
	return result;
}

/* ---- taking over ---------------------------------------------------------------------------------- */

static bool documents_is_vouched(
	const struct documents *d, const char *role, const char *type, const struct document_text *t)
{
	const uint8_t *payload;
	size_t len;
	struct envelope e;
	bool is_good;
	if (envelope_parse(d->allocator, &e, t->text, t->len))
		return false;
	is_good = trust_verify(&d->trust, role, &e, type, &payload, &len) == 0;
	envelope_deinit(d->allocator, &e);
	return is_good;
}

static void documents_review(struct documents *d)
{
	if (d->map && (d->map->epoch < d->trust.root.epoch ||
			      !documents_is_vouched(d, TRUST_ROLE_MAP, ENVELOPE_TYPE_MAP, &d->map_text)))
		documents_drop_map(d);
	for (unsigned i = d->num_manifests; i-- > 0;)
		if (!documents_is_vouched(d, TRUST_ROLE_IMAGE, ENVELOPE_TYPE_MANIFEST, &d->manifests[i]->text))
			documents_drop_manifest(d, i);
}

/* A key that may no longer sign heartbeats may have signed any of them. */
static bool documents_are_heartbeats_doubted(const struct trust_root *before, const struct trust_root *after)
{
	const struct trust_role *old = trust_root_role(before, TRUST_ROLE_HEARTBEAT);
	const struct trust_role *new = trust_root_role(after, TRUST_ROLE_HEARTBEAT);
	for (unsigned i = 0; old && i < old->num_keys; i++) {
		bool is_kept = false;
		for (unsigned k = 0; new &&k < new->num_keys; k++)
			is_kept |= memcmp(old->key_ids[i], new->key_ids[k], KEY_ID_BYTES) == 0;
		if (!is_kept)
			return true;
	}
	return false;
}

/* Gate time begins again with the map's date and the next heartbeat: a stolen key may have set it to any year. */
static void documents_forget_heartbeats(struct documents *d)
{
	d->heartbeat = (struct heartbeat){0};
	d->gate_time_s = 0;
	if (d->has_schedule)
		schedule_deinit(d->allocator, &d->schedule);
	d->has_schedule = false;
}

static int documents_take_roots(struct documents *d, struct document_outcome *o, bool *changed)
{
	if (o->num_new == 0)
		return 0;
	if (d->num_roots + o->num_new > DOCUMENTS_MAX_ROOTS)
		return CAROUSEL_E_LIMIT;
	if (documents_are_heartbeats_doubted(&d->trust.root, &o->trust->root))
		documents_forget_heartbeats(d);
	d->trust = *o->trust;
	for (unsigned i = 0; i < o->num_new; i++) {
		d->roots[d->num_roots++] = o->texts[i];
		o->texts[i] = (struct document_text){0};
	}
	documents_review(d);
	*changed = true;
	return 0;
}

static bool documents_map_names(const struct documents *d, const uint8_t sha256[32])
{
	for (size_t i = 0; d->map && i < d->map->num_images; i++)
		if (memcmp(d->map->images[i].manifest_sha256, sha256, 32) == 0)
			return true;
	return false;
}

static int documents_take_map(struct documents *d, struct document_outcome *o, bool *changed)
{
	const struct policy_map *m = o->map;
	if (m->epoch < d->trust.root.epoch)
		return CAROUSEL_E_ROLLBACK;
	/* An epoch is the root's to raise: a stolen map key could else name one that nothing comes after. */
	if (m->epoch > d->trust.root.epoch)
		return CAROUSEL_E_RANGE;
	if (m->epoch < d->floor_epoch || (m->epoch == d->floor_epoch && m->serial < d->floor_serial))
		return CAROUSEL_E_ROLLBACK;
	if (m->epoch == d->floor_epoch && m->serial == d->floor_serial) {
		if (memcmp(m->sha256, d->floor_sha256, sizeof(d->floor_sha256)) != 0)
			return CAROUSEL_E_CONFLICT;
		if (d->map)
			return 0;
	}
	documents_drop_map(d);
	d->map = o->map;
	d->map_text = o->texts[0];
	o->map = NULL;
	o->texts[0] = (struct document_text){0};
	d->floor_epoch = m->epoch;
	d->floor_serial = m->serial;
	memcpy(d->floor_sha256, m->sha256, sizeof(d->floor_sha256));
	*changed = true;
	return 0;
}

/* When there is no room, one that the map does not name gives way. */
static bool documents_make_room(struct documents *d)
{
	if (d->num_manifests < DOCUMENTS_MAX_MANIFESTS)
		return true;
	for (unsigned i = 0; i < d->num_manifests; i++) {
		if (!documents_map_names(d, d->manifests[i]->sha256)) {
			documents_drop_manifest(d, i);
			return true;
		}
	}
	return false;
}

static int documents_take_manifests(struct documents *d, struct document_outcome *o, bool *changed)
{
	int result = 0;
	for (unsigned i = 0; i < o->num_new; i++) {
		if (documents_manifest(d, o->manifests[i]->sha256))
			continue;
		if (!documents_make_room(d)) {
			result = CAROUSEL_E_LIMIT;
			break;
		}
		d->manifests[d->num_manifests++] = o->manifests[i];
		o->manifests[i] = NULL;
		*changed = true;
	}
	return result;
}

int documents_take(struct documents *d, struct document_outcome *o, bool *changed)
{
	*changed = false;
	switch (o->role) {
	case OBJECT_ROLE_TRUST_ROOT:
		return documents_take_roots(d, o, changed);
	case OBJECT_ROLE_MAP:
		return documents_take_map(d, o, changed);
	case OBJECT_ROLE_MANIFEST:
		return documents_take_manifests(d, o, changed);
	case OBJECT_ROLE_SCHEDULE:
		if (d->has_schedule && o->schedule.sequence < d->schedule.sequence)
			return CAROUSEL_E_ROLLBACK;
		if (d->has_schedule)
			schedule_deinit(d->allocator, &d->schedule);
		d->schedule = o->schedule;
		d->has_schedule = true;
		o->has_schedule = false;
		return 0;
	default:
		return CAROUSEL_E_WRONG_TYPE;
	}
}

int documents_take_heartbeat(
	struct documents *d, uint64_t sequence, const uint8_t *envelope, size_t len, uint64_t now_ns)
{
	struct heartbeat h;
	const uint8_t *payload;
	size_t payload_len;
	struct envelope e;
	int result;
	if (len > HEARTBEAT_MAX_BYTES)
		return CAROUSEL_E_LIMIT;
	result = envelope_parse(d->allocator, &e, (const char *)envelope, len);
	if (result)
		return result;
	result = trust_verify(&d->trust, TRUST_ROLE_HEARTBEAT, &e, ENVELOPE_TYPE_HEARTBEAT, &payload, &payload_len);
	if (result == 0)
		result = heartbeat_parse(&h, payload, payload_len);
	envelope_deinit(d->allocator, &e);
	if (result)
		return result;
	if (h.sequence != sequence)
		return CAROUSEL_E_MALFORMED;
	if (h.time_s < d->gate_time_s && d->gate_time_s - h.time_s > DOCUMENTS_HEARTBEAT_SLACK_S)
		return CAROUSEL_E_ROLLBACK;
	d->heartbeat = h;
	d->heartbeat_ns = now_ns;
	if (h.time_s > d->gate_time_s)
		d->gate_time_s = h.time_s;
	return 0;
}

const struct manifest *documents_manifest(const struct documents *d, const uint8_t sha256[32])
{
	for (unsigned i = 0; i < d->num_manifests; i++)
		if (memcmp(d->manifests[i]->sha256, sha256, 32) == 0)
			return &d->manifests[i]->manifest;
	return NULL;
}

/* ---- the file ------------------------------------------------------------------------------------- */

static char *documents_put_line(char *at, const struct document_text *t)
{
	if (t->text == NULL)
		return at;
	memcpy(at, t->text, t->len);
	at[t->len] = '\n';
	return at + t->len + 1;
}

int documents_save(const struct documents *d, char **text, size_t *len)
{
	size_t bytes = d->map_text.len + 1;
	char *at;
	for (unsigned i = 0; i < d->num_roots; i++)
		bytes += d->roots[i].len + 1;
	for (unsigned i = 0; i < d->num_manifests; i++)
		bytes += d->manifests[i]->text.len + 1;
	*text = at = memory_alloc(d->allocator, bytes + 1, 1);
	if (at == NULL)
		return CAROUSEL_E_MEMORY;
	for (unsigned i = 0; i < d->num_roots; i++)
		at = documents_put_line(at, &d->roots[i]);
	at = documents_put_line(at, &d->map_text);
	for (unsigned i = 0; i < d->num_manifests; i++)
		at = documents_put_line(at, &d->manifests[i]->text);
	*len = (size_t)(at - *text);
	return 0;
}

static enum object_role documents_role_of(const struct documents *d, const char *line, size_t len)
{
	enum object_role role = OBJECT_ROLE_OTHER;
	struct envelope e;
	if (envelope_parse(d->allocator, &e, line, len))
		return role;
	if (strcmp(e.type, ENVELOPE_TYPE_ROOT) == 0)
		role = OBJECT_ROLE_TRUST_ROOT;
	else if (strcmp(e.type, ENVELOPE_TYPE_MAP) == 0)
		role = OBJECT_ROLE_MAP;
	else if (strcmp(e.type, ENVELOPE_TYPE_MANIFEST) == 0)
		role = OBJECT_ROLE_MANIFEST;
	envelope_deinit(d->allocator, &e);
	return role;
}

int documents_load(struct documents *d, const char *text, size_t len, unsigned *num_refused)
{
	const char *line;
	size_t line_len;
	*num_refused = 0;
	while (envelope_next_line(&text, &len, &line, &line_len) == 0) {
		struct document_outcome o;
		bool changed;
		int result = documents_check(d, documents_role_of(d, line, line_len), line, line_len, &o);
		if (result == 0) {
			result = documents_take(d, &o, &changed);
			document_outcome_deinit(d, &o);
		}
		if (result == CAROUSEL_E_MEMORY)
			return result;
		if (result)
			++*num_refused;
	}
	return 0;
}
