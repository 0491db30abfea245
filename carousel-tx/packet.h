/* packet.h - headers of an object's packets, made once and then patched. */
#ifndef CAROUSEL_TX_PACKET_H
#define CAROUSEL_TX_PACKET_H

#include "common/alc.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of a data packet, for estimates: LCT header and FEC Payload ID; EXT_FTI, where it goes along. */
#define TX_DATA_HEADER_BYTES 20u
#define TX_FTI_BYTES         16u

struct tx_header {
	uint8_t bytes[2][ALC_MAX_HEADER_BYTES]; /* without and with EXT_FTI */
	uint8_t len[2];
	uint8_t encoding_id, id_bytes; /* of the FEC Payload ID at the end */
};

/* Errors: those of alc_write_header(). */
int tx_header_init(struct tx_header *, uint32_t tsi, uint32_t toi, const struct fec_oti *);
/* Bytes that tx_header_write() takes. */
size_t tx_header_bytes(const struct tx_header *, bool with_fti);
/* Writes the header into a buffer of at least tx_header_bytes(). */
void tx_header_write(
	const struct tx_header *, bool with_fti, uint32_t cci, const struct fec_payload_id *, uint8_t *out);

/* The 64-bit NTP time of a wall clock in nanoseconds since 1970 (RFC 5905 section 6). */
uint64_t tx_ntp_of_wall(uint64_t wall_ns);

#endif
