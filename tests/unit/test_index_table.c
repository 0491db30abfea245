#include "tests/lib/test.h"

#include "policy-map/fleet/index_table.h"

struct list {
	uint64_t keys[5000];
	uint32_t count;
	uint64_t wanted;
};

static bool is_same(const void *user, uint32_t place)
{
	const struct list *l = user;
	return l->keys[place - 1] == l->wanted;
}

static uint32_t find(struct index_table *t, struct list *l, uint64_t key, uint64_t hash)
{
	uint32_t place;
	l->wanted = key;
	assert_int_equal(index_table_find(t, hash, l->count, is_same, l, &place), 0);
	if (place == 0)
		l->keys[l->count++] = key;
	return place;
}

/* Each key is new once and then found where it was put, over many growths; also when hashes collide. */
static void test_found_again(void **state)
{
	static struct list l;
	(void)state;
	for (unsigned modulus = 7; modulus <= 7000; modulus *= 10) {
		struct index_table t = {0};
		unsigned count = modulus == 7 ? 300 : 5000;
		l.count = 0;
		for (uint64_t i = 0; i < count; i++)
			assert_int_equal(find(&t, &l, i * 77, i % modulus), 0);
		for (uint64_t i = 0; i < count; i++)
			assert_int_equal(find(&t, &l, i * 77, i % modulus), i + 1);
		assert_int_equal(l.count, count);
		assert_true(t.cap >= 2 * t.count);
		index_table_deinit(&t);
	}
}

static void test_hash(void **state)
{
	(void)state;
	/* FNV-1a's own test values. */
	assert_true(index_table_hash(INDEX_TABLE_SEED, "", 0) == 0xcbf29ce484222325u);
	assert_true(index_table_hash(INDEX_TABLE_SEED, "a", 1) == 0xaf63dc4c8601ec8cu);
	assert_true(index_table_hash(INDEX_TABLE_SEED, "foobar", 6) == 0x85944171f73967e8u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_found_again), cmocka_unit_test(test_hash)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
