/* headend.h - the transmitting side of a simulation: the real transmitter core, with documents signed by made-up keys
 * and images that are only names (or random bytes, when payload is to be carried). */
#ifndef SIM_HEADEND_H
#define SIM_HEADEND_H

#include "carousel-tx/tx.h"
#include "policy-map/manifest.h"
#include "policy-map/trust.h"
#include "sim/moments.h"
#include "sim/scenario.h"

#define HEADEND_TSI 4001u

enum headend_payload {
	HEADEND_NAMES,   /* images are names: digests are made up */
	HEADEND_DIGESTS, /* documents are those of real bytes, which are then left out */
	HEADEND_BYTES,
};

struct headend_image {
	struct manifest manifest;
	char *manifest_text; /* envelope, a line */
	size_t manifest_len;
	uint8_t *index;
	size_t index_len;
	uint8_t *bytes; /* NULL: only a name */
	uint64_t len;
	bool is_on_air;
};

struct headend_map {
	char *text; /* envelope */
	size_t len;
	struct tx_map_info info;
};

struct headend {
	const struct carousel_allocator *allocator;
	const struct scenario *scenario;
	struct moments moments;
	enum headend_payload payload;
	struct key_secret keys[4]; /* root, map, image, heartbeat */
	struct key_signer heartbeat_signer;
	char *root_text; /* envelope: what boxes trust */
	size_t root_len;
	struct headend_image images[SCENARIO_MAX_IMAGES];
	struct headend_map maps[SCENARIO_MAX_MAPS];
	size_t map_on_air; /* num_maps: none yet */
	struct tx_channel_config channel;
	struct tx *tx[SCENARIO_MAX_HEADENDS]; /* NULL: silent */
	struct headend_counters {
		const struct carousel_allocator *allocator;
		char *text;
		size_t len;
	} counters[SCENARIO_MAX_HEADENDS];
	uint64_t packets;
};

/* Makes keys, manifests and maps; nothing is on the air yet. Errors: MEMORY, LIMIT, those of the parts. */
int headend_new(struct headend **, const struct carousel_allocator *, const struct scenario *, enum headend_payload);
void headend_free(struct headend *);

/* Puts on the air what the scenario says for this time, starts and stops the transmitters. */
int headend_update(struct headend *, uint64_t now_ns);
/* The next moment after now at which that changes; SCENARIO_NEVER. */
uint64_t headend_next_update(const struct headend *, uint64_t now_ns);
/* When a transmitter wants to be asked for packets; SCENARIO_NEVER when all are silent. */
uint64_t headend_deadline(const struct headend *);
/* The next packet of a transmitter, or NEED_MORE. Work that lies about is done on the way. */
int headend_next_packet(
	struct headend *, uint32_t number, uint8_t *buffer, size_t cap, struct tx_packet *, uint64_t now_ns);

/* The bytes of a version of a class, when payload is carried: random, and the same in every run. */
void headend_image_bytes(const char *class_name, uint32_t version, uint64_t offset, uint8_t *out, size_t len);

#endif
