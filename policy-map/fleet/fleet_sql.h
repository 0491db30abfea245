/* fleet_sql.h - what the sources of the fleet database share. */
#ifndef POLICY_MAP_FLEET_FLEET_SQL_H
#define POLICY_MAP_FLEET_FLEET_SQL_H

#include "policy-map/fleet/fleet_db.h"

#include <sqlite3.h>

enum fleet_statement {
	SQL_ADD,
	SQL_CHANGE,
	SQL_GET,
	SQL_TO_HISTORY,
	SQL_FAILED,
	SQL_PUT_NAME,
	SQL_GET_NAME,
	SQL_PUT_KEY,
	SQL_GET_KEY,
	SQL_HAS_BOX,
	SQL_PUT_FILE,
	SQL_PUT_MAP,
	SQL_PUT_MAP_ROW,
	SQL_FIRST_ISSUED,
	SQL_NUM_STATEMENTS
};

/* Names repeat in almost every row: some are kept, by text. */
#define SQL_NAME_CACHE 256u

struct fleet_batch;

struct fleet_db {
	sqlite3 *handle;
	sqlite3_stmt *prepared[SQL_NUM_STATEMENTS];
	struct fleet_batch *batch;
	struct fleet_counts counts;
	bool has_keys; /* as far as is known; false only when there are none */
	struct {
		char text[65];
		uint32_t number;
	} names[SQL_NAME_CACHE];
};

int sql_error(int code);
/* A damaged database is no bad line, over which an import goes on: MALFORMED becomes STORAGE. */
int sql_damage(int error);
/* Prepared at its first use, reset; NULL with *error set. */
sqlite3_stmt *sql_statement(struct fleet_db *, enum fleet_statement, int *error);
void sql_bind_text(sqlite3_stmt *, int at, const char *text);
/* Runs a prepared statement that gives no rows. */
int sql_finish(sqlite3_stmt *);
int sql_run(struct fleet_db *, const char *sql);
/* The number of a name, which is made when there is none. LIMIT, ... */
int sql_name(struct fleet_db *, const char *text, uint32_t *number);

/* Puts what is held in memory into the file. */
int batch_flush(struct fleet_db *);
void batch_forget(struct fleet_db *);
void batch_free(struct fleet_batch *);

#endif
