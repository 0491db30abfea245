/* fleet_kpi.h - the figures by which a roll-out is watched, of a fleet held against a map, by class. */
#ifndef POLICY_MAP_FLEET_FLEET_KPI_H
#define POLICY_MAP_FLEET_FLEET_KPI_H

#include "policy-map/fleet/fleet_db.h"
#include "policy-map/policy_map.h"

struct fleet_kpi_options {
	uint64_t now_s;    /* gate time, too */
	uint64_t silent_s; /* not heard of for longer: silent */
	/* What was before counts for nothing. 0: for each box the moment when its row's current was first issued in a
	 * known map, else when this map was. */
	uint64_t since_s;
};

struct fleet_kpi_class {
	char class_name[65];
	uint64_t boxes;
	uint64_t heard;         /* of them, heard of since */
	uint64_t current;       /* run their row's current */
	uint64_t below_minimum; /* as the others, by installed version */
	uint64_t above_maximum, no_row, on_hold;
	uint64_t failed;      /* told of a failed installation since */
	uint64_t patched;     /* were seen to come to current since */
	uint64_t patch_s;     /* sum of the seconds that took */
	uint64_t silent;      /* were heard of once */
	uint64_t never_heard; /* are only on a list */
};

struct fleet_kpi {
	struct fleet_kpi_class all; /* class_name "" */
	size_t num_classes, cap_classes;
	struct fleet_kpi_class *classes; /* by name; owned */
};

/* Errors: MEMORY, and those of the database. */
int fleet_kpi(struct fleet_db *, const struct policy_map *, const struct fleet_kpi_options *, struct fleet_kpi *);
void fleet_kpi_deinit(struct fleet_kpi *);

#endif
