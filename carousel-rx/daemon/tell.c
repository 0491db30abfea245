#include "carousel-rx/daemon/tell.h"

#include "common/carousel_error.h"
#include "common/envelope.h"
#include "policy-map/policy.h"

#include <stdio.h>
#include <string.h>

static void copy(char *out, size_t cap, const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));
	snprintf(out, cap, "%s", text ? text : "");
}

static uint64_t number(const json_t *object, const char *name)
{
	json_int_t value = json_integer_value(json_object_get(object, name));
	return value > 0 ? (uint64_t)value : 0;
}

static void add_kpi(struct box_report *r, const char *name, int64_t value)
{
	snprintf(r->kpis[r->num_kpis].name, sizeof(r->kpis[0].name), "%s", name);
	r->kpis[r->num_kpis++].value = value;
}

int tell_report(const json_t *status, struct box_report *r)
{
	const json_t *box = json_object_get(status, "box"), *map = json_object_get(status, "map");
	const json_t *failures = json_object_get(status, "failures"), *air = json_object_get(status, "on_air");
	memset(r, 0, sizeof(*r));
	copy(r->box_id, sizeof(r->box_id), box, "id");
	copy(r->class_name, sizeof(r->class_name), box, "class");
	copy(r->category, sizeof(r->category), box, "category");
	if (r->category[0] == '\0')
		snprintf(r->category, sizeof(r->category), "%s", POLICY_DEFAULT_CATEGORY);
	if (number(box, "version") > UINT32_MAX)
		return CAROUSEL_E_MALFORMED;
	r->version = (uint32_t)number(box, "version");
	r->epoch = (uint32_t)number(map, "epoch");
	r->serial = number(map, "serial");
	copy(r->state, sizeof(r->state), status, "state");
	copy(r->reason, sizeof(r->reason), json_object_get(status, "decision"), "reason");
	r->time_s = number(status, "gate_time_s");
	add_kpi(r, "failures", (int64_t)number(failures, "attempts"));
	if (number(failures, "version"))
		add_kpi(r, "failed_version", (int64_t)number(failures, "version"));
	add_kpi(r, "loss_ppm", (int64_t)(json_number_value(json_object_get(air, "loss")) * 1e6));
	return policy_is_box_id(r->box_id) && policy_is_name(r->class_name) && policy_is_name(r->category)
		       ? 0
		       : CAROUSEL_E_MALFORMED;
}

int tell_print(const struct box_report *r, struct key_secret *key, char **line)
{
	struct key_signer signer;
	struct envelope e;
	char *payload;
	size_t len;
	int result = box_report_print(NULL, r, &payload, &len);
	*line = NULL;
	if (result || key == NULL) {
		*line = payload;
		return result;
	}
	result = envelope_init(NULL, &e, ENVELOPE_TYPE_REPORT, payload, len);
	memory_free(NULL, payload);
	if (result)
		return result;
	signer = key_secret_signer(key);
	result = envelope_sign(&e, &signer);
	if (result == 0)
		result = envelope_print(NULL, &e, line, &len);
	if (result == 0 && len && (*line)[len - 1] == '\n')
		(*line)[len - 1] = '\0';
	envelope_deinit(NULL, &e);
	return result;
}
