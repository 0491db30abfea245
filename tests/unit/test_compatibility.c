/* Documents of every release, and of releases to come: what 0.1.0 signed is read for ever; what a later release may add
 * is skipped by boxes, and refused by the tools that would sign it. tests/vectors/maps/ is only ever added to. */
#include "common/carousel_error.h"
#include "policy-map/cli/check.h"
#include "policy-map/heartbeat.h"
#include "policy-map/policy.h"
#include "tests/lib/test.h"

#include <stdio.h>

#define VECTORS     "tests/vectors/maps/"
#define CLASS       "box2-fpu-4mb"
#define ADDED_LINES 14u /* of future.map, beyond full-0.1.map */

static const struct cli_program program = {"test_compatibility", "", NULL, 0};
static const struct cli cli = {.program = &program};

/* *text is the caller's to free(). */
static size_t load(const char *path, char **text)
{
	FILE *file = fopen(path, "rb");
	size_t len;
	assert_non_null(file);
	*text = calloc(1, 65536);
	assert_non_null(*text);
	len = fread(*text, 1, 65535, file);
	assert_true(len > 0 && len < 65535);
	fclose(file);
	return len;
}

static struct policy_map *parse_map(const char *path, bool strict)
{
	const struct policy_map_options options = {.strict = strict};
	struct policy_map *map = NULL;
	struct policy_map_error error = {0};
	char *text;
	size_t len = load(path, &text);
	int result = policy_map_parse(NULL, text, len, &options, &map, &error);
	if (result)
		fail_msg("%s:%u: %s", path, error.line, error.message);
	free(text);
	return map;
}

/* ---- maps ------------------------------------------------------------------------------------------------- */

static void test_map_of_this_release(void **state)
{
	struct policy_map *map = parse_map(VECTORS "full-0.1.map", true);
	char *text, *again;
	size_t len = load(VECTORS "full-0.1.map", &text), again_len;
	(void)state;
	assert_int_equal(map->epoch, 1);
	assert_int_equal(map->serial, 2026112103);
	assert_int_equal(map->issued_s, 1795255200);
	assert_int_equal(map->expires_s, 1803168000);
	assert_int_equal(map->num_sessions, 3);
	assert_int_equal(map->sessions[1].tsi, 4002);
	assert_int_equal(map->sessions[1].source.family, 6);
	assert_int_equal(map->num_rows, 6);
	assert_true(map->rows[0].until_s > 0 && map->rows[1].hold);
	assert_int_equal(map->rows[1].retry, 2);
	assert_int_equal(map->rows[1].weight, 3);
	assert_int_equal(map->rows[2].num_steps, 3);
	assert_string_equal(map->rows[2].salt, "winter");
	assert_int_equal(map->num_members, 1);
	assert_int_equal(map->num_overrides, 2);
	assert_true(map->overrides[1].never);
	assert_string_equal(policy_map_flag(map, CLASS, "beta", "log-level"), "debug");
	assert_int_equal(map->num_images, 3);
	assert_int_equal(map->num_ignored, 0);
	assert_int_equal(policy_map_format(NULL, text, len, &again, &again_len, NULL), 0);
	assert_int_equal(again_len, len);
	assert_memory_equal(again, text, len);
	memory_free(NULL, again);
	free(text);
	policy_map_free(map);
}

static void assert_same_decision(const struct policy_map *a, const struct policy_map *b, const struct policy_box *box)
{
	static const uint64_t times[] = {0, 1795262400, 1795440000, 1796000000, 1900000000};
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		struct policy_decision x, y;
		assert_int_equal(policy_decide(a, box, times[i], &x), 0);
		assert_int_equal(policy_decide(b, box, times[i], &y), 0);
		assert_int_equal(x.verdict, y.verdict);
		assert_int_equal(x.reason, y.reason);
		assert_int_equal(x.request, y.request);
		assert_int_equal(x.target, y.target);
		assert_memory_equal(&x.numbers, &y.numbers, sizeof(x.numbers));
		assert_string_equal(x.category, y.category);
		assert_int_equal(x.image == NULL, y.image == NULL);
		if (x.image)
			assert_memory_equal(x.image->sha256, y.image->sha256, sizeof(x.image->sha256));
	}
}

/* Unknown words, unknown options, more words than a line may have: each such line is as if it were not there. */
static void test_boxes_skip_the_future(void **state)
{
	static const char *const ids[] = {"00a1b2c3d4", "00a1b2c3d5", "00a1b2c3d6", "00a1b2c3d7", "1", "2", "3"};
	static const char *const classes[] = {CLASS, CLASS "-debug", "box9"};
	static const char *const categories[] = {NULL, "beta", "lab"};
	static const uint32_t versions[] = {1, 74, 75, 99, 100, 102, 104, 105, 120, 121, 217, 1000};
	struct policy_map *now = parse_map(VECTORS "full-0.1.map", false);
	struct policy_map *future = parse_map(VECTORS "future.map", false);
	(void)state;
	assert_int_equal(future->num_ignored, ADDED_LINES);
	assert_int_equal(future->num_sessions, now->num_sessions);
	assert_int_equal(future->num_rows, now->num_rows);
	assert_int_equal(future->num_members, now->num_members);
	assert_int_equal(future->num_overrides, now->num_overrides);
	assert_int_equal(future->num_images, now->num_images);
	assert_string_equal(policy_map_flag(future, CLASS, "production", "new-epg"), "on");
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		for (size_t c = 0; c < 9; c++)
			for (size_t v = 0; v < sizeof(versions) / sizeof(versions[0]); v++) {
				const struct policy_box box = {.id = ids[i],
					.class_name = classes[c % 3],
					.category = categories[c / 3],
					.version = versions[v]};
				assert_same_decision(now, future, &box);
			}
	policy_map_free(now);
	policy_map_free(future);
}

struct complaints {
	unsigned unknown, limits, others;
};

static void complain(void *user, const struct policy_map_error *error)
{
	struct complaints *c = user;
	c->unknown += error->code == CAROUSEL_E_UNKNOWN_WORD;
	c->limits += error->code == CAROUSEL_E_LIMIT;
	c->others += error->code != CAROUSEL_E_UNKNOWN_WORD && error->code != CAROUSEL_E_LIMIT;
}

static void test_tools_refuse_the_future(void **state)
{
	struct complaints complaints = {0};
	const struct policy_map_options options = {.strict = true, .report = complain, .user = &complaints};
	struct policy_map *map = NULL;
	char *text;
	size_t len = load(VECTORS "future.map", &text);
	(void)state;
	assert_int_not_equal(policy_map_parse(NULL, text, len, &options, &map, NULL), 0);
	assert_int_equal(complaints.unknown + complaints.limits, ADDED_LINES);
	assert_int_equal(complaints.others, 0);
	free(text);
}

/* A line of a known kind that breaks its own grammar is no future: no box takes any of such a map. */
static void test_nonsense_is_not_the_future(void **state)
{
	static const char *const lines[] = {"map box2-fpu-4mb beta 75 100 105", "map box2-fpu-4mb beta 75 70 105 120",
		"member UPPER beta", "image box2-fpu-4mb 7 sha256:12 size=1 manifest=sha256:12", "serial 7"};
	const struct policy_map_options options = {0};
	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct policy_map *map = NULL;
		char *text;
		size_t len = load(VECTORS "future.map", &text);
		len += (size_t)sprintf(text + len, "%s\n", lines[i]);
		assert_int_not_equal(policy_map_parse(NULL, text, len, &options, &map, NULL), 0);
		assert_null(map);
		free(text);
	}
}

/* ---- signed documents ------------------------------------------------------------------------------------- */

static void parse_envelope(const char *path, struct envelope *e)
{
	char *text;
	size_t len = load(path, &text);
	assert_int_equal(envelope_parse(NULL, e, text, len), 0);
	free(text);
}

static void load_trust(struct trust *trust)
{
	assert_int_equal(document_load_trust(&cli, VECTORS "roots-0.1.dsse", trust), CLI_OK);
	assert_int_equal(trust->root.version, 2);
}

static void assert_signed(const struct trust *trust, const char *path, const char *role, const char *type,
	const char *bare_path, unsigned skipped)
{
	const uint8_t *payload;
	struct envelope e;
	char *bare;
	size_t len, bare_len = load(bare_path, &bare);
	parse_envelope(path, &e);
	assert_int_equal(e.num_skipped, skipped);
	assert_int_equal(trust_verify(trust, role, &e, type, &payload, &len), 0);
	assert_int_equal(len, bare_len);
	assert_memory_equal(payload, bare, len);
	envelope_deinit(NULL, &e);
	free(bare);
}

/* Ed25519 and P-256, a chain of two roots: what 0.1.0 signed verifies. */
static void test_signatures(void **state)
{
	struct trust trust;
	struct envelope e;
	struct heartbeat h;
	const uint8_t *payload;
	size_t len;
	(void)state;
	load_trust(&trust);
	assert_signed(
		&trust, VECTORS "full-0.1.map.dsse", TRUST_ROLE_MAP, ENVELOPE_TYPE_MAP, VECTORS "full-0.1.map", 0);
	assert_signed(&trust, VECTORS "manifest-0.1.dsse", TRUST_ROLE_IMAGE, ENVELOPE_TYPE_MANIFEST,
		VECTORS "manifest-0.1.json", 0);
	/* Members and a longer signature of a kind that is not known, beside one that is. */
	assert_signed(
		&trust, VECTORS "future-envelope.dsse", TRUST_ROLE_MAP, ENVELOPE_TYPE_MAP, VECTORS "full-0.1.map", 1);
	parse_envelope(VECTORS "heartbeat-0.1.dsse", &e);
	assert_int_equal(trust_verify(&trust, TRUST_ROLE_HEARTBEAT, &e, ENVELOPE_TYPE_HEARTBEAT, &payload, &len), 0);
	assert_int_equal(heartbeat_parse(&h, payload, len), 0);
	assert_int_equal(h.sequence, 17);
	assert_int_equal(h.serial, 2026112103);
	envelope_deinit(NULL, &e);
}

static void test_manifest(void **state)
{
	struct policy_map *map = parse_map(VECTORS "full-0.1.map", true);
	struct manifest *now = calloc(1, sizeof(*now)), *future = calloc(1, sizeof(*future));
	char *text, *later, *printed;
	size_t len = load(VECTORS "manifest-0.1.json", &text), later_len, printed_len;
	uint8_t sha256[HASH_SHA256_BYTES];
	(void)state;
	assert_int_equal(manifest_parse(now, (const uint8_t *)text, len, NULL), 0);
	assert_int_equal(manifest_print(NULL, now, &printed, &printed_len), 0);
	assert_int_equal(printed_len, len);
	assert_memory_equal(printed, text, len);
	memory_free(NULL, printed);
	/* It is the one that the map names. */
	assert_int_equal(hash_sha256(text, len, sha256), 0);
	assert_memory_equal(policy_map_image(map, CLASS, 105)->manifest_sha256, sha256, sizeof(sha256));
	later_len = load(VECTORS "manifest-future.json", &later);
	assert_int_equal(manifest_parse(future, (const uint8_t *)later, later_len, NULL), 0);
	assert_memory_equal(future, now, sizeof(*now));
	free(later);
	free(text);
	free(future);
	free(now);
	policy_map_free(map);
}

/* A role and a key type of a later release are skipped; a known role that also names such a key keeps its others. */
static void test_root(void **state)
{
	struct trust_root *now = calloc(1, sizeof(*now)), *future = calloc(1, sizeof(*future));
	const struct trust_role *role;
	char *text, *later;
	size_t len = load(VECTORS "root-0.1.json", &text), later_len = load(VECTORS "root-future.json", &later);
	(void)state;
	assert_int_equal(trust_root_parse(now, (const uint8_t *)text, len), 0);
	assert_int_equal(now->num_skipped, 0);
	assert_int_equal(trust_root_parse(future, (const uint8_t *)later, later_len), 0);
	assert_int_equal(future->num_skipped, 2);
	assert_int_equal(future->num_roles, now->num_roles);
	assert_int_equal(future->num_keys, now->num_keys);
	role = trust_root_role(future, TRUST_ROLE_MAP);
	assert_int_equal(role->num_keys, trust_root_role(now, TRUST_ROLE_MAP)->num_keys + 1);
	assert_null(trust_root_key(future, role->key_ids[role->num_keys - 1]));
	for (unsigned i = 0; i < now->num_keys; i++)
		assert_non_null(trust_root_key(future, now->keys[i].id));
	free(later);
	free(text);
	free(future);
	free(now);
}

/* ---- what `policy-map sign` would sign --------------------------------------------------------------------- */

static int check(const char *path)
{
	struct document document;
	char *payload = NULL;
	size_t len;
	int result;
	assert_int_equal(document_load(&cli, path, &document), CLI_OK);
	result = check_document(&cli, path, &document, NULL, &payload, &len);
	assert_int_equal(result != CLI_OK, payload == NULL);
	memory_free(NULL, payload);
	document_deinit(&document);
	return result;
}

static void test_what_is_signed(void **state)
{
	(void)state;
	assert_int_equal(check(VECTORS "full-0.1.map"), CLI_OK);
	assert_int_equal(check(VECTORS "manifest-0.1.json"), CLI_OK);
	assert_int_equal(check(VECTORS "root-0.1.json"), CLI_OK);
	assert_int_equal(check(VECTORS "future.map"), CLI_FAILED);
	assert_int_equal(check(VECTORS "manifest-future.json"), CLI_FAILED);
	assert_int_equal(check(VECTORS "root-future.json"), CLI_FAILED);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_map_of_this_release),
		cmocka_unit_test(test_boxes_skip_the_future),
		cmocka_unit_test(test_tools_refuse_the_future),
		cmocka_unit_test(test_nonsense_is_not_the_future),
		cmocka_unit_test(test_signatures),
		cmocka_unit_test(test_manifest),
		cmocka_unit_test(test_root),
		cmocka_unit_test(test_what_is_signed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
