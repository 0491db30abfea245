#include "policy-map/copy_map.h"

#include "common/bytes.h"
#include "common/carousel_error.h"
#include "policy-map/chunk_index.h"

#include <string.h>

static const uint8_t magic[4] = {'C', 'C', 'M', '1'};

uint64_t copy_map_offset(uint32_t run)
{
	return COPY_MAP_HEADER_BYTES + (uint64_t)run * COPY_MAP_RUN_BYTES;
}

uint64_t copy_map_bytes(uint32_t num_runs)
{
	return copy_map_offset(num_runs);
}

uint64_t copy_map_run_bytes(const struct copy_map_header *h, const struct copy_map_run *run)
{
	const uint64_t at = (uint64_t)run->first_chunk * CHUNK_INDEX_CHUNK_BYTES;
	const uint64_t bytes = (uint64_t)run->num_chunks * CHUNK_INDEX_CHUNK_BYTES;
	return bytes < h->image_bytes - at ? bytes : h->image_bytes - at;
}

void copy_map_encode_header(uint8_t out[COPY_MAP_HEADER_BYTES], const struct copy_map_header *h)
{
	memcpy(out, magic, sizeof magic);
	bytes_put_le32(out + 4, CHUNK_INDEX_CHUNK_BYTES);
	bytes_put_le64(out + 8, h->image_bytes);
	bytes_put_le64(out + 16, h->from_bytes);
	bytes_put_le32(out + 24, h->num_runs);
	bytes_put_le32(out + 28, h->num_chunks);
	memcpy(out + 32, h->image_sha256, HASH_SHA256_BYTES);
	memcpy(out + 64, h->from_sha256, HASH_SHA256_BYTES);
}

void copy_map_encode_run(uint8_t out[COPY_MAP_RUN_BYTES], const struct copy_map_run *run)
{
	bytes_put_le32(out, run->first_chunk);
	bytes_put_le32(out + 4, run->num_chunks);
	bytes_put_le64(out + 8, run->from_offset);
}

int copy_map_decode_header(const uint8_t in[COPY_MAP_HEADER_BYTES], struct copy_map_header *h)
{
	uint64_t chunks;
	if (memcmp(in, magic, sizeof magic) != 0)
		return CAROUSEL_E_MALFORMED;
	if (bytes_get_le32(in + 4) != CHUNK_INDEX_CHUNK_BYTES)
		return CAROUSEL_E_UNSUPPORTED;
	h->image_bytes = bytes_get_le64(in + 8);
	h->from_bytes = bytes_get_le64(in + 16);
	h->num_runs = bytes_get_le32(in + 24);
	h->num_chunks = bytes_get_le32(in + 28);
	memcpy(h->image_sha256, in + 32, HASH_SHA256_BYTES);
	memcpy(h->from_sha256, in + 64, HASH_SHA256_BYTES);
	chunks = chunk_index_chunks(h->image_bytes);
	if (chunks == 0 || chunks > CHUNK_INDEX_MAX_CHUNKS || h->num_chunks > chunks || h->num_runs > h->num_chunks)
		return CAROUSEL_E_MALFORMED;
	return 0;
}

int copy_map_decode_run(const uint8_t in[COPY_MAP_RUN_BYTES], const struct copy_map_header *h, uint64_t *next_chunk,
	struct copy_map_run *run)
{
	const uint64_t chunks = chunk_index_chunks(h->image_bytes);
	run->first_chunk = bytes_get_le32(in);
	run->num_chunks = bytes_get_le32(in + 4);
	run->from_offset = bytes_get_le64(in + 8);
	if (run->num_chunks == 0 || run->first_chunk < *next_chunk || run->first_chunk >= chunks ||
		run->num_chunks > chunks - run->first_chunk)
		return CAROUSEL_E_MALFORMED;
	if (run->from_offset > h->from_bytes || copy_map_run_bytes(h, run) > h->from_bytes - run->from_offset)
		return CAROUSEL_E_MALFORMED;
	*next_chunk = (uint64_t)run->first_chunk + run->num_chunks;
	return 0;
}

int copy_map_check(const uint8_t *file, size_t len, struct copy_map_header *h)
{
	uint64_t next_chunk = 0, chunks = 0;
	struct copy_map_run run;
	int result;
	if (len < COPY_MAP_HEADER_BYTES)
		return CAROUSEL_E_TRUNCATED;
	result = copy_map_decode_header(file, h);
	if (result)
		return result;
	if (len != copy_map_bytes(h->num_runs))
		return len < copy_map_bytes(h->num_runs) ? CAROUSEL_E_TRUNCATED : CAROUSEL_E_MALFORMED;
	for (uint32_t i = 0; i < h->num_runs; i++) {
		result = copy_map_decode_run(file + copy_map_offset(i), h, &next_chunk, &run);
		if (result)
			return result;
		chunks += run.num_chunks;
	}
	return chunks == h->num_chunks ? 0 : CAROUSEL_E_MALFORMED;
}
