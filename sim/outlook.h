/* outlook.h - whether a box that lacks something can still get it, when nothing changes on the air any more. */
#ifndef SIM_OUTLOOK_H
#define SIM_OUTLOOK_H

#include "sim/box.h"

enum outlook { OUTLOOK_CONTENT, OUTLOOK_OPEN, OUTLOOK_STUCK };

/* OPEN: something may still happen. STUCK: *why says why nothing can. Asks the receiver for its status: not for every
 * packet. */
enum outlook outlook_of(const struct box *, uint64_t now_ns, enum report_stuck *why);

#endif
