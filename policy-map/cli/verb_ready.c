/* ready: the checklist before the first production roll-out. Each item is passed, failed, or skipped for want of a
 * file. */
#include "policy-map/cli/verbs.h"

#include "common/carousel_error.h"
#include "common/io/clock.h"
#include "policy-map/cli/catalogue.h"
#include "policy-map/cli/fleet.h"
#include "policy-map/cli/linting.h"
#include "policy-map/files/audit_file.h"
#include "policy-map/fleet/fleet_policy.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TWO_WEEKS_S (14u * 86400u)

struct ready {
	const struct cli *cli;
	const char *map_path, *trust_path, *catalogue_path, *fleet_path, *audit_path;
	struct document document;
	struct policy_map *map;
	struct trust trust;
	json_t *items; /* NULL: print lines */
	unsigned failed, skipped;
};

enum outcome { PASSED, FAILED, SKIPPED };

__attribute__((format(printf, 4, 5))) static void item(
	struct ready *r, const char *name, enum outcome outcome, const char *format, ...)
{
	static const char *const words[] = {"passed", "FAILED", "skipped"};
	static const char *const json_words[] = {"passed", "failed", "skipped"};
	char detail[256];
	va_list args;
	va_start(args, format);
	vsnprintf(detail, sizeof detail, format, args);
	va_end(args);
	r->failed += outcome == FAILED;
	r->skipped += outcome == SKIPPED;
	if (r->items)
		json_array_append_new(r->items,
			json_pack("{s:s,s:s,s:s}", "item", name, "outcome", json_words[outcome], "detail", detail));
	else
		printf("%-8s %-20s %s\n", words[outcome], name, detail);
}

static void check_roots(struct ready *r)
{
	const struct trust_role *root = trust_root_role(&r->trust.root, TRUST_ROLE_ROOT);
	const struct trust_role *beat = trust_root_role(&r->trust.root, TRUST_ROLE_HEARTBEAT);
	unsigned shared = 0;
	item(r, "root-threshold", root->threshold >= 2 ? PASSED : FAILED,
		"%u of %u root keys must sign; one stolen key must not be enough", root->threshold, root->num_keys);
	item(r, "root-spare-key", root->num_keys > root->threshold ? PASSED : FAILED,
		"%u root keys, %u needed; one lost key must not be the end", root->num_keys, root->threshold);
	for (unsigned i = 0; i < r->trust.root.num_roles; i++) {
		const struct trust_role *role = &r->trust.root.roles[i];
		for (unsigned k = 0; beat && role != beat && k < role->num_keys; k++) {
			for (unsigned b = 0; b < beat->num_keys; b++)
				shared += memcmp(role->key_ids[k], beat->key_ids[b], KEY_ID_BYTES) == 0;
		}
	}
	item(r, "heartbeat-key", beat && shared == 0 ? PASSED : FAILED, "%s",
		beat == NULL ? "no role heartbeat"
		: shared     ? "the online key has a part in another role"
			     : "the online key can do nothing else");
}

static void check_signature(struct ready *r)
{
	const uint8_t *payload;
	size_t len;
	int result = r->document.is_envelope ? trust_verify(&r->trust, TRUST_ROLE_MAP, &r->document.envelope,
						       ENVELOPE_TYPE_MAP, &payload, &len)
					     : CAROUSEL_E_SIGNATURE;
	item(r, "map-signed", result ? FAILED : PASSED, "%s",
		r->document.is_envelope ? carousel_strerror(result) : "this is no envelope");
	item(r, "map-epoch", r->map->epoch >= r->trust.root.epoch ? PASSED : FAILED, "map %u, root %u", r->map->epoch,
		r->trust.root.epoch);
}

static void check_lint(struct ready *r)
{
	struct linting l = {.catalogue_path = r->catalogue_path, .fleet_path = r->fleet_path, .errors_only = true};
	int result = linting_run(r->cli, r->map_path, &r->document, &l);
	item(r, "lint", result == CLI_OK && l.errors == 0 ? PASSED : FAILED, "%u errors, %u warnings", l.errors,
		l.warnings);
}

/* Every image of the map, whether a row asks for it now or only a recall would. */
static void check_catalogue(struct ready *r)
{
	struct catalogue c;
	size_t missing = 0;
	if (r->catalogue_path == NULL) {
		item(r, "catalogue", SKIPPED, "give --catalogue: every image must be published");
		return;
	}
	if (catalogue_load(r->cli, r->catalogue_path, &c) != CLI_OK) {
		item(r, "catalogue", FAILED, "the catalogue cannot be read");
		return;
	}
	for (size_t i = 0; i < r->map->num_images; i++)
		missing += catalogue_find(&c, r->map->images[i].manifest_sha256) == NULL;
	item(r, "catalogue", missing || r->map->num_images == 0 ? FAILED : PASSED, "%zu of %zu images are published",
		r->map->num_images - missing, r->map->num_images);
	catalogue_deinit(&c);
}

/* By class: boxes that go first, steps, and a version to go back to. */
static void check_class(struct ready *r, const char *class_name)
{
	const char *const categories[] = {"production", "*"};
	unsigned ramps = 0;
	size_t beta, images = 0;
	policy_map_rows(r->map, class_name, "beta", &beta);
	for (unsigned c = 0; c < 2; c++) {
		size_t count;
		const struct policy_row *const *rows = policy_map_rows(r->map, class_name, categories[c], &count);
		for (size_t i = 0; i < count; i++)
			ramps += rows[i]->num_steps && rows[i]->steps[0].permyriad <= 500;
	}
	for (size_t i = 0; i < r->map->num_images; i++)
		images += strcmp(r->map->images[i].class_name, class_name) == 0;
	item(r, "beta-first", beta ? PASSED : FAILED, "%s: %s", class_name,
		beta ? "beta boxes go first" : "no row for beta");
	item(r, "ramp", ramps ? PASSED : FAILED, "%s: %s", class_name,
		ramps ? "begins with 5 % or less" : "production changes all at once");
	item(r, "way-back", images >= 2 ? PASSED : FAILED,
		"%s: %zu images in the map; a recall needs one to go back to", class_name, images);
}

static void check_classes(struct ready *r)
{
	for (size_t i = 0; i < r->map->num_rows; i++) {
		const char *class_name = r->map->rows_by_name[i]->class_name;
		size_t len = strlen(class_name);
		bool is_debug = len > 6 && strcmp(class_name + len - 6, "-debug") == 0;
		if (!is_debug && (i == 0 || strcmp(r->map->rows_by_name[i - 1]->class_name, class_name) != 0))
			check_class(r, class_name);
	}
}

static void check_expiry(struct ready *r)
{
	uint64_t now = clock_wall_s();
	if (r->map->expires_s == 0)
		item(r, "expiry", FAILED,
			"the map has no expires line: a frozen carousel would not be noticed by the clock");
	else
		item(r, "expiry", r->map->expires_s >= now + TWO_WEEKS_S ? PASSED : FAILED, "%lld days from now",
			((long long)r->map->expires_s - (long long)now) / 86400);
}

struct unserved {
	const struct policy_map *map;
	uint64_t boxes, no_row;
	char example[65];
};

static int count_unserved(void *user, const struct fleet_box *b)
{
	struct unserved *u = user;
	const struct policy_box box = fleet_policy_box(b);
	struct policy_decision d;
	policy_decide(u->map, &box, 0, &d);
	u->boxes++;
	if (d.reason == POLICY_REASON_NO_ROW && u->no_row++ == 0)
		snprintf(u->example, sizeof u->example, "%s", b->id);
	return 0;
}

static void check_fleet(struct ready *r)
{
	struct unserved u = {.map = r->map};
	struct fleet_db *db;
	int error;
	if (r->fleet_path == NULL) {
		item(r, "fleet", SKIPPED, "give --fleet: every box must have a row");
		return;
	}
	if (fleet_open(r->cli, r->fleet_path, true, &db) != CLI_OK) {
		item(r, "fleet", FAILED, "the database cannot be opened");
		return;
	}
	error = fleet_db_each(db, count_unserved, &u);
	if (error)
		item(r, "fleet", FAILED, "%s", fleet_db_message(db));
	else
		item(r, "fleet", u.boxes && u.no_row == 0 ? PASSED : FAILED, "%llu boxes, %llu without a row%s%s",
			(unsigned long long)u.boxes, (unsigned long long)u.no_row, u.no_row ? ", such as " : "",
			u.example);
	fleet_db_close(db);
}

static void check_audit(struct ready *r)
{
	struct audit_chain chain;
	uint64_t bad_line;
	int error;
	if (r->audit_path == NULL) {
		item(r, "audit", SKIPPED, "give --audit: signings must be on record");
		return;
	}
	error = audit_file_verify(r->audit_path, &chain, &bad_line, NULL, NULL);
	item(r, "audit", error == 0 && chain.number ? PASSED : FAILED, "%llu entries%s",
		(unsigned long long)chain.number, error ? ", and then the chain is broken" : "");
}

static int check_all(struct ready *r, bool json)
{
	if (json)
		r->items = json_array();
	check_roots(r);
	check_signature(r);
	check_lint(r);
	check_catalogue(r);
	check_classes(r);
	check_expiry(r);
	check_fleet(r);
	check_audit(r);
	if (json && document_print_json(r->cli, json_pack("{s:s,s:b,s:i,s:i,s:o}", "format", "carousel-ready/1",
							"ready", r->failed + r->skipped == 0, "failed", (int)r->failed,
							"skipped", (int)r->skipped, "items", r->items)) != CLI_OK)
		return CLI_FAILED;
	if (!json)
		printf("%s: %u failed, %u skipped\n", r->failed + r->skipped ? "not ready" : "ready", r->failed,
			r->skipped);
	return r->failed + r->skipped ? CLI_FAILED : CLI_OK;
}

int verb_ready(const struct cli *cli, int argc, char **argv)
{
	struct ready r = {.cli = cli};
	bool json = false;
	const struct cli_option options[] = {
		{"trust", CLI_STRING, &r.trust_path, 0, 0, "ROOTS", "chain of roots (needed)"},
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
	result = document_load_trust(cli, r.trust_path, &r.trust);
	if (result == CLI_OK)
		result = document_load(cli, r.map_path, &r.document);
	if (result != CLI_OK)
		return result;
	result = document_parse_map(cli, r.map_path, &r.document, true, &r.map);
	if (result == CLI_OK)
		result = check_all(&r, json);
	policy_map_free(r.map);
	document_deinit(&r.document);
	return result;
}
