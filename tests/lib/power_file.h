/* power_file.h - one file or device on a medium whose power can go: what a reader sees now, what is durable, and the
 * changes in between, which a power cut keeps or loses sector by sector. */
#ifndef TESTS_LIB_POWER_FILE_H
#define TESTS_LIB_POWER_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct power_change {
	bool is_truncate;
	uint64_t off; /* or the new length */
	size_t len;
	uint8_t *data;
};

struct power_file {
	uint8_t *now, *durable;
	uint64_t now_len, durable_len;
	size_t now_cap, durable_cap;
	uint64_t device_bytes; /* 0: a regular file */
	struct power_change *change;
	size_t num_changes, cap_changes;
};

enum power_luck {
	POWER_ALL_LOST,
	POWER_ALL_KEPT, /* as after SIGKILL */
	POWER_RANDOM,
};

/* Durable content from the start. */
void power_file_set(struct power_file *, const void *, size_t);
void power_file_deinit(struct power_file *);
/* Remembers the change; a reader sees it unless the power went during it. */
void power_file_write(struct power_file *, uint64_t off, const void *, size_t, bool is_cut);
void power_file_truncate(struct power_file *, uint64_t bytes, bool is_cut);
void power_file_sync(struct power_file *);
/* A sync that failed: what waited for it is lost, and readers see it all the same until the cache is dropped. */
void power_file_lose(struct power_file *);
void power_file_drop_cache(struct power_file *);
/* The power comes back: writes are torn at multiples of `tear`. */
void power_file_on(struct power_file *, enum power_luck, size_t tear, uint64_t *seed);

#endif
