#include "carousel-tx/daemon/catalogue.h"

#include "common/carousel_error.h"
#include "common/config.h"
#include "common/envelope.h"
#include "common/io/file.h"
#include "policy-map/copy_map.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STATE_MAX_BYTES 4096u
#define MAX_WEIGHT      1000u
#define COPY_BYTES      (1u << 20)

int tx_catalogue_fail(struct catalogue_error *error, int code, const char *format, ...)
{
	va_list args;
	error->code = code;
	va_start(args, format);
	vsnprintf(error->message, sizeof error->message, format, args);
	va_end(args);
	return code;
}

int tx_catalogue_path(char path[PATH_MAX], const char *dir, const char *name)
{
	int len = snprintf(path, PATH_MAX, "%s/%s", dir, name);
	return len > 0 && len < PATH_MAX ? 0 : CAROUSEL_E_ARGUMENT;
}

int tx_catalogue_object_path(
	char path[PATH_MAX], const char *dir, const uint8_t sha256[HASH_SHA256_BYTES], const char *name)
{
	char digest[HASH_SHA256_HEX + 1];
	int len = snprintf(path, PATH_MAX, "%s/objects/%s%s%s", dir, hash_hex(digest, sha256, HASH_SHA256_BYTES),
		name ? "/" : "", name ? name : "");
	return len > 0 && len < PATH_MAX ? 0 : CAROUSEL_E_ARGUMENT;
}

int tx_catalogue_verify(const struct trust *trust, const char *role, const char *type, const char *text, size_t len,
	struct envelope *envelope, const uint8_t **payload, size_t *payload_len)
{
	int result = envelope_parse(NULL, envelope, text, len);
	if (result)
		return result;
	result = trust_verify(trust, role, envelope, type, payload, payload_len);
	if (result)
		envelope_deinit(NULL, envelope);
	return result;
}

int tx_catalogue_stamp(int fd, struct catalogue_stamp *stamp)
{
	struct stat status;
	if (fstat(fd, &status))
		return file_error(errno);
	*stamp = (struct catalogue_stamp){status.st_dev, status.st_ino, status.st_size, status.st_mtim};
	return 0;
}

bool tx_catalogue_is_stamp(const struct catalogue_stamp *a, const struct catalogue_stamp *b)
{
	return a->device == b->device && a->inode == b->inode && a->bytes == b->bytes &&
	       a->modified.tv_sec == b->modified.tv_sec && a->modified.tv_nsec == b->modified.tv_nsec;
}

static int hash_file(int fd, uint64_t bytes, uint8_t sha256[HASH_SHA256_BYTES])
{
	struct hash_stream hash;
	uint8_t *buffer;
	uint64_t there = 0;
	int result = file_size(fd, &there);
	if (result == 0 && there != bytes)
		result = CAROUSEL_E_DIGEST;
	if (result)
		return result;
	result = hash_stream_init(&hash);
	if (result)
		return result;
	buffer = malloc(COPY_BYTES);
	if (buffer == NULL)
		result = CAROUSEL_E_MEMORY;
	for (uint64_t offset = 0; result == 0 && offset < bytes; offset += COPY_BYTES) {
		size_t len = bytes - offset < COPY_BYTES ? (size_t)(bytes - offset) : COPY_BYTES;
		result = file_pread(fd, buffer, len, offset);
		if (result == 0)
			result = hash_stream_update(&hash, buffer, len);
	}
	if (result == 0)
		result = hash_stream_final(&hash, sha256);
	hash_stream_deinit(&hash);
	free(buffer);
	return result;
}

int tx_catalogue_check_file(
	const char *path, uint64_t bytes, const uint8_t wanted[HASH_SHA256_BYTES], struct catalogue_error *error)
{
	uint8_t sha256[HASH_SHA256_BYTES];
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC),
	    result = fd < 0 ? file_error(errno) : hash_file(fd, bytes, sha256);
	if (fd >= 0)
		close(fd);
	if (result == 0 && memcmp(sha256, wanted, sizeof sha256) != 0)
		result = CAROUSEL_E_DIGEST;
	return result ? tx_catalogue_fail(error, result, "%s: %s", path, carousel_strerror(result)) : 0;
}

/* One file of an object. */
static int check_file(const struct catalogue *c, const struct catalogue_object *object, const char *name,
	uint64_t bytes, const uint8_t wanted[HASH_SHA256_BYTES], struct catalogue_error *error)
{
	char path[PATH_MAX];
	int result = tx_catalogue_object_path(path, c->dir, object->manifest.sha256, name);
	return result ? tx_catalogue_fail(error, result, "%s: %s", path, carousel_strerror(result))
		      : tx_catalogue_check_file(path, bytes, wanted, error);
}

int tx_catalogue_check_files(
	const struct catalogue *c, const struct catalogue_object *object, struct catalogue_error *error)
{
	const struct manifest *m = &object->manifest;
	char name[CATALOGUE_COPY_MAP_NAME_BYTES];
	int result = check_file(c, object, "image", m->layout.image_bytes, m->sha256, error);
	if (result == 0)
		result = check_file(c, object, "index", m->index_bytes, m->index_sha256, error);
	for (unsigned i = 0; result == 0 && i < m->num_copy_maps; i++)
		result = check_file(c, object, tx_catalogue_copy_map_name(name, m->copy_maps[i].from_version),
			object->copy_map_bytes[i], m->copy_maps[i].sha256, error);
	return result;
}

static int check_size(const char *path, uint64_t wanted, struct catalogue_stamp *stamp, struct catalogue_error *error)
{
	uint64_t bytes = 0;
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC), result;
	if (fd < 0)
		return tx_catalogue_fail(error, file_error(errno), "%s: %s", path, strerror(errno));
	result = file_size(fd, &bytes);
	if (result == 0 && stamp)
		result = tx_catalogue_stamp(fd, stamp);
	close(fd);
	if (result)
		return tx_catalogue_fail(error, result, "%s: %s", path,
			result == CAROUSEL_E_ARGUMENT ? "not a regular file" : carousel_strerror(result));
	if (bytes != wanted)
		return tx_catalogue_fail(error, CAROUSEL_E_DIGEST, "%s: %llu bytes, the manifest says %llu", path,
			(unsigned long long)bytes, (unsigned long long)wanted);
	return 0;
}

static int load_state(struct catalogue_object *object, const char *path, struct catalogue_error *error)
{
	struct config *config = NULL;
	struct config_section *s;
	char *text;
	size_t len;
	int result = file_read(path, STATE_MAX_BYTES, NULL, &text, &len);
	if (result)
		return tx_catalogue_fail(error, result, "%s: %s", path, carousel_strerror(result));
	result = config_parse(&config, NULL, text, len, path);
	if (result == 0) {
		s = config_section(config, "image", NULL);
		object->published_s = config_u64(s, "published", 0, 0, INT64_MAX);
		object->weight = (uint32_t)config_u64(s, "weight", 1, 1, MAX_WEIGHT);
		result = config_end(config);
	}
	if (result)
		tx_catalogue_fail(error, result, "%s", config ? config_error(config) : carousel_strerror(result));
	config_free(config);
	free(text);
	return result;
}

static int load_manifest(const struct catalogue *c, struct catalogue_object *object,
	const uint8_t sha256[HASH_SHA256_BYTES], struct catalogue_error *error)
{
	struct envelope envelope;
	const uint8_t *payload;
	size_t payload_len;
	char path[PATH_MAX];
	int result = tx_catalogue_object_path(path, c->dir, sha256, "manifest.dsse");
	if (result == 0)
		result = file_read(path, 2 * MANIFEST_MAX_BYTES, NULL, &object->envelope, &object->envelope_len);
	if (result == 0)
		result = tx_catalogue_verify(&c->trust, TRUST_ROLE_IMAGE, ENVELOPE_TYPE_MANIFEST, object->envelope,
			object->envelope_len, &envelope, &payload, &payload_len);
	if (result)
		return tx_catalogue_fail(error, result, "%s: %s", path, carousel_strerror(result));
	result = manifest_parse(&object->manifest, payload, payload_len, NULL);
	if (result == 0)
		result = hash_sha256(payload, payload_len, object->manifest_sha256);
	if (result == 0 && memcmp(object->manifest.sha256, sha256, HASH_SHA256_BYTES) != 0)
		result = CAROUSEL_E_DIGEST;
	envelope_deinit(NULL, &envelope);
	if (result)
		return tx_catalogue_fail(error, result, "%s: %s", path, carousel_strerror(result));
	return 0;
}

const char *tx_catalogue_copy_map_name(char name[CATALOGUE_COPY_MAP_NAME_BYTES], uint32_t from_version)
{
	snprintf(name, CATALOGUE_COPY_MAP_NAME_BYTES, "copy-map-%" PRIu32, from_version);
	return name;
}

/* Its header and its length; its digest was compared when it came in, like that of the image. */
static int load_copy_map(
	const struct catalogue *c, struct catalogue_object *object, unsigned i, struct catalogue_error *error)
{
	const struct manifest_copy_map *map = &object->manifest.copy_maps[i];
	char path[PATH_MAX], name[CATALOGUE_COPY_MAP_NAME_BYTES];
	uint8_t bytes[COPY_MAP_HEADER_BYTES];
	struct copy_map_header header;
	int fd = -1, result = tx_catalogue_object_path(path, c->dir, object->manifest.sha256,
			     tx_catalogue_copy_map_name(name, map->from_version));
	if (result == 0) {
		fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		result = fd < 0 ? file_error(errno) : file_pread(fd, bytes, sizeof bytes, 0);
	}
	if (result == 0)
		result = copy_map_decode_header(bytes, &header);
	if (fd >= 0)
		close(fd);
	if (result == 0 && (memcmp(header.image_sha256, object->manifest.sha256, HASH_SHA256_BYTES) != 0 ||
				   memcmp(header.from_sha256, map->from_sha256, HASH_SHA256_BYTES) != 0))
		result = CAROUSEL_E_DIGEST;
	if (result)
		return tx_catalogue_fail(error, result, "%s: %s", path, carousel_strerror(result));
	object->copy_map_bytes[i] = copy_map_bytes(header.num_runs);
	return check_size(path, object->copy_map_bytes[i], NULL, error);
}

static void object_free(struct catalogue_object *object)
{
	if (object)
		free(object->envelope);
	free(object);
}

/* The file that a daemon has open was compared when it was published; another one in its place was not. */
static bool is_held(const struct catalogue *before, const struct catalogue_object *object)
{
	const struct catalogue_object *held = tx_catalogue_find_digest(before, object->manifest.sha256);
	return held && tx_catalogue_is_stamp(&held->stamp, &object->stamp);
}

static int load_object(const struct catalogue *c, const struct catalogue *before,
	const uint8_t sha256[HASH_SHA256_BYTES], struct catalogue_object **out, struct catalogue_error *error)
{
	struct catalogue_object *object = calloc(1, sizeof *object);
	char path[PATH_MAX];
	int result;
	if (object == NULL)
		return tx_catalogue_fail(error, CAROUSEL_E_MEMORY, "%s", carousel_strerror(CAROUSEL_E_MEMORY));
	result = load_manifest(c, object, sha256, error);
	if (result == 0 && tx_catalogue_object_path(path, c->dir, sha256, "image") == 0)
		result = check_size(path, object->manifest.layout.image_bytes, &object->stamp, error);
	if (result == 0 && tx_catalogue_object_path(path, c->dir, sha256, "index") == 0)
		result = check_size(path, object->manifest.index_bytes, NULL, error);
	for (unsigned i = 0; result == 0 && i < object->manifest.num_copy_maps; i++)
		result = load_copy_map(c, object, i, error);
	if (result == 0 && tx_catalogue_object_path(path, c->dir, sha256, "state.ini") == 0)
		result = load_state(object, path, error);
	if (result == 0 && before && !is_held(before, object))
		result = tx_catalogue_check_files(c, object, error);
	if (result) {
		object_free(object);
		return result;
	}
	*out = object;
	return 0;
}

static int compare_objects(const void *a, const void *b)
{
	const struct manifest *left = &(*(struct catalogue_object *const *)a)->manifest;
	const struct manifest *right = &(*(struct catalogue_object *const *)b)->manifest;
	int order = strcmp(left->class_name, right->class_name);
	if (order)
		return order;
	return left->version < right->version ? -1 : left->version > right->version;
}

static int load_objects(struct catalogue *c, const struct catalogue *before, struct catalogue_error *error)
{
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *directory;
	int result = tx_catalogue_path(path, c->dir, "objects");
	if (result)
		return tx_catalogue_fail(error, result, "%s: path too long", c->dir);
	directory = opendir(path);
	if (directory == NULL && errno == ENOENT)
		return 0;
	if (directory == NULL)
		return tx_catalogue_fail(error, file_error(errno), "%s: %s", path, strerror(errno));
	while (result == 0 && (entry = readdir(directory)) != NULL) {
		uint8_t sha256[HASH_SHA256_BYTES];
		if (hash_parse_hex(entry->d_name, strlen(entry->d_name), sha256, sizeof sha256))
			continue;
		if (c->num_objects == CATALOGUE_MAX_OBJECTS) {
			result = tx_catalogue_fail(
				error, CAROUSEL_E_LIMIT, "%s: more than %u objects", path, CATALOGUE_MAX_OBJECTS);
			break;
		}
		result = load_object(c, before, sha256, &c->objects[c->num_objects], &c->refused_error);
		c->num_objects += result == 0;
		c->num_refused += result != 0;
		result = result == CAROUSEL_E_MEMORY ? tx_catalogue_fail(error, result, "%s", carousel_strerror(result))
						     : 0;
	}
	closedir(directory);
	qsort(c->objects, c->num_objects, sizeof *c->objects, compare_objects);
	return result;
}

/* The first root of the file is trusted because the operator put it there; all others must follow from it. */
static int load_trust(struct catalogue *c, struct catalogue_error *error)
{
	const char *text, *line;
	size_t len, line_len;
	struct envelope envelope;
	char path[PATH_MAX];
	unsigned taken;
	int result = tx_catalogue_path(path, c->dir, "roots.dsse");
	if (result == 0)
		result = file_read(path, ENVELOPE_MAX_BYTES, NULL, &c->roots, &c->roots_len);
	if (result == CAROUSEL_E_NOT_FOUND)
		return 0;
	text = c->roots;
	len = c->roots_len;
	if (result == 0)
		result = envelope_next_line(&text, &len, &line, &line_len);
	if (result == 0)
		result = envelope_parse(NULL, &envelope, line, line_len);
	if (result == 0) {
		result = trust_init(&c->trust, &envelope);
		envelope_deinit(NULL, &envelope);
	}
	if (result == 0)
		result = trust_update_chain(NULL, &c->trust, text, len, &taken);
	if (result)
		return tx_catalogue_fail(error, result, "%s: %s", path, carousel_strerror(result));
	c->has_trust = true;
	return 0;
}

static void load_map(struct catalogue *c)
{
	struct policy_map_error where;
	struct envelope envelope;
	const uint8_t *payload;
	size_t payload_len;
	char path[PATH_MAX];
	int result = tx_catalogue_path(path, c->dir, "map.dsse");
	if (result == 0)
		result = file_read(path, ENVELOPE_MAX_BYTES, NULL, &c->map_envelope, &c->map_envelope_len);
	if (result == CAROUSEL_E_NOT_FOUND)
		return;
	if (result == 0)
		result = tx_catalogue_verify(&c->trust, TRUST_ROLE_MAP, ENVELOPE_TYPE_MAP, c->map_envelope,
			c->map_envelope_len, &envelope, &payload, &payload_len);
	if (result) {
		tx_catalogue_fail(&c->map_error, result, "%s: %s", path, carousel_strerror(result));
		return;
	}
	result = policy_map_parse(NULL, (const char *)payload, payload_len, NULL, &c->map, &where);
	if (result)
		tx_catalogue_fail(&c->map_error, result, "%s:%u:%u: %s", path, where.line, where.column, where.message);
	envelope_deinit(NULL, &envelope);
}

int tx_catalogue_load(
	struct catalogue **out, const char *dir, const struct catalogue *before, struct catalogue_error *error)
{
	struct catalogue *c = calloc(1, sizeof *c);
	int result = 0;
	*error = (struct catalogue_error){0};
	*out = NULL;
	if (c)
		c->objects = calloc(CATALOGUE_MAX_OBJECTS, sizeof *c->objects);
	if (c == NULL || c->objects == NULL) {
		free(c);
		return tx_catalogue_fail(error, CAROUSEL_E_MEMORY, "%s", carousel_strerror(CAROUSEL_E_MEMORY));
	}
	if (snprintf(c->dir, sizeof c->dir, "%s", dir) >= (int)sizeof c->dir)
		result = tx_catalogue_fail(error, CAROUSEL_E_ARGUMENT, "%s: path too long", dir);
	else if (access(dir, R_OK | X_OK))
		result = tx_catalogue_fail(error, file_error(errno), "%s: %s", dir, strerror(errno));
	if (result == 0)
		result = load_trust(c, error);
	if (result == 0 && c->has_trust) {
		load_map(c);
		result = load_objects(c, before, error);
	}
	if (result) {
		tx_catalogue_free(c);
		return result;
	}
	*out = c;
	return 0;
}

void tx_catalogue_free(struct catalogue *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->num_objects; i++)
		object_free(c->objects[i]);
	free(c->objects);
	free(c->roots);
	free(c->map_envelope);
	policy_map_free(c->map);
	free(c);
}

const struct catalogue_object *tx_catalogue_find(const struct catalogue *c, const char *class_name, uint32_t version)
{
	for (size_t i = 0; i < c->num_objects; i++)
		if (c->objects[i]->manifest.version == version &&
			strcmp(c->objects[i]->manifest.class_name, class_name) == 0)
			return c->objects[i];
	return NULL;
}

const struct catalogue_object *tx_catalogue_find_digest(
	const struct catalogue *c, const uint8_t sha256[HASH_SHA256_BYTES])
{
	for (size_t i = 0; i < c->num_objects; i++)
		if (memcmp(c->objects[i]->manifest.sha256, sha256, HASH_SHA256_BYTES) == 0)
			return c->objects[i];
	return NULL;
}

bool tx_catalogue_is_mapped(const struct catalogue *c, const uint8_t sha256[HASH_SHA256_BYTES])
{
	for (size_t i = 0; c->map && i < c->map->num_images; i++)
		if (memcmp(c->map->images[i].sha256, sha256, HASH_SHA256_BYTES) == 0)
			return true;
	return false;
}
