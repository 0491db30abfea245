#include "sim/channel.h"

#include "common/carousel_error.h"
#include "common/units.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const channel_config_keys[] = {
	"loss", "burst", "gilbert", "bit-error", "duplicate", "reorder", "reorder-by", "delay", "jitter", NULL};

#define CHANNEL_MAX_DELAY_NS 3600000000000u

/* A plain decimal number, exponents too ("1e-6"), or a share in percent. */
static int channel_number(const char *text, double max, double *value)
{
	char *end;
	/* strtod() would take hexadecimal numbers, too. */
	if (!((*text >= '0' && *text <= '9') || *text == '.') || text[strspn(text, "0123456789.eE+-%")] != '\0')
		return CAROUSEL_E_SYNTAX;
	*value = strtod(text, &end);
	if (*end == '%') {
		*value /= 100;
		end++;
	}
	if (*end != '\0' || end == text)
		return CAROUSEL_E_SYNTAX;
	return *value >= 0 && *value <= max ? 0 : CAROUSEL_E_RANGE;
}

static int channel_set_duration(uint64_t *ns, const char *value)
{
	uint64_t parsed;
	int result = units_parse_duration(value, &parsed);
	if (result == 0 && parsed > CHANNEL_MAX_DELAY_NS)
		result = CAROUSEL_E_RANGE;
	if (result == 0)
		*ns = parsed;
	return result;
}

static int channel_set_share(double *share, const char *value)
{
	double parsed;
	int result = channel_number(value, 1, &parsed);
	if (result == 0)
		*share = parsed;
	return result;
}

static int channel_set_burst(struct channel_config *c, const char *value)
{
	double burst, loss = channel_mean_loss(c);
	int result = channel_number(value, 1e9, &burst);
	if (result != 0)
		return result;
	/* Bad periods of `burst` packets, all lost, make up `loss` of the time: to_bad / (to_bad + to_good) = loss. */
	if (burst < 1 || loss >= 1 || loss / (burst * (1 - loss)) > 1)
		return CAROUSEL_E_RANGE;
	c->gilbert = (struct channel_gilbert){loss / (burst * (1 - loss)), 1 / burst, 0, 1};
	c->kind = CHANNEL_GILBERT;
	return 0;
}

static int channel_set_gilbert(struct channel_config *c, const char *value)
{
	double numbers[4] = {0, 0, 0, 1};
	char copy[128], *word, *rest;
	unsigned count = 0;
	int result = 0;
	if (strlen(value) >= sizeof copy)
		return CAROUSEL_E_SYNTAX;
	strcpy(copy, value);
	for (word = strtok_r(copy, " \t", &rest); word && result == 0; word = strtok_r(NULL, " \t", &rest))
		result = count < 4 ? channel_number(word, 1, &numbers[count++]) : CAROUSEL_E_SYNTAX;
	if (result == 0 && count != 2 && count != 4)
		result = CAROUSEL_E_SYNTAX;
	if (result == 0 && numbers[1] <= 0)
		result = CAROUSEL_E_RANGE;
	if (result != 0)
		return result;
	c->gilbert = (struct channel_gilbert){numbers[0], numbers[1], numbers[2], numbers[3]};
	c->kind = CHANNEL_GILBERT;
	return 0;
}

int channel_config_set(struct channel_config *c, const char *key, const char *value)
{
	if (strcmp(key, "loss") == 0) {
		int result = channel_set_share(&c->loss, value);
		if (result == 0)
			c->kind = CHANNEL_BERNOULLI;
		return result;
	}
	if (strcmp(key, "burst") == 0)
		return channel_set_burst(c, value);
	if (strcmp(key, "gilbert") == 0)
		return channel_set_gilbert(c, value);
	if (strcmp(key, "bit-error") == 0)
		return channel_set_share(&c->bit_error, value);
	if (strcmp(key, "duplicate") == 0)
		return channel_set_share(&c->duplicate, value);
	if (strcmp(key, "reorder") == 0)
		return channel_set_share(&c->reorder, value);
	if (strcmp(key, "reorder-by") == 0)
		return channel_set_duration(&c->reorder_ns, value);
	if (strcmp(key, "delay") == 0)
		return channel_set_duration(&c->delay_ns, value);
	if (strcmp(key, "jitter") == 0)
		return channel_set_duration(&c->jitter_ns, value);
	return CAROUSEL_E_UNKNOWN_WORD;
}

const char *channel_config_allowed(const char *key)
{
	if (strcmp(key, "burst") == 0)
		return "1 to 1e9 packets, set after a loss below 100% that bursts of this length can make up";
	if (strcmp(key, "gilbert") == 0)
		return "TO_BAD TO_GOOD [LOSS_GOOD LOSS_BAD], each 0 to 1 or 0% to 100%, TO_GOOD more than 0";
	if (strcmp(key, "reorder-by") == 0 || strcmp(key, "delay") == 0 || strcmp(key, "jitter") == 0)
		return "a duration such as 20ms, 1h at most";
	return "a share, 0 to 1 or 0% to 100%";
}

int channel_config_parse(struct channel_config *c, const char *text)
{
	struct channel_config parsed = *c;
	char copy[512], *item, *rest;
	int result = 0;
	if (strlen(text) >= sizeof copy)
		return CAROUSEL_E_LIMIT;
	strcpy(copy, text);
	for (item = strtok_r(copy, ",", &rest); item && result == 0; item = strtok_r(NULL, ",", &rest)) {
		char *value = strchr(item, '=');
		size_t len;
		if (value == NULL)
			return CAROUSEL_E_SYNTAX;
		*value++ = '\0';
		item += strspn(item, " \t");
		len = strlen(value);
		while (len && (value[len - 1] == ' ' || value[len - 1] == '\t'))
			value[--len] = '\0';
		result = channel_config_set(&parsed, item, value);
	}
	if (result == 0)
		result = channel_config_check(&parsed);
	if (result == 0)
		*c = parsed;
	return result;
}

static struct completion_loss channel_loss_process(const struct channel_config *c)
{
	const struct channel_gilbert *g = &c->gilbert;
	double bursts = 0;
	bool was_lost = false;
	if (c->kind == CHANNEL_GILBERT)
		return completion_loss_gilbert(g->to_bad, g->to_good, g->loss_good, g->loss_bad);
	if (c->kind == CHANNEL_BERNOULLI || c->trace->lost == 0 || c->trace->received == 0)
		return (struct completion_loss){.mean = channel_mean_loss(c)};
	for (size_t i = 0; i < c->trace->num_runs; i++) {
		bursts += c->trace->runs[i].lost && (c->trace->runs[i].received || !was_lost);
		was_lost = c->trace->runs[i].lost || (was_lost && c->trace->runs[i].received == 0);
	}
	return completion_loss_gilbert(bursts / (double)c->trace->received, bursts / (double)c->trace->lost, 0, 1);
}

struct completion_loss channel_completion_loss(const struct channel_config *c, size_t packet_bytes)
{
	struct completion_loss loss = channel_loss_process(c);
	const double clean = pow(1 - c->bit_error, 8.0 * (double)packet_bytes);
	loss.mean = 1 - (1 - loss.mean) * clean;
	loss.variance *= clean * clean;
	return loss;
}
