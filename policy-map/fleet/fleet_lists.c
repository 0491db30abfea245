/* Lists of boxes and of their keys, as CSV. */
#include "policy-map/fleet/fleet_intake.h"

#include "common/carousel_error.h"
#include "policy-map/map_value.h"
#include "policy-map/policy.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum column { BOX_ID, CLASS, CATEGORY, VERSION, TIME, PUBLIC, NUM_COLUMNS };

static const char *const column_names[NUM_COLUMNS] = {"box_id", "class", "category", "version", "time", "public"};

struct table {
	int (*take)(struct intake *, const char *const values[NUM_COLUMNS]);
	unsigned wanted;          /* columns, a bit each */
	int columns[NUM_COLUMNS]; /* where in a record; -1: nowhere */
};

static int fault(struct intake *x, enum column column, const char *value, int error)
{
	x->column = column_names[column];
	x->value = value;
	return error;
}

static bool name_columns(struct table *t, char *const *fields, unsigned count_of_fields)
{
	for (unsigned c = 0; c < NUM_COLUMNS; c++) {
		t->columns[c] = -1;
		for (unsigned i = 0; i < count_of_fields; i++) {
			if (strcmp(fields[i], column_names[c]) == 0)
				t->columns[c] = (int)i;
		}
	}
	return t->columns[BOX_ID] >= 0;
}

/* The first record may name the columns; then it is no data. */
static int take_header(
	struct intake *x, struct table *t, char *const *fields, unsigned count_of_fields, bool *is_header)
{
	static const int usual[2][NUM_COLUMNS] = {{0, 1, 2, 3, 4, -1}, {0, -1, -1, -1, -1, 1}};
	*is_header = name_columns(t, fields, count_of_fields);
	if (!*is_header)
		memcpy(t->columns, usual[t->wanted >> PUBLIC & 1], sizeof usual[0]);
	for (unsigned c = 0; *is_header && c < NUM_COLUMNS; c++)
		x->is_hopeless |= t->wanted >> c & 1 && t->columns[c] < 0;
	return x->is_hopeless ? CAROUSEL_E_SYNTAX : 0;
}

static int take_values(struct intake *x, const struct table *t, char *const *fields, unsigned count_of_fields)
{
	const char *values[NUM_COLUMNS];
	for (unsigned c = 0; c < NUM_COLUMNS; c++) {
		bool has = t->columns[c] >= 0 && (unsigned)t->columns[c] < count_of_fields;
		values[c] = has ? fields[t->columns[c]] : NULL;
		if (!has && t->wanted >> c & 1)
			return fault(x, (enum column)c, "", CAROUSEL_E_SYNTAX);
	}
	return t->take(x, values);
}

static int take_record(struct intake *x, struct table *t, char *record, char delimiter, bool is_first, bool *is_header)
{
	char *fields[FLEET_IMPORT_MAX_COLUMNS];
	unsigned count;
	int result = line_reader_split(record, delimiter, fields, FLEET_IMPORT_MAX_COLUMNS, &count);
	*is_header = false;
	if (result == 0 && is_first)
		result = take_header(x, t, fields, count, is_header);
	return result || *is_header ? result : take_values(x, t, fields, count);
}

static int take_table(struct intake *x, void *user)
{
	struct table *t = user;
	const char delimiter = fleet_kind_delimiter(x->reader.buffer + x->reader.from, x->reader.to - x->reader.from);
	bool is_first = true, is_header;
	for (;;) {
		char *record = NULL;
		size_t len = 0;
		int result = line_reader_next(&x->reader, delimiter, &record, &len);
		if (intake_is_over(result))
			return result == CAROUSEL_E_NOT_FOUND ? 0 : result;
		x->im->lines++;
		if (result == 0 && len == 0)
			continue;
		x->column = NULL;
		is_header = false;
		if (result == 0) {
			result = take_record(x, t, record, delimiter, is_first, &is_header);
			is_first = false;
		}
		if (!is_header || result)
			result = intake_count(x, x->reader.line, result, record, record ? strlen(record) : 0);
		if (result)
			return result;
	}
}

/* ---- boxes ---- */

static int take_box(struct intake *x, const char *const v[NUM_COLUMNS])
{
	struct fleet_news news = {.state = "", .reason = "", .heard_s = x->im->now_s, .trust = FLEET_FROM_LIST};
	uint64_t version = 0;
	int result = map_value_number(v[VERSION], 0, UINT32_MAX, &version);
	news.box_id = v[BOX_ID];
	news.class_name = v[CLASS];
	news.category = v[CATEGORY] && v[CATEGORY][0] ? v[CATEGORY] : POLICY_DEFAULT_CATEGORY;
	if (!policy_is_box_id(news.box_id))
		return fault(x, BOX_ID, v[BOX_ID], CAROUSEL_E_MALFORMED);
	if (!policy_is_name(news.class_name))
		return fault(x, CLASS, v[CLASS], CAROUSEL_E_MALFORMED);
	if (!policy_is_name(news.category))
		return fault(x, CATEGORY, v[CATEGORY], CAROUSEL_E_MALFORMED);
	if (result)
		return fault(x, VERSION, v[VERSION], result);
	if (v[TIME] && v[TIME][0])
		result = map_value_time(v[TIME], &news.heard_s);
	if (result)
		return fault(x, TIME, v[TIME], result);
	news.version = (uint32_t)version;
	news.heard_s = intake_heard(x, news.heard_s);
	return fleet_db_put(x->im->db, &news);
}

int fleet_import_csv(struct fleet_import *im, FILE *file)
{
	struct table t = {.take = take_box, .wanted = 1u << BOX_ID | 1u << CLASS | 1u << VERSION};
	const struct intake_kind kind = {FLEET_KIND_LIST, true, take_table, &t};
	return intake_run(im, file, &kind);
}

/* ---- keys ---- */

static int take_key(struct intake *x, const char *const v[NUM_COLUMNS])
{
	uint8_t der[KEY_MAX_DER_BYTES];
	struct key_public key;
	size_t der_len;
	int result;
	if (!policy_is_box_id(v[BOX_ID]))
		return fault(x, BOX_ID, v[BOX_ID], CAROUSEL_E_MALFORMED);
	if (sodium_base642bin(der, sizeof der, v[PUBLIC], strlen(v[PUBLIC]), NULL, &der_len, NULL,
		    sodium_base64_VARIANT_ORIGINAL) != 0)
		return fault(x, PUBLIC, v[PUBLIC], CAROUSEL_E_MALFORMED);
	result = key_public_parse_der(&key, der, der_len);
	if (result)
		return fault(x, PUBLIC, v[PUBLIC], result == CAROUSEL_E_UNSUPPORTED ? result : CAROUSEL_E_MALFORMED);
	result = fleet_db_put_key(x->im->db, v[BOX_ID], &key);
	x->im->taken += result == 0;
	return result;
}

int fleet_import_keys(struct fleet_import *im, FILE *file)
{
	struct table t = {.take = take_key, .wanted = 1u << BOX_ID | 1u << PUBLIC};
	const struct intake_kind kind = {FLEET_KIND_KEYS, false, take_table, &t};
	return intake_run(im, file, &kind);
}
