#include "policy-map/fleet/fleet_import.h"

#include "common/carousel_error.h"
#include "common/envelope.h"
#include "policy-map/map_value.h"
#include "policy-map/policy_map.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FIELDS 6u

/* Reads a line without its end: 0, NOT_FOUND at the end of the file, LIMIT for one that is too long (skipped), IO. */
static int next_line(FILE *file, char line[FLEET_IMPORT_MAX_LINE], size_t *len)
{
	bool is_long = false;
	if (fgets(line, (int)FLEET_IMPORT_MAX_LINE, file) == NULL)
		return ferror(file) ? CAROUSEL_E_IO : CAROUSEL_E_NOT_FOUND;
	*len = strlen(line);
	while (*len && line[*len - 1] != '\n' && !feof(file)) {
		char rest[256];
		if (fgets(rest, sizeof rest, file) == NULL)
			break;
		is_long = true;
		if (strchr(rest, '\n'))
			break;
	}
	while (*len && (line[*len - 1] == '\n' || line[*len - 1] == '\r'))
		line[--*len] = '\0';
	return is_long ? CAROUSEL_E_LIMIT : 0;
}

/* Counts what became of a line; only what stops the whole import is handed on. */
static int count(struct fleet_import *im, int result)
{
	if (result == 0) {
		im->taken++;
	} else if (result == CAROUSEL_E_ROLLBACK) {
		im->older++;
		result = 0;
	} else if (!carousel_error_is_fatal(result)) {
		im->bad++;
		if (im->report)
			im->report(im->user, im->lines, result);
		result = 0;
	}
	return result;
}

static int import_lines(struct fleet_import *im, FILE *file, int (*take)(struct fleet_import *, char *line, size_t len))
{
	char *line = malloc(FLEET_IMPORT_MAX_LINE);
	size_t len = 0;
	int result = line ? fleet_db_begin(im->db) : CAROUSEL_E_MEMORY;
	while (result == 0) {
		result = next_line(file, line, &len);
		if (result == CAROUSEL_E_NOT_FOUND || result == CAROUSEL_E_IO)
			break;
		im->lines++;
		if (result == 0 && len == 0)
			continue;
		result = count(im, result ? result : take(im, line, len));
	}
	free(line);
	return result == CAROUSEL_E_NOT_FOUND ? fleet_db_commit(im->db) : result;
}

/* ---- reports ---- */

static int put_report(struct fleet_import *im, const struct box_report *r, enum fleet_trust trust)
{
	int result = fleet_db_put(im->db, r, trust, r->time_s && r->time_s < im->now_s ? r->time_s : im->now_s);
	if (result == 0 && trust == FLEET_SIGNED)
		im->signed_lines++;
	else if (result == 0)
		im->unsigned_lines++;
	return result;
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

static int take_report(struct fleet_import *im, char *line, size_t len)
{
	struct envelope e;
	int result;
	if (strstr(line, "\"payload\"") == NULL) /* no envelope, then */
		return take_payload(im, NULL, (const uint8_t *)line, len);
	result = envelope_parse(NULL, &e, line, len);
	if (result)
		return result;
	result = take_payload(im, &e, e.payload, e.payload_len);
	envelope_deinit(NULL, &e);
	return result;
}

int fleet_import_reports(struct fleet_import *im, FILE *file)
{
	return import_lines(im, file, take_report);
}

/* ---- CSV ---- */

static unsigned split(char *line, char *fields[MAX_FIELDS])
{
	unsigned n = 0;
	for (char *p = line; p && n < MAX_FIELDS;) {
		fields[n++] = p;
		p = strchr(p, ',');
		if (p)
			*p++ = '\0';
	}
	return n;
}

static int copy_field(char *out, size_t cap, const char *field)
{
	size_t len = strlen(field);
	if (len >= cap)
		return CAROUSEL_E_LIMIT;
	memcpy(out, field, len + 1);
	return 0;
}

static int parse_row(char *fields[MAX_FIELDS], unsigned count_of_fields, struct box_report *r, uint64_t *time_s)
{
	uint64_t version;
	memset(r, 0, sizeof *r);
	if (count_of_fields < 4 || count_of_fields > 5)
		return CAROUSEL_E_SYNTAX;
	if (copy_field(r->box_id, sizeof r->box_id, fields[0]) != 0 ||
		copy_field(r->class_name, sizeof r->class_name, fields[1]) != 0 ||
		copy_field(r->category, sizeof r->category, fields[2]) != 0)
		return CAROUSEL_E_LIMIT;
	if (!policy_is_box_id(r->box_id) || !policy_is_name(r->class_name) || !policy_is_name(r->category))
		return CAROUSEL_E_MALFORMED;
	if (map_value_number(fields[3], 0, UINT32_MAX, &version) != 0)
		return CAROUSEL_E_RANGE;
	r->version = (uint32_t)version;
	return count_of_fields == 5 && fields[4][0] ? map_value_time(fields[4], time_s) : 0;
}

static int take_csv(struct fleet_import *im, char *line, size_t len)
{
	char *fields[MAX_FIELDS];
	struct box_report r;
	uint64_t time_s = im->now_s;
	int result;
	(void)len;
	if (im->lines == 1 && strncmp(line, "box_id,", 7) == 0)
		return CAROUSEL_E_ROLLBACK; /* the header is neither taken nor bad */
	result = parse_row(fields, split(line, fields), &r, &time_s);
	return result ? result : fleet_db_put(im->db, &r, FLEET_FROM_LIST, time_s);
}

int fleet_import_csv(struct fleet_import *im, FILE *file)
{
	return import_lines(im, file, take_csv);
}

static int take_key(struct fleet_import *im, char *line, size_t len)
{
	char *fields[MAX_FIELDS];
	uint8_t der[KEY_MAX_DER_BYTES];
	struct key_public key;
	size_t der_len;
	(void)len;
	if (split(line, fields) != 2)
		return CAROUSEL_E_SYNTAX;
	if (im->lines == 1 && strcmp(fields[0], "box_id") == 0)
		return CAROUSEL_E_ROLLBACK;
	if (!policy_is_box_id(fields[0]) ||
		sodium_base642bin(der, sizeof der, fields[1], strlen(fields[1]), NULL, &der_len, NULL,
			sodium_base64_VARIANT_ORIGINAL) != 0 ||
		key_public_parse_der(&key, der, der_len) != 0)
		return CAROUSEL_E_MALFORMED;
	return fleet_db_put_key(im->db, fields[0], &key);
}

int fleet_import_keys(struct fleet_import *im, FILE *file)
{
	return import_lines(im, file, take_key);
}
