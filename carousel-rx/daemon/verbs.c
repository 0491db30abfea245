#include "carousel-rx/daemon/verbs.h"

#include "carousel-rx/daemon/daemon.h"
#include "carousel-rx/daemon/tell.h"
#include "common/carousel_error.h"
#include "common/io/file.h"
#include "common/io/udp.h"
#include "common/units.h"
#include "policy-map/key_file.h"

#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

int verb_open(const struct cli *cli, const char *path, struct control_client **client)
{
	int result = control_client_open(client, path);
	if (result)
		cli_fail(cli, "%s: %s", path,
			result == CAROUSEL_E_NOT_FOUND || result == CAROUSEL_E_REFUSED ? "no receiver runs there"
										       : carousel_strerror(result));
	return result;
}

/* Where the receiver's control socket is: said, or configured, or where it is by default. */
struct verb_where {
	const char *config, *socket;
	struct settings *settings;
};

#define VERB_WHERE(w)                                                                                                  \
	{"config", CLI_STRING, &(w)->config, 0, 0, "FILE", "configuration (default " SETTINGS_PATH ")"},               \
	{                                                                                                              \
		"socket", CLI_STRING, &(w)->socket, 0, 0, "PATH", "control socket, instead of the configuration's"     \
	}

static int verb_resolve(const struct cli *cli, struct verb_where *w)
{
	char message[256];
	if (w->socket)
		return CLI_OK;
	w->settings = calloc(1, sizeof(*w->settings));
	if (w->settings == NULL)
		return cli_fail(cli, "%s", carousel_strerror(CAROUSEL_E_MEMORY));
	if (settings_load(w->settings, w->config ? w->config : SETTINGS_PATH, message) == 0)
		w->socket = w->settings->socket;
	else if (w->config)
		return cli_fail(cli, "%s", message);
	else
		w->socket = SETTINGS_SOCKET;
	return CLI_OK;
}

static void verb_forget(struct verb_where *w)
{
	if (w->settings)
		settings_free(w->settings);
	free(w->settings);
	w->settings = NULL;
}

/* One request; prints the error. Takes args over; the result is the caller's reference. */
static int verb_ask(const struct cli *cli, struct verb_where *w, const char *op, json_t *args, json_t **result)
{
	char message[CONTROL_MESSAGE_BYTES] = "";
	struct control_client *client;
	int status = verb_resolve(cli, w), error;
	if (status == CLI_OK && verb_open(cli, w->socket, &client) == 0) {
		error = control_client_request(client, op, args, VERB_TIMEOUT_MS, result, message);
		if (error)
			status = cli_fail(cli, "%s", message[0] ? message : carousel_strerror(error));
		control_client_close(client);
	} else {
		status = CLI_FAILED;
	}
	verb_forget(w);
	json_decref(args);
	return status;
}

static int verb_options(
	const struct cli *cli, int *argc, char **argv, struct verb_where *w, bool *json, int min, int max)
{
	const struct cli_option options[] = {
		VERB_WHERE(w),
		{"json", CLI_FLAG, json, 0, 0, NULL, "for programs"},
	};
	return cli_options(cli, options, json ? 3 : 2, argc, argv, min, max);
}

/* ---- run ------------------------------------------------------------------------------------------- */

/* It may come up later, so that it is no mistake of the configuration. */
static void warn_of_interface(const struct cli *cli, const char *session, const char *interface)
{
	unsigned index;
	if (udp_interface_index(interface, &index) == CAROUSEL_E_ADDRESS)
		cli_fail(cli, "warning: %s: there is no interface %s here", session, interface);
}

int verb_run(const struct cli *cli, int argc, char **argv)
{
	bool check_only = false;
	const char *config = SETTINGS_PATH;
	const struct cli_option options[] = {
		{"config", CLI_STRING, &config, 0, 0, "FILE", "configuration (default " SETTINGS_PATH ")"},
		{"check-config", CLI_FLAG, &check_only, 0, 0, NULL,
			"read the configuration, say what is wrong with it, and exit"},
	};
	struct settings *settings;
	char message[256];
	int status = cli_options(cli, options, 2, &argc, argv, 0, 0);
	if (status != CLI_OK)
		return status == CLI_HELP ? CLI_OK : status;
	settings = malloc(sizeof(*settings));
	if (settings == NULL)
		return cli_fail(cli, "%s", carousel_strerror(CAROUSEL_E_MEMORY));
	if (settings_load(settings, config, message) || settings_load_root(settings, message))
		status = cli_fail(cli, "%s", message);
	else if (!check_only)
		status = daemon_run(settings);
	for (unsigned i = 0; check_only && status == CLI_OK && i < settings->num_sessions; i++)
		warn_of_interface(cli, settings->sessions[i].name, settings->sessions[i].interface);
	if (check_only && status == CLI_OK)
		warn_of_interface(cli, "sessions that only the map names", settings->map_interface);
	settings_free(settings);
	free(settings);
	return status;
}

/* ---- looking --------------------------------------------------------------------------------------- */

int verb_status(const struct cli *cli, int argc, char **argv)
{
	struct verb_where where = {0};
	bool json = false;
	json_t *result = NULL;
	int status = verb_options(cli, &argc, argv, &where, &json, 0, 0);
	if (status != CLI_OK)
		return status == CLI_HELP ? CLI_OK : status;
	status = verb_ask(cli, &where, "status", NULL, &result);
	if (status == CLI_OK && json) {
		json_dumpf(result, stdout, JSON_INDENT(2));
		putchar('\n');
	} else if (status == CLI_OK) {
		show_status(result);
	}
	json_decref(result);
	return status;
}

int verb_explain(const struct cli *cli, int argc, char **argv)
{
	struct verb_where where = {0};
	const char *line;
	bool json = false;
	json_t *result = NULL;
	int status = verb_options(cli, &argc, argv, &where, &json, 0, 0);
	if (status != CLI_OK)
		return status == CLI_HELP ? CLI_OK : status;
	status = verb_ask(cli, &where, "explain", NULL, &result);
	line = json_string_value(json_object_get(result, "line"));
	if (status == CLI_OK && json) {
		json_dumpf(result, stdout, JSON_INDENT(2));
		putchar('\n');
	} else if (status == CLI_OK) {
		puts(line ? line : "");
	}
	json_decref(result);
	return status;
}

/* The key's file holds the seed unencrypted: nobody is there to type a passphrase. */
static int verb_load_key(const struct cli *cli, const char *path, struct key_secret *key)
{
	char *text = NULL;
	size_t len;
	int result = file_read(path, KEY_FILE_MAX_BYTES, NULL, &text, &len);
	if (result == 0)
		result = key_file_parse_secret(key, text, len, NULL, 0);
	if (text)
		sodium_memzero(text, len);
	memory_free(NULL, text);
	if (result == CAROUSEL_E_NEED_MORE)
		return cli_fail(cli, "%s: the key is under a passphrase", path);
	return result ? cli_fail(cli, "%s: %s", path, carousel_strerror(result)) : CLI_OK;
}

int verb_report(const struct cli *cli, int argc, char **argv)
{
	struct verb_where where = {0};
	const char *key_path = NULL;
	const struct cli_option options[] = {
		VERB_WHERE(&where),
		{"key", CLI_STRING, &key_path, 0, 0, "FILE", "sign with this key of the box's own"},
	};
	struct key_secret key = {0};
	struct box_report report;
	json_t *result = NULL;
	char *line = NULL;
	int status = cli_options(cli, options, 3, &argc, argv, 0, 0), error;
	if (status != CLI_OK)
		return status == CLI_HELP ? CLI_OK : status;
	status = key_path ? verb_load_key(cli, key_path, &key) : CLI_OK;
	if (status == CLI_OK)
		status = verb_ask(cli, &where, "status", NULL, &result);
	if (status == CLI_OK) {
		error = tell_report(result, &report);
		if (error == 0)
			error = tell_print(&report, key_path ? &key : NULL, &line);
		status = error ? cli_fail(cli, "%s", carousel_strerror(error)) : CLI_OK;
		if (line && (puts(line) < 0 || fflush(stdout) != 0))
			status = cli_fail(cli, "stdout: %s", carousel_strerror(CAROUSEL_E_IO));
	}
	key_secret_deinit(&key);
	memory_free(NULL, line);
	json_decref(result);
	return status;
}

static int verb_watch_events(const struct cli *cli, struct control_client *client, uint64_t count)
{
	static const char *const events[] = {"state", "decision", "offer", "progress", "reboot", "alarm", NULL};
	int result = control_client_subscribe(client, events, VERB_TIMEOUT_MS);
	for (uint64_t seen = 0; result == 0 && (count == 0 || seen < count); seen++) {
		json_t *status = NULL;
		char message[CONTROL_MESSAGE_BYTES];
		result = control_client_request(client, "status", NULL, VERB_TIMEOUT_MS, &status, message);
		if (result == 0)
			show_line(status, isatty(STDOUT_FILENO));
		json_decref(status);
		if (result == 0 && (count == 0 || seen + 1 < count)) {
			json_t *event = NULL;
			result = control_client_read_event(client, 1000, &event);
			json_decref(event);
			if (result == CAROUSEL_E_NEED_MORE)
				result = 0;
		}
	}
	if (isatty(STDOUT_FILENO))
		putchar('\n');
	return result ? cli_fail(cli, "%s", carousel_strerror(result)) : CLI_OK;
}

int verb_watch(const struct cli *cli, int argc, char **argv)
{
	struct verb_where where = {0};
	uint64_t count = 0;
	const struct cli_option options[] = {
		VERB_WHERE(&where),
		{"count", CLI_U64, &count, 1, 1000000, "N", "so many lines"},
	};
	struct control_client *client;
	int status = cli_options(cli, options, 3, &argc, argv, 0, 0);
	if (status != CLI_OK)
		return status == CLI_HELP ? CLI_OK : status;
	status = verb_resolve(cli, &where);
	if (status == CLI_OK && verb_open(cli, where.socket, &client) == 0) {
		status = verb_watch_events(cli, client, count);
		control_client_close(client);
	} else {
		status = CLI_FAILED;
	}
	verb_forget(&where);
	return status;
}

/* ---- wishes ---------------------------------------------------------------------------------------- */

static int verb_versioned(const struct cli *cli, int argc, char **argv)
{
	struct verb_where where = {0};
	json_t *result = NULL;
	char *end = NULL;
	unsigned long long version = 0;
	int status = verb_options(cli, &argc, argv, &where, NULL, 0, 1);
	if (status != CLI_OK)
		return status == CLI_HELP ? CLI_OK : status;
	if (argc > 1) {
		version = strtoull(argv[1], &end, 10);
		if (end == argv[1] || *end || version == 0 || version > UINT32_MAX)
			return cli_usage(cli, "%s is no version", argv[1]);
	}
	status = verb_ask(cli, &where, argv[0], json_pack("{s:I}", "version", (json_int_t)version), &result);
	json_decref(result);
	return status;
}

int verb_accept(const struct cli *cli, int argc, char **argv)
{
	return verb_versioned(cli, argc, argv);
}

int verb_decline(const struct cli *cli, int argc, char **argv)
{
	return verb_versioned(cli, argc, argv);
}

int verb_defer(const struct cli *cli, int argc, char **argv)
{
	struct verb_where where = {0};
	json_t *result = NULL;
	uint64_t ns;
	int status = verb_options(cli, &argc, argv, &where, NULL, 1, 1);
	if (status != CLI_OK)
		return status == CLI_HELP ? CLI_OK : status;
	if (units_parse_duration(argv[1], &ns) || ns < 1000000000u)
		return cli_usage(cli, "%s is no duration such as 30m, 2h or 3d", argv[1]);
	status = verb_ask(cli, &where, "defer", json_pack("{s:I}", "seconds", (json_int_t)(ns / 1000000000u)), &result);
	json_decref(result);
	return status;
}

int verb_simple(const struct cli *cli, int argc, char **argv)
{
	struct verb_where where = {0};
	json_t *result = NULL;
	int status = verb_options(cli, &argc, argv, &where, NULL, 0, 0);
	if (status != CLI_OK)
		return status == CLI_HELP ? CLI_OK : status;
	status = verb_ask(cli, &where, argv[0], NULL, &result);
	json_decref(result);
	return status;
}

/* Holds the lock by holding the connection while the command runs. */
static int verb_run_command(const struct cli *cli, char **argv)
{
	int status = 0, error;
	pid_t pid;
	error = posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ);
	if (error)
		return cli_fail(cli, "%s: %s", argv[0], strerror(error));
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return cli_fail(cli, "%s: %s", argv[0], strerror(errno));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Where the command begins: its options are its own. */
static int verb_command_at(int argc, char **argv)
{
	int at = 1;
	while (at < argc && argv[at][0] == '-') {
		bool is_last = strcmp(argv[at], "--") == 0;
		at += strcmp(argv[at], "--socket") == 0 || strcmp(argv[at], "--config") == 0 ? 2 : 1;
		if (is_last)
			break;
	}
	return at < argc ? at : argc;
}

int verb_inhibit(const struct cli *cli, int argc, char **argv)
{
	struct verb_where where = {0};
	char message[CONTROL_MESSAGE_BYTES] = "";
	struct control_client *client;
	json_t *result = NULL;
	int at = verb_command_at(argc, argv), own = at, status;
	status = verb_options(cli, &own, argv, &where, NULL, 0, 0);
	if (status == CLI_OK && at == argc)
		status = cli_usage(cli, "a command is needed");
	if (status != CLI_OK)
		return status == CLI_HELP ? CLI_OK : status;
	status = verb_resolve(cli, &where);
	if (status != CLI_OK || verb_open(cli, where.socket, &client)) {
		verb_forget(&where);
		return CLI_FAILED;
	}
	status = control_client_request(client, "inhibit", NULL, VERB_TIMEOUT_MS, &result, message);
	json_decref(result);
	status = status ? cli_fail(cli, "%s", message[0] ? message : carousel_strerror(status))
			: verb_run_command(cli, argv + at);
	control_client_close(client);
	verb_forget(&where);
	return status;
}
