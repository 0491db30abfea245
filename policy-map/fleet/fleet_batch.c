/* News of boxes, gathered and put in the order of box ids: SQLite walks its tree once a batch instead of once a box. */
#include "policy-map/fleet/fleet_sql.h"

#include "common/carousel_error.h"
#include "common/memory.h"

#include <stdlib.h>
#include <string.h>

#define ID_BYTES (POLICY_MAX_NAME_BYTES + 1u)
#define PREFETCH 16u

struct batch_item {
	uint32_t id; /* where it begins among the ids */
	uint32_t class_number, category, state, reason;
	uint32_t version, epoch, failed_version;
	uint64_t serial, heard_s;
	int64_t failures;
	enum fleet_trust trust;
	bool is_undated;
};

/* What is sorted: the first bytes of the id decide nearly always. */
struct batch_key {
	uint64_t prefix;
	uint32_t item;
	uint32_t id;
};

struct fleet_batch {
	size_t count, ids_used;
	struct batch_item items[FLEET_BATCH];
	struct batch_key keys[FLEET_BATCH];
	char ids[FLEET_BATCH * 32u];
};

void batch_forget(struct fleet_db *db)
{
	if (db->batch)
		db->batch->count = db->batch->ids_used = 0;
}

void batch_free(struct fleet_batch *b)
{
	free(b);
}

/* Not cleared: pages that are never used are never touched. */
static int batch_ready(struct fleet_db *db)
{
	struct fleet_batch *b = db->batch;
	if (b && b->count < FLEET_BATCH && b->ids_used + ID_BYTES <= sizeof b->ids)
		return 0;
	if (b)
		return batch_flush(db);
	b = db->batch = malloc(sizeof *b);
	if (b == NULL)
		return CAROUSEL_E_MEMORY;
	b->count = b->ids_used = 0;
	return 0;
}

static uint64_t prefix_of(const char *id, size_t len)
{
	uint64_t prefix = 0;
	for (size_t i = 0; i < 8; i++)
		prefix = prefix << 8 | (i < len ? (unsigned char)id[i] : 0);
	return prefix;
}

int fleet_db_put(struct fleet_db *db, const struct fleet_news *news)
{
	size_t len = strlen(news->box_id);
	struct fleet_batch *b;
	struct batch_item *item;
	int result;
	if (len >= ID_BYTES || news->heard_s > INT64_MAX || news->serial > INT64_MAX)
		return CAROUSEL_E_RANGE;
	result = batch_ready(db);
	if (result)
		return result;
	b = db->batch;
	item = &b->items[b->count];
	*item = (struct batch_item){.id = (uint32_t)b->ids_used,
		.version = news->version,
		.epoch = news->epoch,
		.serial = news->serial,
		.heard_s = news->heard_s,
		.failures = news->failures,
		.failed_version = news->failed_version,
		.trust = news->trust,
		.is_undated = news->is_undated};
	result = sql_name(db, news->class_name, &item->class_number);
	if (result == 0)
		result = sql_name(db, news->category, &item->category);
	if (result == 0)
		result = sql_name(db, news->state, &item->state);
	if (result == 0)
		result = sql_name(db, news->reason, &item->reason);
	if (result)
		return sql_damage(result);
	memcpy(b->ids + b->ids_used, news->box_id, len + 1);
	b->keys[b->count] = (struct batch_key){prefix_of(news->box_id, len), (uint32_t)b->count, item->id};
	b->ids_used += len + 1;
	b->count++;
	return 0;
}

void fleet_db_counts(const struct fleet_db *db, struct fleet_counts *counts)
{
	*counts = db->counts;
}

/* ---- one box ---- */

struct held {
	bool is_there;
	int64_t version, since, seen, class_number, trust, epoch, serial, failures, failed, failed_version, changes;
};

static int get_held(struct fleet_db *db, const char *id, struct held *h)
{
	int code, result;
	sqlite3_stmt *s = sql_statement(db, SQL_GET, &result);
	if (s == NULL)
		return result;
	memset(h, 0, sizeof *h);
	sql_bind_text(s, 1, id);
	code = sqlite3_step(s);
	if (code == SQLITE_ROW) {
		int64_t *const fields[] = {&h->version, &h->since, &h->seen, &h->class_number, &h->trust, &h->epoch,
			&h->serial, &h->failures, &h->failed, &h->failed_version, &h->changes};
		h->is_there = true;
		for (int i = 0; i < (int)(sizeof fields / sizeof *fields); i++)
			*fields[i] = sqlite3_column_int64(s, i);
	}
	sqlite3_reset(s);
	return code == SQLITE_ROW || code == SQLITE_DONE ? 0 : sql_error(code);
}

/* The maps that a box holds only ever grow in (epoch, serial). */
static bool has_older_map(const struct batch_item *item, const struct held *h)
{
	if (item->epoch == 0 || h->epoch == 0)
		return false;
	return item->epoch < h->epoch || (item->epoch == h->epoch && (int64_t)item->serial < h->serial);
}

/* A list says what was shipped or sold; what a box said of itself goes before it. Of two reports of one moment that of
 * the newer map is the newer; and so it is when the report itself bears no date, and may have lain about. */
static bool is_older(const struct batch_item *item, const struct held *h)
{
	int64_t known = h->seen > h->since ? h->seen : h->since, heard = (int64_t)item->heard_s;
	if (item->trust == FLEET_FROM_LIST && h->trust != FLEET_FROM_LIST)
		return true;
	if ((heard == known || item->is_undated) && has_older_map(item, h))
		return true;
	return heard < known && !(item->trust != FLEET_FROM_LIST && h->trust == FLEET_FROM_LIST);
}

static int move_to_history(struct fleet_db *db, const char *id, const struct held *h, uint64_t until_s)
{
	int result;
	sqlite3_stmt *s = sql_statement(db, SQL_TO_HISTORY, &result);
	if (s == NULL)
		return result;
	sql_bind_text(s, 1, id);
	sqlite3_bind_int64(s, 2, h->since);
	sqlite3_bind_int64(s, 3, (int64_t)until_s > h->since ? (int64_t)until_s : h->since);
	sqlite3_bind_int64(s, 4, h->version);
	sqlite3_bind_int64(s, 5, h->class_number);
	return sql_finish(s);
}

static int note_failure(struct fleet_db *db, const struct batch_item *item)
{
	int result;
	sqlite3_stmt *s = sql_statement(db, SQL_FAILED, &result);
	if (s == NULL)
		return result;
	sqlite3_bind_int64(s, 1, item->class_number);
	sqlite3_bind_int64(s, 2, item->failed_version);
	sqlite3_bind_int64(s, 3, (int64_t)item->heard_s);
	return sql_finish(s);
}

/* held becomes what is to be in the row. */
static int merge(struct fleet_db *db, const struct batch_item *item, const char *id, struct held *h)
{
	bool is_same = h->is_there && h->version == item->version && h->class_number == item->class_number;
	int result = 0;
	if (h->is_there && !is_same)
		result = move_to_history(db, id, h, item->heard_s);
	if (result == 0 && item->failures > h->failures) {
		h->failed = (int64_t)item->heard_s;
		h->failed_version = item->failed_version;
		result = note_failure(db, item);
	}
	h->changes += h->is_there && !is_same;
	if (!is_same || h->since > (int64_t)item->heard_s)
		h->since = (int64_t)item->heard_s;
	h->seen = item->trust == FLEET_FROM_LIST ? 0 : (int64_t)item->heard_s;
	return result;
}

static int put_item(struct fleet_db *db, const struct batch_item *item, const char *id)
{
	struct held h;
	sqlite3_stmt *s;
	int result = get_held(db, id, &h);
	if (result)
		return result;
	if (h.is_there && is_older(item, &h)) {
		db->counts.older++;
		return 0;
	}
	result = merge(db, item, id, &h);
	s = result ? NULL : sql_statement(db, h.is_there ? SQL_CHANGE : SQL_ADD, &result);
	if (s == NULL)
		return result;
	sql_bind_text(s, 1, id);
	const int64_t values[] = {item->class_number, item->category, item->version, h.since, h.seen, item->epoch,
		(int64_t)item->serial, item->failures, h.failed, h.failed_version, h.changes, item->trust, item->state,
		item->reason};
	for (int i = 0; i < (int)(sizeof values / sizeof *values); i++)
		sqlite3_bind_int64(s, 2 + i, values[i]);
	result = sql_finish(s);
	db->counts.taken[item->trust] += result == 0;
	return result;
}

/* ---- all of them ---- */

static int compare_keys(const void *a, const void *b, void *user)
{
	const struct batch_key *x = a, *y = b;
	const struct fleet_batch *batch = user;
	int order = (x->prefix > y->prefix) - (x->prefix < y->prefix);
	if (order == 0)
		order = strcmp(batch->ids + x->id, batch->ids + y->id);
	return order ? order : (x->item > y->item) - (x->item < y->item);
}

int batch_flush(struct fleet_db *db)
{
	struct fleet_batch *b = db->batch;
	int result = 0;
	if (b == NULL)
		return 0;
	qsort_r(b->keys, b->count, sizeof *b->keys, compare_keys, b);
	for (size_t i = 0; i < b->count && result == 0; i++) {
		/* In the order of ids the items lie all over memory. */
		if (i + PREFETCH < b->count) {
			__builtin_prefetch(&b->items[b->keys[i + PREFETCH].item]);
			__builtin_prefetch(b->ids + b->keys[i + PREFETCH].id);
		}
		result = put_item(db, &b->items[b->keys[i].item], b->ids + b->keys[i].id);
	}
	b->count = b->ids_used = 0;
	return sql_damage(result);
}
