/* covers: policy-map/cli/signatures.c */
#include "tests/lib/test.h"

#include "policy-map/cli/signatures.h"

#define NUM_KEYS 4

static struct key_secret keys[NUM_KEYS];
static const struct cli_program program = {.name = "test"};
static const struct cli cli = {.program = &program};

static int make_keys(void **state)
{
	uint8_t seed[KEY_SEED_BYTES];
	(void)state;
	for (unsigned i = 0; i < NUM_KEYS; i++) {
		memset(seed, (int)(i + 1), sizeof seed);
		assert_int_equal(key_secret_init(&keys[i], KEY_ED25519, seed), 0);
	}
	return 0;
}

/* Role root: the key `first` and the next; role map: key 3. */
static struct trust_root root_of(uint32_t version, unsigned first)
{
	struct trust_root root = {.version = version, .epoch = 1, .num_roles = 2};
	for (unsigned i = 0; i < NUM_KEYS; i++)
		root.keys[root.num_keys++] = keys[i].public_key;
	strcpy(root.roles[0].name, TRUST_ROLE_ROOT);
	strcpy(root.roles[1].name, TRUST_ROLE_MAP);
	root.roles[0].threshold = root.roles[0].num_keys = 2;
	root.roles[1].threshold = root.roles[1].num_keys = 1;
	memcpy(root.roles[0].key_ids[0], keys[first].public_key.id, KEY_ID_BYTES);
	memcpy(root.roles[0].key_ids[1], keys[first + 1].public_key.id, KEY_ID_BYTES);
	memcpy(root.roles[1].key_ids[0], keys[3].public_key.id, KEY_ID_BYTES);
	return root;
}

static int may_sign(unsigned key, const struct trust_root *root, const struct trust_root *before)
{
	return signatures_check_root_signer(&cli, "key", keys[key].public_key.id, root, before);
}

static void test_root_signer(void **state)
{
	const struct trust_root first = root_of(1, 0), second = root_of(2, 1), third = root_of(3, 1);
	(void)state;
	assert_int_equal(may_sign(0, &first, NULL), CLI_OK);
	assert_int_equal(may_sign(1, &first, NULL), CLI_OK);
	assert_int_equal(may_sign(2, &first, NULL), CLI_FAILED);
	assert_int_equal(may_sign(3, &first, NULL), CLI_FAILED); /* of another role */
	/* Keys of the new root by themselves, keys of the old one when it is at hand. */
	assert_int_equal(may_sign(2, &second, NULL), CLI_OK);
	assert_int_equal(may_sign(2, &second, &first), CLI_OK);
	assert_int_equal(may_sign(0, &second, &first), CLI_OK);
	assert_int_equal(may_sign(0, &second, NULL), CLI_FAILED);
	assert_int_equal(may_sign(3, &second, &first), CLI_FAILED);
	/* A root that this one does not follow has no say. */
	assert_int_equal(may_sign(0, &third, &first), CLI_FAILED);
	assert_int_equal(may_sign(0, &first, &first), CLI_OK);
}

static const char *state_of(const json_t *report, unsigned key)
{
	return json_string_value(json_object_get(json_array_get(json_object_get(report, "keys"), key), "state"));
}

static void test_report(void **state)
{
	struct trust_root root = root_of(1, 0);
	struct key_signer signer = key_secret_signer(&keys[0]);
	struct envelope e;
	json_t *report;
	bool good = true;
	(void)state;
	assert_int_equal(envelope_init(NULL, &e, ENVELOPE_TYPE_ROOT, "{}", 2), 0);
	assert_int_equal(envelope_sign(&e, &signer), 0);
	report = signatures_of_role(&root, TRUST_ROLE_ROOT, &e, &good);
	assert_false(good);
	assert_string_equal(state_of(report, 0), "signed");
	assert_string_equal(state_of(report, 1), "missing");
	json_decref(report);
	e.signatures[0].bytes[0] ^= 1;
	root.roles[0].threshold = 1;
	report = signatures_of_role(&root, TRUST_ROLE_ROOT, &e, &good);
	assert_false(good);
	assert_string_equal(state_of(report, 0), "bad-signature");
	json_decref(report);
	e.signatures[0].bytes[0] ^= 1;
	report = signatures_of_role(&root, TRUST_ROLE_ROOT, &e, &good);
	assert_true(good);
	json_decref(report);
	assert_true(signatures_has_part(&root, TRUST_ROLE_MAP, keys[3].public_key.id));
	assert_false(signatures_has_part(&root, TRUST_ROLE_MAP, keys[0].public_key.id));
	assert_false(signatures_has_part(&root, "no-such-role", keys[0].public_key.id));
	envelope_deinit(NULL, &e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_root_signer), cmocka_unit_test(test_report)};
	return cmocka_run_group_tests(tests, make_keys, NULL);
}
