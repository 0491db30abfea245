/* The maps that were signed, and what they stopped: how long from a first failure to a hold or a recall. */
#include "policy-map/fleet/fleet_sql.h"

#include "common/carousel_error.h"

static int put_row(struct fleet_db *db, const struct policy_map *m, const struct policy_row *row)
{
	uint32_t class_number;
	int result = sql_name(db, row->class_name, &class_number);
	sqlite3_stmt *s = result ? NULL : sql_statement(db, SQL_PUT_MAP_ROW, &result);
	if (s == NULL)
		return result;
	sqlite3_bind_int64(s, 1, m->epoch);
	sqlite3_bind_int64(s, 2, (int64_t)m->serial);
	sqlite3_bind_int64(s, 3, class_number);
	sqlite3_bind_int64(s, 4, row->numbers.current);
	sqlite3_bind_int64(s, 5, row->numbers.maximum);
	sqlite3_bind_int64(s, 6, row->hold);
	return sql_finish(s);
}

int fleet_db_put_map(struct fleet_db *db, const struct policy_map *m)
{
	int result;
	sqlite3_stmt *s = sql_statement(db, SQL_PUT_MAP, &result);
	if (s == NULL)
		return result;
	if (m->serial > INT64_MAX)
		return CAROUSEL_E_RANGE;
	sqlite3_bind_int64(s, 1, m->epoch);
	sqlite3_bind_int64(s, 2, (int64_t)m->serial);
	sqlite3_bind_int64(s, 3, (int64_t)m->issued_s);
	result = sql_finish(s);
	if (result == 0 && sqlite3_changes(db->handle) == 0)
		return CAROUSEL_E_DUPLICATE;
	for (size_t i = 0; i < m->num_rows && result == 0; i++)
		result = put_row(db, m, &m->rows[i]);
	return result;
}

uint64_t fleet_db_first_issued(struct fleet_db *db, const char *class_name, uint32_t version)
{
	int error;
	sqlite3_stmt *s = sql_statement(db, SQL_FIRST_ISSUED, &error);
	uint64_t issued = 0;
	if (s == NULL)
		return 0;
	sql_bind_text(s, 1, class_name);
	sqlite3_bind_int64(s, 2, version);
	if (sqlite3_step(s) == SQLITE_ROW)
		issued = (uint64_t)sqlite3_column_int64(s, 0);
	sqlite3_reset(s);
	return issued;
}

/* By class ?1, version ?2 and time ?3: of each map since, how many rows go on with the version, have it on hold, or are
 * below it. */
static const char stops[] = "SELECT epoch,serial,issued, sum(NOT hold AND current=?2),"
			    " sum(hold AND ?2 IN (current,0)), sum(maximum<?2)"
			    " FROM map_row JOIN map USING(epoch,serial) WHERE class=?1 AND issued>=?3"
			    " GROUP BY epoch,serial ORDER BY issued,epoch,serial";

static int find_stop(sqlite3_stmt *s, struct fleet_stop *stop, int64_t class_number)
{
	int code;
	sqlite3_bind_int64(s, 1, class_number);
	sqlite3_bind_int64(s, 2, stop->version);
	sqlite3_bind_int64(s, 3, (int64_t)stop->first_failure_s);
	while (!stop->is_stopped && (code = sqlite3_step(s)) == SQLITE_ROW) {
		stop->is_recall = sqlite3_column_int64(s, 5) > 0;
		stop->is_stopped =
			sqlite3_column_int64(s, 3) == 0 && (stop->is_recall || sqlite3_column_int64(s, 4) > 0);
		stop->epoch = (uint32_t)sqlite3_column_int64(s, 0);
		stop->serial = (uint64_t)sqlite3_column_int64(s, 1);
		stop->stopped_s = (uint64_t)sqlite3_column_int64(s, 2);
	}
	sqlite3_reset(s);
	return stop->is_stopped || code == SQLITE_DONE ? 0 : sql_error(code);
}

int fleet_db_each_stop(struct fleet_db *db, int (*take)(void *user, const struct fleet_stop *), void *user)
{
	sqlite3_stmt *failures = NULL, *maps = NULL;
	int code = sqlite3_prepare_v2(db->handle,
		"SELECT text,class,version,first,count FROM failure JOIN name ON number=class ORDER BY text,version",
		-1, &failures, NULL);
	int result = 0;
	if (code == SQLITE_OK)
		code = sqlite3_prepare_v2(db->handle, stops, -1, &maps, NULL);
	while ((code == SQLITE_OK || code == SQLITE_ROW) && result == 0) {
		code = sqlite3_step(failures);
		if (code != SQLITE_ROW)
			break;
		struct fleet_stop stop = {.class_name = (const char *)sqlite3_column_text(failures, 0),
			.version = (uint32_t)sqlite3_column_int64(failures, 2),
			.first_failure_s = (uint64_t)sqlite3_column_int64(failures, 3),
			.failures = (uint64_t)sqlite3_column_int64(failures, 4)};
		if (stop.class_name == NULL)
			result = CAROUSEL_E_MALFORMED;
		else
			result = find_stop(maps, &stop, sqlite3_column_int64(failures, 1));
		if (result == 0)
			result = take(user, &stop);
	}
	sqlite3_finalize(failures);
	sqlite3_finalize(maps);
	return result ? result : code == SQLITE_DONE ? 0 : sql_error(code);
}
