/* impair_model.h - the channel of a live relay: what `impair` is told on its command line and by its control socket. */
#ifndef SIM_CLI_IMPAIR_MODEL_H
#define SIM_CLI_IMPAIR_MODEL_H

#include "sim/channel.h"

#include <jansson.h>

/* Not to be copied or moved once channels use it. */
struct impair_model {
	struct channel_config config;
	struct trace *trace;      /* NULL: none */
	struct timetable outages; /* since zero_ns */
	uint64_t zero_ns;         /* when the outages were set */
};

struct impair_wishes {
	const char *model;   /* properties with commas between */
	const char *trace;   /* file */
	const char *outages; /* windows */
	uint64_t every_ns;   /* their period; 0: once */
	double loss;
};

#define IMPAIR_MESSAGE_BYTES 256u

/* On an error message tells which wish, and what is allowed. Errors: those of channel.h, timetable.h, trace.h, file.h;
 * CONFLICT (a trace and a loss model, which are two ways to say the same). */
int impair_model_init(
	struct impair_model *, const struct impair_wishes *, uint64_t now_ns, char message[IMPAIR_MESSAGE_BYTES]);
void impair_model_deinit(struct impair_model *);

/* {"loss":0.2} or {"loss":"20%","burst":"8"}: any key of the channel models, "trace" and "outages" with "every"; all or
 * nothing. Outages count from now on. What channels use stays valid: hand them config anew. */
int impair_model_set(struct impair_model *, const json_t *args, uint64_t now_ns, char message[IMPAIR_MESSAGE_BYTES]);

#endif
