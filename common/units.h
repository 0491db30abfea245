/* units.h - numbers with units as people write them, for config files and command lines. Pure, strict:
 * no sign, no blanks, no fraction, no overflow. Parsers return 0, SYNTAX or RANGE (does not fit 64 bits). */
#ifndef COMMON_UNITS_H
#define COMMON_UNITS_H

#include <stdint.h>

/* Decimal digits. */
int units_parse_u64(const char *text, uint64_t *);
/* Bytes; suffix K, M, G: times 1024, 1024^2, 1024^3. */
int units_parse_bytes(const char *text, uint64_t *);
/* Bits per second; suffix k, M, G: times 10^3, 10^6, 10^9. */
int units_parse_rate(const char *text, uint64_t *bps);
/* Nanoseconds; a suffix is needed: ms, s, m, h, d ("0" alone is allowed). */
int units_parse_duration(const char *text, uint64_t *ns);
/* As units_parse_duration() reads it, in the largest unit that it is a multiple of: "0", "90s", "2d". What is no
 * multiple of a millisecond has no such form, and is a bare number. Returns out. */
#define UNITS_DURATION_BYTES 32u
const char *units_print_duration(char out[UNITS_DURATION_BYTES], uint64_t ns);
/* "0.05", "1", "5%": a share from 0 to 1. Errors: SYNTAX, RANGE (outside 0 to 1). */
int units_parse_share(const char *text, double *);
/* "yes", "true", "on", "1" / "no", "false", "off", "0". Errors: UNKNOWN_WORD. */
int units_parse_bool(const char *text, int *);

#endif
