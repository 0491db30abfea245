/* report.h - what came out of a run: adoption over time, by group and version; counts that shards add up.
 *
 * `run` and `fleet` fill in the same report, so that one can be held against the other. */
#ifndef SIM_REPORT_H
#define SIM_REPORT_H

#include "common/memory.h"
#include "policy-map/policy.h"
#include "sim/scenario.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define REPORT_BINS           4096u /* of the duration */
#define REPORT_OVERHEAD_BINS  200u  /* of 0.1 % */
#define REPORT_BURST_BINS     24u   /* doubling */
#define REPORT_MAX_CURVES     4096u
#define REPORT_NUM_REASONS    16u
#define REPORT_NUM_STUCK      4u
#define REPORT_VERSION_FORMAT "carousel-simulation/1"

/* Why boxes that lack something can never get it. */
enum report_stuck { REPORT_NOT_ON_AIR, REPORT_NOTHING_ARRIVES, REPORT_SLOT_TOO_SMALL, REPORT_NO_MAP };
/* "not-on-air", ...; a sentence for people. */
const char *report_stuck_name(enum report_stuck);
const char *report_stuck_sentence(enum report_stuck);

/* How the number of boxes of a group that run a version changes over time. */
struct report_curve {
	uint32_t group, version;
	int64_t change[REPORT_BINS + 1]; /* [0]: at the start; [i + 1]: within bin i */
};

struct report_group {
	char *name;
	uint64_t boxes;
};

struct report {
	const struct carousel_allocator *allocator;
	char *title;
	char mode[8]; /* "run", "fleet" */
	uint64_t seed, duration_ns;
	uint32_t shards, shards_done; /* of how many, and how many are in here */
	uint8_t *parts;               /* a bit a shard: which are in here; NULL: the whole */
	struct report_group *groups;
	size_t num_groups;
	struct report_curve **curves;
	size_t num_curves, cap_curves;
	uint64_t overhead[REPORT_OVERHEAD_BINS + 1]; /* symbols received beyond those lacking; the last: more */
	uint64_t bursts[REPORT_BURST_BINS];
	uint64_t reasons[REPORT_NUM_REASONS]; /* enum policy_reason that held in the end, by box */
	uint64_t downloads, installs, fallbacks, declined, kills;
	uint64_t waiting;                                      /* boxes that still lacked something at the end */
	uint64_t stuck[REPORT_NUM_STUCK];                      /* those that could wait for ever, by cause */
	uint64_t ended_ns;                                     /* run only: when nothing more could happen; 0: never */
	uint64_t packets_sent, packets_received, packets_lost; /* run only */
};

/* Errors: MEMORY. */
int report_new(struct report **, const struct carousel_allocator *, const struct scenario *, const char *mode);
void report_free(struct report *);

/* A box of a group runs `to` from then on (at the start: from is REPORT_NONE). Errors: LIMIT, MEMORY. */
#define REPORT_NONE UINT32_MAX
int report_move(struct report *, uint32_t group, uint32_t from, uint32_t to, uint64_t at_ns);
/* The curve of a group and version, which is made when there is none. Curves are in the order of groups and versions,
 * whatever happened first. Errors: LIMIT, MEMORY. */
int report_curve_of(struct report *, uint32_t group, uint32_t version, struct report_curve **);
void report_overhead(struct report *, double received, double needed);
void report_burst(struct report *, uint64_t packets);

/* Of the boxes of a group (name NULL: all) the share that runs a version at a time. */
double report_share_at(const struct report *, const char *group, uint32_t version, uint64_t at_ns);
/* When that share first was at least so large; UINT64_MAX: never. */
uint64_t report_time_of(const struct report *, const char *group, uint32_t version, double share);

/* Holds a bound against the report; *share (may be NULL) is what there is. */
bool report_meets(const struct report *, const struct scenario_expect *, double *share);

/* Says that the report is of one shard of so many; 0 of 1: the whole. Errors: RANGE, MEMORY. */
#define REPORT_MAX_SHARDS 1000000u
int report_set_shard(struct report *, uint32_t shard, uint32_t shards);
bool report_has_shard(const struct report *, uint32_t shard);

/* Adds other shards of the same run to this report. With the last of them it is the very report of the whole run; but
 * packets received and lost, and their bursts, are those until each shard had nothing more to wait for. Errors:
 * CONFLICT (not the same scenario, seed or mode, or a shard that is in both), LIMIT, MEMORY. */
int report_merge(struct report *, const struct report *);

/* {"format":"carousel-simulation/1",...}; the caller's reference. With the scenario's bounds and whether they are met
 * (NULL: without). NULL: no memory. */
json_t *report_json(const struct report *, const struct scenario *);
/* Errors: SYNTAX, RANGE, UNSUPPORTED, MEMORY. */
int report_from_json(struct report **, const struct carousel_allocator *, const json_t *);

/* Rows "time_s,group,version,boxes,share", at most `rows` a curve. write returns 0 or an error that is handed on. */
int report_csv(
	const struct report *, unsigned rows, int (*write)(void *user, const char *text, size_t len), void *user);

#endif
