/* kill_at: runs a command and kills it just before its N-th system call that changes a file system.
 *
 *     kill_at N COMMAND [ARGUMENTS]     exit 0: killed there; 3: it ended before (its own status is printed)
 *
 * A test raises N from 1 until 3 comes: so every state that a kill can leave behind is seen. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_KILLED = 0, EXIT_USAGE = 2, EXIT_ENDED = 3, EXIT_BROKEN = 4 };

static bool is_change(const struct __ptrace_syscall_info *info)
{
	switch (info->entry.nr) {
	case SYS_openat:
		return (info->entry.args[2] & (O_CREAT | O_TRUNC)) != 0;
	case SYS_write:
		return info->entry.args[0] > 2;
	case SYS_pwrite64:
	case SYS_ftruncate:
	case SYS_fsync:
	case SYS_fdatasync:
	case SYS_renameat:
	case SYS_renameat2:
	case SYS_mkdirat:
	case SYS_unlinkat:
#ifdef SYS_rename
	case SYS_rename:
	case SYS_mkdir:
	case SYS_rmdir:
	case SYS_unlink:
#endif
		return true;
	default:
		return false;
	}
}

static int trace(pid_t child, unsigned long wanted)
{
	unsigned long seen = 0;
	int status, signal_number = 0;
	if (waitpid(child, &status, 0) != child || !WIFSTOPPED(status))
		return EXIT_BROKEN;
	if (ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL))
		return EXIT_BROKEN;
	for (;;) {
		struct __ptrace_syscall_info info;
		if (ptrace(PTRACE_SYSCALL, child, 0, signal_number) || waitpid(child, &status, 0) != child)
			return EXIT_BROKEN;
		if (WIFEXITED(status) || WIFSIGNALED(status)) {
			printf("ended with %d after %lu changes\n", WIFEXITED(status) ? WEXITSTATUS(status) : -1, seen);
			return EXIT_ENDED;
		}
		/* A plain SIGTRAP is that of exec; it is not the command's. */
		signal_number = (WSTOPSIG(status) & 0x7f) == SIGTRAP ? 0 : WSTOPSIG(status);
		if (WSTOPSIG(status) != (SIGTRAP | 0x80))
			continue;
		if (ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof info, &info) <= 0)
			return EXIT_BROKEN;
		if (info.op == PTRACE_SYSCALL_INFO_ENTRY && is_change(&info) && ++seen == wanted) {
			kill(child, SIGKILL);
			waitpid(child, &status, 0);
			return EXIT_KILLED;
		}
	}
}

int main(int argc, char **argv)
{
	char *end;
	unsigned long wanted = argc > 2 ? strtoul(argv[1], &end, 10) : 0;
	pid_t child;
	int result;
	if (argc < 3 || *end || wanted == 0) {
		fprintf(stderr, "usage: kill_at N COMMAND [ARGUMENTS]\n");
		return EXIT_USAGE;
	}
	child = fork();
	if (child == 0) {
		if (ptrace(PTRACE_TRACEME, 0, 0, 0) == 0 && raise(SIGSTOP) == 0)
			execvp(argv[2], argv + 2);
		fprintf(stderr, "kill_at: %s: %s\n", argv[2], strerror(errno));
		_exit(127);
	}
	result = child < 0 ? EXIT_BROKEN : trace(child, wanted);
	if (result == EXIT_BROKEN)
		fprintf(stderr, "kill_at: %s\n", strerror(errno));
	return result;
}
