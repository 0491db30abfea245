/* bytes.h - bounded reading and writing of big-endian (network order) bytes.
 *
 * Both ends keep a sticky error: once one step fails every later step does nothing and
 * returns zeros, so a decoder reads its whole structure and asks for the error once. */
#ifndef COMMON_BYTES_H
#define COMMON_BYTES_H

#include <stddef.h>
#include <stdint.h>

struct bytes_reader {
	const uint8_t *data; /* borrowed */
	size_t left;
	int error; /* 0, CAROUSEL_E_TRUNCATED, or what bytes_reader_fail() was given */
};

void bytes_reader_init(struct bytes_reader *, const void *data, size_t len);
uint8_t bytes_read_u8(struct bytes_reader *);
uint16_t bytes_read_u16(struct bytes_reader *);
uint32_t bytes_read_u24(struct bytes_reader *);
uint32_t bytes_read_u32(struct bytes_reader *);
uint64_t bytes_read_u64(struct bytes_reader *);
/* An unsigned big-endian number of `len` bytes; more than 8 is an error (UNSUPPORTED) unless the
 * leading ones are zero. */
uint64_t bytes_read_uint(struct bytes_reader *, size_t len);
/* Borrowed pointer to the next `len` bytes, or NULL with the error set. len 0 gives a non-NULL pointer. */
const uint8_t *bytes_read(struct bytes_reader *, size_t len);
/* Carves the next `len` bytes out as a reader of their own, which inherits an error. */
struct bytes_reader bytes_read_sub(struct bytes_reader *, size_t len);
/* Keeps the first error and lets nothing more be read. */
void bytes_reader_fail(struct bytes_reader *, int error);

struct bytes_writer {
	uint8_t *data; /* borrowed */
	size_t cap, len;
	int error; /* 0, CAROUSEL_E_LIMIT, or what the owner of the writer put there */
};

void bytes_writer_init(struct bytes_writer *, void *data, size_t cap);
void bytes_write_u8(struct bytes_writer *, uint8_t);
void bytes_write_u16(struct bytes_writer *, uint16_t);
void bytes_write_u24(struct bytes_writer *, uint32_t);
void bytes_write_u32(struct bytes_writer *, uint32_t);
void bytes_write_u64(struct bytes_writer *, uint64_t);
/* The low `len` bytes (0 to 8) of value. */
void bytes_write_uint(struct bytes_writer *, uint64_t value, size_t len);
void bytes_write(struct bytes_writer *, const void *, size_t len);
/* Room for `len` bytes to be filled in by the caller, or NULL with the error set. */
uint8_t *bytes_write_reserve(struct bytes_writer *, size_t len);

/* Network-order fields at fixed offsets in a buffer whose size the caller has checked. */
static inline uint16_t bytes_get_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}
static inline uint32_t bytes_get_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}
static inline uint64_t bytes_get_be64(const uint8_t *p)
{
	return (uint64_t)bytes_get_be32(p) << 32 | bytes_get_be32(p + 4);
}
static inline void bytes_put_be32(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)(value >> 24);
	p[1] = (uint8_t)(value >> 16);
	p[2] = (uint8_t)(value >> 8);
	p[3] = (uint8_t)value;
}

/* Little-endian fields of records on disk: fixed offsets in a buffer whose size the caller has checked. */
uint16_t bytes_get_le16(const uint8_t *);
uint32_t bytes_get_le32(const uint8_t *);
uint64_t bytes_get_le64(const uint8_t *);
void bytes_put_le16(uint8_t *, uint16_t);
void bytes_put_le32(uint8_t *, uint32_t);
void bytes_put_le64(uint8_t *, uint64_t);

#endif
