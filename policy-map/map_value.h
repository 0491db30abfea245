/* map_value.h - the values that words of a map hold: numbers, times, shares, ramps. Pure and strict. */
#ifndef POLICY_MAP_MAP_VALUE_H
#define POLICY_MAP_MAP_VALUE_H

#include "policy-map/policy_map.h"

/* Decimal digits, no leading zero. Errors: SYNTAX, RANGE. */
int map_value_number(const char *text, uint64_t min, uint64_t max, uint64_t *value);
/* "2026-11-21T12:00Z" or "2026-11-21T12:00:30Z", 1970 to 9999, to seconds since 1970. Errors: SYNTAX, RANGE. */
int map_value_time(const char *text, uint64_t *seconds);
/* The form with seconds; past year 9999 it is cut to that year's end. Returns out. */
#define MAP_VALUE_TIME_BYTES 21u
char *map_value_print_time(char out[MAP_VALUE_TIME_BYTES], uint64_t seconds);
/* "5%", "0.25%": 0 to 100 with at most two decimals, in hundredths of a percent. Errors: SYNTAX, RANGE. */
int map_value_permyriad(const char *text, uint32_t *permyriad);
/* "5%,20%@+48h,100%@+7d": times strictly ascending, shares never falling. Units s, m, h, d; the first
 * step's time may be left out. Errors: SYNTAX, RANGE, LIMIT. */
int map_value_ramp(const char *text, struct policy_ramp_step steps[POLICY_MAX_RAMP_STEPS], uint8_t *num_steps);

#endif
