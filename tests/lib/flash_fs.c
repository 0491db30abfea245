#include "tests/lib/flash_fs.h"

#include "tests/lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define FLASH_FIRST_FD (1 << 20)

struct flash_fs flash;

/* ---- nodes and names --------------------------------------------------------------------------- */

static struct flash_name *names_find(struct flash_names *names, const char *path)
{
	for (unsigned i = 0; i < names->count; i++)
		if (strcmp(names->name[i].path, path) == 0)
			return &names->name[i];
	return NULL;
}

static void names_remove(struct flash_names *names, const char *path)
{
	struct flash_name *found = names_find(names, path);
	if (found)
		*found = names->name[--names->count];
}

static void names_set(struct flash_names *names, const char *path, int node)
{
	struct flash_name *found = names_find(names, path);
	if (found == NULL) {
		assert_true(names->count < FLASH_MOST_NAMES && strlen(path) < FLASH_NAME_BYTES);
		found = &names->name[names->count++];
		memcpy(found->path, path, strlen(path) + 1);
	}
	found->node = node;
}

static void names_apply(struct flash_names *names, const struct flash_rename *r)
{
	if (r->from[0])
		names_remove(names, r->from);
	if (r->to[0])
		names_set(names, r->to, r->node);
}

static int node_new(void)
{
	for (int i = 0; i < (int)FLASH_MOST_NODES; i++) {
		if (!flash.node[i].is_used) {
			flash.node[i] = (struct flash_node){.is_used = true};
			return i;
		}
	}
	fail_msg("the medium has too many files");
	return -1;
}

static void node_free(struct flash_node *n)
{
	power_file_deinit(&n->file);
	free(n->read_back);
	free(n->bad_page);
	*n = (struct flash_node){0};
}

static bool node_is_named(int node)
{
	for (unsigned i = 0; i < flash.now.count; i++)
		if (flash.now.name[i].node == node)
			return true;
	for (unsigned i = 0; i < flash.durable.count; i++)
		if (flash.durable.name[i].node == node)
			return true;
	for (unsigned i = 0; i < flash.num_changes; i++)
		if (flash.change[i].node == node)
			return true;
	for (unsigned i = 0; i < FLASH_MOST_OPEN; i++)
		if (flash.open_node[i] == node)
			return true;
	return false;
}

static void nodes_sweep(void)
{
	for (int i = 0; i < (int)FLASH_MOST_NODES; i++)
		if (flash.node[i].is_used && !node_is_named(i))
			node_free(&flash.node[i]);
}

static struct flash_node *node_at(const char *path)
{
	struct flash_name *found = names_find(&flash.now, path);
	return found ? &flash.node[found->node] : NULL;
}

static void node_mark(struct flash_node *n, uint64_t off, size_t len, bool was_read)
{
	if (n->read_back && off <= n->slot_bytes && len <= n->slot_bytes - off)
		memset(n->read_back + off, was_read, len);
}

/* ---- the medium -------------------------------------------------------------------------------- */

void flash_init(size_t tear)
{
	flash_deinit();
	flash.tear = tear;
	for (unsigned i = 0; i < FLASH_MOST_OPEN; i++)
		flash.open_node[i] = -1;
	flash_add_directory(FLASH_ROOT);
}

void flash_deinit(void)
{
	for (unsigned i = 0; i < FLASH_MOST_NODES; i++)
		if (flash.node[i].is_used)
			node_free(&flash.node[i]);
	memset(&flash, 0, sizeof(flash));
}

static struct flash_node *flash_add(const char *path)
{
	int node = node_new();
	names_set(&flash.now, path, node);
	names_set(&flash.durable, path, node);
	return &flash.node[node];
}

void flash_add_directory(const char *path)
{
	flash_add(path)->is_directory = true;
}

void flash_add_slot(const char *path, const void *data, size_t len, bool is_device)
{
	struct flash_node *n = flash_add(path);
	power_file_set(&n->file, data, len);
	n->read_back = calloc(1, len);
	n->slot_bytes = len;
	assert_non_null(n->read_back);
	if (is_device)
		n->file.device_bytes = len;
}

void flash_power_on(enum power_luck luck, uint64_t seed)
{
	for (unsigned i = 0; luck != POWER_ALL_LOST && i < flash.num_changes; i++)
		if (luck == POWER_ALL_KEPT || test_random(&seed) % 2)
			names_apply(&flash.durable, &flash.change[i]);
	flash.num_changes = 0;
	flash.now = flash.durable;
	for (unsigned i = 0; i < FLASH_MOST_OPEN; i++)
		flash.open_node[i] = -1;
	nodes_sweep();
	for (unsigned i = 0; i < FLASH_MOST_NODES; i++) {
		struct flash_node *n = &flash.node[i];
		if (n->is_used && !n->is_directory)
			power_file_on(&n->file, luck, flash.tear, &seed);
		if (n->read_back)
			memset(n->read_back, 0, n->slot_bytes);
	}
	flash.is_off = false;
	flash.cut_at = 0;
}

void flash_spoil(const char *path, size_t page)
{
	struct flash_node *n = node_at(path);
	if (n == NULL)
		return;
	if (page >= n->num_pages) {
		n->bad_page = realloc(n->bad_page, (page + 1) * sizeof(*n->bad_page));
		assert_non_null(n->bad_page);
		memset(n->bad_page + n->num_pages, 0, (page + 1 - n->num_pages) * sizeof(*n->bad_page));
		n->num_pages = page + 1;
	}
	n->bad_page[page] = true;
}

/* Whether a bad page is touched; one of which nothing needs to be read to write to it is none any more. */
static bool node_is_bad(struct flash_node *n, uint64_t off, size_t len, bool is_write)
{
	for (uint64_t page = off / FLASH_PAGE_BYTES; page < n->num_pages && page * FLASH_PAGE_BYTES < off + len;
		page++) {
		uint64_t start = page * FLASH_PAGE_BYTES, end = start + FLASH_PAGE_BYTES;
		if (n->file.device_bytes && end > n->file.device_bytes)
			end = n->file.device_bytes;
		if (is_write && (start >= n->file.now_len || (off <= start && off + len >= end)))
			n->bad_page[page] = false;
		else if (n->bad_page[page])
			return true;
	}
	return false;
}

const uint8_t *flash_durable(const char *path, size_t *len)
{
	struct flash_name *found = names_find(&flash.durable, path);
	if (found == NULL)
		return NULL;
	*len = (size_t)flash.node[found->node].file.durable_len;
	return flash.node[found->node].file.durable;
}

bool flash_is_synced(const char *path)
{
	return node_at(path)->file.num_changes == 0;
}

bool flash_was_read_back(const char *path, size_t len)
{
	const struct flash_node *n = node_at(path);
	return memchr(n->read_back, 0, len) == NULL;
}

/* ---- the calls --------------------------------------------------------------------------------- */

/* FINE, or CUT: this is the call during which the power goes, or OFF: it went before, or FAILS: this one alone. */
enum flash_call { FLASH_FINE, FLASH_CUT, FLASH_OFF, FLASH_FAILS };

static enum flash_call flash_call(void)
{
	if (flash.is_off)
		return FLASH_OFF;
	if (flash.before_call)
		flash.before_call(flash.user);
	flash.calls++;
	flash.is_off = flash.calls == flash.cut_at;
	if (flash.is_off)
		return FLASH_CUT;
	return flash.calls == flash.fail_at ? FLASH_FAILS : FLASH_FINE;
}

static int flash_errno(int error)
{
	errno = error;
	return -1;
}

/* What a call says that did not do all it should. */
static int flash_error(enum flash_call call)
{
	return flash_errno(call == FLASH_FAILS && flash.failure == FLASH_FULL ? ENOSPC : EIO);
}

static bool is_ours(const char *path)
{
	return strncmp(path, FLASH_ROOT, strlen(FLASH_ROOT)) == 0;
}

static struct flash_node *node_of_fd(int fd)
{
	if (fd < FLASH_FIRST_FD)
		return NULL;
	assert_true(fd - FLASH_FIRST_FD < (int)FLASH_MOST_OPEN && flash.open_node[fd - FLASH_FIRST_FD] >= 0);
	return &flash.node[flash.open_node[fd - FLASH_FIRST_FD]];
}

static int fd_new(int node)
{
	for (int i = 0; i < (int)FLASH_MOST_OPEN; i++) {
		if (flash.open_node[i] < 0) {
			flash.open_node[i] = node;
			return FLASH_FIRST_FD + i;
		}
	}
	return flash_errno(EMFILE);
}

/* Remembers a change of names; the program sees it unless the power went during it. */
static void flash_rename(const char *from, const char *to, int node, bool is_cut)
{
	struct flash_rename *r = &flash.change[flash.num_changes];
	assert_true(flash.num_changes < FLASH_MOST_CHANGE);
	flash.num_changes++;
	*r = (struct flash_rename){.node = node};
	assert_true(strlen(from) < sizeof(r->from) && strlen(to) < sizeof(r->to));
	memcpy(r->from, from, strlen(from) + 1);
	memcpy(r->to, to, strlen(to) + 1);
	if (!is_cut)
		names_apply(&flash.now, r);
}

static int flash_open(const char *path, int flags)
{
	struct flash_name *found = names_find(&flash.now, path);
	enum flash_call call;
	int node;
	if (flash.is_off)
		return flash_errno(EIO);
	if (found && (flags & O_TRUNC) == 0)
		return fd_new(found->node);
	if (found == NULL && (flags & O_CREAT) == 0)
		return flash_errno(ENOENT);
	call = flash_call();
	if (call == FLASH_FAILS && flash.failure != FLASH_SHORT)
		return flash_error(call);
	if (found) {
		power_file_truncate(&flash.node[found->node].file, 0, call == FLASH_CUT);
		return call == FLASH_CUT ? flash_errno(EIO) : fd_new(found->node);
	}
	nodes_sweep();
	node = node_new();
	flash_rename("", path, node, call == FLASH_CUT);
	return call == FLASH_CUT ? flash_errno(EIO) : fd_new(node);
}

static ssize_t flash_write(struct flash_node *n, uint64_t off, const void *src, size_t len)
{
	enum flash_call call;
	if (n->file.device_bytes && (off > n->file.device_bytes || len > n->file.device_bytes - off))
		return flash_errno(ENOSPC);
	if (n->read_back && flash.on_slot_write && !flash.is_off)
		for (unsigned i = 0; i < flash.now.count; i++)
			if (&flash.node[flash.now.name[i].node] == n)
				flash.on_slot_write(flash.user, flash.now.name[i].path);
	call = flash_call();
	if (call == FLASH_OFF || (call == FLASH_FAILS && flash.failure != FLASH_SHORT) ||
		node_is_bad(n, off, len, true))
		return flash_error(call);
	if (call == FLASH_FAILS && len > 1)
		len /= 2;
	power_file_write(&n->file, off, src, len, call == FLASH_CUT);
	node_mark(n, off, len, false);
	return call == FLASH_CUT ? flash_errno(EIO) : (ssize_t)len;
}

/* The directory's names, or the file's bytes. */
static int flash_sync(struct flash_node *n)
{
	enum flash_call call = flash_call();
	unsigned kept = 0;
	if (call == FLASH_FAILS && flash.failure != FLASH_SHORT && !n->is_directory)
		power_file_lose(&n->file);
	if (call != FLASH_FINE && !(call == FLASH_FAILS && flash.failure == FLASH_SHORT))
		return flash_error(call);
	if (!n->is_directory) {
		power_file_sync(&n->file);
		return 0;
	}
	for (unsigned i = 0; i < flash.num_changes; i++) {
		const struct flash_rename *r = &flash.change[i];
		const char *path = r->to[0] ? r->to : r->from;
		size_t len = (size_t)(strrchr(path, '/') - path);
		char parent[FLASH_NAME_BYTES] = "";
		memcpy(parent, path, len);
		if (node_at(parent) == n)
			names_apply(&flash.durable, r);
		else
			flash.change[kept++] = *r;
	}
	flash.num_changes = kept;
	return 0;
}

/* ---- wraps: the C library's calls ---------------------------------------------------------------- */

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __real_close(int fd);
int __wrap_close(int fd);
ssize_t __real_pread(int fd, void *dst, size_t len, off_t off);
ssize_t __wrap_pread(int fd, void *dst, size_t len, off_t off);
ssize_t __real_pwrite(int fd, const void *src, size_t len, off_t off);
ssize_t __wrap_pwrite(int fd, const void *src, size_t len, off_t off);
ssize_t __real_write(int fd, const void *src, size_t len);
ssize_t __wrap_write(int fd, const void *src, size_t len);
int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
int __real_ftruncate(int fd, off_t bytes);
int __wrap_ftruncate(int fd, off_t bytes);
int __real_fstat(int fd, struct stat *st);
int __wrap_fstat(int fd, struct stat *st);
int __real_stat(const char *path, struct stat *st);
int __wrap_stat(const char *path, struct stat *st);
int __real_mkdir(const char *path, mode_t mode);
int __wrap_mkdir(const char *path, mode_t mode);
int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __real_unlink(const char *path);
int __wrap_unlink(const char *path);
int __real_posix_fadvise(int fd, off_t off, off_t len, int advice);
int __wrap_posix_fadvise(int fd, off_t off, off_t len, int advice);
char *__real_realpath(const char *path, char *out);
char *__wrap_realpath(const char *path, char *out);
int __real_flock(int fd, int how);
int __wrap_flock(int fd, int how);
int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);

int __wrap_open(const char *path, int flags, ...)
{
	va_list args;
	int mode;
	if (is_ours(path))
		return flash_open(path, flags);
	va_start(args, flags);
	mode = flags & O_CREAT ? va_arg(args, int) : 0;
	va_end(args);
	return __real_open(path, flags, mode);
}

int __wrap_close(int fd)
{
	if (fd < FLASH_FIRST_FD)
		return __real_close(fd);
	flash.open_node[fd - FLASH_FIRST_FD] = -1;
	return 0;
}

ssize_t __wrap_pread(int fd, void *dst, size_t len, off_t off)
{
	struct flash_node *n = node_of_fd(fd);
	uint64_t at = (uint64_t)off;
	if (n == NULL)
		return __real_pread(fd, dst, len, off);
	if (flash.is_off)
		return flash_errno(EIO);
	if (at >= n->file.now_len)
		return 0;
	if (len > n->file.now_len - at)
		len = (size_t)(n->file.now_len - at);
	if (node_is_bad(n, at, len, false))
		return flash_errno(EIO);
	memcpy(dst, n->file.now + at, len);
	node_mark(n, at, len, true);
	return (ssize_t)len;
}

ssize_t __wrap_pwrite(int fd, const void *src, size_t len, off_t off)
{
	struct flash_node *n = node_of_fd(fd);
	return n ? flash_write(n, (uint64_t)off, src, len) : __real_pwrite(fd, src, len, off);
}

/* A file is only ever written in one go from its start. */
ssize_t __wrap_write(int fd, const void *src, size_t len)
{
	struct flash_node *n = node_of_fd(fd);
	return n ? flash_write(n, n->file.now_len, src, len) : __real_write(fd, src, len);
}

int __wrap_fsync(int fd)
{
	struct flash_node *n = node_of_fd(fd);
	return n ? flash_sync(n) : __real_fsync(fd);
}

int __wrap_fdatasync(int fd)
{
	struct flash_node *n = node_of_fd(fd);
	return n ? flash_sync(n) : __real_fdatasync(fd);
}

int __wrap_ftruncate(int fd, off_t bytes)
{
	struct flash_node *n = node_of_fd(fd);
	enum flash_call call;
	if (n == NULL)
		return __real_ftruncate(fd, bytes);
	call = flash_call();
	if (call == FLASH_OFF || (call == FLASH_FAILS && flash.failure == FLASH_EIO))
		return flash_errno(EIO);
	power_file_truncate(&n->file, (uint64_t)bytes, call == FLASH_CUT);
	return call == FLASH_CUT ? flash_errno(EIO) : 0;
}

static int node_stat(const struct flash_node *n, struct stat *st)
{
	memset(st, 0, sizeof(*st));
	st->st_mode = n->is_directory ? S_IFDIR | 0755 : n->file.device_bytes ? S_IFBLK | 0600 : S_IFREG | 0644;
	st->st_size = n->file.device_bytes ? 0 : (off_t)n->file.now_len;
	return 0;
}

int __wrap_fstat(int fd, struct stat *st)
{
	const struct flash_node *n = node_of_fd(fd);
	return n ? node_stat(n, st) : __real_fstat(fd, st);
}

int __wrap_stat(const char *path, struct stat *st)
{
	const struct flash_node *n;
	if (!is_ours(path))
		return __real_stat(path, st);
	n = node_at(path);
	return n ? node_stat(n, st) : flash_errno(ENOENT);
}

/* Directories are there from the start. */
int __wrap_mkdir(const char *path, mode_t mode)
{
	return is_ours(path) ? flash_errno(node_at(path) ? EEXIST : EROFS) : __real_mkdir(path, mode);
}

int __wrap_rename(const char *from, const char *to)
{
	struct flash_name *found;
	enum flash_call call;
	if (!is_ours(from))
		return __real_rename(from, to);
	found = names_find(&flash.now, from);
	if (found == NULL)
		return flash_errno(ENOENT);
	call = flash_call();
	if (call == FLASH_OFF || (call == FLASH_FAILS && flash.failure != FLASH_SHORT))
		return flash_error(call);
	flash_rename(from, to, found->node, call == FLASH_CUT);
	return call == FLASH_CUT ? flash_errno(EIO) : 0;
}

int __wrap_unlink(const char *path)
{
	struct flash_name *found;
	enum flash_call call;
	if (!is_ours(path))
		return __real_unlink(path);
	found = names_find(&flash.now, path);
	if (found == NULL || flash.is_off)
		return flash_errno(found ? EIO : ENOENT);
	call = flash_call();
	if (call == FLASH_FAILS && flash.failure == FLASH_EIO)
		return flash_errno(EIO);
	flash_rename(path, "", found->node, call == FLASH_CUT);
	return call == FLASH_CUT ? flash_errno(EIO) : 0;
}

/* As far as it is not waiting to be written, what is read next comes from the medium. */
int __wrap_posix_fadvise(int fd, off_t off, off_t len, int advice)
{
	struct flash_node *n = node_of_fd(fd);
	if (n == NULL)
		return __real_posix_fadvise(fd, off, len, advice);
	if (advice == POSIX_FADV_DONTNEED && off == 0 && len == 0)
		power_file_drop_cache(&n->file);
	return 0;
}

/* There are no links. */
char *__wrap_realpath(const char *path, char *out)
{
	if (!is_ours(path))
		return __real_realpath(path, out);
	assert_null(out);
	return node_at(path) ? strdup(path) : NULL;
}

int __wrap_flock(int fd, int how)
{
	return node_of_fd(fd) ? 0 : __real_flock(fd, how);
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	struct flash_node *n = node_of_fd(fd);
	va_list args;
	void *arg;
	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	if (n == NULL)
		return __real_ioctl(fd, request, arg);
	if (request != BLKGETSIZE64 || n->file.device_bytes == 0)
		return flash_errno(ENOTTY);
	memcpy(arg, &n->file.device_bytes, sizeof(n->file.device_bytes));
	return 0;
}
