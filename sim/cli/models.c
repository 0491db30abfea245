/* The verbs that need no scenario: fit, compare, plan. */
#include "sim/cli/verbs.h"

#include "carousel-tx/plan.h"
#include "common/carousel_error.h"
#include "common/fec_oti.h"
#include "common/io/file.h"
#include "common/units.h"
#include "sim/compare.h"
#include "sim/gilbert.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int print_json(const struct cli *cli, json_t *root)
{
	char *text = root ? json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
	json_decref(root);
	if (text == NULL)
		return cli_fail(cli, "%s", carousel_strerror(CAROUSEL_E_MEMORY));
	puts(text);
	free(text);
	return CLI_OK;
}

/* JSON knows no infinity. */
static json_t *json_finite(double x)
{
	return isfinite(x) ? json_real(x) : json_null();
}

/* ---- fit ------------------------------------------------------------------------------------------ */

static json_t *fit_json(const struct gilbert_fit *fit)
{
	json_t *models = json_array();
	for (unsigned m = 0; m < GILBERT_NUM_MODELS; m++) {
		const struct gilbert_candidate *c = &fit->candidates[m];
		json_array_append_new(models,
			json_pack("{s:s,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:f}", "model",
				gilbert_model_name((enum gilbert_model)m), "to_bad", c->model.to_bad, "to_good",
				c->model.to_good, "loss_good", c->model.loss_good, "loss_bad", c->model.loss_bad,
				"log_likelihood", c->log_likelihood, "bic", c->bic, "p_lost_runs", c->lost_runs.p_value,
				"p_received_runs", c->received_runs.p_value));
	}
	return json_pack("{s:s,s:I,s:I,s:I,s:I,s:f,s:s,s:o}", "format", "carousel-fit/1", "packets",
		(json_int_t)fit->packets, "lost", (json_int_t)fit->lost, "bursts", (json_int_t)fit->bursts,
		"longest_burst", (json_int_t)fit->longest_burst, "mean_burst", fit->mean_burst, "best",
		gilbert_model_name(fit->best), "models", models);
}

static void fit_print(const struct gilbert_fit *fit)
{
	const struct channel_gilbert *best = &fit->candidates[fit->best].model;
	printf("%llu packets, %llu lost (%.3f %%) in %llu bursts of %.2f on average, %llu at most\n",
		(unsigned long long)fit->packets, (unsigned long long)fit->lost,
		100.0 * (double)fit->lost / (double)fit->packets, (unsigned long long)fit->bursts, fit->mean_burst,
		(unsigned long long)fit->longest_burst);
	printf("%-16s %10s %10s %10s %10s %14s  fit of lost and received runs\n", "model", "to bad", "to good",
		"loss good", "loss bad", "BIC");
	for (unsigned m = 0; m < GILBERT_NUM_MODELS; m++) {
		const struct gilbert_candidate *c = &fit->candidates[m];
		printf("%-16s %10.3g %10.3g %10.3g %10.3g %14.1f  p = %.3g, %.3g%s\n",
			gilbert_model_name((enum gilbert_model)m), c->model.to_bad, c->model.to_good,
			c->model.loss_good, c->model.loss_bad, c->bic, c->lost_runs.p_value, c->received_runs.p_value,
			m == fit->best ? "  <- best" : "");
	}
	if (fit->best == GILBERT_BERNOULLI)
		printf("for a scenario: loss = %.6g\n", best->to_bad);
	else
		printf("for a scenario: gilbert = %.6g %.6g %.6g %.6g\n", best->to_bad, best->to_good, best->loss_good,
			best->loss_bad);
}

int sim_fit(const struct cli *cli, int argc, char **argv)
{
	bool is_json = false;
	const struct cli_option options[] = {{"json", CLI_FLAG, &is_json, 0, 0, NULL, "one line of JSON"}};
	struct gilbert_fit fit;
	struct trace *trace;
	unsigned line;
	char *text;
	size_t len;
	int result = cli_options(cli, options, 1, &argc, argv, 1, 1);
	if (result != CLI_OK)
		return result == CLI_HELP ? CLI_OK : result;
	result = file_read(argv[1], TRACE_MAX_BYTES, NULL, &text, &len);
	if (result != 0)
		return cli_fail(cli, "%s: %s", argv[1],
			result == CAROUSEL_E_ARGUMENT ? "not a file" : carousel_strerror(result));
	result = trace_parse(&trace, NULL, text, len, &line);
	memory_free(NULL, text);
	if (result != 0)
		return cli_fail(cli,
			"%s:%u: %s (the first line is \"carousel-trace 1\"; then lines RECEIVED LOST, gap, pps N, # "
			"comment)",
			argv[1], line ? line : 1, carousel_strerror(result));
	result = gilbert_fit(trace, NULL, &fit);
	trace_free(trace);
	if (result == CAROUSEL_E_NEED_MORE)
		return cli_fail(cli, "%s: a fit needs %u packets, some of them lost and some not", argv[1],
			GILBERT_MIN_PACKETS);
	if (result != 0)
		return cli_fail(cli, "%s: %s", argv[1], carousel_strerror(result));
	if (is_json)
		return print_json(cli, fit_json(&fit));
	fit_print(&fit);
	return CLI_OK;
}

/* ---- compare ---------------------------------------------------------------------------------------- */

static json_t *compare_json(const struct compare_config *c, const struct compare_result *results)
{
	json_t *schemes = json_array();
	for (unsigned s = 0; s < COMPARE_NUM_SCHEMES; s++)
		json_array_append_new(
			schemes, json_pack("{s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:I}", "scheme",
					 compare_scheme_name((enum compare_scheme)s), "mean_airtime",
					 json_finite(results[s].mean_airtime), "mean_passes",
					 json_finite(results[s].mean_passes), "median", json_finite(results[s].median),
					 "p90", json_finite(results[s].p90), "p99", json_finite(results[s].p99), "max",
					 json_finite(results[s].max), "unfinished", (json_int_t)results[s].unfinished));
	return json_pack("{s:s,s:I,s:f,s:I,s:o}", "format", "carousel-compare/1", "packets", (json_int_t)c->packets,
		"loss", channel_mean_loss(c->channel), "receivers", (json_int_t)c->receivers, "schemes", schemes);
}

static void compare_print(const struct compare_config *c, const struct compare_result *results)
{
	printf("%u packets, %.3g %% loss, %u receivers; airtime in units of the object's length\n",
		(unsigned)c->packets, 100 * channel_mean_loss(c->channel), (unsigned)c->receivers);
	printf("%-14s %12s %12s %8s %8s %8s %8s %10s\n", "scheme", "mean passes", "mean airtime", "50 %", "90 %",
		"99 %", "100 %", "never");
	for (unsigned s = 0; s < COMPARE_NUM_SCHEMES; s++)
		printf("%-14s %12.2f %12.3f %8.3f %8.3f %8.3f %8.3f %10u\n",
			compare_scheme_name((enum compare_scheme)s), results[s].mean_passes, results[s].mean_airtime,
			results[s].median, results[s].p90, results[s].p99, results[s].max,
			(unsigned)results[s].unfinished);
	if (c->channel->kind == CHANNEL_BERNOULLI && c->channel->loss < 1)
		printf("in theory a plain carousel takes %.2f passes, a fountain an airtime of %.3f\n",
			compare_plain_passes(c->packets, c->channel->loss), 1 / (1 - c->channel->loss));
}

int sim_compare(const struct cli *cli, int argc, char **argv)
{
	uint64_t packets = 50000, k = 223, n = 255, blocks = 4, receivers = 100, seed = 1;
	const char *model = "loss=10%";
	bool is_json = false, is_real = false;
	const struct cli_option options[] = {
		{"packets", CLI_U64, &packets, 1, 1u << 24, "N", "source symbols of the object [50000]"},
		{"model", CLI_STRING, &model, 0, 0, "TEXT", "channel, as \"loss=5%,burst=8\" [loss=10%]"},
		{"receivers", CLI_U64, &receivers, 1, 10000000, "N", "[100]"},
		{"rs-k", CLI_U64, &k, 1, 254, "N", "source symbols of a Reed-Solomon block [223]"},
		{"rs-n", CLI_U64, &n, 1, 255, "N", "encoding symbols of a Reed-Solomon block [255]"},
		{"blocks", CLI_U64, &blocks, 1, 255, "N", "blocks of the fountain [4]"},
		{"decoder", CLI_FLAG, &is_real, 0, 0, NULL, "ask the RaptorQ decoder itself, not its statistics"},
		{"seed", CLI_U64, &seed, 0, INT64_MAX, "N", "[1]"},
		{"json", CLI_FLAG, &is_json, 0, 0, NULL, "one line of JSON"},
	};
	struct channel_config channel = {0};
	struct compare_result results[COMPARE_NUM_SCHEMES];
	struct compare_config config;
	int status = cli_options(cli, options, sizeof options / sizeof options[0], &argc, argv, 0, 0), result;
	if (status != CLI_OK)
		return status == CLI_HELP ? CLI_OK : status;
	result = channel_config_parse(&channel, model);
	if (result != 0)
		return cli_usage(cli, "--model \"%s\": %s", model, carousel_strerror(result));
	if (channel_mean_loss(&channel) >= 1)
		return cli_usage(cli, "--model \"%s\": nothing ever arrives: this can never complete", model);
	if (k > n)
		return cli_usage(cli, "--rs-k must be at most --rs-n");
	if (blocks > packets || (packets - 1) / blocks >= FEC_RAPTORQ_MAX_K)
		return cli_usage(cli, "--blocks: %u to %u blocks hold so many packets",
			(unsigned)((packets - 1) / FEC_RAPTORQ_MAX_K + 1), (unsigned)(packets < 255 ? packets : 255));
	config = (struct compare_config){.packets = (uint32_t)packets,
		.rs_k = (uint32_t)k,
		.rs_n = (uint32_t)n,
		.blocks = (uint32_t)blocks,
		.real_decoder = is_real,
		.receivers = (uint32_t)receivers,
		.channel = &channel,
		.seed = seed};
	result = compare_run(NULL, &config, results);
	if (result != 0)
		status = cli_fail(cli, "%s", carousel_strerror(result));
	else if (is_json)
		status = print_json(cli, compare_json(&config, results));
	else
		compare_print(&config, results);
	compare_deinit(NULL, results);
	return status;
}

/* ---- plan --------------------------------------------------------------------------------------------- */

/* "64M", "epg=64M", "epg=64M,weight=3,needed=10%,demand=2000000,beside=400K". */
static int plan_parse_image(char *text, struct plan_image *image)
{
	char *rest, *item = strtok_r(text, ",", &rest), *size = item ? strchr(item, '=') : NULL;
	int result;
	*image = (struct plan_image){.name = "image", .needed = 1};
	if (item == NULL)
		return CAROUSEL_E_SYNTAX;
	if (size) {
		*size++ = '\0';
		image->name = item;
	} else
		size = item;
	result = units_parse_bytes(size, &image->size_bytes);
	while (result == 0 && (item = strtok_r(NULL, ",", &rest)) != NULL) {
		uint64_t number = 0;
		if (strncmp(item, "needed=", 7) == 0)
			result = units_parse_share(item + 7, &image->needed);
		else if (strncmp(item, "beside=", 7) == 0)
			result = units_parse_bytes(item + 7, &image->beside_bytes);
		else if (strncmp(item, "demand=", 7) == 0) {
			result = units_parse_u64(item + 7, &number);
			image->demand = (double)number;
		} else if (strncmp(item, "weight=", 7) == 0) {
			result = units_parse_u64(item + 7, &number);
			if (result == 0 && (number == 0 || number > 1000000))
				result = CAROUSEL_E_RANGE;
			image->weight = (uint32_t)number;
		} else
			result = CAROUSEL_E_UNKNOWN_WORD;
	}
	return result;
}

static enum plan_fec plan_parse_fec(const char *name)
{
	unsigned fec = 0;
	while (plan_fec_names[fec] && strcmp(plan_fec_names[fec], name) != 0)
		fec++;
	return (enum plan_fec)fec;
}

static void plan_print(const struct plan_config *c, const struct plan_result *results, double rate_for)
{
	printf("%s, %.6g Mbit/s, %.3g %% loss, listening %.3g %% of the time; until %.6g %% of the boxes have it:\n",
		plan_fec_names[c->fec], (double)c->rate_bps / 1e6, 100 * c->loss.mean, 100 * c->duty,
		100 * c->percentile);
	printf("%-16s %10s %8s %12s %12s %10s %12s %12s\n", "image", "MiB", "share", "kbit/s", "one pass", "overhead",
		"airtime", "days");
	for (size_t i = 0; i < c->num_images; i++)
		printf("%-16s %10.2f %6.1f %% %12.1f %10.2f h %8.2f %% %10.2f h %12.3f\n", c->images[i].name,
			(double)c->images[i].size_bytes / (1 << 20), 100 * results[i].share, results[i].rate_bps / 1e3,
			results[i].cycle_s / 3600, 100 * results[i].overhead, results[i].airtime_s / 3600,
			results[i].elapsed_s / 86400);
	if (rate_for > 0)
		printf("in the time that was asked for: %.6g Mbit/s are needed\n", rate_for / 1e6);
}

int sim_plan(const struct cli *cli, int argc, char **argv)
{
	uint64_t rate = 0, within_ns = 0, symbol = PLAN_SYMBOL_SIZE;
	double control = 0.05, duty = 1, percentile = 0.999;
	const char *model = "loss=0", *what = NULL;
	const char *fec = plan_fec_names[0];
	uint64_t block_symbols = 0;
	bool is_json = false;
	const struct cli_option options[] = {
		{"rate", CLI_RATE, &rate, 1000, 1000000000000, "RATE", "of the channel on the wire"},
		{"model", CLI_STRING, &model, 0, 0, "TEXT", "channel, as \"loss=5%,burst=8\" [no loss]"},
		{"duty", CLI_SHARE, &duty, 0, 0, "SHARE", "of the time that boxes listen [1]"},
		{"percentile", CLI_SHARE, &percentile, 0, 0, "SHARE", "of the boxes that shall have it [99.9%]"},
		{"control-share", CLI_SHARE, &control, 0, 0, "SHARE", "of the rate for control objects [5%]"},
		{"symbol-size", CLI_U64, &symbol, 4, 65528, "BYTES", "[1024]"},
		{"fec", CLI_STRING, &fec, 0, 0, "SCHEME", "raptorq, reed-solomon, small-block or none [raptorq]"},
		{"block-symbols", CLI_U64, &block_symbols, 1, 65536, "N", "[16384, 200, 24, 16384]"},
		{"within", CLI_DURATION, &within_ns, 0, 0, "TIME", "also says which rate that would take"},
		{"json", CLI_FLAG, &is_json, 0, 0, NULL, "one line of JSON"},
	};
	static struct plan_image images[PLAN_MAX_IMAGES];
	static struct plan_result results[PLAN_MAX_IMAGES];
	struct channel_config channel = {0};
	struct plan_config config;
	double rate_for = 0;
	int status =
		cli_options(cli, options, sizeof options / sizeof options[0], &argc, argv, 1, (int)PLAN_MAX_IMAGES);
	int result;
	if (status != CLI_OK)
		return status == CLI_HELP ? CLI_OK : status;
	if (rate == 0)
		return cli_usage(cli, "--rate must be given");
	result = channel_config_parse(&channel, model);
	if (result != 0)
		return cli_usage(cli, "--model \"%s\": %s", model, carousel_strerror(result));
	for (int i = 1; i < argc; i++)
		if ((result = plan_parse_image(argv[i], &images[i - 1])) != 0)
			return cli_usage(cli,
				"image %d: not of the form [NAME=]SIZE[,needed=SHARE][,weight=1 to 1000000]"
				"[,demand=N][,beside=BYTES]: %s",
				i, carousel_strerror(result));
	config = (struct plan_config){.rate_bps = rate,
		.fec = plan_parse_fec(fec),
		.block_symbols = (uint32_t)block_symbols,
		.control_share = control,
		.symbol_size = (uint32_t)symbol,
		.loss = channel_completion_loss(&channel, (size_t)symbol + PLAN_OVERHEAD),
		.duty = duty,
		.percentile = percentile,
		.images = images,
		.num_images = (size_t)argc - 1};
	result = plan_compute(&config, results, &what);
	if (result != 0)
		return cli_usage(cli, "%s", what ? what : carousel_strerror(result));
	if (within_ns)
		rate_for = plan_rate_for(&config, results, (double)within_ns / 1e9);
	if (is_json)
		return print_json(cli, plan_json(&config, results, rate_for));
	plan_print(&config, results, rate_for);
	return CLI_OK;
}
