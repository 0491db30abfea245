#include "common/io/socket.h"

#include "common/carousel_error.h"
#include "common/io/udp.h"

#include <errno.h>
#include <ifaddrs.h>
#include <limits.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

int socket_error(int errno_value)
{
	switch (errno_value) {
	case EADDRNOTAVAIL:
	case EAFNOSUPPORT:
	case ENODEV:
	case ENETUNREACH:
	case EHOSTUNREACH:
		return CAROUSEL_E_ADDRESS;
	case EACCES:
	case EPERM:
		return CAROUSEL_E_PERMISSION;
	case EADDRINUSE:
		return CAROUSEL_E_BUSY;
	case ENOMEM:
		return CAROUSEL_E_MEMORY;
	default:
		return CAROUSEL_E_IO;
	}
}

/* Interface-local and link-local scope: ff01, ff02 (RFC 4291 section 2.7) and fe80::/10. */
static int socket_needs_scope(const uint8_t ip[16])
{
	return (ip[0] == 0xff && (ip[1] & 0x0f) <= 2) || (ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80);
}

int socket_address(const struct udp_address *a, unsigned scope, struct sockaddr_storage *out, socklen_t *len)
{
	memset(out, 0, sizeof *out);
	if (a->family == 4) {
		struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(a->port)};
		memcpy(&in.sin_addr, a->ip, 4);
		memcpy(out, &in, sizeof in);
		*len = sizeof in;
		return 0;
	}
	if (a->family == 6) {
		struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(a->port)};
		memcpy(&in6.sin6_addr, a->ip, 16);
		in6.sin6_scope_id = socket_needs_scope(a->ip) ? scope : 0;
		memcpy(out, &in6, sizeof in6);
		*len = sizeof in6;
		return 0;
	}
	return CAROUSEL_E_ADDRESS;
}

void socket_address_decode(const struct sockaddr_storage *from, struct udp_address *out)
{
	memset(out, 0, sizeof *out);
	if (from->ss_family == AF_INET) {
		struct sockaddr_in in;
		memcpy(&in, from, sizeof in);
		out->family = 4;
		out->port = ntohs(in.sin_port);
		memcpy(out->ip, &in.sin_addr, 4);
	} else if (from->ss_family == AF_INET6) {
		struct sockaddr_in6 in6;
		memcpy(&in6, from, sizeof in6);
		out->family = 6;
		out->port = ntohs(in6.sin6_port);
		memcpy(out->ip, &in6.sin6_addr, 16);
	}
}

int socket_open(uint8_t family, int *fd)
{
	static const int on = 1;
	int result;
	if (family != 4 && family != 6)
		return CAROUSEL_E_ADDRESS;
	*fd = socket(family == 4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP);
	if (*fd < 0)
		return socket_error(errno);
	if (family == 6 && setsockopt(*fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) != 0) {
		result = socket_error(errno);
		close(*fd);
		*fd = -1;
		return result;
	}
	return 0;
}

size_t socket_buffer(int fd, int force, int plain, size_t bytes)
{
	int wanted = bytes > INT_MAX / 2 ? INT_MAX / 2 : (int)bytes, granted = 0;
	socklen_t len = sizeof granted;
	if (setsockopt(fd, SOL_SOCKET, force, &wanted, sizeof wanted) != 0)
		(void)setsockopt(fd, SOL_SOCKET, plain, &wanted, sizeof wanted);
	if (getsockopt(fd, SOL_SOCKET, plain, &granted, &len) != 0 || granted < 0)
		return 0;
	return (size_t)granted;
}

int udp_interface_index(const char *name_or_address, unsigned *index)
{
	struct ifaddrs *all;
	struct udp_address wanted;
	int result = CAROUSEL_E_ADDRESS;
	*index = 0;
	if (name_or_address == NULL || name_or_address[0] == '\0')
		return 0;
	*index = if_nametoindex(name_or_address);
	if (*index != 0)
		return 0;
	if (udp_address_parse_host(name_or_address, &wanted) != 0)
		return CAROUSEL_E_ADDRESS;
	if (getifaddrs(&all) != 0)
		return CAROUSEL_E_IO;
	for (const struct ifaddrs *i = all; i && result != 0; i = i->ifa_next) {
		struct sockaddr_storage storage = {0};
		struct udp_address address;
		if (i->ifa_addr == NULL || (i->ifa_addr->sa_family != AF_INET && i->ifa_addr->sa_family != AF_INET6))
			continue;
		memcpy(&storage, i->ifa_addr,
			i->ifa_addr->sa_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
		socket_address_decode(&storage, &address);
		if (udp_address_is_same_host(&address, &wanted)) {
			*index = if_nametoindex(i->ifa_name);
			result = *index ? 0 : CAROUSEL_E_ADDRESS;
		}
	}
	freeifaddrs(all);
	return result;
}
