#include "policy-map/cli/verbs.h"

#include "common/carousel_error.h"
#include "policy-map/cli/document.h"
#include "policy-map/files/audit_file.h"
#include "policy-map/map_value.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void print_entry(void *user, const struct audit_entry *e)
{
	char time[MAP_VALUE_TIME_BYTES];
	(void)user;
	printf("%6" PRIu64 "  %s  %-9s %s  by %.64s\n", e->number, map_value_print_time(time, e->time_s), e->action,
		e->subject, e->who);
}

static void list_entry(void *user, const struct audit_entry *e)
{
	char sha256[HASH_SHA256_HEX + 1];
	json_array_append_new(user, json_pack("{s:I,s:I,s:s,s:s,s:s,s:s}", "number", (json_int_t)e->number, "time",
					    (json_int_t)e->time_s, "who", e->who, "action", e->action, "subject",
					    e->subject, "sha256", hash_hex(sha256, e->sha256, HASH_SHA256_BYTES)));
}

static int broken(const struct cli *cli, const char *path, int error, uint64_t bad_line)
{
	if (error == CAROUSEL_E_TRUNCATED)
		return cli_fail(cli,
			"%s:%" PRIu64 ": half an entry: an append was cut off, and the next one will say so", path,
			bad_line);
	if (error == CAROUSEL_E_ROLLBACK)
		return cli_fail(cli, "%s: entries are missing at the end: %s.head knows of more", path, path);
	if (error == CAROUSEL_E_MALFORMED && bad_line == 0)
		return cli_fail(cli, "%s.head: %s", path, carousel_strerror(error));
	if (bad_line)
		return cli_fail(
			cli, "%s:%" PRIu64 ": the chain is broken here: %s", path, bad_line, carousel_strerror(error));
	return cli_fail(cli, "%s: %s", path, carousel_strerror(error));
}

static int audit_run(const struct cli *cli, const char *path, const char *head, bool json, bool show)
{
	char text[HASH_SHA256_HEX + 1];
	json_t *log = json && show ? json_array() : NULL, *answer;
	struct audit_chain chain;
	uint64_t bad_line = 0;
	int error = access(path, F_OK) ? CAROUSEL_E_NOT_FOUND
				       : audit_file_verify(path, &chain, &bad_line,
						 log    ? list_entry
						 : show ? print_entry
							: NULL,
						 log);
	if (error) {
		json_decref(log);
		return broken(cli, path, error, bad_line);
	}
	hash_hex(text, chain.head, HASH_SHA256_BYTES);
	if (head && strcmp(head, text) != 0) {
		json_decref(log);
		return cli_fail(cli, "%s ends in %s, not %s: lines are missing or were added", path, text, head);
	}
	if (!json) {
		printf("%s: %" PRIu64 " entries, head %s\n", path, chain.number, text);
		return CLI_OK;
	}
	answer = json_pack("{s:s,s:o,s:I,s:s}", "format", "carousel-audit/1", "file", document_json_path(path),
		"entries", (json_int_t)chain.number, "head", text);
	if (log)
		json_object_set_new(answer, "log", log);
	return cli_print_json(cli, answer);
}

static int audit_verb(const struct cli *cli, int argc, char **argv, bool show)
{
	const char *head = NULL;
	bool json = false;
	const struct cli_option options[] = {
		{"head", CLI_STRING, &head, 0, 0, "SHA256", "the log must end in this digest"},
		{"json", CLI_FLAG, &json, 0, 0, NULL, "print JSON"},
	};
	int result = cli_options(cli, options, sizeof options / sizeof *options, &argc, argv, 1, 1);
	if (result)
		return result == CLI_HELP ? CLI_OK : result;
	return audit_run(cli, argv[1], head, json, show);
}

static int audit_verb_verify(const struct cli *cli, int argc, char **argv)
{
	return audit_verb(cli, argc, argv, false);
}

static int audit_verb_show(const struct cli *cli, int argc, char **argv)
{
	return audit_verb(cli, argc, argv, true);
}

int verb_audit(const struct cli *cli, int argc, char **argv)
{
	static const struct cli_verb verbs[] = {
		{"verify", "FILE [--head SHA256]", "check the chain of an audit log", audit_verb_verify},
		{"show", "FILE", "check it and list its entries", audit_verb_show},
	};
	const struct cli_program program = {
		"policy-map audit", "the log of signings and changes", verbs, sizeof verbs / sizeof *verbs};
	(void)cli;
	return cli_main(&program, argc, argv);
}
