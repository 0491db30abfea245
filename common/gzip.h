/* gzip.h - content encodings of FDTs and metadata (RFC 6726 section 3.4.3), bounded. */
#ifndef COMMON_GZIP_H
#define COMMON_GZIP_H

#include "common/memory.h"

#include <stddef.h>
#include <stdint.h>

/* What an encoded object may grow to. A zero field means the default. */
struct gzip_limits {
	size_t max_bytes;   /* of output; default 4 MiB */
	uint32_t max_ratio; /* output / input; default 200; 64 KiB of output are always allowed */
};

/* Compresses to gzip (RFC 1952) without name or time: the same input gives the same bytes with one zlib.
 * *out is the caller's to memory_free(). Errors: LIMIT (over 1 GiB), MEMORY. */
int gzip_encode(const struct carousel_allocator *, const void *in, size_t len, uint8_t **out, size_t *out_len);

/* Decodes by the content encoding of EXT_CENC (enum alc_content_encoding: 0 copies). The whole input must be
 * one complete stream. *out is the caller's to memory_free(); NULL after an error. limits may be NULL.
 * Errors: TRUNCATED, MALFORMED (bad stream, bytes after its end), LIMIT, UNSUPPORTED (encoding), MEMORY. */
int gzip_decode(const struct carousel_allocator *, uint8_t content_encoding, const struct gzip_limits *limits,
	const void *in, size_t len, uint8_t **out, size_t *out_len);

#endif
