#include "policy-map/audit.h"

#include "common/carousel_error.h"
#include "common/json_fields.h"

#include <string.h>

int audit_parse(struct audit_entry *e, const char *line, size_t len)
{
	struct json_fields f;
	json_t *json;
	int result = json_fields_load(line, len, AUDIT_MAX_LINE_BYTES, &json);
	memset(e, 0, sizeof *e);
	if (result)
		return result;
	json_fields_init(&f, json);
	e->number = json_fields_u64(&f, "number", 1, INT64_MAX);
	e->time_s = json_fields_u64(&f, "time", 0, INT64_MAX);
	json_fields_hex(&f, "previous", e->previous, sizeof e->previous);
	json_fields_string(&f, "who", e->who, sizeof e->who);
	json_fields_string(&f, "action", e->action, sizeof e->action);
	json_fields_string(&f, "subject", e->subject, sizeof e->subject);
	json_fields_hex(&f, "sha256", e->sha256, sizeof e->sha256);
	json_decref(json);
	return f.error;
}

int audit_follow(struct audit_chain *chain, const char *line, size_t len, struct audit_entry *e)
{
	int result = audit_parse(e, line, len);
	if (result)
		return result;
	if (e->number != chain->number + 1 || memcmp(e->previous, chain->head, HASH_SHA256_BYTES) != 0)
		return CAROUSEL_E_CONFLICT;
	chain->number = e->number;
	return hash_sha256(line, len, chain->head);
}

int audit_print(
	const struct carousel_allocator *a, struct audit_chain *chain, struct audit_entry *e, char **line, size_t *len)
{
	char previous[HASH_SHA256_HEX + 1], sha256[HASH_SHA256_HEX + 1];
	json_t *json, *who = json_string(e->who), *subject = json_string(e->subject);
	int result = who && subject ? 0 : CAROUSEL_E_MALFORMED;
	if (result) {
		json_decref(who);
		json_decref(subject);
		return result;
	}
	e->number = chain->number + 1;
	memcpy(e->previous, chain->head, sizeof e->previous);
	json = json_pack("{s:I,s:s,s:I,s:o,s:s,s:o,s:s}", "number", (json_int_t)e->number, "previous",
		hash_hex(previous, e->previous, HASH_SHA256_BYTES), "time", (json_int_t)e->time_s, "who", who, "action",
		e->action, "subject", subject, "sha256", hash_hex(sha256, e->sha256, HASH_SHA256_BYTES));
	result = json_fields_print(a, json, line, len);
	if (result)
		return result;
	result = hash_sha256(*line, *len, chain->head);
	chain->number = e->number;
	(*line)[(*len)++] = '\n'; /* in place of the NUL */
	return result;
}
