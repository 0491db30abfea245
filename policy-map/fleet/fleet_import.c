#include "policy-map/fleet/fleet_import.h"

#include "common/carousel_error.h"
#include "common/envelope.h"
#include "common/memory.h"
#include "policy-map/box_report.h"
#include "policy-map/files/line_reader.h"
#include "policy-map/map_value.h"
#include "policy-map/policy.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum column { BOX_ID, CLASS, CATEGORY, VERSION, TIME, PUBLIC, NUM_COLUMNS };

static const char *const column_names[NUM_COLUMNS] = {"box_id", "class", "category", "version", "time", "public"};

/* One file on its way in. */
struct import {
	struct fleet_import *im;
	int (*take)(struct import *, char *line, size_t len);
	char delimiter;           /* 0: no CSV */
	bool has_columns;         /* the first record was seen */
	bool is_hopeless;         /* it makes the whole file count for nothing */
	int columns[NUM_COLUMNS]; /* where in a record; -1: nowhere */
	struct line_reader reader;
};

/* Counts what became of a line; only what stops the whole import is handed on. */
static int count(struct fleet_import *im, uint64_t line, int result)
{
	if (result == 0 || carousel_error_is_fatal(result))
		return result;
	switch (result) {
	case CAROUSEL_E_BUSY:
	case CAROUSEL_E_NO_SPACE:
	case CAROUSEL_E_READ_ONLY:
	case CAROUSEL_E_PERMISSION:
		return result;
	default:
		im->bad++;
		if (im->report)
			im->report(im->user, line, result);
		return 0;
	}
}

static int import_lines(struct import *x)
{
	struct fleet_import *im = x->im;
	for (;;) {
		char *line = NULL;
		size_t len = 0;
		int result = line_reader_next(&x->reader, x->delimiter, &line, &len);
		if (result == CAROUSEL_E_NOT_FOUND)
			return 0;
		if (result == CAROUSEL_E_IO)
			return result;
		im->lines++;
		if (result == 0 && len == 0)
			continue;
		if (result == 0)
			result = x->take(x, line, len);
		if (x->is_hopeless || count(im, x->reader.line, result) != 0)
			return result;
	}
}

/* A file without bad lines is remembered, so that importing it once more changes nothing. */
static int finish(struct import *x, bool is_remembered)
{
	struct fleet_import *im = x->im;
	struct fleet_counts counts;
	uint8_t sha256[HASH_SHA256_BYTES];
	int result = 0;
	if (is_remembered && im->bad == 0 && im->lines) {
		result = line_reader_digest(&x->reader, sha256);
		if (result == 0)
			result = fleet_db_put_file(im->db, sha256, im->now_s);
	}
	if (result == 0)
		result = fleet_db_commit(im->db);
	if (result)
		return result;
	fleet_db_counts(im->db, &counts);
	im->older = counts.older;
	im->signed_lines = counts.taken[FLEET_SIGNED];
	im->unsigned_lines = counts.taken[FLEET_UNSIGNED];
	im->taken += counts.taken[FLEET_FROM_LIST] + im->signed_lines + im->unsigned_lines;
	return 0;
}

static int run(struct import *x, FILE *file, int (*begin)(struct import *), bool is_remembered)
{
	int result = fleet_db_begin(x->im->db);
	if (result)
		return result;
	result = line_reader_init(&x->reader, file, is_remembered);
	if (result == 0 && begin)
		result = begin(x);
	if (result == 0)
		result = import_lines(x);
	if (result == 0)
		result = finish(x, is_remembered);
	line_reader_deinit(&x->reader);
	if (result)
		fleet_db_roll_back(x->im->db);
	return result;
}

static int import_file(struct fleet_import *im, FILE *file, int (*take)(struct import *, char *, size_t),
	int (*begin)(struct import *), bool is_remembered)
{
	struct import *x = memory_alloc(NULL, 1, sizeof *x);
	int result;
	if (x == NULL)
		return CAROUSEL_E_MEMORY;
	x->im = im;
	x->take = take;
	result = run(x, file, begin, is_remembered);
	memory_free(NULL, x);
	return result;
}

static uint64_t not_after(uint64_t time_s, uint64_t now_s)
{
	return time_s < now_s ? time_s : now_s;
}

/* ---- reports ---- */

static int put_report(struct fleet_import *im, const struct box_report *r, enum fleet_trust trust)
{
	int64_t failed = box_report_kpi(r, "failed_version", 0);
	const struct fleet_news news = {.box_id = r->box_id,
		.class_name = r->class_name,
		.category = r->category,
		.state = r->state,
		.reason = r->reason,
		.version = r->version,
		.epoch = r->epoch,
		.serial = r->serial,
		.failures = box_report_kpi(r, "failures", 0),
		.failed_version = failed > 0 && failed <= POLICY_VERSION_MAX ? (uint32_t)failed : 0,
		.heard_s = r->time_s ? not_after(r->time_s, im->now_s) : im->now_s,
		.trust = trust};
	return fleet_db_put(im->db, &news);
}

static int take_payload(struct fleet_import *im, const struct envelope *e, const uint8_t *payload, size_t len)
{
	const struct key_public *keys[1];
	struct key_public key;
	struct box_report r;
	int result = box_report_parse(&r, payload, len);
	if (result)
		return result;
	result = fleet_db_key(im->db, r.box_id, &key);
	if (result == CAROUSEL_E_NOT_FOUND)
		return put_report(im, &r, FLEET_UNSIGNED);
	if (result)
		return result;
	keys[0] = &key;
	if (e == NULL || strcmp(e->type, ENVELOPE_TYPE_REPORT) != 0 || envelope_verify(e, keys, 1, 1) != 0)
		return CAROUSEL_E_SIGNATURE;
	return put_report(im, &r, FLEET_SIGNED);
}

static int take_report(struct import *x, char *line, size_t len)
{
	struct envelope e;
	int result;
	if (strstr(line, "\"payload\"") == NULL) /* no envelope, then */
		return take_payload(x->im, NULL, (const uint8_t *)line, len);
	result = envelope_parse(NULL, &e, line, len);
	if (result)
		return result;
	result = take_payload(x->im, &e, e.payload, e.payload_len);
	envelope_deinit(NULL, &e);
	return result;
}

int fleet_import_reports(struct fleet_import *im, FILE *file)
{
	return import_file(im, file, take_report, NULL, true);
}

/* ---- CSV ---- */

static char find_delimiter(const struct line_reader *r)
{
	const char *start = r->buffer + r->from, *end = memchr(start, '\n', r->to - r->from);
	size_t len = end ? (size_t)(end - start) : r->to - r->from;
	return memchr(start, ',', len) ? ',' : memchr(start, ';', len) ? ';' : memchr(start, '\t', len) ? '\t' : ',';
}

static void name_columns(struct import *x, char *const *fields, unsigned count_of_fields)
{
	for (unsigned c = 0; c < NUM_COLUMNS; c++) {
		x->columns[c] = -1;
		for (unsigned i = 0; i < count_of_fields; i++) {
			if (strcmp(fields[i], column_names[c]) == 0)
				x->columns[c] = (int)i;
		}
	}
}

static bool has_columns(const struct import *x, unsigned wanted)
{
	for (unsigned c = 0; c < NUM_COLUMNS; c++) {
		if (wanted >> c & 1 && x->columns[c] < 0)
			return false;
	}
	return true;
}

/* The first record may name the columns: 0 when it does. NEED_MORE: it is data. */
static int take_header(struct import *x, char *const *fields, unsigned count_of_fields, unsigned wanted)
{
	static const int usual[2][NUM_COLUMNS] = {{0, 1, 2, 3, 4, -1}, {0, -1, -1, -1, -1, 1}};
	x->has_columns = true;
	name_columns(x, fields, count_of_fields);
	if (x->columns[BOX_ID] < 0) {
		memcpy(x->columns, usual[(wanted >> PUBLIC) & 1], sizeof usual[0]);
		return CAROUSEL_E_NEED_MORE;
	}
	x->is_hopeless = !has_columns(x, wanted);
	return x->is_hopeless ? CAROUSEL_E_SYNTAX : 0;
}

/* The fields of a record in the order of enum column; NULL for a column that there is not. NEED_MORE: use them. */
static int take_fields(struct import *x, char *line, unsigned wanted, const char *values[NUM_COLUMNS])
{
	char *fields[FLEET_IMPORT_MAX_COLUMNS];
	unsigned count_of_fields;
	int result = line_reader_split(line, x->delimiter, fields, FLEET_IMPORT_MAX_COLUMNS, &count_of_fields);
	if (result)
		return result;
	if (!x->has_columns) {
		result = take_header(x, fields, count_of_fields, wanted);
		if (result != CAROUSEL_E_NEED_MORE)
			return result;
	}
	for (unsigned c = 0; c < NUM_COLUMNS; c++) {
		bool has = x->columns[c] >= 0 && (unsigned)x->columns[c] < count_of_fields;
		values[c] = has ? fields[x->columns[c]] : NULL;
		if (!has && wanted >> c & 1)
			return CAROUSEL_E_SYNTAX;
	}
	return CAROUSEL_E_NEED_MORE;
}

static int take_box(struct import *x, char *line, size_t len)
{
	const char *v[NUM_COLUMNS];
	struct fleet_news news = {.state = "", .reason = "", .heard_s = x->im->now_s, .trust = FLEET_FROM_LIST};
	uint64_t version = 0;
	int result = take_fields(x, line, 1u << BOX_ID | 1u << CLASS | 1u << VERSION, v);
	(void)len;
	if (result != CAROUSEL_E_NEED_MORE)
		return result;
	news.box_id = v[BOX_ID];
	news.class_name = v[CLASS];
	news.category = v[CATEGORY] && v[CATEGORY][0] ? v[CATEGORY] : POLICY_DEFAULT_CATEGORY;
	if (!policy_is_box_id(news.box_id) || !policy_is_name(news.class_name) || !policy_is_name(news.category))
		return CAROUSEL_E_MALFORMED;
	result = map_value_number(v[VERSION], 0, UINT32_MAX, &version);
	if (result == 0 && v[TIME] && v[TIME][0])
		result = map_value_time(v[TIME], &news.heard_s);
	if (result)
		return result;
	news.version = (uint32_t)version;
	news.heard_s = not_after(news.heard_s, x->im->now_s);
	return fleet_db_put(x->im->db, &news);
}

static int begin_table(struct import *x)
{
	x->delimiter = find_delimiter(&x->reader);
	return 0;
}

int fleet_import_csv(struct fleet_import *im, FILE *file)
{
	return import_file(im, file, take_box, begin_table, true);
}

static int take_key(struct import *x, char *line, size_t len)
{
	const char *v[NUM_COLUMNS];
	uint8_t der[KEY_MAX_DER_BYTES];
	struct key_public key;
	size_t der_len;
	int result = take_fields(x, line, 1u << BOX_ID | 1u << PUBLIC, v);
	(void)len;
	if (result != CAROUSEL_E_NEED_MORE)
		return result;
	if (!policy_is_box_id(v[BOX_ID]) ||
		sodium_base642bin(der, sizeof der, v[PUBLIC], strlen(v[PUBLIC]), NULL, &der_len, NULL,
			sodium_base64_VARIANT_ORIGINAL) != 0 ||
		key_public_parse_der(&key, der, der_len) != 0)
		return CAROUSEL_E_MALFORMED;
	result = fleet_db_put_key(x->im->db, v[BOX_ID], &key);
	x->im->taken += result == 0;
	return result;
}

int fleet_import_keys(struct fleet_import *im, FILE *file)
{
	return import_file(im, file, take_key, begin_table, false);
}
