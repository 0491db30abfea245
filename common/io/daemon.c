#include "common/io/daemon.h"

#include "common/carousel_error.h"
#include "common/io/clock.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static void daemon_write_line(const char *line, size_t len)
{
	while (len) {
		ssize_t put = write(STDERR_FILENO, line, len);
		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return; /* nowhere is left to complain to */
		line += put;
		len -= (size_t)put;
	}
}

static void daemon_log_plain(void *user, enum carousel_log_level level, const char *line)
{
	char out[1152], time_text[25];
	int len = snprintf(out, sizeof out, "%s %s %s\n", clock_format_utc(clock_wall_ns(), time_text),
		log_level_name(level), line);
	(void)user;
	if (len > 0 && (size_t)len < sizeof out)
		daemon_write_line(out, (size_t)len);
}

static void daemon_log_journal(void *user, enum carousel_log_level level, const char *line)
{
	/* The syslog priorities of sd-daemon(3): err, warning, notice, info, debug. */
	char out[1152];
	int len = snprintf(out, sizeof out, "<%d>%s\n", (int)level + 3, line);
	(void)user;
	if (len > 0 && (size_t)len < sizeof out)
		daemon_write_line(out, (size_t)len);
}

/* $JOURNAL_STREAM is "device:inode" of the stream that goes to the journal, see systemd.exec(5). */
static int daemon_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	struct stat status;
	char wanted[64];
	if (stream == NULL || fstat(STDERR_FILENO, &status) != 0)
		return 0;
	snprintf(wanted, sizeof wanted, "%ju:%ju", (uintmax_t)status.st_dev, (uintmax_t)status.st_ino);
	return strcmp(stream, wanted) == 0;
}

void daemon_log_init(struct carousel_log *log, enum carousel_log_level level)
{
	log->user = NULL;
	log->level = level;
	log->write = daemon_is_journal() ? daemon_log_journal : daemon_log_plain;
}

int daemon_notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	size_t len = path ? strlen(path) : 0;
	ssize_t put;
	int fd;
	if (path == NULL)
		return 0;
	if ((path[0] != '/' && path[0] != '@') || len < 2 || len >= sizeof to.sun_path)
		return CAROUSEL_E_ADDRESS;
	memcpy(to.sun_path, path, len);
	if (path[0] == '@')
		to.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return CAROUSEL_E_IO;
	put = sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&to,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	close(fd);
	return put < 0 ? CAROUSEL_E_IO : 0;
}
