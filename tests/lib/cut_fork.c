#include "tests/lib/cut_fork.h"

#include "tests/lib/test.h"

#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

bool cut_fork(const char *what)
{
	static const struct rlimit no_core;
	int status = 0;
	pid_t pid;
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		/* A failed assertion must not go on with the parent's other tests. */
		setenv("CMOCKA_TEST_ABORT", "1", 1);
		(void)setrlimit(RLIMIT_CORE, &no_core);
		return true;
	}
	while (waitpid(pid, &status, 0) < 0)
		assert_int_equal(errno, EINTR);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail_msg("%s", what);
	return false;
}

void cut_fork_end(void)
{
	_exit(0);
}
