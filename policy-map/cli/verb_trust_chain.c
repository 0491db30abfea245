/* trust append and trust show: a chain of roots gets one more, or is looked at. */
#include "policy-map/cli/verbs.h"

#include "common/carousel_error.h"
#include "policy-map/cli/document.h"

#include <stdio.h>
#include <string.h>

/* Puts a fully signed root at the end of a chain; nothing is written unless boxes would follow it. */
static int append(const struct cli *cli, const char *chain_path, const char *root_path, bool json)
{
	struct document d;
	struct trust trust;
	char *chain = NULL, *line = NULL, *joined = NULL;
	size_t chain_len, line_len;
	const struct document_other root = {"ROOT", root_path, true};
	int result = document_check_out(cli, chain_path, &root, 1), error;
	if (result == CLI_OK)
		result = document_load_trust(cli, chain_path, &trust);
	if (result != CLI_OK)
		return result;
	result = document_load(cli, root_path, &d);
	if (result != CLI_OK)
		return result;
	error = d.is_envelope ? trust_update(&trust, &d.envelope) : CAROUSEL_E_SIGNATURE;
	if (error)
		result = cli_fail(cli, "%s does not continue %s: %s", root_path, chain_path, carousel_strerror(error));
	if (result == CLI_OK)
		result = document_read(cli, chain_path, ENVELOPE_MAX_BYTES, &chain, &chain_len);
	if (result == CLI_OK && envelope_print(NULL, &d.envelope, &line, &line_len) == 0)
		joined = memory_alloc(NULL, chain_len + line_len + 1, 1);
	if (joined) {
		memcpy(joined, chain, chain_len);
		if (chain_len && chain[chain_len - 1] != '\n')
			joined[chain_len++] = '\n';
		memcpy(joined + chain_len, line, line_len);
		result = document_write(cli, chain_path, joined, chain_len + line_len, 0644);
	} else if (result == CLI_OK) {
		result = cli_fail(cli, "%s", carousel_strerror(CAROUSEL_E_MEMORY));
	}
	if (result == CLI_OK && json)
		result = cli_print_json(
			cli, json_pack("{s:s,s:o,s:I,s:I}", "format", "carousel-trust/1", "file",
				     document_json_path(chain_path), "version", (json_int_t)trust.root.version, "epoch",
				     (json_int_t)trust.root.epoch));
	memory_free(NULL, joined);
	memory_free(NULL, line);
	memory_free(NULL, chain);
	document_deinit(&d);
	return result;
}

int trust_verb_append(const struct cli *cli, int argc, char **argv)
{
	bool json = false;
	const struct cli_option options[] = {{"json", CLI_FLAG, &json, 0, 0, NULL, "print JSON"}};
	int result = cli_options(cli, options, 1, &argc, argv, 2, 2);
	if (result)
		return result == CLI_HELP ? CLI_OK : result;
	return append(cli, argv[1], argv[2], json);
}

static void print_trust(const struct trust *trust)
{
	char id[2 * KEY_ID_BYTES + 1];
	printf("root version %u, epoch %u\n", trust->root.version, trust->root.epoch);
	for (unsigned r = 0; r < trust->root.num_roles; r++) {
		const struct trust_role *role = &trust->root.roles[r];
		printf("%s: %u of %u\n", role->name, role->threshold, role->num_keys);
		for (unsigned i = 0; i < role->num_keys; i++) {
			const struct key_public *key = trust_root_key(&trust->root, role->key_ids[i]);
			printf("  %s  %s\n", hash_hex(id, role->key_ids[i], KEY_ID_BYTES),
				key ? key_type_name(key->type) : "not listed");
		}
	}
}

int trust_verb_show(const struct cli *cli, int argc, char **argv)
{
	bool json = false;
	const struct cli_option options[] = {{"json", CLI_FLAG, &json, 0, 0, NULL, "print JSON"}};
	struct trust trust;
	char *payload;
	size_t len;
	json_t *root = NULL;
	int result = cli_options(cli, options, 1, &argc, argv, 1, 1);
	if (result)
		return result == CLI_HELP ? CLI_OK : result;
	result = document_load_trust(cli, argv[1], &trust);
	if (result != CLI_OK)
		return result;
	if (!json) {
		print_trust(&trust);
		return CLI_OK;
	}
	if (trust_root_print(NULL, &trust.root, &payload, &len) != 0)
		return cli_fail(cli, "%s", carousel_strerror(CAROUSEL_E_MEMORY));
	(void)json_fields_load(payload, len, TRUST_MAX_ROOT_BYTES, &root);
	memory_free(NULL, payload);
	return cli_print_json(cli, json_pack("{s:s,s:o}", "format", "carousel-trust/1", "root", root));
}
