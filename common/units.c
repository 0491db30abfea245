#include "common/units.h"

#include "common/carousel_error.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static int units_digits(const char **text, uint64_t *out)
{
	const char *p = *text;
	uint64_t value = 0;
	if (*p < '0' || *p > '9')
		return CAROUSEL_E_SYNTAX;
	for (; *p >= '0' && *p <= '9'; p++) {
		if (__builtin_mul_overflow(value, 10u, &value) ||
			__builtin_add_overflow(value, (uint64_t)(*p - '0'), &value))
			return CAROUSEL_E_RANGE;
	}
	*text = p;
	*out = value;
	return 0;
}

struct unit {
	const char *suffix;
	uint64_t factor;
};

static int units_parse(const char *text, const struct unit *units, uint64_t *out)
{
	uint64_t value;
	int result = units_digits(&text, &value);
	if (result != 0)
		return result;
	for (; units->suffix; units++) {
		if (strcmp(text, units->suffix) != 0)
			continue;
		return __builtin_mul_overflow(value, units->factor, out) ? CAROUSEL_E_RANGE : 0;
	}
	return CAROUSEL_E_SYNTAX;
}

int units_parse_u64(const char *text, uint64_t *out)
{
	static const struct unit units[] = {{"", 1}, {NULL, 0}};
	return units_parse(text, units, out);
}

int units_parse_bytes(const char *text, uint64_t *out)
{
	static const struct unit units[] = {{"", 1}, {"K", 1u << 10}, {"M", 1u << 20}, {"G", 1u << 30}, {NULL, 0}};
	return units_parse(text, units, out);
}

int units_parse_rate(const char *text, uint64_t *bps)
{
	static const struct unit units[] = {{"", 1}, {"k", 1000}, {"M", 1000000}, {"G", 1000000000}, {NULL, 0}};
	return units_parse(text, units, bps);
}

#define SECOND_NS 1000000000ull

static const struct unit durations[] = {{"ms", SECOND_NS / 1000}, {"s", SECOND_NS}, {"m", 60 * SECOND_NS},
	{"h", 3600 * SECOND_NS}, {"d", 86400 * SECOND_NS}, {NULL, 0}};

int units_parse_duration(const char *text, uint64_t *ns)
{
	if (strcmp(text, "0") == 0) {
		*ns = 0;
		return 0;
	}
	return units_parse(text, durations, ns);
}

const char *units_print_duration(char out[UNITS_DURATION_BYTES], uint64_t ns)
{
	const struct unit *unit = NULL;
	for (const struct unit *u = durations; ns && u->suffix; u++)
		unit = ns % u->factor == 0 ? u : unit;
	snprintf(out, UNITS_DURATION_BYTES, "%" PRIu64 "%s", unit ? ns / unit->factor : ns, unit ? unit->suffix : "");
	return out;
}

int units_parse_share(const char *text, double *out)
{
	uint64_t whole, fraction = 0;
	double scale = 1, value;
	int result = units_digits(&text, &whole);
	if (result != 0)
		return result;
	if (*text == '.') {
		const char *start = ++text;
		result = units_digits(&text, &fraction);
		if (result != 0)
			return result;
		for (; start < text; start++)
			scale *= 10;
	}
	value = (double)whole + (double)fraction / scale;
	if (strcmp(text, "%") == 0)
		value /= 100;
	else if (*text != '\0')
		return CAROUSEL_E_SYNTAX;
	if (value > 1)
		return CAROUSEL_E_RANGE;
	*out = value;
	return 0;
}

int units_parse_bool(const char *text, int *out)
{
	static const char *const words[] = {"no", "yes", "false", "true", "off", "on", "0", "1"};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (strcmp(text, words[i]) == 0) {
			*out = (int)(i & 1);
			return 0;
		}
	}
	return CAROUSEL_E_UNKNOWN_WORD;
}
