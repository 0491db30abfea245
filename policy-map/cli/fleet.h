/* fleet.h - the fleet database as verbs open it. */
#ifndef POLICY_MAP_CLI_FLEET_H
#define POLICY_MAP_CLI_FLEET_H

#include "common/io/cli.h"
#include "policy-map/fleet/fleet_db.h"

/* CLI_USAGE when `out` would overwrite the database or what lies beside it. */
int fleet_check_out(const struct cli *, const char *path, const char *out);
/* Both say on stderr what is wrong and return an exit status. */
int fleet_open(const struct cli *, const char *path, bool must_exist, struct fleet_db **);
int fleet_fail(const struct cli *, const char *path, const struct fleet_db *, int error);

#endif
