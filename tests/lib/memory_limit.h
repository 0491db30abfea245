/* memory_limit.h - a control group that lets a process have so much memory, where the machine allows one. */
#ifndef TESTS_LIB_MEMORY_LIMIT_H
#define TESTS_LIB_MEMORY_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

struct memory_limit {
	const char *kind; /* "cgroup v2", "cgroup v1", or "no cgroup" */
	char dir[128];
};

/* Makes the group. False, and kind is "no cgroup", when this machine or user may not. */
bool memory_limit_open(struct memory_limit *, uint64_t bytes);
/* Puts the calling process into it; page cache that it makes counts too, and is given back when it becomes tight. */
bool memory_limit_enter(const struct memory_limit *);
/* How often the limit was met and something had to be given back. */
uint64_t memory_limit_met(const struct memory_limit *);
/* Once nobody is in it. */
void memory_limit_close(const struct memory_limit *);

#endif
