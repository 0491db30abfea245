#include "carousel-tx/daemon/verbs.h"

#include "carousel-tx/daemon/daemon.h"
#include "carousel-tx/daemon/sender.h"
#include "carousel-tx/daemon/show.h"
#include "common/carousel_error.h"
#include "common/io/clock.h"
#include "common/io/control_client.h"
#include "common/json_fields.h"
#include "common/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int verb_resolve(const struct cli *cli, struct verb_common *c, bool needs_catalogue)
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

int verb_resolve_config(const struct cli *cli, struct verb_common *c)
{
	if (c->config == NULL)
		c->config = SETTINGS_PATH;
	return verb_resolve(cli, c, true);
}

int verb_print_json(const struct cli *cli, json_t *root)
{
	char *text;
	size_t len;
	int result = json_fields_print(NULL, root, &text, &len);
	if (result)
		return cli_fail(cli, "%s", carousel_strerror(result));
	puts(text);
	memory_free(NULL, text);
	return CLI_OK;
}

/* It may come up later, so that it is no mistake of the configuration. */
static void warn_of_interfaces(const struct cli *cli, const struct settings *settings)
{
	for (uint32_t i = 0; i < settings->num_channels; i++)
		if (sender_lacks_interface(&settings->channels[i]))
			cli_fail(cli, "warning: channel %s: there is no interface %s here", settings->channels[i].name,
				settings->channels[i].interface);
}

int verb_run(const struct cli *cli, int argc, char **argv)
{
	struct verb_common *c = calloc(1, sizeof *c);
	struct catalogue_error error;
	bool check = false;
	int status;
	if (c == NULL)
		return cli_fail(cli, "%s", carousel_strerror(CAROUSEL_E_MEMORY));
	const struct cli_option options[] = {
		VERB_COMMON_OPTIONS(c), {"check-config", CLI_FLAG, &check, 0, 0, NULL,
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
	if (status == CLI_OK && check)
		warn_of_interfaces(cli, &c->settings);
	free(c);
	return status == CLI_HELP ? CLI_OK : status;
}

/* list and verify: what the catalogue holds. What does not count of it is told, and is a failure. */
static int look_at_catalogue(const struct cli *cli, int argc, char **argv,
	int (*look)(const struct cli *, const struct verb_common *, const struct catalogue *))
{
	struct verb_common *c = calloc(1, sizeof *c);
	struct catalogue_error error;
	struct catalogue *catalogue;
	int status;
	if (c == NULL)
		return cli_fail(cli, "%s", carousel_strerror(CAROUSEL_E_MEMORY));
	const struct cli_option options[] = {VERB_COMMON_OPTIONS(c), VERB_JSON_OPTION(c)};
	status = cli_options(cli, options, sizeof options / sizeof options[0], &argc, argv, 0, 0);
	if (status == CLI_OK)
		status = verb_resolve(cli, c, true);
	if (status == CLI_OK && tx_catalogue_load(&catalogue, c->catalogue, NULL, &error))
		status = cli_fail(cli, "%s", error.message);
	if (status == CLI_OK) {
		if (catalogue->map_error.code)
			status = cli_fail(cli, "%s", catalogue->map_error.message);
		if (catalogue->num_refused)
			status = cli_fail(cli, "%s", catalogue->refused_error.message);
		if (look(cli, c, catalogue) != CLI_OK)
			status = CLI_FAILED;
		tx_catalogue_free(catalogue);
	}
	free(c);
	return status == CLI_HELP ? CLI_OK : status;
}

static int list_all(const struct cli *cli, const struct verb_common *c, const struct catalogue *catalogue)
{
	(void)cli;
	tx_show_catalogue(catalogue, c->json);
	return CLI_OK;
}

int verb_list(const struct cli *cli, int argc, char **argv)
{
	return look_at_catalogue(cli, argc, argv, list_all);
}

/* One image, whole. Returns the exit status. */
static int verify_object(const struct cli *cli, const struct catalogue *catalogue,
	const struct catalogue_object *object, json_t **images)
{
	struct catalogue_error error = {0};
	char digest[HASH_SHA256_TEXT_BYTES];
	int result = tx_catalogue_check_files(catalogue, object, &error);
	if (*images)
		json_fields_append(images, json_pack("{s:s, s:I, s:s, s:b, s:s}", "class", object->manifest.class_name,
						   "version", (json_int_t)object->manifest.version, "sha256",
						   hash_sha256_text(digest, object->manifest.sha256), "good",
						   result == 0, "error", carousel_error_name(result)));
	else
		printf("%s %" PRIu32 " %s\n", object->manifest.class_name, object->manifest.version,
			result ? "damaged" : "good");
	return result ? cli_fail(cli, "%s", error.message) : CLI_OK;
}

static int verify_all(const struct cli *cli, const struct verb_common *c, const struct catalogue *catalogue)
{
	json_t *images = c->json ? json_array() : NULL;
	int status = CLI_OK;
	if (c->json && images == NULL)
		return cli_fail(cli, "%s", carousel_strerror(CAROUSEL_E_MEMORY));
	for (size_t i = 0; i < catalogue->num_objects; i++)
		if (verify_object(cli, catalogue, catalogue->objects[i], &images) != CLI_OK)
			status = CLI_FAILED;
	if (c->json && verb_print_json(cli, json_pack("{s:s, s:I, s:o}", "format", "carousel-verify/1", "refused",
						    (json_int_t)catalogue->num_refused, "images", images)) != CLI_OK)
		status = CLI_FAILED;
	return status;
}

int verb_verify(const struct cli *cli, int argc, char **argv)
{
	return look_at_catalogue(cli, argc, argv, verify_all);
}

int verb_status(const struct cli *cli, int argc, char **argv)
{
	struct verb_common *c = calloc(1, sizeof *c);
	char message[CONTROL_MESSAGE_BYTES];
	json_t *answer = NULL;
	int status, result;
	if (c == NULL)
		return cli_fail(cli, "%s", carousel_strerror(CAROUSEL_E_MEMORY));
	const struct cli_option options[] = {VERB_COMMON_OPTIONS(c), VERB_JSON_OPTION(c)};
	status = cli_options(cli, options, sizeof options / sizeof options[0], &argc, argv, 0, 0);
	if (status == CLI_OK)
		status = verb_resolve(cli, c, false);
	if (status == CLI_OK) {
		result = tx_fetch_status(c->socket, VERB_REQUEST_MS, &answer, message);
		if (result)
			status = cli_fail(cli, "%s: %s", c->socket, message[0] ? message : carousel_strerror(result));
		else
			tx_show_status(answer, c->json);
		json_decref(answer);
	}
	free(c);
	return status == CLI_HELP ? CLI_OK : status;
}

/* Until the daemon ends: the configuration says what its next start sends. */
int verb_set_rate(const struct cli *cli, int argc, char **argv)
{
	struct verb_common *c = calloc(1, sizeof *c);
	char message[CONTROL_MESSAGE_BYTES] = "";
	struct control_client *client;
	uint64_t rate_bps = 0;
	int status, result;
	if (c == NULL)
		return cli_fail(cli, "%s", carousel_strerror(CAROUSEL_E_MEMORY));
	const struct cli_option options[] = {VERB_COMMON_OPTIONS(c), VERB_JSON_OPTION(c)};
	status = cli_options(cli, options, sizeof options / sizeof options[0], &argc, argv, 2, 2);
	if (status == CLI_OK && strcmp(argv[2], "unlimited") != 0 &&
		(units_parse_rate(argv[2], &rate_bps) || rate_bps < SETTINGS_MIN_RATE_BPS ||
			rate_bps > SETTINGS_MAX_RATE_BPS))
		status = cli_usage(cli, "%s is no rate: unlimited, or 1k to 100G", argv[2]);
	if (status == CLI_OK)
		status = verb_resolve(cli, c, false);
	if (status == CLI_OK) {
		json_t *args = json_pack("{s:s, s:I}", "channel", argv[1], "rate_bps", (json_int_t)rate_bps);
		result = args ? control_client_open(&client, c->socket) : CAROUSEL_E_ARGUMENT;
		if (result == 0) {
			result = control_client_request(client, "set-rate", args, VERB_REQUEST_MS, NULL, message);
			control_client_close(client);
		}
		json_decref(args);
		if (result)
			status = cli_fail(cli, "%s: %s", c->socket, message[0] ? message : carousel_strerror(result));
		else if (c->json)
			status = verb_print_json(cli, json_pack("{s:s, s:s, s:I}", "format", "carousel-set-rate/1",
							      "channel", argv[1], "rate_bps", (json_int_t)rate_bps));
		else
			printf("channel %s: %s\n", argv[1], argv[2]);
	}
	free(c);
	return status == CLI_HELP ? CLI_OK : status;
}
