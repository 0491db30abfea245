/* fleet_intake.h - one file on its way into the fleet database: what its kinds share. */
#ifndef POLICY_MAP_FLEET_FLEET_INTAKE_H
#define POLICY_MAP_FLEET_FLEET_INTAKE_H

#include "policy-map/files/line_reader.h"
#include "policy-map/fleet/fleet_import.h"

struct intake {
	struct fleet_import *im;
	uint64_t good;      /* lines that were taken, or were older */
	bool is_hopeless;   /* the line makes the whole file count for nothing */
	const char *column; /* at fault in the line at hand, with what stands there; NULL: the line as a whole */
	const char *value;
	struct line_reader reader;
};

/* A kind of file. take_lines() reads to the end and calls intake_count() for each line, in their order. */
struct intake_kind {
	enum fleet_kind kind;
	bool is_remembered; /* so that importing the file once more changes nothing */
	int (*take_lines)(struct intake *, void *user);
	void *user;
};

int intake_run(struct fleet_import *, FILE *, const struct intake_kind *);

/* Counts what became of a line; only what stops the whole import is handed on. `text` is shown where no value is. */
int intake_count(struct intake *, uint64_t line, int result, const char *text, size_t len);
/* Is this the end of the reader's lines, or something that no line is to blame for? */
bool intake_is_over(int result);

static inline uint64_t intake_heard(const struct intake *x, uint64_t time_s)
{
	return time_s < x->im->now_s ? time_s : x->im->now_s;
}

#endif
