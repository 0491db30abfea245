#include "policy-map/cli/catalogue.h"

#include "common/carousel_error.h"
#include "common/io/file.h"
#include "policy-map/cli/document.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int add_file(const struct cli *cli, struct catalogue *c, const struct trust *trust, const char *path)
{
	struct catalogue_entry *entry;
	struct document d;
	int result = document_load(cli, path, &d), error;
	if (result != CLI_OK)
		return result;
	entry = memory_alloc(NULL, 1, sizeof *entry);
	error = memory_grow(NULL, (void **)&c->entries, &c->cap, c->count, sizeof *c->entries, CATALOGUE_MAX_MANIFESTS);
	if (entry == NULL)
		error = CAROUSEL_E_MEMORY;
	if (error == 0 && (d.type == NULL || strcmp(d.type, ENVELOPE_TYPE_MANIFEST) != 0))
		error = CAROUSEL_E_WRONG_TYPE;
	if (error == 0)
		error = manifest_parse(&entry->manifest, d.payload, d.payload_len, NULL);
	if (error == 0)
		error = hash_sha256(d.payload, d.payload_len, entry->sha256);
	if (error == 0)
		entry->is_signed =
			trust && d.is_envelope && trust_root_verify(&trust->root, TRUST_ROLE_IMAGE, &d.envelope) == 0;
	document_deinit(&d);
	if (error) {
		memory_free(NULL, entry);
		return cli_fail(cli, "%s: %s", path, carousel_strerror(error));
	}
	c->entries[c->count++] = entry;
	return CLI_OK;
}

static bool ends_with(const char *name, const char *end)
{
	size_t len = strlen(name), end_len = strlen(end);
	return len >= end_len && strcmp(name + len - end_len, end) == 0;
}

static int add_entry(const struct cli *cli, struct catalogue *c, const struct trust *trust, const char *dir,
	const char *name, bool is_objects)
{
	char path[4096];
	int n = snprintf(path, sizeof path, is_objects ? "%s/%s/manifest.dsse" : "%s/%s", dir, name);
	if (name[0] == '.' || (!is_objects && !ends_with(name, ".dsse") && !ends_with(name, ".manifest")))
		return CLI_OK;
	if (n < 0 || (size_t)n >= sizeof path)
		return cli_fail(cli, "%s: the path is too long", dir);
	if (is_objects && access(path, F_OK) != 0)
		return CLI_OK;
	return add_file(cli, c, trust, path);
}

int catalogue_load(const struct cli *cli, const char *dir, const struct trust *trust, struct catalogue *c)
{
	char objects[4096];
	bool is_objects;
	struct dirent *item;
	DIR *handle;
	int result = CLI_OK;
	memset(c, 0, sizeof *c);
	if (snprintf(objects, sizeof objects, "%s/objects", dir) >= (int)sizeof objects)
		return cli_fail(cli, "%s: the path is too long", dir);
	is_objects = access(objects, F_OK) == 0;
	handle = opendir(is_objects ? objects : dir);
	if (handle == NULL)
		return cli_fail(cli, "%s: %s", dir, carousel_strerror(file_error(errno)));
	while (result == CLI_OK && (item = readdir(handle)) != NULL)
		result = add_entry(cli, c, trust, is_objects ? objects : dir, item->d_name, is_objects);
	closedir(handle);
	if (result != CLI_OK)
		catalogue_deinit(c);
	return result;
}

void catalogue_deinit(struct catalogue *c)
{
	for (size_t i = 0; i < c->count; i++)
		memory_free(NULL, c->entries[i]);
	memory_free(NULL, c->entries);
	memset(c, 0, sizeof *c);
}

const struct catalogue_entry *catalogue_find(const struct catalogue *c, const uint8_t sha256[HASH_SHA256_BYTES])
{
	const struct catalogue_entry *found = NULL;
	for (size_t i = 0; i < c->count && (found == NULL || !found->is_signed); i++) {
		if (memcmp(c->entries[i]->sha256, sha256, HASH_SHA256_BYTES) == 0)
			found = c->entries[i];
	}
	return found;
}
