/* collector.h - a small object (FDT, map, manifests, ...) gathered in memory, symbol by symbol, and decoded.
 *
 * Takes any scheme and any legal (Z, N, Al, T) within the byte limit. Single-threaded; decode may run on another thread
 * while nothing else touches the collector. */
#ifndef CAROUSEL_RX_COLLECTOR_H
#define CAROUSEL_RX_COLLECTOR_H

#include "common/fec_oti.h"
#include "common/memory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct collector;

/* oti: checked. max_bytes bounds what is allocated for symbols. Errors: LIMIT, UNSUPPORTED (scheme not in this build),
 * MEMORY. */
int collector_new(struct collector **, const struct carousel_allocator *, const struct fec_oti *oti, size_t max_bytes);
void collector_free(struct collector *);
const struct fec_oti *collector_oti(const struct collector *);

/* Copies one encoding symbol. Errors: DUPLICATE (held, or its block has enough), SYMBOL (no such symbol, wrong
 * length; only the last source symbol may be short), LIMIT (the block is full and still not solvable). */
int collector_add(struct collector *, uint32_t sbn, uint32_t esi, const uint8_t *symbol, size_t len);
/* Every block has at least as many symbols as it has source symbols, and more than when decode last failed. */
bool collector_is_ready(const struct collector *);
/* *object: transfer_length bytes and a NUL behind them, the caller's to memory_free().
 * Errors: NEED_MORE (go on collecting), MEMORY, those of the scheme. */
int collector_decode(struct collector *, uint8_t **object);

#endif
