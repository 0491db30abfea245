/* socket.h - what the sending and the receiving half of udp.h share. */
#ifndef COMMON_IO_SOCKET_H
#define COMMON_IO_SOCKET_H

#include "common/address.h"

#include <stddef.h>
#include <sys/socket.h>

/* Fills in a sockaddr; the scope (interface index) counts for IPv6 link-local and narrower addresses only.
 * Errors: ADDRESS. */
int socket_address(const struct udp_address *, unsigned scope, struct sockaddr_storage *, socklen_t *len);
void socket_address_decode(const struct sockaddr_storage *, struct udp_address *);

/* ADDRESS, PERMISSION, BUSY (EADDRINUSE), MEMORY, or IO. */
int socket_error(int errno_value);

/* A non-blocking UDP socket of that family (4 or 6). */
int socket_open(uint8_t family, int *fd);

/* Asks for a buffer by the privileged option first, then by the plain one; returns what was granted.
 * force and plain are SO_SNDBUFFORCE and SO_SNDBUF, or SO_RCVBUFFORCE and SO_RCVBUF. */
size_t socket_buffer(int fd, int force, int plain, size_t bytes);

#endif
