/* fleet_import.h - reports and lists into the fleet database, a line at a time. A bad line is named and passed over. */
#ifndef POLICY_MAP_FLEET_FLEET_IMPORT_H
#define POLICY_MAP_FLEET_FLEET_IMPORT_H

#include "policy-map/fleet/fleet_db.h"

#include <stdint.h>
#include <stdio.h>

#define FLEET_IMPORT_MAX_LINE 16384u

struct fleet_import {
	struct fleet_db *db;
	uint64_t now_s; /* when it was heard, where the line does not say */
	uint64_t lines, taken, older, bad;
	uint64_t signed_lines, unsigned_lines;
	void *user;
	/* Called for each bad line; may be NULL. */
	void (*report)(void *user, uint64_t line, int error);
};

/* Lines of JSON: bare reports or envelopes. A box with an enrolled key counts only when its envelope is signed by it
 * (SIGNATURE otherwise); a box without one is marked as not signed. */
int fleet_import_reports(struct fleet_import *, FILE *);
/* CSV: box id, class, category, version[, time]; a first line "box_id,..." is a header. Fields have no quotes and no
 * commas inside. Errors of both: STORAGE, IO, MEMORY; nothing of the file counts then. */
int fleet_import_csv(struct fleet_import *, FILE *);
/* CSV of box id and base64 DER: "box_id,public". */
int fleet_import_keys(struct fleet_import *, FILE *);

#endif
