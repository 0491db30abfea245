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
	uint8_t (*images)[HASH_SHA256_BYTES];
};

void air_init(struct air *, struct tx *, const struct carousel_log *, bool only_mapped);
void air_deinit(struct air *);
/* Objects that have not changed are not touched. An object that cannot be sent is logged and left out. before: what was
 * applied last, or NULL. Errors: MEMORY, LIMIT (a document is too long). */
int air_apply(struct air *, const struct catalogue *before, const struct catalogue *, uint64_t now_ns);

#endif
