#include "policy-map/chunk_index.h"

#include "common/bytes.h"
#include "common/carousel_error.h"
#include "common/hash.h"

#include <string.h>

static const uint8_t magic[4] = {'C', 'I', 'X', '1'};

uint64_t chunk_index_chunks(uint64_t image_bytes)
{
	return image_bytes / CHUNK_INDEX_CHUNK_BYTES + (image_bytes % CHUNK_INDEX_CHUNK_BYTES != 0);
}

uint64_t chunk_index_offset(uint64_t chunk)
{
	return CHUNK_INDEX_HEADER_BYTES + chunk * CHUNK_INDEX_RECORD_BYTES;
}

uint64_t chunk_index_bytes(uint64_t image_bytes)
{
	return chunk_index_offset(chunk_index_chunks(image_bytes));
}

void chunk_index_encode_header(uint8_t out[CHUNK_INDEX_HEADER_BYTES], const struct chunk_index_header *h)
{
	memset(out, 0, CHUNK_INDEX_HEADER_BYTES);
	memcpy(out, magic, sizeof magic);
	bytes_put_le32(out + 4, CHUNK_INDEX_CHUNK_BYTES);
	bytes_put_le64(out + 8, h->image_bytes);
	bytes_put_le64(out + 16, h->num_chunks);
}

int chunk_index_decode_header(const uint8_t in[CHUNK_INDEX_HEADER_BYTES], struct chunk_index_header *h)
{
	if (memcmp(in, magic, sizeof magic) != 0)
		return CAROUSEL_E_MALFORMED;
	if (bytes_get_le32(in + 4) != CHUNK_INDEX_CHUNK_BYTES)
		return CAROUSEL_E_UNSUPPORTED;
	h->image_bytes = bytes_get_le64(in + 8);
	h->num_chunks = bytes_get_le64(in + 16);
	if (h->num_chunks != chunk_index_chunks(h->image_bytes) || h->num_chunks > CHUNK_INDEX_MAX_CHUNKS)
		return CAROUSEL_E_MALFORMED;
	return 0;
}

void chunk_index_encode_record(uint8_t out[CHUNK_INDEX_RECORD_BYTES], const struct chunk_index_record *r)
{
	memcpy(out, r->digest, CHUNK_INDEX_DIGEST_BYTES);
	bytes_put_le32(out + 16, r->rolling);
	bytes_put_le32(out + 20, r->repeat);
}

int chunk_index_decode_record(const uint8_t in[CHUNK_INDEX_RECORD_BYTES], uint64_t chunk, struct chunk_index_record *r)
{
	memcpy(r->digest, in, CHUNK_INDEX_DIGEST_BYTES);
	r->rolling = bytes_get_le32(in + 16);
	r->repeat = bytes_get_le32(in + 20);
	if (r->repeat != CHUNK_INDEX_UNIQUE && r->repeat != CHUNK_INDEX_ZERO && r->repeat >= chunk)
		return CAROUSEL_E_MALFORMED;
	return 0;
}

uint32_t chunk_index_rolling(const uint8_t window[CHUNK_INDEX_CHUNK_BYTES])
{
	uint32_t a = 0, b = 0;
	for (uint32_t i = 0; i < CHUNK_INDEX_CHUNK_BYTES; i++) {
		a += window[i];
		b += a;
	}
	return b << 16 | (a & 0xffff);
}

static bool is_zero(const uint8_t *chunk)
{
	return chunk[0] == 0 && memcmp(chunk, chunk + 1, CHUNK_INDEX_CHUNK_BYTES - 1) == 0;
}

/* The chunk with its zeros behind it; `room` is used when it is short. NULL: no legal length. */
static const uint8_t *whole_chunk(const uint8_t *data, size_t len, uint8_t room[CHUNK_INDEX_CHUNK_BYTES])
{
	if (len == CHUNK_INDEX_CHUNK_BYTES)
		return data;
	if (len == 0 || len > CHUNK_INDEX_CHUNK_BYTES)
		return NULL;
	memcpy(room, data, len);
	memset(room + len, 0, CHUNK_INDEX_CHUNK_BYTES - len);
	return room;
}

int chunk_index_describe(const uint8_t *data, size_t len, struct chunk_index_record *r)
{
	uint8_t room[CHUNK_INDEX_CHUNK_BYTES];
	const uint8_t *chunk = whole_chunk(data, len, room);
	if (chunk == NULL)
		return CAROUSEL_E_ARGUMENT;
	r->rolling = chunk_index_rolling(chunk);
	r->repeat = is_zero(chunk) ? CHUNK_INDEX_ZERO : CHUNK_INDEX_UNIQUE;
	return hash_blake2b_128(chunk, CHUNK_INDEX_CHUNK_BYTES, r->digest);
}

int chunk_index_verify(const struct chunk_index_record *r, const uint8_t *data, size_t len)
{
	uint8_t room[CHUNK_INDEX_CHUNK_BYTES], digest[CHUNK_INDEX_DIGEST_BYTES];
	const uint8_t *chunk = whole_chunk(data, len, room);
	if (chunk == NULL)
		return CAROUSEL_E_ARGUMENT;
	if (hash_blake2b_128(chunk, CHUNK_INDEX_CHUNK_BYTES, digest) != 0)
		return CAROUSEL_E_INTERNAL;
	return memcmp(digest, r->digest, sizeof digest) == 0 ? 0 : CAROUSEL_E_DIGEST;
}
