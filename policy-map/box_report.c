#include "policy-map/box_report.h"

#include "common/carousel_error.h"
#include "common/json_fields.h"
#include "policy-map/policy_map.h"

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

static int parse_members(struct box_report *r, struct json_fields *f)
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
		return f->error;
	if (!policy_is_box_id(r->box_id) || !policy_is_name(r->class_name) || !policy_is_name(r->category))
		return CAROUSEL_E_MALFORMED;
	return json_fields_has(f, "kpi") ? parse_kpis(r, json_fields_object(f, "kpi")) : 0;
}

int box_report_parse(struct box_report *r, const uint8_t *payload, size_t len)
{
	struct json_fields f;
	json_t *json;
	int result = json_fields_load(payload, len, BOX_REPORT_MAX_BYTES, &json);
	memset(r, 0, sizeof *r);
	if (result)
		return result;
	json_fields_init(&f, json);
	result = f.error ? f.error : parse_members(r, &f);
	if (result == 0)
		result = f.error;
	json_decref(json);
	return result;
}

int box_report_print(const struct carousel_allocator *a, const struct box_report *r, char **payload, size_t *len)
{
	json_t *kpis;
	if (!policy_is_box_id(r->box_id) || !policy_is_name(r->class_name) || !policy_is_name(r->category) ||
		r->num_kpis > BOX_REPORT_MAX_KPIS)
		return CAROUSEL_E_ARGUMENT;
	kpis = json_object();
	for (unsigned i = 0; i < r->num_kpis; i++)
		json_object_set_new(kpis, r->kpis[i].name, json_integer(r->kpis[i].value));
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
