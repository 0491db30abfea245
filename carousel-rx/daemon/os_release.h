/* os_release.h - who the running image says it is: IMAGE_ID and IMAGE_VERSION of os-release(5). */
#ifndef CAROUSEL_RX_DAEMON_OS_RELEASE_H
#define CAROUSEL_RX_DAEMON_OS_RELEASE_H

#include <stddef.h>

#define OS_RELEASE_MAX_BYTES 65536u

struct os_release {
	char image_id[65];      /* "" when there is none */
	char image_version[65]; /* likewise; any text, the receiver decides whether it is a version */
};

/* Parses the text of an os-release file: NAME=value lines, values bare or in single or double quotes with backslash
 * escapes; lines that are neither are passed over, as os-release(5) asks of its readers. The last line of a name
 * counts. A value that is longer than the struct's room counts as absent. */
void os_release_parse(struct os_release *, const char *text, size_t len);

/* Reads and parses a file. Errors: those of file_read(); the struct is then empty. */
int os_release_read(struct os_release *, const char *path);

#endif
