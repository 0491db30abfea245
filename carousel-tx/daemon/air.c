#include "carousel-tx/daemon/air.h"

#include "common/carousel_error.h"
#include "common/io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct file_source {
	int fd;
	struct catalogue_stamp stamp; /* as it was opened */
};

/* What is written into a file on the air must not go on the air. */
static int file_source_read(void *user, uint64_t offset, void *dst, size_t len)
{
	const struct file_source *source = user;
	struct catalogue_stamp stamp;
	int result = file_pread(source->fd, dst, len, offset);
	if (result == 0)
		result = tx_catalogue_stamp(source->fd, &stamp);
	if (result == 0 && !tx_catalogue_is_stamp(&stamp, &source->stamp))
		result = CAROUSEL_E_CONFLICT;
	return result;
}

static void file_source_release(void *user)
{
	struct file_source *source = user;
	close(source->fd);
	free(source);
}

/* known: which file it must be still, or NULL. */
static int open_source(struct tx_source *out, const char *dir, const uint8_t sha256[HASH_SHA256_BYTES],
	const char *name, const struct catalogue_stamp *known)
{
	struct file_source *source = malloc(sizeof *source);
	char path[PATH_MAX];
	int result = source ? tx_catalogue_object_path(path, dir, sha256, name) : CAROUSEL_E_MEMORY;
	if (result == 0) {
		source->fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		result = source->fd < 0 ? file_error(errno) : tx_catalogue_stamp(source->fd, &source->stamp);
		if (result == 0 && known && !tx_catalogue_is_stamp(&source->stamp, known))
			result = CAROUSEL_E_CONFLICT;
		if (result && source->fd >= 0)
			close(source->fd);
	}
	if (result) {
		free(source);
		return result;
	}
	posix_fadvise(source->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	*out = (struct tx_source){.user = source, .read = file_source_read, .release = file_source_release};
	return 0;
}

void air_init(struct air *air, struct tx *tx, const struct carousel_log *log, bool only_mapped)
{
	*air = (struct air){.tx = tx, .log = log, .only_mapped = only_mapped};
}

void air_deinit(struct air *air)
{
	free(air->images);
	air->images = NULL;
	air->num_images = 0;
}

bool air_is_sent(const struct catalogue *catalogue, const uint8_t sha256[HASH_SHA256_BYTES], bool only_mapped)
{
	return tx_catalogue_find_digest(catalogue, sha256) != NULL &&
	       (!only_mapped || catalogue->map == NULL || tx_catalogue_is_mapped(catalogue, sha256));
}

static const struct air_image *on_air(const struct air *air, const uint8_t sha256[HASH_SHA256_BYTES])
{
	for (size_t i = 0; i < air->num_images; i++)
		if (memcmp(air->images[i].sha256, sha256, HASH_SHA256_BYTES) == 0)
			return &air->images[i];
	return NULL;
}

uint32_t air_weight(const struct catalogue *catalogue, const struct catalogue_object *object)
{
	uint32_t weight = 0;
	for (size_t i = 0; catalogue->map && i < catalogue->map->num_rows; i++) {
		const struct policy_row *row = &catalogue->map->rows[i];
		if (row->numbers.current == object->manifest.version && row->weight > weight &&
			strcmp(row->class_name, object->manifest.class_name) == 0)
			weight = row->weight;
	}
	return weight ? weight : object->weight;
}

/* Its copy maps; all of them or an error, and then none is open. */
static int open_copy_maps(struct tx_copy_map maps[MANIFEST_MAX_COPY_MAPS], const struct catalogue *catalogue,
	const struct catalogue_object *object)
{
	const struct manifest *m = &object->manifest;
	char name[CATALOGUE_COPY_MAP_NAME_BYTES];
	unsigned opened = 0;
	int result = 0;
	while (opened < m->num_copy_maps) {
		struct tx_copy_map *map = &maps[opened];
		map->from_version = m->copy_maps[opened].from_version;
		memcpy(map->sha256, m->copy_maps[opened].sha256, sizeof map->sha256);
		map->bytes = object->copy_map_bytes[opened];
		result = open_source(&map->source, catalogue->dir, m->sha256,
			tx_catalogue_copy_map_name(name, map->from_version), NULL);
		if (result)
			break;
		opened++;
	}
	while (result && opened--)
		maps[opened].source.release(maps[opened].source.user);
	return result;
}

static int add_image(
	struct air *air, const struct catalogue *catalogue, const struct catalogue_object *object, uint64_t now_ns)
{
	const struct manifest *m = &object->manifest;
	struct tx_copy_map maps[MANIFEST_MAX_COPY_MAPS];
	struct tx_image image = {.class_name = m->class_name,
		.version = m->version,
		.layout = m->layout,
		.index_bytes = m->index_bytes,
		.weight = air_weight(catalogue, object)};
	int result;
	memcpy(image.sha256, m->sha256, sizeof image.sha256);
	/* Replaced since the catalogue was read, it is left out: the catalogue will be read again. */
	result = open_source(&image.source, catalogue->dir, m->sha256, "image", &object->stamp);
	if (result)
		return result;
	result = open_source(&image.index, catalogue->dir, m->sha256, "index", NULL);
	if (result == 0) {
		result = open_copy_maps(maps, catalogue, object);
		if (result)
			image.index.release(image.index.user);
	}
	if (result) {
		image.source.release(image.source.user);
		return result;
	}
	image.num_copy_maps = m->num_copy_maps;
	image.copy_maps = maps;
	return tx_add_image(air->tx, &image, now_ns);
}

/* Those that are not to be sent any more, or not from that file. */
static void remove_images(struct air *air, const struct catalogue *before, const struct catalogue *catalogue)
{
	size_t kept = 0;
	for (size_t i = 0; i < air->num_images; i++) {
		const struct air_image image = air->images[i];
		const struct catalogue_object *was = before ? tx_catalogue_find_digest(before, image.sha256) : NULL;
		const struct catalogue_object *is = tx_catalogue_find_digest(catalogue, image.sha256);
		bool is_sent = air_is_sent(catalogue, image.sha256, air->only_mapped);
		if (is_sent && tx_catalogue_is_stamp(&image.stamp, &is->stamp)) {
			air->images[kept++] = image;
			continue;
		}
		tx_remove_image(air->tx, image.sha256);
		if (was)
			log_write(air->log, CAROUSEL_LOG_NOTICE, "%s %" PRIu32 " %s", was->manifest.class_name,
				was->manifest.version, is_sent ? "goes on from another file" : "was taken off the air");
	}
	air->num_images = kept;
}

static void add_images(struct air *air, const struct catalogue *catalogue, uint64_t now_ns)
{
	for (size_t i = 0; i < catalogue->num_objects; i++) {
		const struct catalogue_object *object = catalogue->objects[i];
		const struct manifest *m = &object->manifest;
		int result;
		if (!air_is_sent(catalogue, m->sha256, air->only_mapped))
			continue;
		if (on_air(air, m->sha256)) {
			tx_set_weight(air->tx, m->sha256, air_weight(catalogue, object));
			continue;
		}
		result = add_image(air, catalogue, object, now_ns);
		if (result) {
			log_write(air->log, CAROUSEL_LOG_ERROR, "%s %" PRIu32 " cannot be sent: %s", m->class_name,
				m->version, carousel_strerror(result));
			continue;
		}
		air->images[air->num_images] = (struct air_image){.stamp = object->stamp};
		memcpy(air->images[air->num_images++].sha256, m->sha256, HASH_SHA256_BYTES);
		log_write(air->log, CAROUSEL_LOG_NOTICE, "%s %" PRIu32 " is on the air", m->class_name, m->version);
	}
}

/* One document a class: the envelopes of its images, one a line. */
static int set_manifests(struct air *air, const struct catalogue *catalogue, uint64_t now_ns)
{
	for (size_t first = 0, end; first < catalogue->num_objects; first = end) {
		const char *class_name = catalogue->objects[first]->manifest.class_name;
		size_t bytes = 0, used = 0;
		char *text;
		int result;
		for (end = first; end < catalogue->num_objects &&
				  strcmp(catalogue->objects[end]->manifest.class_name, class_name) == 0;
			end++)
			bytes += catalogue->objects[end]->envelope_len + 1;
		text = malloc(bytes);
		if (text == NULL)
			return CAROUSEL_E_MEMORY;
		for (size_t i = first; i < end; i++) {
			const struct catalogue_object *object = catalogue->objects[i];
			if (!on_air(air, object->manifest.sha256))
				continue;
			memcpy(text + used, object->envelope, object->envelope_len);
			used += object->envelope_len;
			if (text[used - 1] != '\n')
				text[used++] = '\n';
		}
		result = tx_set_document(air->tx, TX_ROLE_MANIFEST, class_name, text, used, now_ns);
		free(text);
		if (result)
			return result;
	}
	return 0;
}

static int set_signed(struct air *air, const struct catalogue *catalogue, uint64_t now_ns)
{
	struct tx_map_info info = {0};
	int result = tx_set_document(air->tx, TX_ROLE_TRUST_ROOT, NULL, catalogue->roots, catalogue->roots_len, now_ns);
	if (catalogue->map_error.code)
		log_write(air->log, CAROUSEL_LOG_ERROR, "%s", catalogue->map_error.message);
	if (result == 0)
		result = tx_set_document(air->tx, TX_ROLE_MAP, NULL, catalogue->map_envelope,
			catalogue->map ? catalogue->map_envelope_len : 0, now_ns);
	if (result || catalogue->map == NULL)
		return result;
	info.epoch = catalogue->map->epoch;
	info.serial = catalogue->map->serial;
	memcpy(info.sha256, catalogue->map->sha256, sizeof info.sha256);
	tx_set_map_info(air->tx, &info);
	return 0;
}

/* Classes of which the catalogue holds nothing any more have no manifests. */
static void drop_manifests(
	struct air *air, const struct catalogue *before, const struct catalogue *now, uint64_t now_ns)
{
	for (size_t i = 0; before && i < before->num_objects; i++) {
		const char *class_name = before->objects[i]->manifest.class_name;
		bool is_there = false;
		for (size_t k = 0; k < now->num_objects; k++)
			is_there |= strcmp(now->objects[k]->manifest.class_name, class_name) == 0;
		if (!is_there)
			tx_set_document(air->tx, TX_ROLE_MANIFEST, class_name, NULL, 0, now_ns);
	}
}

int air_apply(struct air *air, const struct catalogue *before, const struct catalogue *catalogue, uint64_t now_ns)
{
	int result;
	if (air->images == NULL)
		air->images = calloc(CATALOGUE_MAX_OBJECTS, sizeof *air->images);
	if (air->images == NULL)
		return CAROUSEL_E_MEMORY;
	if (catalogue->num_refused)
		log_write(air->log, CAROUSEL_LOG_ERROR, "%s", catalogue->refused_error.message);
	result = set_signed(air, catalogue, now_ns);
	remove_images(air, before, catalogue);
	add_images(air, catalogue, now_ns);
	if (result == 0)
		result = set_manifests(air, catalogue, now_ns);
	drop_manifests(air, before, catalogue, now_ns);
	return result;
}
