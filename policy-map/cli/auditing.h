/* auditing.h - what verbs that sign leave in the audit log. */
#ifndef POLICY_MAP_CLI_AUDITING_H
#define POLICY_MAP_CLI_AUDITING_H

#include "common/envelope.h"
#include "common/io/cli.h"

/* Writes an envelope to `out`, with an entry before for each of the `count` signatures that are new in it: a signature
 * that the log does not know of must not be. `log` NULL: $POLICY_MAP_AUDIT, else AUDIT_FILE_NAME beside `out`. Says on
 * stderr what is wrong and returns an exit status. */
int auditing_write_signed(const struct cli *, const char *log, const char *out, const struct envelope *,
	const struct envelope_signature *signatures, unsigned count);

/* CLI_USAGE when `out` would overwrite that log or what lies beside it. */
int auditing_check_out(const struct cli *, const char *log, const char *out);

#define AUDITING_HELP "audit log to append to (default $POLICY_MAP_AUDIT, else audit.jsonl beside OUT)"

#endif
