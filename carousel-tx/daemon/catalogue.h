/* catalogue.h - what is published, on disk (carousel-tx.5, "CATALOGUE"). Reading it whole, checked.
 *
 *   objects/<sha256>/{image,index,manifest.dsse,state.ini,copy-map-<version>...}   one published image each
 *   map.dsse  roots.dsse  counters.ini  generation  tmp/
 *
 * Whoever changes it (change.h) holds lock; a daemon that only reads needs none: every change is one rename. */
#ifndef CAROUSEL_TX_DAEMON_CATALOGUE_H
#define CAROUSEL_TX_DAEMON_CATALOGUE_H

#include "common/memory.h"
#include "policy-map/manifest.h"
#include "policy-map/policy_map.h"
#include "policy-map/trust.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#define CATALOGUE_MAX_OBJECTS         512u
#define CATALOGUE_MESSAGE_BYTES       512u
#define CATALOGUE_COPY_MAP_NAME_BYTES 24u

/* Where an error arose and why, for people. */
struct catalogue_error {
	int code;
	char message[CATALOGUE_MESSAGE_BYTES];
};
/* Notes it and returns code. */
int tx_catalogue_fail(struct catalogue_error *, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Which file it is and how it was left: other bytes in it have another one. */
struct catalogue_stamp {
	dev_t device;
	ino_t inode;
	off_t bytes;
	struct timespec modified;
};
/* Errors: those of file_error(). */
int tx_catalogue_stamp(int fd, struct catalogue_stamp *);
bool tx_catalogue_is_stamp(const struct catalogue_stamp *, const struct catalogue_stamp *);

struct catalogue_object {
	struct manifest manifest;
	uint8_t manifest_sha256[HASH_SHA256_BYTES]; /* of the payload */
	char *envelope;                             /* the text of manifest.dsse; owned */
	size_t envelope_len;
	uint32_t weight;                                 /* state.ini; 1 to 1000 */
	uint64_t published_s;                            /* state.ini; seconds since 1970 */
	uint64_t copy_map_bytes[MANIFEST_MAX_COPY_MAPS]; /* of the files of the manifest's copy maps */
	struct catalogue_stamp stamp;                    /* of the file image */
};

struct catalogue {
	char dir[PATH_MAX];
	bool has_trust;
	struct trust trust;
	char *roots; /* text of roots.dsse; owned, NULL: none */
	size_t roots_len;
	char *map_envelope; /* text of map.dsse; owned, NULL: none */
	size_t map_envelope_len;
	struct policy_map *map; /* NULL: none, or map_error says why it does not count */
	struct catalogue_error map_error;
	size_t num_objects, num_refused;
	struct catalogue_object **objects;    /* by class, then version */
	struct catalogue_error refused_error; /* of the last object that does not count */
};

/* Reads everything. An object or a map that does not verify does not count, and is told of by refused_error and
 * map_error; only a catalogue that cannot be read at all is an error. Of images sizes are compared, and digests when
 * `before` is given, what a daemon holds: of those that it does not hold from the very same file.
 * Errors: NOT_FOUND (no such directory), roots.dsse broken (as trust_update_chain), LIMIT, MEMORY, those of file.h. */
int tx_catalogue_load(struct catalogue **, const char *dir, const struct catalogue *before, struct catalogue_error *);
void tx_catalogue_free(struct catalogue *);

/* Reads a file whole and compares its size and digest. Errors: DIGEST, those of file.h. */
int tx_catalogue_check_file(
	const char *path, uint64_t bytes, const uint8_t sha256[HASH_SHA256_BYTES], struct catalogue_error *);
/* Reads an object's image, index and copy maps whole and compares their digests. Errors: DIGEST, those of file.h. */
int tx_catalogue_check_files(const struct catalogue *, const struct catalogue_object *, struct catalogue_error *);

/* NULL when there is none. */
const struct catalogue_object *tx_catalogue_find(const struct catalogue *, const char *class_name, uint32_t version);
const struct catalogue_object *tx_catalogue_find_digest(
	const struct catalogue *, const uint8_t sha256[HASH_SHA256_BYTES]);
/* Whether the map names the image. */
bool tx_catalogue_is_mapped(const struct catalogue *, const uint8_t sha256[HASH_SHA256_BYTES]);

/* "<dir>/<name>" or "<dir>/objects/<digest>/<name>" (name NULL: the directory). Errors: ARGUMENT (too long). */
int tx_catalogue_path(char path[PATH_MAX], const char *dir, const char *name);
int tx_catalogue_object_path(
	char path[PATH_MAX], const char *dir, const uint8_t sha256[HASH_SHA256_BYTES], const char *name);

/* The file of the copy map from a version, in the object's directory. */
const char *tx_catalogue_copy_map_name(char name[CATALOGUE_COPY_MAP_NAME_BYTES], uint32_t from_version);

/* One signed document: parses the envelope and verifies it for a role. The caller deinits the envelope after 0.
 * Errors: those of envelope_parse() and trust_verify(). */
int tx_catalogue_verify(const struct trust *, const char *role, const char *type, const char *text, size_t len,
	struct envelope *, const uint8_t **payload, size_t *payload_len);

#endif
