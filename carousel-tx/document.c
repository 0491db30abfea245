#include "carousel-tx/document.h"

#include "carousel-tx/tx.h"
#include "common/carousel_error.h"
#include "fec/fec.h"

#include <string.h>

#define ENCODER_ALIGNMENT 64u

int tx_document_init(struct tx_document *d, const struct carousel_allocator *allocator, const void *bytes, size_t len,
	uint16_t symbol_size, uint8_t encoding_id)
{
	struct object_layout_wish wish = {.kind = OBJECT_LINEAR,
		.encoding_id = len <= symbol_size ? FEC_COMPACT_NO_CODE : encoding_id,
		.symbol_size = symbol_size,
		.block_symbols = TX_MAX_DOCUMENT_BYTES};
	size_t symbols;
	int result;
	memset(d, 0, sizeof *d);
	if (len == 0 || symbol_size == 0)
		return CAROUSEL_E_ARGUMENT;
	if (len > TX_MAX_DOCUMENT_BYTES)
		return CAROUSEL_E_LIMIT;
	if (!fec_scheme_is_available(wish.encoding_id, 0))
		return CAROUSEL_E_UNSUPPORTED;
	result = object_layout_choose(&d->layout, &wish, len);
	if (result == 0 && d->layout.oti.num_blocks != 1)
		result = CAROUSEL_E_LIMIT;
	if (result)
		return result;
	symbols = (len + symbol_size - 1) / symbol_size;
	d->bytes = memory_alloc(allocator, symbols, symbol_size);
	if (d->bytes == NULL)
		return CAROUSEL_E_MEMORY;
	d->allocator = allocator;
	d->len = len;
	memcpy(d->bytes, bytes, len);
	return 0;
}

void tx_document_deinit(struct tx_document *d)
{
	if (d->encoder)
		fec_encoder_deinit(d->encoder);
	memory_free(d->allocator, d->encoder_memory);
	fec_plan_free(d->plan);
	memory_free(d->allocator, d->bytes);
	memset(d, 0, sizeof *d);
}

static const uint8_t *document_direct(void *user, uint32_t esi)
{
	const struct tx_document *d = user;
	return d->bytes + (size_t)esi * d->layout.oti.symbol_size;
}

static int document_read(void *user, uint32_t esi, size_t off, size_t len, uint8_t *dst)
{
	memcpy(dst, document_direct(user, esi) + off, len);
	return 0;
}

static int document_encode(struct tx_document *d, const struct fec_block *block)
{
	const struct fec_symbols source = {.user = d, .direct = document_direct, .read = document_read};
	size_t bytes = fec_encoder_bytes(block);
	uintptr_t memory;
	int result;
	if (d->plan == NULL) {
		result = fec_plan_new(d->allocator, block, &d->plan);
		if (result)
			return result;
	}
	if (d->encoder_memory == NULL)
		d->encoder_memory = memory_alloc(d->allocator, bytes + ENCODER_ALIGNMENT, 1);
	if (d->encoder_memory == NULL)
		return CAROUSEL_E_MEMORY;
	memory = ((uintptr_t)d->encoder_memory + ENCODER_ALIGNMENT - 1) & ~(uintptr_t)(ENCODER_ALIGNMENT - 1);
	return fec_encoder_init(&d->encoder, (void *)memory, bytes, d->plan, &source);
}

int tx_document_symbol(struct tx_document *d, uint32_t esi, uint8_t *out)
{
	uint16_t symbol_size = d->layout.oti.symbol_size;
	struct fec_block block;
	size_t offset = (size_t)esi * symbol_size;
	int result = fec_block_of(&d->layout.oti, 0, &block);
	if (result)
		return result;
	if (esi < block.num_source) {
		memcpy(out, d->bytes + offset, symbol_size);
		return 0;
	}
	if (esi >= block.esi_limit)
		return CAROUSEL_E_SYMBOL;
	if (d->encoder == NULL) {
		result = document_encode(d, &block);
		if (result)
			return result;
	}
	return fec_encoder_symbols(d->encoder, esi, 1, 1, out, symbol_size);
}
