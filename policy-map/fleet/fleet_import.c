#include "policy-map/fleet/fleet_import.h"

#include "common/carousel_error.h"
#include "common/memory.h"
#include "policy-map/fleet/fleet_intake.h"

#include <stdio.h>
#include <string.h>

/* Printable ASCII stays; of what is longer the beginning does. */
static void print_value(char out[FLEET_IMPORT_VALUE_BYTES], const char *text, size_t len)
{
	size_t at = 0;
	for (size_t i = 0; i < len; i++) {
		const unsigned char c = (unsigned char)text[i];
		if (at + sizeof "\\xff..." > FLEET_IMPORT_VALUE_BYTES) {
			strcpy(out + at, "...");
			return;
		}
		if (c >= 0x20 && c < 0x7f)
			out[at++] = (char)c;
		else
			at += (size_t)sprintf(out + at, "\\x%02x", c);
	}
	out[at] = '\0';
}

static bool stops_all(int result)
{
	return carousel_error_is_fatal(result) || result == CAROUSEL_E_BUSY || result == CAROUSEL_E_NO_SPACE ||
	       result == CAROUSEL_E_READ_ONLY || result == CAROUSEL_E_PERMISSION;
}

int intake_count(struct intake *x, uint64_t line, int result, const char *text, size_t len)
{
	struct fleet_import *im = x->im;
	struct fleet_import_fault fault = {.line = line, .error = result, .column = x->column};
	const char *value = x->column ? x->value : text;
	x->good += result == 0;
	if (result == 0 || x->is_hopeless || stops_all(result))
		return result;
	if (im->bad++ >= im->max_faults || im->report == NULL)
		return 0;
	if (value)
		print_value(fault.value, value, x->column ? strlen(value) : len);
	im->report(im->user, &fault);
	return 0;
}

bool intake_is_over(int result)
{
	return result == CAROUSEL_E_NOT_FOUND || result == CAROUSEL_E_UNSUPPORTED || carousel_error_is_fatal(result);
}

/* A file without bad lines is remembered. */
static int finish(struct intake *x, bool is_remembered)
{
	struct fleet_import *im = x->im;
	struct fleet_counts counts;
	uint8_t sha256[HASH_SHA256_BYTES];
	int result = im->bad && x->good == 0 ? CAROUSEL_E_REFUSED : 0;
	if (result == 0 && is_remembered && im->bad == 0 && im->lines) {
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

static int look(struct intake *x, enum fleet_kind wanted)
{
	const struct line_reader *r = &x->reader;
	x->im->kind = fleet_kind_of(r->buffer + r->from, r->to - r->from);
	return x->im->kind == FLEET_KIND_UNKNOWN || x->im->kind == wanted ? 0 : CAROUSEL_E_WRONG_TYPE;
}

/* The file is looked at before anybody else is kept from writing. */
static int run(struct intake *x, FILE *file, const struct intake_kind *kind)
{
	int result = line_reader_init(&x->reader, file, kind->is_remembered);
	if (result == 0)
		result = look(x, kind->kind);
	if (result == 0)
		result = fleet_db_begin(x->im->db);
	if (result == 0) {
		result = kind->take_lines(x, kind->user);
		if (result == 0)
			result = finish(x, kind->is_remembered);
		if (result)
			fleet_db_roll_back(x->im->db);
	}
	line_reader_deinit(&x->reader);
	return result;
}

int intake_run(struct fleet_import *im, FILE *file, const struct intake_kind *kind)
{
	struct intake *x = memory_alloc(NULL, 1, sizeof *x);
	int result = x ? 0 : CAROUSEL_E_MEMORY;
	if (result == 0) {
		x->im = im;
		result = run(x, file, kind);
	}
	memory_free(NULL, x);
	return result;
}
