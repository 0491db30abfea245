#include "policy-map/files/copy_map_file.h"

#include "common/carousel_error.h"
#include "common/io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define READ_BYTES (1u << 20)

static int push_all(int fd, uint64_t bytes, struct copy_map_builder *builder)
{
	uint8_t *buffer = memory_alloc(NULL, READ_BYTES, 1);
	int result = buffer ? 0 : CAROUSEL_E_MEMORY;
	for (uint64_t at = 0; at < bytes && result == 0; at += READ_BYTES) {
		const size_t len = bytes - at < READ_BYTES ? (size_t)(bytes - at) : READ_BYTES;
		result = file_pread(fd, buffer, len, at);
		if (result == 0)
			result = copy_map_builder_push(builder, buffer, len);
	}
	memory_free(NULL, buffer);
	return result;
}

int copy_map_file_build(const uint8_t *index, size_t index_len, const uint8_t image_sha256[HASH_SHA256_BYTES],
	const char *from_path, struct copy_map_builder **builder, const uint8_t **file, size_t *len,
	struct copy_map_header *header)
{
	uint64_t bytes = 0;
	int fd = open(from_path, O_RDONLY | O_NONBLOCK | O_CLOEXEC),
	    result = fd < 0 ? file_error(errno) : file_size(fd, &bytes);
	*builder = NULL;
	if (result == 0)
		result = copy_map_builder_new(NULL, index, index_len, bytes, builder);
	if (result == 0)
		result = push_all(fd, bytes, *builder);
	if (result == 0)
		result = copy_map_builder_finish(*builder, image_sha256, file, len, header);
	if (result) {
		copy_map_builder_free(*builder);
		*builder = NULL;
	}
	if (fd >= 0)
		close(fd);
	return result;
}
