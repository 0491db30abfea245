/* tx_fixture.h - the transmitter's core in virtual time, and a listener that keeps and decodes what it sends. */
#ifndef TESTS_LIB_TX_FIXTURE_H
#define TESTS_LIB_TX_FIXTURE_H

#include "carousel-tx/tx.h"
#include "common/alc.h"
#include "common/fdt.h"

#define LISTENER_MAX_OBJECTS 128u

struct heard_symbol {
	uint32_t sbn, esi;
	uint8_t *payload; /* a symbol's size; a short last one is padded */
};

struct heard_object {
	uint64_t tsi, toi;
	uint32_t fdt_instance; /* TOI 0 */
	uint8_t content_encoding;
	bool has_oti;
	struct fec_oti oti; /* checked */
	struct heard_symbol *symbols;
	size_t num_symbols, cap_symbols;
	uint64_t packets, duplicates, with_fti, bytes;
};

struct listener {
	struct heard_object objects[LISTENER_MAX_OBJECTS];
	size_t num_objects;
	uint64_t packets, bytes;
	uint32_t next_cci;
	uint64_t cci_gaps; /* packets whose CCI was not the one expected */
	uint64_t absent_packets;
};

void listener_init(struct listener *);
void listener_deinit(struct listener *);
/* Parses a packet with the real parser; fails the test when it is malformed. payload_len: what of it is there. */
void listener_take(struct listener *, const uint8_t *data, const struct tx_packet *);
/* NULL when nothing of it was heard. */
struct heard_object *listener_find(struct listener *, uint64_t tsi, uint64_t toi);
/* The newest FDT instance, parsed; NULL when it cannot be decoded yet. Free with fdt_free(). */
struct fdt *listener_fdt(struct listener *, uint64_t tsi);
/* The entry of a role (and class, when not NULL) in a table. */
const struct fdt_file *fdt_file_of(const struct fdt *, const char *role, const char *class_name);
/* Decodes an object with the real decoders: `bytes` bytes of the image, malloced; NULL when symbols are missing. */
uint8_t *listener_decode(const struct heard_object *, const struct fec_oti *, enum object_layout_kind, uint64_t bytes);

/* A source in memory. */
struct ram_source {
	const uint8_t *bytes;
	size_t len;
	unsigned reads, released;
	int fail; /* code that reads return instead */
};
struct tx_source ram_source(struct ram_source *);

/* Runs a channel from *now_ns until end_ns, every job at once, each packet to the listener (may be NULL). `limit`: at
 * most so many packets (0: any). Returns packets sent. */
uint64_t fixture_run(
	struct tx *, uint32_t channel, struct listener *, uint64_t *now_ns, uint64_t end_ns, uint64_t limit);
/* Runs every job there is. */
void fixture_jobs(struct tx *, uint64_t now_ns);
/* Random bytes, malloced. */
uint8_t *fixture_bytes(size_t len, uint64_t seed);

#endif
