/* fleet_import.h - reports and lists into the fleet database. A bad line is named and passed over; a file counts as a
 * whole or not at all. */
#ifndef POLICY_MAP_FLEET_FLEET_IMPORT_H
#define POLICY_MAP_FLEET_FLEET_IMPORT_H

#include "policy-map/fleet/crew.h"
#include "policy-map/fleet/fleet_db.h"
#include "policy-map/fleet/fleet_kind.h"

#include <stdint.h>
#include <stdio.h>

#define FLEET_IMPORT_MAX_COLUMNS 64u
#define FLEET_IMPORT_VALUE_BYTES 64u

/* What is wrong with a line. */
struct fleet_import_fault {
	uint64_t line;
	int error;
	const char *column; /* or member, which is wrong; NULL: the line as a whole */
	/* What stands there, cut short and printable; "" when nothing does. */
	char value[FLEET_IMPORT_VALUE_BYTES];
};

struct fleet_import {
	struct fleet_db *db;
	uint64_t now_s; /* when it was heard, where the line does not say; and later than this nothing was */
	unsigned jobs;  /* threads that check reports, at most CREW_MOST; 0 or 1: the caller's. Changes no result. */
	uint64_t max_faults; /* that are told of one by one; the others are only counted */
	uint64_t lines, taken, older, bad;
	uint64_t signed_lines, unsigned_lines;
	enum fleet_kind kind; /* after WRONG_TYPE: what the file seems to be */
	void *user;
	/* Called for a bad line, in the order of lines; may be NULL. The fault is borrowed. */
	void (*report)(void *user, const struct fleet_import_fault *);
};

/* Errors of all: WRONG_TYPE (the file is of another kind), REFUSED (all lines are bad), DUPLICATE (this very file was
 * imported before, without a bad line), UNSUPPORTED (UTF-16, or no text), IO, MEMORY, and those of the database;
 * nothing of the file counts then. */

/* Lines of JSON: bare reports or envelopes. A box with an enrolled key counts only when its envelope is signed by it
 * (SIGNATURE otherwise); a box without one is marked as not signed. */
int fleet_import_reports(struct fleet_import *, FILE *);
/* CSV (RFC 4180), parted by commas, semicolons or tabs. A first line with a field "box_id" names the columns, in any
 * order: box_id, class, version, and where there are such category (else production) and time; others are passed over.
 * Without it they are box_id, class, category, version[, time]. SYNTAX: the header lacks a column. */
int fleet_import_csv(struct fleet_import *, FILE *);
/* CSV of box id and base64 DER: "box_id,public". */
int fleet_import_keys(struct fleet_import *, FILE *);

#endif
