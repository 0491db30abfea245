#include "carousel-rx/daemon/storage_files.h"

#include "common/carousel_error.h"
#include "common/io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STORAGE_DIRTY_BYTES (512u * 1024)
#define STORAGE_LONG_READ   (64u * 1024) /* read once, to be hashed */
#define STORAGE_PAGE        4096u

static const char *const file_names[RX_NUM_FILES] = {
	[RX_JOURNAL] = "journal",
	[RX_SCRATCH] = "scratch",
	[RX_SPILL] = "spill",
	[RX_INDEX] = "index",
	[RX_STATE] = "state.json",
	[RX_DOCUMENTS] = "documents",
	[RX_EVENTS] = "events.jsonl",
};

static bool is_slot(enum carousel_rx_file file)
{
	return file == RX_SLOT_TARGET || file == RX_SLOT_RUNNING;
}

static bool is_device(int fd)
{
	struct stat st;
	return fstat(fd, &st) == 0 && S_ISBLK(st.st_mode);
}

static bool is_right_kind(int fd, enum carousel_rx_file file)
{
	struct stat st;
	return fstat(fd, &st) == 0 && (S_ISREG(st.st_mode) || (is_slot(file) && S_ISBLK(st.st_mode)));
}

/* -1 and errno, as open() has it. A file that is made gets a name that lasts: to sync the file is not to sync its name.
 */
static int open_or_make(const char *path, int flags, bool may_create)
{
	int fd = open(path, flags, 0);
	if (fd >= 0 || errno != ENOENT || !may_create)
		return fd;
	fd = open(path, flags | O_CREAT, 0644);
	if (fd >= 0 && file_sync_parent(path)) {
		(void)unlink(path);
		close(fd);
		fd = -1;
		errno = EIO;
	}
	return fd;
}

static int open_file(struct storage_files *files, enum carousel_rx_file file)
{
	const char *path = files->paths[file];
	/* A pipe in a file's place must not hold us up before it is known for one. */
	int flags = (file == RX_SLOT_RUNNING ? O_RDONLY : O_RDWR) | O_NONBLOCK | O_CLOEXEC;
	bool may_create = !is_slot(file) || (file == RX_SLOT_TARGET && files->slot_bytes > 0);
	int fd = open_or_make(path, flags, may_create);
	if (fd < 0 && (errno == EROFS || errno == EACCES || errno == EPERM) && file == RX_SLOT_TARGET) {
		files->open_error[file] = CAROUSEL_E_READ_ONLY;
		fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	}
	if (fd < 0) {
		files->open_error[file] = file_error(errno);
	} else if (!is_right_kind(fd, file)) {
		files->open_error[file] = CAROUSEL_E_ARGUMENT;
		close(fd);
		fd = -1;
	}
	files->fds[file] = fd;
	return fd < 0 ? files->open_error[file] : 0;
}

static int storage_size(void *user, enum carousel_rx_file file, uint64_t *bytes)
{
	struct storage_files *files = user;
	int fd = files->fds[file];
	*bytes = 0;
	if (fd < 0)
		return files->open_error[file];
	if (is_slot(file) && files->slot_bytes > 0 && !is_device(fd)) {
		*bytes = files->slot_bytes;
		return 0;
	}
	return file_size(fd, bytes);
}

/* What is read next comes from the medium. After a sync that failed the kernel calls clean what it could not write: its
 * cache would go on to give it back, and the next sync would say that all is well. */
static void forget_cache(const struct storage_files *files, enum carousel_rx_file file)
{
	(void)posix_fadvise(files->fds[file], 0, 0, POSIX_FADV_DONTNEED);
}

static int storage_read(void *user, enum carousel_rx_file file, uint64_t off, void *dst, size_t len)
{
	struct storage_files *files = user;
	int err;
	if (files->fds[file] < 0)
		return files->open_error[file];
	/* Who begins to read the whole of a slot wants to know what is in the slot. */
	if (len >= STORAGE_LONG_READ && is_slot(file) && off == 0)
		forget_cache(files, file);
	err = file_pread(files->fds[file], dst, len, off);
	if (len >= STORAGE_LONG_READ && is_slot(file))
		(void)posix_fadvise(files->fds[file], (off_t)off, (off_t)len, POSIX_FADV_DONTNEED);
	return err == CAROUSEL_E_TRUNCATED ? CAROUSEL_E_NEED_MORE : err;
}

/* The kernel would gather what is written, half a minute of it, and then write it all at once. Waits for what was begun
 * before; an error told here is not told by the next sync again. Not the scratch: each page of it is written to several
 * times in the seconds of one decode, and synced at its end. */
static int write_back(struct storage_files *files, enum carousel_rx_file file, size_t len)
{
	int err;
	if (file == RX_SCRATCH)
		return 0;
	if (atomic_fetch_add(&files->dirty[file], len) + len < files->dirty_bytes)
		return 0;
	atomic_store(&files->dirty[file], 0);
	if (sync_file_range(files->fds[file], 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE) == 0)
		return 0;
	if (errno != EIO && errno != ENOSPC)
		return 0;
	err = file_error(errno);
	forget_cache(files, file);
	return err;
}

/* A device that could not be written may be writable by now. Another job may be reading it: its descriptor stays. */
static int reopen(struct storage_files *files, enum carousel_rx_file file)
{
	int fd = open(files->paths[file], O_RDWR | O_NONBLOCK | O_CLOEXEC), err = 0;
	if (fd < 0)
		return files->open_error[file];
	if (!is_right_kind(fd, file))
		err = CAROUSEL_E_ARGUMENT;
	else if (dup3(fd, files->fds[file], O_CLOEXEC) < 0)
		err = file_error(errno);
	else
		files->open_error[file] = 0;
	close(fd);
	return err;
}

/* A page that cannot be read cannot be written in part either, though as a whole it can: what lay in it is lost. A file
 * is as long as before. Returns whether it was such a one. */
static bool mend_page(int fd, uint64_t page, uint64_t end)
{
	uint8_t zeros[STORAGE_PAGE] = {0};
	size_t len = end - page < sizeof zeros ? (size_t)(end - page) : sizeof zeros;
	if (file_pread(fd, zeros, len, page) != CAROUSEL_E_STORAGE)
		return false;
	memset(zeros, 0, sizeof zeros);
	if (is_device(fd) || len == sizeof zeros)
		return file_pwrite(fd, zeros, len, page) == 0;
	return file_pwrite(fd, zeros, sizeof zeros, page) == 0 && ftruncate(fd, (off_t)end) == 0;
}

static int write_mending(int fd, const void *src, size_t len, uint64_t off)
{
	uint64_t first = off / STORAGE_PAGE * STORAGE_PAGE, last, end;
	int err = file_pwrite(fd, src, len, off);
	bool is_mended;
	if (err != CAROUSEL_E_STORAGE || len == 0 || file_size(fd, &end))
		return err;
	last = (off + len - 1) / STORAGE_PAGE * STORAGE_PAGE;
	is_mended = first < end && mend_page(fd, first, end);
	if (last != first && last < end)
		is_mended = mend_page(fd, last, end) || is_mended;
	return is_mended ? file_pwrite(fd, src, len, off) : err;
}

static int storage_write(void *user, enum carousel_rx_file file, uint64_t off, const void *src, size_t len)
{
	struct storage_files *files = user;
	uint64_t room;
	int err;
	if (file == RX_SLOT_RUNNING)
		return CAROUSEL_E_READ_ONLY;
	err = files->open_error[file] ? reopen(files, file) : 0;
	if (err)
		return err;
	if (is_slot(file)) {
		err = storage_size(user, file, &room);
		if (err)
			return err;
		if (off > room || len > room - off)
			return CAROUSEL_E_NO_SPACE;
	}
	err = write_mending(files->fds[file], src, len, off);
	return err ? err : write_back(files, file, len);
}

static int storage_sync(void *user, enum carousel_rx_file file)
{
	struct storage_files *files = user;
	int err;
	if (files->fds[file] < 0)
		return files->open_error[file];
	err = file_sync(files->fds[file]);
	if (err)
		forget_cache(files, file);
	return err;
}

static int storage_truncate(void *user, enum carousel_rx_file file, uint64_t bytes)
{
	struct storage_files *files = user;
	if (is_slot(file) || bytes > INT64_MAX)
		return CAROUSEL_E_ARGUMENT;
	if (files->fds[file] < 0)
		return files->open_error[file];
	return ftruncate(files->fds[file], (off_t)bytes) == 0 ? 0 : file_error(errno);
}

static int storage_replace(void *user, enum carousel_rx_file file, const void *data, size_t len)
{
	struct storage_files *files = user;
	int err;
	if (is_slot(file))
		return CAROUSEL_E_ARGUMENT;
	err = file_replace(files->paths[file], data, len, 0644);
	if (err)
		return err;
	/* The descriptor still names the file that was replaced. */
	if (files->fds[file] >= 0)
		close(files->fds[file]);
	files->open_error[file] = 0;
	return open_file(files, file);
}

static int open_all(struct storage_files *files)
{
	for (int i = 0; i < RX_NUM_FILES; i++) {
		int err = open_file(files, (enum carousel_rx_file)i);
		/* A box without an A slot yet still receives into B. */
		if (err == 0 || (i == RX_SLOT_RUNNING && err != CAROUSEL_E_ARGUMENT))
			continue;
		snprintf(files->message, sizeof files->message, "%s: %s", files->paths[i],
			err != CAROUSEL_E_ARGUMENT          ? carousel_strerror(err)
			: is_slot((enum carousel_rx_file)i) ? "neither a regular file nor a block device"
							    : "not a regular file");
		return err;
	}
	return 0;
}

static int set_path(struct storage_files *files, enum carousel_rx_file file, const char *dir, const char *name)
{
	int len = snprintf(files->paths[file], sizeof files->paths[file], "%s%s%s", dir, *dir ? "/" : "", name);
	return len > 0 && (size_t)len < sizeof files->paths[file] ? 0 : CAROUSEL_E_ARGUMENT;
}

static int set_paths(struct storage_files *files, const struct storage_files_config *config)
{
	int err = set_path(files, RX_SLOT_TARGET, "", config->slots[!config->running]);
	if (err == 0)
		err = set_path(files, RX_SLOT_RUNNING, "", config->slots[config->running != 0]);
	for (int i = RX_JOURNAL; err == 0 && i < RX_NUM_FILES; i++) {
		if (i == RX_EVENTS && config->events)
			err = set_path(files, RX_EVENTS, "", config->events);
		else
			err = set_path(files, (enum carousel_rx_file)i, config->state_dir, file_names[i]);
	}
	return err;
}

int storage_files_open(
	struct storage_files *files, const struct storage_files_config *config, struct carousel_rx_storage *storage)
{
	char lock[sizeof files->paths[0] + 8];
	int err;
	memset(files, 0, sizeof *files);
	files->lock_fd = -1;
	files->slot_bytes = config->slot_bytes;
	files->dirty_bytes = config->dirty_bytes ? config->dirty_bytes : STORAGE_DIRTY_BYTES;
	for (int i = 0; i < RX_NUM_FILES; i++)
		files->fds[i] = -1;
	err = set_paths(files, config);
	if (err == 0)
		err = file_mkdir(config->state_dir, 0755);
	if (err == 0) {
		int len = snprintf(lock, sizeof lock, "%s/lock", config->state_dir);
		err = len > 0 && (size_t)len < sizeof lock ? file_lock(lock, &files->lock_fd) : CAROUSEL_E_ARGUMENT;
	}
	if (err)
		snprintf(
			files->message, sizeof files->message, "%.500s: %s", config->state_dir, carousel_strerror(err));
	else
		err = open_all(files);
	if (err) {
		storage_files_close(files);
		return err;
	}
	*storage = (struct carousel_rx_storage){
		files, storage_size, storage_read, storage_write, storage_sync, storage_truncate, storage_replace};
	return 0;
}

void storage_files_close(struct storage_files *files)
{
	for (int i = 0; i < RX_NUM_FILES; i++) {
		if (files->fds[i] >= 0)
			close(files->fds[i]);
		files->fds[i] = -1;
	}
	if (files->lock_fd >= 0)
		close(files->lock_fd);
	files->lock_fd = -1;
}
