#include "carousel-rx/store/verify.h"

#include <string.h>

#define VERIFY_SLICE_BYTES (64u * 1024 * 1024)

int verify_begin(struct verify *v, struct place_io *io, uint64_t image_bytes, const uint8_t digest[HASH_SHA256_BYTES],
	uint8_t *buf, size_t buf_bytes)
{
	int result = hash_stream_init(&v->stream);
	if (result)
		return result;
	v->io = io;
	v->image_bytes = image_bytes;
	v->at = 0;
	memcpy(v->digest, digest, sizeof(v->digest));
	v->buf = buf;
	v->buf_bytes = buf_bytes;
	v->is_running = true;
	return 0;
}

void verify_end(struct verify *v)
{
	if (v->is_running)
		hash_stream_deinit(&v->stream);
	v->is_running = false;
}

static int verify_slice(struct verify *v)
{
	uint8_t digest[HASH_SHA256_BYTES];
	uint64_t done = 0;
	int result = 0;
	while (result == 0 && v->at < v->image_bytes && done < VERIFY_SLICE_BYTES) {
		uint64_t left = v->image_bytes - v->at;
		size_t len = left < v->buf_bytes ? (size_t)left : v->buf_bytes;
		result = place_io_read(v->io, RX_SLOT_TARGET, v->at, v->buf, len);
		/* A slot that ends early does not hold the image, nor one with a worn page: writing mends it. */
		if (result == CAROUSEL_E_NEED_MORE || place_io_is_unreadable(result))
			return CAROUSEL_E_DIGEST;
		if (result == 0)
			result = hash_stream_update(&v->stream, v->buf, len);
		v->at += len;
		done += len;
	}
	if (result)
		return result;
	if (v->at < v->image_bytes)
		return CAROUSEL_E_NEED_MORE;
	result = hash_stream_final(&v->stream, digest);
	if (result == 0 && memcmp(digest, v->digest, sizeof(digest)) != 0)
		result = CAROUSEL_E_DIGEST;
	return result;
}

int verify_run(struct verify *v)
{
	int result = verify_slice(v);
	if (result != CAROUSEL_E_NEED_MORE)
		verify_end(v);
	return result;
}
