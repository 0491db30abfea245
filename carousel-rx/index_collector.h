/* index_collector.h - the chunk index of the image being received, gathered in RX_INDEX rather than in memory.
 *
 * Source symbols go to their places, repair symbols behind them; when every block has enough, the missing ones are
 * decoded in place, the digest is compared with the manifest's and the file cut to its length. Symbols
 * are taken on the receiver's thread; the file is touched only by the jobs. */
#ifndef CAROUSEL_RX_INDEX_COLLECTOR_H
#define CAROUSEL_RX_INDEX_COLLECTOR_H

#include "carousel-rx/job.h"
#include "common/fec_oti.h"
#include "common/memory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct index_collector;

/* What the manifest says of the index. RX_INDEX may hold it already: the first job looks. Errors: LIMIT, MEMORY. */
int index_collector_new(struct index_collector **, const struct carousel_allocator *,
	const struct carousel_rx_storage *, const uint8_t sha256[32], uint64_t index_bytes);
/* No job of it may be under way. */
void index_collector_free(struct index_collector *);

/* The OTI comes with the first symbol (from an FDT, checked); others are refused while its are heard.
 * Errors: CONFLICT (another OTI), DUPLICATE, SYMBOL, LIMIT (staging is full), BUSY (not looked yet, decoding),
 * UNSUPPORTED, MEMORY. */
int index_collector_add(struct index_collector *, const struct fec_oti *, uint32_t sbn, uint32_t esi,
	const uint8_t *symbol, size_t len);

/* The file holds the index and its digest is right. */
bool index_collector_is_done(const struct index_collector *);
/* The next job or NULL; one at a time. Its done function returns 0 or a fatal code. */
struct carousel_job *index_collector_next_job(struct index_collector *, uint64_t now_ns);
/* When next_job has something new; UINT64_MAX: only after more symbols. */
uint64_t index_collector_deadline(const struct index_collector *);

void index_collector_progress(const struct index_collector *, uint64_t *have, uint64_t *need);

#endif
