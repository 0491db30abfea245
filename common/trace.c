#include "common/trace.h"

#include "common/carousel_error.h"

#include <stdio.h>
#include <string.h>

/* ---- reading ---------------------------------------------------------------------------------- */

/* Digits up to a blank or the line's end; moves *p past them. */
static int trace_number(const char **p, const char *end, uint64_t max, uint64_t *value)
{
	const char *start = *p;
	*value = 0;
	while (*p < end && **p >= '0' && **p <= '9') {
		*value = *value * 10 + (uint64_t)(**p - '0');
		if (*value > max)
			return CAROUSEL_E_RANGE;
		(*p)++;
	}
	return *p == start ? CAROUSEL_E_SYNTAX : 0;
}

static int trace_add(struct trace *t, size_t *cap, uint64_t received, uint64_t lost)
{
	void *array = t->runs;
	int result = memory_grow(t->allocator, &array, cap, t->num_runs, sizeof *t->runs, TRACE_MAX_RUNS);
	t->runs = array;
	if (result != 0)
		return result;
	t->runs[t->num_runs++] = (struct trace_run){(uint32_t)received, (uint32_t)lost};
	t->received += received;
	t->lost += lost;
	return 0;
}

static bool trace_line_is(const char *line, size_t len, const char *word)
{
	return len == strlen(word) && memcmp(line, word, len) == 0;
}

static int trace_parse_line(struct trace *t, size_t *cap, const char *line, size_t len)
{
	const char *p = line, *end = line + len;
	uint64_t received, lost;
	int result;
	if (len == 0 || line[0] == '#' || trace_line_is(line, len, "gap"))
		return 0;
	if (len > 4 && memcmp(line, "pps ", 4) == 0) {
		p += 4;
		result = trace_number(&p, end, 1000000000u, &t->pps);
		return result == 0 && p != end ? CAROUSEL_E_SYNTAX : result;
	}
	result = trace_number(&p, end, TRACE_MAX_RUN, &received);
	if (result != 0)
		return result;
	if (p == end || *p++ != ' ')
		return CAROUSEL_E_SYNTAX;
	result = trace_number(&p, end, TRACE_MAX_RUN, &lost);
	if (result == 0 && p != end)
		result = CAROUSEL_E_SYNTAX;
	return result ? result : trace_add(t, cap, received, lost);
}

int trace_parse(
	struct trace **out, const struct carousel_allocator *allocator, const char *text, size_t len, unsigned *line)
{
	struct trace *t;
	size_t cap = 0;
	unsigned at = 0;
	int result = 0;
	if (len > TRACE_MAX_BYTES)
		return CAROUSEL_E_LIMIT;
	t = memory_alloc(allocator, 1, sizeof *t);
	if (t == NULL)
		return CAROUSEL_E_MEMORY;
	t->allocator = allocator;
	while (len && result == 0) {
		const char *newline = memchr(text, '\n', len);
		const size_t line_len = newline ? (size_t)(newline - text) : len;
		const size_t taken = newline ? line_len + 1 : line_len;
		if (++at > 1)
			result = trace_parse_line(t, &cap, text, line_len);
		else if (!trace_line_is(text, line_len, "carousel-trace 1"))
			result = line_len > 15 && memcmp(text, "carousel-trace ", 15) == 0 ? CAROUSEL_E_UNSUPPORTED
											   : CAROUSEL_E_SYNTAX;
		text += taken;
		len -= taken;
	}
	if (result == 0 && t->received + t->lost == 0)
		result = at ? CAROUSEL_E_RANGE : CAROUSEL_E_SYNTAX;
	if (line)
		*line = at;
	if (result == 0)
		*out = t;
	else
		trace_free(t);
	return result;
}

void trace_free(struct trace *t)
{
	if (t == NULL)
		return;
	memory_free(t->allocator, t->runs);
	memory_free(t->allocator, t);
}

/* ---- recording -------------------------------------------------------------------------------- */

typedef int (*trace_write_fn)(void *user, const char *text, size_t len);

void trace_recorder_init(struct trace_recorder *r)
{
	*r = (struct trace_recorder){0};
}

static uint64_t *trace_word(struct trace_recorder *r, uint32_t sequence, uint64_t *mask)
{
	*mask = (uint64_t)1 << sequence % 64;
	return &r->bits[sequence / 64 % (TRACE_WINDOW / 64)];
}

static int trace_put_run(struct trace_recorder *r, trace_write_fn write, void *user)
{
	char text[TRACE_LINE_BYTES];
	int len;
	if (r->run.received == 0 && r->run.lost == 0)
		return 0;
	len = snprintf(text, sizeof text, "%u %u\n", (unsigned)r->run.received, (unsigned)r->run.lost);
	r->run = (struct trace_run){0, 0};
	return write(user, text, (size_t)len);
}

/* The fate of one packet is certain. */
static int trace_settle(struct trace_recorder *r, bool came, trace_write_fn write, void *user)
{
	int result = 0;
	if (came) {
		if (r->run.lost || r->run.received == TRACE_MAX_RUN)
			result = trace_put_run(r, write, user);
		r->run.received++;
		r->received++;
	} else {
		if (r->run.lost == TRACE_MAX_RUN)
			result = trace_put_run(r, write, user);
		r->run.lost++;
		r->lost++;
	}
	return result;
}

/* Moves the window's end one packet on. */
static int trace_advance(struct trace_recorder *r, trace_write_fn write, void *user)
{
	uint64_t mask, *word = trace_word(r, r->next, &mask);
	int result = 0;
	if (r->fill == TRACE_WINDOW)
		result = trace_settle(r, (*word & mask) != 0, write, user);
	else
		r->fill++;
	*word &= ~mask;
	r->next++;
	return result;
}

static int trace_drain(struct trace_recorder *r, trace_write_fn write, void *user)
{
	int result = 0;
	for (; r->fill && result == 0; r->fill--) {
		uint64_t mask, *word = trace_word(r, r->next - r->fill, &mask);
		result = trace_settle(r, (*word & mask) != 0, write, user);
	}
	return result ? result : trace_put_run(r, write, user);
}

int trace_recorder_recv(struct trace_recorder *r, uint32_t sequence, trace_write_fn write, void *user)
{
	const uint32_t ahead = sequence - r->next, behind = r->next - sequence; /* modulo 2^32 */
	uint64_t mask, *word = trace_word(r, sequence, &mask);
	int result = 0;
	if (r->is_started && ahead >= TRACE_MAX_JUMP && behind > TRACE_MAX_JUMP) {
		result = trace_drain(r, write, user);
		if (result == 0)
			result = write(user, "gap\n", 4);
		r->gaps++;
		r->is_started = false;
	}
	if (!r->is_started) {
		memset(r->bits, 0, sizeof r->bits);
		r->next = sequence;
		r->fill = 0;
		r->is_started = true;
	} else if (ahead >= TRACE_MAX_JUMP) {
		if (behind > r->fill)
			return 0; /* older than the window, or than the recording: settled already */
		r->duplicates += (*word & mask) != 0;
		*word |= mask;
		return 0;
	}
	while (result == 0 && r->next != sequence + 1)
		result = trace_advance(r, write, user);
	*word |= mask;
	return result;
}

int trace_recorder_finish(struct trace_recorder *r, trace_write_fn write, void *user)
{
	int result = trace_drain(r, write, user);
	r->is_started = false;
	return result;
}
