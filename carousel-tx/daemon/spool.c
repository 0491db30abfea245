#include "carousel-tx/daemon/spool.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

static void *spool_alloc(void *user, size_t bytes)
{
	const char *dir = user;
	void *memory;
	int fd;
	if (dir[0] == '\0') {
		memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		return memory == MAP_FAILED ? NULL : memory;
	}
	fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		return NULL;
	/* The blocks are had now: a full disk must not become a signal in the middle of a symbol. */
	memory = posix_fallocate(fd, 0, (off_t)bytes) == 0
			 ? mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
			 : MAP_FAILED;
	close(fd);
	if (memory == MAP_FAILED)
		return NULL;
	madvise(memory, bytes, MADV_SEQUENTIAL);
	return memory;
}

static void spool_free(void *user, void *memory, size_t bytes)
{
	(void)user;
	munmap(memory, bytes);
}

struct tx_spool spool_in(const char *dir)
{
	union {
		const char *borrowed;
		void *user;
	} u = {.borrowed = dir};
	return (struct tx_spool){.user = u.user, .alloc = spool_alloc, .free = spool_free};
}
