#include "tests/lib/fault_alloc.h"
#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "policy-map/trust.h"

#define NUM_KEYS 5

static struct key_secret keys[NUM_KEYS];

static int make_keys(void **state)
{
	uint8_t seed[KEY_SEED_BYTES];
	(void)state;
	for (unsigned i = 0; i < NUM_KEYS; i++) {
		memset(seed, (int)(i + 1), sizeof seed);
		assert_int_equal(key_secret_init(&keys[i], i == 4 ? KEY_ECDSA_P256 : KEY_ED25519, seed), 0);
	}
	return 0;
}

static void add_role(struct trust_root *root, const char *name, unsigned threshold, unsigned first, unsigned count)
{
	struct trust_role *role = &root->roles[root->num_roles++];
	strcpy(role->name, name);
	role->threshold = threshold;
	for (unsigned i = 0; i < count; i++)
		memcpy(role->key_ids[role->num_keys++], keys[first + i].public_key.id, KEY_ID_BYTES);
}

/* Root by `threshold` of the keys first, first + 1; map by key 3; image by key 4. */
static struct trust_root root_of(uint32_t version, uint32_t epoch, unsigned threshold, unsigned first)
{
	struct trust_root root = {.version = version, .epoch = epoch};
	for (unsigned i = 0; i < NUM_KEYS; i++)
		root.keys[root.num_keys++] = keys[i].public_key;
	add_role(&root, "root", threshold, first, 2);
	add_role(&root, "map", 1, 3, 1);
	add_role(&root, "image", 1, 4, 1);
	return root;
}

/* Signers: a bit each. */
static struct envelope seal(const char *type, const char *payload, size_t len, unsigned signers)
{
	struct envelope e;
	assert_int_equal(envelope_init(NULL, &e, type, payload, len), 0);
	for (unsigned i = 0; i < NUM_KEYS; i++) {
		struct key_signer signer = key_secret_signer(&keys[i]);
		if (signers & 1u << i)
			assert_int_equal(envelope_sign(&e, &signer), 0);
	}
	return e;
}

static struct envelope seal_root(const struct trust_root *root, unsigned signers)
{
	struct envelope e;
	char *payload;
	size_t len;
	assert_int_equal(trust_root_print(NULL, root, &payload, &len), 0);
	e = seal(ENVELOPE_TYPE_ROOT, payload, len, signers);
	memory_free(NULL, payload);
	return e;
}

static struct trust start(void)
{
	struct trust_root root = root_of(1, 1, 2, 0);
	struct envelope e = seal_root(&root, 3);
	struct trust t;
	assert_int_equal(trust_init(&t, &e), 0);
	envelope_deinit(NULL, &e);
	return t;
}

static int update(struct trust *t, const struct trust_root *root, unsigned signers)
{
	struct envelope e = seal_root(root, signers);
	int result = trust_update(t, &e);
	envelope_deinit(NULL, &e);
	return result;
}

static void test_root_prints_and_parses(void **state)
{
	struct trust_root root = root_of(7, 3, 2, 0), back;
	char *payload, *again;
	size_t len, again_len;
	(void)state;
	assert_int_equal(trust_root_print(NULL, &root, &payload, &len), 0);
	assert_int_equal(trust_root_parse(&back, (const uint8_t *)payload, len), 0);
	assert_int_equal(back.version, 7);
	assert_int_equal(back.epoch, 3);
	assert_int_equal(back.num_keys, NUM_KEYS);
	assert_int_equal(trust_root_role(&back, "root")->threshold, 2);
	assert_null(trust_root_role(&back, "heartbeat"));
	assert_memory_equal(
		trust_root_key(&back, keys[4].public_key.id), &keys[4].public_key, sizeof(struct key_public));
	assert_int_equal(trust_root_print(NULL, &back, &again, &again_len), 0);
	assert_string_equal(again, payload);
	memory_free(NULL, payload);
	memory_free(NULL, again);
}

static int parse_root(void *user, const uint8_t *data, size_t len)
{
	return trust_root_parse(user, data, len);
}

static void test_root_truncated(void **state)
{
	struct trust_root root = root_of(1, 1, 1, 0), back;
	char *payload;
	size_t len;
	(void)state;
	assert_int_equal(trust_root_print(NULL, &root, &payload, &len), 0);
	test_truncations(parse_root, &back, (const uint8_t *)payload, len);
	memory_free(NULL, payload);
}

static void test_malformed_roots(void **state)
{
#define ID "ab5d14a1ea0c1b1de1d9f95e7cf38d7a5b7d4bb3ec2c8c2ee2c1b5b0f1c1d1e1"
#define ROLE(threshold, ids)                                                                                           \
	"{\"version\":1,\"epoch\":1,\"roles\":{\"root\":{\"threshold\":" threshold ",\"keyids\":[" ids                 \
	"]}},\"keys\":{}}"
	static const struct {
		const char *text;
		int expected;
	} cases[] = {
		{ROLE("1", "\"" ID "\""), 0},
		{ROLE("0", "\"" ID "\""), CAROUSEL_E_RANGE},
		{ROLE("17", "\"" ID "\""), CAROUSEL_E_RANGE},
		{ROLE("2", "\"" ID "\""), CAROUSEL_E_MALFORMED},
		{ROLE("2", "\"" ID "\",\"" ID "\""), CAROUSEL_E_MALFORMED},
		{ROLE("1", "1"), CAROUSEL_E_MALFORMED},
		{ROLE("1", "\"ab\""), CAROUSEL_E_MALFORMED},
		{"{\"version\":0,\"epoch\":1,\"roles\":{},\"keys\":{}}", CAROUSEL_E_RANGE},
		{"{\"version\":1,\"epoch\":-1,\"roles\":{},\"keys\":{}}", CAROUSEL_E_RANGE},
		{"{\"version\":1,\"epoch\":1,\"roles\":{},\"keys\":{}}", CAROUSEL_E_MALFORMED},
		{"{\"version\":1,\"epoch\":1,\"roles\":[],\"keys\":{}}", CAROUSEL_E_MALFORMED},
		{"{\"version\":1,\"epoch\":1,\"roles\":{\"root\":1},\"keys\":{}}", CAROUSEL_E_MALFORMED},
		{"{\"version\":1,\"epoch\":1,\"roles\":{\"root\":{\"threshold\":1,\"keyids\":[\"" ID
		 "\"]},\"later\":7},"
		 "\"keys\":{\"" ID "\":{\"type\":\"ml-dsa-65\"}},\"more\":[]}",
			0},
		{"{\"version\":1,\"epoch\":1,\"roles\":{},\"keys\":{\"" ID
		 "\":{\"type\":\"ed25519\",\"public\":\"AAAA\"}}}",
			CAROUSEL_E_MALFORMED},
		{"{\"version\":1,\"epoch\":1,\"roles\":{},\"keys\":{\"" ID "\":{\"type\":\"ed25519\",\"public\":"
		 "\"MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\"}}}",
			CAROUSEL_E_MALFORMED},
	};
	struct trust_root root;
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int result = trust_root_parse(&root, (const uint8_t *)cases[i].text, strlen(cases[i].text));
		if (result != cases[i].expected)
			fail_msg("%s: %s", cases[i].text, carousel_error_name(result));
	}
	assert_int_equal(trust_root_parse(&root, (const uint8_t *)cases[12].text, strlen(cases[12].text)), 0);
	assert_int_equal(root.num_skipped, 2);
	assert_int_equal(root.num_keys, 0);
}

static void test_first_root_needs_its_own_threshold(void **state)
{
	struct trust_root root = root_of(1, 1, 2, 0);
	struct envelope one = seal_root(&root, 1), foreign = seal_root(&root, 1 | 4),
			map = seal(ENVELOPE_TYPE_MAP, "{}", 2, 3);
	struct trust t;
	(void)state;
	assert_int_equal(trust_init(&t, &one), CAROUSEL_E_SIGNATURE);
	assert_int_equal(trust_init(&t, &foreign), CAROUSEL_E_SIGNATURE);
	assert_int_equal(trust_init(&t, &map), CAROUSEL_E_WRONG_TYPE);
	envelope_deinit(NULL, &one);
	envelope_deinit(NULL, &foreign);
	envelope_deinit(NULL, &map);
}

/* Version 2 moves the root role from keys 0 and 1 to keys 2 and 3. */
static void test_rotation_needs_both_thresholds(void **state)
{
	struct trust t = start();
	struct trust_root next = root_of(2, 1, 2, 2), third = root_of(3, 2, 1, 2);
	(void)state;
	assert_int_equal(update(&t, &next, 3), CAROUSEL_E_SIGNATURE);
	assert_int_equal(update(&t, &next, 12), CAROUSEL_E_SIGNATURE);
	assert_int_equal(update(&t, &next, 1 | 12), CAROUSEL_E_SIGNATURE);
	assert_int_equal(update(&t, &next, 3 | 4), CAROUSEL_E_SIGNATURE);
	assert_int_equal(t.root.version, 1);
	assert_int_equal(update(&t, &next, 15), 0);
	assert_int_equal(t.root.version, 2);
	assert_int_equal(update(&t, &next, 15), CAROUSEL_E_DUPLICATE);
	assert_int_equal(update(&t, &third, 3), CAROUSEL_E_SIGNATURE);
	assert_int_equal(update(&t, &third, 12), 0);
	assert_int_equal(t.root.epoch, 2);
}

static void test_what_an_update_refuses(void **state)
{
	struct trust t = start();
	struct trust_root other = root_of(1, 9, 2, 0), jump = root_of(3, 1, 2, 0), next = root_of(2, 5, 2, 0),
			  lower = root_of(3, 4, 2, 0), old = root_of(1, 1, 2, 0);
	struct envelope map = seal(ENVELOPE_TYPE_MAP, "{}", 2, 3);
	(void)state;
	assert_int_equal(update(&t, &other, 3), CAROUSEL_E_CONFLICT);
	assert_int_equal(update(&t, &other, 4), CAROUSEL_E_SIGNATURE);
	assert_int_equal(update(&t, &jump, 3), CAROUSEL_E_NEED_MORE);
	assert_int_equal(trust_update(&t, &map), CAROUSEL_E_WRONG_TYPE);
	assert_int_equal(update(&t, &next, 3), 0);
	assert_int_equal(update(&t, &lower, 3), CAROUSEL_E_ROLLBACK);
	assert_int_equal(update(&t, &old, 3), CAROUSEL_E_ROLLBACK);
	assert_int_equal(t.root.version, 2);
	assert_int_equal(t.root.epoch, 5);
	envelope_deinit(NULL, &map);
}

static char *chain_text(const struct trust_root *roots, const unsigned *signers, unsigned count)
{
	char *chain = calloc(1, 65536);
	for (unsigned i = 0; i < count; i++) {
		struct envelope e = seal_root(&roots[i], signers[i]);
		char *line;
		size_t len;
		assert_int_equal(envelope_print(NULL, &e, &line, &len), 0);
		strcat(chain, line);
		memory_free(NULL, line);
		envelope_deinit(NULL, &e);
	}
	return chain;
}

static void test_chain_catches_up(void **state)
{
	const struct trust_root roots[] = {
		root_of(1, 1, 2, 0), root_of(2, 1, 2, 1), root_of(3, 2, 2, 2), root_of(4, 2, 1, 0)};
	const unsigned signers[] = {3, 7, 15, 15}, broken[] = {3, 7, 6, 15};
	struct trust t = start();
	unsigned taken;
	char *chain = chain_text(roots, signers, 4), *bad = chain_text(roots, broken, 4);
	(void)state;
	assert_int_equal(trust_update_chain(NULL, &t, chain, strlen(chain), &taken), 0);
	assert_int_equal(taken, 3);
	assert_int_equal(t.root.version, 4);
	assert_int_equal(trust_update_chain(NULL, &t, chain, strlen(chain), &taken), 0);
	assert_int_equal(taken, 0);
	t = start();
	assert_int_equal(trust_update_chain(NULL, &t, bad, strlen(bad), &taken), CAROUSEL_E_SIGNATURE);
	assert_int_equal(taken, 1);
	assert_int_equal(t.root.version, 2);
	free(chain);
	free(bad);
}

static void test_verify_by_role(void **state)
{
	struct trust t = start();
	struct envelope by_map = seal(ENVELOPE_TYPE_MAP, "map", 3, 8), by_image = seal(ENVELOPE_TYPE_MAP, "map", 3, 16);
	const uint8_t *payload;
	size_t len;
	(void)state;
	assert_int_equal(trust_verify(&t, "map", &by_map, ENVELOPE_TYPE_MAP, &payload, &len), 0);
	assert_int_equal(len, 3);
	assert_memory_equal(payload, "map", 3);
	assert_int_equal(trust_verify(&t, "map", &by_image, ENVELOPE_TYPE_MAP, &payload, &len), CAROUSEL_E_SIGNATURE);
	assert_int_equal(trust_verify(&t, "image", &by_image, ENVELOPE_TYPE_MAP, &payload, &len), 0);
	assert_int_equal(
		trust_verify(&t, "map", &by_map, ENVELOPE_TYPE_MANIFEST, &payload, &len), CAROUSEL_E_WRONG_TYPE);
	assert_int_equal(
		trust_verify(&t, "heartbeat", &by_map, ENVELOPE_TYPE_MAP, &payload, &len), CAROUSEL_E_NOT_FOUND);
	envelope_deinit(NULL, &by_map);
	envelope_deinit(NULL, &by_image);
}

static int attempt(const struct carousel_allocator *a, void *user)
{
	struct trust t = start();
	unsigned taken;
	return trust_update_chain(a, &t, user, strlen(user), &taken);
}

static void test_no_memory(void **state)
{
	const struct trust_root roots[] = {root_of(2, 1, 2, 0)};
	const unsigned signers[] = {3};
	char *chain = chain_text(roots, signers, 1);
	(void)state;
	assert_int_equal(fault_alloc_all(attempt, chain), 1);
	free(chain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_root_prints_and_parses),
		cmocka_unit_test(test_root_truncated),
		cmocka_unit_test(test_malformed_roots),
		cmocka_unit_test(test_first_root_needs_its_own_threshold),
		cmocka_unit_test(test_rotation_needs_both_thresholds),
		cmocka_unit_test(test_what_an_update_refuses),
		cmocka_unit_test(test_chain_catches_up),
		cmocka_unit_test(test_verify_by_role),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, make_keys, NULL);
}
