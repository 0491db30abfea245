/* flash_fs.h - a file system in memory under the real code, whose power can be cut at any call that changes it.
 *
 * The program is linked with -Wl,--wrap for each call of FLASH_WRAPS in the Makefile: what concerns a path under
 * FLASH_ROOT comes here, the rest goes on to the C library. So the daemon's own storage, boot directory and atomic
 * replacement run unchanged.
 *
 * Each changing call counts: open that creates or empties, write, pwrite, fsync, fdatasync, ftruncate, rename, unlink.
 * The one at the cut and every call after it fail with EIO. Then, sector by sector and name by name, what was not
 * synced is kept or lost, in no order: bytes by fsync of the file, names by fsync of the directory.
 *
 * Or a call fails, and the power stays on. What readers then see is what was written, as a page cache has it, until
 * they drop it (POSIX_FADV_DONTNEED); the medium has what was synced. */
#ifndef TESTS_LIB_FLASH_FS_H
#define TESTS_LIB_FLASH_FS_H

#include "tests/lib/power_file.h"

#define FLASH_ROOT        "/carousel-flash"
#define FLASH_MOST_NODES  64u
#define FLASH_MOST_NAMES  48u
#define FLASH_MOST_OPEN   32u
#define FLASH_NAME_BYTES  64u
#define FLASH_PAGE_BYTES  4096u
#define FLASH_MOST_CHANGE 64u /* of names, not synced */

struct flash_node {
	struct power_file file;
	bool is_used, is_directory;
	uint8_t *read_back; /* of a slot: a flag a byte, read since it was written */
	size_t slot_bytes;
	bool *bad_page; /* FLASH_PAGE_BYTES each: cannot be read, until it is written as a whole */
	size_t num_pages;
};

struct flash_name {
	char path[FLASH_NAME_BYTES];
	int node;
};

struct flash_names {
	struct flash_name name[FLASH_MOST_NAMES];
	unsigned count;
};

enum flash_failure {
	FLASH_EIO,   /* a sync that fails loses what waited for it: readers see it, the medium never will */
	FLASH_FULL,  /* ENOSPC: of what is written, made or synced */
	FLASH_SHORT, /* a write takes half of it */
};

/* from empty: a new name; to empty: a name that goes. */
struct flash_rename {
	char from[FLASH_NAME_BYTES], to[FLASH_NAME_BYTES];
	int node;
};

struct flash_fs {
	struct flash_node node[FLASH_MOST_NODES];
	struct flash_names now, durable;
	struct flash_rename change[FLASH_MOST_CHANGE];
	unsigned num_changes;
	int open_node[FLASH_MOST_OPEN]; /* -1: free */
	uint64_t calls, cut_at;         /* changing calls; the one at which the power goes, 0: never */
	uint64_t fail_at;               /* the one that fails, with the power on; 0: none */
	enum flash_failure failure;
	bool is_off;
	size_t tear;
	/* Before a changing call counts. */
	void (*before_call)(void *user);
	/* Before the bytes of a slot change. */
	void (*on_slot_write)(void *user, const char *path);
	void *user;
};

/* There is one, because there is one C library. */
extern struct flash_fs flash;

/* A blank medium with the root directory. */
void flash_init(size_t tear);
void flash_deinit(void);
void flash_add_directory(const char *path);
/* is_device: stat says so and it has an end. Otherwise a file whose reads and writes are watched all the same. */
void flash_add_slot(const char *path, const void *, size_t len, bool is_device);
/* The power comes back; every open file is gone. The next cut is set by the caller. */
void flash_power_on(enum power_luck, uint64_t seed);

/* A page of a file, counted from 0, cannot be read from now on, nor written in part. */
void flash_spoil(const char *path, size_t page);

/* What a cut now would leave at least; NULL: no such file. */
const uint8_t *flash_durable(const char *path, size_t *len);
/* No write to it waits for a sync. */
bool flash_is_synced(const char *path);
/* Its first len bytes were all read since they were written last. */
bool flash_was_read_back(const char *path, size_t len);

#endif
