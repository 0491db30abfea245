#include "policy-map/cli/linting.h"

#include "common/carousel_error.h"
#include "common/io/clock.h"
#include "policy-map/cli/catalogue.h"
#include "policy-map/cli/fleet.h"

#include <stdio.h>
#include <string.h>

#define MAX_VERSIONS 1000000u

struct version_count {
	char class_name[MANIFEST_MAX_CLASS_BYTES];
	uint32_t version;
	uint64_t boxes;
};

struct run {
	const char *path;
	struct linting *linting;
	struct catalogue catalogue;
	struct fleet_db *fleet; /* NULL: none */
	struct version_count *versions;
	size_t num_versions, cap_versions;
};

static void report(void *user, const struct lint_finding *f)
{
	struct run *run = user;
	bool is_error = lint_is_error(f->code);
	if (!is_error && run->linting->errors_only)
		return;
	if (run->linting->findings)
		json_array_append_new(run->linting->findings,
			json_pack("{s:s,s:s,s:I,s:I,s:s}", "severity", is_error ? "error" : "warning", "code",
				lint_code_name(f->code), "line", (json_int_t)f->line, "column", (json_int_t)f->column,
				"message", f->message));
	else
		fprintf(stderr, "%s:%u:%u: %s: %s [%s]\n", run->path, f->line, f->column,
			is_error ? "error" : "warning", f->message, lint_code_name(f->code));
}

static void report_syntax(void *user, const struct policy_map_error *e)
{
	struct run *run = user;
	struct lint_finding f = {
		.code = LINT_SYNTAX, .line = e->line ? e->line : 1, .column = e->column ? e->column : 1};
	snprintf(f.message, sizeof f.message, "%s", e->message);
	run->linting->errors++;
	report(user, &f);
}

static const struct manifest *find_manifest(void *user, const uint8_t sha256[HASH_SHA256_BYTES])
{
	const struct run *run = user;
	const struct catalogue_entry *entry = catalogue_find(&run->catalogue, sha256);
	return entry ? &entry->manifest : NULL;
}

static const struct manifest *published(void *user, size_t i)
{
	const struct run *run = user;
	return i < run->catalogue.count ? &run->catalogue.entries[i]->manifest : NULL;
}

static bool box_is_known(void *user, const char *box_id)
{
	struct run *run = user;
	return fleet_db_has_box(run->fleet, box_id);
}

/* Counted once: a count of its own for each row would walk over the fleet each time. */
static int take_version(void *user, const char *class_name, const char *category, uint32_t version, uint64_t count)
{
	struct run *run = user;
	int result = memory_grow(NULL, (void **)&run->versions, &run->cap_versions, run->num_versions,
		sizeof *run->versions, MAX_VERSIONS);
	(void)category;
	if (result)
		return result;
	run->versions[run->num_versions] = (struct version_count){.version = version, .boxes = count};
	snprintf(run->versions[run->num_versions++].class_name, sizeof run->versions->class_name, "%s", class_name);
	return 0;
}

static uint64_t boxes_above(void *user, const char *class_name, uint32_t version)
{
	const struct run *run = user;
	uint64_t boxes = 0;
	for (size_t i = 0; i < run->num_versions; i++) {
		const struct version_count *v = &run->versions[i];
		if (v->version > version && v->version != POLICY_VERSION_SPECIAL &&
			strcmp(v->class_name, class_name) == 0)
			boxes += v->boxes;
	}
	return boxes;
}

static int run_lint(const struct cli *cli, const struct document *d, struct run *run, const struct policy_map *previous)
{
	const struct policy_map_options options = {.strict = true, .report = report_syntax, .user = run};
	const struct lint_context context = {.previous = previous,
		.now_s = clock_wall_s(),
		.slot_bytes = run->linting->slot_bytes,
		.user = run,
		.fec_limits = run->linting->fec_limits,
		.manifest = run->linting->catalogue_path ? find_manifest : NULL,
		.published = run->linting->catalogue_path ? published : NULL,
		.box_is_known = run->fleet ? box_is_known : NULL,
		.boxes_above = run->fleet ? boxes_above : NULL,
		.report = report};
	const char *text = (const char *)d->payload;
	struct policy_map_error e;
	struct policy_map *map;
	int result = policy_map_parse(NULL, text, d->payload_len, &options, &map, &e);
	if (result && run->linting->errors == 0)
		report_syntax(run, &e);
	if (result)
		return CLI_OK;
	result = lint_map(map, text, d->payload_len, &context, &run->linting->errors, &run->linting->warnings);
	policy_map_free(map);
	return result ? cli_fail(cli, "%s: %s", run->path, carousel_strerror(result)) : CLI_OK;
}

static int load_fleet(const struct cli *cli, const char *path, struct run *run)
{
	int result = fleet_open(cli, path, true, &run->fleet), error;
	if (result != CLI_OK)
		return result;
	error = fleet_db_each_version(run->fleet, take_version, run);
	return error ? fleet_fail(cli, path, run->fleet, error) : CLI_OK;
}

int linting_run(const struct cli *cli, const char *path, const struct document *d, struct linting *l)
{
	struct run run = {.path = path, .linting = l};
	struct policy_map *previous = NULL;
	int result = CLI_OK;
	l->errors = l->warnings = 0;
	if (d->type == NULL || strcmp(d->type, ENVELOPE_TYPE_MAP) != 0)
		return cli_fail(cli, "%s: this is no map", path);
	if (l->previous_path)
		result = document_load_map(cli, l->previous_path, false, &previous);
	if (result == CLI_OK && l->catalogue_path)
		result = catalogue_load(cli, l->catalogue_path, NULL, &run.catalogue);
	if (result == CLI_OK && l->fleet_path)
		result = load_fleet(cli, l->fleet_path, &run);
	if (result == CLI_OK)
		result = run_lint(cli, d, &run, previous);
	fleet_db_close(run.fleet);
	memory_free(NULL, run.versions);
	catalogue_deinit(&run.catalogue);
	policy_map_free(previous);
	return result;
}
