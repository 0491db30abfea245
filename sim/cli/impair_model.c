#include "sim/cli/impair_model.h"

#include "common/carousel_error.h"
#include "common/io/file.h"
#include "common/units.h"

#include <stdio.h>
#include <string.h>

static int model_fail(char *message, int result, const char *key, const char *value, const char *why)
{
	snprintf(message, IMPAIR_MESSAGE_BYTES, "%s: \"%.80s\" is not %s", key, value, why);
	return result;
}

static int model_read_trace(struct impair_model *m, const char *path, char *message)
{
	struct trace *trace;
	char *text;
	unsigned line = 0;
	size_t len;
	int result = file_read(path, TRACE_MAX_BYTES, NULL, &text, &len);
	if (result != 0) {
		snprintf(message, IMPAIR_MESSAGE_BYTES, "trace: %.100s: %s", path, carousel_strerror(result));
		return result;
	}
	result = trace_parse(&trace, NULL, text, len, &line);
	memory_free(NULL, text);
	if (result != 0) {
		snprintf(message, IMPAIR_MESSAGE_BYTES, "trace: %.100s:%u: %s", path, line, carousel_strerror(result));
		return result;
	}
	m->trace = trace;
	m->config.trace = trace;
	m->config.kind = CHANNEL_TRACE;
	return 0;
}

static int model_read_outages(struct impair_model *m, const char *text, uint64_t every_ns, char *message)
{
	const int result = timetable_parse(&m->outages, NULL, text, every_ns);
	return result ? model_fail(message, result, "outages", text,
				"a list of windows such as 10s-20s,1m-2m, ascending and within their period, or never")
		      : 0;
}

int impair_model_init(
	struct impair_model *m, const struct impair_wishes *wishes, uint64_t now_ns, char message[IMPAIR_MESSAGE_BYTES])
{
	int result = 0;
	*m = (struct impair_model){.config = {.loss = wishes->loss}, .zero_ns = now_ns};
	if (wishes->model)
		result = channel_config_parse(&m->config, wishes->model);
	if (result != 0)
		return model_fail(message, result, "model", wishes->model,
			"properties such as loss=5%,burst=8,jitter=20ms, each within its range");
	if (wishes->trace && (m->config.kind != CHANNEL_BERNOULLI || m->config.loss > 0)) {
		snprintf(message, IMPAIR_MESSAGE_BYTES, "trace: it says what is lost, and so does another model");
		return CAROUSEL_E_CONFLICT;
	}
	if (wishes->trace)
		result = model_read_trace(m, wishes->trace, message);
	if (result == 0 && wishes->outages)
		result = model_read_outages(m, wishes->outages, wishes->every_ns, message);
	m->config.outages = &m->outages;
	if (result != 0)
		impair_model_deinit(m);
	return result;
}

void impair_model_deinit(struct impair_model *m)
{
	trace_free(m->trace);
	timetable_deinit(&m->outages, NULL);
	*m = (struct impair_model){0};
}

/* ---- while it runs ------------------------------------------------------------------------------ */

/* A member as text: numbers too. NULL: not there. */
static const char *model_text(const json_t *args, const char *key, char text[512])
{
	const json_t *value = json_object_get(args, key);
	if (value == NULL)
		return NULL;
	if (json_is_number(value))
		snprintf(text, 512, "%.12f", json_number_value(value));
	else
		snprintf(text, 512, "%s", json_is_string(value) ? json_string_value(value) : "");
	return text;
}

static int model_set_channel(struct impair_model *m, const json_t *args, size_t *known, char *message)
{
	char text[512];
	for (const char *const *key = channel_config_keys; *key; key++) {
		int result;
		if (model_text(args, *key, text) == NULL)
			continue;
		result = channel_config_set(&m->config, *key, text);
		if (result != 0)
			return model_fail(message, result, *key, text, channel_config_allowed(*key));
		++*known;
	}
	return 0;
}

static int model_set_tables(struct impair_model *m, const json_t *args, uint64_t now_ns, size_t *known, char *message)
{
	char text[512];
	uint64_t every_ns = 0;
	int result = 0;
	if (model_text(args, "every", text)) {
		result = units_parse_duration(text, &every_ns);
		if (result != 0 || json_object_get(args, "outages") == NULL)
			return model_fail(message, result ? result : CAROUSEL_E_NOT_FOUND, "every", text,
				"a duration such as 1h that goes with outages");
		++*known;
	}
	if (model_text(args, "outages", text)) {
		m->outages = (struct timetable){0};
		m->zero_ns = now_ns;
		result = model_read_outages(m, text, every_ns, message);
		++*known;
	}
	if (result == 0 && model_text(args, "trace", text)) {
		result = model_read_trace(m, text, message);
		++*known;
	}
	return result;
}

/* Frees what one has and the other has not. */
static void model_drop(const struct impair_model *gone, const struct impair_model *kept)
{
	if (gone->trace != kept->trace)
		trace_free(gone->trace);
	if (gone->outages.windows != kept->outages.windows)
		memory_free(NULL, gone->outages.windows);
}

int impair_model_set(struct impair_model *m, const json_t *args, uint64_t now_ns, char message[IMPAIR_MESSAGE_BYTES])
{
	struct impair_model wanted = *m;
	size_t known = 0;
	int result = model_set_channel(&wanted, args, &known, message);
	if (result == 0)
		result = model_set_tables(&wanted, args, now_ns, &known, message);
	if (result == 0 && known != json_object_size(args)) {
		snprintf(message, IMPAIR_MESSAGE_BYTES, "there is a key that is none of them");
		result = CAROUSEL_E_UNKNOWN_WORD;
	}
	if (result == 0)
		result = channel_config_check(&wanted.config);
	if (result != 0) {
		model_drop(&wanted, m);
		return result;
	}
	if (wanted.config.kind != CHANNEL_TRACE)
		wanted.trace = NULL;
	wanted.config.trace = wanted.trace;
	model_drop(m, &wanted);
	*m = wanted;
	return 0;
}
