/* fleet_policy.h - a box of the fleet database as the decision sees it. */
#ifndef POLICY_MAP_FLEET_FLEET_POLICY_H
#define POLICY_MAP_FLEET_FLEET_POLICY_H

#include "policy-map/fleet/fleet_db.h"
#include "policy-map/policy.h"

/* Borrows the texts. */
static inline struct policy_box fleet_policy_box(const struct fleet_box *b)
{
	return (struct policy_box){
		.id = b->id, .class_name = b->class_name, .category = b->category, .version = b->version};
}

#endif
