#include "policy-map/cli/verbs.h"

#include "policy-map/cli/linting.h"

#include <stdio.h>

static int print_result(const struct cli *cli, const char *path, struct linting *l, bool json)
{
	if (json)
		return cli_print_json(cli, json_pack("{s:s,s:o,s:i,s:i,s:o}", "format", "carousel-lint/1", "file",
						   document_json_path(path), "errors", (int)l->errors, "warnings",
						   (int)l->warnings, "findings", l->findings));
	printf("%s: %u errors, %u warnings\n", path, l->errors, l->warnings);
	return CLI_OK;
}

int verb_lint(const struct cli *cli, int argc, char **argv)
{
	struct linting l = {0};
	bool json = false, strict = false;
	uint64_t symbol = 0, block = 0, blocks = 0;
	const struct cli_option options[] = {
		{"previous", CLI_STRING, &l.previous_path, 0, 0, "MAP", "the map that was signed last"},
		{"catalogue", CLI_STRING, &l.catalogue_path, 0, 0, "DIR", "where the published manifests are"},
		{"fleet", CLI_STRING, &l.fleet_path, 0, 0, "DB",
			"fleet database: unknown boxes, versions above a maximum"},
		{"slot", CLI_BYTES, &l.slot_bytes, 0, 0, "BYTES", "size of the smallest slot"},
		{"fec-symbol", CLI_U64, &symbol, 1, FEC_MAX_SYMBOL_SIZE, "BYTES", "largest symbol that all boxes take"},
		{"fec-block", CLI_U64, &block, 1, UINT32_MAX, "SYMBOLS", "largest block that all boxes decode"},
		{"fec-blocks", CLI_U64, &blocks, 1, UINT32_MAX, "N", "most blocks that all boxes take"},
		{"strict", CLI_FLAG, &strict, 0, 0, NULL, "fail on warnings, too"},
		{"json", CLI_FLAG, &json, 0, 0, NULL, "print JSON"},
	};
	struct document d;
	int result = cli_options(cli, options, sizeof options / sizeof *options, &argc, argv, 1, 1);
	if (result)
		return result == CLI_HELP ? CLI_OK : result;
	l.fec_limits = (struct fec_limits){.max_symbol_size = (uint16_t)symbol,
		.max_block_symbols = (uint32_t)block,
		.max_blocks = (uint32_t)blocks};
	result = document_load(cli, argv[1], &d);
	if (result != CLI_OK)
		return result;
	if (json)
		l.findings = json_array();
	result = linting_run(cli, argv[1], &d, &l);
	document_deinit(&d);
	if (result == CLI_OK)
		result = print_result(cli, argv[1], &l, json);
	else
		json_decref(l.findings);
	return result == CLI_OK && (l.errors || (strict && l.warnings)) ? CLI_FAILED : result;
}
