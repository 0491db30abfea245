/* air.h - puts on the air what the catalogue holds, and takes off what it holds no longer. */
#ifndef CAROUSEL_TX_DAEMON_AIR_H
#define CAROUSEL_TX_DAEMON_AIR_H

#include "carousel-tx/daemon/catalogue.h"
#include "carousel-tx/tx.h"

struct air {
	struct tx *tx; /* borrowed */
	const struct carousel_log *log;
	bool only_mapped;
	size_t num_images; /* on the air now */
	struct air_image {
		uint8_t sha256[HASH_SHA256_BYTES];
		struct catalogue_stamp stamp; /* of the file that is read */
	} * images;
};

void air_init(struct air *, struct tx *, const struct carousel_log *, bool only_mapped);
void air_deinit(struct air *);
/* Objects that have not changed are not touched; one whose file is another one now goes on from that. An object that
 * cannot be sent is logged and left out. before: what was applied last, or NULL. Errors: MEMORY, LIMIT (a document is
 * too long). */
int air_apply(struct air *, const struct catalogue *before, const struct catalogue *, uint64_t now_ns);

/* Whether an image of the catalogue is sent; only_mapped: those alone that the map names, once there is one. */
bool air_is_sent(const struct catalogue *, const uint8_t sha256[HASH_SHA256_BYTES], bool only_mapped);
/* The weight that the map gives to an image that is current in some row, else the catalogue's. */
uint32_t air_weight(const struct catalogue *, const struct catalogue_object *);

#endif
