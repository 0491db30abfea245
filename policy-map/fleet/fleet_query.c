/* Walks over the fleet database. */
#include "policy-map/fleet/fleet_sql.h"

#include "common/carousel_error.h"
#include "common/memory.h"
#include "policy-map/fleet/index_table.h"

#include <stdlib.h>
#include <string.h>

#define MAX_KINDS (1u << 22)

bool fleet_db_has_box(struct fleet_db *db, const char *box_id)
{
	int error;
	sqlite3_stmt *s = sql_statement(db, SQL_HAS_BOX, &error);
	bool has;
	if (s == NULL)
		return false;
	sql_bind_text(s, 1, box_id);
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
		return sql_error(code);
	if (text)
		sql_bind_text(s, 1, text);
	while (result == 0 && (code = sqlite3_step(s)) == SQLITE_ROW)
		result = take(s, user);
	sqlite3_finalize(s);
	return result ? result : code == SQLITE_DONE ? 0 : sql_error(code);
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
	if (number < 0 || number > FLEET_MAX_NAMES || text == NULL)
		return CAROUSEL_E_MALFORMED;
	while (t->count <= (size_t)number) {
		int result = memory_grow(
			NULL, (void **)&t->texts, &t->cap, t->count, sizeof *t->texts, FLEET_MAX_NAMES + 1u);
		if (result)
			return result;
		t->texts[t->count++] = NULL;
	}
	t->texts[number] = memory_copy_string(NULL, text, strlen(text));
	return t->texts[number] ? 0 : CAROUSEL_E_MEMORY;
}

/* A number without a name: the file was edited by other hands. */
static const char *name_of(const struct name_table *t, int64_t number)
{
	return number >= 0 && (size_t)number < t->count ? t->texts[number] : NULL;
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

/* ---- boxes ---- */

struct take_box {
	int (*take)(void *, const struct fleet_box *);
	void *user;
	struct name_table names;
};

static int give_box(sqlite3_stmt *s, void *user)
{
	const struct take_box *t = user;
	const struct fleet_box box = {
		.id = (const char *)sqlite3_column_text(s, 0),
		.class_name = name_of(&t->names, sqlite3_column_int64(s, 1)),
		.category = name_of(&t->names, sqlite3_column_int64(s, 2)),
		.version = (uint32_t)sqlite3_column_int64(s, 3),
		.since_s = (uint64_t)sqlite3_column_int64(s, 4),
		.seen_s = (uint64_t)sqlite3_column_int64(s, 5),
		.serial = (uint64_t)sqlite3_column_int64(s, 6),
		.failures = sqlite3_column_int64(s, 7),
		.failed_s = (uint64_t)sqlite3_column_int64(s, 8),
		.failed_version = (uint32_t)sqlite3_column_int64(s, 9),
		.changes = (uint32_t)sqlite3_column_int64(s, 10),
		.trust = (enum fleet_trust)sqlite3_column_int(s, 11),
		.class_number = (uint32_t)sqlite3_column_int64(s, 1),
		.state = name_of(&t->names, sqlite3_column_int64(s, 12)),
		.reason = name_of(&t->names, sqlite3_column_int64(s, 13)),
	};
	if (box.class_number == 0 || box.id == NULL || box.class_name == NULL || box.category == NULL ||
		box.state == NULL || box.reason == NULL)
		return CAROUSEL_E_MALFORMED;
	return t->take(t->user, &box);
}

#define BOX_COLUMNS                                                                                                    \
	"id,class,category,version,since,seen,serial,failures,failed,failed_version,changes,trust,state,reason"

static int give_boxes(struct fleet_db *db, const char *sql, const char *box_id,
	int (*take)(void *user, const struct fleet_box *), void *user)
{
	struct take_box t = {.take = take, .user = user};
	int result = load_names(db, &t.names);
	if (result == 0)
		result = each_row(db, sql, box_id, give_box, &t);
	free_names(&t.names);
	return result;
}

int fleet_db_each(struct fleet_db *db, int (*take)(void *user, const struct fleet_box *), void *user)
{
	return give_boxes(db, "SELECT " BOX_COLUMNS " FROM box ORDER BY id", NULL, take, user);
}

int fleet_db_box(struct fleet_db *db, const char *box_id, int (*take)(void *user, const struct fleet_box *), void *user)
{
	if (!fleet_db_has_box(db, box_id))
		return CAROUSEL_E_NOT_FOUND;
	return give_boxes(db, "SELECT " BOX_COLUMNS " FROM box WHERE id=?1", box_id, take, user);
}

/* ---- versions ---- */

/* SQLite would sort two million rows for a GROUP BY; there are few kinds, so they are counted in a table. */
struct kind {
	uint32_t class_number, category, version;
	uint64_t count;
};

struct kinds {
	struct kind *list;
	size_t count, cap;
	struct index_table index;
	struct kind wanted;
};

static bool is_wanted_kind(const void *user, uint32_t place)
{
	const struct kinds *k = user;
	const struct kind *a = &k->list[place - 1], *b = &k->wanted;
	return a->version == b->version && a->class_number == b->class_number && a->category == b->category;
}

static uint64_t hash_kind(const struct kind *k)
{
	return k->version * 0x9e3779b97f4a7c15u ^ k->class_number * 0xc2b2ae3d27d4eb4fu ^
	       k->category * 0x165667b19e3779f9u;
}

static int count_kind(sqlite3_stmt *s, void *user)
{
	struct kinds *k = user;
	uint32_t place;
	int result = memory_grow(NULL, (void **)&k->list, &k->cap, k->count, sizeof *k->list, MAX_KINDS);
	k->wanted = (struct kind){(uint32_t)sqlite3_column_int64(s, 0), (uint32_t)sqlite3_column_int64(s, 1),
		(uint32_t)sqlite3_column_int64(s, 2), 0};
	if (result == 0)
		result = index_table_find(
			&k->index, hash_kind(&k->wanted), (uint32_t)k->count, is_wanted_kind, k, &place);
	if (result)
		return result;
	if (place == 0) {
		k->list[k->count] = k->wanted;
		place = (uint32_t)++k->count;
	}
	k->list[place - 1].count++;
	return 0;
}

static int compare_kinds(const void *a, const void *b, void *user)
{
	const struct kind *x = a, *y = b;
	const struct name_table *names = user;
	int order = strcmp(names->texts[x->class_number], names->texts[y->class_number]);
	if (order == 0)
		order = strcmp(names->texts[x->category], names->texts[y->category]);
	return order ? order : (x->version > y->version) - (x->version < y->version);
}

static int sort_kinds(struct kinds *k, struct name_table *names)
{
	for (size_t i = 0; i < k->count; i++) {
		if (name_of(names, k->list[i].class_number) == NULL || name_of(names, k->list[i].category) == NULL)
			return CAROUSEL_E_MALFORMED;
	}
	if (k->count)
		qsort_r(k->list, k->count, sizeof *k->list, compare_kinds, names);
	return 0;
}

int fleet_db_each_version(
	struct fleet_db *db, int (*take)(void *, const char *, const char *, uint32_t, uint64_t), void *user)
{
	struct kinds k = {0};
	struct name_table names = {0};
	int result = load_names(db, &names);
	if (result == 0)
		result = each_row(db, "SELECT class,category,version FROM box", NULL, count_kind, &k);
	if (result == 0)
		result = sort_kinds(&k, &names);
	for (size_t i = 0; i < k.count && result == 0; i++)
		result = take(user, names.texts[k.list[i].class_number], names.texts[k.list[i].category],
			k.list[i].version, k.list[i].count);
	free_names(&names);
	index_table_deinit(&k.index);
	memory_free(NULL, k.list);
	return result;
}

/* ---- history ---- */

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
		"SELECT version,since,until,0 AS now FROM history WHERE id=?1 UNION ALL"
		" SELECT version,since,0,1 FROM box WHERE id=?1 ORDER BY now,since,until",
		box_id, give_history, &t);
}
