/* Runs a program on a terminal of its own and types a passphrase wherever it asks for one:
 *     typist PASSPHRASE PROGRAM ARGUMENT...
 * What the program writes goes to stdout. Exits with its status; 124 when nothing happens for a minute. */
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SILENCE_MS 60000

/* The line that is being written asks for one: "New passphrase for FILE: ", "Once more for FILE: ". */
static bool asks(const char *line, size_t len)
{
	char text[512];
	if (len < 2 || len >= sizeof text || memcmp(line + len - 2, ": ", 2) != 0)
		return false;
	memcpy(text, line, len);
	text[len] = '\0';
	return strstr(text, "assphrase for ") || strncmp(text, "Once more for ", 14) == 0;
}

static int type_answers(int terminal, const char *passphrase)
{
	struct pollfd p = {.fd = terminal, .events = POLLIN};
	char line[512];
	size_t used = 0;
	for (;;) {
		char c;
		if (poll(&p, 1, SILENCE_MS) != 1)
			return -1;
		if (read(terminal, &c, 1) != 1)
			return 0; /* the last one has closed it */
		putchar(c);
		if (c == '\n' || used == sizeof line)
			used = 0;
		if (c == '\n' || c == '\r')
			continue;
		line[used++] = c;
		if (!asks(line, used))
			continue;
		fflush(stdout);
		usleep(20000); /* what was typed before it listens is thrown away */
		if (dprintf(terminal, "%s\n", passphrase) < 0)
			return -1;
		used = 0;
	}
}

int main(int argc, char **argv)
{
	int terminal, status;
	pid_t child;
	if (argc < 3)
		return 2;
	child = forkpty(&terminal, NULL, NULL, NULL);
	if (child < 0)
		return 125;
	if (child == 0) {
		execvp(argv[2], argv + 2);
		_exit(127);
	}
	if (type_answers(terminal, argv[1]) != 0) {
		kill(child, SIGKILL);
		waitpid(child, &status, 0);
		return 124;
	}
	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 125;
}
