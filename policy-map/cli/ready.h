/* ready.h - the checklist before the first production roll-out: what its parts share. */
#ifndef POLICY_MAP_CLI_READY_H
#define POLICY_MAP_CLI_READY_H

#include "policy-map/cli/document.h"
#include "policy-map/fleet/fleet_db.h"

enum ready_outcome { READY_PASSED, READY_FAILED, READY_SKIPPED };

/* A class of the map's rows, without those for debugging, and what the fleet has of it. */
struct ready_class {
	const char *name;
	uint64_t beta, production; /* boxes, without those that have an override */
	uint64_t changing;         /* of production: that must or may change when the map is issued */
};

struct ready {
	const struct cli *cli;
	const char *map_path, *trust_path, *previous_path, *catalogue_path, *fleet_path, *audit_path;
	struct document document;
	struct policy_map *map, *previous; /* previous: NULL without --previous */
	struct trust trust;
	struct ready_class *classes; /* by name; owned */
	size_t num_classes;
	bool has_fleet; /* the boxes of the classes were counted */
	json_t *items;  /* NULL: print lines */
	unsigned failed, skipped;
};

/* One line of the list. */
__attribute__((format(printf, 4, 5))) void ready_item(
	struct ready *, const char *name, enum ready_outcome, const char *format, ...);

/* Roots, signatures and their record. */
void ready_trust(struct ready *);
/* The classes of the map; an exit status. */
int ready_classes(struct ready *);
/* By class: boxes that go first, steps, a version to go back to. */
void ready_rollout(struct ready *);

#endif
