/* udp.h - UDP multicast (and unicast) for IPv4 and IPv6 in batches. Plain descriptors, no event loop.
 *
 * Not thread-safe per object; a sender and a receiver may be used from different threads. */
#ifndef COMMON_IO_UDP_H
#define COMMON_IO_UDP_H

#include "common/address.h"
#include "common/memory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* Index of an interface given by name ("eth0") or by one of its addresses ("192.0.2.7", "fe80::1").
 * NULL or "" gives 0: the kernel chooses. Errors: ADDRESS (no such interface), IO. */
int udp_interface_index(const char *name_or_address, unsigned *index);

/* ---- sending ---------------------------------------------------------------------------------- */

struct udp_sender_config {
	struct udp_address destination;
	struct udp_address
		source;        /* to send from, as source-specific receivers expect it; family 0: the kernel's choice */
	const char *interface; /* name or address; NULL: by route */
	unsigned ttl;          /* TTL or hop limit, 0 to 255; 0: on this host only, by the loopback interface */
	bool loop;             /* receivers on this host hear it too */
	size_t buffer_bytes;   /* wanted socket buffer; 0: 4 MiB */
	bool no_offload;       /* never use UDP GSO */
};

struct udp_sender {
	int fd;              /* non-blocking; wait for it to be writable after BUSY */
	bool is_offload;     /* UDP GSO is in use; the kernel's refusal turns it off */
	size_t buffer_bytes; /* what the kernel granted */
	uint64_t datagrams;  /* handed to the kernel */
	uint64_t bytes;      /* UDP payload of those */
	uint64_t lost; /* datagrams the network refused (no route, link down, filter): gone, not to be sent again */
	uint64_t syscalls;
	int last_errno; /* of the latest loss or error, 0 when there was none */
};

/* Errors: ADDRESS (destination, source, interface), ARGUMENT (ttl above 255, or 0 and the
 * way is not through the loopback interface), PERMISSION, IO. On failure there is nothing to close. */
int udp_sender_open(struct udp_sender *, const struct udp_sender_config *);
void udp_sender_close(struct udp_sender *);

/* Sends datagrams in order, one iovec each (1 to 65507 bytes; borrowed, not copied by us). Runs of equal length, the
 * last of which may be shorter, leave as one UDP GSO message each when the kernel can; all others in one sendmmsg.
 * *sent counts those that are done with, lost ones included. Returns 0 when *sent == count, BUSY when the socket's or
 * device's queue is full (try the rest later), LIMIT when packets[*sent] is too long for the path, IO. */
int udp_send(struct udp_sender *, const struct iovec *packets, size_t count, size_t *sent);

/* ---- receiving -------------------------------------------------------------------------------- */

struct udp_receiver_config {
	struct udp_address group;                   /* group and port; a unicast address of this host works as well */
	struct udp_address source;                  /* family 0: any source, else a source-specific join (RFC 4607) */
	const char *interface;                      /* name or address to join on; NULL: by route */
	size_t buffer_bytes;                        /* wanted socket buffer; 0: 8 MiB */
	size_t memory_bytes;                        /* batch memory, allocated at open; 0: 1 MiB, least 64 KiB */
	size_t max_datagram_bytes;                  /* longer ones are dropped and counted; 0: 9216 */
	bool no_offload;                            /* never use UDP GRO */
	const struct carousel_allocator *allocator; /* borrowed until close */
};

struct udp_receiver;

struct udp_datagram {
	uint8_t *data; /* in the receiver's memory, until the next udp_receiver_fill(); may be written to */
	size_t len;    /* may be 0 */
	struct udp_address source;
};

struct udp_receiver_stats {
	uint64_t datagrams, bytes, syscalls;
	uint64_t truncated;    /* longer than max_datagram_bytes */
	uint64_t kernel_drops; /* the socket's buffer was full (SO_MEMINFO); counts since open */
	size_t buffer_bytes;   /* what the kernel granted */
	bool is_offload;
};

/* Errors: ADDRESS (group, source family, interface), ARGUMENT, PERMISSION, BUSY (port taken), MEMORY, IO. */
int udp_receiver_open(struct udp_receiver **, const struct udp_receiver_config *);
void udp_receiver_close(struct udp_receiver *);
/* Non-blocking; wait for it to be readable. */
int udp_receiver_fd(const struct udp_receiver *);

/* Takes one batch from the kernel: 0, NEED_MORE when there is nothing now, IO. What of the batch before was not taken
 * by udp_receiver_next() is dropped. */
int udp_receiver_fill(struct udp_receiver *);
/* The next datagram of the batch; false when it is used up. */
bool udp_receiver_next(struct udp_receiver *, struct udp_datagram *);
/* Reads the kernel's drop counter too. */
void udp_receiver_stats(struct udp_receiver *, struct udp_receiver_stats *);

#endif
