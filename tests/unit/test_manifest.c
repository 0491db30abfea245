#include "tests/lib/fault_alloc.h"
#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "policy-map/chunk_index.h"
#include "policy-map/manifest.h"

#include <stdio.h>

static struct manifest example;

static int make_example(void **state)
{
	const struct object_layout_wish wish = {
		.kind = OBJECT_STRIPED, .encoding_id = FEC_RAPTORQ, .symbol_size = 1024, .block_symbols = 4096};
	struct manifest *m = &example;
	(void)state;
	strcpy(m->class_name, "box2-fpu-4mb");
	m->version = 105;
	strcpy(m->label, "3.2.1");
	memset(m->sha256, 0x11, sizeof m->sha256);
	assert_int_equal(object_layout_choose(&m->layout, &wish, 67108865), 0);
	m->index_chunk_bytes = CHUNK_INDEX_CHUNK_BYTES;
	memset(m->index_sha256, 0x22, sizeof m->index_sha256);
	m->index_bytes = chunk_index_bytes(67108865);
	m->num_copy_maps = 1;
	m->copy_maps[0].from_version = 100;
	memset(m->copy_maps[0].from_sha256, 0x33, 32);
	memset(m->copy_maps[0].sha256, 0x44, 32);
	m->hardware_floor = 90;
	m->data_format = 3;
	m->num_reads_data_formats = 2;
	m->reads_data_formats[0] = 2;
	m->reads_data_formats[1] = 1;
	m->num_texts = 2;
	strcpy(m->texts[0].language, "en");
	strcpy(m->texts[0].title, "Faster zapping");
	strcpy(m->texts[0].notes, "One.\nTwo \"quoted\".");
	strcpy(m->texts[1].language, "de-AT");
	strcpy(m->texts[1].title, "Schneller umschalten \xc3\xbc");
	m->minutes = 4;
	m->restart = true;
	return 0;
}

static int parse(void *user, const uint8_t *data, size_t len)
{
	return manifest_parse(user, data, len, NULL);
}

static void test_round_trip_and_truncations(void **state)
{
	struct manifest back;
	char *payload, *again;
	size_t len, again_len;
	(void)state;
	assert_int_equal(manifest_print(NULL, &example, &payload, &len), 0);
	assert_int_equal(manifest_parse(&back, (const uint8_t *)payload, len, NULL), 0);
	assert_string_equal(back.class_name, example.class_name);
	assert_int_equal(back.version, 105);
	assert_int_equal(back.layout.kind, OBJECT_STRIPED);
	assert_true(back.layout.image_bytes == 67108865);
	assert_true(fec_oti_is_equal(&back.layout.oti, &example.layout.oti));
	assert_true(back.index_bytes == example.index_bytes);
	assert_int_equal(back.copy_maps[0].from_version, 100);
	assert_string_equal(back.texts[0].notes, example.texts[0].notes);
	assert_string_equal(back.texts[1].title, example.texts[1].title);
	assert_true(back.restart);
	assert_int_equal(manifest_print(NULL, &back, &again, &again_len), 0);
	assert_string_equal(again, payload);
	test_truncations(parse, &back, (const uint8_t *)payload, len);
	memory_free(NULL, payload);
	memory_free(NULL, again);
}

static void test_schemes_with_their_own_parameters(void **state)
{
	const struct object_layout_wish wishes[] = {
		{.kind = OBJECT_LINEAR, .encoding_id = FEC_COMPACT_NO_CODE, .symbol_size = 1024, .block_symbols = 64},
		{.kind = OBJECT_STRIPED,
			.encoding_id = FEC_REED_SOLOMON_GF256,
			.symbol_size = 1024,
			.block_symbols = 200,
			.max_encoding_symbols = 255},
		{.kind = OBJECT_STRIPED,
			.encoding_id = FEC_SMALL_BLOCK,
			.instance_id = FEC_INSTANCE_ISA_L_CAUCHY,
			.symbol_size = 1024,
			.block_symbols = 24,
			.max_encoding_symbols = 32},
	};
	(void)state;
	for (size_t i = 0; i < sizeof wishes / sizeof *wishes; i++) {
		struct manifest m = example, back;
		char *payload;
		size_t len;
		assert_int_equal(object_layout_choose(&m.layout, &wishes[i], 67108865), 0);
		assert_int_equal(manifest_print(NULL, &m, &payload, &len), 0);
		assert_int_equal(manifest_parse(&back, (const uint8_t *)payload, len, NULL), 0);
		assert_true(fec_oti_is_equal(&back.layout.oti, &m.layout.oti));
		memory_free(NULL, payload);
	}
}

/* Replaces the first `from` of the example's text by `to`. */
static int parse_changed(const char *from, const char *to, const struct fec_limits *limits)
{
	struct manifest m;
	char *payload, changed[8192];
	const char *at;
	size_t len;
	int n;
	assert_int_equal(manifest_print(NULL, &example, &payload, &len), 0);
	at = strstr(payload, from);
	if (at == NULL)
		fail_msg("no %s in %s", from, payload);
	n = snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - payload), payload, to, at + strlen(from));
	memory_free(NULL, payload);
	return manifest_parse(&m, (const uint8_t *)changed, (size_t)n, limits);
}

#define DIGEST_88     "8888888888888888888888888888888888888888888888888888888888888888"
#define SAME_COPY_MAP "{\"from_version\":100,\"from_sha256\":\"" DIGEST_88 "\",\"sha256\":\"" DIGEST_88 "\"}"

static void test_bad_values(void **state)
{
	static const struct {
		const char *from, *to;
		int expected;
	} cases[] = {
		{"\"minutes\":4", "\"minutes\":4,\"later\":[1]", 0},
		{"\"version\":105", "\"version\":0", CAROUSEL_E_RANGE},
		{"\"version\":105", "\"version\":4294967295", CAROUSEL_E_RANGE},
		{"\"version\":105", "\"version\":\"105\"", CAROUSEL_E_MALFORMED},
		{"\"box2-fpu-4mb\"", "\"box 2\"", CAROUSEL_E_MALFORMED},
		{"\"box2-fpu-4mb\"", "\"*\"", CAROUSEL_E_MALFORMED},
		{"\"3.2.1\"", "\"3\\u00072\"", CAROUSEL_E_MALFORMED},
		{"\"3.2.1\"", "\"0123456789012345678901234567890123\"", CAROUSEL_E_LIMIT},
		{"\"size\":67108865", "\"size\":0", CAROUSEL_E_RANGE},
		{"\"size\":67108865", "\"size\":1099511627777", CAROUSEL_E_RANGE},
		{"\"size\":67108865", "\"size\":8", CAROUSEL_E_OTI},
		{"\"striped\"", "\"woven\"", CAROUSEL_E_UNSUPPORTED},
		{"\"id\":6", "\"id\":7", CAROUSEL_E_UNSUPPORTED},
		{"\"T\":1024", "\"T\":0", CAROUSEL_E_RANGE},
		{"\"T\":1024", "\"T\":1000", CAROUSEL_E_OTI},
		{"\"Z\":17", "\"Z\":16", CAROUSEL_E_OTI},
		{"\"Z\":17", "\"Z\":256", CAROUSEL_E_OTI},
		{"\"Al\":", "\"Al\":0,\"x\":", CAROUSEL_E_RANGE},
		{"\"chunk\":4096", "\"chunk\":8192", CAROUSEL_E_UNSUPPORTED},
		{"\"bytes\":", "\"bytes\":1,\"x\":", CAROUSEL_E_RANGE},
		{"\"from_version\":100", "\"from_version\":0", CAROUSEL_E_RANGE},
		{"\"from_version\":100", "\"from_version\":105", CAROUSEL_E_DUPLICATE},
		{"\"copy_maps\":[{", "\"copy_maps\":[" SAME_COPY_MAP ",{", CAROUSEL_E_DUPLICATE},
		{"\"from_sha256\":\"3", "\"from_sha256\":\"x", CAROUSEL_E_MALFORMED},
		{"[2,1]", "[0]", CAROUSEL_E_RANGE},
		{"[2,1]", "[\"2\"]", CAROUSEL_E_MALFORMED},
		{"[2,1]", "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]", CAROUSEL_E_LIMIT},
		{"\"title\":{",
			"\"title\":{\"a\":\"\",\"b\":\"\",\"c\":\"\",\"d\":\"\",\"e\":\"\",\"f\":\"\",\"g\":\"\",",
			CAROUSEL_E_LIMIT},
		{"\"title\":{", "\"title\":{\"e n\":\"\",", CAROUSEL_E_MALFORMED},
		{"\"Faster zapping\"", "\"Faster\\nzapping\"", CAROUSEL_E_MALFORMED},
		{"\"Faster zapping\"", "7", CAROUSEL_E_MALFORMED},
		{"\"restart\":true", "\"restart\":1", CAROUSEL_E_MALFORMED},
		{"\"minutes\":4", "\"minutes\":10001", CAROUSEL_E_RANGE},
	};
	(void)state;
	assert_int_equal(example.layout.oti.num_blocks, 17);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int result = parse_changed(cases[i].from, cases[i].to, NULL);
		if (result != cases[i].expected)
			fail_msg("%s -> %s: %s", cases[i].from, cases[i].to, carousel_error_name(result));
	}
}

static void test_limits_of_the_box(void **state)
{
	const struct fec_limits small = {.max_block_symbols = 1000}, enough = {.max_block_symbols = 5000};
	(void)state;
	assert_int_equal(parse_changed("3.2.1", "3.2.2", &small), CAROUSEL_E_LIMIT);
	assert_int_equal(parse_changed("3.2.1", "3.2.2", &enough), 0);
}

static void test_size_is_bounded(void **state)
{
	static uint8_t big[MANIFEST_MAX_BYTES + 1];
	struct manifest m;
	(void)state;
	memset(big, ' ', sizeof big);
	assert_int_equal(manifest_parse(&m, big, sizeof big, NULL), CAROUSEL_E_LIMIT);
}

static void test_texts_by_language(void **state)
{
	struct manifest none = {.version = 1};
	(void)state;
	assert_string_equal(manifest_text(&example, "de-AT")->language, "de-AT");
	assert_string_equal(manifest_text(&example, "en-GB")->language, "en");
	assert_string_equal(manifest_text(&example, "fr")->language, "en");
	assert_null(manifest_text(&none, "en"));
}

static void test_data_formats(void **state)
{
	(void)state;
	assert_true(manifest_has_data_format(&example, 0));
	assert_true(manifest_has_data_format(&example, 1));
	assert_true(manifest_has_data_format(&example, 3));
	assert_false(manifest_has_data_format(&example, 4));
}

static void test_text_must_be_utf8(void **state)
{
	struct manifest m = example;
	char *payload;
	size_t len;
	(void)state;
	strcpy(m.texts[0].notes, "\xff");
	assert_int_equal(manifest_print(NULL, &m, &payload, &len), CAROUSEL_E_MALFORMED);
	m = example;
	strcpy(m.label, "\xc3");
	assert_int_equal(manifest_print(NULL, &m, &payload, &len), CAROUSEL_E_MALFORMED);
}

static int attempt(const struct carousel_allocator *a, void *user)
{
	char *payload;
	size_t len;
	int result = manifest_print(a, user, &payload, &len);
	if (result == 0)
		memory_free(a, payload);
	return result;
}

static void test_no_memory(void **state)
{
	(void)state;
	assert_int_equal(fault_alloc_all(attempt, &example), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip_and_truncations),
		cmocka_unit_test(test_schemes_with_their_own_parameters),
		cmocka_unit_test(test_bad_values),
		cmocka_unit_test(test_limits_of_the_box),
		cmocka_unit_test(test_size_is_bounded),
		cmocka_unit_test(test_texts_by_language),
		cmocka_unit_test(test_data_formats),
		cmocka_unit_test(test_text_must_be_utf8),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, make_example, NULL);
}
