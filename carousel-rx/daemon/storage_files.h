/* storage_files.h - the receiver's storage as files and block devices. */
#ifndef CAROUSEL_RX_DAEMON_STORAGE_FILES_H
#define CAROUSEL_RX_DAEMON_STORAGE_FILES_H

#include "carousel_rx.h"

#include <stdatomic.h>

struct storage_files_config {
	const char *slots[2];  /* regular files or block devices; borrowed for the call */
	int running;           /* 0 or 1: which of them runs */
	uint64_t slot_bytes;   /* capacity of slots that are regular files; 0: the target's size as it is */
	const char *state_dir; /* holds journal, scratch, spill, index, state, documents; made when missing */
	const char *events;    /* event log; NULL: events.jsonl in state_dir */
	uint64_t dirty_bytes;  /* a file has at most about twice as much on its way to the disk; 0: 512 KiB */
};

struct storage_files {
	int fds[RX_NUM_FILES]; /* -1: could not be opened */
	atomic_int open_error[RX_NUM_FILES];
	char paths[RX_NUM_FILES][512];
	uint64_t slot_bytes, dirty_bytes;
	atomic_ullong dirty[RX_NUM_FILES]; /* written since writing back was begun */
	char message[600];                 /* why storage_files_open() failed: a path and what is wrong with it */
	int lock_fd;                       /* of state_dir/lock: one receiver a box */
};

/* What is written goes to the disk bit by bit, and what is read in long runs does not stay in the page cache: others on
 * the box keep theirs, and their fsync() does not wait for ours.
 *
 * Opens everything and fills in the table, which borrows *files. A slot that cannot be written is opened for
 * reading, and each write says READ_ONLY until it can. Errors: BUSY (another receiver runs on this state), ARGUMENT
 * (path too long, or a slot that is neither a regular file nor a block device, or another file that is no regular one;
 * a pipe is never waited for), NOT_FOUND (the target slot is not there and slot_bytes is 0), those of file_error(). */
int storage_files_open(struct storage_files *files, const struct storage_files_config *, struct carousel_rx_storage *);
void storage_files_close(struct storage_files *);

#endif
