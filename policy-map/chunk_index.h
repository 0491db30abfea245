/* chunk_index.h - the index file of an image: one record for every 4 KiB chunk.
 *
 * Header, 32 bytes, then records of 24 bytes, all little endian, so that chunk i's record lies at 32 + 24 * i
 * and a box reads it block by block from a file:
 *   header  "CIX1", chunk bytes u32, image bytes u64, chunks u64, zeros u64
 *   record  BLAKE2b-128 of the chunk (16 bytes), rolling hash u32, repeat u32
 * The last chunk is hashed with zeros up to 4096 bytes. repeat: CHUNK_INDEX_UNIQUE, CHUNK_INDEX_ZERO for a chunk of
 * zeros, else the number of the first chunk of the same content. */
#ifndef POLICY_MAP_CHUNK_INDEX_H
#define POLICY_MAP_CHUNK_INDEX_H

#include "common/memory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHUNK_INDEX_CHUNK_BYTES  4096u
#define CHUNK_INDEX_HEADER_BYTES 32u
#define CHUNK_INDEX_RECORD_BYTES 24u
#define CHUNK_INDEX_DIGEST_BYTES 16u
#define CHUNK_INDEX_UNIQUE       0xffffffffu
#define CHUNK_INDEX_ZERO         0xfffffffeu
#define CHUNK_INDEX_MAX_CHUNKS   0xfffffff0u

struct chunk_index_header {
	uint64_t image_bytes;
	uint64_t num_chunks;
};

struct chunk_index_record {
	uint8_t digest[CHUNK_INDEX_DIGEST_BYTES];
	uint32_t rolling;
	uint32_t repeat;
};

/* Chunks of an image, and bytes of its index file. */
uint64_t chunk_index_chunks(uint64_t image_bytes);
uint64_t chunk_index_bytes(uint64_t image_bytes);
/* Where a chunk's record lies in the file. */
uint64_t chunk_index_offset(uint64_t chunk);

void chunk_index_encode_header(uint8_t out[CHUNK_INDEX_HEADER_BYTES], const struct chunk_index_header *);
/* Errors: MALFORMED, UNSUPPORTED (another chunk size). */
int chunk_index_decode_header(const uint8_t in[CHUNK_INDEX_HEADER_BYTES], struct chunk_index_header *);
void chunk_index_encode_record(uint8_t out[CHUNK_INDEX_RECORD_BYTES], const struct chunk_index_record *);
/* Errors: MALFORMED (repeat names this chunk or a later one). */
int chunk_index_decode_record(const uint8_t in[CHUNK_INDEX_RECORD_BYTES], uint64_t chunk, struct chunk_index_record *);

/* Digest and rolling hash of one chunk of `len` bytes (1 to 4096), the rest taken as zeros. repeat is left UNIQUE or
 * ZERO. */
int chunk_index_describe(const uint8_t *data, size_t len, struct chunk_index_record *);
/* 0 when the chunk has the record's digest, else DIGEST. */
int chunk_index_verify(const struct chunk_index_record *, const uint8_t *data, size_t len);

/* The rolling hash of a 4096-byte window (rsync's two sums, mod 2^16): of the whole window, and moved on by one byte.
 */
uint32_t chunk_index_rolling(const uint8_t window[CHUNK_INDEX_CHUNK_BYTES]);
static inline uint32_t chunk_index_roll(uint32_t rolling, uint8_t leaves, uint8_t enters)
{
	uint32_t a = (rolling & 0xffff) - leaves + enters;
	uint32_t b = (rolling >> 16) - CHUNK_INDEX_CHUNK_BYTES * leaves + a;
	return b << 16 | (a & 0xffff);
}

/* Builds an index chunk by chunk; finds repeats by digest. Memory: 24 bytes a chunk and the table that finds repeats.
 */
struct chunk_index_builder;
int chunk_index_builder_new(const struct carousel_allocator *, uint64_t image_bytes, struct chunk_index_builder **);
/* The image's bytes in order, in pieces of any length. Errors: LIMIT (more than image_bytes), INTERNAL. */
int chunk_index_builder_push(struct chunk_index_builder *, const void *data, size_t len);
/* The whole file, borrowed from the builder. Errors: NEED_MORE (not all bytes were pushed). */
int chunk_index_builder_finish(struct chunk_index_builder *, const uint8_t **file, size_t *len);
void chunk_index_builder_free(struct chunk_index_builder *);

#endif
