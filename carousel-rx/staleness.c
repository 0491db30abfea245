#include "carousel-rx/staleness.h"

#define STALENESS_STEPS       16u
#define STALENESS_MAX_STEP_NS 60000000000u

const char *staleness_reason_name(enum staleness_reason reason)
{
	static const char *const names[] = {"none", "heartbeat", "map"};
	return names[reason];
}

/* How finely airtime is counted. */
static uint64_t staleness_step(const struct staleness *s)
{
	uint64_t step_ns = s->after_ns / STALENESS_STEPS;
	return step_ns < STALENESS_MAX_STEP_NS ? step_ns : STALENESS_MAX_STEP_NS;
}

void staleness_init(struct staleness *s, uint64_t after_ns, uint64_t now_ns)
{
	*s = (struct staleness){.after_ns = after_ns, .counted_ns = now_ns};
}

void staleness_count(struct staleness *s, uint64_t heard_ns, uint64_t now_ns)
{
	uint64_t passed_ns = now_ns > s->counted_ns ? now_ns - s->counted_ns : 0, step_ns = staleness_step(s);
	bool has_heard = heard_ns > s->counted_ns;
	if (now_ns > s->counted_ns)
		s->counted_ns = now_ns;
	if (!has_heard)
		return;
	/* A packet after a long silence says nothing about the silence. */
	if (passed_ns > step_ns)
		passed_ns = step_ns;
	if (s->quiet_ns < s->after_ns)
		s->quiet_ns += passed_ns;
	if (s->is_behind && s->behind_ns < s->after_ns)
		s->behind_ns += passed_ns;
}

void staleness_heartbeat(struct staleness *s)
{
	s->quiet_ns = 0;
}

void staleness_set_behind(struct staleness *s, bool is_behind)
{
	if (s->is_behind != is_behind)
		s->behind_ns = 0;
	s->is_behind = is_behind;
}

enum staleness_reason staleness_reason(const struct staleness *s)
{
	if (s->quiet_ns >= s->after_ns)
		return STALENESS_HEARTBEAT;
	return s->is_behind && s->behind_ns >= s->after_ns ? STALENESS_MAP : STALENESS_NONE;
}

uint64_t staleness_deadline(const struct staleness *s, uint64_t heard_ns)
{
	return heard_ns > s->counted_ns ? s->counted_ns + staleness_step(s) : UINT64_MAX;
}
