#include "carousel-rx/daemon/child.h"

#include "common/carousel_error.h"
#include "common/io/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHILD_LINE_BYTES 1024

extern char **environ;

size_t child_words(char *line, char *argv[CHILD_MAX_WORDS])
{
	size_t count = 0;
	char *rest, *word = strtok_r(line, " \t", &rest);
	while (word && count + 1 < CHILD_MAX_WORDS) {
		argv[count++] = word;
		word = strtok_r(NULL, " \t", &rest);
	}
	argv[count] = NULL;
	return count;
}

/* Standard error is ours: what the program complains about stands in the daemon's log. */
static int child_spawn(char *const argv[], int in, int out, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t signals;
	int error;
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	sigemptyset(&signals);
	posix_spawnattr_setsigmask(&attributes, &signals);
	sigaddset(&signals, SIGPIPE);
	posix_spawnattr_setsigdefault(&attributes, &signals);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	error = posix_spawnp(pid, argv[0], &actions, &attributes, argv, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	if (error == 0)
		return 0;
	return error == ENOENT || error == EACCES ? CAROUSEL_E_NOT_FOUND : CAROUSEL_E_IO;
}

/* Reads until the end of the output or the deadline. */
static int child_read(int fd, char *output, size_t cap, uint64_t deadline_ns)
{
	size_t len = 0;
	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		uint64_t now_ns = clock_monotonic_ns();
		char piece[512];
		ssize_t got;
		if (now_ns >= deadline_ns)
			return CAROUSEL_E_BUSY;
		if (poll(&p, 1, (int)((deadline_ns - now_ns) / 1000000u) + 1) <= 0)
			continue;
		got = read(fd, piece, sizeof(piece));
		if (got < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (got < 0)
			return CAROUSEL_E_IO;
		if (got == 0)
			return 0;
		if (output && len + (size_t)got < cap) {
			memcpy(output + len, piece, (size_t)got);
			len += (size_t)got;
			output[len] = 0;
		}
	}
}

static int child_wait(pid_t pid, uint64_t deadline_ns, int result)
{
	int status = 0;
	pid_t waited;
	while ((waited = waitpid(pid, &status, WNOHANG)) == 0 || (waited < 0 && errno == EINTR)) {
		struct timespec pause = {.tv_nsec = 5000000};
		if (clock_monotonic_ns() >= deadline_ns) {
			kill(pid, SIGKILL);
			while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
				;
			return CAROUSEL_E_BUSY;
		}
		nanosleep(&pause, NULL);
	}
	if (waited < 0)
		return CAROUSEL_E_IO;
	if (result)
		return result;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : CAROUSEL_E_REFUSED;
}

int child_run(char *const argv[], const char *input, char *output, size_t cap, int timeout_ms)
{
	uint64_t deadline_ns = clock_monotonic_ns() + (uint64_t)timeout_ms * 1000000u;
	int in[2] = {-1, -1}, out[2] = {-1, -1}, result;
	pid_t pid;
	if (output && cap)
		output[0] = 0;
	/* Input is a few lines: it fits the pipe, so that nobody waits for anybody. */
	if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) {
		result = CAROUSEL_E_IO;
		goto out;
	}
	if (input && write(in[1], input, strlen(input)) != (ssize_t)strlen(input)) {
		result = CAROUSEL_E_IO;
		goto out;
	}
	result = child_spawn(argv, in[0], out[1], &pid);
	if (result)
		goto out;
	close(in[0]);
	close(in[1]);
	close(out[1]);
	in[0] = in[1] = out[1] = -1;
	result = child_read(out[0], output, cap, deadline_ns);
	result = child_wait(pid, result == CAROUSEL_E_BUSY ? 0 : deadline_ns, result);
out:
	for (int i = 0; i < 2; i++) {
		if (in[i] >= 0)
			close(in[i]);
		if (out[i] >= 0)
			close(out[i]);
	}
	return result;
}

int child_start(const char *line)
{
	char copy[CHILD_LINE_BYTES], *argv[CHILD_MAX_WORDS];
	int status;
	pid_t pid, waited;
	if (strlen(line) >= sizeof(copy))
		return CAROUSEL_E_ARGUMENT;
	strcpy(copy, line);
	if (child_words(copy, argv) == 0)
		return CAROUSEL_E_ARGUMENT;
	pid = fork();
	if (pid < 0)
		return CAROUSEL_E_IO;
	if (pid == 0) {
		pid_t grandchild;
		setsid();
		_exit(child_spawn(argv, STDIN_FILENO, STDOUT_FILENO, &grandchild) ? 127 : 0);
	}
	while ((waited = waitpid(pid, &status, 0)) < 0 && errno == EINTR)
		;
	if (waited < 0)
		return CAROUSEL_E_IO;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : CAROUSEL_E_NOT_FOUND;
}
