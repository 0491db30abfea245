/* what_if.h - what maps would do to the fleet: boxes that flip between two maps, the paths from version to version that
 * boxes may take, and a roll-out played over time. */
#ifndef POLICY_MAP_FLEET_WHAT_IF_H
#define POLICY_MAP_FLEET_WHAT_IF_H

#include "policy-map/fleet/fleet_db.h"
#include "policy-map/policy.h"

#include <stdbool.h>

#define WHAT_IF_EXAMPLES  3u
#define WHAT_IF_MAX_FLIPS (1u << 20)
#define WHAT_IF_MAX_PATHS (1u << 20)
#define WHAT_IF_MAX_DAYS  1000u
#define WHAT_IF_MAX_CELLS (1u << 26) /* shares times days */
#define WHAT_IF_MAX_ROWS  64u        /* of one class and category; lint refuses more */

/* Boxes of one class for which the two maps decide differently, in the same way. */
struct what_if_flip {
	char class_name[65];
	enum policy_verdict old_verdict, new_verdict;
	enum policy_reason old_reason, new_reason;
	uint32_t old_target, new_target, old_line, new_line; /* line 0: no row, or overrides */
	bool old_override, new_override;
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

/* X(SYMBOL, "name"): what a box does under its row's numbers. */
#define WHAT_IF_ACTION_LIST(X)                                                                                         \
	X(NOTHING, "none")                                                                                             \
	X(MANDATORY, "mandatory")                                                                                      \
	X(OFFER, "offer")                                                                                              \
	X(ON_REQUEST, "on-request")                                                                                    \
	X(RECALL, "recall")
#define WHAT_IF_ACTION_ENUM(symbol, name) WHAT_IF_##symbol,
enum what_if_action { WHAT_IF_ACTION_LIST(WHAT_IF_ACTION_ENUM) WHAT_IF_NUM_ACTIONS };

/* A change of version that boxes of one row, or of overrides of a class, may make. */
struct what_if_path {
	char class_name[65], category[65];
	bool is_override; /* the category is then that of the boxes */
	uint32_t line;    /* of the row; 0 for overrides */
	uint32_t from, to;
	enum what_if_action action;
	uint64_t boxes; /* that run `from` and to which the row applies at some time from the map's issue on */
};

struct what_if_paths {
	size_t num_paths, cap_paths;
	struct what_if_path *paths; /* by class, category, line, from; owned */
};

/* The paths that new_map asks for or allows: from every version with an image in either map, and, with a fleet, from
 * every version that runs. db may be NULL: no boxes then. Rows on hold have none. Errors: LIMIT, MEMORY, and those of
 * the database. */
int what_if_paths(
	struct fleet_db *, const struct policy_map *old_map, const struct policy_map *new_map, struct what_if_paths *);
void what_if_paths_deinit(struct what_if_paths *);
const char *what_if_action_name(enum what_if_action);

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
