/* The verbs that change the catalogue: publish, withdraw, set-map, set-root. */
#include "carousel-tx/daemon/verbs.h"
#include "common/carousel_error.h"
#include "common/io/control_client.h"
#include "common/json_fields.h"
#include "common/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define CHANGE_OPTIONS(c)                                                                                              \
	{"audit", CLI_STRING, &(c)->by.audit, 0, 0, "FILE", "audit log, instead of the configuration's"},              \
	{                                                                                                              \
		"wait", CLI_DURATION, &(c)->by.wait_ns, 0, 0, "TIME", "for another change to end [none]"               \
	}

/* A daemon that runs takes the change up by itself; told, it does so at once. */
static bool tell_daemon(const struct verb_common *c)
{
	struct control_client *client;
	int result;
	if (c->socket[0] == '\0' || control_client_open(&client, c->socket))
		return false;
	result = control_client_request(client, "reload", NULL, VERB_REQUEST_MS, NULL, NULL);
	control_client_close(client);
	return result == 0;
}

/* The change is made, whatever becomes of the answer. */
static int answer(const struct cli *cli, const struct verb_common *c, json_t *json, bool is_same)
{
	bool is_told = tell_daemon(c);
	if (!c->json) {
		json_decref(json);
		return CLI_OK;
	}
	json_fields_set(&json, "changed", json_boolean(!is_same));
	json_fields_set(&json, "daemon_told", json_boolean(is_told));
	return verb_print_json(cli, json);
}

static json_t *image_json(const char *format, const struct change_report *r)
{
	char digest[HASH_SHA256_TEXT_BYTES], manifest[HASH_SHA256_TEXT_BYTES];
	return json_pack("{s:s, s:s, s:I, s:s, s:s, s:I}", "format", format, "class", r->class_name, "version",
		(json_int_t)r->version, "sha256", hash_sha256_text(digest, r->sha256), "manifest",
		hash_sha256_text(manifest, r->manifest_sha256), "bytes", (json_int_t)r->bytes);
}

static int publish(const struct cli *cli, const struct verb_common *c, const struct change_publication *what)
{
	struct catalogue_error error;
	struct change_report report;
	char digest[HASH_SHA256_TEXT_BYTES];
	if (change_publish(c->catalogue, &c->by, what, &report, &error))
		return cli_fail(cli, "%s", error.message);
	if (!c->json)
		printf("%s %" PRIu32 " %s %s\n", report.class_name, report.version,
			hash_sha256_text(digest, report.sha256), report.is_same ? "was there" : "published");
	return answer(cli, c, image_json("carousel-publish/1", &report), report.is_same);
}

int verb_publish(const struct cli *cli, int argc, char **argv)
{
	struct verb_common *c = calloc(1, sizeof *c);
	struct change_publication what = {.from = NULL};
	uint64_t weight = 1;
	int status;
	if (c == NULL)
		return cli_fail(cli, "%s", carousel_strerror(CAROUSEL_E_MEMORY));
	const struct cli_option options[] = {VERB_COMMON_OPTIONS(c), CHANGE_OPTIONS(c), VERB_JSON_OPTION(c),
		{"from", CLI_STRING, &what.from, 0, 0, "OLD,...",
			"older images that the manifest has copy maps from, when they are not catalogued"},
		{"weight", CLI_U64, &weight, 1, 1000, "N", "share relative to other images (default 1)"}};
	status = cli_options(cli, options, sizeof options / sizeof options[0], &argc, argv, 2, 2);
	if (status == CLI_OK)
		status = verb_resolve(cli, c, true);
	if (status == CLI_OK) {
		what.image = argv[1];
		what.manifest = argv[2];
		what.weight = (uint32_t)weight;
		status = publish(cli, c, &what);
	}
	free(c);
	return status == CLI_HELP ? CLI_OK : status;
}

int verb_withdraw(const struct cli *cli, int argc, char **argv)
{
	struct verb_common *c = calloc(1, sizeof *c);
	struct catalogue_error error;
	struct change_report report;
	uint64_t version;
	int status;
	if (c == NULL)
		return cli_fail(cli, "%s", carousel_strerror(CAROUSEL_E_MEMORY));
	const struct cli_option options[] = {VERB_COMMON_OPTIONS(c), CHANGE_OPTIONS(c), VERB_JSON_OPTION(c)};
	status = cli_options(cli, options, sizeof options / sizeof options[0], &argc, argv, 2, 2);
	if (status == CLI_OK && (units_parse_u64(argv[2], &version) || version > UINT32_MAX))
		status = cli_usage(cli, "%s is no version", argv[2]);
	if (status == CLI_OK)
		status = verb_resolve(cli, c, true);
	if (status == CLI_OK) {
		if (change_withdraw(c->catalogue, &c->by, argv[1], (uint32_t)version, &report, &error)) {
			status = cli_fail(cli, "%s", error.message);
		} else {
			if (!c->json)
				printf("%s %s withdrawn\n", argv[1], argv[2]);
			status = answer(cli, c, image_json("carousel-withdraw/1", &report), false);
		}
	}
	free(c);
	return status == CLI_HELP ? CLI_OK : status;
}

/* set-map and set-root: one file that the catalogue takes or refuses. */
static int install_document(const struct cli *cli, int argc, char **argv,
	int (*install)(const struct cli *, struct verb_common *, const char *))
{
	struct verb_common *c = calloc(1, sizeof *c);
	int status;
	if (c == NULL)
		return cli_fail(cli, "%s", carousel_strerror(CAROUSEL_E_MEMORY));
	const struct cli_option options[] = {VERB_COMMON_OPTIONS(c), CHANGE_OPTIONS(c), VERB_JSON_OPTION(c)};
	status = cli_options(cli, options, sizeof options / sizeof options[0], &argc, argv, 1, 1);
	if (status == CLI_OK)
		status = verb_resolve(cli, c, true);
	if (status == CLI_OK)
		status = install(cli, c, argv[1]);
	free(c);
	return status == CLI_HELP ? CLI_OK : status;
}

static int install_map(const struct cli *cli, struct verb_common *c, const char *path)
{
	struct catalogue_error error;
	struct change_report report;
	char digest[HASH_SHA256_TEXT_BYTES];
	if (change_set_map(c->catalogue, &c->by, path, &report, &error))
		return cli_fail(cli, "%s", error.message);
	if (!c->json)
		printf("map serial %" PRIu64 " %s\n", report.serial, report.is_same ? "was there" : "installed");
	return answer(cli, c,
		json_pack("{s:s, s:I, s:I, s:s}", "format", "carousel-set-map/1", "epoch", (json_int_t)report.epoch,
			"serial", (json_int_t)report.serial, "sha256", hash_sha256_text(digest, report.sha256)),
		report.is_same);
}

static int install_root(const struct cli *cli, struct verb_common *c, const char *path)
{
	struct catalogue_error error;
	struct change_report report;
	if (change_set_root(c->catalogue, &c->by, path, &report, &error))
		return cli_fail(cli, "%s", error.message);
	if (!c->json)
		printf("trust root version %" PRIu32 " %s\n", report.version,
			report.is_same ? "was there" : "installed");
	return answer(cli, c,
		json_pack("{s:s, s:I, s:I}", "format", "carousel-set-root/1", "version", (json_int_t)report.version,
			"epoch", (json_int_t)report.epoch),
		report.is_same);
}

int verb_set_map(const struct cli *cli, int argc, char **argv)
{
	return install_document(cli, argc, argv, install_map);
}

int verb_set_root(const struct cli *cli, int argc, char **argv)
{
	return install_document(cli, argc, argv, install_root);
}
