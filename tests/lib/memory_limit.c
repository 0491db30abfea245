#include "tests/lib/memory_limit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool put(const char *dir, const char *name, const char *text)
{
	char path[256];
	int fd;
	bool is_put;
	snprintf(path, sizeof path, "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	is_put = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	if (fd >= 0)
		close(fd);
	return is_put;
}

static uint64_t get_number(const char *dir, const char *name, const char *key)
{
	char path[256], line[256];
	unsigned long long value = 0;
	FILE *f;
	snprintf(path, sizeof path, "%s/%s", dir, name);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof line, f))
		if (strncmp(line, key, strlen(key)) == 0)
			value = strtoull(line + strlen(key), NULL, 10);
	if (f)
		fclose(f);
	return value;
}

static bool limit_make(struct memory_limit *l, const char *root, const char *file, uint64_t bytes)
{
	char text[32];
	snprintf(l->dir, sizeof l->dir, "%s/carousel-test-%d", root, (int)getpid());
	snprintf(text, sizeof text, "%llu", (unsigned long long)bytes);
	if (mkdir(l->dir, 0755) != 0)
		return false;
	if (put(l->dir, file, text))
		return true;
	rmdir(l->dir);
	return false;
}

bool memory_limit_open(struct memory_limit *l, uint64_t bytes)
{
	(void)put("/sys/fs/cgroup", "cgroup.subtree_control", "+memory");
	if (limit_make(l, "/sys/fs/cgroup", "memory.max", bytes)) {
		(void)put(l->dir, "memory.swap.max", "0");
		l->kind = "cgroup v2";
		return true;
	}
	if (limit_make(l, "/sys/fs/cgroup/memory", "memory.limit_in_bytes", bytes)) {
		l->kind = "cgroup v1";
		return true;
	}
	l->kind = "no cgroup";
	l->dir[0] = '\0';
	return false;
}

bool memory_limit_enter(const struct memory_limit *l)
{
	return l->dir[0] && put(l->dir, "cgroup.procs", "0");
}

uint64_t memory_limit_met(const struct memory_limit *l)
{
	if (strcmp(l->kind, "cgroup v2") == 0)
		return get_number(l->dir, "memory.events", "max ");
	return l->dir[0] ? get_number(l->dir, "memory.failcnt", "") : 0;
}

void memory_limit_close(const struct memory_limit *l)
{
	if (l->dir[0])
		rmdir(l->dir);
}
