#include "policy-map/cli/watch.h"

#include "common/carousel_error.h"
#include "policy-map/map_value.h"

#include <string.h>

const char *watch_measure_name(enum watch_measure measure)
{
	static const char *const names[WATCH_NUM_MEASURES] = {
#define WATCH_MEASURE_NAME(symbol, name) [WATCH_##symbol] = (name),
		WATCH_MEASURE_LIST(WATCH_MEASURE_NAME)};
	return names[measure];
}

static int parse_limit(const char *text, struct watch_condition *c)
{
	uint32_t permyriad = 0;
	int result;
	c->is_count = strchr(text, '%') == NULL;
	if (c->is_count)
		return map_value_number(text, 0, INT64_MAX, &c->limit);
	result = map_value_permyriad(text, &permyriad);
	c->limit = permyriad;
	return result;
}

static int parse_condition(const char *text, size_t len, struct watch_condition *c)
{
	char copy[64], *limit;
	unsigned measure = 0;
	if (len >= sizeof copy)
		return CAROUSEL_E_SYNTAX;
	memcpy(copy, text, len);
	copy[len] = '\0';
	limit = strchr(copy, '>');
	if (limit == NULL)
		return CAROUSEL_E_SYNTAX;
	*limit++ = '\0';
	while (measure < WATCH_NUM_MEASURES && strcmp(copy, watch_measure_name((enum watch_measure)measure)) != 0)
		measure++;
	if (measure == WATCH_NUM_MEASURES)
		return CAROUSEL_E_UNKNOWN_WORD;
	c->measure = (enum watch_measure)measure;
	return parse_limit(limit, c);
}

int watch_conditions_parse(const char *text, struct watch_conditions *out, const char **wrong)
{
	out->count = 0;
	for (;;) {
		struct watch_condition *c = &out->list[out->count];
		size_t len = strcspn(text, ",");
		int result = out->count == WATCH_MAX_CONDITIONS ? CAROUSEL_E_LIMIT : parse_condition(text, len, c);
		*wrong = text;
		for (size_t i = 0; result == 0 && i < out->count; i++) {
			if (out->list[i].measure == c->measure && out->list[i].is_count == c->is_count)
				result = CAROUSEL_E_DUPLICATE;
		}
		if (result)
			return result;
		out->count++;
		if (text[len] == '\0')
			return 0;
		text += len + 1;
	}
}

struct watch_sample watch_measure(const struct fleet_kpi_class *k, enum watch_measure measure)
{
	switch (measure) {
	case WATCH_FAILURE:
		return (struct watch_sample){k->failed, k->heard};
	case WATCH_ATTEMPT_FAILURE:
		return (struct watch_sample){k->failed, k->failed + k->patched};
	case WATCH_BELOW_MINIMUM:
		return (struct watch_sample){k->below_minimum, k->boxes};
	default:
		return (struct watch_sample){k->silent, k->boxes - k->never_heard};
	}
}

bool watch_is_over(const struct fleet_kpi_class *k, const struct watch_condition *c, uint64_t min_boxes)
{
	struct watch_sample s = watch_measure(k, c->measure);
	if (c->is_count)
		return s.part > c->limit;
	return s.whole >= min_boxes && s.part * 10000 > s.whole * c->limit;
}
