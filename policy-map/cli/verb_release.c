/* promote, recall, hold, release: each edits the map file, issues it anew, shows what changed, and never signs. */
#include "policy-map/cli/verbs.h"

#include "common/carousel_error.h"
#include "common/io/clock.h"
#include "policy-map/cli/diff.h"
#include "policy-map/cli/linting.h"
#include "policy-map/map_edit.h"
#include "policy-map/map_value.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct release {
	const char *map_path, *class_name, *category, *manifest_path, *catalogue, *ramp, *from, *issued;
	uint64_t version, to;
	bool dry_run, json;
	/* The edit itself: 0 or an error. */
	int (*apply)(struct map_edit *, const struct release *);
};

static int apply_promote(struct map_edit *e, const struct release *r)
{
	char from[64], ramp[512];
	const char *gates[2];
	size_t num_gates = 0;
	if (r->from) {
		snprintf(from, sizeof from, "from=%s", r->from);
		gates[num_gates++] = from;
	}
	if (r->ramp) {
		snprintf(ramp, sizeof ramp, "ramp=%s", r->ramp);
		gates[num_gates++] = ramp;
	}
	return map_edit_promote(e, r->class_name, r->category, (uint32_t)r->version, gates, num_gates);
}

static int apply_recall(struct map_edit *e, const struct release *r)
{
	return map_edit_recall(e, r->class_name, r->category, (uint32_t)r->version, (uint32_t)r->to);
}

static int apply_hold(struct map_edit *e, const struct release *r)
{
	return map_edit_hold(e, r->class_name, r->category, true);
}

static int apply_release(struct map_edit *e, const struct release *r)
{
	return map_edit_hold(e, r->class_name, r->category, false);
}

/* The image line of a manifest, so that what is promoted is also named. */
static int add_image(const struct cli *cli, struct map_edit *e, const struct release *r)
{
	struct policy_image image = {.version = (uint32_t)r->version, .class_name = r->class_name};
	struct manifest m;
	struct document d;
	int result = document_load(cli, r->manifest_path, &d);
	if (result != CLI_OK)
		return result;
	result = manifest_parse(&m, d.payload, d.payload_len, NULL);
	if (result == 0)
		result = hash_sha256(d.payload, d.payload_len, image.manifest_sha256);
	document_deinit(&d);
	if (result)
		return cli_fail(cli, "%s: %s", r->manifest_path, carousel_strerror(result));
	if (strcmp(m.class_name, r->class_name) != 0 || m.version != r->version)
		return cli_fail(cli, "%s describes %s %u", r->manifest_path, m.class_name, m.version);
	image.size_bytes = m.layout.image_bytes;
	memcpy(image.sha256, m.sha256, sizeof image.sha256);
	result = map_edit_add_image(e, &image);
	return result ? cli_fail(cli, "%s: %s", r->manifest_path, carousel_strerror(result)) : CLI_OK;
}

static int check_result(const struct cli *cli, const struct release *r, const char *text, size_t len)
{
	struct document d = {.type = ENVELOPE_TYPE_MAP, .payload = (const uint8_t *)text, .payload_len = len};
	struct linting l = {.catalogue_path = r->catalogue, .errors_only = true};
	int result = linting_run(cli, r->map_path, &d, &l);
	if (result == CLI_OK && l.errors)
		result = cli_fail(cli, "the edit would leave %u errors; %s is as it was", l.errors, r->map_path);
	return result;
}

static int show_and_write(
	const struct cli *cli, const struct release *r, const struct document *before, const char *text, size_t len)
{
	json_t *changes = r->json ? json_array() : NULL;
	int result = check_result(cli, r, text, len);
	if (result == CLI_OK)
		result = diff_lines(cli, (const char *)before->payload, before->payload_len, text, len, changes);
	/* What nobody was shown is not done either. */
	if (result == CLI_OK && fflush(stdout) != 0)
		result = cli_fail(cli, "stdout: %s; %s is as it was", carousel_strerror(CAROUSEL_E_IO), r->map_path);
	if (result == CLI_OK && !r->dry_run)
		result = document_write(cli, r->map_path, text, len, 0644);
	if (result == CLI_OK && r->json)
		return cli_print_json(
			cli, json_pack("{s:s,s:o,s:b,s:o}", "format", "carousel-release/1", "file",
				     document_json_path(r->map_path), "written", (int)!r->dry_run, "changes", changes));
	json_decref(changes);
	return result;
}

static int edit_failed(const struct cli *cli, const struct release *r, int code)
{
	const char *why = code == CAROUSEL_E_NOT_FOUND ? "no row of the map that this would change"
			  : code == CAROUSEL_E_ROLLBACK
				  ? "a row is at a newer version; recall goes down, and --category "
				    "chooses rows"
				  : carousel_strerror(code);
	return cli_fail(cli, "%s: %s%s%s: %s", r->map_path, r->class_name, r->category ? " " : "",
		r->category ? r->category : "", why);
}

/* Overrides go before rows, so a recall does not reach their boxes: somebody put them there by hand. */
static void note_overrides(const struct cli *cli, const struct release *r, const char *text, size_t len)
{
	struct policy_map *map;
	if (r->to == 0 || policy_map_parse(NULL, text, len, NULL, &map, NULL) != 0)
		return;
	for (size_t i = 0; i < map->num_overrides; i++) {
		const struct policy_override *o = &map->overrides[i];
		if (!o->never && o->numbers.maximum >= r->version && strcmp(o->class_name, r->class_name) == 0)
			cli_say(cli, "%s:%" PRIu32 ": note: the override of %s still lets it run %" PRIu64, r->map_path,
				o->line, o->box_id, r->version);
	}
	policy_map_free(map);
}

static int edit_map(const struct cli *cli, const struct release *r, const struct document *before)
{
	struct policy_map_error error;
	struct map_edit *e;
	uint64_t now = clock_wall_s();
	char *text;
	size_t len;
	int result;
	if (r->issued && map_value_time(r->issued, &now) != 0)
		return cli_usage(cli, "--issued: a time such as 2026-11-21T12:00:00Z");
	if (map_edit_new(NULL, (const char *)before->payload, before->payload_len, &e, &error) != 0)
		return document_say_error(cli, r->map_path, &error);
	result = r->manifest_path ? add_image(cli, e, r) : CLI_OK;
	if (result == CLI_OK) {
		int code = r->apply(e, r);
		if (code == 0)
			code = map_edit_issue(e, now);
		if (code == 0)
			code = map_edit_print(e, &text, &len);
		if (code)
			result = edit_failed(cli, r, code);
	}
	map_edit_free(e);
	if (result != CLI_OK)
		return result;
	result = show_and_write(cli, r, before, text, len);
	if (result == CLI_OK)
		note_overrides(cli, r, text, len);
	memory_free(NULL, text);
	return result;
}

static int run(const struct cli *cli, const struct release *r)
{
	const struct document_other manifest = {"--manifest", r->manifest_path, false};
	struct document d;
	int result;
	if (r->map_path == NULL)
		return cli_usage(cli, "--map is needed");
	result = document_check_out(cli, r->map_path, &manifest, 1);
	if (result == CLI_OK)
		result = document_load(cli, r->map_path, &d);
	if (result != CLI_OK)
		return result;
	if (d.is_envelope || d.type == NULL || strcmp(d.type, ENVELOPE_TYPE_MAP) != 0)
		result = cli_fail(cli, "%s: the map's own text is needed, not an envelope", r->map_path);
	else
		result = edit_map(cli, r, &d);
	document_deinit(&d);
	return result;
}

static int version_argument(const struct cli *cli, const char *text, uint64_t *version)
{
	if (map_value_number(text, 1, POLICY_VERSION_MAX, version) != 0)
		return cli_usage(cli, "a version from 1 to 4294967294, not \"%s\"", text);
	return CLI_OK;
}

static int check_gates(const struct cli *cli, const struct release *r)
{
	struct policy_ramp_step steps[POLICY_MAX_RAMP_STEPS];
	uint64_t from;
	uint8_t num_steps;
	if (r->ramp && map_value_ramp(r->ramp, steps, &num_steps) != 0)
		return cli_usage(
			cli, "--ramp: growing shares and times such as 5%%,20%%@+48h,100%%@+7d, not \"%s\"", r->ramp);
	if (r->from && map_value_time(r->from, &from) != 0)
		return cli_usage(cli, "--from: a time such as 2026-11-21T12:00Z, not \"%s\"", r->from);
	return CLI_OK;
}

#define COMMON_OPTIONS                                                                                                 \
	{"map", CLI_STRING, &r.map_path, 0, 0, "FILE", "the map's text, which is edited"},                             \
		{"category", CLI_STRING, &r.category, 0, 0, "CATEGORY", "only rows of this category"},                 \
		{"catalogue", CLI_STRING, &r.catalogue, 0, 0, "DIR", "check against the published manifests"},         \
		{"issued", CLI_STRING, &r.issued, 0, 0, "TIME", "instead of now"},                                     \
		{"dry-run", CLI_FLAG, &r.dry_run, 0, 0, NULL, "show what would change"},                               \
	{                                                                                                              \
		"json", CLI_FLAG, &r.json, 0, 0, NULL, "print JSON"                                                    \
	}

int verb_promote(const struct cli *cli, int argc, char **argv)
{
	struct release r = {.apply = apply_promote};
	const struct cli_option options[] = {
		{"manifest", CLI_STRING, &r.manifest_path, 0, 0, "FILE", "add the image line of this manifest"},
		{"ramp", CLI_STRING, &r.ramp, 0, 0, "STEPS", "a gated row such as 5%,20%@+48h,100%@+7d"},
		{"from", CLI_STRING, &r.from, 0, 0, "TIME", "not before"}, COMMON_OPTIONS};
	int result = cli_options(cli, options, sizeof options / sizeof *options, &argc, argv, 2, 2);
	if (result)
		return result == CLI_HELP ? CLI_OK : result;
	r.class_name = argv[1];
	result = version_argument(cli, argv[2], &r.version);
	if (result == CLI_OK)
		result = check_gates(cli, &r);
	return result == CLI_OK ? run(cli, &r) : result;
}

int verb_recall(const struct cli *cli, int argc, char **argv)
{
	struct release r = {.apply = apply_recall};
	const struct cli_option options[] = {
		{"to", CLI_U64, &r.to, 1, POLICY_VERSION_MAX, "N", "the version to go back to (needed)"},
		COMMON_OPTIONS};
	int result = cli_options(cli, options, sizeof options / sizeof *options, &argc, argv, 2, 2);
	if (result)
		return result == CLI_HELP ? CLI_OK : result;
	r.class_name = argv[1];
	result = version_argument(cli, argv[2], &r.version);
	if (result == CLI_OK && r.to == 0)
		result = cli_usage(cli, "--to is needed");
	if (result == CLI_OK && r.to >= r.version)
		result = cli_usage(cli, "--to: a recall goes to a lower version");
	return result == CLI_OK ? run(cli, &r) : result;
}

static int run_hold(const struct cli *cli, struct release r, int argc, char **argv)
{
	const struct cli_option options[] = {COMMON_OPTIONS};
	int result = cli_options(cli, options, sizeof options / sizeof *options, &argc, argv, 1, 1);
	if (result)
		return result == CLI_HELP ? CLI_OK : result;
	r.class_name = argv[1];
	return run(cli, &r);
}

int verb_hold(const struct cli *cli, int argc, char **argv)
{
	return run_hold(cli, (struct release){.apply = apply_hold}, argc, argv);
}

int verb_release(const struct cli *cli, int argc, char **argv)
{
	return run_hold(cli, (struct release){.apply = apply_release}, argc, argv);
}
