#include "carousel-tx/daemon/leftovers.h"

#include "common/io/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#define MAX_DEPTH 32u

static void remove_entry(int parent, const char *name, unsigned depth);

/* Takes fd over. */
static void remove_inside(int fd, unsigned depth)
{
	struct dirent *entry;
	DIR *directory = fdopendir(fd);
	if (directory == NULL) {
		close(fd);
		return;
	}
	while ((entry = readdir(directory)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			remove_entry(dirfd(directory), entry->d_name, depth);
	closedir(directory);
}

static int open_directory(int parent, const char *name)
{
	return openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static void remove_entry(int parent, const char *name, unsigned depth)
{
	int fd = depth < MAX_DEPTH ? open_directory(parent, name) : -1;
	if (fd >= 0)
		remove_inside(fd, depth + 1);
	/* A directory only as one, so that a link put in its place meanwhile is not taken for it. */
	(void)unlinkat(parent, name, fd >= 0 ? AT_REMOVEDIR : 0);
}

int tx_leftovers_remove(const char *tmp, const char *name)
{
	int fd = open_directory(AT_FDCWD, tmp);
	if (fd < 0)
		return errno == ENOENT ? 0 : file_error(errno);
	if (name) {
		remove_entry(fd, name, 0);
		close(fd);
	} else {
		remove_inside(fd, 0);
	}
	return 0;
}
