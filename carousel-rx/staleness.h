/* staleness.h - is what this box holds still what the headend sends? A freeze is told, and blocks nothing.
 *
 * Measured in airtime: the time in which packets are heard, so a box that was switched off, or a dish without a signal,
 * is not stale. Two signs: no heartbeat that is newer than all before, though packets flow; or heartbeats that announce
 * a newer map than the one held, which does not come. */
#ifndef CAROUSEL_RX_STALENESS_H
#define CAROUSEL_RX_STALENESS_H

#include <stdbool.h>
#include <stdint.h>

enum staleness_reason { STALENESS_NONE, STALENESS_HEARTBEAT, STALENESS_MAP };

struct staleness {
	uint64_t after_ns;   /* so much airtime makes stale */
	uint64_t counted_ns; /* airtime is counted up to here */
	uint64_t quiet_ns;   /* airtime since the last fresh heartbeat */
	uint64_t behind_ns;  /* airtime since a newer map than the one held was announced */
	bool is_behind;
};

/* "none", "heartbeat", "map". Static. */
const char *staleness_reason_name(enum staleness_reason);

void staleness_init(struct staleness *, uint64_t after_ns, uint64_t now_ns);
/* Counts what has passed since the last count as airtime if a packet was heard in it (heard_ns: the last one's time).
 */
void staleness_count(struct staleness *, uint64_t heard_ns, uint64_t now_ns);
/* A heartbeat that is newer than all before was verified. */
void staleness_heartbeat(struct staleness *);
/* A newer map than the one held has been announced, or no longer. */
void staleness_set_behind(struct staleness *, bool is_behind);
enum staleness_reason staleness_reason(const struct staleness *);
/* When staleness_count() wants to be called; UINT64_MAX while nothing is heard. */
uint64_t staleness_deadline(const struct staleness *, uint64_t heard_ns);

#endif
