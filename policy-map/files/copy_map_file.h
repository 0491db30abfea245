/* copy_map_file.h - copy maps (policy-map/copy_map.h) from images in files. */
#ifndef POLICY_MAP_FILES_COPY_MAP_FILE_H
#define POLICY_MAP_FILES_COPY_MAP_FILE_H

#include "policy-map/copy_map.h"

/* Reads the older image once. The file is borrowed from *builder, which the caller frees, NULL after an error.
 * Errors: those of copy_map_builder_new(), of file.h, MEMORY. */
int copy_map_file_build(const uint8_t *index, size_t index_len, const uint8_t image_sha256[HASH_SHA256_BYTES],
	const char *from_path, struct copy_map_builder **builder, const uint8_t **file, size_t *len,
	struct copy_map_header *);

#endif
