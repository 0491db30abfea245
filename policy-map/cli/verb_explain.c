#include "policy-map/cli/verbs.h"

#include "common/carousel_error.h"
#include "common/units.h"
#include "policy-map/cli/document.h"
#include "policy-map/map_value.h"
#include "policy-map/policy.h"

#include <stdio.h>
#include <string.h>

struct explain {
	const char *map_path, *class_name, *category, *version, *box_id, *at, *clock, *failed, *declined;
	uint64_t floor;
	bool json;
	struct policy_failure failure;
	uint8_t declined_digest[1][HASH_SHA256_BYTES];
};

/* "sha256:...:ATTEMPTS[:RETRY]" */
static int parse_failure(const char *text, struct policy_failure *f)
{
	char copy[128], *attempts, *retry;
	uint64_t a = 0, r = 0;
	if (strlen(text) >= sizeof copy || strlen(text) < 7)
		return CAROUSEL_E_SYNTAX;
	strcpy(copy, text);
	attempts = strchr(copy + 7, ':');
	if (attempts == NULL)
		return CAROUSEL_E_SYNTAX;
	*attempts++ = '\0';
	retry = strchr(attempts, ':');
	if (retry)
		*retry++ = '\0';
	if (hash_parse_sha256(copy, strlen(copy), f->sha256) != 0 ||
		map_value_number(attempts, 1, UINT32_MAX, &a) != 0 ||
		(retry && map_value_number(retry, 0, UINT32_MAX, &r) != 0))
		return CAROUSEL_E_SYNTAX;
	f->attempts = (uint32_t)a;
	f->retry = (uint32_t)r;
	return 0;
}

static int make_box(const struct cli *cli, struct explain *x, struct policy_box *box)
{
	uint64_t version = 0;
	box->id = x->box_id;
	box->class_name = x->class_name;
	box->category = x->category;
	box->hardware_floor = (uint32_t)x->floor;
	box->version_unreadable = strcmp(x->version, "unreadable") == 0;
	if (!box->version_unreadable && map_value_number(x->version, 0, UINT32_MAX, &version) != 0)
		return cli_usage(cli, "--version: 0 to 4294967295 or \"unreadable\", not \"%s\"", x->version);
	box->version = (uint32_t)version;
	if (!policy_is_box_id(x->box_id))
		return cli_usage(cli, "--box-id: [0-9a-z._:-]{1,64}, not \"%s\"", x->box_id);
	if (x->failed) {
		if (parse_failure(x->failed, &x->failure) != 0)
			return cli_usage(cli, "--failed: sha256:DIGEST:ATTEMPTS[:RETRY], not \"%s\"", x->failed);
		box->failures = &x->failure;
		box->num_failures = 1;
	}
	if (x->declined) {
		if (hash_parse_sha256(x->declined, strlen(x->declined), x->declined_digest[0]) != 0)
			return cli_usage(cli, "--declined: sha256:DIGEST, not \"%s\"", x->declined);
		box->declined = (const uint8_t(*)[HASH_SHA256_BYTES])x->declined_digest;
		box->num_declined = 1;
	}
	box->has_trusted_clock = x->clock != NULL;
	if (x->clock && map_value_time(x->clock, &box->clock_s) != 0)
		return cli_usage(cli, "--clock: a time such as 2026-11-21T12:00Z, not \"%s\"", x->clock);
	return CLI_OK;
}

static json_t *decision_json(const struct policy_box *box, const struct policy_decision *d)
{
	char digest[HASH_SHA256_TEXT_BYTES];
	return json_pack("{s:s,s:s,s:s,s:s,s:I,s:s,s:s,s:s,s:s,s:I,s:s?,s:{s:I,s:I,s:I,s:I},s:I,s:b,s:b,s:b}", "format",
		"carousel-explain/1", "box_id", box->id, "class", box->class_name, "category", d->category, "version",
		(json_int_t)box->version, "decision", policy_verdict_name(d->verdict), "reason",
		policy_reason_name(d->reason), "rule", policy_reason_name(d->rule), "request",
		policy_request_name(d->request), "target", (json_int_t)d->target, "image",
		d->image ? hash_sha256_text(digest, d->image->sha256) : NULL, "numbers", "minimum",
		(json_int_t)d->numbers.minimum, "acceptable", (json_int_t)d->numbers.acceptable, "current",
		(json_int_t)d->numbers.current, "maximum", (json_int_t)d->numbers.maximum, "line", (json_int_t)d->line,
		"override", (int)d->is_override, "map_expired", (int)d->map_expired, "alarm", (int)d->alarm);
}

static void print_row(
	const struct policy_map *map, const struct policy_row *row, const char *id, uint64_t at, uint32_t used)
{
	char salt[POLICY_MAX_NAME_BYTES + 16];
	snprintf(salt, sizeof salt, "%s/%u", row->class_name, row->numbers.current);
	printf("  line %-6u %s %s  %u %u %u %u%s: ", row->line, row->class_name, row->category, row->numbers.minimum,
		row->numbers.acceptable, row->numbers.current, row->numbers.maximum, row->hold ? " hold" : "");
	if (row->num_steps)
		printf("ramp %.2f %%, lot %.2f %%: ", policy_ramp_permyriad(map, row, at) / 100.0,
			policy_lot(row->salt ? row->salt : salt, id) / 100.0);
	printf("%s\n", row->line == used                     ? "this row"
		       : policy_row_admits(map, row, id, at) ? "admits, too late"
							     : "does not admit");
}

static void print_rows(
	const struct policy_map *map, const struct policy_box *box, const struct policy_decision *d, uint64_t at)
{
	const char *const categories[] = {d->category, "*"};
	for (unsigned c = 0; c < 2; c++) {
		size_t count;
		const struct policy_row *const *rows = policy_map_rows(map, box->class_name, categories[c], &count);
		for (size_t i = 0; i < count; i++)
			print_row(map, rows[i], box->id, at, d->line);
	}
}

static void print_text(
	const struct policy_map *map, const struct policy_box *box, const struct policy_decision *d, uint64_t at)
{
	char gate[MAP_VALUE_TIME_BYTES], target[24] = "";
	if (d->verdict != POLICY_NONE)
		snprintf(target, sizeof target, " %u", d->target);
	printf("%s%s: %s\n", policy_verdict_name(d->verdict), target, policy_reason_name(d->reason));
	if (box->version_unreadable)
		printf("  installed  unreadable\n");
	else
		printf("  installed  %u\n", box->version);
	printf("  because    %s\n", policy_reason_sentence(d->reason));
	if (d->reason != d->rule)
		printf("  although   %s\n", policy_reason_sentence(d->rule));
	printf("  asked      %s%s", policy_request_name(d->request), d->target && d->request ? "" : "\n");
	if (d->target && d->request)
		printf(" %u\n", d->target);
	printf("  category   %s%s\n", d->category, policy_map_member(map, box->id) ? " (member line)" : "");
	printf("  map        epoch %u serial %llu%s\n", map->epoch, (unsigned long long)map->serial,
		d->map_expired ? ", EXPIRED" : "");
	printf("  gate time  %s\n", map_value_print_time(gate, at > map->issued_s ? at : map->issued_s));
	if (d->is_override)
		printf("  line %-6u override: goes before all rows\n", d->line);
	else
		print_rows(map, box, d, at);
}

static int explain(const struct cli *cli, struct explain *x)
{
	struct policy_box box = {0};
	struct policy_decision d;
	struct policy_map *map;
	uint64_t at = 0;
	int result = make_box(cli, x, &box);
	if (result == CLI_OK && x->at && map_value_time(x->at, &at) != 0)
		result = cli_usage(cli, "--at: a time such as 2026-11-21T12:00Z, not \"%s\"", x->at);
	if (result == CLI_OK)
		result = document_load_map(cli, x->map_path, false, &map);
	if (result == CLI_OK) {
		policy_decide(map, &box, at, &d);
		if (x->json)
			result = cli_print_json(cli, decision_json(&box, &d));
		else
			print_text(map, &box, &d, at);
		policy_map_free(map);
	}
	return result;
}

int verb_explain(const struct cli *cli, int argc, char **argv)
{
	struct explain x = {.map_path = "-"};
	const struct cli_option options[] = {
		{"map", CLI_STRING, &x.map_path, 0, 0, "FILE", "map, signed or not (default stdin)"},
		{"class", CLI_STRING, &x.class_name, 0, 0, "CLASS", "hardware class"},
		{"category", CLI_STRING, &x.category, 0, 0, "CATEGORY", "the box's own setting (default production)"},
		{"version", CLI_STRING, &x.version, 0, 0, "N", "installed version, or \"unreadable\""},
		{"box-id", CLI_STRING, &x.box_id, 0, 0, "ID", "the box"},
		{"at", CLI_STRING, &x.at, 0, 0, "TIME", "newest heartbeat (default: when the map was issued)"},
		{"clock", CLI_STRING, &x.clock, 0, 0, "TIME", "what a trusted clock says"},
		{"floor", CLI_U64, &x.floor, 0, POLICY_VERSION_MAX, "N", "lowest version that the hardware runs"},
		{"failed", CLI_STRING, &x.failed, 0, 0, "SHA256:N[:R]", "an image that failed N times, with retry=R"},
		{"declined", CLI_STRING, &x.declined, 0, 0, "SHA256", "an image that the user declined"},
		{"json", CLI_FLAG, &x.json, 0, 0, NULL, "print JSON"},
	};
	int result = cli_options(cli, options, sizeof options / sizeof *options, &argc, argv, 0, 0);
	if (result)
		return result == CLI_HELP ? CLI_OK : result;
	if (x.class_name == NULL || x.version == NULL || x.box_id == NULL)
		return cli_usage(cli, "--class, --version and --box-id are needed");
	return explain(cli, &x);
}
