/* audit_file.h - the audit log in a file: checked, appended to under a lock, and synced.
 *
 * Beside PATH lie PATH.lock (who appends holds it) and PATH.head: number and digest of the newest line, replaced after
 * every append, so that lines missing at the end are found as well. An entry is written before what it tells of is
 * done; what then fails is told by a second entry (AUDIT_NOT_DONE). So nothing is done that the log does not know of,
 * whenever power fails. */
#ifndef POLICY_MAP_FILES_AUDIT_FILE_H
#define POLICY_MAP_FILES_AUDIT_FILE_H

#include "policy-map/audit.h"

#define AUDIT_FILE_NAME "audit.jsonl"
/* Actions of entries. */
#define AUDIT_SIGN     "sign"
#define AUDIT_PUBLISH  "publish"
#define AUDIT_WITHDRAW "withdraw"
#define AUDIT_SET_MAP  "set-map"
#define AUDIT_SET_ROOT "set-root"
#define AUDIT_NOT_DONE "not-done"
/* An append that was cut off by a crash is taken away by the next one, which says so. */
#define AUDIT_MEND "mend"

/* Checks every line, and that the log goes through the line that PATH.head notes. *bad_line: the first that does not
 * follow, 0 when none. `take`, when not NULL, sees each good entry. A file that is not there is an empty log. Errors:
 * CONFLICT and those of audit_parse() (with *bad_line), TRUNCATED (half a line), ROLLBACK (lines are missing at the
 * end), MALFORMED (PATH.head), STORAGE, ... */
int audit_file_verify(const char *path, struct audit_chain *, uint64_t *bad_line,
	void (*take)(void *user, const struct audit_entry *), void *user);
/* Adds an entry; number and previous are filled in. Waits up to ten seconds for another process that appends. A log
 * that does not verify is not added to; half a line at its end is cut off, and an AUDIT_MEND entry says so.
 * Errors: as verify, BUSY. On error the file is as it was, also when only PATH.head could not be written. */
int audit_file_append(const char *path, struct audit_entry *);

/* Whose process this is: a name, else a number; under sudo also who asked. */
void audit_file_who(char out[sizeof((struct audit_entry *)0)->who]);
/* The log when nobody named another: AUDIT_FILE_NAME in the folder of `path` ("-": the current one). ARGUMENT: too
 * long. */
int audit_file_beside(const char *path, char *out, size_t cap);

#endif
