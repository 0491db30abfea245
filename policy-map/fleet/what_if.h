/* what_if.h - what maps would do to the fleet: boxes that flip between two maps, and a roll-out played over time. */
#ifndef POLICY_MAP_FLEET_WHAT_IF_H
#define POLICY_MAP_FLEET_WHAT_IF_H

#include "policy-map/fleet/fleet_db.h"
#include "policy-map/policy.h"

#define WHAT_IF_EXAMPLES   3u
#define WHAT_IF_MAX_FLIPS  4096u
#define WHAT_IF_MAX_DAYS   1000u
#define WHAT_IF_MAX_SHARES 4096u

/* Boxes of one class for which the two maps decide differently, in the same way. */
struct what_if_flip {
	char class_name[65];
	enum policy_verdict old_verdict, new_verdict;
	enum policy_reason old_reason, new_reason;
	uint32_t old_target, new_target, old_line, new_line;
	uint64_t boxes;
	char examples[WHAT_IF_EXAMPLES][65];
};

struct what_if_diff {
	uint64_t boxes, flips; /* in all */
	size_t num_kinds, cap_kinds;
	struct what_if_flip *kinds; /* owned */
};

/* gate_time_s: as of policy_decide(), for both maps; 0: each as it was issued, UINT64_MAX: every gate has run its
 * course. Errors: STORAGE, LIMIT, MEMORY. */
int what_if_diff(struct fleet_db *, const struct policy_map *old_map, const struct policy_map *new_map,
	uint64_t gate_time_s, struct what_if_diff *);
void what_if_diff_deinit(struct what_if_diff *);

/* How many boxes run a version, on each day. */
struct what_if_share {
	char class_name[65];
	uint32_t version;
	uint64_t *boxes; /* one number a day, day 0 first; owned */
};

struct what_if_rollout {
	unsigned num_days;
	uint64_t boxes;
	size_t num_shares, cap_shares;
	struct what_if_share *shares; /* owned */
};

/* Plays the map from the day it is issued: every box that must or (by its lot, `accept_permyriad` of them) accepts
 * changes on the day its decision says so. Errors: ARGUMENT (days), STORAGE, LIMIT, MEMORY. */
int what_if_rollout(struct fleet_db *, const struct policy_map *, unsigned days, uint32_t accept_permyriad,
	struct what_if_rollout *);
void what_if_rollout_deinit(struct what_if_rollout *);

#endif
