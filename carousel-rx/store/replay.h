/* replay.h - the job that opens: what the journal holds of an image, back into an empty map. */
#ifndef CAROUSEL_RX_STORE_REPLAY_H
#define CAROUSEL_RX_STORE_REPLAY_H

#include "carousel-rx/store/decode.h"

struct replay_report {
	uint64_t symbols_resumed; /* useful symbols that were found */
	uint64_t entries_refused; /* written shortly before a power cut, and not what the journal says */
	uint64_t bytes_damaged;   /* of the journal */
};

/* The map is empty and belongs to the job; the decode's memory is used as scratch pad. When there is no journal of this
 * image an empty one is made. Afterwards the journal is ready to be appended to. Errors: storage's. */
int replay_run(struct decode *, struct place_map *, struct journal *, struct replay_report *);

#endif
