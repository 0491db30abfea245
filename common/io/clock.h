/* clock.h - the only place that reads clocks. */
#ifndef COMMON_IO_CLOCK_H
#define COMMON_IO_CLOCK_H

#include <stdint.h>

/* CLOCK_MONOTONIC in nanoseconds: what every core is given as now_ns. */
uint64_t clock_monotonic_ns(void);
/* Wall clock in seconds since 1970; a box must not trust it. */
uint64_t clock_wall_s(void);
/* Wall clock in nanoseconds since 1970, for time stamps of logs and events. */
uint64_t clock_wall_ns(void);
/* CPU time used by this process, user and system, in nanoseconds. */
uint64_t clock_cpu_ns(void);
/* "2026-11-21T10:00:00.123Z" (24 bytes and NUL) of a wall-clock time; returns out. */
const char *clock_format_utc(uint64_t wall_ns, char out[25]);

#endif
