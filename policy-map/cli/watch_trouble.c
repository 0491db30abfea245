#include "policy-map/cli/watch.h"

#include <stdio.h>
#include <string.h>

#define MINUTE_NS 60000000000ull
#define HOUR_NS   (60 * MINUTE_NS)

bool watch_trouble_add(struct watch_trouble *t, const char *line, uint64_t now_ns)
{
	bool goes_on = t->looks && strcmp(t->line, line) == 0;
	t->looks++;
	if (t->line[0] && now_ns - t->told_ns < (goes_on ? HOUR_NS : MINUTE_NS))
		return false;
	snprintf(t->line, sizeof t->line, "%s", line);
	t->told_ns = now_ns;
	t->is_told = true;
	return true;
}

uint64_t watch_trouble_end(struct watch_trouble *t)
{
	uint64_t looks = t->is_told ? t->looks : 0;
	t->looks = 0;
	t->is_told = false;
	return looks;
}
