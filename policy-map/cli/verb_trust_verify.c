/* trust verify: every link of a chain, and who signed it. */
#include "policy-map/cli/verbs.h"

#include "common/carousel_error.h"
#include "policy-map/cli/signatures.h"

#include <stdio.h>
#include <string.h>

struct chain_check {
	const char *path;
	struct trust trust;
	bool has_trust; /* of the links before, or of --trust */
	bool is_from_held;
	uint32_t from; /* the version from which on boxes follow it */
	unsigned links;
	json_t *reports; /* one array a link */
};

static void report(const struct trust_root *root, const struct envelope *e, json_t *reports)
{
	bool good;
	json_array_append_new(reports, signatures_of_role(root, TRUST_ROLE_ROOT, e, &good));
}

/* One link: what root n and root n+1 say of it, and whether boxes would follow it. */
static int check_link(struct chain_check *c, const char *line, size_t len)
{
	json_t *reports = json_array();
	struct trust_root root;
	struct envelope e;
	int result = envelope_parse(NULL, &e, line, len);
	if (result) {
		json_decref(reports);
		return result;
	}
	result = strcmp(e.type, ENVELOPE_TYPE_ROOT) == 0 ? trust_root_parse(&root, e.payload, e.payload_len)
							 : CAROUSEL_E_WRONG_TYPE;
	if (result == 0) {
		if (c->has_trust && root.version != c->trust.root.version)
			report(&c->trust.root, &e, reports);
		report(&root, &e, reports);
		result = c->has_trust ? trust_update(&c->trust, &e) : trust_init(&c->trust, &e);
	}
	/* Links that are held already, and older ones, are passed over as boxes do. */
	if (c->has_trust && (result == CAROUSEL_E_DUPLICATE || result == CAROUSEL_E_ROLLBACK))
		result = 0;
	if (result == 0 && !c->has_trust)
		c->from = root.version;
	c->has_trust = c->has_trust || result == 0;
	json_array_append_new(c->reports, reports);
	envelope_deinit(NULL, &e);
	return result;
}

/* Every link, until one is bad: the error. */
static int check_links(struct chain_check *c, const char *text, size_t len)
{
	const char *line;
	size_t line_len;
	int error = 0;
	while (error == 0 && envelope_next_line(&text, &len, &line, &line_len) == 0) {
		error = check_link(c, line, line_len);
		c->links++;
	}
	return error;
}

/* What boxes make of the chain. One that begins above version 1 leaves those behind that are older, and for ever. */
static int judge(const struct cli *cli, const struct chain_check *c, int error, bool json)
{
	if (error)
		return cli_fail(cli, "%s:%u: boxes would not follow this root: %s", c->path, c->links,
			carousel_strerror(error));
	if (!json)
		printf("%s: boxes follow it from root version %u to version %u, epoch %u\n", c->path, c->from,
			c->trust.root.version, c->trust.root.epoch);
	if (c->from > 1 && !c->is_from_held)
		return cli_fail(cli,
			"%s: it begins with version %u, and boxes that hold an older root can never follow; "
			"give the oldest that any box holds as --trust",
			c->path, c->from);
	return CLI_OK;
}

static int check_chain(const struct cli *cli, struct chain_check *c, bool json)
{
	char *text;
	json_t *link;
	size_t len, i;
	int error, result = document_read(cli, c->path, ENVELOPE_MAX_BYTES, &text, &len);
	if (result != CLI_OK)
		return result;
	error = check_links(c, text, len);
	memory_free(NULL, text);
	if (c->links == 0)
		return cli_fail(cli, "%s: there is no root in it", c->path);
	if (!json)
		json_array_foreach(c->reports, i, link) signatures_print(c->path, link);
	result = judge(cli, c, error, json);
	if (json &&
		cli_print_json(cli, json_pack("{s:s,s:o,s:b,s:I,s:I,s:I,s:O}", "format", "carousel-trust/1", "file",
					    document_json_path(c->path), "good", result == CLI_OK, "from",
					    (json_int_t)c->from, "version", (json_int_t)c->trust.root.version, "epoch",
					    (json_int_t)c->trust.root.epoch, "links", c->reports)) != CLI_OK)
		result = CLI_FAILED;
	return result;
}

int trust_verb_verify(const struct cli *cli, int argc, char **argv)
{
	struct chain_check c = {0};
	const char *trust = NULL;
	bool json = false;
	const struct cli_option options[] = {
		{"trust", CLI_STRING, &trust, 0, 0, "ROOTS", "what boxes hold: the chain must go on from its newest"},
		{"json", CLI_FLAG, &json, 0, 0, NULL, "print JSON"},
	};
	int result = cli_options(cli, options, sizeof options / sizeof *options, &argc, argv, 1, 1);
	if (result)
		return result == CLI_HELP ? CLI_OK : result;
	if (trust && document_load_trust(cli, trust, &c.trust) != CLI_OK)
		return CLI_FAILED;
	c.has_trust = c.is_from_held = trust != NULL;
	c.from = c.trust.root.version;
	c.path = argv[1];
	c.reports = json_array();
	result = check_chain(cli, &c, json);
	json_decref(c.reports);
	return result;
}
