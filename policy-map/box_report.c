#include "policy-map/box_report.h"

#include "common/carousel_error.h"
#include "common/json_fields.h"
#include "policy-map/policy_map.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int parse_kpis(struct box_report *r, const json_t *kpis)
{
	const char *name;
	json_t *value;
	json_object_foreach((json_t *)(uintptr_t)kpis, name, value)
	{
		if (r->num_kpis == BOX_REPORT_MAX_KPIS || strlen(name) >= sizeof r->kpis[0].name)
			return CAROUSEL_E_LIMIT;
		if (!json_is_integer(value) || name[0] == '\0')
			return CAROUSEL_E_MALFORMED;
		strcpy(r->kpis[r->num_kpis].name, name);
		r->kpis[r->num_kpis++].value = json_integer_value(value);
	}
	return 0;
}

static void parse_members(struct box_report *r, struct json_fields *f)
{
	json_fields_string(f, "box_id", r->box_id, sizeof r->box_id);
	json_fields_string(f, "class", r->class_name, sizeof r->class_name);
	json_fields_string(f, "category", r->category, sizeof r->category);
	r->version = (uint32_t)json_fields_u64(f, "version", 0, UINT32_MAX);
	r->epoch = (uint32_t)json_fields_u64_or(f, "epoch", 0, UINT32_MAX, 0);
	r->serial = json_fields_u64_or(f, "serial", 0, (1ull << 53) - 1, 0);
	json_fields_string_or_empty(f, "state", r->state, sizeof r->state);
	json_fields_string_or_empty(f, "reason", r->reason, sizeof r->reason);
	r->time_s = json_fields_u64_or(f, "time", 0, INT64_MAX, 0);
	if (f->error)
		return;
	if (!policy_is_box_id(r->box_id))
		json_fields_fail_at(f, "box_id", CAROUSEL_E_MALFORMED);
	if (!policy_is_name(r->class_name))
		json_fields_fail_at(f, "class", CAROUSEL_E_MALFORMED);
	if (!policy_is_name(r->category))
		json_fields_fail_at(f, "category", CAROUSEL_E_MALFORMED);
	if (f->error == 0 && json_fields_has(f, "kpi")) {
		int result = parse_kpis(r, json_fields_object(f, "kpi"));
		if (result)
			json_fields_fail_at(f, "kpi", result);
	}
}

/* The members of a report: what was wrong with them is in *f. *json is released by json_decref. */
static int parse_json(struct box_report *r, const uint8_t *payload, size_t len, struct json_fields *f, json_t **json)
{
	int result = json_fields_load(payload, len, BOX_REPORT_MAX_BYTES, json);
	memset(r, 0, sizeof *r);
	json_fields_init(f, *json);
	if (result)
		return result;
	if (f->error == 0)
		parse_members(r, f);
	return f->error;
}

int box_report_parse_any(struct box_report *r, const uint8_t *payload, size_t len)
{
	struct json_fields f;
	json_t *json;
	int result = parse_json(r, payload, len, &f, &json);
	json_decref(json);
	return result;
}

const char *box_report_fault(const uint8_t *payload, size_t len, char *value, size_t cap)
{
	struct box_report r;
	struct json_fields f;
	json_t *json;
	char *text;
	(void)parse_json(&r, payload, len, &f, &json);
	value[0] = '\0';
	if (f.member && json_fields_has(&f, f.member)) {
		text = json_dumps(json_object_get(json, f.member), JSON_COMPACT | JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
		snprintf(value, cap, "%s", text ? text : "");
		free(text);
	}
	json_decref(json);
	return f.member;
}

/* ---- the form that boxes write, without a tree: what is not plain is left to the full parser ---- */

struct scan {
	const char *p, *end;
};

static void skip_blanks(struct scan *s)
{
	while (s->p < s->end && *s->p == ' ')
		s->p++;
}

static bool scan_char(struct scan *s, char c)
{
	skip_blanks(s);
	if (s->p == s->end || *s->p != c)
		return false;
	s->p++;
	return true;
}

/* ASCII without escapes. */
static bool scan_string(struct scan *s, char *out, size_t cap)
{
	size_t len = 0;
	if (!scan_char(s, '"'))
		return false;
	for (; s->p < s->end && *s->p != '"'; s->p++) {
		if (*s->p < 0x20 || *s->p > 0x7e || *s->p == '\\' || len + 1 == cap)
			return false;
		out[len++] = *s->p;
	}
	out[len] = '\0';
	return s->p++ < s->end;
}

/* Up to 18 digits, so that nothing can overflow. */
static bool scan_number(struct scan *s, int64_t min, int64_t max, int64_t *value)
{
	unsigned digits = 0;
	bool is_negative, has_zero;
	skip_blanks(s);
	is_negative = s->p < s->end && *s->p == '-';
	s->p += is_negative;
	has_zero = s->p < s->end && *s->p == '0';
	for (*value = 0; s->p < s->end && *s->p >= '0' && *s->p <= '9' && digits < 18; s->p++, digits++)
		*value = *value * 10 + (*s->p - '0');
	if (is_negative)
		*value = -*value;
	return digits >= 1 && !(has_zero && digits > 1) && *value >= min && *value <= max;
}

static bool scan_kpis(struct scan *s, struct box_report *r)
{
	if (!scan_char(s, '{'))
		return false;
	if (scan_char(s, '}'))
		return true;
	do {
		unsigned n = r->num_kpis;
		if (n == BOX_REPORT_MAX_KPIS || !scan_string(s, r->kpis[n].name, sizeof r->kpis[n].name) ||
			r->kpis[n].name[0] == '\0' || !scan_char(s, ':') ||
			!scan_number(s, INT64_MIN, INT64_MAX, &r->kpis[n].value))
			return false;
		for (unsigned i = 0; i < n; i++) {
			if (strcmp(r->kpis[i].name, r->kpis[n].name) == 0)
				return false;
		}
		r->num_kpis++;
	} while (scan_char(s, ','));
	return scan_char(s, '}');
}

enum { BOX_ID, CLASS, CATEGORY, STATE, REASON, VERSION, EPOCH, SERIAL, TIME, KPI, NUM_MEMBERS };

static bool scan_u32(struct scan *s, uint32_t *value)
{
	int64_t number;
	bool is_good = scan_number(s, 0, UINT32_MAX, &number);
	*value = (uint32_t)number;
	return is_good;
}

static bool scan_u64(struct scan *s, int64_t max, uint64_t *value)
{
	int64_t number;
	bool is_good = scan_number(s, 0, max, &number);
	*value = (uint64_t)number;
	return is_good;
}

static bool scan_value(struct scan *s, unsigned member, struct box_report *r)
{
	switch (member) {
	case BOX_ID:
		return scan_string(s, r->box_id, sizeof r->box_id);
	case CLASS:
		return scan_string(s, r->class_name, sizeof r->class_name);
	case CATEGORY:
		return scan_string(s, r->category, sizeof r->category);
	case STATE:
		return scan_string(s, r->state, sizeof r->state);
	case REASON:
		return scan_string(s, r->reason, sizeof r->reason);
	case VERSION:
		return scan_u32(s, &r->version);
	case EPOCH:
		return scan_u32(s, &r->epoch);
	case SERIAL:
		return scan_u64(s, (1ll << 53) - 1, &r->serial);
	case TIME:
		return scan_u64(s, INT64_MAX, &r->time_s);
	case KPI:
		return scan_kpis(s, r);
	default:
		return false;
	}
}

static unsigned member_of(const char *name)
{
	static const char *const names[NUM_MEMBERS] = {
		"box_id", "class", "category", "state", "reason", "version", "epoch", "serial", "time", "kpi"};
	unsigned member = 0;
	while (member < NUM_MEMBERS && strcmp(name, names[member]) != 0)
		member++;
	return member;
}

/* False: not in this form, whether it is right or wrong. */
static bool scan_report(struct box_report *r, const char *text, size_t len)
{
	const unsigned needed = 1u << BOX_ID | 1u << CLASS | 1u << CATEGORY | 1u << VERSION;
	struct scan s = {text, text + len};
	unsigned seen = 0;
	if (!scan_char(&s, '{'))
		return false;
	do {
		char name[16];
		unsigned member;
		if (!scan_string(&s, name, sizeof name) || !scan_char(&s, ':'))
			return false;
		member = member_of(name);
		if (seen >> member & 1 || !scan_value(&s, member, r))
			return false;
		seen |= 1u << member;
	} while (scan_char(&s, ','));
	if (!scan_char(&s, '}') || s.p != s.end || (seen & needed) != needed)
		return false;
	return policy_is_box_id(r->box_id) && policy_is_name(r->class_name) && policy_is_name(r->category);
}

int box_report_parse(struct box_report *r, const uint8_t *payload, size_t len)
{
	memset(r, 0, sizeof *r);
	if (len <= BOX_REPORT_MAX_BYTES && scan_report(r, (const char *)payload, len))
		return 0;
	return box_report_parse_any(r, payload, len);
}

int box_report_print(const struct carousel_allocator *a, const struct box_report *r, char **payload, size_t *len)
{
	json_t *kpis;
	if (!policy_is_box_id(r->box_id) || !policy_is_name(r->class_name) || !policy_is_name(r->category) ||
		r->num_kpis > BOX_REPORT_MAX_KPIS)
		return CAROUSEL_E_ARGUMENT;
	kpis = json_object();
	for (unsigned i = 0; i < r->num_kpis; i++)
		json_fields_set(&kpis, r->kpis[i].name, json_integer(r->kpis[i].value));
	return json_fields_print(a,
		json_pack("{s:s,s:s,s:s,s:I,s:I,s:I,s:s,s:s,s:I,s:o}", "box_id", r->box_id, "class", r->class_name,
			"category", r->category, "version", (json_int_t)r->version, "epoch", (json_int_t)r->epoch,
			"serial", (json_int_t)r->serial, "state", r->state, "reason", r->reason, "time",
			(json_int_t)r->time_s, "kpi", kpis),
		payload, len);
}

int64_t box_report_kpi(const struct box_report *r, const char *name, int64_t otherwise)
{
	for (unsigned i = 0; i < r->num_kpis; i++) {
		if (strcmp(r->kpis[i].name, name) == 0)
			return r->kpis[i].value;
	}
	return otherwise;
}
