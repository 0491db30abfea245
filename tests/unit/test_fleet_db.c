/* covers: policy-map/fleet/fleet_batch.c policy-map/fleet/fleet_query.c */
#include "tests/lib/test.h"

#include "tests/lib/fleet_site.h"

#include "common/carousel_error.h"
#include "policy-map/fleet/fleet_db.h"

#include <sqlite3.h>
#include <stdio.h>
#include <unistd.h>

static char path[FLEET_SITE_PATH_BYTES];
static struct fleet_db *db;

static int set_up(void **state)
{
	(void)state;
	return fleet_site_open("test_fleet_db", path, &db);
}

static int tear_down(void **state)
{
	(void)state;
	fleet_site_close(db, path);
	return 0;
}

/* TAKEN, OLDER or an error. */
#define TAKEN 1
#define OLDER 2

static int put_news(const struct fleet_news *news)
{
	struct fleet_counts counts;
	int result = fleet_db_begin(db);
	if (result == 0)
		result = fleet_db_put(db, news);
	if (result == 0)
		result = fleet_db_commit(db);
	else
		fleet_db_roll_back(db);
	fleet_db_counts(db, &counts);
	return result ? result : counts.older ? OLDER : TAKEN;
}

static int put(const char *id, uint32_t version, enum fleet_trust trust, uint64_t now)
{
	return put_news(&(struct fleet_news){.box_id = id,
		.class_name = "box",
		.category = "production",
		.state = "up-to-date",
		.reason = "",
		.version = version,
		.failures = 2,
		.heard_s = now,
		.trust = trust});
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
	assert_int_equal(put("b", 100, FLEET_FROM_LIST, 10), TAKEN);
	assert_int_equal(put("a", 100, FLEET_UNSIGNED, 20), TAKEN);
	assert_int_equal(put("b", 100, FLEET_SIGNED, 30), TAKEN);
	assert_int_equal(put("b", 105, FLEET_SIGNED, 40), TAKEN);
	assert_int_equal(put("b", 105, FLEET_SIGNED, 50), TAKEN);
	assert_int_equal(put("b", 100, FLEET_SIGNED, 45), OLDER);
	assert_int_equal(put("b", 100, FLEET_FROM_LIST, 60), OLDER);
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
	const struct fleet_news b = {
		.box_id = "b", .class_name = "box", .category = "new-name", .state = "", .reason = "", .heard_s = 1};
	struct list versions = {""};
	(void)state;
	assert_int_equal(put("a", 1, FLEET_UNSIGNED, 1), TAKEN);
	assert_int_equal(fleet_db_begin(db), 0);
	assert_int_equal(fleet_db_put(db, &b), 0);
	fleet_db_close(db);
	assert_int_equal(fleet_db_open(path, true, &db), 0);
	assert_true(fleet_db_has_box(db, "a"));
	assert_false(fleet_db_has_box(db, "b"));
	assert_int_equal(fleet_db_begin(db), 0);
	assert_int_equal(fleet_db_put(db, &b), 0);
	fleet_db_roll_back(db);
	assert_false(fleet_db_has_box(db, "b"));
	/* What was rolled back has left nothing behind in memory either, neither boxes nor numbers of names. */
	assert_int_equal(put_news(&b), TAKEN);
	assert_int_equal(fleet_db_each_version(db, list_version, &versions), 0);
	assert_string_equal(versions.text, "box new-name 0 1;box production 1 1;");
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
	assert_int_equal(fleet_db_open(path, false, &other), CAROUSEL_E_MALFORMED);
}

static void execute(const char *sql)
{
	sqlite3 *handle;
	assert_int_equal(sqlite3_open(path, &handle), SQLITE_OK);
	assert_int_equal(sqlite3_exec(handle, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(handle);
}

/* A schema of a later program, and a database of something else, which must stay as it is. */
static void test_other_databases(void **state)
{
	struct fleet_db *other;
	(void)state;
	fleet_db_close(db);
	db = NULL;
	execute("PRAGMA user_version=3");
	assert_int_equal(fleet_db_open(path, false, &other), CAROUSEL_E_UNSUPPORTED);
	unlink(path);
	assert_int_equal(fleet_db_open(path, true, &other), CAROUSEL_E_NOT_FOUND);
	execute("CREATE TABLE bookmarks(url TEXT)");
	assert_int_equal(fleet_db_open(path, false, &other), CAROUSEL_E_MALFORMED);
	execute("DROP TABLE bookmarks");
	assert_int_equal(fleet_db_open(path, true, &other), CAROUSEL_E_MALFORMED);
	assert_int_equal(fleet_db_open(path, false, &other), 0);
	fleet_db_close(other);
}

/* Numbers that only another hand can have put in. */
static void test_damaged_rows(void **state)
{
	struct list boxes = {""};
	(void)state;
	assert_int_equal(put("a", 100, FLEET_UNSIGNED, 20), TAKEN);
	execute("UPDATE box SET class=77");
	assert_int_equal(fleet_db_each(db, list_box, &boxes), CAROUSEL_E_MALFORMED);
	assert_int_equal(fleet_db_each_version(db, list_version, &boxes), CAROUSEL_E_MALFORMED);
	execute("UPDATE box SET class=1; UPDATE name SET number=99999999 WHERE number=2");
	assert_int_equal(fleet_db_each(db, list_box, &boxes), CAROUSEL_E_MALFORMED);
}

/* Reports that nobody signed must not fill the table of names for ever. */
static void test_names_are_bounded(void **state)
{
	char name[16];
	struct fleet_news news = {.box_id = "a", .class_name = "box", .category = name, .state = "", .reason = ""};
	int result = 0;
	unsigned i = 0;
	(void)state;
	assert_int_equal(fleet_db_begin(db), 0);
	for (; result == 0 && i < 2 * FLEET_MAX_NAMES; i++) {
		snprintf(name, sizeof name, "n%u", i);
		result = fleet_db_put(db, &news);
	}
	assert_int_equal(result, CAROUSEL_E_LIMIT);
	assert_int_equal(i, FLEET_MAX_NAMES - 1);
	snprintf(name, sizeof name, "n1");
	assert_int_equal(fleet_db_put(db, &news), 0);
	assert_int_equal(fleet_db_commit(db), 0);
}

/* What the box "a" signs at 10. */
static struct fleet_news news_of(uint32_t version, uint32_t epoch, uint64_t serial)
{
	return (struct fleet_news){.box_id = "a",
		.class_name = "box",
		.category = "x",
		.state = "",
		.reason = "",
		.version = version,
		.epoch = epoch,
		.serial = serial,
		.heard_s = 10,
		.trust = FLEET_SIGNED};
}

/* Of two reports of one moment that of the newer map counts; a class that changes is a change. */
static void test_order_of_news(void **state)
{
	struct fleet_news news = news_of(5, 2, 7);
	struct list history = {""};
	(void)state;
	assert_int_equal(put_news(&news), TAKEN);
	news.serial = 6;
	assert_int_equal(put_news(&news), OLDER);
	news.epoch = 1;
	news.serial = 8;
	assert_int_equal(put_news(&news), OLDER);
	news.epoch = 2;
	assert_int_equal(put_news(&news), TAKEN);
	news.class_name = "other";
	news.heard_s = 11;
	assert_int_equal(put_news(&news), TAKEN);
	assert_int_equal(fleet_db_history(db, "a", list_history, &history), 0);
	assert_string_equal(history.text, "5 10 11;5 11 0;");
	news.box_id = "b";
	news.trust = FLEET_FROM_LIST;
	assert_int_equal(put_news(&news), TAKEN);
	news.heard_s = 9;
	assert_int_equal(put_news(&news), OLDER);
	/* What a box says goes before any list, whatever its date. */
	news.trust = FLEET_UNSIGNED;
	assert_int_equal(put_news(&news), TAKEN);
	news.heard_s = UINT64_MAX;
	assert_int_equal(put_news(&news), CAROUSEL_E_RANGE);
}

/* A report without a date, played again, is told by the map that the box held then. */
static void test_undated_news_again(void **state)
{
	struct fleet_news news = news_of(100, 1, 7);
	struct list one = {""};
	(void)state;
	news.is_undated = true;
	assert_int_equal(put_news(&news), TAKEN);
	news.version = 105;
	news.serial = 8;
	news.heard_s = 20;
	assert_int_equal(put_news(&news), TAKEN);
	news.version = 100;
	news.serial = 7;
	news.heard_s = 30;
	assert_int_equal(put_news(&news), OLDER);
	news.epoch = 2; /* a new epoch begins with any serial */
	news.serial = 1;
	assert_int_equal(put_news(&news), TAKEN);
	news.epoch = 1;
	news.serial = 9;
	assert_int_equal(put_news(&news), OLDER);
	news.is_undated = false; /* a clock's word goes before that */
	news.heard_s = 40;
	assert_int_equal(put_news(&news), TAKEN);
	news.heard_s = 39; /* a clock that jumps back */
	assert_int_equal(put_news(&news), OLDER);
	news.epoch = 0; /* and a box that holds no map */
	news.is_undated = true;
	news.heard_s = 50;
	assert_int_equal(put_news(&news), TAKEN);
	assert_int_equal(fleet_db_box(db, "a", list_box, &one), 0);
	assert_string_equal(one.text, "a box x 100 30 50 2 0;");
	assert_int_equal(fleet_db_box(db, "b", list_box, &one), CAROUSEL_E_NOT_FOUND);
}

/* Who reads in the middle of an import sees what was before it; who writes waits, and is told. */
static void test_two_at_a_time(void **state)
{
	struct fleet_db *reader;
	const struct fleet_news b = {
		.box_id = "b", .class_name = "box", .category = "x", .state = "", .reason = "", .heard_s = 1};
	(void)state;
	assert_int_equal(put("a", 1, FLEET_UNSIGNED, 1), TAKEN);
	assert_int_equal(fleet_db_open(path, true, &reader), 0);
	assert_int_equal(fleet_db_begin(db), 0);
	assert_int_equal(fleet_db_put(db, &b), 0);
	assert_true(fleet_db_has_box(reader, "a"));
	assert_int_equal(fleet_db_begin_reading(reader), 0);
	assert_false(fleet_db_has_box(reader, "b"));
	assert_int_equal(fleet_db_commit(db), 0);
	assert_false(fleet_db_has_box(reader, "b"));
	assert_int_equal(fleet_db_end_reading(reader), 0);
	assert_true(fleet_db_has_box(reader, "b"));
	fleet_db_close(reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_boxes_and_their_history, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_commit_counts_and_close_takes_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_keys, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_files_that_are_none, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_other_databases, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_damaged_rows, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_names_are_bounded, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_order_of_news, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_undated_news_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_two_at_a_time, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
