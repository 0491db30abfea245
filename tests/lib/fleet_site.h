/* fleet_site.h - a fleet database in a file of its own, and nothing left of it. */
#ifndef TESTS_LIB_FLEET_SITE_H
#define TESTS_LIB_FLEET_SITE_H

#include "policy-map/fleet/fleet_db.h"

#define FLEET_SITE_PATH_BYTES 64u

/* An empty database for the test of this name. Errors: of fleet_db_open(). */
int fleet_site_open(const char *name, char path[FLEET_SITE_PATH_BYTES], struct fleet_db **);
/* Closes the database and removes its files. */
void fleet_site_close(struct fleet_db *, const char *path);

#endif
