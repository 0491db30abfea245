/* Any loss trace: refused at a line, or taken; then it can be played, fitted, and is what it says. */
#include "tests/fuzz/fuzz.h"

#include "common/carousel_error.h"
#include "sim/channel.h"
#include "sim/gilbert.h"

#include <math.h>

static void fit(const struct trace *trace)
{
	struct gilbert_fit fit;
	const int result = gilbert_fit(trace, NULL, &fit);
	FUZZ_ASSERT(result == 0 || result == CAROUSEL_E_NEED_MORE);
	if (result != 0)
		return;
	FUZZ_ASSERT(fit.best < GILBERT_NUM_MODELS && fit.lost < fit.packets);
	for (unsigned m = 0; m < GILBERT_NUM_MODELS; m++) {
		const struct channel_gilbert *g = &fit.candidates[m].model;
		const struct channel_config config = {.kind = CHANNEL_GILBERT, .gilbert = *g};
		FUZZ_ASSERT(channel_config_check(&config) == 0 || g->to_good <= 0);
		FUZZ_ASSERT(!isnan(fit.candidates[m].bic) && !isnan(fit.candidates[m].lost_runs.p_value));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct trace *trace;
	unsigned line = 0;
	struct channel_config config = {.kind = CHANNEL_TRACE};
	struct channel channel;
	uint64_t lost = 0;
	if (trace_parse(&trace, NULL, (const char *)data, len, &line) != 0)
		return 0;
	FUZZ_ASSERT(trace->received + trace->lost >= 1 && trace->num_runs >= 1);
	config.trace = trace;
	FUZZ_ASSERT(channel_config_check(&config) == 0);
	FUZZ_ASSERT(channel_mean_loss(&config) >= 0 && channel_mean_loss(&config) <= 1);
	channel_init(&channel, &config, 1, 1);
	for (unsigned i = 0; i < 1000; i++)
		lost += channel_loses(&channel);
	FUZZ_ASSERT((trace->lost || lost == 0) && (trace->received || lost == 1000));
	/* A fit looks at every packet up to its limit: short ones here. */
	if (trace->received + trace->lost < 20000)
		fit(trace);
	trace_free(trace);
	return 0;
}
