/* carousel-tx: the headend's program. Verbs that change the catalogue work with and without a daemon that runs. */
#include "carousel-tx/daemon/change.h"
#include "carousel-tx/daemon/daemon.h"
#include "carousel-tx/daemon/show.h"
#include "common/carousel_error.h"
#include "common/io/cli.h"
#include "common/io/clock.h"
#include "common/io/control_client.h"
#include "common/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUEST_MS 5000

/* Options of every verb, and what they resolve to. */
struct common {
	const char *config, *catalogue, *socket;
	struct settings settings;
	struct change_by by; /* of verbs that change the catalogue */
};

#define COMMON_OPTIONS(c)                                                                                              \
	{"config", CLI_STRING, &(c)->config, 0, 0, "FILE", "configuration (default " SETTINGS_PATH ")"},               \
		{"catalogue", CLI_STRING, &(c)->catalogue, 0, 0, "DIR", "catalogue, instead of the configuration's"},  \
	{                                                                                                              \
		"socket", CLI_STRING, &(c)->socket, 0, 0, "PATH", "control socket, instead of the configuration's"     \
	}

#define AUDIT_OPTION(c)                                                                                                \
	{                                                                                                              \
		"audit", CLI_STRING, &(c)->by.audit, 0, 0, "FILE", "audit log, instead of the configuration's"         \
	}

/* The catalogue and the socket: from the options, else from the configuration. */
static int resolve(const struct cli *cli, struct common *c, bool needs_catalogue)
{
	struct catalogue_error error;
	if ((needs_catalogue && c->catalogue == NULL) || (!needs_catalogue && c->socket == NULL) || c->config) {
		if (tx_settings_load(&c->settings, c->config ? c->config : SETTINGS_PATH, &error))
			return cli_fail(cli, "%s", error.message);
	}
	if (c->catalogue == NULL)
		c->catalogue = c->settings.catalogue;
	if (c->socket == NULL)
		c->socket = c->settings.socket;
	if (c->by.audit == NULL)
		c->by.audit = c->settings.audit;
	c->by.now_s = clock_wall_s();
	return CLI_OK;
}

/* A daemon that runs takes the change up by itself; told, it does so at once. */
static void tell_daemon(const struct common *c)
{
	struct control_client *client;
	if (c->socket[0] == '\0' || control_client_open(&client, c->socket))
		return;
	control_client_request(client, "reload", NULL, REQUEST_MS, NULL, NULL);
	control_client_close(client);
}

static int verb_run(const struct cli *cli, int argc, char **argv)
{
	struct common *c = calloc(1, sizeof *c);
	struct catalogue_error error;
	bool check = false;
	int status;
	if (c == NULL)
		return cli_fail(cli, "%s", carousel_strerror(CAROUSEL_E_MEMORY));
	const struct cli_option options[] = {
		COMMON_OPTIONS(c), {"check-config", CLI_FLAG, &check, 0, 0, NULL,
					   "read the configuration, say whether it is right, and end"}};
	status = cli_options(cli, options, sizeof options / sizeof options[0], &argc, argv, 0, 0);
	if (status == CLI_OK && tx_settings_load(&c->settings, c->config ? c->config : SETTINGS_PATH, &error))
		status = cli_fail(cli, "%s", error.message);
	if (status == CLI_OK && c->catalogue)
		snprintf(c->settings.catalogue, sizeof c->settings.catalogue, "%s", c->catalogue);
	if (status == CLI_OK && c->socket)
		snprintf(c->settings.socket, sizeof c->settings.socket, "%s", c->socket);
	if (status == CLI_OK && !check && tx_daemon_run(&c->settings, &error))
		status = cli_fail(cli, "%s", error.message);
	free(c);
	return status == CLI_HELP ? CLI_OK : status;
}

static int verb_publish(const struct cli *cli, int argc, char **argv)
{
	struct common *c = calloc(1, sizeof *c);
	struct catalogue_error error;
	struct change_publication what = {.from = NULL};
	struct change_report report;
	uint64_t weight = 1;
	int status;
	if (c == NULL)
		return cli_fail(cli, "%s", carousel_strerror(CAROUSEL_E_MEMORY));
	const struct cli_option options[] = {COMMON_OPTIONS(c), AUDIT_OPTION(c),
		{"from", CLI_STRING, &what.from, 0, 0, "OLD,...",
			"older images that the manifest has copy maps from, when they are not catalogued"},
		{"weight", CLI_U64, &weight, 1, 1000, "N", "share relative to other images (default 1)"}};
	status = cli_options(cli, options, sizeof options / sizeof options[0], &argc, argv, 2, 2);
	if (status == CLI_OK)
		status = resolve(cli, c, true);
	if (status == CLI_OK) {
		what.image = argv[1];
		what.manifest = argv[2];
		what.weight = (uint32_t)weight;
		if (change_publish(c->catalogue, &c->by, &what, &report, &error)) {
			status = cli_fail(cli, "%s", error.message);
		} else {
			char digest[HASH_SHA256_TEXT_BYTES];
			printf("%s %" PRIu32 " %s %s\n", report.class_name, report.version,
				hash_sha256_text(digest, report.sha256), report.is_same ? "was there" : "published");
			tell_daemon(c);
		}
	}
	free(c);
	return status == CLI_HELP ? CLI_OK : status;
}

static int verb_withdraw(const struct cli *cli, int argc, char **argv)
{
	struct common *c = calloc(1, sizeof *c);
	struct catalogue_error error;
	uint64_t version;
	int status;
	if (c == NULL)
		return cli_fail(cli, "%s", carousel_strerror(CAROUSEL_E_MEMORY));
	const struct cli_option options[] = {COMMON_OPTIONS(c), AUDIT_OPTION(c)};
	status = cli_options(cli, options, sizeof options / sizeof options[0], &argc, argv, 2, 2);
	if (status == CLI_OK && (units_parse_u64(argv[2], &version) || version > UINT32_MAX))
		status = cli_usage(cli, "%s is no version", argv[2]);
	if (status == CLI_OK)
		status = resolve(cli, c, true);
	if (status == CLI_OK) {
		if (change_withdraw(c->catalogue, &c->by, argv[1], (uint32_t)version, &error)) {
			status = cli_fail(cli, "%s", error.message);
		} else {
			printf("%s %s withdrawn\n", argv[1], argv[2]);
			tell_daemon(c);
		}
	}
	free(c);
	return status == CLI_HELP ? CLI_OK : status;
}

/* set-map and set-root: one file that the catalogue takes or refuses. `install` prints what it took. */
static int install_document(const struct cli *cli, int argc, char **argv,
	int (*install)(const struct common *, const char *path, struct catalogue_error *))
{
	struct common *c = calloc(1, sizeof *c);
	struct catalogue_error error;
	int status;
	if (c == NULL)
		return cli_fail(cli, "%s", carousel_strerror(CAROUSEL_E_MEMORY));
	const struct cli_option options[] = {COMMON_OPTIONS(c), AUDIT_OPTION(c)};
	status = cli_options(cli, options, sizeof options / sizeof options[0], &argc, argv, 1, 1);
	if (status == CLI_OK)
		status = resolve(cli, c, true);
	if (status == CLI_OK) {
		if (install(c, argv[1], &error))
			status = cli_fail(cli, "%s", error.message);
		else
			tell_daemon(c);
	}
	free(c);
	return status == CLI_HELP ? CLI_OK : status;
}

static int install_map(const struct common *c, const char *path, struct catalogue_error *error)
{
	uint64_t serial = 0;
	int result = change_set_map(c->catalogue, &c->by, path, &serial, error);
	if (result == 0)
		printf("map serial %" PRIu64 " installed\n", serial);
	return result;
}

static int install_root(const struct common *c, const char *path, struct catalogue_error *error)
{
	uint32_t version = 0;
	int result = change_set_root(c->catalogue, &c->by, path, &version, error);
	if (result == 0)
		printf("trust root version %" PRIu32 " installed\n", version);
	return result;
}

static int verb_set_map(const struct cli *cli, int argc, char **argv)
{
	return install_document(cli, argc, argv, install_map);
}

static int verb_set_root(const struct cli *cli, int argc, char **argv)
{
	return install_document(cli, argc, argv, install_root);
}

static int verb_list(const struct cli *cli, int argc, char **argv)
{
	struct common *c = calloc(1, sizeof *c);
	struct catalogue_error error;
	struct catalogue *catalogue;
	bool json = false;
	int status;
	if (c == NULL)
		return cli_fail(cli, "%s", carousel_strerror(CAROUSEL_E_MEMORY));
	const struct cli_option options[] = {COMMON_OPTIONS(c), {"json", CLI_FLAG, &json, 0, 0, NULL, "as JSON"}};
	status = cli_options(cli, options, sizeof options / sizeof options[0], &argc, argv, 0, 0);
	if (status == CLI_OK)
		status = resolve(cli, c, true);
	if (status == CLI_OK) {
		if (tx_catalogue_load(&catalogue, c->catalogue, &error)) {
			status = cli_fail(cli, "%s", error.message);
		} else {
			if (catalogue->map_error.code)
				status = cli_fail(cli, "%s", catalogue->map_error.message);
			if (catalogue->num_refused)
				status = cli_fail(cli, "%s", catalogue->refused_error.message);
			tx_show_catalogue(catalogue, json);
			tx_catalogue_free(catalogue);
		}
	}
	free(c);
	return status == CLI_HELP ? CLI_OK : status;
}

static int verb_status(const struct cli *cli, int argc, char **argv)
{
	struct common *c = calloc(1, sizeof *c);
	char message[CONTROL_MESSAGE_BYTES];
	json_t *answer = NULL;
	bool json = false;
	int status, result;
	if (c == NULL)
		return cli_fail(cli, "%s", carousel_strerror(CAROUSEL_E_MEMORY));
	const struct cli_option options[] = {COMMON_OPTIONS(c), {"json", CLI_FLAG, &json, 0, 0, NULL, "as JSON"}};
	status = cli_options(cli, options, sizeof options / sizeof options[0], &argc, argv, 0, 0);
	if (status == CLI_OK)
		status = resolve(cli, c, false);
	if (status == CLI_OK) {
		result = tx_fetch_status(c->socket, REQUEST_MS, &answer, message);
		if (result)
			status = cli_fail(cli, "%s: %s", c->socket, message[0] ? message : carousel_strerror(result));
		else
			tx_show_status(answer, json);
		json_decref(answer);
	}
	free(c);
	return status == CLI_HELP ? CLI_OK : status;
}

int main(int argc, char **argv)
{
	static const struct cli_verb verbs[] = {
		{"run", "[--check-config]", "send what the catalogue holds, in the foreground", verb_run},
		{"status", "[--json]", "what is on the air, as a daemon that runs tells it", verb_status},
		{"publish", "IMAGE MANIFEST [--weight N] [--from OLD,...]",
			"put an image into the catalogue, and on the air", verb_publish},
		{"withdraw", "CLASS VERSION", "take an image out that the map does not name", verb_withdraw},
		{"list", "[--json]", "what the catalogue holds", verb_list},
		{"set-map", "MAP", "install a signed version map", verb_set_map},
		{"set-root", "ROOTS", "install the signed trust root, or the next links of its chain", verb_set_root},
	};
	static const struct cli_program program = {
		"carousel-tx", "multicasts update images, over and over", verbs, sizeof verbs / sizeof verbs[0]};
	return cli_main(&program, argc, argv);
}
