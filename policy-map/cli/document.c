#include "policy-map/cli/document.h"

#include "common/carousel_error.h"
#include "common/io/file.h"
#include "policy-map/schedule.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int read_stdin(size_t limit, char **text, size_t *len)
{
	size_t cap = 0;
	*text = NULL;
	*len = 0;
	for (;;) {
		size_t got;
		int result = memory_grow(NULL, (void **)text, &cap, *len, 1, limit + 1);
		if (result == 0 && cap - *len > 1) {
			got = fread(*text + *len, 1, cap - *len - 1, stdin);
			*len += got;
			(*text)[*len] = '\0';
			if (got == 0)
				return ferror(stdin) ? CAROUSEL_E_IO : 0;
			if (cap - *len > 1)
				continue;
			result = *len >= limit ? CAROUSEL_E_LIMIT
					       : memory_grow(NULL, (void **)text, &cap, cap, 1, limit + 1);
		}
		if (result) {
			memory_free(NULL, *text);
			*text = NULL;
			return result;
		}
	}
}

int document_read(const struct cli *cli, const char *path, size_t limit, char **text, size_t *len)
{
	int result = strcmp(path, "-") == 0 ? read_stdin(limit, text, len) : file_read(path, limit, NULL, text, len);
	if (result == CAROUSEL_E_ARGUMENT)
		return cli_fail(cli, "%s: this is no regular file", path);
	if (result == CAROUSEL_E_LIMIT)
		return cli_fail(cli, "%s: more than %zu bytes", path, limit);
	return result ? cli_fail(cli, "%s: %s", path, carousel_strerror(result)) : CLI_OK;
}

/* Bare texts tell their kind by their beginning. */
static const char *guess_type(const char *text, size_t len)
{
	const char *type = NULL;
	json_t *json;
	if (len >= 12 && memcmp(text, "carousel-map", 12) == 0)
		return ENVELOPE_TYPE_MAP;
	if (json_fields_load(text, len, SCHEDULE_MAX_BYTES, &json) != 0)
		return NULL;
	if (json_object_get(json, "payload"))
		type = NULL;
	else if (json_object_get(json, "roles"))
		type = ENVELOPE_TYPE_ROOT;
	else if (json_object_get(json, "layout"))
		type = ENVELOPE_TYPE_MANIFEST;
	else if (json_object_get(json, "map_sha256"))
		type = ENVELOPE_TYPE_HEARTBEAT;
	else if (json_object_get(json, "objects"))
		type = ENVELOPE_TYPE_SCHEDULE;
	json_decref(json);
	return type;
}

int document_load(const struct cli *cli, const char *path, struct document *d)
{
	int result;
	memset(d, 0, sizeof *d);
	if (document_read(cli, path, ENVELOPE_MAX_BYTES, &d->text, &d->len) != CLI_OK)
		return CLI_FAILED;
	d->type = guess_type(d->text, d->len);
	d->payload = (const uint8_t *)d->text;
	d->payload_len = d->len;
	if (d->type || d->len == 0 || d->text[0] != '{')
		return CLI_OK;
	result = envelope_parse(NULL, &d->envelope, d->text, d->len);
	if (result) {
		document_deinit(d);
		return cli_fail(
			cli, "%s: no envelope and no document of a known kind: %s", path, carousel_strerror(result));
	}
	d->is_envelope = true;
	d->type = d->envelope.type;
	d->payload = d->envelope.payload;
	d->payload_len = d->envelope.payload_len;
	return CLI_OK;
}

void document_deinit(struct document *d)
{
	envelope_deinit(NULL, &d->envelope);
	memory_free(NULL, d->text);
	memset(d, 0, sizeof *d);
}

int document_write(const struct cli *cli, const char *path, const void *data, size_t len, unsigned mode)
{
	int result;
	if (strcmp(path, "-") == 0)
		return fwrite(data, 1, len, stdout) == len && fflush(stdout) == 0
			       ? CLI_OK
			       : cli_fail(cli, "stdout: %s", carousel_strerror(CAROUSEL_E_IO));
	result = file_replace(path, data, len, mode);
	return result ? cli_fail(cli, "%s: %s", path, carousel_strerror(result)) : CLI_OK;
}

/* The folder of a path and the name in it: a file that is not there yet has no more. */
static bool find_folder(const char *path, struct stat *folder, const char **name)
{
	const char *slash = strrchr(path, '/');
	char text[4096];
	*name = slash ? slash + 1 : path;
	if (snprintf(text, sizeof text, "%.*s", slash ? (int)(slash - path + 1) : 1, slash ? path : ".") >=
		(int)sizeof text)
		return false;
	return stat(text, folder) == 0;
}

static bool is_same_file(const char *a, const char *b)
{
	const char *name_a, *name_b;
	struct stat x, y;
	if (stat(a, &x) == 0 && stat(b, &y) == 0)
		return x.st_dev == y.st_dev && x.st_ino == y.st_ino;
	return find_folder(a, &x, &name_a) && find_folder(b, &y, &name_b) && strcmp(name_a, name_b) == 0 &&
	       x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

int document_check_out(const struct cli *cli, const char *out, const struct document_other *others, size_t count)
{
	char temporary[4096];
	struct stat there;
	if (strcmp(out, "-") == 0)
		return CLI_OK;
	if (snprintf(temporary, sizeof temporary, "%s.tmp", out) >= (int)sizeof temporary)
		return cli_usage(cli, "%s: the path is too long", out);
	if (stat(out, &there) == 0 && !S_ISREG(there.st_mode))
		return cli_fail(
			cli, "%s: what is there is no regular file, and one would take its place; - is stdout", out);
	for (const struct document_other *o = others; o < others + count; o++) {
		if (o->path == NULL || strcmp(o->path, "-") == 0)
			continue;
		if (!o->is_edited && is_same_file(out, o->path))
			return cli_usage(cli, "%s: %s is this very file, which would be overwritten", out, o->name);
		if (is_same_file(temporary, o->path))
			return cli_usage(
				cli, "%s: %s is %s, which writing it would overwrite", out, o->name, temporary);
	}
	return CLI_OK;
}

int document_check_stdout(const struct cli *cli, bool json, const char *out, const char *what)
{
	if (!json || out == NULL || strcmp(out, "-") != 0)
		return CLI_OK;
	return cli_usage(cli, "--json and %s do not both go to stdout", what);
}

int document_write_envelope(const struct cli *cli, const char *path, const struct envelope *e)
{
	char *text;
	size_t len;
	int result = envelope_print(NULL, e, &text, &len);
	if (result)
		return cli_fail(cli, "%s: %s", path, carousel_strerror(result));
	result = document_write(cli, path, text, len, 0644);
	memory_free(NULL, text);
	return result;
}

int document_say_error(const struct cli *cli, const char *path, const struct policy_map_error *e)
{
	cli_say(cli, "%s:%u:%u: error: %s", path, e->line ? e->line : 1, e->column ? e->column : 1, e->message);
	return CLI_FAILED;
}

int document_parse_map(
	const struct cli *cli, const char *path, const struct document *d, bool strict, struct policy_map **map)
{
	const struct policy_map_options options = {.strict = strict};
	struct policy_map_error e;
	*map = NULL;
	if (d->type == NULL || strcmp(d->type, ENVELOPE_TYPE_MAP) != 0)
		return cli_fail(cli, "%s: this is no map", path);
	if (policy_map_parse(NULL, (const char *)d->payload, d->payload_len, &options, map, &e) == 0)
		return CLI_OK;
	return document_say_error(cli, path, &e);
}

int document_load_map(const struct cli *cli, const char *path, bool strict, struct policy_map **map)
{
	struct document d;
	int result = document_load(cli, path, &d);
	if (result != CLI_OK)
		return result;
	result = document_parse_map(cli, path, &d, strict, map);
	document_deinit(&d);
	return result;
}

/* Every link from the first on, so that a broken chain is found by the tool and not by the boxes. */
static int load_chain(const char *text, size_t len, struct trust *trust)
{
	struct envelope first;
	const char *line, *rest = text;
	size_t line_len, rest_len = len;
	unsigned taken;
	int result = envelope_next_line(&rest, &rest_len, &line, &line_len);
	if (result == 0)
		result = envelope_parse(NULL, &first, line, line_len);
	if (result)
		return result;
	result = trust_init(trust, &first);
	envelope_deinit(NULL, &first);
	return result ? result : trust_update_chain(NULL, trust, rest, rest_len, &taken);
}

int document_load_trust(const struct cli *cli, const char *path, struct trust *trust)
{
	char *text;
	size_t len;
	int result;
	if (document_read(cli, path, ENVELOPE_MAX_BYTES, &text, &len) != CLI_OK)
		return CLI_FAILED;
	result = load_chain(text, len, trust);
	memory_free(NULL, text);
	return result ? cli_fail(cli, "%s: %s", path, carousel_strerror(result)) : CLI_OK;
}

json_t *document_json_path(const char *path)
{
	char *copy = memory_copy_string(NULL, path, strlen(path));
	json_t *json = NULL;
	if (copy) {
		json_fields_make_utf8(copy);
		json = json_string(copy);
	}
	memory_free(NULL, copy);
	return json;
}
