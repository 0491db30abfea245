/* unix_socket.h - Unix stream sockets by path, for the control socket and its client. */
#ifndef COMMON_IO_UNIX_SOCKET_H
#define COMMON_IO_UNIX_SOCKET_H

/* Connects to a path; the descriptor is blocking. Errors: ARGUMENT (path too long), NOT_FOUND, REFUSED (nobody
 * listens), PERMISSION, BUSY (its queue is full), IO. */
int unix_socket_connect(const char *path, int *fd);

/* Listens at a path with mode 0660, non-blocking. The socket appears under its name when it listens already, and takes
 * the place of one that nobody listens on. Errors: EXISTS (somebody does, or it is no socket), ARGUMENT, PERMISSION,
 * NOT_FOUND (no such directory), and those of file_error(). */
int unix_socket_listen(const char *path, int *fd);

#endif
