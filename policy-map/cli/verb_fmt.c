#include "policy-map/cli/verbs.h"

#include "common/carousel_error.h"
#include "policy-map/cli/document.h"

#include <stdio.h>
#include <string.h>

#define MAGIC "carousel-map"

static int fmt(const struct cli *cli, const char *path, bool check, bool to_stdout, bool json)
{
	struct policy_map_error e;
	char *text, *out;
	size_t len, out_len;
	bool same;
	int result = document_read(cli, path, POLICY_MAP_MAX_BYTES, &text, &len);
	if (result != CLI_OK)
		return result;
	if (len < sizeof MAGIC - 1 || memcmp(text, MAGIC, sizeof MAGIC - 1) != 0) {
		memory_free(NULL, text);
		return cli_fail(cli, "%s: this is no map: it does not begin with " MAGIC, path);
	}
	if (policy_map_format(NULL, text, len, &out, &out_len, &e) != 0) {
		memory_free(NULL, text);
		return document_say_error(cli, path, &e);
	}
	same = out_len == len && memcmp(out, text, len) == 0;
	if (check)
		result = same ? CLI_OK : cli_fail(cli, "%s is not in canonical form", path);
	else if (to_stdout || strcmp(path, "-") == 0)
		result = document_write(cli, "-", out, out_len, 0644);
	else if (!same)
		result = document_write(cli, path, out, out_len, 0644);
	if (json && cli_print_json(cli, json_pack("{s:s,s:o,s:b}", "format", "carousel-fmt/1", "file",
						document_json_path(path), "canonical", (int)same)) != CLI_OK)
		result = CLI_FAILED;
	memory_free(NULL, text);
	memory_free(NULL, out);
	return result;
}

int verb_fmt(const struct cli *cli, int argc, char **argv)
{
	bool check = false, to_stdout = false, json = false;
	const struct cli_option options[] = {
		{"check", CLI_FLAG, &check, 0, 0, NULL, "change nothing; fail when it is not canonical"},
		{"stdout", CLI_FLAG, &to_stdout, 0, 0, NULL, "print it and leave the file as it is"},
		{"json", CLI_FLAG, &json, 0, 0, NULL, "print JSON: whether it was canonical before"},
	};
	int result = cli_options(cli, options, sizeof options / sizeof *options, &argc, argv, 1, 1);
	if (result)
		return result == CLI_HELP ? CLI_OK : result;
	result = document_check_stdout(cli, json, to_stdout ? "-" : argv[1], "the map");
	if (result != CLI_OK)
		return result;
	return fmt(cli, argv[1], check, to_stdout, json);
}
