#include "carousel-tx/daemon/change.h"

#include "carousel-tx/daemon/intake.h"
#include "carousel-tx/daemon/leftovers.h"
#include "common/carousel_error.h"
#include "common/envelope.h"
#include "common/io/clock.h"
#include "common/io/file.h"
#include "fec/fec.h"
#include "policy-map/files/audit_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOCK_PAUSE_NS 50000000
#define DIR_MODE      0755
#define FILE_MODE     0644

static int fail_path(struct catalogue_error *error, int code, const char *path)
{
	return tx_catalogue_fail(error, code, "%s: %s", path, carousel_strerror(code));
}

/* ---- lock, leftovers, generation -------------------------------------------------------------------------- */

static int wait_for_lock(const char *path, uint64_t wait_ns, int *lock)
{
	static const struct timespec pause = {.tv_nsec = LOCK_PAUSE_NS};
	const uint64_t start_ns = clock_monotonic_ns();
	int result;
	while ((result = file_lock(path, lock)) == CAROUSEL_E_BUSY && clock_monotonic_ns() - start_ns < wait_ns)
		nanosleep(&pause, NULL);
	return result;
}

/* Takes the lock and reads the catalogue. *lock is closed by the caller. */
static int begin(const char *dir, const struct change_by *by, int *lock, struct catalogue **catalogue,
	struct catalogue_error *error)
{
	char path[PATH_MAX], tmp[PATH_MAX];
	int result = tx_catalogue_path(path, dir, "lock");
	*catalogue = NULL;
	*lock = -1;
	if (result == 0)
		result = wait_for_lock(path, by->wait_ns, lock);
	if (result == CAROUSEL_E_BUSY)
		return tx_catalogue_fail(error, result, "%s: another change is under way", dir);
	if (result == CAROUSEL_E_NOT_FOUND)
		return tx_catalogue_fail(error, result, "%s: there is no catalogue yet: set-root makes it", dir);
	if (result)
		return fail_path(error, result, dir);
	result = tx_catalogue_path(tmp, dir, "tmp");
	if (result == 0)
		result = tx_leftovers_remove(tmp, NULL);
	if (result)
		return fail_path(error, result, tmp);
	return tx_catalogue_load(catalogue, dir, NULL, error);
}

/* Tells a daemon that watches. Its loss would delay the change, never undo it. */
static void end(const char *dir, int lock, struct catalogue *catalogue, bool is_changed, uint64_t stamp)
{
	char path[PATH_MAX], text[32];
	if (is_changed && tx_catalogue_path(path, dir, "generation") == 0) {
		snprintf(text, sizeof text, "%" PRIu64 "\n", stamp);
		file_replace(path, text, strlen(text), FILE_MODE);
	}
	tx_catalogue_free(catalogue);
	if (lock >= 0)
		close(lock);
}

static uint64_t next_stamp(const char *dir)
{
	char path[PATH_MAX], *text = NULL;
	uint64_t stamp = 0;
	size_t len;
	if (tx_catalogue_path(path, dir, "generation") == 0 && file_read(path, 64, NULL, &text, &len) == 0)
		stamp = strtoull(text, NULL, 10);
	free(text);
	return stamp + 1;
}

static void finish(const char *dir, int lock, struct catalogue *catalogue, bool is_changed)
{
	end(dir, lock, catalogue, is_changed, is_changed ? next_stamp(dir) : 0);
}

/* ---- audit log ------------------------------------------------------------------------------------------------- */

/* An entry before the change is made (AUDIT_*), or AUDIT_NOT_DONE when it then could not be made. */
static int note(const char *dir, const struct change_by *by, const char *action,
	const uint8_t sha256[HASH_SHA256_BYTES], const char *subject, struct catalogue_error *error)
{
	struct audit_entry e = {.time_s = by->now_s};
	char path[PATH_MAX];
	int result = tx_catalogue_path(path, dir, AUDIT_FILE_NAME);
	const char *log = by->audit && by->audit[0] ? by->audit : path;
	if (by->who)
		snprintf(e.who, sizeof e.who, "%s", by->who);
	else
		audit_file_who(e.who);
	snprintf(e.action, sizeof e.action, "%s", action);
	snprintf(e.subject, sizeof e.subject, "%s", subject);
	memcpy(e.sha256, sha256, sizeof e.sha256);
	if (result == 0)
		result = audit_file_append(log, &e);
	if (result)
		tx_catalogue_fail(error, result, "%s: audit log: %s", log, carousel_strerror(result));
	return result;
}

/* The change did not come about; its own error stays the one that is told. */
static void note_failure(const char *dir, const struct change_by *by, const char *action,
	const uint8_t sha256[HASH_SHA256_BYTES], const char *subject)
{
	char text[sizeof((struct audit_entry *)0)->subject];
	struct catalogue_error ignored;
	snprintf(text, sizeof text, "%s %s", action, subject);
	note(dir, by, AUDIT_NOT_DONE, sha256, text, &ignored);
}

static void image_subject(char out[MANIFEST_MAX_CLASS_BYTES + 16], const char *class_name, uint32_t version)
{
	snprintf(out, MANIFEST_MAX_CLASS_BYTES + 16, "%s %" PRIu32, class_name, version);
}

/* ---- publish --------------------------------------------------------------------------------------------------- */

/* The payload counts, not the envelope: one more signature makes no other manifest. */
static int check_known(const struct catalogue *catalogue, const struct manifest *manifest,
	const uint8_t manifest_sha256[HASH_SHA256_BYTES], bool *is_same, struct catalogue_error *error)
{
	const struct catalogue_object *known = tx_catalogue_find(catalogue, manifest->class_name, manifest->version);
	*is_same = false;
	if (known && memcmp(known->manifest.sha256, manifest->sha256, HASH_SHA256_BYTES) != 0)
		return tx_catalogue_fail(error, CAROUSEL_E_CONFLICT, "%s %" PRIu32 " is known with another digest",
			manifest->class_name, manifest->version);
	if (known && memcmp(known->manifest_sha256, manifest_sha256, HASH_SHA256_BYTES) != 0)
		return tx_catalogue_fail(error, CAROUSEL_E_CONFLICT,
			"%s %" PRIu32 " is catalogued with another manifest; withdraw it first", manifest->class_name,
			manifest->version);
	if (known) {
		*is_same = true;
		return 0;
	}
	known = tx_catalogue_find_digest(catalogue, manifest->sha256);
	if (known)
		return tx_catalogue_fail(error, CAROUSEL_E_EXISTS, "this image is known as %s %" PRIu32,
			known->manifest.class_name, known->manifest.version);
	if (catalogue->num_objects + catalogue->num_refused >= CATALOGUE_MAX_OBJECTS)
		return tx_catalogue_fail(
			error, CAROUSEL_E_LIMIT, "the catalogue is full: %u objects", CATALOGUE_MAX_OBJECTS);
	if (manifest->layout.oti.num_sub_blocks != 1 ||
		!fec_scheme_is_available(manifest->layout.oti.encoding_id, manifest->layout.oti.instance_id))
		return tx_catalogue_fail(error, CAROUSEL_E_UNSUPPORTED,
			"FEC encoding id %u (instance %u, %u sub-blocks)", manifest->layout.oti.encoding_id,
			manifest->layout.oti.instance_id, manifest->layout.oti.num_sub_blocks);
	return 0;
}

/* A staged directory becomes objects/<digest>; a refused one of that name (damaged on disk) makes room. */
static int install(const char *dir, const char *staging, const struct manifest *manifest, struct catalogue_error *error)
{
	char objects[PATH_MAX], path[PATH_MAX], tmp[PATH_MAX], damaged[PATH_MAX];
	int result = tx_catalogue_path(objects, dir, "objects");
	if (result == 0)
		result = tx_catalogue_object_path(path, dir, manifest->sha256, NULL);
	if (result == 0)
		result = tx_catalogue_path(tmp, dir, "tmp");
	if (result == 0)
		result = tx_catalogue_path(damaged, tmp, "damaged");
	if (result == 0)
		result = file_mkdir(objects, DIR_MODE);
	if (result == 0 && access(path, F_OK) == 0) {
		tx_leftovers_remove(tmp, "damaged");
		if (rename(path, damaged))
			result = file_error(errno);
	}
	if (result == 0)
		result = file_sync_parent(objects);
	if (result == 0 && rename(staging, path))
		result = file_error(errno);
	if (result == 0)
		result = file_sync_parent(path);
	if (result == 0)
		tx_leftovers_remove(tmp, "damaged");
	return result ? fail_path(error, result, path) : 0;
}

/* The staged directory goes to its place, with an entry in the log before. */
static int install_noted(const char *dir, const struct change_by *by, const char *staging,
	const struct manifest *manifest, struct catalogue_error *error)
{
	char subject[MANIFEST_MAX_CLASS_BYTES + 16];
	int result;
	image_subject(subject, manifest->class_name, manifest->version);
	result = note(dir, by, AUDIT_PUBLISH, manifest->sha256, subject, error);
	if (result)
		return result;
	result = install(dir, staging, manifest, error);
	if (result)
		note_failure(dir, by, AUDIT_PUBLISH, manifest->sha256, subject);
	return result;
}

static int stage(const struct catalogue *catalogue, const struct change_by *by, const struct change_publication *what,
	const char *envelope, size_t envelope_len, const struct manifest *manifest, struct catalogue_error *error)
{
	char tmp[PATH_MAX], staging[PATH_MAX], inside[PATH_MAX], state[128];
	const char *dir = catalogue->dir;
	int result = tx_catalogue_path(tmp, dir, "tmp");
	if (result == 0)
		result = tx_catalogue_path(staging, tmp, "publish");
	if (result == 0)
		result = tx_catalogue_path(inside, staging, "image");
	if (result == 0)
		result = file_mkdir(tmp, DIR_MODE);
	/* What could not be removed there must not become part of the object. */
	if (result == 0 && mkdir(staging, DIR_MODE))
		result = file_error(errno);
	if (result)
		return fail_path(error, result, staging);
	snprintf(state, sizeof state, "[image]\npublished = %" PRIu64 "\nweight = %" PRIu32 "\n", by->now_s,
		what->weight ? what->weight : 1);
	result = intake_copy(staging, catalogue, what, manifest, error);
	if (result == 0) {
		result = intake_write(staging, "manifest.dsse", envelope, envelope_len);
		if (result == 0)
			result = intake_write(staging, "state.ini", state, strlen(state));
		if (result == 0)
			result = file_sync_parent(inside);
		if (result)
			fail_path(error, result, staging);
	}
	if (result == 0)
		result = install_noted(dir, by, staging, manifest, error);
	if (result)
		tx_leftovers_remove(tmp, "publish");
	return result;
}

static int read_manifest(const struct catalogue *catalogue, const char *path, char **text, size_t *len,
	struct manifest *manifest, uint8_t sha256[HASH_SHA256_BYTES], struct catalogue_error *error)
{
	struct envelope envelope;
	const uint8_t *payload;
	size_t payload_len;
	int result;
	*text = NULL;
	if (!catalogue->has_trust)
		return tx_catalogue_fail(
			error, CAROUSEL_E_NOT_FOUND, "%s has no trust root yet: set-root installs it", catalogue->dir);
	result = file_read(path, 2 * MANIFEST_MAX_BYTES, NULL, text, len);
	if (result == 0)
		result = tx_catalogue_verify(&catalogue->trust, TRUST_ROLE_IMAGE, ENVELOPE_TYPE_MANIFEST, *text, *len,
			&envelope, &payload, &payload_len);
	if (result == 0) {
		result = manifest_parse(manifest, payload, payload_len, NULL);
		if (result == 0)
			result = hash_sha256(payload, payload_len, sha256);
		envelope_deinit(NULL, &envelope);
	} else if (result == CAROUSEL_E_MALFORMED && manifest_parse(manifest, (uint8_t *)*text, *len, NULL) == 0) {
		return tx_catalogue_fail(error, CAROUSEL_E_SIGNATURE,
			"%s: this manifest is not signed (policy-map sign --role image)", path);
	}
	return result ? fail_path(error, result, path) : 0;
}

/* What looks like what is published and is not, on disk, is made anew. */
static bool is_whole(const struct catalogue *catalogue, const struct manifest *manifest)
{
	const struct catalogue_object *known = tx_catalogue_find_digest(catalogue, manifest->sha256);
	struct catalogue_error ignored;
	return tx_catalogue_check_files(catalogue, known, &ignored) == 0;
}

static void report_image(
	struct change_report *report, const struct manifest *manifest, const uint8_t manifest_sha256[HASH_SHA256_BYTES])
{
	memcpy(report->class_name, manifest->class_name, sizeof report->class_name);
	report->version = manifest->version;
	memcpy(report->sha256, manifest->sha256, sizeof report->sha256);
	memcpy(report->manifest_sha256, manifest_sha256, sizeof report->manifest_sha256);
	report->bytes = manifest->layout.image_bytes;
}

int change_publish(const char *dir, const struct change_by *by, const struct change_publication *what,
	struct change_report *report, struct catalogue_error *error)
{
	struct catalogue *catalogue;
	struct manifest *manifest = calloc(1, sizeof *manifest);
	uint8_t manifest_sha256[HASH_SHA256_BYTES];
	char *text = NULL;
	size_t len = 0;
	int lock, result = begin(dir, by, &lock, &catalogue, error);
	memset(report, 0, sizeof *report);
	if (manifest == NULL && result == 0)
		result = tx_catalogue_fail(error, CAROUSEL_E_MEMORY, "%s", carousel_strerror(CAROUSEL_E_MEMORY));
	if (result == 0)
		result = read_manifest(catalogue, what->manifest, &text, &len, manifest, manifest_sha256, error);
	if (result == 0)
		result = check_known(catalogue, manifest, manifest_sha256, &report->is_same, error);
	if (result == 0) {
		report_image(report, manifest, manifest_sha256);
		if (report->is_same)
			report->is_same = is_whole(catalogue, manifest);
		/* What is published again must be what is there. */
		if (report->is_same)
			result = tx_catalogue_check_file(
				what->image, manifest->layout.image_bytes, manifest->sha256, error);
		else
			result = stage(catalogue, by, what, text, len, manifest, error);
	}
	finish(dir, lock, catalogue, result == 0 && !report->is_same);
	free(text);
	free(manifest);
	return result;
}

/* Out of objects/ by one rename, with an entry in the log before. */
static int remove_noted(const char *dir, const struct change_by *by, const struct catalogue_object *object,
	struct catalogue_error *error)
{
	char path[PATH_MAX], gone[PATH_MAX], tmp[PATH_MAX], subject[MANIFEST_MAX_CLASS_BYTES + 16];
	int result = tx_catalogue_object_path(path, dir, object->manifest.sha256, NULL);
	image_subject(subject, object->manifest.class_name, object->manifest.version);
	if (result == 0)
		result = tx_catalogue_path(tmp, dir, "tmp");
	if (result == 0)
		result = tx_catalogue_path(gone, tmp, "withdrawn");
	if (result == 0)
		result = file_mkdir(tmp, DIR_MODE);
	if (result)
		return fail_path(error, result, dir);
	result = note(dir, by, AUDIT_WITHDRAW, object->manifest.sha256, subject, error);
	if (result)
		return result;
	if (rename(path, gone)) {
		result = fail_path(error, file_error(errno), path);
		note_failure(dir, by, AUDIT_WITHDRAW, object->manifest.sha256, subject);
		return result;
	}
	result = file_sync_parent(path);
	tx_leftovers_remove(tmp, "withdrawn");
	return result ? fail_path(error, result, path) : 0;
}

int change_withdraw(const char *dir, const struct change_by *by, const char *class_name, uint32_t version,
	struct change_report *report, struct catalogue_error *error)
{
	struct catalogue *catalogue;
	const struct catalogue_object *object;
	int lock, result = begin(dir, by, &lock, &catalogue, error);
	memset(report, 0, sizeof *report);
	object = result == 0 ? tx_catalogue_find(catalogue, class_name, version) : NULL;
	if (result == 0 && object == NULL)
		result = tx_catalogue_fail(
			error, CAROUSEL_E_NOT_FOUND, "%s %" PRIu32 " is not catalogued", class_name, version);
	if (result == 0 && tx_catalogue_is_mapped(catalogue, object->manifest.sha256))
		result = tx_catalogue_fail(error, CAROUSEL_E_REFUSED, "the map (serial %" PRIu64 ") names %s %" PRIu32,
			catalogue->map->serial, class_name, version);
	if (result == 0) {
		report_image(report, &object->manifest, object->manifest_sha256);
		result = remove_noted(dir, by, object, error);
	}
	finish(dir, lock, catalogue, result == 0);
	return result;
}

/* ---- map and roots ----------------------------------------------------------------------------------------------- */

static int check_map_images(const struct catalogue *catalogue, const struct policy_map *map, const char *path,
	struct catalogue_error *error)
{
	for (size_t i = 0; i < map->num_images; i++) {
		const struct policy_image *image = &map->images[i];
		const struct catalogue_object *object = tx_catalogue_find_digest(catalogue, image->sha256);
		const char *why = NULL;
		if (object == NULL)
			why = "is not catalogued";
		else if (strcmp(object->manifest.class_name, image->class_name) != 0 ||
			 object->manifest.version != image->version)
			why = "is catalogued as another class or version";
		else if (memcmp(object->manifest_sha256, image->manifest_sha256, HASH_SHA256_BYTES) != 0)
			why = "is catalogued with another manifest";
		else if (object->manifest.layout.image_bytes != image->size_bytes)
			why = "has another size";
		if (why)
			return tx_catalogue_fail(error, CAROUSEL_E_NO_IMAGE, "%s:%u: image %s %" PRIu32 " %s", path,
				image->line, image->class_name, image->version, why);
	}
	return 0;
}

static int check_map(const struct catalogue *catalogue, const char *text, size_t len, const char *path,
	struct change_report *report, struct catalogue_error *error)
{
	struct policy_map_error where;
	struct policy_map *map = NULL;
	struct envelope envelope;
	const uint8_t *payload;
	size_t payload_len;
	int order, result = tx_catalogue_verify(&catalogue->trust, TRUST_ROLE_MAP, ENVELOPE_TYPE_MAP, text, len,
			   &envelope, &payload, &payload_len);
	if (result)
		return fail_path(error, result, path);
	result = policy_map_parse(NULL, (const char *)payload, payload_len, NULL, &map, &where);
	envelope_deinit(NULL, &envelope);
	if (result)
		return tx_catalogue_fail(error, result, "%s:%u:%u: %s", path, where.line, where.column, where.message);
	report->epoch = map->epoch;
	report->serial = map->serial;
	memcpy(report->sha256, map->sha256, sizeof report->sha256);
	order = catalogue->map ? policy_map_compare(map, catalogue->map) : 1;
	if (map->epoch < catalogue->trust.root.epoch)
		result = tx_catalogue_fail(error, CAROUSEL_E_ROLLBACK, "%s: epoch %u, the trust root asks for %u", path,
			map->epoch, catalogue->trust.root.epoch);
	else if (map->epoch > catalogue->trust.root.epoch)
		result = tx_catalogue_fail(error, CAROUSEL_E_RANGE,
			"%s: epoch %u, the trust root is at %u: boxes wait for a root that raises it", path, map->epoch,
			catalogue->trust.root.epoch);
	else if (order < 0)
		result = tx_catalogue_fail(error, CAROUSEL_E_ROLLBACK, "%s: serial %" PRIu64 " is lower than %" PRIu64,
			path, map->serial, catalogue->map->serial);
	else if (order == 0 && memcmp(map->sha256, catalogue->map->sha256, sizeof map->sha256) != 0)
		result = tx_catalogue_fail(error, CAROUSEL_E_CONFLICT,
			"%s: serial %" PRIu64 " is on the air with other bytes", path, map->serial);
	else
		result = check_map_images(catalogue, map, path, error);
	report->is_same = result == 0 && order == 0 && len == catalogue->map_envelope_len &&
			  memcmp(text, catalogue->map_envelope, len) == 0;
	policy_map_free(map);
	return result;
}

/* Writes a document of the catalogue, with an entry in the log before. */
static int replace_noted(const char *dir, const struct change_by *by, const char *action, const char *name,
	const char *text, size_t len, const char *subject, struct catalogue_error *error)
{
	uint8_t sha256[HASH_SHA256_BYTES];
	char path[PATH_MAX];
	int result = tx_catalogue_path(path, dir, name);
	if (result == 0)
		result = hash_sha256(text, len, sha256);
	if (result)
		return fail_path(error, result, dir);
	result = note(dir, by, action, sha256, subject, error);
	if (result)
		return result;
	result = file_replace(path, text, len, FILE_MODE);
	if (result) {
		fail_path(error, result, path);
		note_failure(dir, by, action, sha256, subject);
	}
	return result;
}

int change_set_map(const char *dir, const struct change_by *by, const char *map_path, struct change_report *report,
	struct catalogue_error *error)
{
	struct catalogue *catalogue;
	char subject[64], *text = NULL;
	size_t len = 0;
	int lock, result = begin(dir, by, &lock, &catalogue, error);
	memset(report, 0, sizeof *report);
	if (result == 0 && !catalogue->has_trust)
		result = tx_catalogue_fail(
			error, CAROUSEL_E_NOT_FOUND, "%s has no trust root yet: set-root installs it", dir);
	if (result == 0) {
		result = file_read(map_path, ENVELOPE_MAX_BYTES, NULL, &text, &len);
		if (result)
			fail_path(error, result, map_path);
	}
	if (result == 0)
		result = check_map(catalogue, text, len, map_path, report, error);
	if (result == 0 && !report->is_same) {
		snprintf(subject, sizeof subject, "map serial %" PRIu64, report->serial);
		result = replace_noted(dir, by, AUDIT_SET_MAP, "map.dsse", text, len, subject, error);
	}
	finish(dir, lock, catalogue, result == 0 && !report->is_same);
	free(text);
	return result;
}

/* The new text of roots.dsse: what is held and the new links, or all of a first chain. */
static int extend_roots(const struct catalogue *catalogue, const char *text, size_t len, struct trust *trust,
	char **out, size_t *out_len)
{
	const char *line, *rest = text;
	size_t line_len, rest_len = len, num_lines = 0;
	int result;
	*out_len = 0;
	*out = malloc(catalogue->roots_len + len + 2);
	if (*out == NULL)
		return CAROUSEL_E_MEMORY;
	if (catalogue->has_trust) {
		*trust = catalogue->trust;
		memcpy(*out, catalogue->roots, catalogue->roots_len);
		*out_len = catalogue->roots_len;
		if (*out_len && (*out)[*out_len - 1] != '\n')
			(*out)[(*out_len)++] = '\n';
	}
	while ((result = envelope_next_line(&rest, &rest_len, &line, &line_len)) == 0) {
		struct envelope envelope;
		num_lines++;
		result = envelope_parse(NULL, &envelope, line, line_len);
		if (result)
			return result;
		result = *out_len ? trust_update(trust, &envelope) : trust_init(trust, &envelope);
		/* Older links of the chain stand in the file that is given as well. */
		bool is_old = *out_len && (result == CAROUSEL_E_DUPLICATE || result == CAROUSEL_E_ROLLBACK);
		envelope_deinit(NULL, &envelope);
		if (is_old)
			continue;
		if (result)
			return result;
		memcpy(*out + *out_len, line, line_len);
		*out_len += line_len;
		(*out)[(*out_len)++] = '\n';
	}
	return num_lines ? 0 : CAROUSEL_E_MALFORMED;
}

int change_set_root(const char *dir, const struct change_by *by, const char *roots_path, struct change_report *report,
	struct catalogue_error *error)
{
	struct catalogue *catalogue = NULL;
	struct trust *trust = calloc(1, sizeof *trust);
	char subject[64], *text = NULL, *roots = NULL;
	size_t len = 0, roots_len = 0;
	int lock = -1, result = trust ? file_mkdir(dir, DIR_MODE) : CAROUSEL_E_MEMORY;
	memset(report, 0, sizeof *report);
	if (result)
		fail_path(error, result, dir);
	else
		result = begin(dir, by, &lock, &catalogue, error);
	if (result == 0) {
		result = file_read(roots_path, ENVELOPE_MAX_BYTES, NULL, &text, &len);
		if (result == 0)
			result = extend_roots(catalogue, text, len, trust, &roots, &roots_len);
		if (result)
			fail_path(error, result, roots_path);
	}
	if (result == 0) {
		report->version = trust->root.version;
		report->epoch = trust->root.epoch;
		report->is_same = catalogue->has_trust && trust->root.version == catalogue->trust.root.version;
		snprintf(subject, sizeof subject, "root version %" PRIu32, report->version);
		if (!report->is_same)
			result = replace_noted(dir, by, AUDIT_SET_ROOT, "roots.dsse", roots, roots_len, subject, error);
	}
	finish(dir, lock, catalogue, result == 0 && !report->is_same);
	free(roots);
	free(text);
	free(trust);
	return result;
}
