/* copy_map.h - where the chunks of a new image lie in an older one, so that a box that runs the older one copies them
 * instead of receiving them. Chunks are those of chunk_index.h; they may lie at any byte of the older image.
 *
 * Header, 96 bytes, then runs of 16 bytes, all little endian:
 *   header  "CCM1", chunk bytes u32, image bytes u64, bytes of the older image u64, runs u32, chunks in them u32,
 *           SHA-256 of the image, SHA-256 of the older image
 *   run     first chunk u32, chunks u32, byte offset of the first in the older image u64
 * Runs are in the order of the image and do not overlap; every byte they name lies within both images (the last chunk
 * of an image may be short). Chunks of zeros and repeats, which the index marks, are left out. A copy map is a promise
 * of the signed manifest's, kept or not: what was copied is compared with the index like all that is received. */
#ifndef POLICY_MAP_COPY_MAP_H
#define POLICY_MAP_COPY_MAP_H

#include "common/hash.h"
#include "common/memory.h"

#include <stddef.h>
#include <stdint.h>

#define COPY_MAP_HEADER_BYTES 96u
#define COPY_MAP_RUN_BYTES    16u

struct copy_map_header {
	uint64_t image_bytes, from_bytes;
	uint32_t num_runs, num_chunks;
	uint8_t image_sha256[HASH_SHA256_BYTES], from_sha256[HASH_SHA256_BYTES];
};

struct copy_map_run {
	uint32_t first_chunk, num_chunks;
	uint64_t from_offset;
};

/* Bytes of the whole file. */
uint64_t copy_map_bytes(uint32_t num_runs);
/* Bytes of the image that a run covers. */
uint64_t copy_map_run_bytes(const struct copy_map_header *, const struct copy_map_run *);
/* Where run i lies in the file. */
uint64_t copy_map_offset(uint32_t run);

void copy_map_encode_header(uint8_t out[COPY_MAP_HEADER_BYTES], const struct copy_map_header *);
void copy_map_encode_run(uint8_t out[COPY_MAP_RUN_BYTES], const struct copy_map_run *);
/* Errors: MALFORMED, UNSUPPORTED (another chunk size). */
int copy_map_decode_header(const uint8_t in[COPY_MAP_HEADER_BYTES], struct copy_map_header *);
/* The next run of a file that is read in order; *next_chunk is 0 before the first, then where the last one ended.
 * Errors: MALFORMED (no chunks, out of order, beyond an image). */
int copy_map_decode_run(const uint8_t in[COPY_MAP_RUN_BYTES], const struct copy_map_header *, uint64_t *next_chunk,
	struct copy_map_run *);
/* A whole file. Errors: TRUNCATED, those above, MALFORMED (bytes behind it, another number of chunks). */
int copy_map_check(const uint8_t *file, size_t len, struct copy_map_header *);

/* Finds the chunks of an image in an older one: the index's rolling hashes at every byte of it, then the digests. The
 * same two images give the same file. Memory: about 20 bytes a chunk of the image, the index and at most 16 bytes a
 * chunk for the file. Time: linear in the older image; the number of digests is bounded. */
struct copy_map_builder;
/* `index`: the image's index file, borrowed until _free. Errors: MALFORMED (index), LIMIT (size of an image), MEMORY.
 */
int copy_map_builder_new(const struct carousel_allocator *, const uint8_t *index, size_t index_len, uint64_t from_bytes,
	struct copy_map_builder **);
/* The older image's bytes in order, in pieces of any length. Errors: LIMIT (more than from_bytes), INTERNAL. */
int copy_map_builder_push(struct copy_map_builder *, const void *data, size_t len);
/* The whole file, borrowed from the builder; num_runs may be 0. Errors: NEED_MORE (not all bytes were pushed),
 * INTERNAL, MEMORY. */
int copy_map_builder_finish(struct copy_map_builder *, const uint8_t image_sha256[HASH_SHA256_BYTES],
	const uint8_t **file, size_t *len, struct copy_map_header *);
void copy_map_builder_free(struct copy_map_builder *);

#endif
