#include "policy-map/cli/auditing.h"

#include "common/carousel_error.h"
#include "common/hash.h"
#include "common/io/clock.h"
#include "policy-map/cli/check.h"
#include "policy-map/cli/document.h"
#include "policy-map/files/audit_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int note(const struct cli *cli, const char *log, const char *action, const char *out, const struct envelope *e,
	const struct envelope_signature *signature)
{
	struct audit_entry entry = {.time_s = clock_wall_s()};
	int result = hash_sha256(e->payload, e->payload_len, entry.sha256);
	hash_hex(entry.who, signature->key_id, KEY_ID_BYTES);
	snprintf(entry.action, sizeof entry.action, "%s", action);
	snprintf(entry.subject, sizeof entry.subject, "%s%s %s",
		strcmp(action, AUDIT_NOT_DONE) == 0 ? AUDIT_SIGN " " : "", check_role_of(e->type), out);
	if (result == 0)
		result = audit_file_append(log, &entry);
	if (result == CAROUSEL_E_ROLLBACK)
		return cli_fail(cli, "%s: audit log: entries are missing at the end (see audit verify)", log);
	return result ? cli_fail(cli, "%s: audit log: %s (see audit verify)", log, carousel_strerror(result)) : CLI_OK;
}

static int find_log(const struct cli *cli, const char **log, const char *out, char *beside, size_t cap)
{
	if (*log == NULL)
		*log = getenv("POLICY_MAP_AUDIT");
	if (*log && **log)
		return CLI_OK;
	if (audit_file_beside(out, beside, cap) != 0)
		return cli_fail(cli, "%s: the path is too long", out);
	*log = beside;
	return CLI_OK;
}

int auditing_check_out(const struct cli *cli, const char *log, const char *out)
{
	char beside[4096], head[4104], lock[4104];
	const struct document_other others[] = {{"the audit log", beside, false}, {"the audit log's head", head, false},
		{"the audit log's lock", lock, false}};
	int result = find_log(cli, &log, out, beside, sizeof beside);
	if (result != CLI_OK)
		return result;
	if (log != beside && snprintf(beside, sizeof beside, "%s", log) >= (int)sizeof beside)
		return cli_usage(cli, "%s: the path is too long", log);
	snprintf(head, sizeof head, "%s.head", beside);
	snprintf(lock, sizeof lock, "%s.lock", beside);
	return document_check_out(cli, out, others, sizeof others / sizeof *others);
}

int auditing_write_signed(const struct cli *cli, const char *log, const char *out, const struct envelope *e,
	const struct envelope_signature *signatures, unsigned count)
{
	char beside[4096];
	unsigned noted = 0;
	int result = find_log(cli, &log, out, beside, sizeof beside);
	while (noted < count && result == CLI_OK) {
		result = note(cli, log, AUDIT_SIGN, out, e, &signatures[noted]);
		noted += result == CLI_OK;
	}
	if (result == CLI_OK)
		result = document_write_envelope(cli, out, e);
	for (unsigned i = 0; i < noted && result != CLI_OK; i++)
		(void)note(cli, log, AUDIT_NOT_DONE, out, e, &signatures[i]);
	return result;
}
