#include "policy-map/cli/verbs.h"

#include "common/carousel_error.h"
#include "policy-map/cli/check.h"
#include "policy-map/cli/signatures.h"

#include <stdio.h>
#include <string.h>

static int print_report(
	const struct cli *cli, const char *path, const json_t *reports, bool good, bool as_json, const char *type)
{
	if (as_json)
		return cli_print_json(
			cli, json_pack("{s:s,s:o,s:s,s:b,s:O}", "format", "carousel-verify/1", "file",
				     document_json_path(path), "type", type, "good", (int)good, "roles", reports));
	signatures_print(path, reports);
	return CLI_OK;
}

/* A root is judged by the root before it, when that is at hand, and by itself. */
static int verify_root(const struct cli *cli, const char *path, const struct document *d, const struct trust *trust,
	json_t *reports, bool *good)
{
	struct trust_root root;
	bool old_good = true;
	int result = trust_root_parse(&root, d->payload, d->payload_len);
	if (result)
		return cli_fail(cli, "%s: %s", path, carousel_strerror(result));
	if (trust == NULL && root.version > 1)
		return cli_usage(
			cli, "--trust is needed: the keys of root version %u must have signed, too", root.version - 1);
	if (trust && root.version != trust->root.version && root.version - trust->root.version != 1)
		return cli_fail(
			cli, "%s: root version %u cannot follow version %u", path, root.version, trust->root.version);
	if (trust)
		json_array_append_new(
			reports, signatures_of_role(&trust->root, TRUST_ROLE_ROOT, &d->envelope, &old_good));
	if (trust == NULL || root.version != trust->root.version)
		json_array_append_new(reports, signatures_of_role(&root, TRUST_ROLE_ROOT, &d->envelope, good));
	else
		*good = true;
	*good = *good && old_good;
	return CLI_OK;
}

static int verify(
	const struct cli *cli, const char *path, const char *trust_path, const char *wanted_role, bool as_json)
{
	struct trust trust;
	struct document d;
	json_t *reports = json_array();
	const char *role;
	bool good = false;
	int result = document_load(cli, path, &d);
	if (result == CLI_OK && trust_path)
		result = document_load_trust(cli, trust_path, &trust);
	role = result == CLI_OK ? check_role_of(d.type) : NULL;
	if (result == CLI_OK && !d.is_envelope)
		result = cli_fail(cli, "%s: no envelope, so nobody signed it", path);
	else if (result == CLI_OK && role == NULL)
		result = cli_fail(cli, "%s: type %s is signed by no role", path, d.type);
	else if (result == CLI_OK && wanted_role && strcmp(wanted_role, role) != 0)
		result = cli_fail(cli, "%s is signed by role %s, not %s", path, role, wanted_role);
	else if (result == CLI_OK && strcmp(role, TRUST_ROLE_ROOT) == 0)
		result = verify_root(cli, path, &d, trust_path ? &trust : NULL, reports, &good);
	else if (result == CLI_OK && trust_path == NULL)
		result = cli_usage(cli, "--trust is needed");
	else if (result == CLI_OK)
		json_array_append_new(reports, signatures_of_role(&trust.root, role, &d.envelope, &good));
	if (result == CLI_OK)
		result = print_report(cli, path, reports, good, as_json, d.type);
	json_decref(reports);
	document_deinit(&d);
	return result == CLI_OK && !good ? CLI_FAILED : result;
}

int verb_verify(const struct cli *cli, int argc, char **argv)
{
	const char *trust = NULL, *role = NULL;
	bool json = false;
	const struct cli_option options[] = {
		{"trust", CLI_STRING, &trust, 0, 0, "ROOTS", "chain of roots; its newest counts"},
		{"role", CLI_STRING, &role, 0, 0, "ROLE", "fail when the document is of another role"},
		{"json", CLI_FLAG, &json, 0, 0, NULL, "print JSON"},
	};
	int result = cli_options(cli, options, sizeof options / sizeof *options, &argc, argv, 1, 1);
	if (result)
		return result == CLI_HELP ? CLI_OK : result;
	return verify(cli, argv[1], trust, role, json);
}
