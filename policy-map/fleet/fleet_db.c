#include "policy-map/fleet/fleet_db.h"

#include "common/carousel_error.h"
#include "common/memory.h"
#include "policy-map/fleet/fleet_sql.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define APPLICATION_ID "1128352332" /* "CAFL" */
#define SCHEMA_VERSION 2
#define BUSY_MS        20000

static const char *const statements[SQL_NUM_STATEMENTS] = {
	[SQL_ADD] = "INSERT INTO box(id,class,category,version,since,seen,epoch,serial,failures,failed,failed_version,"
		    "changes,trust,state,reason) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15)",
	[SQL_CHANGE] = "UPDATE box SET class=?2,category=?3,version=?4,since=?5,seen=?6,epoch=?7,serial=?8,failures=?9,"
		       "failed=?10,failed_version=?11,changes=?12,trust=?13,state=?14,reason=?15 WHERE id=?1",
	[SQL_GET] = "SELECT version,since,seen,class,trust,epoch,serial,failures,failed,failed_version,changes"
		    " FROM box WHERE id=?1",
	[SQL_TO_HISTORY] = "INSERT OR REPLACE INTO history(id,since,until,version,class) VALUES(?1,?2,?3,?4,?5)",
	[SQL_FAILED] = "INSERT INTO failure(class,version,first,count) VALUES(?1,?2,?3,1) ON CONFLICT DO UPDATE SET"
		       " first=min(first,excluded.first),count=count+1",
	[SQL_PUT_NAME] = "INSERT INTO name(text) VALUES(?1)",
	[SQL_GET_NAME] = "SELECT number FROM name WHERE text=?1",
	[SQL_PUT_KEY] = "INSERT OR REPLACE INTO key(id,der) VALUES(?1,?2)",
	[SQL_GET_KEY] = "SELECT der FROM key WHERE id=?1",
	[SQL_HAS_BOX] = "SELECT 1 FROM box WHERE id=?1",
	[SQL_PUT_FILE] = "INSERT OR IGNORE INTO file(sha256,at) VALUES(?1,?2)",
	[SQL_PUT_MAP] = "INSERT OR IGNORE INTO map(epoch,serial,issued) VALUES(?1,?2,?3)",
	[SQL_PUT_MAP_ROW] = "INSERT INTO map_row(epoch,serial,class,current,maximum,hold) VALUES(?1,?2,?3,?4,?5,?6)",
	[SQL_FIRST_ISSUED] =
		"WITH known AS (SELECT epoch,serial,issued,max(current=?2) AS has,max(current=?2 AND NOT hold) AS runs"
		" FROM map_row JOIN map USING(epoch,serial) JOIN name ON number=class WHERE text=?1"
		" GROUP BY epoch,serial)"
		" SELECT min(issued) FROM known WHERE runs AND (NOT EXISTS(SELECT 1 FROM known WHERE NOT has)"
		" OR (epoch,serial)>(SELECT epoch,serial FROM known WHERE NOT has ORDER BY epoch DESC,serial DESC "
		"LIMIT 1))",
};

static const char schema[] =
	"BEGIN IMMEDIATE;"
	"CREATE TABLE name(number INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);"
	"CREATE TABLE box(id TEXT PRIMARY KEY, class INTEGER NOT NULL, category INTEGER NOT NULL,"
	" version INTEGER NOT NULL, since INTEGER NOT NULL, seen INTEGER NOT NULL, epoch INTEGER NOT NULL,"
	" serial INTEGER NOT NULL, failures INTEGER NOT NULL, failed INTEGER NOT NULL,"
	" failed_version INTEGER NOT NULL, changes INTEGER NOT NULL, trust INTEGER NOT NULL,"
	" state INTEGER NOT NULL, reason INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE history(id TEXT NOT NULL, since INTEGER NOT NULL, until INTEGER NOT NULL,"
	" version INTEGER NOT NULL, class INTEGER NOT NULL, PRIMARY KEY(id,since,version)) WITHOUT ROWID;"
	"CREATE TABLE failure(class INTEGER NOT NULL, version INTEGER NOT NULL, first INTEGER NOT NULL,"
	" count INTEGER NOT NULL, PRIMARY KEY(class,version)) WITHOUT ROWID;"
	"CREATE TABLE map(epoch INTEGER NOT NULL, serial INTEGER NOT NULL, issued INTEGER NOT NULL,"
	" PRIMARY KEY(epoch,serial)) WITHOUT ROWID;"
	"CREATE TABLE map_row(epoch INTEGER NOT NULL, serial INTEGER NOT NULL, class INTEGER NOT NULL,"
	" current INTEGER NOT NULL, maximum INTEGER NOT NULL, hold INTEGER NOT NULL);"
	"CREATE INDEX map_row_class ON map_row(class);"
	"CREATE TABLE key(id TEXT PRIMARY KEY, der BLOB NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE file(sha256 BLOB PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;"
	"PRAGMA application_id=" APPLICATION_ID "; PRAGMA user_version=2;"
	"COMMIT;";

int sql_error(int code)
{
	switch (code & 0xff) {
	case SQLITE_NOMEM:
		return CAROUSEL_E_MEMORY;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return CAROUSEL_E_BUSY;
	case SQLITE_FULL:
		return CAROUSEL_E_NO_SPACE;
	case SQLITE_READONLY:
	case SQLITE_CANTOPEN: /* the files beside the database */
		return CAROUSEL_E_READ_ONLY;
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return CAROUSEL_E_PERMISSION;
	case SQLITE_NOTADB:
	case SQLITE_CORRUPT:
		return CAROUSEL_E_MALFORMED;
	default:
		return CAROUSEL_E_STORAGE;
	}
}

int sql_damage(int error)
{
	return error == CAROUSEL_E_MALFORMED ? CAROUSEL_E_STORAGE : error;
}

int sql_run(struct fleet_db *db, const char *sql)
{
	int code = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
	return code == SQLITE_OK ? 0 : sql_error(code);
}

const char *fleet_db_message(const struct fleet_db *db)
{
	return db->handle ? sqlite3_errmsg(db->handle) : "no memory";
}

static int get_number(struct fleet_db *db, const char *sql, int64_t *number)
{
	sqlite3_stmt *s = NULL;
	int code = sqlite3_prepare_v2(db->handle, sql, -1, &s, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_step(s);
	if (code == SQLITE_ROW)
		*number = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return code == SQLITE_ROW ? 0 : sql_error(code);
}

/* A database of something else must not get our tables. */
static int check_schema(struct fleet_db *db, bool must_exist)
{
	int64_t version = 0, application = 0, tables = 0;
	int result = get_number(db, "PRAGMA user_version", &version);
	if (result == 0)
		result = get_number(db, "PRAGMA application_id", &application);
	if (result == 0)
		result = get_number(db, "SELECT count(*) FROM sqlite_master", &tables);
	if (result)
		return result;
	if (tables == 0 && application == 0 && !must_exist)
		return sql_run(db, schema);
	if (application != strtoll(APPLICATION_ID, NULL, 10))
		return CAROUSEL_E_MALFORMED;
	return version == SCHEMA_VERSION ? 0 : CAROUSEL_E_UNSUPPORTED;
}

static int set_up(struct fleet_db *db, bool must_exist)
{
	int64_t keys = 1;
	int result;
	sqlite3_busy_timeout(db->handle, BUSY_MS);
	result = sql_run(db, "PRAGMA synchronous=NORMAL; PRAGMA cache_size=-131072; PRAGMA temp_store=MEMORY;"
			     "PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON;");
	if (result == 0)
		result = check_schema(db, must_exist);
	if (result == 0 && !sqlite3_db_readonly(db->handle, "main"))
		result = sql_run(db, "PRAGMA journal_mode=WAL");
	if (result == 0)
		result = get_number(db, "SELECT EXISTS(SELECT 1 FROM key)", &keys);
	db->has_keys = keys != 0;
	return result;
}

/* A medium that cannot be written has no room for the files beside the database: it is read as it lies there. */
static int open_unwritable(struct fleet_db *db, const char *path)
{
	char *uri = sqlite3_mprintf("file:%s?immutable=1", path);
	int code;
	if (uri == NULL)
		return CAROUSEL_E_MEMORY;
	if (strpbrk(path, "?#%")) {
		sqlite3_free(uri);
		return CAROUSEL_E_READ_ONLY;
	}
	sqlite3_close(db->handle);
	code = sqlite3_open_v2(uri, &db->handle, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI, NULL);
	sqlite3_free(uri);
	return code == SQLITE_OK ? set_up(db, true) : sql_error(code);
}

int fleet_db_open(const char *path, bool must_exist, struct fleet_db **out)
{
	struct fleet_db *db = memory_alloc(NULL, 1, sizeof *db);
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (must_exist ? 0 : SQLITE_OPEN_CREATE), code, result;
	*out = NULL;
	if (db == NULL)
		return CAROUSEL_E_MEMORY;
	code = sqlite3_open_v2(path, &db->handle, flags, NULL);
	if (code == SQLITE_OK)
		result = set_up(db, must_exist);
	else if (code == SQLITE_CANTOPEN)
		result = access(path, F_OK) == 0 ? CAROUSEL_E_PERMISSION : CAROUSEL_E_NOT_FOUND;
	else
		result = sql_error(code);
	if (must_exist && result == CAROUSEL_E_READ_ONLY)
		result = open_unwritable(db, path);
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
	for (unsigned i = 0; i < SQL_NUM_STATEMENTS; i++)
		sqlite3_finalize(db->prepared[i]);
	sqlite3_close(db->handle); /* rolls an open transaction back */
	batch_free(db->batch);
	memory_free(NULL, db);
}

int fleet_db_begin(struct fleet_db *db)
{
	memset(&db->counts, 0, sizeof db->counts);
	return sql_run(db, "BEGIN IMMEDIATE");
}

int fleet_db_commit(struct fleet_db *db)
{
	int result = batch_flush(db);
	return result ? result : sql_run(db, "COMMIT");
}

void fleet_db_roll_back(struct fleet_db *db)
{
	batch_forget(db);
	/* Names that were made are gone with the rest. */
	memset(db->names, 0, sizeof db->names);
	(void)sql_run(db, "ROLLBACK");
}

int fleet_db_begin_reading(struct fleet_db *db)
{
	return sql_run(db, "BEGIN");
}

int fleet_db_end_reading(struct fleet_db *db)
{
	return sql_run(db, "COMMIT");
}

/* ---- statements ---- */

sqlite3_stmt *sql_statement(struct fleet_db *db, enum fleet_statement which, int *error)
{
	int code = SQLITE_OK;
	if (db->prepared[which] == NULL)
		code = sqlite3_prepare_v3(
			db->handle, statements[which], -1, SQLITE_PREPARE_PERSISTENT, &db->prepared[which], NULL);
	*error = code == SQLITE_OK ? 0 : sql_error(code);
	return db->prepared[which];
}

void sql_bind_text(sqlite3_stmt *s, int at, const char *text)
{
	sqlite3_bind_text(s, at, text, -1, SQLITE_STATIC);
}

int sql_finish(sqlite3_stmt *s)
{
	int code = sqlite3_step(s);
	sqlite3_reset(s);
	return code == SQLITE_DONE ? 0 : sql_error(code);
}

/* ---- names ---- */

static int look_up_name(struct fleet_db *db, const char *text, uint32_t *number)
{
	int code, result;
	sqlite3_stmt *s = sql_statement(db, SQL_GET_NAME, &result);
	if (s == NULL)
		return result;
	sql_bind_text(s, 1, text);
	code = sqlite3_step(s);
	if (code == SQLITE_ROW)
		*number = (uint32_t)sqlite3_column_int64(s, 0);
	else
		result = code == SQLITE_DONE ? CAROUSEL_E_NOT_FOUND : sql_error(code);
	sqlite3_reset(s);
	return result;
}

static int make_name(struct fleet_db *db, const char *text, uint32_t *number)
{
	int result;
	sqlite3_stmt *s = sql_statement(db, SQL_PUT_NAME, &result);
	int64_t count = 0;
	if (s == NULL)
		return result;
	result = get_number(db, "SELECT coalesce(max(number),0) FROM name", &count);
	if (result == 0 && count >= FLEET_MAX_NAMES)
		result = CAROUSEL_E_LIMIT;
	if (result)
		return result;
	sql_bind_text(s, 1, text);
	result = sql_finish(s);
	*number = (uint32_t)sqlite3_last_insert_rowid(db->handle);
	return result;
}

static unsigned cache_slot(const char *text)
{
	unsigned h = 5381;
	for (; *text; text++)
		h = h * 33 + (unsigned char)*text;
	return h % SQL_NAME_CACHE;
}

int sql_name(struct fleet_db *db, const char *text, uint32_t *number)
{
	unsigned slot = cache_slot(text);
	int result;
	if (db->names[slot].number && strcmp(db->names[slot].text, text) == 0) {
		*number = db->names[slot].number;
		return 0;
	}
	result = look_up_name(db, text, number);
	if (result == CAROUSEL_E_NOT_FOUND)
		result = make_name(db, text, number);
	if (result == 0 && strlen(text) < sizeof db->names[slot].text) {
		strcpy(db->names[slot].text, text);
		db->names[slot].number = *number;
	}
	return result;
}

/* ---- keys and files ---- */

int fleet_db_put_key(struct fleet_db *db, const char *box_id, const struct key_public *key)
{
	uint8_t der[KEY_MAX_DER_BYTES];
	int result;
	sqlite3_stmt *s = sql_statement(db, SQL_PUT_KEY, &result);
	if (s == NULL)
		return result;
	sql_bind_text(s, 1, box_id);
	sqlite3_bind_blob(s, 2, der, (int)key_public_der(key, der), SQLITE_TRANSIENT);
	db->has_keys = true;
	return sql_finish(s);
}

int fleet_db_key(struct fleet_db *db, const char *box_id, struct key_public *key)
{
	int code, result;
	sqlite3_stmt *s;
	if (!db->has_keys)
		return CAROUSEL_E_NOT_FOUND;
	s = sql_statement(db, SQL_GET_KEY, &result);
	if (s == NULL)
		return result;
	sql_bind_text(s, 1, box_id);
	code = sqlite3_step(s);
	if (code == SQLITE_ROW)
		result = key_public_parse_der(key, sqlite3_column_blob(s, 0), (size_t)sqlite3_column_bytes(s, 0));
	else
		result = code == SQLITE_DONE ? CAROUSEL_E_NOT_FOUND : sql_error(code);
	sqlite3_reset(s);
	return sql_damage(result);
}

int fleet_db_put_file(struct fleet_db *db, const uint8_t sha256[HASH_SHA256_BYTES], uint64_t now_s)
{
	int result;
	sqlite3_stmt *s = sql_statement(db, SQL_PUT_FILE, &result);
	if (s == NULL)
		return result;
	sqlite3_bind_blob(s, 1, sha256, HASH_SHA256_BYTES, SQLITE_STATIC);
	sqlite3_bind_int64(s, 2, (int64_t)now_s);
	result = sql_finish(s);
	return result == 0 && sqlite3_changes(db->handle) == 0 ? CAROUSEL_E_DUPLICATE : result;
}
