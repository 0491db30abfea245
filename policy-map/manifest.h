/* manifest.h - the signed description of one image. Payload type application/vnd.carousel.manifest. */
#ifndef POLICY_MAP_MANIFEST_H
#define POLICY_MAP_MANIFEST_H

#include "common/hash.h"
#include "common/memory.h"
#include "common/object_layout.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MANIFEST_MAX_BYTES          65536u
#define MANIFEST_MAX_CLASS_BYTES    65u /* with NUL, as all of these */
#define MANIFEST_MAX_LABEL_BYTES    33u
#define MANIFEST_MAX_COPY_MAPS      32u
#define MANIFEST_MAX_DATA_FORMATS   16u
#define MANIFEST_MAX_LANGUAGES      8u
#define MANIFEST_MAX_LANGUAGE_BYTES 36u /* RFC 5646 section 4.4.1 */
#define MANIFEST_MAX_TITLE_BYTES    129u
#define MANIFEST_MAX_NOTES_BYTES    1025u
#define MANIFEST_MAX_IMAGE_BYTES    ((uint64_t)1 << 40)

struct manifest_copy_map {
	uint32_t from_version;
	uint8_t from_sha256[HASH_SHA256_BYTES];
	uint8_t sha256[HASH_SHA256_BYTES]; /* of the copy map itself */
};

struct manifest_text {
	char language[MANIFEST_MAX_LANGUAGE_BYTES];
	char title[MANIFEST_MAX_TITLE_BYTES]; /* empty when there is none in this language */
	char notes[MANIFEST_MAX_NOTES_BYTES];
};

struct manifest {
	char class_name[MANIFEST_MAX_CLASS_BYTES];
	uint32_t version;                        /* 1 to 4294967294 */
	char label[MANIFEST_MAX_LABEL_BYTES];    /* "3.2.1", shown beside the number; may be empty */
	uint8_t sha256[HASH_SHA256_BYTES];       /* of the image */
	struct object_layout layout;             /* checked; layout.image_bytes is the image's size */
	uint32_t index_chunk_bytes;              /* 4096 */
	uint8_t index_sha256[HASH_SHA256_BYTES]; /* of the index file (chunk_index.h) */
	uint64_t index_bytes;
	unsigned num_copy_maps;
	struct manifest_copy_map copy_maps[MANIFEST_MAX_COPY_MAPS];
	uint32_t hardware_floor; /* lowest version that this hardware runs; 0: none */
	uint32_t data_format;    /* of the data this version writes; 0: not stated */
	unsigned num_reads_data_formats;
	uint32_t reads_data_formats[MANIFEST_MAX_DATA_FORMATS];
	unsigned num_texts;
	struct manifest_text texts[MANIFEST_MAX_LANGUAGES];
	uint32_t minutes; /* how long installing takes; 0: not stated */
	bool restart;     /* installing ends with a restart */
};

/* Parses a payload whose signature has been verified; everything is checked all the same, the OTI by
 * fec_oti_check() with `limits` (may be NULL) and the layout by object_layout_init(). Unknown members
 * are skipped. Errors: SYNTAX, MALFORMED, RANGE, LIMIT, OTI, UNSUPPORTED, DUPLICATE (copy
 * maps from one version, or from its own), MEMORY. */
int manifest_parse(struct manifest *, const uint8_t *payload, size_t len, const struct fec_limits *limits);
/* Deterministic JSON; *payload is owned by the caller. Errors: MEMORY, MALFORMED (a text that is not UTF-8). */
int manifest_print(const struct carousel_allocator *, const struct manifest *, char **payload, size_t *len);
/* The copy map from a version, or NULL: there is at most one. */
const struct manifest_copy_map *manifest_copy_map(const struct manifest *, uint32_t from_version);
/* The text in a language, else in its primary language, else in English, else the first; NULL when there is none. */
const struct manifest_text *manifest_text(const struct manifest *, const char *language);
/* True when this version can read what a version with data format `format` wrote: 0 is read by all. */
bool manifest_has_data_format(const struct manifest *, uint32_t format);

#endif
