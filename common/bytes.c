#include "common/bytes.h"

#include "common/carousel_error.h"

#include <string.h>

void bytes_reader_init(struct bytes_reader *r, const void *data, size_t len)
{
	static const uint8_t nothing[1];
	r->data = data ? data : nothing;
	r->left = data ? len : 0;
	r->error = 0;
}

void bytes_reader_fail(struct bytes_reader *r, int error)
{
	if (r->error == 0)
		r->error = error;
	r->left = 0;
}

const uint8_t *bytes_read(struct bytes_reader *r, size_t len)
{
	const uint8_t *at = r->data;
	if (r->error)
		return NULL;
	if (len > r->left) {
		bytes_reader_fail(r, CAROUSEL_E_TRUNCATED);
		return NULL;
	}
	r->data += len;
	r->left -= len;
	return at;
}

uint64_t bytes_read_uint(struct bytes_reader *r, size_t len)
{
	const uint8_t *at = bytes_read(r, len);
	uint64_t value = 0;
	if (at == NULL)
		return 0;
	for (size_t i = 0; i < len; i++) {
		if (value >> 56) {
			bytes_reader_fail(r, CAROUSEL_E_UNSUPPORTED);
			return 0;
		}
		value = value << 8 | at[i];
	}
	return value;
}

uint8_t bytes_read_u8(struct bytes_reader *r)
{
	return (uint8_t)bytes_read_uint(r, 1);
}

uint16_t bytes_read_u16(struct bytes_reader *r)
{
	return (uint16_t)bytes_read_uint(r, 2);
}

uint32_t bytes_read_u24(struct bytes_reader *r)
{
	return (uint32_t)bytes_read_uint(r, 3);
}

uint32_t bytes_read_u32(struct bytes_reader *r)
{
	return (uint32_t)bytes_read_uint(r, 4);
}

uint64_t bytes_read_u64(struct bytes_reader *r)
{
	return bytes_read_uint(r, 8);
}

struct bytes_reader bytes_read_sub(struct bytes_reader *r, size_t len)
{
	struct bytes_reader sub;
	const uint8_t *at = bytes_read(r, len);
	bytes_reader_init(&sub, at, at ? len : 0);
	sub.error = r->error;
	return sub;
}

void bytes_writer_init(struct bytes_writer *w, void *data, size_t cap)
{
	w->data = data;
	w->cap = cap;
	w->len = 0;
	w->error = 0;
}

uint8_t *bytes_write_reserve(struct bytes_writer *w, size_t len)
{
	uint8_t *at;
	if (w->error)
		return NULL;
	if (len > w->cap - w->len) {
		w->error = CAROUSEL_E_LIMIT;
		return NULL;
	}
	at = w->data + w->len;
	w->len += len;
	return at;
}

void bytes_write(struct bytes_writer *w, const void *data, size_t len)
{
	uint8_t *at = bytes_write_reserve(w, len);
	if (at && len)
		memcpy(at, data, len);
}

void bytes_write_uint(struct bytes_writer *w, uint64_t value, size_t len)
{
	uint8_t *at = bytes_write_reserve(w, len);
	if (at == NULL)
		return;
	for (size_t i = len; i-- > 0; value >>= 8)
		at[i] = (uint8_t)value;
}

void bytes_write_u8(struct bytes_writer *w, uint8_t value)
{
	bytes_write_uint(w, value, 1);
}

void bytes_write_u16(struct bytes_writer *w, uint16_t value)
{
	bytes_write_uint(w, value, 2);
}

void bytes_write_u24(struct bytes_writer *w, uint32_t value)
{
	bytes_write_uint(w, value, 3);
}

void bytes_write_u32(struct bytes_writer *w, uint32_t value)
{
	bytes_write_uint(w, value, 4);
}

void bytes_write_u64(struct bytes_writer *w, uint64_t value)
{
	bytes_write_uint(w, value, 8);
}

uint16_t bytes_get_le16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

uint32_t bytes_get_le32(const uint8_t *p)
{
	return bytes_get_le16(p) | (uint32_t)bytes_get_le16(p + 2) << 16;
}

uint64_t bytes_get_le64(const uint8_t *p)
{
	return bytes_get_le32(p) | (uint64_t)bytes_get_le32(p + 4) << 32;
}

void bytes_put_le16(uint8_t *p, uint16_t value)
{
	p[0] = (uint8_t)value;
	p[1] = (uint8_t)(value >> 8);
}

void bytes_put_le32(uint8_t *p, uint32_t value)
{
	bytes_put_le16(p, (uint16_t)value);
	bytes_put_le16(p + 2, (uint16_t)(value >> 16));
}

void bytes_put_le64(uint8_t *p, uint64_t value)
{
	bytes_put_le32(p, (uint32_t)value);
	bytes_put_le32(p + 4, (uint32_t)(value >> 32));
}
