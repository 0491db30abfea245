#include "common/io/unix_socket.h"

#include "common/carousel_error.h"
#include "common/io/file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define UNIX_SOCKET_BACKLOG 16
#define UNIX_SOCKET_MODE    0660

static int unix_socket_address(const char *path, struct sockaddr_un *out)
{
	const size_t len = strlen(path);
	memset(out, 0, sizeof *out);
	out->sun_family = AF_UNIX;
	if (len == 0 || len >= sizeof out->sun_path)
		return CAROUSEL_E_ARGUMENT;
	memcpy(out->sun_path, path, len);
	return 0;
}

static int unix_socket_connect_flags(const char *path, int flags, int *fd)
{
	struct sockaddr_un to;
	int result = unix_socket_address(path, &to);
	*fd = -1;
	if (result != 0)
		return result;
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
	if (*fd < 0)
		return CAROUSEL_E_IO;
	if (connect(*fd, (const struct sockaddr *)&to, sizeof to) == 0)
		return 0;
	switch (errno) {
	case ECONNREFUSED:
		result = CAROUSEL_E_REFUSED;
		break;
	case EAGAIN:
		result = CAROUSEL_E_BUSY;
		break;
	default:
		result = file_error(errno);
		if (result == CAROUSEL_E_STORAGE)
			result = CAROUSEL_E_IO;
		break;
	}
	close(*fd);
	*fd = -1;
	return result;
}

int unix_socket_connect(const char *path, int *fd)
{
	return unix_socket_connect_flags(path, 0, fd);
}

/* 0 when the name is free, or a socket that nobody listens on has it. */
static int unix_socket_is_free(const char *path)
{
	struct stat status;
	int fd, result;
	if (lstat(path, &status) != 0)
		return errno == ENOENT ? 0 : file_error(errno);
	if (!S_ISSOCK(status.st_mode))
		return CAROUSEL_E_EXISTS;
	result = unix_socket_connect_flags(path, SOCK_NONBLOCK, &fd);
	if (fd >= 0)
		close(fd);
	if (result == CAROUSEL_E_REFUSED)
		return 0;
	return result == CAROUSEL_E_PERMISSION ? result : CAROUSEL_E_EXISTS;
}

int unix_socket_listen(const char *path, int *fd)
{
	struct sockaddr_un address;
	char temporary[sizeof address.sun_path];
	int result = unix_socket_address(path, &address);
	*fd = -1;
	if (result == 0)
		result = unix_socket_is_free(path);
	if (result != 0)
		return result;
	/* Made under another name and renamed: from the first moment that it is seen it has its mode and listens. */
	if (snprintf(temporary, sizeof temporary, "%s.%d", path, (int)getpid()) >= (int)sizeof temporary)
		return CAROUSEL_E_ARGUMENT;
	(void)unlink(temporary);
	result = unix_socket_address(temporary, &address);
	if (result != 0)
		return result;
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (*fd < 0)
		return CAROUSEL_E_IO;
	if (bind(*fd, (const struct sockaddr *)&address, sizeof address) == 0 &&
		chmod(temporary, UNIX_SOCKET_MODE) == 0 && listen(*fd, UNIX_SOCKET_BACKLOG) == 0 &&
		rename(temporary, path) == 0)
		return 0;
	result = file_error(errno);
	(void)unlink(temporary);
	close(*fd);
	*fd = -1;
	return result;
}
