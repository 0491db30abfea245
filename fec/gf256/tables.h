/* tables.h - constants of GF(2^8), polynomial 0x11d (RFC 6330 section 5.7.3 and 5.7.4). Generated. */
#ifndef FEC_GF256_TABLES_H
#define FEC_GF256_TABLES_H

#include <stdint.h>

extern const uint8_t gf256_exp[510]; /* alpha^^i */
extern const uint8_t gf256_log[256]; /* of 0: 0, meaningless */
/* Products of c with every low nibble (first 16) and every high nibble (last 16). */
extern const uint8_t gf256_nibbles[256][32];
/* Multiplication by c as the 8x8 bit matrix that gf2p8affineqb takes. */
extern const uint64_t gf256_affine[256];

#endif
