#include "policy-map/policy.h"

#include "common/carousel_error.h"

#include <stdio.h>
#include <string.h>

#define POLICY_CASE(symbol, number, name, sentence)                                                                    \
	case (number):                                                                                                 \
		return name;
#define POLICY_CASE_SENTENCE(symbol, number, name, sentence)                                                           \
	case (number):                                                                                                 \
		return sentence;

const char *policy_verdict_name(enum policy_verdict verdict)
{
	switch ((int)verdict) {
		POLICY_DECISION_LIST(POLICY_CASE)
	}
	return "unknown";
}

const char *policy_request_name(enum policy_request request)
{
	switch ((int)request) {
		POLICY_REQUEST_LIST(POLICY_CASE)
	}
	return "unknown";
}

const char *policy_reason_name(enum policy_reason reason)
{
	switch ((int)reason) {
		POLICY_REASON_LIST(POLICY_CASE)
	}
	return "unknown";
}

const char *policy_reason_sentence(enum policy_reason reason)
{
	switch ((int)reason) {
		POLICY_REASON_LIST(POLICY_CASE_SENTENCE)
	}
	return "unknown";
}

uint32_t policy_lot(const char *salt, const char *box_id)
{
	uint8_t message[2 * POLICY_MAX_NAME_BYTES + 16], digest[8];
	size_t salt_len = strnlen(salt, POLICY_MAX_NAME_BYTES + 14), id_len = strnlen(box_id, POLICY_MAX_NAME_BYTES);
	uint64_t value = 0;
	memcpy(message, salt, salt_len);
	message[salt_len] = 0;
	memcpy(message + salt_len + 1, box_id, id_len);
	if (hash_blake2b_64(message, salt_len + 1 + id_len, digest) != 0)
		return 9999; /* last to be let in; libsodium refuses no such length */
	for (unsigned i = 0; i < 8; i++)
		value = value << 8 | digest[i];
	return (uint32_t)(value % 10000);
}

static uint64_t gate_time_of(const struct policy_map *map, uint64_t heartbeat_s)
{
	return heartbeat_s > map->issued_s ? heartbeat_s : map->issued_s;
}

uint32_t policy_ramp_permyriad(const struct policy_map *map, const struct policy_row *row, uint64_t gate_time_s)
{
	uint64_t now = gate_time_of(map, gate_time_s), start = row->from_s ? row->from_s : map->issued_s;
	uint32_t share = 0;
	if (row->num_steps == 0)
		return 10000;
	if (now < start)
		return 0;
	for (unsigned i = 0; i < row->num_steps && row->steps[i].after_s <= now - start; i++)
		share = row->steps[i].permyriad;
	return share;
}

static uint32_t row_lot(const struct policy_row *row, const char *box_id)
{
	char salt[POLICY_MAX_NAME_BYTES + 16];
	if (row->salt)
		return policy_lot(row->salt, box_id);
	snprintf(salt, sizeof salt, "%.*s/%u", (int)POLICY_MAX_NAME_BYTES, row->class_name, row->numbers.current);
	return policy_lot(salt, box_id);
}

bool policy_row_is_gated(const struct policy_row *row)
{
	return row->from_s || row->until_s || row->num_steps;
}

uint32_t policy_row_share(const struct policy_map *map, const struct policy_row *row, uint64_t now_s)
{
	if ((row->from_s && now_s < row->from_s) || (row->until_s && now_s >= row->until_s))
		return 0;
	return policy_ramp_permyriad(map, row, now_s);
}

bool policy_row_admits(
	const struct policy_map *map, const struct policy_row *row, const char *box_id, uint64_t gate_time_s)
{
	uint32_t share = policy_row_share(map, row, gate_time_of(map, gate_time_s));
	if (share == 0 || share >= 10000)
		return share != 0;
	return row_lot(row, box_id) < share;
}

bool policy_row_span(const struct policy_map *map, const struct policy_row *row, const char *box_id, uint64_t *from_s,
	uint64_t *until_s)
{
	uint64_t start = row->from_s ? row->from_s : map->issued_s;
	unsigned step = 0;
	*from_s = start > map->issued_s ? start : map->issued_s;
	*until_s = row->until_s ? row->until_s : UINT64_MAX;
	if (row->num_steps) {
		uint32_t lot = row_lot(row, box_id);
		while (step < row->num_steps && row->steps[step].permyriad <= lot)
			step++;
		if (step == row->num_steps || __builtin_add_overflow(start, row->steps[step].after_s, &start))
			return false;
		*from_s = start > *from_s ? start : *from_s;
	}
	return *from_s < *until_s;
}

static const struct policy_row *find_row(
	const struct policy_map *map, const struct policy_box *box, const char *category, uint64_t gate_time_s)
{
	size_t count;
	const struct policy_row *const *rows = policy_map_rows(map, box->class_name, category, &count);
	for (size_t i = 0; i < count; i++) {
		if (policy_row_admits(map, rows[i], box->id, gate_time_s))
			return rows[i];
	}
	return NULL;
}

static const char *category_of(const struct policy_map *map, const struct policy_box *box)
{
	const struct policy_member *member = policy_map_member(map, box->id);
	if (member)
		return member->category;
	return box->category && box->category[0] ? box->category : POLICY_DEFAULT_CATEGORY;
}

/* Finds the override or row and returns why there are no numbers to go by, or 0. */
static int find_numbers(
	const struct policy_map *map, const struct policy_box *box, uint64_t gate_time_s, struct policy_decision *d)
{
	const struct policy_override *o = policy_map_override(map, box->id, box->class_name);
	const struct policy_row *row;
	if (o) {
		d->is_override = true;
		d->line = o->line;
		d->numbers = o->numbers;
		d->retry = o->retry;
		return o->never ? POLICY_REASON_OVERRIDE_NEVER : 0;
	}
	row = find_row(map, box, d->category, gate_time_s);
	if (row == NULL)
		row = find_row(map, box, "*", gate_time_s);
	if (row == NULL)
		return POLICY_REASON_NO_ROW;
	d->line = row->line;
	d->numbers = row->numbers;
	d->retry = row->retry;
	return row->hold ? POLICY_REASON_HOLD : 0;
}

/* Why current may not be installed on this box at all, or 0. */
static int find_obstacle(const struct policy_box *box, const struct policy_decision *d)
{
	uint32_t max_attempts = box->max_attempts ? box->max_attempts : POLICY_MAX_ATTEMPTS;
	if (d->image == NULL)
		return POLICY_REASON_NO_IMAGE;
	if (d->numbers.current < box->hardware_floor)
		return POLICY_REASON_BELOW_HARDWARE_FLOOR;
	for (size_t i = 0; i < box->num_failures; i++) {
		const struct policy_failure *f = &box->failures[i];
		if (memcmp(f->sha256, d->image->sha256, HASH_SHA256_BYTES) == 0 && f->attempts >= max_attempts &&
			d->retry <= f->retry)
			return POLICY_REASON_FAILED_BEFORE;
	}
	return 0;
}

static bool is_declined(const struct policy_box *box, const struct policy_decision *d)
{
	for (size_t i = 0; i < box->num_declined; i++) {
		if (memcmp(box->declined[i], d->image->sha256, HASH_SHA256_BYTES) == 0)
			return true;
	}
	return false;
}

static void set(
	struct policy_decision *d, enum policy_verdict verdict, enum policy_reason rule, enum policy_request request)
{
	d->verdict = verdict;
	d->rule = d->reason = rule;
	d->request = request;
}

/* The table, from its fourth line on: v against the numbers. */
static void compare_version(uint32_t v, struct policy_decision *d)
{
	if (v < d->numbers.minimum)
		set(d, POLICY_MANDATORY, POLICY_REASON_BELOW_MINIMUM, POLICY_REQUEST_NOW);
	else if (v < d->numbers.acceptable)
		set(d, POLICY_OFFER, POLICY_REASON_BELOW_ACCEPTABLE, POLICY_REQUEST_ACCEPT);
	else if (v < d->numbers.current)
		set(d, POLICY_NONE, POLICY_REASON_ACCEPTABLE, POLICY_REQUEST_INSTALL);
	else if (v == d->numbers.current)
		set(d, POLICY_NONE, POLICY_REASON_CURRENT, POLICY_REQUEST_REINSTALL);
	else if (v <= d->numbers.maximum)
		set(d, POLICY_NONE, POLICY_REASON_NEWER_THAN_CURRENT, POLICY_REQUEST_REFUSED);
	else
		set(d, POLICY_RECALL, POLICY_REASON_ABOVE_MAXIMUM, POLICY_REQUEST_NOW);
}

/* What stands in the way of an installation takes it back, and says so where there was one to be. */
static void check_installation(const struct policy_box *box, struct policy_decision *d)
{
	int obstacle;
	if (d->verdict == POLICY_NONE &&
		(d->request == POLICY_REQUEST_REFUSED || d->request == POLICY_REQUEST_LOCAL_ONLY))
		return;
	obstacle = find_obstacle(box, d);
	if (obstacle) {
		if (d->verdict != POLICY_NONE)
			d->reason = (enum policy_reason)obstacle;
		d->verdict = POLICY_NONE;
		d->request = POLICY_REQUEST_REFUSED;
		return;
	}
	d->target = d->numbers.current;
	if (d->verdict == POLICY_OFFER && is_declined(box, d)) {
		d->verdict = POLICY_NONE;
		d->reason = POLICY_REASON_DECLINED;
	}
}

int policy_decide(
	const struct policy_map *map, const struct policy_box *box, uint64_t gate_time_s, struct policy_decision *d)
{
	int none;
	memset(d, 0, sizeof *d);
	set(d, POLICY_NONE, POLICY_REASON_NO_ROW, POLICY_REQUEST_REFUSED);
	if (map == NULL || box == NULL || box->id == NULL || box->class_name == NULL)
		return CAROUSEL_E_ARGUMENT;
	d->class_name = box->class_name;
	d->category = category_of(map, box);
	d->map_expired = box->has_trusted_clock && map->expires_s && box->clock_s >= map->expires_s;
	none = find_numbers(map, box, gate_time_s, d);
	if (box->version_unreadable) {
		set(d, POLICY_NONE, POLICY_REASON_VERSION_UNREADABLE, POLICY_REQUEST_LOCAL_ONLY);
		d->alarm = true;
	} else if (box->version == POLICY_VERSION_NONE || box->version == POLICY_VERSION_SPECIAL) {
		set(d, POLICY_NONE, POLICY_REASON_SPECIAL_BUILD,
			none ? POLICY_REQUEST_REFUSED : POLICY_REQUEST_INSTALL);
	} else if (none) {
		set(d, POLICY_NONE, (enum policy_reason)none, POLICY_REQUEST_REFUSED);
	} else {
		compare_version(box->version, d);
	}
	if (!none)
		d->image = policy_map_image(map, box->class_name, d->numbers.current);
	check_installation(box, d);
	return 0;
}
