/* fleet_site.h - a fleet database in a file of its own, and nothing left of it. */
#ifndef TESTS_LIB_FLEET_SITE_H
#define TESTS_LIB_FLEET_SITE_H

#include "common/key.h"
#include "policy-map/fleet/fleet_db.h"

#define FLEET_SITE_PATH_BYTES 64u

/* An empty database for the test of this name. Errors: of fleet_db_open(). */
int fleet_site_open(const char *name, char path[FLEET_SITE_PATH_BYTES], struct fleet_db **);
/* A key of some box: the same for the same number. */
struct key_secret fleet_site_key(unsigned number);
/* The payload as a line of a file of reports, signed; freed by free(). */
char *fleet_site_signed(const char *type, const char *payload, struct key_secret *);
/* "BOX,PUBLIC", as `fleet import --keys` reads it. */
void fleet_site_enrol(char *line, size_t cap, const char *box_id, const struct key_secret *);
/* Closes the database and removes its files. */
void fleet_site_close(struct fleet_db *, const char *path);

#endif
