/* box_report.h - what a box tells about itself, where it is asked. Payload type application/vnd.carousel.report. */
#ifndef POLICY_MAP_BOX_REPORT_H
#define POLICY_MAP_BOX_REPORT_H

#include "common/memory.h"

#include <stddef.h>
#include <stdint.h>

#define BOX_REPORT_MAX_BYTES 4096u
#define BOX_REPORT_MAX_KPIS  24u

struct box_report {
	char box_id[65], class_name[65], category[65];
	uint32_t version; /* 0 and 4294967295: a special build */
	uint32_t epoch;   /* of the map it holds; 0: none */
	uint64_t serial;
	char state[24];
	char reason[32]; /* of its last decision; may be empty */
	uint64_t time_s; /* by a trusted clock; 0: it has none */
	unsigned num_kpis;
	struct {
		char name[32];
		int64_t value;
	} kpis[BOX_REPORT_MAX_KPIS];
};

/* Errors: SYNTAX, MALFORMED, RANGE, LIMIT, MEMORY. Unknown members are skipped. */
int box_report_parse(struct box_report *, const uint8_t *payload, size_t len);
/* The same by the full JSON parser alone, which the above asks where a report is not in the plain form that boxes
 * write; to be held against it. */
int box_report_parse_any(struct box_report *, const uint8_t *payload, size_t len);
/* Which member makes a report bad, and its JSON, cut short: for those who have to mend it. "" for a member that is
 * missing. Static; NULL when it is the text as a whole, or nothing. */
const char *box_report_fault(const uint8_t *payload, size_t len, char *value, size_t cap);
/* Deterministic JSON; *payload is owned by the caller. Errors: MEMORY, ARGUMENT (no box id, class or category). */
int box_report_print(const struct carousel_allocator *, const struct box_report *, char **payload, size_t *len);
/* The value of a kpi, or `otherwise`. */
int64_t box_report_kpi(const struct box_report *, const char *name, int64_t otherwise);

#endif
