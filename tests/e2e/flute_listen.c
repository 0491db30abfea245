/* flute_listen: joins a group and counts what a transmitter sends, symbol by symbol.
 *
 *     flute_listen GROUP:PORT INTERFACE SOURCE|- SECONDS
 *
 * Prints a line for each object heard: "TSI TOI packets=N twice=N esi=LOWEST-HIGHEST bytes=N", and "total ...".
 * A symbol that comes twice is counted (not of TOI 0, whose instances share their identifiers). */
#include "common/alc.h"
#include "common/carousel_error.h"
#include "common/io/clock.h"
#include "common/io/udp.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_OBJECTS 4096u
#define NS_PER_S    1000000000ull

struct object {
	uint64_t tsi, toi, packets, twice, bytes;
	uint32_t lowest, highest;
	uint8_t *seen[256]; /* a bit for each ESI, a table for each block */
};

static struct object objects[MAX_OBJECTS];
static size_t num_objects;
static uint64_t packets, bytes, malformed, lost;
static uint32_t next_cci;

static struct object *find(uint64_t tsi, uint64_t toi)
{
	for (size_t i = num_objects; i-- > 0;)
		if (objects[i].tsi == tsi && objects[i].toi == toi)
			return &objects[i];
	if (num_objects == MAX_OBJECTS)
		return NULL;
	objects[num_objects] = (struct object){.tsi = tsi, .toi = toi, .lowest = UINT32_MAX};
	return &objects[num_objects++];
}

static void take(const struct udp_datagram *datagram)
{
	struct alc_packet p;
	struct object *o;
	uint8_t **seen;
	packets++;
	bytes += datagram->len;
	if (alc_parse(datagram->data, datagram->len, &p) || !p.has_payload_id ||
		(o = find(p.lct.tsi, p.lct.toi)) == NULL) {
		malformed++;
		return;
	}
	if (packets > 1 && p.lct.cci > next_cci)
		lost += p.lct.cci - next_cci;
	next_cci = p.lct.cci + 1;
	o->packets++;
	o->bytes += datagram->len;
	o->lowest = p.id.esi < o->lowest ? p.id.esi : o->lowest;
	o->highest = p.id.esi > o->highest ? p.id.esi : o->highest;
	if (p.lct.toi == 0 || p.id.esi > 0xffffff)
		return;
	seen = &o->seen[p.id.sbn % 256];
	if (*seen == NULL)
		*seen = calloc(1, 0x1000000 / 8);
	if (*seen == NULL)
		return;
	if ((*seen)[p.id.esi / 8] & 1u << p.id.esi % 8)
		o->twice++;
	(*seen)[p.id.esi / 8] |= (uint8_t)(1u << p.id.esi % 8);
}

int main(int argc, char **argv)
{
	struct udp_receiver_config config = {0};
	struct udp_receiver *receiver;
	struct udp_datagram datagram;
	uint64_t end;
	if (argc != 5 || udp_address_parse(argv[1], &config.group) ||
		(strcmp(argv[3], "-") != 0 && udp_address_parse_host(argv[3], &config.source))) {
		fprintf(stderr, "usage: flute_listen GROUP:PORT INTERFACE SOURCE|- SECONDS\n");
		return 2;
	}
	config.interface = argv[2];
	config.buffer_bytes = 64u << 20;
	if (udp_receiver_open(&receiver, &config)) {
		fprintf(stderr, "flute_listen: cannot join %s\n", argv[1]);
		return 1;
	}
	end = clock_monotonic_ns() + (uint64_t)(atof(argv[4]) * (double)NS_PER_S);
	while (clock_monotonic_ns() < end) {
		struct pollfd fd = {.fd = udp_receiver_fd(receiver), .events = POLLIN};
		if (poll(&fd, 1, 50) > 0 && udp_receiver_fill(receiver) == 0)
			while (udp_receiver_next(receiver, &datagram))
				take(&datagram);
	}
	for (size_t i = 0; i < num_objects; i++)
		printf("%" PRIu64 " %" PRIu64 " packets=%" PRIu64 " twice=%" PRIu64 " esi=%" PRIu32 "-%" PRIu32
		       " bytes=%" PRIu64 "\n",
			objects[i].tsi, objects[i].toi, objects[i].packets, objects[i].twice, objects[i].lowest,
			objects[i].highest, objects[i].bytes);
	printf("total packets=%" PRIu64 " bytes=%" PRIu64 " malformed=%" PRIu64 " lost=%" PRIu64 "\n", packets, bytes,
		malformed, lost);
	udp_receiver_close(receiver);
	return 0;
}
