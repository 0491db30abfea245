/* child.h - child processes of boot adapters and of the reboot command. No shell: words are separated by blanks. */
#ifndef CAROUSEL_RX_DAEMON_CHILD_H
#define CAROUSEL_RX_DAEMON_CHILD_H

#include <stddef.h>

#define CHILD_MAX_WORDS 32

/* Runs argv (NULL-terminated) and waits. `input` goes to its standard input (NULL: none), what it prints to `output` as
 * a string, at most cap - 1 bytes (the rest is read and dropped; NULL: not wanted).
 * 0 when it exits with 0. Errors: NOT_FOUND (no such program), REFUSED (it exited otherwise), BUSY (it took longer
 * than timeout_ms and was killed), IO. Blocks: call it inside jobs. */
int child_run(char *const argv[], const char *input, char *output, size_t cap, int timeout_ms);

/* Cuts a command line at blanks, in place. Returns the number of words, at most CHILD_MAX_WORDS - 1. */
size_t child_words(char *line, char *argv[CHILD_MAX_WORDS]);

/* Starts a command line and lets it go; it is reaped by nobody but init (double fork). Errors: NOT_FOUND, IO,
 * ARGUMENT (empty, or too long). */
int child_start(const char *line);

#endif
