/* grid.h - a map as a grid: a line a class, a column a category. */
#ifndef POLICY_MAP_CLI_GRID_H
#define POLICY_MAP_CLI_GRID_H

#include "policy-map/policy_map.h"

#include <jansson.h>

/* A cell holds minimum/acceptable/current/maximum of the row that admits every box, "~N" for each gated row before it
 * (N its current), "HOLD", "!" when current has no image line; the last column counts overrides. On stdout. Errors:
 * MEMORY. */
int grid_print(const struct policy_map *);
/* [{"class","overrides","cells":[{"category","numbers","hold","image","gated":[{"current","line"}],"line"}]}] */
json_t *grid_json(const struct policy_map *);

#endif
