#include "policy-map/cli/watch.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#define POLL_NS 20000000u

/* The child has its own group, so that what it started ends with it, and the signals that the watch itself blocks and
 * passes over. */
static int spawn(pid_t *pid, const char *program, const char *draft)
{
	char *const argv[] = {(char *)(uintptr_t)program, (char *)(uintptr_t)draft, NULL};
	extern char **environ;
	posix_spawnattr_t attributes;
	sigset_t none, pipe;
	int error = posix_spawnattr_init(&attributes);
	if (error)
		return error;
	sigemptyset(&none);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setpgroup(&attributes, 0);
	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	posix_spawnattr_setsigdefault(&attributes, &pipe);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
	error = posix_spawnp(pid, program, NULL, &attributes, argv, environ);
	posix_spawnattr_destroy(&attributes);
	return error;
}

bool watch_hook(const struct cli *cli, const char *program, const char *draft, const struct watch_variable *variables,
	size_t count, uint64_t timeout_ns)
{
	const struct timespec pause = {0, POLL_NS};
	int status = 0, error = 0;
	pid_t pid, ended = 0;
	for (size_t i = 0; i < count; i++) {
		if (setenv(variables[i].name, variables[i].value, 1) != 0)
			error = errno;
	}
	if (error == 0)
		error = spawn(&pid, program, draft);
	if (error) {
		cli_fail(cli, "%s: %s", program, strerror(error));
		return false;
	}
	for (uint64_t waited = 0; (ended = waitpid(pid, &status, WNOHANG)) == 0 && waited < timeout_ns;
		waited += POLL_NS)
		nanosleep(&pause, NULL);
	if (ended == 0) {
		kill(-pid, SIGKILL);
		waitpid(pid, &status, 0);
		cli_fail(cli, "%s: killed after %llu s", program, (unsigned long long)(timeout_ns / 1000000000u));
		return false;
	}
	if (ended < 0 || status != 0) {
		cli_fail(cli, "%s: %s %d", program, WIFSIGNALED(status) ? "ended by signal" : "failed with exit status",
			WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
		return false;
	}
	return true;
}
