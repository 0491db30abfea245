/* tell.h - what a box tells about itself: the report of interfaces made from its status. */
#ifndef CAROUSEL_RX_DAEMON_TELL_H
#define CAROUSEL_RX_DAEMON_TELL_H

#include "common/key.h"
#include "policy-map/box_report.h"

#include <jansson.h>

/* From the answer to "status". A version that cannot be read is 0; the time is that of the newest heartbeat. Errors:
 * MALFORMED. */
int tell_report(const json_t *status, struct box_report *);
/* One line of JSON: the report itself or, with a key, an envelope around it. *line is the caller's to memory_free().
 * Errors: ARGUMENT (no good ids), MEMORY, INTERNAL. */
int tell_print(const struct box_report *, struct key_secret *key, char **line);

#endif
