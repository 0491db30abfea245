/* fake_tx.h - a transmitter for the receiver's tests: builds real packets with common/ and fec/, and can lie. */
#ifndef TESTS_LIB_FAKE_TX_H
#define TESTS_LIB_FAKE_TX_H

#include "common/alc.h"
#include "common/envelope.h"
#include "common/fdt.h"
#include "policy-map/manifest.h"
#include "policy-map/trust.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAKE_TX_MAX_OBJECTS  32u
#define FAKE_TX_SYMBOL_BYTES 1024u

enum fake_key { FAKE_KEY_ROOT, FAKE_KEY_MAP, FAKE_KEY_IMAGE, FAKE_KEY_HEARTBEAT, FAKE_KEY_ROOT_2, FAKE_NUM_KEYS };

struct fake_object {
	uint64_t toi;
	struct object_layout layout;
	uint8_t *bytes; /* owned; transfer_length bytes */
	char role[16], class_name[65], encoding[8];
	uint32_t version;
	uint8_t sha256[32]; /* of the image */
	bool is_silent;     /* in the FDT, not on the air */
	uint32_t pass;      /* repair symbols go on from pass to pass */
};

struct fake_image {
	struct manifest manifest;
	uint8_t manifest_sha256[32];
	char *manifest_text; /* envelope; owned */
	uint8_t *bytes;      /* owned */
	size_t len;
};

struct fake_tx {
	struct key_secret keys[FAKE_NUM_KEYS];
	struct trust_root root;
	char *root_text; /* envelope of the first root; owned */
	uint32_t tsi, cci, fdt_id, flute_version;
	uint64_t next_toi, heartbeat_sequence, time_s;
	bool wide_fdt;  /* symbol size small, so that the FDT takes several packets, gzip'd */
	uint8_t scheme; /* of images: FEC_REED_SOLOMON_GF256 unless set otherwise before adding */
	struct fake_object objects[FAKE_TX_MAX_OBJECTS];
	unsigned num_objects;
	/* Where packets go. */
	void (*send)(void *user, const uint8_t *packet, size_t len);
	void *user;
};

/* Keys from a seed: two transmitters of one seed share them. */
void fake_tx_init(struct fake_tx *, uint32_t tsi, uint8_t key_seed);
void fake_tx_deinit(struct fake_tx *);

/* An envelope over a payload, one line without its end; the caller's to free(). */
char *fake_tx_sign(struct fake_tx *, const char *type, const void *payload, size_t len, enum fake_key);

/* Puts an object on the air (or replaces the one of the same role and class): a new TOI, a new FDT instance. */
struct fake_object *fake_tx_put(
	struct fake_tx *, const char *role, const char *class_name, const void *bytes, size_t len);
/* Signs a map and puts it on the air. */
void fake_tx_put_map(struct fake_tx *, const char *map_text);
void fake_tx_remove(struct fake_tx *, const char *role, uint32_t version);

/* An image of random bytes from a seed, with its signed manifest. Striped layout. */
void fake_image_init(
	struct fake_image *, struct fake_tx *, const char *class_name, uint32_t version, size_t len, uint64_t seed);
/* The same of given bytes (layout->image_bytes of them) in a given layout. */
void fake_image_init_bytes(struct fake_image *, struct fake_tx *, const char *class_name, uint32_t version,
	const uint8_t *bytes, const struct object_layout *layout);
void fake_image_deinit(struct fake_image *);
/* The map's image line. */
void fake_image_line(const struct fake_image *, char *line, size_t cap);
/* Image (and its index) on the air; manifests of several images are put by fake_tx_put(.., "manifest", ..). */
struct fake_object *fake_tx_put_image(struct fake_tx *, const struct fake_image *);

/* One packet each. */
void fake_tx_send_heartbeat(struct fake_tx *, uint32_t epoch, uint64_t serial);
void fake_tx_send_fdt(struct fake_tx *);
/* An FDT instance of the forger's own making, under the transmitter's instance id. */
void fake_tx_send_fdt_of(struct fake_tx *, const struct fdt *);
/* Any packet: TSI (unless set), TOI and payload id are there, and the next sequence number. */
void fake_tx_send(struct fake_tx *, struct alc_packet *, const uint8_t *payload, size_t len);
void fake_tx_send_symbol(struct fake_tx *, struct fake_object *, uint32_t sbn, uint32_t esi);
/* One pass: heartbeat, FDT, every document, then every image: source symbols in the first pass, repair in later ones,
 * as far as the scheme has any, then source again. */
void fake_tx_pass(struct fake_tx *);

#endif
