/* announce.h - what the transmitter itself says: the FDT, heartbeats, the schedule. Pure: bytes from facts. */
#ifndef CAROUSEL_TX_ANNOUNCE_H
#define CAROUSEL_TX_ANNOUNCE_H

#include "carousel-tx/object.h"

/* The FDT instance's XML for a list of objects. *xml is the caller's. Errors: LIMIT, MEMORY. */
int tx_announce_fdt(
	const struct tx_config *, const struct tx_object *objects, uint64_t expires_ntp_s, uint8_t **xml, size_t *len);

/* A signed heartbeat: the text of its envelope, the caller's. Errors: LIMIT, MEMORY, those of the signer. */
int tx_announce_heartbeat(const struct tx_config *, const struct tx_map_info *, uint64_t sequence, uint64_t time_s,
	uint64_t rate_bps, char **text, size_t *len);

/* The signed schedule of a list of objects on channels of `rate_bps` in all. Errors: as above. */
int tx_announce_schedule(const struct tx_config *, const struct tx_object *objects, uint64_t sequence, uint64_t until_s,
	uint64_t rate_bps, char **text, size_t *len);

/* The share of the session's rate, in millionths, that an image, index or copy map is given; 0 for other roles. */
uint32_t tx_announce_share_ppm(const struct tx_config *, const struct tx_object *objects, const struct tx_object *);
/* Seconds that one pass takes at that share, rounded up; 0: not known (unlimited rate). */
uint32_t tx_announce_cycle_s(const struct tx_object *, uint32_t share_ppm, uint64_t rate_bps);

#endif
