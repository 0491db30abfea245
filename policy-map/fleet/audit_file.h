/* audit_file.h - the audit log in a file: checked, appended to under a lock, and synced. */
#ifndef POLICY_MAP_FLEET_AUDIT_FILE_H
#define POLICY_MAP_FLEET_AUDIT_FILE_H

#include "policy-map/audit.h"

/* Checks every line. *bad_line: the first that does not follow, 0 when none. `take`, when not NULL, sees each good
 * entry. A file that is not there is an empty log. Errors: CONFLICT and those of audit_parse() (with *bad_line),
 * STORAGE, ... */
int audit_file_verify(const char *path, struct audit_chain *, uint64_t *bad_line,
	void (*take)(void *user, const struct audit_entry *), void *user);
/* Adds an entry; number and previous are filled in. A log that does not verify is not added to. Errors: as verify,
 * BUSY. */
int audit_file_append(const char *path, struct audit_entry *);

#endif
