/* compact.h - the journal, written anew without what does not count any more, so that it stays bounded.
 *
 * The new records go to a free part of the same file; one superblock write makes them the journal. */
#ifndef CAROUSEL_RX_STORE_COMPACT_H
#define CAROUSEL_RX_STORE_COMPACT_H

#include "carousel-rx/store/decode.h"

/* Bytes that the journal has at least, compacted. */
uint64_t compact_live_bytes(const struct place_map *);

/* A job that no other may run beside. Everything that was journaled is synced first; the decode's memory is used.
 * The map must be what the journal says. Errors: storage's. */
int compact_run(struct decode *, struct journal *);

#endif
