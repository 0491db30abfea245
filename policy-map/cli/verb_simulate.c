#include "policy-map/cli/verbs.h"

#include "common/carousel_error.h"
#include "policy-map/cli/document.h"
#include "policy-map/cli/fleet.h"
#include "policy-map/fleet/what_if.h"
#include "policy-map/map_value.h"
#include "policy-map/text_buffer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SVG_MAX_BYTES (4u << 20)
#define DAY_S         86400u

struct simulate {
	const char *fleet, *map, *svg;
	uint64_t days;
	double accept;
	bool json;
};

static uint64_t class_total(const struct what_if_rollout *r, const char *class_name)
{
	uint64_t total = 0;
	for (size_t i = 0; i < r->num_shares; i++)
		total += strcmp(r->shares[i].class_name, class_name) == 0 ? r->shares[i].boxes[0] : 0;
	return total;
}

static void print_text(const struct what_if_rollout *r, const struct policy_map *map)
{
	char date[MAP_VALUE_TIME_BYTES];
	for (size_t first = 0, last; first < r->num_shares; first = last) {
		const char *class_name = r->shares[first].class_name;
		uint64_t total = class_total(r, class_name);
		for (last = first + 1; last < r->num_shares && strcmp(r->shares[last].class_name, class_name) == 0;)
			last++;
		printf("%s%s, %" PRIu64 " boxes: percent of them that run a version\n%-12s", first ? "\n" : "",
			class_name, total, "day");
		for (size_t i = first; i < last; i++)
			printf(" %10" PRIu32, r->shares[i].version);
		printf("\n");
		for (unsigned day = 0; day < r->num_days; day++) {
			map_value_print_time(date, map->issued_s + (uint64_t)day * DAY_S);
			printf("%-12.10s", date);
			for (size_t i = first; i < last; i++)
				printf(" %10.2f", total ? (double)r->shares[i].boxes[day] * 100.0 / (double)total : 0);
			printf("\n");
		}
	}
}

static json_t *rollout_json(const struct what_if_rollout *r)
{
	json_t *shares = json_array();
	for (size_t i = 0; i < r->num_shares; i++) {
		json_t *days = json_array();
		for (unsigned day = 0; day < r->num_days; day++)
			json_array_append_new(days, json_integer((json_int_t)r->shares[i].boxes[day]));
		json_array_append_new(shares, json_pack("{s:s,s:I,s:o}", "class", r->shares[i].class_name, "version",
						      (json_int_t)r->shares[i].version, "boxes", days));
	}
	return json_pack("{s:s,s:I,s:i,s:o}", "format", "carousel-simulate/1", "boxes", (json_int_t)r->boxes, "days",
		(int)r->num_days, "shares", shares);
}

/* One line a version, in the share of its class; colours go round. */
static void svg_line(struct text_buffer *b, const struct what_if_rollout *r, size_t i)
{
	static const char *const colours[] = {
		"#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#bbbbbb"};
	const char *colour = colours[i % (sizeof colours / sizeof *colours)];
	const struct what_if_share *s = &r->shares[i];
	uint64_t total = class_total(r, s->class_name);
	text_buffer_printf(b, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2\" points=\"", colour);
	for (unsigned day = 0; day < r->num_days; day++) {
		double x = 60 + 600.0 * day / (r->num_days > 1 ? r->num_days - 1 : 1);
		double y = 340 - 300.0 * (total ? (double)s->boxes[day] / (double)total : 0);
		text_buffer_printf(b, "%.1f,%.1f ", x, y);
	}
	text_buffer_printf(b, "\"/>\n<text x=\"670\" y=\"%zu\" fill=\"%s\">", 50 + i * 18, colour);
	for (const char *c = s->class_name; *c; c++)
		text_buffer_puts(b, *c == '<' ? "&lt;" : *c == '&' ? "&amp;" : (const char[]){*c, 0});
	text_buffer_printf(b, " %" PRIu32 "</text>\n", s->version);
}

static int write_svg(const struct cli *cli, const struct what_if_rollout *r, const char *path)
{
	struct text_buffer b;
	char *text;
	size_t len, height = 60 + r->num_shares * 18;
	int result;
	text_buffer_init(&b, NULL, SVG_MAX_BYTES);
	text_buffer_printf(&b,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"900\" height=\"%zu\" font-family=\"sans-serif\" "
		"font-size=\"13\">\n"
		"<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n<path d=\"M60 40V340H660\" fill=\"none\" "
		"stroke=\"black\"/>\n",
		height > 380 ? height : 380);
	for (unsigned percent = 0; percent <= 100; percent += 25)
		text_buffer_printf(
			&b, "<text x=\"52\" y=\"%u\" text-anchor=\"end\">%u %%</text>\n", 344 - 3 * percent, percent);
	text_buffer_printf(&b,
		"<text x=\"60\" y=\"360\">day 0</text><text x=\"660\" y=\"360\" text-anchor=\"end\">day %u</text>\n",
		r->num_days - 1);
	for (size_t i = 0; i < r->num_shares; i++)
		svg_line(&b, r, i);
	text_buffer_puts(&b, "</svg>\n");
	result = text_buffer_take(&b, &text, &len);
	if (result)
		return cli_fail(cli, "%s: %s", path, carousel_strerror(result));
	result = document_write(cli, path, text, len, 0644);
	memory_free(NULL, text);
	return result;
}

/* A plot on stdout stands alone. */
static int print_rollout(
	const struct cli *cli, const struct simulate *s, const struct what_if_rollout *r, const struct policy_map *map)
{
	int result = CLI_OK;
	if (s->json)
		result = cli_print_json(cli, rollout_json(r));
	else if (s->svg == NULL || strcmp(s->svg, "-") != 0)
		print_text(r, map);
	return result == CLI_OK && s->svg ? write_svg(cli, r, s->svg) : result;
}

static int simulate(const struct cli *cli, const struct simulate *s)
{
	struct what_if_rollout r;
	struct policy_map *map = NULL;
	struct fleet_db *db = NULL;
	int result = document_load_map(cli, s->map, true, &map), error;
	if (result == CLI_OK)
		result = fleet_open(cli, s->fleet, true, &db);
	if (result == CLI_OK) {
		error = what_if_rollout(db, map, (unsigned)s->days, (uint32_t)(s->accept * 10000), &r);
		if (error) {
			result = fleet_fail(cli, s->fleet, db, error);
		} else {
			result = print_rollout(cli, s, &r, map);
			what_if_rollout_deinit(&r);
		}
	}
	fleet_db_close(db);
	policy_map_free(map);
	return result;
}

int verb_simulate(const struct cli *cli, int argc, char **argv)
{
	struct simulate s = {.days = 14, .accept = 0.5};
	const struct cli_option options[] = {
		{"fleet", CLI_STRING, &s.fleet, 0, 0, "DB", "fleet database (needed)"},
		{"days", CLI_U64, &s.days, 1, WHAT_IF_MAX_DAYS, "N",
			"how long, from the day the map is issued (default 14)"},
		{"accept", CLI_SHARE, &s.accept, 0, 0, "SHARE", "of users who accept an offer (default 0.5)"},
		{"svg", CLI_STRING, &s.svg, 0, 0, "FILE", "plot the shares"},
		{"json", CLI_FLAG, &s.json, 0, 0, NULL, "print JSON"},
	};
	int result = cli_options(cli, options, sizeof options / sizeof *options, &argc, argv, 1, 1);
	if (result)
		return result == CLI_HELP ? CLI_OK : result;
	if (s.fleet == NULL)
		return cli_usage(cli, "--fleet is needed");
	s.map = argv[1];
	if (s.svg) {
		const struct document_other map = {"MAP", s.map, false};
		result = document_check_stdout(cli, s.json, s.svg, "the plot");
		if (result == CLI_OK)
			result = document_check_out(cli, s.svg, &map, 1);
		if (result == CLI_OK)
			result = fleet_check_out(cli, s.fleet, s.svg);
	}
	return result == CLI_OK ? simulate(cli, &s) : result;
}
