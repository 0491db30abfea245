#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "policy-map/fleet/fleet_db.h"

#include <stdio.h>
#include <unistd.h>

static char path[64];
static struct fleet_db *db;

static int set_up(void **state)
{
	(void)state;
	snprintf(path, sizeof path, "/tmp/test_fleet_db.%d", (int)getpid());
	return fleet_db_open(path, false, &db);
}

static int tear_down(void **state)
{
	static const char *const ends[] = {"", "-wal", "-shm"};
	char file[80];
	(void)state;
	fleet_db_close(db);
	for (unsigned i = 0; i < 3; i++) {
		snprintf(file, sizeof file, "%s%s", path, ends[i]);
		unlink(file);
	}
	return 0;
}

static int put(const char *id, uint32_t version, enum fleet_trust trust, uint64_t now)
{
	struct box_report r = {.class_name = "box",
		.category = "production",
		.version = version,
		.state = "up-to-date",
		.num_kpis = 1,
		.kpis = {{"failures", 2}}};
	strcpy(r.box_id, id);
	return fleet_db_put(db, &r, trust, now);
}

struct list {
	char text[512];
};

static int list_box(void *user, const struct fleet_box *b)
{
	struct list *l = user;
	size_t at = strlen(l->text);
	snprintf(l->text + at, sizeof l->text - at, "%s %s %s %u %llu %llu %d %lld;", b->id, b->class_name, b->category,
		b->version, (unsigned long long)b->since_s, (unsigned long long)b->seen_s, (int)b->trust,
		(long long)b->failures);
	return 0;
}

static int list_history(void *user, uint32_t version, uint64_t since, uint64_t until)
{
	struct list *l = user;
	size_t at = strlen(l->text);
	snprintf(l->text + at, sizeof l->text - at, "%u %llu %llu;", version, (unsigned long long)since,
		(unsigned long long)until);
	return 0;
}

static int list_version(void *user, const char *class_name, const char *category, uint32_t version, uint64_t count)
{
	struct list *l = user;
	size_t at = strlen(l->text);
	snprintf(l->text + at, sizeof l->text - at, "%s %s %u %llu;", class_name, category, version,
		(unsigned long long)count);
	return 0;
}

static int stop(void *user, const struct fleet_box *b)
{
	(void)user;
	(void)b;
	return CAROUSEL_E_BUSY;
}

static void test_boxes_and_their_history(void **state)
{
	struct list boxes = {""}, history = {""}, versions = {""};
	(void)state;
	assert_int_equal(put("b", 100, FLEET_FROM_LIST, 10), 0);
	assert_int_equal(put("a", 100, FLEET_UNSIGNED, 20), 0);
	assert_int_equal(put("b", 100, FLEET_SIGNED, 30), 0);
	assert_int_equal(put("b", 105, FLEET_SIGNED, 40), 0);
	assert_int_equal(put("b", 105, FLEET_SIGNED, 50), 0);
	assert_int_equal(put("b", 100, FLEET_SIGNED, 45), CAROUSEL_E_ROLLBACK);
	assert_int_equal(put("b", 100, FLEET_FROM_LIST, 60), CAROUSEL_E_ROLLBACK);
	assert_int_equal(fleet_db_each(db, list_box, &boxes), 0);
	assert_string_equal(boxes.text, "a box production 100 20 20 1 2;b box production 105 40 50 2 2;");
	assert_int_equal(fleet_db_history(db, "b", list_history, &history), 0);
	assert_string_equal(history.text, "100 10 40;105 40 0;");
	assert_int_equal(fleet_db_each_version(db, list_version, &versions), 0);
	assert_string_equal(versions.text, "box production 100 1;box production 105 1;");
	assert_int_equal(fleet_db_each(db, stop, NULL), CAROUSEL_E_BUSY);
	assert_true(fleet_db_has_box(db, "a"));
	assert_false(fleet_db_has_box(db, "c"));
}

static void test_commit_counts_and_close_takes_back(void **state)
{
	(void)state;
	assert_int_equal(fleet_db_begin(db), 0);
	assert_int_equal(put("a", 1, FLEET_UNSIGNED, 1), 0);
	assert_int_equal(fleet_db_commit(db), 0);
	assert_int_equal(fleet_db_begin(db), 0);
	assert_int_equal(put("b", 1, FLEET_UNSIGNED, 1), 0);
	fleet_db_close(db);
	assert_int_equal(fleet_db_open(path, true, &db), 0);
	assert_true(fleet_db_has_box(db, "a"));
	assert_false(fleet_db_has_box(db, "b"));
}

static void test_keys(void **state)
{
	uint8_t seed[KEY_SEED_BYTES] = {1};
	struct key_secret secret;
	struct key_public key;
	(void)state;
	assert_int_equal(key_secret_init(&secret, KEY_ED25519, seed), 0);
	assert_int_equal(fleet_db_key(db, "a", &key), CAROUSEL_E_NOT_FOUND);
	assert_int_equal(fleet_db_put_key(db, "a", &secret.public_key), 0);
	assert_int_equal(fleet_db_key(db, "a", &key), 0);
	assert_memory_equal(&key, &secret.public_key, sizeof key);
}

static void test_files_that_are_none(void **state)
{
	struct fleet_db *other;
	FILE *file;
	(void)state;
	assert_int_equal(fleet_db_open("/nonexistent/fleet.db", false, &other), CAROUSEL_E_NOT_FOUND);
	assert_null(other);
	fleet_db_close(db);
	db = NULL;
	unlink(path);
	assert_int_equal(fleet_db_open(path, true, &other), CAROUSEL_E_NOT_FOUND);
	file = fopen(path, "w");
	assert_non_null(file);
	for (int i = 0; i < 1000; i++)
		fputs("this is no database ", file);
	fclose(file);
	assert_int_equal(fleet_db_open(path, false, &other), CAROUSEL_E_STORAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_boxes_and_their_history, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_commit_counts_and_close_takes_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_keys, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_files_that_are_none, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
