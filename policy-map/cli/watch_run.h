/* watch_run.h - a run of fleet watch: what was asked for, one look at the fleet, and the draft that may follow from it.
 */
#ifndef POLICY_MAP_CLI_WATCH_RUN_H
#define POLICY_MAP_CLI_WATCH_RUN_H

#include "policy-map/cli/document.h"
#include "policy-map/cli/watch.h"
#include "policy-map/text_buffer.h"

struct watch {
	const char *db_path, *map_path, *abort, *out, *hook;
	struct watch_conditions conditions;
	uint64_t interval_ns, window_ns, silent_ns, min_boxes, hook_timeout_ns;
	bool once, json;
};

/* One look. */
struct watch_look {
	struct document document;
	struct policy_map *map;
	struct fleet_kpi kpi;
	struct text_buffer classes; /* that are over, with commas */
	struct text_buffer why;     /* a line each */
	unsigned over;
};

/* Reads the map and the fleet, judges every class, and prints what it saw. An exit status; deinit it in any case. */
int watch_look_take(const struct cli *, const struct watch *, struct watch_look *);
void watch_look_deinit(struct watch_look *);
/* Is the class over one of the conditions, and a row of it not on hold? */
bool watch_look_wants_hold(const struct watch *, const struct watch_look *, const struct fleet_kpi_class *);

/* Writes the map with the classes that are over on hold. An exit status. */
int watch_draft_write(const struct cli *, const struct watch *, const struct watch_look *);
/* Calls the hook, if there is one, until it succeeds; between two calls `pause` waits, until it returns false. */
void watch_draft_call(
	const struct cli *, const struct watch *, struct watch_look *, bool (*pause)(const struct watch *));

#endif
