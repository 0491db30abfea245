/* verify.h - reading an image back from the slot and comparing its SHA-256, a slice a job. */
#ifndef CAROUSEL_RX_STORE_VERIFY_H
#define CAROUSEL_RX_STORE_VERIFY_H

#include "carousel-rx/store/geometry.h"
#include "common/hash.h"

struct verify {
	struct place_io *io;
	struct hash_stream stream;
	uint64_t image_bytes, at;
	uint8_t digest[HASH_SHA256_BYTES];
	uint8_t *buf;
	size_t buf_bytes;
	bool is_running;
};

/* buf: borrowed until the end. Errors: MEMORY, INTERNAL. */
int verify_begin(struct verify *, struct place_io *, uint64_t image_bytes, const uint8_t digest[HASH_SHA256_BYTES],
	uint8_t *buf, size_t buf_bytes);
/* One slice. 0: the digest is right; NEED_MORE: run again; DIGEST; storage's errors. Ends unless NEED_MORE. */
int verify_run(struct verify *);
void verify_end(struct verify *);

#endif
