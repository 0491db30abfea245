#include "policy-map/cli/verbs.h"

#include "common/carousel_error.h"
#include "policy-map/cli/check.h"
#include "policy-map/cli/grid.h"
#include "policy-map/map_value.h"
#include "policy-map/policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *numbers_json(const struct policy_numbers *n)
{
	return json_pack("{s:I,s:I,s:I,s:I}", "minimum", (json_int_t)n->minimum, "acceptable",
		(json_int_t)n->acceptable, "current", (json_int_t)n->current, "maximum", (json_int_t)n->maximum);
}

static json_t *gates_json(const struct policy_row *r)
{
	json_t *gates = json_object(), *ramp = json_array();
	if (r->from_s)
		json_object_set_new(gates, "from", json_integer((json_int_t)r->from_s));
	if (r->until_s)
		json_object_set_new(gates, "until", json_integer((json_int_t)r->until_s));
	for (unsigned i = 0; i < r->num_steps; i++)
		json_array_append_new(ramp, json_pack("{s:i,s:I}", "permyriad", (int)r->steps[i].permyriad, "after",
						    (json_int_t)r->steps[i].after_s));
	if (r->num_steps)
		json_object_set(gates, "ramp", ramp);
	json_decref(ramp);
	return gates;
}

static json_t *rows_json(const struct policy_map *m)
{
	json_t *rows = json_array();
	for (size_t i = 0; i < m->num_rows; i++) {
		const struct policy_row *r = m->rows_by_name[i];
		json_array_append_new(rows,
			json_pack("{s:s,s:s,s:o,s:b,s:b,s:o,s:I}", "class", r->class_name, "category", r->category,
				"numbers", numbers_json(&r->numbers), "hold", (int)r->hold, "gated",
				(int)policy_row_is_gated(r), "gates", gates_json(r), "line", (json_int_t)r->line));
	}
	return rows;
}

static json_t *images_json(const struct policy_map *m)
{
	json_t *images = json_array();
	char sha256[HASH_SHA256_TEXT_BYTES], manifest[HASH_SHA256_TEXT_BYTES];
	for (size_t i = 0; i < m->num_images; i++) {
		const struct policy_image *image = m->images_by_version[i];
		json_array_append_new(
			images, json_pack("{s:s,s:I,s:s,s:I,s:s}", "class", image->class_name, "version",
					(json_int_t)image->version, "sha256", hash_sha256_text(sha256, image->sha256),
					"size", (json_int_t)image->size_bytes, "manifest",
					hash_sha256_text(manifest, image->manifest_sha256)));
	}
	return images;
}

static json_t *overrides_json(const struct policy_map *m)
{
	json_t *overrides = json_array();
	for (size_t i = 0; i < m->num_overrides; i++) {
		const struct policy_override *o = &m->overrides[i];
		json_t *json = json_pack("{s:s,s:s,s:b,s:I}", "box_id", o->box_id, "class", o->class_name, "never",
			(int)o->never, "line", (json_int_t)o->line);
		if (!o->never)
			json_object_set_new(json, "numbers", numbers_json(&o->numbers));
		json_array_append_new(overrides, json);
	}
	return overrides;
}

static json_t *map_json(const struct policy_map *m)
{
	char sha256[HASH_SHA256_TEXT_BYTES];
	return json_pack("{s:s,s:I,s:I,s:I,s:I,s:s,s:I,s:I,s:I,s:o,s:o,s:o,s:o}", "format", "carousel-show/1", "epoch",
		(json_int_t)m->epoch, "serial", (json_int_t)m->serial, "issued", (json_int_t)m->issued_s, "expires",
		(json_int_t)m->expires_s, "sha256", hash_sha256_text(sha256, m->sha256), "sessions",
		(json_int_t)m->num_sessions, "members", (json_int_t)m->num_members, "overrides",
		(json_int_t)m->num_overrides, "override_lines", overrides_json(m), "grid", grid_json(m), "rows",
		rows_json(m), "images", images_json(m));
}

static void print_gates(const struct policy_row *r)
{
	char text[MAP_VALUE_TIME_BYTES];
	if (r->from_s)
		printf("  from %s", map_value_print_time(text, r->from_s));
	if (r->until_s)
		printf("  until %s", map_value_print_time(text, r->until_s));
	for (unsigned i = 0; i < r->num_steps; i++)
		printf("%s%g%%@+%gh", i ? "," : "  ramp ", r->steps[i].permyriad / 100.0,
			(double)r->steps[i].after_s / 3600);
	if (r->hold)
		printf("  HOLD");
}

#define MAX_OVERRIDES 20u /* shown one by one */

static void print_overrides(const struct policy_map *m)
{
	for (size_t i = 0; i < m->num_overrides && i < MAX_OVERRIDES; i++) {
		const struct policy_override *o = &m->overrides[i];
		if (o->never)
			printf("%soverride %s  %s  never\n", i ? "" : "\n", o->box_id, o->class_name);
		else
			printf("%soverride %s  %s  %u %u %u %u\n", i ? "" : "\n", o->box_id, o->class_name,
				o->numbers.minimum, o->numbers.acceptable, o->numbers.current, o->numbers.maximum);
	}
	if (m->num_overrides > MAX_OVERRIDES)
		printf("and %zu more overrides\n", m->num_overrides - MAX_OVERRIDES);
}

static int print_map(const struct policy_map *m)
{
	char issued[MAP_VALUE_TIME_BYTES], expires[MAP_VALUE_TIME_BYTES];
	int class_width = 5, category_width = 8, result;
	printf("epoch %u  serial %llu  issued %s  expires %s\n", m->epoch, (unsigned long long)m->serial,
		map_value_print_time(issued, m->issued_s),
		m->expires_s ? map_value_print_time(expires, m->expires_s) : "never");
	printf("%zu sessions, %zu images, %zu members, %zu overrides, %zu flags\n\n", m->num_sessions, m->num_images,
		m->num_members, m->num_overrides, m->num_flags);
	result = grid_print(m);
	printf("\n");
	for (size_t i = 0; i < m->num_rows; i++) {
		int class_len = (int)strlen(m->rows[i].class_name), category_len = (int)strlen(m->rows[i].category);
		class_width = class_len > class_width ? class_len : class_width;
		category_width = category_len > category_width ? category_len : category_width;
	}
	printf("%-*s  %-*s  %10s %10s %10s %10s  image\n", class_width, "class", category_width, "category", "minimum",
		"acceptable", "current", "maximum");
	for (size_t i = 0; i < m->num_rows; i++) {
		const struct policy_row *r = m->rows_by_name[i];
		bool has_image = policy_map_image(m, r->class_name, r->numbers.current) != NULL;
		printf("%-*s  %-*s  %10u %10u %10u %10u  %-5s", class_width, r->class_name, category_width, r->category,
			r->numbers.minimum, r->numbers.acceptable, r->numbers.current, r->numbers.maximum,
			has_image ? "yes" : "NONE");
		print_gates(r);
		printf("\n");
	}
	print_overrides(m);
	return result;
}

static int show_map(const struct cli *cli, const char *path, const struct document *d, bool as_json)
{
	struct policy_map *map;
	int result = document_parse_map(cli, path, d, false, &map);
	if (result != CLI_OK)
		return result;
	if (as_json)
		result = cli_print_json(cli, map_json(map));
	else if (print_map(map) != 0)
		result = cli_fail(cli, "%s", carousel_strerror(CAROUSEL_E_MEMORY));
	policy_map_free(map);
	return result;
}

/* The JSON documents are shown as what they are, indented for people. */
static int show_payload(const struct cli *cli, const char *path, const struct document *d, bool as_json)
{
	json_t *payload;
	char *text;
	int result = json_fields_load(d->payload, d->payload_len, ENVELOPE_MAX_BYTES, &payload);
	if (result)
		return cli_fail(cli, "%s: %s", path, carousel_strerror(result));
	if (as_json)
		return cli_print_json(cli,
			json_pack("{s:s,s:s,s:o}", "format", "carousel-show/1", "type", d->type, "payload", payload));
	text = json_dumps(payload, JSON_INDENT(2));
	json_decref(payload);
	if (text == NULL)
		return cli_fail(cli, "%s", carousel_strerror(CAROUSEL_E_MEMORY));
	puts(text);
	free(text);
	return CLI_OK;
}

static void print_signatures(const struct document *d)
{
	char id[2 * KEY_ID_BYTES + 1];
	if (!d->is_envelope)
		printf("not signed\n");
	for (unsigned i = 0; i < d->envelope.num_signatures; i++)
		printf("signature by %s (see verify)\n", hash_hex(id, d->envelope.signatures[i].key_id, KEY_ID_BYTES));
}

int verb_show(const struct cli *cli, int argc, char **argv)
{
	bool json = false;
	const struct cli_option options[] = {{"json", CLI_FLAG, &json, 0, 0, NULL, "print JSON"}};
	struct document d;
	int result = cli_options(cli, options, 1, &argc, argv, 1, 1);
	if (result)
		return result == CLI_HELP ? CLI_OK : result;
	result = document_load(cli, argv[1], &d);
	if (result != CLI_OK)
		return result;
	if (check_role_of(d.type) == NULL) {
		result = cli_fail(cli, "%s: no document of a known kind", argv[1]);
	} else {
		if (!json)
			print_signatures(&d);
		if (strcmp(d.type, ENVELOPE_TYPE_MAP) == 0)
			result = show_map(cli, argv[1], &d, json);
		else
			result = show_payload(cli, argv[1], &d, json);
	}
	document_deinit(&d);
	return result;
}
