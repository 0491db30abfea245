#include "common/io/socket.h"
#include "common/io/udp.h"

#include "common/carousel_error.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <unistd.h>

#ifndef UDP_GRO
#define UDP_GRO 104
#endif
#ifndef IPV6_MULTICAST_ALL
#define IPV6_MULTICAST_ALL 29
#endif
#ifndef SO_MEMINFO
#define SO_MEMINFO 55
#endif

#define RECEIVE_BUFFER_BYTES (8u << 20)
#define RECEIVE_MEMORY_BYTES (1u << 20)
#define RECEIVE_MAX_DATAGRAM 9216u
#define RECEIVE_MESSAGES     256u
#define RECEIVE_GRO_BYTES    65536u /* a run that GRO has put together never is longer */
#define RECEIVE_SINGLES      64u    /* messages in a row that GRO has not put together, so that it is turned off */
#define RECEIVE_AGAIN        1024u  /* batches, after which it is tried again */

struct receive_control {
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} u;
};

struct udp_receiver {
	const struct carousel_allocator *allocator;
	int fd;
	uint8_t *memory;
	size_t memory_bytes, slot_bytes; /* one slot a message */
	unsigned slots;
	bool has_gro;              /* runs may come, and slots are long enough for them */
	unsigned singles, batches; /* since it was turned on, or off */
	struct mmsghdr *messages;
	struct iovec *iovecs;
	struct sockaddr_storage *names;
	struct receive_control *controls;
	/* The batch being handed out: message `at` of `filled`, from byte `offset` on, in steps of `segment`. */
	unsigned at, filled;
	size_t offset, segment;
	struct udp_address source;
	size_t max_datagram_bytes;
	uint32_t drops_seen; /* the kernel's own counter has 32 bits */
	struct udp_receiver_stats stats;
};

/* ---- opening ---------------------------------------------------------------------------------- */

/* RFC 3678: the protocol-independent join, with a source filter or without. */
static int udp_join(
	int fd, const struct udp_receiver_config *config, unsigned index, const struct sockaddr_storage *group)
{
	const int level = config->group.family == 4 ? IPPROTO_IP : IPPROTO_IPV6;
	if (config->source.family != 0) {
		struct group_source_req request;
		socklen_t len;
		memset(&request, 0, sizeof request);
		request.gsr_interface = index;
		request.gsr_group = *group;
		if (socket_address(&config->source, index, &request.gsr_source, &len) != 0)
			return CAROUSEL_E_ADDRESS;
		if (setsockopt(fd, level, MCAST_JOIN_SOURCE_GROUP, &request, sizeof request) != 0)
			return socket_error(errno);
	} else {
		struct group_req request;
		memset(&request, 0, sizeof request);
		request.gr_interface = index;
		request.gr_group = *group;
		if (setsockopt(fd, level, MCAST_JOIN_GROUP, &request, sizeof request) != 0)
			return socket_error(errno);
	}
	return 0;
}

static int udp_receiver_socket(struct udp_receiver *r, const struct udp_receiver_config *config)
{
	static const int on = 1, off = 0;
	const bool is_multicast = udp_address_is_multicast(&config->group);
	struct sockaddr_storage group;
	socklen_t group_len;
	unsigned index;
	int result = udp_interface_index(config->interface, &index);
	if (result == 0)
		result = socket_address(&config->group, index, &group, &group_len);
	if (result == 0)
		result = socket_open(config->group.family, &r->fd);
	if (result != 0)
		return result;
	if (is_multicast && setsockopt(r->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0)
		return socket_error(errno);
	/* Bound to the group, and deaf to what other sockets of this host have joined: nothing foreign gets in. */
	if (bind(r->fd, (const struct sockaddr *)&group, group_len) != 0)
		return socket_error(errno);
	if (config->group.family == 4)
		(void)setsockopt(r->fd, IPPROTO_IP, IP_MULTICAST_ALL, &off, sizeof off);
	else
		(void)setsockopt(r->fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, &off, sizeof off);
	r->stats.buffer_bytes = socket_buffer(
		r->fd, SO_RCVBUFFORCE, SO_RCVBUF, config->buffer_bytes ? config->buffer_bytes : RECEIVE_BUFFER_BYTES);
	r->stats.is_offload = !config->no_offload && setsockopt(r->fd, IPPROTO_UDP, UDP_GRO, &on, sizeof on) == 0;
	return is_multicast ? udp_join(r->fd, config, index, &group) : 0;
}

static unsigned udp_slots(const struct udp_receiver *r, size_t slot_bytes)
{
	return r->memory_bytes / slot_bytes < RECEIVE_MESSAGES ? (unsigned)(r->memory_bytes / slot_bytes)
							       : RECEIVE_MESSAGES;
}

/* Divides the memory into slots that hold a run of GRO's, or one datagram. */
static void udp_receiver_divide(struct udp_receiver *r, bool has_gro)
{
	r->has_gro = has_gro;
	r->singles = r->batches = 0;
	r->slot_bytes = has_gro ? RECEIVE_GRO_BYTES : r->max_datagram_bytes;
	r->slots = udp_slots(r, r->slot_bytes);
	for (unsigned i = 0; i < r->slots; i++)
		r->iovecs[i] = (struct iovec){r->memory + i * r->slot_bytes, r->slot_bytes};
}

static int udp_receiver_memory(struct udp_receiver *r, size_t memory_bytes)
{
	unsigned most;
	r->memory_bytes = memory_bytes;
	if ((r->stats.is_offload ? RECEIVE_GRO_BYTES : r->max_datagram_bytes) > memory_bytes)
		return CAROUSEL_E_ARGUMENT;
	most = udp_slots(r, r->max_datagram_bytes);
	r->memory = memory_alloc(r->allocator, 1, memory_bytes);
	r->messages = memory_alloc(r->allocator, most, sizeof *r->messages);
	r->iovecs = memory_alloc(r->allocator, most, sizeof *r->iovecs);
	r->names = memory_alloc(r->allocator, most, sizeof *r->names);
	r->controls = memory_alloc(r->allocator, most, sizeof *r->controls);
	if (!r->memory || !r->messages || !r->iovecs || !r->names || !r->controls)
		return CAROUSEL_E_MEMORY;
	udp_receiver_divide(r, r->stats.is_offload);
	return 0;
}

int udp_receiver_open(struct udp_receiver **out, const struct udp_receiver_config *config)
{
	struct udp_receiver *r;
	struct udp_receiver_stats now;
	int result;
	*out = NULL;
	if (config->group.port == 0 || (config->source.family && config->source.family != config->group.family))
		return CAROUSEL_E_ADDRESS;
	if (config->max_datagram_bytes > RECEIVE_GRO_BYTES)
		return CAROUSEL_E_ARGUMENT;
	r = memory_alloc(config->allocator, 1, sizeof *r);
	if (r == NULL)
		return CAROUSEL_E_MEMORY;
	r->allocator = config->allocator;
	r->fd = -1;
	r->max_datagram_bytes = config->max_datagram_bytes ? config->max_datagram_bytes : RECEIVE_MAX_DATAGRAM;
	result = udp_receiver_socket(r, config);
	if (result == 0)
		result = udp_receiver_memory(r, config->memory_bytes ? config->memory_bytes : RECEIVE_MEMORY_BYTES);
	if (result != 0) {
		udp_receiver_close(r);
		return result;
	}
	udp_receiver_stats(r, &now);
	r->stats.kernel_drops = 0;
	*out = r;
	return 0;
}

void udp_receiver_close(struct udp_receiver *r)
{
	if (r == NULL)
		return;
	if (r->fd >= 0)
		close(r->fd);
	memory_free(r->allocator, r->controls);
	memory_free(r->allocator, r->names);
	memory_free(r->allocator, r->iovecs);
	memory_free(r->allocator, r->messages);
	memory_free(r->allocator, r->memory);
	memory_free(r->allocator, r);
}

int udp_receiver_fd(const struct udp_receiver *r)
{
	return r->fd;
}

/* ---- receiving -------------------------------------------------------------------------------- */

/* Where the kernel puts nothing together anyway, more datagrams fit a batch without GRO. A run that was queued just
 * before it is turned off is cut, and counted. */
static void udp_receiver_adapt(struct udp_receiver *r)
{
	const int has_gro = !r->has_gro;
	if (!r->stats.is_offload || (r->has_gro ? r->singles < RECEIVE_SINGLES : r->batches < RECEIVE_AGAIN))
		return;
	if (setsockopt(r->fd, IPPROTO_UDP, UDP_GRO, &has_gro, sizeof has_gro) == 0)
		udp_receiver_divide(r, has_gro);
	else
		r->singles = r->batches = 0;
}

int udp_receiver_fill(struct udp_receiver *r)
{
	int got;
	udp_receiver_adapt(r);
	for (unsigned i = 0; i < r->slots; i++) {
		r->messages[i].msg_hdr = (struct msghdr){
			.msg_name = &r->names[i],
			.msg_namelen = sizeof r->names[i],
			.msg_iov = &r->iovecs[i],
			.msg_iovlen = 1,
			.msg_control = r->controls[i].u.room,
			.msg_controllen = sizeof r->controls[i].u.room,
		};
	}
	r->at = r->filled = 0;
	r->offset = r->segment = 0;
	do {
		got = recvmmsg(r->fd, r->messages, r->slots, MSG_DONTWAIT, NULL);
		r->stats.syscalls++;
	} while (got < 0 && (errno == EINTR || errno == ECONNREFUSED));
	if (got < 0)
		return errno == EAGAIN ? CAROUSEL_E_NEED_MORE : CAROUSEL_E_IO;
	r->filled = (unsigned)got;
	r->batches++;
	return 0;
}

/* The length of the datagrams in a message: what GRO says, else the whole. */
static size_t udp_segment(struct msghdr *m, size_t len)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		int segment;
		if (c->cmsg_level != IPPROTO_UDP || c->cmsg_type != UDP_GRO || c->cmsg_len < CMSG_LEN(sizeof segment))
			continue;
		memcpy(&segment, CMSG_DATA(c), sizeof segment);
		if (segment > 0 && (size_t)segment < len)
			return (size_t)segment;
	}
	return len;
}

/* Looks at message `at`; false when the kernel has cut it, so that it is to be skipped. */
static bool udp_receiver_begin(struct udp_receiver *r)
{
	struct mmsghdr *m = &r->messages[r->at];
	if ((m->msg_hdr.msg_flags & MSG_TRUNC) || m->msg_len > r->slot_bytes) {
		r->stats.truncated++;
		return false;
	}
	r->segment = udp_segment(&m->msg_hdr, m->msg_len);
	if (r->segment < m->msg_len)
		r->singles = 0;
	else if (r->filled == r->slots) /* only full batches could be fuller */
		r->singles++;
	socket_address_decode(&r->names[r->at], &r->source);
	return true;
}

bool udp_receiver_next(struct udp_receiver *r, struct udp_datagram *out)
{
	while (r->at < r->filled) {
		const size_t len = r->messages[r->at].msg_len;
		if (r->offset == 0 && !udp_receiver_begin(r)) {
			r->at++;
			continue;
		}
		out->data = r->memory + r->at * r->slot_bytes + r->offset;
		out->len = len - r->offset < r->segment ? len - r->offset : r->segment;
		out->source = r->source;
		r->offset += out->len;
		if (r->offset >= len) {
			r->at++;
			r->offset = 0;
		}
		if (out->len > r->max_datagram_bytes) {
			r->stats.truncated++;
			continue;
		}
		r->stats.datagrams++;
		r->stats.bytes += out->len;
		return true;
	}
	return false;
}

void udp_receiver_stats(struct udp_receiver *r, struct udp_receiver_stats *out)
{
	uint32_t info[SK_MEMINFO_VARS] = {0};
	socklen_t len = sizeof info;
	if (getsockopt(r->fd, SOL_SOCKET, SO_MEMINFO, info, &len) == 0) {
		r->stats.kernel_drops += info[SK_MEMINFO_DROPS] - r->drops_seen;
		r->drops_seen = info[SK_MEMINFO_DROPS];
	}
	*out = r->stats;
}
