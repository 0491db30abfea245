#include "policy-map/heartbeat.h"

#include "common/carousel_error.h"
#include "common/json_fields.h"
#include "policy-map/policy_map.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

int heartbeat_parse(struct heartbeat *h, const uint8_t *payload, size_t len)
{
	struct json_fields f;
	json_t *json;
	int result = json_fields_load(payload, len, HEARTBEAT_MAX_BYTES, &json);
	memset(h, 0, sizeof *h);
	if (result)
		return result;
	json_fields_init(&f, json);
	json_fields_string(&f, "session", h->session, sizeof h->session);
	h->sequence = json_fields_u64(&f, "sequence", 0, INT64_MAX);
	h->time_s = json_fields_u64(&f, "time", 0, INT64_MAX);
	h->epoch = (uint32_t)json_fields_u64(&f, "epoch", 0, UINT32_MAX);
	h->serial = json_fields_u64(&f, "serial", 0, (1ull << 53) - 1);
	json_fields_hex(&f, "map_sha256", h->map_sha256, sizeof h->map_sha256);
	h->rate_bps = json_fields_u64(&f, "rate_bps", 0, INT64_MAX);
	if (f.error == 0 && !policy_is_name(h->session))
		json_fields_fail(&f, CAROUSEL_E_MALFORMED);
	json_decref(json);
	return f.error;
}

int heartbeat_print(const struct heartbeat *h, char *payload, size_t cap, size_t *len)
{
	char digest[HASH_SHA256_HEX + 1];
	int n;
	if (memchr(h->session, 0, sizeof h->session) == NULL || !policy_is_name(h->session))
		return CAROUSEL_E_ARGUMENT;
	n = snprintf(payload, cap,
		"{\"session\":\"%s\",\"sequence\":%" PRIu64 ",\"time\":%" PRIu64 ",\"epoch\":%" PRIu32
		",\"serial\":%" PRIu64 ",\"map_sha256\":\"%s\",\"rate_bps\":%" PRIu64 "}",
		h->session, h->sequence, h->time_s, h->epoch, h->serial,
		hash_hex(digest, h->map_sha256, HASH_SHA256_BYTES), h->rate_bps);
	if (n < 0 || (size_t)n >= cap)
		return CAROUSEL_E_LIMIT;
	*len = (size_t)n;
	return 0;
}
