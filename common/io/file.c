#include "common/io/file.h"

#include "common/carousel_error.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

int file_error(int errno_value)
{
	switch (errno_value) {
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return CAROUSEL_E_NO_SPACE;
	case EROFS:
		return CAROUSEL_E_READ_ONLY;
	case EACCES:
	case EPERM:
		return CAROUSEL_E_PERMISSION;
	case ENOENT:
	case ENOTDIR:
		return CAROUSEL_E_NOT_FOUND;
	case EEXIST:
	case ENOTEMPTY:
		return CAROUSEL_E_EXISTS;
	case ENOMEM:
		return CAROUSEL_E_MEMORY;
	case EBUSY:
	case ETXTBSY:
		return CAROUSEL_E_BUSY;
	default:
		return CAROUSEL_E_STORAGE;
	}
}

static int file_offset_check(size_t len, uint64_t offset)
{
	return offset > INT64_MAX || len > (uint64_t)INT64_MAX - offset ? CAROUSEL_E_ARGUMENT : 0;
}

int file_pread(int fd, void *data, size_t len, uint64_t offset)
{
	uint8_t *at = data;
	int result = file_offset_check(len, offset);
	while (result == 0 && len) {
		ssize_t got = pread(fd, at, len, (off_t)offset);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? file_error(errno) : CAROUSEL_E_TRUNCATED;
		at += got;
		offset += (uint64_t)got;
		len -= (size_t)got;
	}
	return result;
}

int file_pwrite(int fd, const void *data, size_t len, uint64_t offset)
{
	const uint8_t *at = data;
	int result = file_offset_check(len, offset);
	while (result == 0 && len) {
		ssize_t put = pwrite(fd, at, len, (off_t)offset);
		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return put < 0 ? file_error(errno) : CAROUSEL_E_NO_SPACE;
		at += put;
		offset += (uint64_t)put;
		len -= (size_t)put;
	}
	return result;
}

int file_write(int fd, const void *data, size_t len)
{
	const uint8_t *at = data;
	while (len) {
		ssize_t put = write(fd, at, len);
		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return put < 0 ? file_error(errno) : CAROUSEL_E_NO_SPACE;
		at += put;
		len -= (size_t)put;
	}
	return 0;
}

int file_sync(int fd)
{
	return fdatasync(fd) == 0 ? 0 : file_error(errno);
}

/* The directory part of path: "." when it has none. Errors: ARGUMENT. */
static int file_parent(const char *path, char out[PATH_MAX])
{
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 0;
	if (len >= PATH_MAX)
		return CAROUSEL_E_ARGUMENT;
	if (slash == path)
		len = 1;
	memcpy(out, slash ? path : ".", slash ? len : 1);
	out[slash ? len : 1] = '\0';
	return 0;
}

int file_sync_parent(const char *path)
{
	char parent[PATH_MAX];
	int result = file_parent(path, parent), fd;
	if (result != 0)
		return result;
	fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return file_error(errno);
	if (fsync(fd) != 0)
		result = file_error(errno);
	close(fd);
	return result;
}

int file_size(int fd, uint64_t *bytes)
{
	struct stat status;
	if (fstat(fd, &status) != 0)
		return file_error(errno);
	if (S_ISBLK(status.st_mode))
		return ioctl(fd, BLKGETSIZE64, bytes) == 0 ? 0 : file_error(errno);
	if (!S_ISREG(status.st_mode) || status.st_size < 0)
		return CAROUSEL_E_ARGUMENT;
	*bytes = (uint64_t)status.st_size;
	return 0;
}

int file_read(const char *path, size_t limit, const struct carousel_allocator *allocator, char **data, size_t *len)
{
	/* A pipe without a writer must not hold us up. */
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC), result;
	char *buffer = NULL;
	uint64_t bytes = 0;
	*data = NULL;
	*len = 0;
	if (fd < 0)
		return file_error(errno);
	result = file_size(fd, &bytes);
	if (result == 0 && bytes > limit)
		result = CAROUSEL_E_LIMIT;
	if (result != 0)
		goto out;
	buffer = bytes < SIZE_MAX ? memory_alloc(allocator, (size_t)bytes + 1, 1) : NULL;
	if (buffer == NULL) {
		result = CAROUSEL_E_MEMORY;
		goto out;
	}
	result = file_pread(fd, buffer, (size_t)bytes, 0);
	if (result != 0) {
		memory_free(allocator, buffer);
		goto out;
	}
	*data = buffer;
	*len = (size_t)bytes;
out:
	close(fd);
	return result;
}

int file_replace(const char *path, const void *data, size_t len, mode_t mode)
{
	char temporary[PATH_MAX];
	struct stat there;
	int fd, result;
	if (snprintf(temporary, sizeof temporary, "%s.tmp", path) >= (int)sizeof temporary)
		return CAROUSEL_E_ARGUMENT;
	/* A rename takes the place of a device or a pipe, too: no file may become /dev/null. */
	if (lstat(path, &there) == 0 && !S_ISREG(there.st_mode) && !S_ISLNK(there.st_mode))
		return CAROUSEL_E_EXISTS;
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0)
		return file_error(errno);
	result = file_write(fd, data, len);
	if (result == 0 && fsync(fd) != 0)
		result = file_error(errno);
	if (close(fd) != 0 && result == 0)
		result = file_error(errno);
	if (result == 0 && rename(temporary, path) != 0)
		result = file_error(errno);
	if (result != 0) {
		(void)unlink(temporary);
		return result;
	}
	return file_sync_parent(path);
}

int file_mkdir(const char *path, mode_t mode)
{
	char part[PATH_MAX];
	const size_t len = strlen(path);
	struct stat status;
	if (len == 0 || len >= sizeof part)
		return CAROUSEL_E_ARGUMENT;
	memcpy(part, path, len + 1);
	for (size_t i = 1; i <= len; i++) {
		if (part[i] != '/' && part[i] != '\0')
			continue;
		part[i] = '\0';
		if (mkdir(part, mode) == 0) {
			int result = file_sync_parent(part);
			if (result != 0)
				return result;
		} else if (stat(part, &status) != 0) {
			return file_error(errno);
		} else if (!S_ISDIR(status.st_mode)) {
			return CAROUSEL_E_EXISTS;
		}
		part[i] = path[i];
	}
	return 0;
}

int file_lock(const char *path, int *fd)
{
	int result;
	*fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (*fd < 0)
		return file_error(errno);
	if (flock(*fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	result = errno == EWOULDBLOCK ? CAROUSEL_E_BUSY : file_error(errno);
	close(*fd);
	*fd = -1;
	return result;
}
