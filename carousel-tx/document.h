/* document.h - a control object: bytes in memory, encoded in memory; one source block. */
#ifndef CAROUSEL_TX_DOCUMENT_H
#define CAROUSEL_TX_DOCUMENT_H

#include "common/memory.h"
#include "common/object_layout.h"

#include <stddef.h>
#include <stdint.h>

struct fec_plan;
struct fec_encoder;

struct tx_document {
	const struct carousel_allocator *allocator;
	struct object_layout layout;
	uint8_t *bytes; /* padded with zeros to whole symbols */
	size_t len;
	struct fec_plan *plan; /* the next three: once a repair symbol was wanted */
	void *encoder_memory;
	struct fec_encoder *encoder;
};

/* Copies the bytes (len > 0). One symbol goes out as Compact No-Code, more in encoding_id (FEC_RAPTORQ or
 * FEC_COMPACT_NO_CODE). Errors: ARGUMENT, LIMIT, UNSUPPORTED, MEMORY. */
int tx_document_init(struct tx_document *, const struct carousel_allocator *, const void *bytes, size_t len,
	uint16_t symbol_size, uint8_t encoding_id);
void tx_document_deinit(struct tx_document *);
/* The encoding symbol esi, symbol_size bytes, to out. Errors: SYMBOL, MEMORY, those of the encoder. */
int tx_document_symbol(struct tx_document *, uint32_t esi, uint8_t *out);

#endif
