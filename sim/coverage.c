#include "sim/coverage.h"

#include <math.h>
#include <string.h>

#define COVERAGE_STEPS  24u
#define COVERAGE_MERGED 1e-12

/* ---- a cycle -------------------------------------------------------------------------------------------- */

void coverage_init(struct coverage *c, double loss)
{
	c->loss = loss;
	c->begin[0] = 0;
	c->missing[0] = 1;
	c->count = 1;
}

static void coverage_copy(struct coverage *to, const struct coverage *from)
{
	to->loss = from->loss;
	to->count = from->count;
	memcpy(to->begin, from->begin, from->count * sizeof from->begin[0]);
	memcpy(to->missing, from->missing, from->count * sizeof from->missing[0]);
}

static double coverage_end(const struct coverage *c, unsigned part)
{
	return part + 1 < c->count ? c->begin[part + 1] : 1;
}

/* A part begins there, if there is room. */
static void coverage_split(struct coverage *c, double at)
{
	unsigned part = c->count;
	while (c->begin[part - 1] > at)
		part--;
	if (at - c->begin[part - 1] < COVERAGE_MERGED || coverage_end(c, part - 1) - at < COVERAGE_MERGED ||
		c->count == COVERAGE_MAX_PARTS)
		return;
	memmove(c->begin + part + 1, c->begin + part, (c->count - part) * sizeof c->begin[0]);
	memmove(c->missing + part + 1, c->missing + part, (c->count - part) * sizeof c->missing[0]);
	c->begin[part] = at;
	c->missing[part] = c->missing[part - 1];
	c->count++;
}

static void coverage_join(struct coverage *c)
{
	unsigned kept = 0;
	for (unsigned i = 1; i < c->count; i++) {
		if (fabs(c->missing[i] - c->missing[kept]) <= COVERAGE_MERGED * c->missing[kept])
			continue;
		kept++;
		c->begin[kept] = c->begin[i];
		c->missing[kept] = c->missing[i];
	}
	c->count = kept + 1;
}

/* Within the cycle. */
static void coverage_hear_part(struct coverage *c, double from, double to)
{
	coverage_split(c, from);
	coverage_split(c, to);
	for (unsigned i = 0; i < c->count; i++) {
		const double begin = c->begin[i], end = coverage_end(c, i);
		double heard = (fmin(end, to) - fmax(begin, from)) / (end - begin);
		if (heard > 1 - 1e-6)
			heard = 1;
		if (heard > 1e-6)
			c->missing[i] *= 1 - heard * (1 - c->loss);
	}
	coverage_join(c);
}

void coverage_hear(struct coverage *c, double from, double length)
{
	const double whole = floor(length), again = pow(c->loss, whole);
	from -= floor(from);
	length -= whole;
	for (unsigned i = 0; i < c->count; i++)
		c->missing[i] *= again;
	coverage_hear_part(c, from, fmin(1, from + length));
	if (from + length > 1)
		coverage_hear_part(c, 0, from + length - 1);
}

double coverage_missing(const struct coverage *c)
{
	double all = 0;
	for (unsigned i = 0; i < c->count; i++)
		all += c->missing[i] * (coverage_end(c, i) - c->begin[i]);
	return all;
}

/* ---- a box ---------------------------------------------------------------------------------------------- */

/* Headends begin their cycles at even distances. All lengths are in cycles of one. */
static void coverage_hear_all(struct coverage *c, uint32_t headends, double from, double length)
{
	for (uint32_t i = 0; i < headends; i++)
		coverage_hear(c, (from + i) / headends, length / headends);
}

/* The share of what it heard last, from `before` on, after which no more than `wanted` is missing. */
static double coverage_when(const struct coverage *before, uint32_t headends, double from, double length, double wanted)
{
	double low = 0, high = 1;
	for (unsigned i = 0; i < COVERAGE_STEPS; i++) {
		const double middle = (low + high) / 2;
		struct coverage c;
		coverage_copy(&c, before);
		coverage_hear_all(&c, headends, from, length * middle);
		if (coverage_missing(&c) <= wanted)
			high = middle;
		else
			low = middle;
	}
	return high;
}

uint64_t coverage_until(const struct airtime *a, size_t image, const struct scenario_group *g, uint64_t shift_ns,
	uint64_t start_ns, double cycle_symbols, double loss, double symbols, double *sent)
{
	const uint32_t headends = a->scenario->transmitter.headends;
	const double cycles = symbols / cycle_symbols, whole = floor(cycles);
	const double wanted = pow(loss, whole) * (1 - (cycles - whole) * (1 - loss)) + COVERAGE_MERGED;
	double from = airtime_sent(a, image, start_ns) / cycle_symbols, heard = 0;
	struct airtime_piece piece = {.end_ns = start_ns};
	struct coverage c, before;
	coverage_init(&c, loss);
	while (isfinite(cycles) && airtime_next_piece(a, image, g, shift_ns, &piece)) {
		const double here = piece.symbols / cycle_symbols;
		if (piece.hears) {
			coverage_copy(&before, &c);
			coverage_hear_all(&c, headends, from, here);
			if (coverage_missing(&c) <= wanted) {
				const double part = coverage_when(&before, headends, from, here, wanted);
				*sent = (heard + here * part) * cycle_symbols;
				return piece.start_ns + (uint64_t)((double)(piece.end_ns - piece.start_ns) * part);
			}
			heard += here;
		}
		from += here;
	}
	*sent = heard * cycle_symbols;
	return SCENARIO_NEVER;
}
