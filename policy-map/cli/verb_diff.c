#include "policy-map/cli/verbs.h"

#include "policy-map/cli/diff.h"

#include <stdio.h>

struct diff_options {
	bool paths, json;
};

static int diff(const struct cli *cli, const struct document docs[2], struct policy_map *const maps[2],
	const struct diff_options *o)
{
	json_t *list = o->json ? json_array() : NULL;
	int result;
	if (o->paths)
		result = diff_paths(cli, maps[0], maps[1], list);
	else
		result = diff_lines(cli, (const char *)docs[0].payload, docs[0].payload_len,
			(const char *)docs[1].payload, docs[1].payload_len, list);
	if (result == CLI_OK && o->json)
		return document_print_json(
			cli, json_pack("{s:s,s:o}", "format", "carousel-diff/1", o->paths ? "paths" : "changes", list));
	json_decref(list);
	return result;
}

int verb_diff(const struct cli *cli, int argc, char **argv)
{
	struct diff_options o = {0};
	const struct cli_option options[] = {
		{"paths", CLI_FLAG, &o.paths, 0, 0, NULL, "every from -> to that NEW asks for: what QA has to try"},
		{"json", CLI_FLAG, &o.json, 0, 0, NULL, "print JSON"},
	};
	struct document docs[2] = {{0}, {0}};
	struct policy_map *maps[2] = {NULL, NULL};
	int result = cli_options(cli, options, sizeof options / sizeof *options, &argc, argv, 2, 2);
	if (result)
		return result == CLI_HELP ? CLI_OK : result;
	for (unsigned i = 0; i < 2 && result == CLI_OK; i++) {
		result = document_load(cli, argv[1 + i], &docs[i]);
		if (result == CLI_OK)
			result = document_parse_map(cli, argv[1 + i], &docs[i], i == 1, &maps[i]);
	}
	if (result == CLI_OK)
		result = diff(cli, docs, maps, &o);
	for (unsigned i = 0; i < 2; i++) {
		policy_map_free(maps[i]);
		document_deinit(&docs[i]);
	}
	return result;
}
