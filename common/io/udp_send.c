#include "common/io/socket.h"
#include "common/io/udp.h"

#include "common/carousel_error.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

#define SEND_BUFFER_BYTES (4u << 20)
#define SEND_MESSAGES     64u
#define SEND_RUN_SEGMENTS 64u    /* UDP_MAX_SEGMENTS of the oldest kernels with GSO */
#define SEND_RUN_BYTES    65000u /* below 65535 less the headers of either family */

/* ---- opening ---------------------------------------------------------------------------------- */

/* A TTL of 0 is a promise that nothing leaves this host, which the kernel does not keep by itself: with nobody here in
 * the group Linux puts such a datagram on the wire all the same, and hosts take it. So only the loopback interface will
 * do. index 0 becomes its index. */
static int udp_sender_keep_in(const struct udp_address *to, unsigned *index)
{
	static const uint8_t loopback6[16] = {[15] = 1};
	const unsigned loopback = if_nametoindex("lo");
	if (!udp_address_is_multicast(to))
		return (to->family == 4 && to->ip[0] == 127) || (to->family == 6 && memcmp(to->ip, loopback6, 16) == 0)
			       ? 0
			       : CAROUSEL_E_ARGUMENT;
	if (*index == 0)
		*index = loopback;
	return loopback != 0 && *index == loopback ? 0 : CAROUSEL_E_ARGUMENT;
}

static int udp_sender_options_4(int fd, const struct udp_sender_config *config, unsigned index)
{
	const int ttl = (int)config->ttl, loop = config->loop;
	const struct ip_mreqn interface = {.imr_ifindex = (int)index};
	if (!udp_address_is_multicast(&config->destination))
		return config->ttl ? setsockopt(fd, IPPROTO_IP, IP_TTL, &ttl, sizeof ttl) : 0;
	if (setsockopt(fd, IPPROTO_IP, IP_MULTICAST_TTL, &ttl, sizeof ttl) != 0 ||
		setsockopt(fd, IPPROTO_IP, IP_MULTICAST_LOOP, &loop, sizeof loop) != 0)
		return -1;
	return index ? setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &interface, sizeof interface) : 0;
}

static int udp_sender_options_6(int fd, const struct udp_sender_config *config, unsigned index)
{
	const int hops = (int)config->ttl, loop = config->loop, interface = (int)index;
	if (!udp_address_is_multicast(&config->destination))
		return config->ttl ? setsockopt(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &hops, sizeof hops) : 0;
	if (setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops, sizeof hops) != 0 ||
		setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, &loop, sizeof loop) != 0)
		return -1;
	return index ? setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &interface, sizeof interface) : 0;
}

static int udp_sender_bind(int fd, const struct udp_sender_config *config, unsigned index)
{
	struct sockaddr_storage from;
	socklen_t len;
	if (config->source.family == 0)
		return 0;
	if (socket_address(&config->source, index, &from, &len) != 0) {
		errno = EAFNOSUPPORT;
		return -1;
	}
	return bind(fd, (const struct sockaddr *)&from, len);
}

int udp_sender_open(struct udp_sender *s, const struct udp_sender_config *config)
{
	struct sockaddr_storage to;
	socklen_t to_len;
	unsigned index;
	int result, segment = 0;
	memset(s, 0, sizeof *s);
	s->fd = -1;
	if (config->ttl > 255)
		return CAROUSEL_E_ARGUMENT;
	if (config->destination.port == 0 ||
		(config->source.family && config->source.family != config->destination.family))
		return CAROUSEL_E_ADDRESS;
	result = udp_interface_index(config->interface, &index);
	if (result == 0 && config->ttl == 0)
		result = udp_sender_keep_in(&config->destination, &index);
	if (result == 0)
		result = socket_address(&config->destination, index, &to, &to_len);
	if (result == 0)
		result = socket_open(config->destination.family, &s->fd);
	if (result != 0)
		return result;
	result = config->destination.family == 4 ? udp_sender_options_4(s->fd, config, index)
						 : udp_sender_options_6(s->fd, config, index);
	if (result != 0 || udp_sender_bind(s->fd, config, index) != 0 ||
		connect(s->fd, (const struct sockaddr *)&to, to_len) != 0) {
		s->last_errno = errno;
		result = socket_error(errno);
		close(s->fd);
		s->fd = -1;
		return result;
	}
	s->buffer_bytes = socket_buffer(
		s->fd, SO_SNDBUFFORCE, SO_SNDBUF, config->buffer_bytes ? config->buffer_bytes : SEND_BUFFER_BYTES);
	/* A kernel without UDP GSO does not know the option. */
	s->is_offload =
		!config->no_offload && setsockopt(s->fd, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof segment) == 0;
	return 0;
}

void udp_sender_close(struct udp_sender *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

/* ---- sending ---------------------------------------------------------------------------------- */

struct send_control {
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(uint16_t))];
	} u;
};

struct send_batch {
	struct mmsghdr messages[SEND_MESSAGES];
	struct send_control controls[SEND_MESSAGES];
	unsigned count;
};

/* How many packets from the first one on make one GSO run: equal lengths, the last may be shorter. */
static size_t udp_run_length(const struct iovec *packets, size_t count)
{
	const size_t len = packets[0].iov_len;
	size_t n = 1, bytes = len;
	while (n < count && n < SEND_RUN_SEGMENTS && packets[n].iov_len != 0 && packets[n].iov_len <= len &&
		bytes + packets[n].iov_len <= SEND_RUN_BYTES) {
		bytes += packets[n].iov_len;
		if (packets[n++].iov_len < len)
			break;
	}
	return n;
}

static void udp_batch_add(struct send_batch *b, const struct iovec *packets, size_t run)
{
	struct msghdr *m = &b->messages[b->count].msg_hdr;
	memset(m, 0, sizeof *m);
	m->msg_iov = (struct iovec *)(uintptr_t)packets; /* sendmmsg only reads it */
	m->msg_iovlen = run;
	if (run > 1) {
		struct send_control *c = &b->controls[b->count];
		const uint16_t segment = (uint16_t)packets[0].iov_len;
		memset(c, 0, sizeof *c);
		m->msg_control = c->u.room;
		m->msg_controllen = sizeof c->u.room;
		c->u.header.cmsg_level = IPPROTO_UDP;
		c->u.header.cmsg_type = UDP_SEGMENT;
		c->u.header.cmsg_len = CMSG_LEN(sizeof segment);
		memcpy(CMSG_DATA(&c->u.header), &segment, sizeof segment);
	}
	b->count++;
}

/* The first `plain` packets go one by one. */
static void udp_batch_fill(
	const struct udp_sender *s, struct send_batch *b, const struct iovec *packets, size_t count, size_t plain)
{
	b->count = 0;
	for (size_t at = 0; at < count && b->count < SEND_MESSAGES;) {
		size_t run = s->is_offload && at >= plain ? udp_run_length(packets + at, count - at) : 1;
		udp_batch_add(b, packets + at, run);
		at += run;
	}
}

/* What the first message of a batch, a run of that many packets, met with. 0: go on, the first *plain packets one by
 * one. */
static int udp_send_failed(struct udp_sender *s, size_t run, size_t *sent, size_t *plain)
{
	switch (s->last_errno) {
	case EAGAIN:
	case ENOBUFS:
		return CAROUSEL_E_BUSY;
	case EINTR:
		return 0;
	case EMSGSIZE:
	case EINVAL:
		/* Segments longer than the path's MTU are refused; as datagrams of their own they leave in fragments.
		 */
		if (run == 1)
			return s->last_errno == EMSGSIZE ? CAROUSEL_E_LIMIT : CAROUSEL_E_IO;
		*plain = run;
		return 0;
	case EIO: /* the device cannot checksum segments */
	case EOPNOTSUPP:
		if (run == 1)
			return CAROUSEL_E_IO;
		s->is_offload = false;
		return 0;
	case EPERM:
	case EACCES:
	case ENETDOWN:
	case ENETUNREACH:
	case EHOSTUNREACH:
	case EHOSTDOWN:
	case ENODEV:
	case ENXIO:
	case EADDRNOTAVAIL:
	case ECONNREFUSED:
		/* The air has no memory: what could not leave now is lost, and later packets are worth more. */
		s->lost += run;
		*sent += run;
		return 0;
	default:
		return CAROUSEL_E_IO;
	}
}

int udp_send(struct udp_sender *s, const struct iovec *packets, size_t count, size_t *sent)
{
	struct send_batch batch;
	size_t plain_end = 0; /* packets before this go one by one */
	*sent = 0;
	while (*sent < count) {
		size_t plain = plain_end > *sent ? plain_end - *sent : 0;
		int done, result;
		udp_batch_fill(s, &batch, packets + *sent, count - *sent, plain);
		done = sendmmsg(s->fd, batch.messages, batch.count, 0);
		s->syscalls++;
		if (done < 0) {
			s->last_errno = errno;
			result = udp_send_failed(s, batch.messages[0].msg_hdr.msg_iovlen, sent, &plain);
			if (result != 0)
				return result;
			if (plain)
				plain_end = *sent + plain;
			continue;
		}
		for (int i = 0; i < done; i++) {
			s->bytes += batch.messages[i].msg_len;
			s->datagrams += batch.messages[i].msg_hdr.msg_iovlen;
			*sent += batch.messages[i].msg_hdr.msg_iovlen;
		}
	}
	return 0;
}
