#include "sim/timetable.h"

#include "common/carousel_error.h"
#include "common/units.h"

#include <string.h>

static int timetable_add(
	struct timetable *t, const struct carousel_allocator *allocator, size_t *cap, uint64_t start, uint64_t end)
{
	void *array = t->windows;
	int result = memory_grow(allocator, &array, cap, t->num_windows, sizeof *t->windows, TIMETABLE_MAX_WINDOWS);
	t->windows = array;
	if (result == 0)
		t->windows[t->num_windows++] = (struct timetable_window){start, end};
	return result;
}

/* "7h-23h" out of text[0..len). */
static int timetable_parse_window(const char *text, size_t len, uint64_t *start, uint64_t *end)
{
	char copy[64], *dash;
	int result;
	if (len >= sizeof copy)
		return CAROUSEL_E_SYNTAX;
	memcpy(copy, text, len);
	copy[len] = '\0';
	dash = strchr(copy, '-');
	if (dash == NULL)
		return CAROUSEL_E_SYNTAX;
	*dash = '\0';
	result = units_parse_duration(copy, start);
	return result ? result : units_parse_duration(dash + 1, end);
}

int timetable_parse(
	struct timetable *t, const struct carousel_allocator *allocator, const char *text, uint64_t period_ns)
{
	size_t cap = 0;
	int result = 0;
	*t = (struct timetable){.period_ns = period_ns};
	if (strcmp(text, "never") == 0)
		return 0;
	while (result == 0) {
		uint64_t start, end;
		text += strspn(text, " \t");
		const size_t len = strcspn(text, ", \t");
		result = timetable_parse_window(text, len, &start, &end);
		if (result != 0)
			break;
		if (start >= end || (period_ns && end > period_ns) ||
			(t->num_windows && start <= t->windows[t->num_windows - 1].end_ns))
			result = CAROUSEL_E_RANGE;
		else
			result = timetable_add(t, allocator, &cap, start, end);
		text += len;
		text += strspn(text, " \t");
		if (*text == '\0')
			break;
		if (*text++ != ',')
			result = CAROUSEL_E_SYNTAX;
	}
	if (result != 0)
		timetable_deinit(t, allocator);
	return result;
}

int timetable_draw(struct timetable *t, const struct carousel_allocator *allocator, struct random_stream *random,
	uint64_t horizon_ns, uint64_t mean_gap_ns, uint64_t mean_length_ns)
{
	size_t cap = 0;
	int result = 0;
	double at = 0;
	*t = (struct timetable){0};
	while (result == 0) {
		double end;
		at += 1 + random_exponential(random, (double)mean_gap_ns);
		end = at + 1 + random_exponential(random, (double)mean_length_ns);
		if (at >= (double)horizon_ns)
			return 0;
		result = timetable_add(t, allocator, &cap, (uint64_t)at, (uint64_t)end);
		at = end;
	}
	timetable_deinit(t, allocator);
	return result;
}

void timetable_deinit(struct timetable *t, const struct carousel_allocator *allocator)
{
	memory_free(allocator, t->windows);
	*t = (struct timetable){0};
}

/* Where `now` lies: *base is the start of its period, *at the offset in it. False before the shifted beginning of a
 * timetable that comes once; one that repeats has always been repeating. */
static bool timetable_locate(
	const struct timetable *t, uint64_t shift_ns, uint64_t now_ns, uint64_t *base, uint64_t *at)
{
	if (t->period_ns == 0) {
		*base = shift_ns;
		*at = now_ns >= shift_ns ? now_ns - shift_ns : 0;
		return now_ns >= shift_ns;
	}
	shift_ns %= t->period_ns;
	*at = (now_ns % t->period_ns + t->period_ns - shift_ns) % t->period_ns;
	*base = now_ns - *at; /* may wrap below 0; sums with offsets beyond `at` come out right */
	return true;
}

/* The first window that ends after an offset. */
static size_t timetable_find(const struct timetable *t, uint64_t at)
{
	size_t low = 0, high = t->num_windows;
	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		if (t->windows[middle].end_ns > at)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

bool timetable_is_inside(const struct timetable *t, uint64_t shift_ns, uint64_t now_ns)
{
	uint64_t base, at;
	size_t i;
	if (t->num_windows == 0 || !timetable_locate(t, shift_ns, now_ns, &base, &at))
		return false;
	i = timetable_find(t, at);
	return i < t->num_windows && t->windows[i].start_ns <= at;
}

uint64_t timetable_next_change(const struct timetable *t, uint64_t shift_ns, uint64_t now_ns)
{
	uint64_t base, at, change;
	size_t i;
	if (t->num_windows == 0)
		return TIMETABLE_NEVER;
	if (!timetable_locate(t, shift_ns, now_ns, &base, &at))
		return shift_ns + t->windows[0].start_ns;
	i = timetable_find(t, at);
	if (i == t->num_windows) {
		if (t->period_ns == 0)
			return TIMETABLE_NEVER;
		return base + t->period_ns + t->windows[0].start_ns;
	}
	if (t->windows[i].start_ns > at)
		return base + t->windows[i].start_ns;
	change = t->windows[i].end_ns;
	/* A window up to the very end of the period goes on in the next one. */
	if (t->period_ns && change == t->period_ns && t->windows[0].start_ns == 0) {
		if (i == 0)
			return TIMETABLE_NEVER; /* one window that fills the period */
		change += t->windows[0].end_ns;
	}
	return base + change;
}

double timetable_share(const struct timetable *t)
{
	uint64_t inside = 0;
	for (size_t i = 0; i < t->num_windows; i++)
		inside += t->windows[i].end_ns - t->windows[i].start_ns;
	return t->period_ns ? (double)inside / (double)t->period_ns : 0;
}
