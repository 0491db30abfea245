/* ready: the checklist before the first production roll-out. Each item is passed, failed, or skipped for want of a
 * file. */
#include "policy-map/cli/verbs.h"

#include "common/carousel_error.h"
#include "common/io/clock.h"
#include "policy-map/cli/catalogue.h"
#include "policy-map/cli/fleet.h"
#include "policy-map/cli/linting.h"
#include "policy-map/cli/ready.h"
#include "policy-map/fleet/fleet_policy.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_S 86400u

void ready_item(struct ready *r, const char *name, enum ready_outcome outcome, const char *format, ...)
{
	static const char *const words[] = {"passed", "FAILED", "skipped"};
	static const char *const json_words[] = {"passed", "failed", "skipped"};
	char detail[256];
	va_list args;
	va_start(args, format);
	vsnprintf(detail, sizeof detail, format, args);
	va_end(args);
	r->failed += outcome == READY_FAILED;
	r->skipped += outcome == READY_SKIPPED;
	if (r->items)
		json_array_append_new(r->items,
			json_pack("{s:s,s:s,s:s}", "item", name, "outcome", json_words[outcome], "detail", detail));
	else
		printf("%-8s %-20s %s\n", words[outcome], name, detail);
}

static void check_lint(struct ready *r)
{
	struct linting l = {.previous_path = r->previous_path,
		.catalogue_path = r->catalogue_path,
		.fleet_path = r->fleet_path,
		.errors_only = true};
	if (linting_run(r->cli, r->map_path, &r->document, &l) != CLI_OK)
		ready_item(r, "lint", READY_FAILED, "it could not be run");
	else
		ready_item(r, "lint", l.errors ? READY_FAILED : READY_PASSED, "%u errors, %u warnings", l.errors,
			l.warnings);
}

/* Every image of the map, whether a row asks for it now or only a recall would. */
static void check_catalogue(struct ready *r)
{
	size_t published = 0, is_signed = 0, all = r->map->num_images;
	struct catalogue c;
	if (r->catalogue_path == NULL) {
		ready_item(r, "catalogue", READY_SKIPPED, "give --catalogue: every image must be published");
		return;
	}
	if (catalogue_load(r->cli, r->catalogue_path, &r->trust, &c) != CLI_OK) {
		ready_item(r, "catalogue", READY_FAILED, "the catalogue cannot be read");
		return;
	}
	for (size_t i = 0; i < all; i++) {
		const struct catalogue_entry *entry = catalogue_find(&c, r->map->images[i].manifest_sha256);
		published += entry != NULL;
		is_signed += entry && entry->is_signed;
	}
	ready_item(r, "catalogue", all && is_signed == all ? READY_PASSED : READY_FAILED,
		"of %zu images %zu are published, %zu with a manifest that the role image signed", all, published,
		is_signed);
	catalogue_deinit(&c);
}

static void check_expiry(struct ready *r)
{
	uint64_t now = clock_wall_s(), expires = r->map->expires_s;
	if (expires == 0)
		ready_item(r, "expiry", READY_FAILED,
			"the map has no expires line: a frozen carousel would not be noticed by the clock");
	else if (expires <= now)
		ready_item(r, "expiry", READY_FAILED, "expired, %" PRIu64 " days ago", (now - expires) / DAY_S);
	else
		ready_item(r, "expiry", expires - now >= 14 * DAY_S ? READY_PASSED : READY_FAILED,
			"%" PRIu64 " days from now, two weeks are needed", (expires - now) / DAY_S);
}

/* ---- the fleet ---- */

struct count {
	struct ready *ready;
	uint64_t boxes, no_row;
	char example[65];
};

static int compare_class(const void *name, const void *element)
{
	return strcmp(name, ((const struct ready_class *)element)->name);
}

static int count_box(void *user, const struct fleet_box *b)
{
	struct count *n = user;
	struct ready *r = n->ready;
	const struct policy_box box = fleet_policy_box(b);
	struct ready_class *c = bsearch(b->class_name, r->classes, r->num_classes, sizeof *r->classes, compare_class);
	struct policy_decision d;
	policy_decide(r->map, &box, 0, &d);
	n->boxes++;
	if (d.reason == POLICY_REASON_NO_ROW && n->no_row++ == 0)
		snprintf(n->example, sizeof n->example, "%s", b->id);
	if (c && !d.is_override) {
		bool is_production = strcmp(d.category, POLICY_DEFAULT_CATEGORY) == 0;
		c->beta += strcmp(d.category, "beta") == 0;
		c->production += is_production;
		c->changing += is_production && d.verdict != POLICY_NONE;
	}
	return 0;
}

static void check_fleet(struct ready *r)
{
	struct count n = {.ready = r};
	struct fleet_db *db;
	int error;
	if (r->fleet_path == NULL) {
		ready_item(r, "fleet", READY_SKIPPED, "give --fleet: every box must have a row");
		return;
	}
	if (fleet_open(r->cli, r->fleet_path, true, &db) != CLI_OK) {
		ready_item(r, "fleet", READY_FAILED, "the database cannot be opened");
		return;
	}
	error = fleet_db_each(db, count_box, &n);
	r->has_fleet = error == 0;
	if (error)
		ready_item(r, "fleet", READY_FAILED, "%s", fleet_db_message(db));
	else if (n.boxes == 0)
		ready_item(r, "fleet", READY_FAILED, "there is no box in the database");
	else
		ready_item(r, "fleet", n.no_row ? READY_FAILED : READY_PASSED,
			"%" PRIu64 " boxes, %" PRIu64 " without a row%s%s", n.boxes, n.no_row,
			n.no_row ? ", such as " : "", n.example);
	fleet_db_close(db);
}

static int check_all(struct ready *r, bool json)
{
	if (json)
		r->items = json_array();
	ready_trust(r);
	check_lint(r);
	check_catalogue(r);
	check_fleet(r);
	ready_rollout(r);
	check_expiry(r);
	if (json && cli_print_json(r->cli, json_pack("{s:s,s:b,s:i,s:i,s:o}", "format", "carousel-ready/1", "ready",
						   r->failed + r->skipped == 0, "failed", (int)r->failed, "skipped",
						   (int)r->skipped, "items", r->items)) != CLI_OK)
		return CLI_FAILED;
	if (!json)
		printf("%s: %u failed, %u skipped\n", r->failed + r->skipped ? "not ready" : "ready", r->failed,
			r->skipped);
	return r->failed + r->skipped ? CLI_FAILED : CLI_OK;
}

static int load(struct ready *r)
{
	int result = document_load_trust(r->cli, r->trust_path, &r->trust);
	if (result == CLI_OK)
		result = document_load(r->cli, r->map_path, &r->document);
	if (result == CLI_OK)
		result = document_parse_map(r->cli, r->map_path, &r->document, true, &r->map);
	if (result == CLI_OK && r->previous_path)
		result = document_load_map(r->cli, r->previous_path, false, &r->previous);
	return result;
}

int verb_ready(const struct cli *cli, int argc, char **argv)
{
	struct ready r = {.cli = cli};
	bool json = false;
	const struct cli_option options[] = {
		{"trust", CLI_STRING, &r.trust_path, 0, 0, "ROOTS", "chain of roots (needed)"},
		{"previous", CLI_STRING, &r.previous_path, 0, 0, "MAP",
			"the map on the air: what is new is held against it"},
		{"catalogue", CLI_STRING, &r.catalogue_path, 0, 0, "DIR", "where the published manifests are"},
		{"fleet", CLI_STRING, &r.fleet_path, 0, 0, "DB", "fleet database"},
		{"audit", CLI_STRING, &r.audit_path, 0, 0, "FILE", "audit log"},
		{"json", CLI_FLAG, &json, 0, 0, NULL, "print JSON"},
	};
	int result = cli_options(cli, options, sizeof options / sizeof *options, &argc, argv, 1, 1);
	if (result)
		return result == CLI_HELP ? CLI_OK : result;
	if (r.trust_path == NULL)
		return cli_usage(cli, "--trust is needed");
	r.map_path = argv[1];
	result = load(&r);
	if (result == CLI_OK)
		result = ready_classes(&r);
	if (result == CLI_OK)
		result = check_all(&r, json);
	memory_free(NULL, r.classes);
	policy_map_free(r.map);
	policy_map_free(r.previous);
	document_deinit(&r.document);
	return result;
}
