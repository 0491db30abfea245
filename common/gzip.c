#include "common/gzip.h"

#include "common/alc.h"
#include "common/carousel_error.h"

#include <string.h>
#include <zlib.h>

#define DEFAULT_MAX_BYTES ((size_t)4 << 20)
#define DEFAULT_MAX_RATIO 200u
#define ALWAYS_ALLOWED    ((size_t)64 << 10)
#define MAX_STREAM_BYTES  ((size_t)1 << 30)

static void *gzip_zalloc(void *opaque, unsigned count, unsigned size)
{
	return memory_alloc(opaque, count, size);
}

static void gzip_zfree(void *opaque, void *ptr)
{
	memory_free(opaque, ptr);
}

static void gzip_stream_init(z_stream *z, const struct carousel_allocator *a, const void *in, size_t len)
{
	memset(z, 0, sizeof *z);
	z->zalloc = gzip_zalloc;
	z->zfree = gzip_zfree;
	z->opaque = (void *)(uintptr_t)a; /* zlib's signature; the allocator itself is only read */
	z->next_in = (Bytef *)(uintptr_t)in;
	z->avail_in = (uInt)len;
}

int gzip_encode(const struct carousel_allocator *a, const void *in, size_t len, uint8_t **out, size_t *out_len)
{
	z_stream z;
	uLong bound;
	int status;
	*out = NULL;
	*out_len = 0;
	if (len > MAX_STREAM_BYTES)
		return CAROUSEL_E_LIMIT;
	gzip_stream_init(&z, a, in, len);
	/* 16 asks for the gzip format, whose default header has neither a name nor a time. */
	if (deflateInit2(&z, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return CAROUSEL_E_MEMORY;
	bound = deflateBound(&z, (uLong)len);
	*out = memory_alloc(a, bound, 1);
	if (*out == NULL) {
		deflateEnd(&z);
		return CAROUSEL_E_MEMORY;
	}
	z.next_out = *out;
	z.avail_out = (uInt)bound;
	status = deflate(&z, Z_FINISH);
	*out_len = z.total_out;
	deflateEnd(&z);
	if (status == Z_STREAM_END)
		return 0;
	memory_free(a, *out);
	*out = NULL;
	return CAROUSEL_E_INTERNAL;
}

static size_t gzip_max_output(const struct gzip_limits *limits, size_t len)
{
	size_t bytes = limits && limits->max_bytes ? limits->max_bytes : DEFAULT_MAX_BYTES;
	size_t ratio = limits && limits->max_ratio ? limits->max_ratio : DEFAULT_MAX_RATIO;
	size_t by_ratio = len < bytes / ratio + 1 ? len * ratio : bytes;
	if (by_ratio < ALWAYS_ALLOWED)
		by_ratio = ALWAYS_ALLOWED;
	if (bytes > MAX_STREAM_BYTES)
		bytes = MAX_STREAM_BYTES;
	return by_ratio < bytes ? by_ratio : bytes;
}

static int gzip_window_bits(uint8_t content_encoding)
{
	switch (content_encoding) {
	case ALC_CENC_ZLIB:
		return MAX_WBITS;
	case ALC_CENC_DEFLATE:
		return -MAX_WBITS;
	default:
		return 16 + MAX_WBITS;
	}
}

struct gzip_output {
	const struct carousel_allocator *allocator;
	uint8_t *data;
	size_t cap, max;
};

/* Room for more output: doubles up to one byte past the limit, so that reaching the limit exactly is legal. */
static int gzip_output_grow(struct gzip_output *o, z_stream *z)
{
	size_t used = z->total_out, cap = o->cap ? o->cap * 2 : 4096;
	uint8_t *bigger;
	if (used > o->max)
		return CAROUSEL_E_LIMIT;
	if (cap > o->max + 1)
		cap = o->max + 1;
	bigger = memory_alloc(o->allocator, cap, 1);
	if (bigger == NULL)
		return CAROUSEL_E_MEMORY;
	if (used)
		memcpy(bigger, o->data, used);
	memory_free(o->allocator, o->data);
	o->data = bigger;
	o->cap = cap;
	z->next_out = bigger + used;
	z->avail_out = (uInt)(cap - used);
	return 0;
}

static int gzip_status_error(int status)
{
	switch (status) {
	case Z_OK:
		return 0;
	case Z_MEM_ERROR:
		return CAROUSEL_E_MEMORY;
	case Z_BUF_ERROR: /* no progress although there is room: the input ended early */
		return CAROUSEL_E_TRUNCATED;
	default: /* Z_DATA_ERROR, Z_NEED_DICT */
		return CAROUSEL_E_MALFORMED;
	}
}

static int gzip_inflate(struct gzip_output *o, z_stream *z)
{
	for (;;) {
		int status, result = z->avail_out ? 0 : gzip_output_grow(o, z);
		if (result)
			return result;
		status = inflate(z, Z_NO_FLUSH);
		if (status == Z_STREAM_END)
			break;
		result = gzip_status_error(status);
		if (result)
			return result;
	}
	if (z->total_out > o->max)
		return CAROUSEL_E_LIMIT;
	return z->avail_in ? CAROUSEL_E_MALFORMED : 0;
}

static int gzip_copy(const struct carousel_allocator *a, size_t max, const void *in, size_t len, uint8_t **out)
{
	if (len > max)
		return CAROUSEL_E_LIMIT;
	*out = memory_alloc(a, len, 1);
	if (*out == NULL)
		return CAROUSEL_E_MEMORY;
	if (len)
		memcpy(*out, in, len);
	return 0;
}

int gzip_decode(const struct carousel_allocator *a, uint8_t content_encoding, const struct gzip_limits *limits,
	const void *in, size_t len, uint8_t **out, size_t *out_len)
{
	struct gzip_output o = {.allocator = a, .max = gzip_max_output(limits, len)};
	z_stream z;
	int result;
	*out = NULL;
	*out_len = 0;
	if (len > MAX_STREAM_BYTES)
		return CAROUSEL_E_LIMIT;
	if (content_encoding > ALC_CENC_GZIP)
		return CAROUSEL_E_UNSUPPORTED;
	if (content_encoding == ALC_CENC_NULL) {
		result = gzip_copy(a, o.max, in, len, out);
		*out_len = result ? 0 : len;
		return result;
	}
	gzip_stream_init(&z, a, in, len);
	if (inflateInit2(&z, gzip_window_bits(content_encoding)) != Z_OK)
		return CAROUSEL_E_MEMORY;
	result = gzip_inflate(&o, &z);
	*out_len = z.total_out;
	inflateEnd(&z);
	if (result) {
		memory_free(a, o.data);
		*out_len = 0;
		return result;
	}
	*out = o.data;
	return 0;
}
