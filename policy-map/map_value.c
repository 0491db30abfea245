#include "policy-map/map_value.h"

#include "common/carousel_error.h"
#include "common/units.h"

#include <stdio.h>
#include <string.h>

int map_value_number(const char *text, uint64_t min, uint64_t max, uint64_t *value)
{
	int result = units_parse_u64(text, value);
	if (result)
		return result;
	if (text[0] == '0' && text[1])
		return CAROUSEL_E_SYNTAX;
	return *value < min || *value > max ? CAROUSEL_E_RANGE : 0;
}

/* Days from 1970-01-01 to a date of the proleptic Gregorian calendar, counted from 1 March of each year. */
static uint64_t days_of(unsigned year, unsigned month, unsigned day)
{
	unsigned y = month <= 2 ? year - 1 : year, m = month <= 2 ? month + 9 : month - 3;
	unsigned era = y / 400, yoe = y % 400;
	unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + (153 * m + 2) / 5 + day - 1;
	return (uint64_t)era * 146097 + doe - 719468;
}

static void date_of(uint64_t days, unsigned *year, unsigned *month, unsigned *day)
{
	uint64_t z = days + 719468;
	unsigned era = (unsigned)(z / 146097), doe = (unsigned)(z % 146097);
	unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100), m = (5 * doy + 2) / 153;
	*day = doy - (153 * m + 2) / 5 + 1;
	*month = m < 10 ? m + 3 : m - 9;
	*year = yoe + era * 400 + (*month <= 2);
}

static unsigned days_in_month(unsigned year, unsigned month)
{
	static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool is_leap = (year % 4 == 0 && year % 100) || year % 400 == 0;
	return month == 2 && is_leap ? 29u : days[month - 1];
}

/* `form` has '9' for a digit, other characters for themselves; digits go to fields, one each run. */
static int read_form(const char *text, const char *form, unsigned fields[6])
{
	unsigned field = 0;
	if (strlen(text) != strlen(form))
		return CAROUSEL_E_SYNTAX;
	memset(fields, 0, 6 * sizeof *fields);
	for (size_t i = 0; form[i]; i++) {
		if (form[i] == '9' && text[i] >= '0' && text[i] <= '9')
			fields[field] = fields[field] * 10 + (unsigned)(text[i] - '0');
		else if (form[i] == '9' || form[i] != text[i])
			return CAROUSEL_E_SYNTAX;
		else
			field++;
	}
	return 0;
}

int map_value_time(const char *text, uint64_t *seconds)
{
	unsigned f[6];
	if (read_form(text, "9999-99-99T99:99Z", f) != 0 && read_form(text, "9999-99-99T99:99:99Z", f) != 0)
		return CAROUSEL_E_SYNTAX;
	if (f[0] < 1970 || f[1] < 1 || f[1] > 12 || f[2] < 1 || f[2] > days_in_month(f[0], f[1]) || f[3] > 23 ||
		f[4] > 59 || f[5] > 59)
		return CAROUSEL_E_RANGE;
	*seconds = days_of(f[0], f[1], f[2]) * 86400 + f[3] * 3600 + f[4] * 60 + f[5];
	return 0;
}

char *map_value_print_time(char out[MAP_VALUE_TIME_BYTES], uint64_t seconds)
{
	const uint64_t last = 253402300799u; /* 9999-12-31T23:59:59Z */
	unsigned year, month, day, rest;
	if (seconds > last)
		seconds = last;
	date_of(seconds / 86400, &year, &month, &day);
	rest = (unsigned)(seconds % 86400);
	snprintf(out, MAP_VALUE_TIME_BYTES, "%04u-%02u-%02uT%02u:%02u:%02uZ", year % 10000, month % 100, day % 100,
		rest / 3600, rest / 60 % 60, rest % 60);
	return out;
}

static int permyriad_of(const char *text, size_t len, uint32_t *permyriad)
{
	uint32_t value = 0;
	size_t i = 0, decimals = 0;
	if (len < 2 || len > 7 || text[len - 1] != '%')
		return CAROUSEL_E_SYNTAX;
	for (; i < len - 1 && text[i] != '.'; i++) {
		if (text[i] < '0' || text[i] > '9')
			return CAROUSEL_E_SYNTAX;
		value = value * 10 + (uint32_t)(text[i] - '0');
	}
	if (i == 0 || (text[i] == '.' && i + 2 == len))
		return CAROUSEL_E_SYNTAX;
	for (i += text[i] == '.'; i < len - 1; i++, decimals++) {
		if (text[i] < '0' || text[i] > '9' || decimals == 2)
			return CAROUSEL_E_SYNTAX;
		value = value * 10 + (uint32_t)(text[i] - '0');
	}
	for (; decimals < 2; decimals++)
		value *= 10;
	*permyriad = value;
	return value > 10000 ? CAROUSEL_E_RANGE : 0;
}

int map_value_permyriad(const char *text, uint32_t *permyriad)
{
	return permyriad_of(text, strlen(text), permyriad);
}

/* "+48h" */
static int duration_of(const char *text, size_t len, uint64_t *seconds)
{
	char copy[24];
	uint64_t ns;
	int result;
	if (len < 3 || len >= sizeof copy || text[0] != '+' || text[len - 2] == 'm')
		return CAROUSEL_E_SYNTAX;
	memcpy(copy, text + 1, len - 1);
	copy[len - 1] = '\0';
	result = units_parse_duration(copy, &ns);
	*seconds = ns / 1000000000u;
	return result;
}

static int step_of(const char *text, size_t len, bool is_first, struct policy_ramp_step *step)
{
	const char *at = memchr(text, '@', len);
	size_t share_len = at ? (size_t)(at - text) : len;
	int result = permyriad_of(text, share_len, &step->permyriad);
	step->after_s = 0;
	if (result)
		return result;
	if (at == NULL)
		return is_first ? 0 : CAROUSEL_E_SYNTAX;
	return duration_of(at + 1, len - share_len - 1, &step->after_s);
}

int map_value_ramp(const char *text, struct policy_ramp_step steps[POLICY_MAX_RAMP_STEPS], uint8_t *num_steps)
{
	unsigned n = 0;
	for (;;) {
		size_t len = strcspn(text, ",");
		int result = n < POLICY_MAX_RAMP_STEPS ? step_of(text, len, n == 0, &steps[n]) : CAROUSEL_E_LIMIT;
		if (result)
			return result;
		if (n && (steps[n].after_s <= steps[n - 1].after_s || steps[n].permyriad < steps[n - 1].permyriad))
			return CAROUSEL_E_RANGE;
		n++;
		if (text[len] == '\0')
			break;
		text += len + 1;
	}
	*num_steps = (uint8_t)n;
	return 0;
}
