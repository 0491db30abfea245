/* fleet_file.h - the flat file that `policy-map fleet export` writes and that scheduler and simulator read
 * (policy-map.5, "FLEET FILE"). No SQLite; one row at a time, so that a fleet of any size needs 64 KiB. */
#ifndef POLICY_MAP_FLEET_FLEET_FILE_H
#define POLICY_MAP_FLEET_FLEET_FILE_H

#include "policy-map/files/line_reader.h"

#define FLEET_FILE_MAX_LINE 1024u

enum fleet_file_kind {
	FLEET_FILE_BOXES, /* so many boxes of one (class, category, version) */
	FLEET_FILE_BOX,   /* one box; these are the same boxes once more, one by one, in the order of their ids */
};

struct fleet_file_row {
	enum fleet_file_kind kind;
	const char *id; /* NULL in a row of boxes. Texts are borrowed until the next row. */
	const char *class_name, *category;
	uint32_t version;
	uint64_t count;   /* of boxes; 1 in a row of a box */
	uint64_t since_s; /* a box: this version was first seen; seconds since 1970 */
	uint64_t seen_s;  /* a box: last heard of; 0: never */
};

/* To be seen as opaque, but for `line`. */
struct fleet_file_reader {
	uint64_t line; /* that was read last, from 1 */
	int error;     /* sticky */
	bool has_head;
	uint64_t boxes_in_summary, boxes_listed;
	struct line_reader lines;
};

/* Borrows the file, which is read from where it stands. */
void fleet_file_init(struct fleet_file_reader *, FILE *);
/* The next row; lines of an unknown first word and words behind the known ones are passed over. NOT_FOUND at the end.
 * Errors, which stay: SYNTAX, RANGE, MALFORMED (no such id or name), LIMIT (a line that is too long), UNSUPPORTED
 * (another version of the file, or UTF-16), TRUNCATED (the last line has no end, or fewer boxes are listed than
 * counted), IO. */
int fleet_file_next(struct fleet_file_reader *, struct fleet_file_row *);

/* Writing. 0 or IO. */
int fleet_file_write_head(FILE *);
int fleet_file_write(FILE *, const struct fleet_file_row *);

#endif
