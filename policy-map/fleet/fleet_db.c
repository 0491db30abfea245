#include "policy-map/fleet/fleet_db.h"

#include "common/carousel_error.h"
#include "common/memory.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCHEMA_VERSION 1
#define MAX_NAMES      1000000

enum statement { PUT, GET, TO_HISTORY, PUT_NAME, GET_NAME, PUT_KEY, GET_KEY, HAS_BOX, NUM_STATEMENTS };

static const char *const statements[NUM_STATEMENTS] = {
	[PUT] = ("INSERT OR REPLACE INTO box(id,class,category,version,since,seen,serial,failures,trust,state,reason)"
		 " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11)"),
	[GET] = "SELECT version,since,seen,class,trust FROM box WHERE id=?1",
	[TO_HISTORY] = "INSERT OR REPLACE INTO history(id,since,until,version,class) VALUES(?1,?2,?3,?4,?5)",
	[PUT_NAME] = "INSERT INTO name(text) VALUES(?1)",
	[GET_NAME] = "SELECT number FROM name WHERE text=?1",
	[PUT_KEY] = "INSERT OR REPLACE INTO key(id,der) VALUES(?1,?2)",
	[GET_KEY] = "SELECT der FROM key WHERE id=?1",
	[HAS_BOX] = "SELECT 1 FROM box WHERE id=?1",
};

static const char schema[] =
	"CREATE TABLE name(number INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);"
	"CREATE TABLE box(id TEXT PRIMARY KEY, class INTEGER NOT NULL, category INTEGER NOT NULL, version INTEGER NOT "
	"NULL,"
	" since INTEGER NOT NULL, seen INTEGER NOT NULL, serial INTEGER NOT NULL, failures INTEGER NOT NULL,"
	" trust INTEGER NOT NULL, state INTEGER NOT NULL, reason INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE history(id TEXT NOT NULL, since INTEGER NOT NULL, until INTEGER NOT NULL, version INTEGER NOT "
	"NULL,"
	" class INTEGER NOT NULL, PRIMARY KEY(id,since)) WITHOUT ROWID;"
	"CREATE TABLE key(id TEXT PRIMARY KEY, der BLOB NOT NULL) WITHOUT ROWID;"
	"PRAGMA user_version=1;";

/* Names repeat in almost every row: the last few are kept, by text. */
#define NAME_CACHE 64u

struct fleet_db {
	sqlite3 *handle;
	sqlite3_stmt *prepared[NUM_STATEMENTS];
	struct {
		char text[65];
		int64_t number;
	} names[NAME_CACHE];
};

static int storage(int code)
{
	return code == SQLITE_NOMEM ? CAROUSEL_E_MEMORY : CAROUSEL_E_STORAGE;
}

static int run(struct fleet_db *db, const char *sql)
{
	int code = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
	return code == SQLITE_OK ? 0 : storage(code);
}

const char *fleet_db_message(const struct fleet_db *db)
{
	return db->handle ? sqlite3_errmsg(db->handle) : "no memory";
}

static int user_version(struct fleet_db *db, int *version)
{
	sqlite3_stmt *s = NULL;
	int result = sqlite3_prepare_v2(db->handle, "PRAGMA user_version", -1, &s, NULL) == SQLITE_OK &&
				     sqlite3_step(s) == SQLITE_ROW
			     ? 0
			     : CAROUSEL_E_STORAGE;
	if (result == 0)
		*version = sqlite3_column_int(s, 0);
	sqlite3_finalize(s);
	return result;
}

static int set_up(struct fleet_db *db)
{
	int version = 0;
	int result = run(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-262144;"
			     "PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=OFF;");
	if (result == 0)
		result = user_version(db, &version);
	if (result == 0 && version == 0)
		result = run(db, schema);
	else if (result == 0 && version != SCHEMA_VERSION)
		result = CAROUSEL_E_UNSUPPORTED;
	for (unsigned i = 0; i < NUM_STATEMENTS && result == 0; i++) {
		int code = sqlite3_prepare_v3(
			db->handle, statements[i], -1, SQLITE_PREPARE_PERSISTENT, &db->prepared[i], NULL);
		result = code == SQLITE_OK ? 0 : storage(code);
	}
	return result;
}

int fleet_db_open(const char *path, bool must_exist, struct fleet_db **out)
{
	struct fleet_db *db = memory_alloc(NULL, 1, sizeof *db);
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (must_exist ? 0 : SQLITE_OPEN_CREATE), code, result;
	*out = NULL;
	if (db == NULL)
		return CAROUSEL_E_MEMORY;
	code = sqlite3_open_v2(path, &db->handle, flags, NULL);
	result = code == SQLITE_OK ? set_up(db) : code == SQLITE_CANTOPEN ? CAROUSEL_E_NOT_FOUND : storage(code);
	if (result) {
		fleet_db_close(db);
		return result;
	}
	*out = db;
	return 0;
}

void fleet_db_close(struct fleet_db *db)
{
	if (db == NULL)
		return;
	for (unsigned i = 0; i < NUM_STATEMENTS; i++)
		sqlite3_finalize(db->prepared[i]);
	sqlite3_close(db->handle); /* rolls an open transaction back */
	memory_free(NULL, db);
}

int fleet_db_begin(struct fleet_db *db)
{
	return run(db, "BEGIN IMMEDIATE");
}

int fleet_db_commit(struct fleet_db *db)
{
	return run(db, "COMMIT");
}

static void bind_text(sqlite3_stmt *s, int at, const char *text)
{
	sqlite3_bind_text(s, at, text, -1, SQLITE_STATIC);
}

/* Runs a prepared statement that gives no rows. */
static int finish(sqlite3_stmt *s)
{
	int code = sqlite3_step(s);
	sqlite3_reset(s);
	return code == SQLITE_DONE ? 0 : storage(code);
}

static int look_up_name(struct fleet_db *db, const char *text, int64_t *number)
{
	sqlite3_stmt *s = db->prepared[GET_NAME];
	int code, result = CAROUSEL_E_NOT_FOUND;
	bind_text(s, 1, text);
	code = sqlite3_step(s);
	if (code == SQLITE_ROW) {
		*number = sqlite3_column_int64(s, 0);
		result = 0;
	} else if (code != SQLITE_DONE) {
		result = storage(code);
	}
	sqlite3_reset(s);
	return result;
}

static unsigned cache_slot(const char *text)
{
	unsigned h = 5381;
	for (; *text; text++)
		h = h * 33 + (unsigned char)*text;
	return h % NAME_CACHE;
}

static int name_number(struct fleet_db *db, const char *text, int64_t *number)
{
	unsigned slot = cache_slot(text);
	int result;
	if (db->names[slot].number && strcmp(db->names[slot].text, text) == 0) {
		*number = db->names[slot].number;
		return 0;
	}
	result = look_up_name(db, text, number);
	if (result == CAROUSEL_E_NOT_FOUND) {
		bind_text(db->prepared[PUT_NAME], 1, text);
		result = finish(db->prepared[PUT_NAME]);
		*number = sqlite3_last_insert_rowid(db->handle);
	}
	if (result == 0) {
		snprintf(db->names[slot].text, sizeof db->names[slot].text, "%s", text);
		db->names[slot].number = *number;
	}
	return result;
}

struct held {
	bool is_there;
	int64_t version, since, seen, class_number, trust;
};

static int get_held(struct fleet_db *db, const char *id, struct held *held)
{
	sqlite3_stmt *s = db->prepared[GET];
	int code;
	memset(held, 0, sizeof *held);
	bind_text(s, 1, id);
	code = sqlite3_step(s);
	if (code == SQLITE_ROW) {
		held->is_there = true;
		held->version = sqlite3_column_int64(s, 0);
		held->since = sqlite3_column_int64(s, 1);
		held->seen = sqlite3_column_int64(s, 2);
		held->class_number = sqlite3_column_int64(s, 3);
		held->trust = sqlite3_column_int64(s, 4);
	}
	sqlite3_reset(s);
	return code == SQLITE_ROW || code == SQLITE_DONE ? 0 : storage(code);
}

static int move_to_history(struct fleet_db *db, const char *id, const struct held *held, uint64_t until_s)
{
	sqlite3_stmt *s = db->prepared[TO_HISTORY];
	bind_text(s, 1, id);
	sqlite3_bind_int64(s, 2, held->since);
	sqlite3_bind_int64(s, 3, (int64_t)until_s);
	sqlite3_bind_int64(s, 4, held->version);
	sqlite3_bind_int64(s, 5, held->class_number);
	return finish(s);
}

int fleet_db_put(struct fleet_db *db, const struct box_report *r, enum fleet_trust trust, uint64_t now_s)
{
	sqlite3_stmt *s = db->prepared[PUT];
	const char *const texts[4] = {r->class_name, r->category, r->state, r->reason};
	int64_t numbers[4], since = (int64_t)now_s;
	struct held held;
	int result = get_held(db, r->box_id, &held);
	for (unsigned i = 0; i < 4 && result == 0; i++)
		result = name_number(db, texts[i], &numbers[i]);
	if (result)
		return result;
	/* A list says what was shipped or sold; what a box said of itself goes before it. */
	if (held.is_there &&
		((int64_t)now_s < held.seen || (trust == FLEET_FROM_LIST && held.trust != FLEET_FROM_LIST)))
		return CAROUSEL_E_ROLLBACK;
	if (held.is_there && held.version == (int64_t)r->version)
		since = held.since;
	else if (held.is_there)
		result = move_to_history(db, r->box_id, &held, now_s);
	if (result)
		return result;
	bind_text(s, 1, r->box_id);
	sqlite3_bind_int64(s, 2, numbers[0]);
	sqlite3_bind_int64(s, 3, numbers[1]);
	sqlite3_bind_int64(s, 4, r->version);
	sqlite3_bind_int64(s, 5, since);
	sqlite3_bind_int64(s, 6, trust == FLEET_FROM_LIST ? 0 : (int64_t)now_s);
	sqlite3_bind_int64(s, 7, (int64_t)r->serial);
	sqlite3_bind_int64(s, 8, box_report_kpi(r, "failures", 0));
	sqlite3_bind_int64(s, 9, trust);
	sqlite3_bind_int64(s, 10, numbers[2]);
	sqlite3_bind_int64(s, 11, numbers[3]);
	return finish(s);
}

int fleet_db_put_key(struct fleet_db *db, const char *box_id, const struct key_public *key)
{
	sqlite3_stmt *s = db->prepared[PUT_KEY];
	uint8_t der[KEY_MAX_DER_BYTES];
	bind_text(s, 1, box_id);
	sqlite3_bind_blob(s, 2, der, (int)key_public_der(key, der), SQLITE_TRANSIENT);
	return finish(s);
}

int fleet_db_key(struct fleet_db *db, const char *box_id, struct key_public *key)
{
	sqlite3_stmt *s = db->prepared[GET_KEY];
	int code, result = CAROUSEL_E_NOT_FOUND;
	bind_text(s, 1, box_id);
	code = sqlite3_step(s);
	if (code == SQLITE_ROW)
		result = key_public_parse_der(key, sqlite3_column_blob(s, 0), (size_t)sqlite3_column_bytes(s, 0));
	else if (code != SQLITE_DONE)
		result = storage(code);
	sqlite3_reset(s);
	return result;
}

bool fleet_db_has_box(struct fleet_db *db, const char *box_id)
{
	sqlite3_stmt *s = db->prepared[HAS_BOX];
	bool has;
	bind_text(s, 1, box_id);
	has = sqlite3_step(s) == SQLITE_ROW;
	sqlite3_reset(s);
	return has;
}

/* Runs a query and hands each row to `take`. */
static int each_row(
	struct fleet_db *db, const char *sql, const char *text, int (*take)(sqlite3_stmt *, void *user), void *user)
{
	sqlite3_stmt *s = NULL;
	int code = sqlite3_prepare_v2(db->handle, sql, -1, &s, NULL), result = 0;
	if (code != SQLITE_OK)
		return storage(code);
	if (text)
		bind_text(s, 1, text);
	while (result == 0 && (code = sqlite3_step(s)) == SQLITE_ROW)
		result = take(s, user);
	sqlite3_finalize(s);
	return result ? result : code == SQLITE_DONE ? 0 : storage(code);
}

/* Numbers of names to their texts, so that a walk over all boxes needs no joins. */
struct name_table {
	char **texts;
	size_t count, cap;
};

static int take_name(sqlite3_stmt *s, void *user)
{
	struct name_table *t = user;
	int64_t number = sqlite3_column_int64(s, 0);
	const char *text = (const char *)sqlite3_column_text(s, 1);
	if (number < 0 || number > MAX_NAMES || text == NULL)
		return CAROUSEL_E_STORAGE;
	while (t->count <= (size_t)number) {
		int result = memory_grow(NULL, (void **)&t->texts, &t->cap, t->count, sizeof *t->texts, MAX_NAMES + 1);
		if (result)
			return result;
		t->texts[t->count++] = NULL;
	}
	t->texts[number] = memory_copy_string(NULL, text, strlen(text));
	return t->texts[number] ? 0 : CAROUSEL_E_MEMORY;
}

struct take_box {
	int (*take)(void *, const struct fleet_box *);
	void *user;
	const struct name_table *names;
};

/* A number without a name: the file was edited by other hands. */
static const char *name_of(const struct name_table *t, int64_t number)
{
	return number >= 0 && (size_t)number < t->count ? t->texts[number] : NULL;
}

static int give_box(sqlite3_stmt *s, void *user)
{
	const struct take_box *t = user;
	const struct fleet_box box = {
		.id = (const char *)sqlite3_column_text(s, 0),
		.class_name = name_of(t->names, sqlite3_column_int64(s, 1)),
		.category = name_of(t->names, sqlite3_column_int64(s, 2)),
		.version = (uint32_t)sqlite3_column_int64(s, 3),
		.since_s = (uint64_t)sqlite3_column_int64(s, 4),
		.seen_s = (uint64_t)sqlite3_column_int64(s, 5),
		.serial = (uint64_t)sqlite3_column_int64(s, 6),
		.failures = sqlite3_column_int64(s, 7),
		.trust = (enum fleet_trust)sqlite3_column_int(s, 8),
		.state = name_of(t->names, sqlite3_column_int64(s, 9)),
		.reason = name_of(t->names, sqlite3_column_int64(s, 10)),
	};
	if (box.id == NULL || box.class_name == NULL || box.category == NULL || box.state == NULL || box.reason == NULL)
		return CAROUSEL_E_STORAGE;
	return t->take(t->user, &box);
}

static int load_names(struct fleet_db *db, struct name_table *names)
{
	return each_row(db, "SELECT number,text FROM name", NULL, take_name, names);
}

static void free_names(struct name_table *names)
{
	for (size_t i = 0; i < names->count; i++)
		memory_free(NULL, names->texts[i]);
	memory_free(NULL, names->texts);
}

static int walk_boxes(struct fleet_db *db, const struct name_table *names, const char *sql,
	int (*take)(void *user, const struct fleet_box *), void *user)
{
	struct take_box t = {take, user, names};
	return each_row(db, sql, NULL, give_box, &t);
}

int fleet_db_each(struct fleet_db *db, int (*take)(void *user, const struct fleet_box *), void *user)
{
	struct name_table names = {0};
	int result = load_names(db, &names);
	if (result == 0)
		result = walk_boxes(db, &names,
			"SELECT id,class,category,version,since,seen,serial,failures,trust,state,reason FROM box ORDER "
			"BY id",
			take, user);
	free_names(&names);
	return result;
}

/* SQLite would sort two million rows for a GROUP BY; there are few kinds, so they are counted in a table. */
#define MAX_KINDS 65536u

struct kind {
	const char *class_name, *category;
	uint32_t version;
	uint64_t count;
};

struct kinds {
	struct kind *slots; /* open hashing, 2 * MAX_KINDS */
	size_t count;
};

static int count_kind(void *user, const struct fleet_box *b)
{
	struct kinds *k = user;
	size_t at = ((uintptr_t)b->class_name >> 4) * 31 + ((uintptr_t)b->category >> 4) * 7 + b->version;
	for (;; at++) {
		struct kind *slot = &k->slots[at % (2 * MAX_KINDS)];
		if (slot->count == 0 && k->count == MAX_KINDS)
			return CAROUSEL_E_LIMIT;
		if (slot->count == 0) {
			*slot = (struct kind){b->class_name, b->category, b->version, 0};
			k->count++;
		}
		/* names are the same pointers throughout one walk */
		if (slot->class_name == b->class_name && slot->category == b->category && slot->version == b->version) {
			slot->count++;
			return 0;
		}
	}
}

static int compare_kinds(const void *a, const void *b)
{
	const struct kind *x = a, *y = b;
	int order = (x->count == 0) - (y->count == 0);
	if (order == 0 && x->count)
		order = strcmp(x->class_name, y->class_name);
	if (order == 0 && x->count)
		order = strcmp(x->category, y->category);
	return order ? order : (x->version > y->version) - (x->version < y->version);
}

int fleet_db_each_version(
	struct fleet_db *db, int (*take)(void *, const char *, const char *, uint32_t, uint64_t), void *user)
{
	struct kinds k = {.slots = memory_alloc(NULL, (size_t)2 * MAX_KINDS, sizeof *k.slots)};
	struct name_table names = {0};
	int result = k.slots ? load_names(db, &names) : CAROUSEL_E_MEMORY;
	if (result == 0)
		result = walk_boxes(
			db, &names, "SELECT id,class,category,version,0,0,0,0,0,state,reason FROM box", count_kind, &k);
	if (result == 0)
		qsort(k.slots, (size_t)2 * MAX_KINDS, sizeof *k.slots, compare_kinds);
	for (size_t i = 0; i < k.count && result == 0; i++)
		result = take(user, k.slots[i].class_name, k.slots[i].category, k.slots[i].version, k.slots[i].count);
	free_names(&names);
	memory_free(NULL, k.slots);
	return result;
}

struct take_history {
	int (*take)(void *, uint32_t, uint64_t, uint64_t);
	void *user;
};

static int give_history(sqlite3_stmt *s, void *user)
{
	const struct take_history *t = user;
	return t->take(t->user, (uint32_t)sqlite3_column_int64(s, 0), (uint64_t)sqlite3_column_int64(s, 1),
		(uint64_t)sqlite3_column_int64(s, 2));
}

int fleet_db_history(
	struct fleet_db *db, const char *box_id, int (*take)(void *, uint32_t, uint64_t, uint64_t), void *user)
{
	struct take_history t = {take, user};
	return each_row(db,
		"SELECT version,since,until FROM history WHERE id=?1 UNION ALL"
		" SELECT version,since,0 FROM box WHERE id=?1 ORDER BY 2",
		box_id, give_history, &t);
}
