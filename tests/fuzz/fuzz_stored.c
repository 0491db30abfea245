/* Any bytes as a file that is kept on disk: the first byte says as which. */
#include "tests/fuzz/fuzz.h"

#include "carousel-tx/counters.h"
#include "common/carousel_error.h"
#include "common/config.h"
#include "policy-map/audit.h"
#include "policy-map/chunk_index.h"
#include "policy-map/copy_map.h"
#include "policy-map/key_file.h"

#include <string.h>

/* counters.ini of the catalogue. What is read prints, and reads back as the same. */
static void counters(const uint8_t *data, size_t len)
{
	struct tx_counters c, again;
	char message[256], *text;
	size_t text_len;
	if (tx_counters_init(&c, NULL, 7, (const char *)data, len, message, sizeof message) != 0)
		return;
	FUZZ_ASSERT(c.num_objects <= TX_COUNTERS_MAX_OBJECTS);
	FUZZ_ASSERT(tx_counters_print(&c, true, 0, &text, &text_len) == 0);
	FUZZ_ASSERT(tx_counters_init(&again, NULL, 7, text, text_len, message, sizeof message) == 0);
	FUZZ_ASSERT(again.num_objects == c.num_objects && again.toi.next >= c.toi.next);
	tx_counters_deinit(&again);
	tx_counters_deinit(&c);
	memory_free(NULL, text);
}

/* state.ini of a published image. */
static void state(const uint8_t *data, size_t len)
{
	struct config *config;
	struct config_section *s;
	if (config_parse(&config, NULL, (const char *)data, len, "state.ini") == 0) {
		s = config_section(config, "image", NULL);
		const uint64_t published = config_u64(s, "published", 0, 0, INT64_MAX);
		const uint64_t weight = config_u64(s, "weight", 1, 1, 1000);
		if (config_end(config) == 0)
			FUZZ_ASSERT(published <= INT64_MAX && weight >= 1 && weight <= 1000);
	}
	config_free(config);
}

/* Every run of a copy map lies within both images and behind the one before. */
static void copy_map(const uint8_t *data, size_t len)
{
	struct copy_map_header h;
	uint64_t next = 0, end = 0, chunks = 0;
	if (copy_map_check(data, len, &h) != 0)
		return;
	for (uint32_t i = 0; i < h.num_runs; i++) {
		struct copy_map_run run;
		uint64_t at, bytes;
		FUZZ_ASSERT(copy_map_decode_run(data + copy_map_offset(i), &h, &next, &run) == 0);
		at = (uint64_t)run.first_chunk * CHUNK_INDEX_CHUNK_BYTES;
		bytes = copy_map_run_bytes(&h, &run);
		FUZZ_ASSERT(bytes > 0 && at >= end && at < h.image_bytes && bytes <= h.image_bytes - at);
		FUZZ_ASSERT(run.from_offset < h.from_bytes && bytes <= h.from_bytes - run.from_offset);
		end = at + bytes;
		chunks += run.num_chunks;
	}
	FUZZ_ASSERT(chunks == h.num_chunks);
}

/* An index file, and a copy map that is made with it from its own bytes. */
static void chunk_index(const uint8_t *data, size_t len)
{
	static const uint8_t digest[HASH_SHA256_BYTES];
	struct copy_map_builder *b;
	struct copy_map_header h;
	const uint8_t *file;
	size_t file_len;
	if (copy_map_builder_new(NULL, data, len, len, &b) != 0)
		return;
	FUZZ_ASSERT(copy_map_builder_push(b, data, len) == 0);
	FUZZ_ASSERT(copy_map_builder_finish(b, digest, &file, &file_len, &h) == 0);
	FUZZ_ASSERT(copy_map_check(file, file_len, &h) == 0);
	copy_map_builder_free(b);
}

/* An audit log, line by line: what is followed reads back. */
static void audit(const uint8_t *data, size_t len)
{
	struct audit_chain chain = {0};
	const uint8_t *end;
	while (len && (end = memchr(data, '\n', len)) != NULL) {
		struct audit_chain before = chain;
		struct audit_entry e;
		const size_t line = (size_t)(end - data);
		char *text;
		size_t text_len;
		if (audit_follow(&chain, (const char *)data, line, &e) != 0)
			return;
		FUZZ_ASSERT(chain.number == before.number + 1 && e.number == chain.number);
		FUZZ_ASSERT(audit_print(NULL, &before, &e, &text, &text_len) == 0);
		FUZZ_ASSERT(audit_parse(&e, text, text_len - 1) == 0);
		memory_free(NULL, text);
		len -= line + 1;
		data = end + 1;
	}
}

/* A secret key file, with a passphrase; what it may ask for in memory and time is bounded, and too much for a fuzzer.
 */
static void key(const uint8_t *data, size_t len)
{
	struct key_secret secret;
	char *text;
	size_t text_len;
	int result = key_file_parse_secret(&secret, (const char *)data, len, NULL, 0);
	if (result)
		return;
	FUZZ_ASSERT(key_file_print_secret(NULL, &secret, NULL, &text, &text_len) == 0);
	key_secret_deinit(&secret);
	FUZZ_ASSERT(key_file_parse_secret(&secret, text, text_len, NULL, 0) == 0);
	key_secret_deinit(&secret);
	memory_free(NULL, text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static void (*const kinds[])(const uint8_t *, size_t) = {counters, state, copy_map, chunk_index, audit, key};
	if (len)
		kinds[data[0] % (sizeof kinds / sizeof *kinds)](data + 1, len - 1);
	return 0;
}
