/* Any bytes as a signed document: the first byte says as which. What is read prints, and prints the same once more. */
#include "tests/fuzz/fuzz.h"

#include "common/carousel_error.h"
#include "common/envelope.h"
#include "policy-map/audit.h"
#include "policy-map/box_report.h"
#include "policy-map/heartbeat.h"
#include "policy-map/key_file.h"
#include "policy-map/manifest.h"
#include "policy-map/schedule.h"
#include "policy-map/trust.h"

#include <string.h>

static void envelope(const uint8_t *data, size_t len)
{
	struct envelope e, again;
	struct trust trust;
	char *text;
	size_t text_len;
	if (envelope_parse(NULL, &e, (const char *)data, len) != 0)
		return;
	FUZZ_ASSERT(e.num_signatures + e.num_skipped <= ENVELOPE_MAX_SIGNATURES);
	(void)trust_init(&trust, &e);
	FUZZ_ASSERT(envelope_print(NULL, &e, &text, &text_len) == 0);
	FUZZ_ASSERT(envelope_parse(NULL, &again, text, text_len) == 0);
	FUZZ_ASSERT(again.signed_len == e.signed_len && memcmp(again.signed_bytes, e.signed_bytes, e.signed_len) == 0);
	FUZZ_ASSERT(again.num_signatures == e.num_signatures);
	envelope_deinit(NULL, &again);
	envelope_deinit(NULL, &e);
	memory_free(NULL, text);
}

static void manifest(const uint8_t *data, size_t len)
{
	static struct manifest m, again;
	char *text;
	size_t text_len;
	if (manifest_parse(&m, data, len, NULL) != 0)
		return;
	FUZZ_ASSERT(m.version >= 1 && m.layout.oti.symbol_size > 0 && m.layout.oti.num_blocks > 0);
	FUZZ_ASSERT(manifest_print(NULL, &m, &text, &text_len) == 0);
	FUZZ_ASSERT(manifest_parse(&again, (const uint8_t *)text, text_len, NULL) == 0);
	FUZZ_ASSERT(fec_oti_is_equal(&m.layout.oti, &again.layout.oti));
	memory_free(NULL, text);
}

static void root(const uint8_t *data, size_t len)
{
	static struct trust_root r, again;
	char *text;
	size_t text_len;
	if (trust_root_parse(&r, data, len) != 0)
		return;
	FUZZ_ASSERT(trust_root_print(NULL, &r, &text, &text_len) == 0);
	FUZZ_ASSERT(trust_root_parse(&again, (const uint8_t *)text, text_len) == 0);
	FUZZ_ASSERT(again.num_roles == r.num_roles && again.num_keys == r.num_keys && again.num_skipped == 0);
	memory_free(NULL, text);
}

static void heartbeat(const uint8_t *data, size_t len)
{
	struct heartbeat h;
	char text[HEARTBEAT_MAX_BYTES];
	size_t text_len;
	if (heartbeat_parse(&h, data, len) == 0)
		FUZZ_ASSERT(heartbeat_print(&h, text, sizeof text, &text_len) == 0);
}

static void schedule(const uint8_t *data, size_t len)
{
	struct schedule s;
	if (schedule_parse(NULL, &s, data, len) == 0)
		schedule_deinit(NULL, &s);
}

static void others(const uint8_t *data, size_t len)
{
	struct box_report report;
	struct audit_entry entry;
	struct key_secret secret;
	struct key_public key;
	(void)box_report_parse(&report, data, len);
	(void)audit_parse(&entry, (const char *)data, len);
	(void)key_file_parse_secret(&secret, (const char *)data, len, NULL, 0);
	(void)key_file_parse_public(&key, (const char *)data, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static void (*const kinds[])(const uint8_t *, size_t) = {envelope, manifest, root, heartbeat, schedule, others};
	if (len)
		kinds[data[0] % (sizeof kinds / sizeof *kinds)](data + 1, len - 1);
	return 0;
}
