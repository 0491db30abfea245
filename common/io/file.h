/* file.h - files: all or error, with errno mapped to our codes. */
#ifndef COMMON_IO_FILE_H
#define COMMON_IO_FILE_H

#include "common/memory.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* NO_SPACE (ENOSPC, EDQUOT, EFBIG), READ_ONLY (EROFS), PERMISSION (EACCES, EPERM), NOT_FOUND (ENOENT, ENOTDIR),
 * EXISTS (EEXIST, ENOTEMPTY), MEMORY (ENOMEM), BUSY (EBUSY, ETXTBSY), STORAGE for all others. */
int file_error(int errno_value);

/* All of it at an offset, over short transfers and EINTR. A read that meets the end: TRUNCATED. */
int file_pread(int fd, void *, size_t len, uint64_t offset);
int file_pwrite(int fd, const void *, size_t len, uint64_t offset);
int file_write(int fd, const void *, size_t len);
/* fdatasync. */
int file_sync(int fd);
/* fsync of the directory that holds path, so that its entry survives power failure. */
int file_sync_parent(const char *path);
/* Size of a regular file or block device. */
int file_size(int fd, uint64_t *bytes);

/* Whole file in memory from the allocator, with a NUL behind it that *len does not count. Errors: LIMIT (longer than
 * limit; nothing that size is allocated), NOT_FOUND, MEMORY, and those of file_error(). */
int file_read(const char *path, size_t limit, const struct carousel_allocator *, char **data, size_t *len);
/* Atomic replacement: "<path>.tmp" written, synced, renamed over path, directory synced. After a failure, or a power
 * failure at any step, path holds the old content or the new, never a part. EXISTS: what is there is no file. */
int file_replace(const char *path, const void *, size_t len, mode_t);
/* A directory and those above it; one that is there is fine. Errors: ARGUMENT (too long), EXISTS (something else). */
int file_mkdir(const char *path, mode_t);
/* Opens or creates path and takes an exclusive lock on it for as long as *fd is open. BUSY: another holds it. */
int file_lock(const char *path, int *fd);

#endif
