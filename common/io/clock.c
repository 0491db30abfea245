#include "common/io/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static uint64_t clock_read_ns(clockid_t id)
{
	struct timespec now;
	clock_gettime(id, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t clock_monotonic_ns(void)
{
	return clock_read_ns(CLOCK_MONOTONIC);
}

uint64_t clock_wall_s(void)
{
	return clock_read_ns(CLOCK_REALTIME) / 1000000000u;
}

uint64_t clock_wall_ns(void)
{
	return clock_read_ns(CLOCK_REALTIME);
}

uint64_t clock_cpu_ns(void)
{
	return clock_read_ns(CLOCK_PROCESS_CPUTIME_ID);
}

const char *clock_format_utc(uint64_t wall_ns, char out[25])
{
	time_t seconds = (time_t)(wall_ns / 1000000000u);
	struct tm utc;
	char text[64];
	memset(&utc, 0, sizeof utc);
	gmtime_r(&seconds, &utc);
	snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%03uZ", utc.tm_year + 1900, utc.tm_mon + 1,
		utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, (unsigned)(wall_ns / 1000000u % 1000u));
	memcpy(out, text, 24);
	out[24] = '\0';
	return out;
}
