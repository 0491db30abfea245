/* alc.h - whole ALC packets (RFC 5775 section 2): LCT header, header extensions, FEC Payload ID, payload.
 *
 * Nothing in a parsed packet is trusted: the OTI is as it came and passes fec_oti_check() before use. */
#ifndef COMMON_ALC_H
#define COMMON_ALC_H

#include "common/bytes.h"
#include "common/fec_oti.h"
#include "common/lct.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Content encodings of an FDT instance, RFC 6726 section 3.4.3. */
enum alc_content_encoding { ALC_CENC_NULL = 0, ALC_CENC_ZLIB = 1, ALC_CENC_DEFLATE = 2, ALC_CENC_GZIP = 3 };

#define ALC_MAX_FDT_INSTANCE_ID 0xfffffu /* RFC 6726 section 3.4.1: 20 bits */

/* The most that alc_write_header() puts before a payload: LCT 20, EXT_FDT 4, EXT_CENC 4, EXT_TIME 12,
 * EXT_FTI 16, FEC Payload ID 8. */
#define ALC_MAX_HEADER_BYTES 64u

struct alc_packet {
	struct lct_header lct;
	bool has_fti, has_fdt, has_cenc, has_sct, has_payload_id;
	uint8_t flute_version;    /* EXT_FDT: 1 or 2; others are handed on */
	uint8_t content_encoding; /* EXT_CENC: enum alc_content_encoding; others are handed on */
	uint32_t fdt_instance_id; /* EXT_FDT, 20 bits */
	uint64_t sct_ntp;         /* EXT_TIME: 64-bit NTP; low 32 bits 0 when only SCT-High was sent */
	struct fec_payload_id id;
	struct fec_oti oti;     /* EXT_FTI; as decoded, NOT checked */
	const uint8_t *payload; /* borrowed from the datagram; NULL when payload_len is 0 */
	size_t payload_len;     /* bytes: one or more whole encoding symbols, RFC 6330 section 4.4.2 */
};

/* Parses one datagram. Extensions that are not known, EXT_NOP and EXT_AUTH are skipped. A packet that ends
 * with its LCT header (RFC 5651: close session, close object) has no payload id and no payload.
 * Errors: TRUNCATED, MALFORMED, UNSUPPORTED (LCT version, wide numbers, FEC Encoding ID of a packet that
 * goes on after its header). On error the packet's content is undefined. Reentrant, allocates nothing. */
int alc_parse(const uint8_t *data, size_t len, struct alc_packet *);

/* Writes everything up to and including the FEC Payload ID (when has_payload_id); the payload follows.
 * Extensions come in the order EXT_FDT, EXT_CENC, EXT_TIME, EXT_FTI; payload and payload_len are not looked at.
 * Errors: LIMIT (no room), RANGE (a number too wide for its field), UNSUPPORTED (FEC Encoding ID). */
int alc_write_header(struct bytes_writer *, const struct alc_packet *);

#endif
