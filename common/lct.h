/* lct.h - the Layered Coding Transport header, RFC 5651 section 5.1. */
#ifndef COMMON_LCT_H
#define COMMON_LCT_H

#include "common/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LCT_VERSION          1
#define LCT_MAX_HEADER_BYTES 1020u /* 255 words */

/* Header extension types, RFC 5651 section 5.2, RFC 5775 section 4.2, RFC 6726 section 3.4. */
enum lct_extension {
	LCT_EXT_NOP = 0,
	LCT_EXT_AUTH = 1,
	LCT_EXT_TIME = 2,
	LCT_EXT_FTI = 64,
	LCT_EXT_FDT = 192,
	LCT_EXT_CENC = 193,
};

struct lct_header {
	uint8_t version;   /* 1; written whatever the field says */
	uint8_t psi;       /* two bits, of no meaning in FLUTE */
	uint8_t codepoint; /* FEC Encoding ID, RFC 6726 section 5 */
	bool has_tsi, has_toi;
	bool close_session, close_object;
	uint32_t cci; /* packet sequence number; of a longer field the last 32 bits */
	uint64_t tsi, toi;
};

/* Decodes the header of a datagram: any legal flag combination. *fixed is the number of bytes before the
 * header extensions, *total that of the whole header, both multiples of 4 and fixed <= total <= len.
 * Errors: TRUNCATED, MALFORMED (HDR_LEN shorter than the fields that the flags announce),
 * UNSUPPORTED (another version; a TOI over 64 bits that does not fit 64). */
int lct_parse(const uint8_t *data, size_t len, struct lct_header *, size_t *fixed, size_t *total);

/* Bytes lct_write() takes: 8, 4 for a TSI, 4 or 8 for a TOI. */
size_t lct_fixed_bytes(const struct lct_header *);

/* Writes the header with a 32-bit CCI and TSI and the shortest TOI of 32 or 64 bits, ahead of
 * extension_bytes (a multiple of 4) of header extensions that the caller writes next.
 * Errors: RANGE (a TSI over 32 bits), LIMIT (no room, or over 255 words). */
int lct_write(struct bytes_writer *, const struct lct_header *, size_t extension_bytes);

#endif
