/* carousel-tx plan: how long what the catalogue holds takes, at the configuration's rates. */
#include "carousel-tx/daemon/air.h"
#include "carousel-tx/daemon/verbs.h"
#include "carousel-tx/packet.h"
#include "carousel-tx/plan.h"
#include "common/carousel_error.h"
#include "common/json_fields.h"
#include "policy-map/copy_map.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_BYTES (MANIFEST_MAX_CLASS_BYTES + 16)

/* What the command line asks, and what came of it. */
struct planning {
	struct verb_common common;
	const char *channel; /* that boxes hear; NULL: all */
	uint64_t rate_bps, boxes, within_ns, burst;
	double loss, duty, percentile, needed;
	struct plan_config config;
	struct plan_image images[PLAN_MAX_IMAGES];
	struct plan_result results[PLAN_MAX_IMAGES];
	const struct catalogue_object *objects[PLAN_MAX_IMAGES];
	char names[PLAN_MAX_IMAGES][NAME_BYTES];
};

/* IP, UDP, LCT and payload id, and the FEC parameters on every Nth packet. */
static uint32_t packet_overhead(const struct settings *s, const struct settings_channel *c)
{
	const uint32_t fti = (TX_FTI_BYTES + s->tx.fti_interval - 1) / s->tx.fti_interval;
	return (c->group.family == 6 ? 48 : 28) + TX_DATA_HEADER_BYTES + fti;
}

/* The rates of the channels that boxes hear, and a packet's overhead on average over them. */
static int plan_channels(const struct cli *cli, struct planning *p)
{
	const struct settings *s = &p->common.settings;
	double overhead = 0, weights = 0;
	for (uint32_t i = 0; i < s->num_channels; i++) {
		const struct settings_channel *c = &s->channels[i];
		const uint64_t rate_bps = p->rate_bps ? p->rate_bps : c->rate_bps;
		if (p->channel && strcmp(p->channel, c->name) != 0)
			continue;
		if (rate_bps == 0)
			return cli_usage(cli, "channel %s has no rate: --rate says one", c->name);
		p->config.rate_bps += rate_bps;
		overhead += (double)rate_bps * packet_overhead(s, c);
		weights += (double)rate_bps;
	}
	if (weights <= 0)
		return cli_usage(cli, "--channel: there is no channel %s", p->channel);
	p->config.overhead_bytes = (uint32_t)(overhead / weights + 0.5);
	return CLI_OK;
}

/* On the wire, of an index or copy map of so many bytes: once with each pass. */
static uint64_t companion_bytes(const struct planning *p, uint64_t bytes)
{
	const uint32_t symbol_size = p->common.settings.tx.symbol_size;
	return (bytes + symbol_size - 1) / symbol_size * (symbol_size + p->config.overhead_bytes);
}

static void plan_images(struct planning *p, const struct catalogue *catalogue)
{
	for (size_t i = 0; i < catalogue->num_objects; i++) {
		const struct catalogue_object *o = catalogue->objects[i];
		const size_t at = p->config.num_images;
		if (!air_is_sent(catalogue, o->manifest.sha256, p->common.settings.only_mapped))
			continue;
		snprintf(p->names[at], NAME_BYTES, "%s:%" PRIu32, o->manifest.class_name, o->manifest.version);
		p->objects[at] = o;
		p->images[at] = (struct plan_image){.name = p->names[at],
			.size_bytes = o->manifest.layout.image_bytes,
			.needed = p->needed,
			.beside_bytes = companion_bytes(p, o->manifest.index_bytes),
			.oti = &o->manifest.layout.oti,
			.weight = air_weight(catalogue, o)};
		for (unsigned k = 0; k < o->manifest.num_copy_maps; k++)
			p->images[at].beside_bytes += companion_bytes(p, o->copy_map_bytes[k]);
		p->config.num_images++;
	}
	p->config.images = p->images;
}

static int print_json(const struct cli *cli, const struct planning *p, double rate_needed_bps)
{
	json_t *root = plan_json(&p->config, p->results, rate_needed_bps);
	json_t *images = json_object_get(root, "images"), *image;
	size_t i;
	json_array_foreach(images, i, image)
	{
		const struct catalogue_object *o = p->objects[i];
		char digest[HASH_SHA256_TEXT_BYTES];
		json_t *more = json_pack("{s:s, s:I, s:s, s:I, s:I, s:I}", "class", o->manifest.class_name, "version",
			(json_int_t)o->manifest.version, "sha256", hash_sha256_text(digest, o->manifest.sha256),
			"weight", (json_int_t)p->images[i].weight, "encoding_id",
			(json_int_t)o->manifest.layout.oti.encoding_id, "beside_bytes",
			(json_int_t)p->images[i].beside_bytes);
		if (more == NULL || json_object_update(image, more)) {
			json_decref(root);
			root = NULL;
		}
		json_decref(more);
		if (root == NULL)
			break;
	}
	json_fields_set(&root, "overhead_bytes", json_integer((json_int_t)p->config.overhead_bytes));
	json_fields_set(&root, "control_share", json_real(p->config.control_share));
	if (p->boxes)
		json_fields_set(&root, "boxes", json_integer((json_int_t)p->boxes));
	return verb_print_json(cli, root);
}

/* "12.3 s", "4.5 min", "6.7 h", "8.9 d". */
static const char *duration_text(char text[32], double seconds)
{
	static const struct {
		double unit;
		const char *name;
	} units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
	unsigned u = 0;
	while (u < 3 && seconds < 2 * units[u].unit)
		u++;
	snprintf(text, 32, "%.1f %s", seconds / units[u].unit, units[u].name);
	return text;
}

static void print_table(const struct planning *p, double rate_needed_bps)
{
	const struct plan_config *c = &p->config;
	const struct plan_result whole = plan_whole(c, p->results);
	char pass[32], airtime[32], elapsed[32];
	printf("%.6g Mbit/s, at most %.3g %% of it for documents, %.3g %% loss, listening %.3g %% of the time\n",
		(double)c->rate_bps / 1e6, 100 * c->control_share, 100 * c->loss.mean, 100 * c->duty);
	if (p->boxes)
		printf("until the last of %" PRIu64 " boxes has it, as likely as not:\n", p->boxes);
	else
		printf("until %.9g %% of the boxes have it:\n", 100 * c->percentile);
	printf("%-24s %10s %14s %7s %9s %10s %10s %10s\n", "CLASS", "VERSION", "BYTES", "WEIGHT", "SHARE", "PASS",
		"AIRTIME", "ELAPSED");
	for (size_t i = 0; i < c->num_images; i++) {
		const struct plan_result *r = &p->results[i];
		printf("%-24s %10" PRIu32 " %14" PRIu64 " %7" PRIu32 " %7.2f %% %10s %10s %10s\n",
			p->objects[i]->manifest.class_name, p->objects[i]->manifest.version, c->images[i].size_bytes,
			c->images[i].weight, 100 * r->share * (1 - c->control_share), duration_text(pass, r->cycle_s),
			duration_text(airtime, r->airtime_s), duration_text(elapsed, r->elapsed_s));
	}
	printf("the whole carousel: one pass %s, airtime %s, elapsed %s\n", duration_text(pass, whole.cycle_s),
		duration_text(airtime, whole.airtime_s), duration_text(elapsed, whole.elapsed_s));
	if (rate_needed_bps > 0)
		printf("in the time that was asked for: %.6g Mbit/s are needed\n", rate_needed_bps / 1e6);
}

static int plan(const struct cli *cli, struct planning *p)
{
	struct catalogue_error error;
	struct catalogue *catalogue;
	const char *what = NULL;
	double rate_needed = 0;
	int result, status = plan_channels(cli, p);
	if (status != CLI_OK)
		return status;
	if (tx_catalogue_load(&catalogue, p->common.catalogue, NULL, &error))
		return cli_fail(cli, "%s", error.message);
	plan_images(p, catalogue);
	result = plan_compute(&p->config, p->results, &what);
	if (result)
		status = cli_usage(cli, "%s", what ? what : carousel_strerror(result));
	else if (p->config.num_images == 0)
		status = cli_fail(cli, "%s: no image that would be sent", p->common.catalogue);
	if (status == CLI_OK && p->within_ns)
		rate_needed = plan_rate_for(&p->config, p->results, (double)p->within_ns / 1e9);
	if (status == CLI_OK && p->common.json)
		status = print_json(cli, p, rate_needed);
	else if (status == CLI_OK)
		print_table(p, rate_needed);
	if (status == CLI_OK && catalogue->map_error.code)
		status = cli_fail(cli, "%s", catalogue->map_error.message);
	if (status != CLI_USAGE && catalogue->num_refused)
		status = cli_fail(cli, "%s", catalogue->refused_error.message);
	tx_catalogue_free(catalogue);
	return status;
}

static int check_wishes(const struct cli *cli, struct planning *p)
{
	if (p->boxes && p->percentile > 0)
		return cli_usage(cli, "either --percentile or --boxes");
	if (p->burst && !completion_has_bursts(p->loss, (double)p->burst))
		return cli_usage(
			cli, "--burst: bursts of %" PRIu64 " make no loss of %.6g %%", p->burst, 100 * p->loss);
	return CLI_OK;
}

int verb_plan(const struct cli *cli, int argc, char **argv)
{
	struct planning *p = calloc(1, sizeof *p);
	int status;
	if (p == NULL)
		return cli_fail(cli, "%s", carousel_strerror(CAROUSEL_E_MEMORY));
	p->duty = p->needed = 1;
	const struct cli_option options[] = {VERB_COMMON_OPTIONS(&p->common), VERB_JSON_OPTION(&p->common),
		{"loss", CLI_SHARE, &p->loss, 0, 0, "SHARE", "of the packets, on average [0]"},
		{"burst", CLI_U64, &p->burst, 1, 1000000000, "N", "packets lost at once on average [independent]"},
		{"duty", CLI_SHARE, &p->duty, 0, 0, "SHARE", "of the time that boxes listen [100%]"},
		{"needed", CLI_SHARE, &p->needed, 0, 0, "SHARE", "of an image that boxes lack [100%]"},
		{"percentile", CLI_SHARE, &p->percentile, 0, 0, "SHARE", "of the boxes that shall have it [99.9%]"},
		{"boxes", CLI_U64, &p->boxes, 1, 1000000000, "N", "instead: until the last of N has it"},
		{"channel", CLI_STRING, &p->channel, 0, 0, "NAME", "the one that boxes hear [all]"},
		{"rate", CLI_RATE, &p->rate_bps, SETTINGS_MIN_RATE_BPS, SETTINGS_MAX_RATE_BPS, "RATE",
			"of each channel, instead of the configuration's"},
		{"within", CLI_DURATION, &p->within_ns, 0, 0, "TIME", "also says which rate that would take"}};
	status = cli_options(cli, options, sizeof options / sizeof options[0], &argc, argv, 0, 0);
	if (status == CLI_OK)
		status = check_wishes(cli, p);
	if (status == CLI_OK)
		status = verb_resolve_config(cli, &p->common);
	if (status == CLI_OK) {
		p->config.control_share = p->common.settings.tx.control_permille / 1000.0;
		p->config.loss = completion_loss_bursts(p->loss, (double)p->burst);
		p->config.duty = p->duty;
		p->config.percentile = p->boxes            ? exp(log(0.5) / (double)p->boxes)
				       : p->percentile > 0 ? p->percentile
							   : 0.999;
		status = plan(cli, p);
	}
	free(p);
	return status == CLI_HELP ? CLI_OK : status;
}
