#include "policy-map/cli/check.h"

#include "common/carousel_error.h"
#include "policy-map/cli/linting.h"
#include "policy-map/heartbeat.h"
#include "policy-map/schedule.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *type, *role;
} roles[] = {
	{ENVELOPE_TYPE_ROOT, TRUST_ROLE_ROOT},
	{ENVELOPE_TYPE_MAP, TRUST_ROLE_MAP},
	{ENVELOPE_TYPE_MANIFEST, TRUST_ROLE_IMAGE},
	{ENVELOPE_TYPE_HEARTBEAT, TRUST_ROLE_HEARTBEAT},
	{ENVELOPE_TYPE_SCHEDULE, TRUST_ROLE_HEARTBEAT},
};

const char *check_role_of(const char *payload_type)
{
	for (size_t i = 0; payload_type && i < sizeof roles / sizeof *roles; i++) {
		if (strcmp(payload_type, roles[i].type) == 0)
			return roles[i].role;
	}
	return NULL;
}

static int check_map(const struct cli *cli, const char *path, const struct document *d, const char *previous_path,
	char **payload, size_t *len)
{
	struct linting l = {.previous_path = previous_path, .errors_only = true};
	int result = linting_run(cli, path, d, &l);
	if (result != CLI_OK)
		return result;
	if (l.errors)
		return cli_fail(cli, "%s: %u errors", path, l.errors);
	*payload = memory_copy_string(NULL, (const char *)d->payload, d->payload_len);
	*len = d->payload_len;
	return *payload ? CLI_OK : cli_fail(cli, "%s", carousel_strerror(CAROUSEL_E_MEMORY));
}

static int print_heartbeat(const struct document *d, char **payload, size_t *len)
{
	struct heartbeat h;
	int result = heartbeat_parse(&h, d->payload, d->payload_len);
	*payload = memory_alloc(NULL, HEARTBEAT_MAX_BYTES, 1);
	if (*payload == NULL)
		return CAROUSEL_E_MEMORY;
	return result ? result : heartbeat_print(&h, *payload, HEARTBEAT_MAX_BYTES, len);
}

static int print_schedule(const struct document *d, char **payload, size_t *len)
{
	struct schedule s;
	int result = schedule_parse(NULL, &s, d->payload, d->payload_len);
	if (result)
		return result;
	result = schedule_print(NULL, &s, payload, len);
	schedule_deinit(NULL, &s);
	return result;
}

static int print_manifest(const struct document *d, char **payload, size_t *len)
{
	struct manifest m;
	int result = manifest_parse(&m, d->payload, d->payload_len, NULL);
	return result ? result : manifest_print(NULL, &m, payload, len);
}

static int print_root(const struct document *d, char **payload, size_t *len)
{
	struct trust_root root;
	int result = trust_root_parse(&root, d->payload, d->payload_len);
	return result ? result : trust_root_print(NULL, &root, payload, len);
}

static int print_again(const struct document *d, char **payload, size_t *len)
{
	if (strcmp(d->type, ENVELOPE_TYPE_ROOT) == 0)
		return print_root(d, payload, len);
	if (strcmp(d->type, ENVELOPE_TYPE_MANIFEST) == 0)
		return print_manifest(d, payload, len);
	if (strcmp(d->type, ENVELOPE_TYPE_HEARTBEAT) == 0)
		return print_heartbeat(d, payload, len);
	return print_schedule(d, payload, len);
}

/* The name of a member of `given` that is not in `known`, or that was changed by reading it; NULL: none. */
static const char *find_lost(const json_t *given, const json_t *known, const char *name)
{
	const char *key, *lost = NULL;
	const json_t *item;
	json_t *value;
	size_t i;
	if (known == NULL || json_typeof(given) != json_typeof(known))
		return name;
	if (json_is_object(given)) {
		json_object_foreach((json_t *)(uintptr_t)given, key, value)
		{
			if (lost == NULL)
				lost = find_lost(value, json_object_get(known, key), key);
		}
		return lost;
	}
	if (json_is_array(given)) {
		if (json_array_size(given) != json_array_size(known))
			return name;
		json_array_foreach(given, i, item)
		{
			if (lost == NULL)
				lost = find_lost(item, json_array_get(known, i), name);
		}
		return lost;
	}
	return json_equal(given, known) ? NULL : name;
}

static int check_members(
	const struct cli *cli, const char *path, const struct document *d, const char *payload, size_t len)
{
	json_t *given = NULL, *known = NULL;
	const char *lost = "(document)";
	int result = CLI_OK;
	if (json_fields_load(d->payload, d->payload_len, ENVELOPE_MAX_BYTES, &given) == 0 &&
		json_fields_load(payload, len, ENVELOPE_MAX_BYTES, &known) == 0)
		lost = find_lost(given, known, "(document)");
	if (lost)
		result = cli_fail(cli, "%s: member \"%.64s\" is not known, and boxes would skip it", path, lost);
	json_decref(given);
	json_decref(known);
	return result;
}

int check_document(const struct cli *cli, const char *path, const struct document *d, const char *previous_path,
	char **payload, size_t *len)
{
	int result;
	*payload = NULL;
	if (check_role_of(d->type) == NULL)
		return cli_fail(cli, "%s: no map, manifest, root, heartbeat or schedule", path);
	if (strcmp(d->type, ENVELOPE_TYPE_MAP) == 0)
		return check_map(cli, path, d, previous_path, payload, len);
	result = print_again(d, payload, len);
	if (result)
		result = cli_fail(cli, "%s: %s", path, carousel_strerror(result));
	else
		result = check_members(cli, path, d, *payload, *len);
	if (result != CLI_OK) {
		memory_free(NULL, *payload);
		*payload = NULL;
	}
	return result;
}
