#include "tests/lib/fleet_site.h"

#include <stdio.h>
#include <unistd.h>

int fleet_site_open(const char *name, char path[FLEET_SITE_PATH_BYTES], struct fleet_db **db)
{
	snprintf(path, FLEET_SITE_PATH_BYTES, "/tmp/%s.%d", name, (int)getpid());
	return fleet_db_open(path, false, db);
}

void fleet_site_close(struct fleet_db *db, const char *path)
{
	static const char *const ends[] = {"", "-wal", "-shm"};
	char file[FLEET_SITE_PATH_BYTES + 8];
	fleet_db_close(db);
	for (unsigned i = 0; i < sizeof ends / sizeof *ends; i++) {
		snprintf(file, sizeof file, "%s%s", path, ends[i]);
		unlink(file);
	}
}
