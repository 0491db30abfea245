#include "carousel-rx/store/scratch.h"

#include "common/carousel_error.h"

#include <string.h>

void scratch_init(
	struct scratch *s, struct place_io *io, uint64_t offset, uint32_t count, size_t symbol_size, size_t width)
{
	s->io = io;
	s->offset = offset;
	s->count = count;
	s->symbol_size = symbol_size;
	s->width = symbol_size;
	if (width && width < symbol_size)
		s->width = width < SCRATCH_PIECE ? width : SCRATCH_PIECE;
	s->pending = 0;
}

/* Of the strip that begins at byte `from` of the symbols. */
static size_t scratch_width(const struct scratch *s, size_t from)
{
	return s->symbol_size - from < s->width ? s->symbol_size - from : s->width;
}

/* Where the strip that begins at byte `from` has symbol `number`. */
static uint64_t scratch_at(const struct scratch *s, uint32_t number, size_t from)
{
	return s->offset + (uint64_t)from * s->count + (uint64_t)number * scratch_width(s, from);
}

int scratch_flush(struct scratch *s)
{
	size_t len = s->pending;
	s->pending = 0;
	return len ? place_io_write(s->io, RX_SCRATCH, s->pending_at, s->piece, len) : 0;
}

static int scratch_put(struct scratch *s, uint64_t at, size_t len, const uint8_t *src)
{
	int result = 0;
	if (s->pending && (at != s->pending_at + s->pending || len > sizeof(s->piece) - s->pending))
		result = scratch_flush(s);
	if (result)
		return result;
	if (len > sizeof(s->piece))
		return place_io_write(s->io, RX_SCRATCH, at, src, len);
	if (s->pending == 0)
		s->pending_at = at;
	memcpy(s->piece + s->pending, src, len);
	s->pending += len;
	return 0;
}

int scratch_write(struct scratch *s, uint32_t number, size_t off, size_t len, const uint8_t *src)
{
	if (number >= s->count || off > s->symbol_size || len > s->symbol_size - off)
		return CAROUSEL_E_ARGUMENT;
	while (len) {
		size_t from = off / s->width * s->width, part = from + scratch_width(s, from) - off;
		int result;
		if (part > len)
			part = len;
		result = scratch_put(s, scratch_at(s, number, from) + (off - from), part, src);
		if (result)
			return result;
		off += part;
		len -= part;
		src += part;
	}
	return 0;
}

/* Bytes [at, at + len) are of symbols first to first + count - 1: their parts of one strip, read at once. */
static int scratch_read_strip(
	struct scratch *s, uint32_t first, uint32_t count, size_t from, uint64_t at, size_t len, uint8_t *dst)
{
	size_t width = scratch_width(s, from);
	int result = place_io_read(s->io, RX_SCRATCH, scratch_at(s, first, from), s->piece, count * width);
	for (uint32_t i = 0; result == 0 && i < count; i++) {
		uint64_t begin = (uint64_t)(first + i) * s->symbol_size + from, end = begin + width;
		uint64_t cut = begin < at ? at - begin : 0;
		if (end > at + len)
			end = at + len;
		if (begin + cut < end)
			memcpy(dst + (begin + cut - at), s->piece + i * width + cut, (size_t)(end - begin - cut));
	}
	return result;
}

int scratch_read(struct scratch *s, uint64_t at, size_t len, uint8_t *dst)
{
	uint64_t bytes = (uint64_t)s->count * s->symbol_size;
	uint32_t most = (uint32_t)(sizeof(s->piece) / s->width), end, count;
	if (at > bytes || len > bytes - at || s->pending)
		return CAROUSEL_E_ARGUMENT;
	if (s->width == s->symbol_size)
		return place_io_read(s->io, RX_SCRATCH, s->offset + at, dst, len);
	if (len == 0)
		return 0;
	end = (uint32_t)((at + len - 1) / s->symbol_size) + 1;
	for (uint32_t first = (uint32_t)(at / s->symbol_size); first < end; first += count) {
		count = end - first < most ? end - first : most;
		for (size_t from = 0; from < s->symbol_size; from += s->width) {
			int result = scratch_read_strip(s, first, count, from, at, len, dst);
			if (result)
				return result;
		}
	}
	return 0;
}
