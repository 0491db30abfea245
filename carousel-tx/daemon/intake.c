#include "carousel-tx/daemon/intake.h"

#include "common/carousel_error.h"
#include "common/io/file.h"
#include "policy-map/chunk_index.h"
#include "policy-map/files/copy_map_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COPY_BYTES (1u << 20)
#define FILE_MODE  0644

static int fail_path(struct catalogue_error *error, int code, const char *path)
{
	return tx_catalogue_fail(error, code, "%s: %s", path, carousel_strerror(code));
}

struct copy {
	int in, out;
	struct hash_stream hash;
	struct chunk_index_builder *index;
	uint8_t *buffer;
};

/* *is_source: what failed was reading. */
static int copy_all(struct copy *copy, uint64_t bytes, bool *is_source)
{
	for (uint64_t offset = 0; offset < bytes;) {
		size_t len = bytes - offset < COPY_BYTES ? (size_t)(bytes - offset) : COPY_BYTES;
		int result = file_pread(copy->in, copy->buffer, len, offset);
		*is_source = result != 0;
		if (result == 0)
			result = file_write(copy->out, copy->buffer, len);
		if (result == 0)
			result = hash_stream_update(&copy->hash, copy->buffer, len);
		if (result == 0)
			result = chunk_index_builder_push(copy->index, copy->buffer, len);
		if (result)
			return result;
		offset += len;
	}
	return 0;
}

int intake_write(const char *dir, const char *name, const void *data, size_t len)
{
	char path[PATH_MAX];
	int fd, result = tx_catalogue_path(path, dir, name);
	if (result)
		return result;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);
	if (fd < 0)
		return file_error(errno);
	result = file_write(fd, data, len);
	if (result == 0)
		result = file_sync(fd);
	close(fd);
	return result;
}

/* ---- copy maps ------------------------------------------------------------------------------------------------ */

/* The index of the image that was copied in, and where to. */
struct copied {
	const char *staging;
	const struct manifest *manifest;
	const uint8_t *index;
	size_t index_len;
};

/* Makes the copy map from one older image. *is_it: it is the image that the manifest names. */
static int make_from(const struct copied *copied, const struct manifest_copy_map *map, const char *from_path,
	bool *is_it, struct catalogue_error *error)
{
	char name[CATALOGUE_COPY_MAP_NAME_BYTES];
	struct copy_map_builder *builder;
	struct copy_map_header header;
	uint8_t sha256[HASH_SHA256_BYTES];
	const uint8_t *file;
	size_t len;
	int result = copy_map_file_build(
		copied->index, copied->index_len, copied->manifest->sha256, from_path, &builder, &file, &len, &header);
	if (result)
		return fail_path(error, result, from_path);
	*is_it = memcmp(header.from_sha256, map->from_sha256, sizeof header.from_sha256) == 0;
	result = *is_it ? hash_sha256(file, len, sha256) : 0;
	if (*is_it && result == 0 && memcmp(sha256, map->sha256, sizeof sha256) != 0)
		result = tx_catalogue_fail(error, CAROUSEL_E_DIGEST,
			"%s: the copy map from it is not the one that the manifest names for version %" PRIu32,
			from_path, map->from_version);
	else if (*is_it && result == 0)
		result = intake_write(copied->staging, tx_catalogue_copy_map_name(name, map->from_version), file, len);
	if (result && error->code == 0)
		fail_path(error, result, copied->staging);
	copy_map_builder_free(builder);
	return result;
}

/* Looks among the images that the operator named. */
static int make_from_list(const struct copied *copied, const struct manifest_copy_map *map, const char *list,
	struct catalogue_error *error)
{
	bool is_it = false;
	while (list && *list && !is_it) {
		char path[PATH_MAX];
		size_t len = strcspn(list, ",");
		int result;
		if (len >= sizeof path)
			return tx_catalogue_fail(error, CAROUSEL_E_ARGUMENT, "--from: too long");
		memcpy(path, list, len);
		path[len] = '\0';
		result = make_from(copied, map, path, &is_it, error);
		if (result)
			return result;
		list += len + (list[len] == ',');
	}
	return is_it ? 0
		     : tx_catalogue_fail(error, CAROUSEL_E_NOT_FOUND,
			       "the manifest names a copy map from version %" PRIu32
			       ", whose image is not catalogued: give it with --from",
			       map->from_version);
}

static int make_copy_maps(
	const struct copied *copied, const struct catalogue *catalogue, const char *from, struct catalogue_error *error)
{
	for (unsigned i = 0; i < copied->manifest->num_copy_maps; i++) {
		const struct manifest_copy_map *map = &copied->manifest->copy_maps[i];
		bool is_catalogued = tx_catalogue_find_digest(catalogue, map->from_sha256) != NULL, is_it = false;
		char path[PATH_MAX];
		int result = tx_catalogue_object_path(path, catalogue->dir, map->from_sha256, "image");
		if (result)
			return fail_path(error, result, catalogue->dir);
		result = is_catalogued ? make_from(copied, map, path, &is_it, error) : 0;
		if (result == 0 && !is_it)
			result = make_from_list(copied, map, from, error);
		if (result)
			return result;
	}
	return 0;
}

/* ---- the image -------------------------------------------------------------------------------------------------- */

static int check_copy(struct copy *copy, const struct manifest *manifest, const char *staging, const char *image_path,
	const struct catalogue *catalogue, const char *from, struct catalogue_error *error)
{
	uint8_t sha256[HASH_SHA256_BYTES];
	const uint8_t *index;
	size_t index_len;
	int result = hash_stream_final(&copy->hash, sha256);
	if (result == 0 && memcmp(sha256, manifest->sha256, sizeof sha256) != 0)
		return tx_catalogue_fail(error, CAROUSEL_E_DIGEST, "%s: its SHA-256 is not the manifest's", image_path);
	if (result == 0)
		result = chunk_index_builder_finish(copy->index, &index, &index_len);
	if (result == 0)
		result = hash_sha256(index, index_len, sha256);
	if (result == 0 &&
		(index_len != manifest->index_bytes || memcmp(sha256, manifest->index_sha256, sizeof sha256) != 0))
		return tx_catalogue_fail(error, CAROUSEL_E_DIGEST, "%s: its index is not the manifest's", image_path);
	if (result == 0)
		result = intake_write(staging, "index", index, index_len);
	if (result)
		return fail_path(error, result, staging);
	return make_copy_maps(&(struct copied){staging, manifest, index, index_len}, catalogue, from, error);
}

int intake_copy(const char *staging, const struct catalogue *catalogue, const struct change_publication *what,
	const struct manifest *manifest, struct catalogue_error *error)
{
	const char *image_path = what->image;
	struct copy copy = {.in = -1, .out = -1};
	char path[PATH_MAX];
	uint64_t bytes = 0;
	bool is_source = false;
	int result = tx_catalogue_path(path, staging, "image");
	if (result == 0)
		result = hash_stream_init(&copy.hash);
	if (result)
		return fail_path(error, result, staging);
	copy.buffer = malloc(COPY_BYTES);
	copy.in = open(image_path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	result = copy.in < 0 ? file_error(errno) : file_size(copy.in, &bytes);
	if (result) {
		fail_path(error, result, image_path);
		goto out;
	}
	if (bytes != manifest->layout.image_bytes) {
		result =
			tx_catalogue_fail(error, CAROUSEL_E_DIGEST, "%s: %" PRIu64 " bytes, the manifest says %" PRIu64,
				image_path, bytes, manifest->layout.image_bytes);
		goto out;
	}
	copy.out = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);
	result = copy.out < 0 ? file_error(errno) : chunk_index_builder_new(NULL, bytes, &copy.index);
	if (result == 0)
		result = copy.buffer ? copy_all(&copy, bytes, &is_source) : CAROUSEL_E_MEMORY;
	if (result == 0)
		result = file_sync(copy.out);
	if (result)
		fail_path(error, result, is_source ? image_path : path);
	else
		result = check_copy(&copy, manifest, staging, image_path, catalogue, what->from, error);
out:
	if (copy.in >= 0)
		close(copy.in);
	if (copy.out >= 0)
		close(copy.out);
	chunk_index_builder_free(copy.index);
	hash_stream_deinit(&copy.hash);
	free(copy.buffer);
	return result;
}
