/* fec_oti.h - FEC Object Transmission Information: what a receiver must know to rebuild an object.
 *
 * Every OTI, whether from an EXT_FTI header, an FDT or a manifest, passes fec_oti_check() before
 * anything divides by a field of it, sizes a table by it or allocates for it. */
#ifndef COMMON_FEC_OTI_H
#define COMMON_FEC_OTI_H

#include "common/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* IANA "Reliable Multicast Transport FEC Encoding IDs"; also the LCT codepoint. */
enum fec_encoding_id {
	FEC_COMPACT_NO_CODE = 0,    /* RFC 5445 section 3 */
	FEC_REED_SOLOMON_GF256 = 5, /* RFC 5510 section 5 */
	FEC_RAPTORQ = 6,            /* RFC 6330 */
	FEC_SMALL_BLOCK = 129,      /* RFC 5445 section 5, through liberasurecode */
};

/* FEC Instance IDs of Encoding ID 129, as Carousel assigns them (common/PROTOCOL.md). */
enum fec_small_block_instance {
	FEC_INSTANCE_RS_VAND = 1,     /* liberasurecode_rs_vand; between hosts of one endianness */
	FEC_INSTANCE_ISA_L_CAUCHY = 2 /* isa_l_rs_cauchy */
};

struct fec_oti {
	uint8_t encoding_id;
	uint16_t instance_id;          /* Encoding ID 129 only, else 0 */
	uint64_t transfer_length;      /* F, bytes */
	uint16_t symbol_size;          /* T or E, bytes */
	uint32_t num_blocks;           /* Z; derived from F, T and B unless RaptorQ */
	uint16_t num_sub_blocks;       /* N; 1 unless RaptorQ */
	uint8_t alignment;             /* Al; 1 unless RaptorQ */
	uint32_t max_block_symbols;    /* B: source symbols of the longest block; derived for RaptorQ */
	uint32_t max_encoding_symbols; /* n of Encoding IDs 5 and 129; else 0 */
};

/* One source block of an object. */
struct fec_block {
	uint8_t encoding_id;
	uint16_t instance_id;
	uint32_t sbn;
	uint32_t num_source;     /* K: source symbols of this block */
	uint32_t esi_limit;      /* one more than the largest legal ESI */
	uint16_t symbol_size;    /* T, bytes */
	uint16_t num_sub_blocks; /* N */
	uint8_t alignment;       /* Al */
};

/* What a receiver or transmitter is ready to handle. A zero field means: the scheme's own limit. */
struct fec_limits {
	uint64_t max_transfer_length; /* bytes */
	uint32_t max_block_symbols;   /* K */
	uint32_t max_blocks;          /* Z */
	uint16_t max_symbol_size;     /* T, bytes */
};

/* RFC 6330 section 5.1.2 (K'max) and 4.4.1.2; RFC 5510 section 5.1. */
#define FEC_RAPTORQ_MAX_K               56403u
#define FEC_RAPTORQ_MAX_BLOCKS          255u
#define FEC_RAPTORQ_MAX_ESI             0xffffffu
#define FEC_RAPTORQ_MAX_TRANSFER_LENGTH 946270874880u
#define FEC_RS_MAX_N                    255u
#define FEC_SMALL_BLOCK_MAX_N           32u
#define FEC_MAX_SYMBOL_SIZE             65528u

/* Checks every field against the scheme and the limits, and fills in the derived ones
 * (num_blocks, num_sub_blocks and alignment, or max_block_symbols), so that a decoded or parsed
 * OTI is complete and two OTIs of one object compare equal. transfer_length 0 is legal only for
 * Compact No-Code. limits may be NULL.
 * Returns 0, OTI (against the scheme), LIMIT (against the limits), UNSUPPORTED (encoding or instance id).
 * Source: RFC 5052 section 9.1, RFC 5445, RFC 5510 section 5.2, RFC 6330 sections 3.3 and 4.4. */
int fec_oti_check(struct fec_oti *, const struct fec_limits *limits);

bool fec_oti_is_equal(const struct fec_oti *, const struct fec_oti *);

/* The parameters of one block of a checked OTI. RFC 5052 section 9.1, RFC 6330 section 4.4.1.2.
 * Returns 0 or SYMBOL when sbn >= num_blocks. */
int fec_block_of(const struct fec_oti *, uint32_t sbn, struct fec_block *);

/* Index of the first source symbol of a block within the object, in symbols. sbn < num_blocks. */
uint64_t fec_block_first_symbol(const struct fec_oti *, uint32_t sbn);

/* RFC 6330 section 4.4.1.2 / RFC 5052 section 9.1.1: partitions `items` into `parts` (> 0): the first
 * *num_large of size *large, the rest of size *small. */
void fec_partition(uint64_t items, uint64_t parts, uint64_t *large, uint64_t *small, uint64_t *num_large);

/* The body of an EXT_FTI header extension without HET and HEL, padded as its RFC says (RFC 5445
 * sections 3.2.3 and 5.2.3, RFC 5510 section 5.2.3, RFC 6330 sections 3.3.2 and 3.3.3, m = 8 only).
 * Decode leaves checking to fec_oti_check(). Errors: TRUNCATED, MALFORMED, UNSUPPORTED. */
int fec_oti_decode(struct bytes_reader *, uint8_t encoding_id, struct fec_oti *);
int fec_oti_encode(struct bytes_writer *, const struct fec_oti *);

/* FEC Payload ID. Sizes: 4 bytes for 0 (SBN 16, ESI 16), 5 (SBN 24, ESI 8) and 6 (SBN 8, ESI 24);
 * 8 bytes for 129 (SBN 32, source block length 16, ESI 16). */
struct fec_payload_id {
	uint32_t sbn, esi;
	uint16_t block_length; /* Encoding ID 129 only */
};
int fec_payload_id_decode(struct bytes_reader *, uint8_t encoding_id, struct fec_payload_id *);
int fec_payload_id_encode(struct bytes_writer *, uint8_t encoding_id, const struct fec_payload_id *);

#endif
