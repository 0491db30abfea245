#include "carousel-rx/collector.h"

#include "common/carousel_error.h"
#include "common/object_layout.h"
#include "fec/fec.h"

#include <string.h>

/* Symbols beyond K that a block may hold: the chance that RaptorQ fails with this many is below 10^-16. */
#define COLLECTOR_SPARE  8u
#define COLLECTOR_STRIP  64u
#define COLLECTOR_BLOCKS 4096u

struct collector_block {
	uint32_t num_source, esi_limit;
	uint32_t first; /* place of its first symbol */
	uint32_t cap, have;
	uint32_t failed_at; /* symbols it had when it could not be solved */
};

struct collector {
	const struct carousel_allocator *allocator;
	struct object_layout layout;
	struct collector_block *blocks;
	uint32_t *esi; /* of each place */
	uint8_t *data; /* of each place, symbol_size bytes */
	uint32_t blocks_short;
};

static int collector_plan(struct collector *c, uint64_t *places, size_t max_bytes)
{
	const struct fec_oti *oti = &c->layout.oti;
	*places = 0;
	for (uint32_t sbn = 0; sbn < oti->num_blocks; sbn++) {
		struct collector_block *b = &c->blocks[sbn];
		struct fec_block block;
		int result = fec_block_of(oti, sbn, &block);
		if (result)
			return result;
		if (block.num_source == 0)
			return CAROUSEL_E_OTI;
		*b = (struct collector_block){.num_source = block.num_source, .esi_limit = block.esi_limit};
		b->first = (uint32_t)*places;
		b->cap = block.num_source + COLLECTOR_SPARE;
		if (b->cap > b->esi_limit)
			b->cap = b->esi_limit;
		*places += b->cap;
		if (*places > max_bytes / oti->symbol_size)
			return CAROUSEL_E_LIMIT;
	}
	c->blocks_short = oti->num_blocks;
	return 0;
}

int collector_new(
	struct collector **out, const struct carousel_allocator *a, const struct fec_oti *oti, size_t max_bytes)
{
	struct collector *c;
	uint64_t places;
	int result = CAROUSEL_E_LIMIT;
	if (oti->transfer_length > max_bytes || oti->num_blocks > COLLECTOR_BLOCKS)
		return CAROUSEL_E_LIMIT;
	if (!fec_scheme_is_available(oti->encoding_id, oti->instance_id))
		return CAROUSEL_E_UNSUPPORTED;
	c = memory_alloc(a, 1, sizeof(*c));
	if (c == NULL)
		return CAROUSEL_E_MEMORY;
	c->allocator = a;
	result = object_layout_init(&c->layout, OBJECT_LINEAR, oti, oti->transfer_length);
	if (result)
		goto out;
	result = CAROUSEL_E_MEMORY;
	c->blocks = memory_alloc(a, oti->num_blocks, sizeof(*c->blocks));
	if (c->blocks == NULL)
		goto out;
	result = collector_plan(c, &places, max_bytes + COLLECTOR_SPARE * (size_t)oti->symbol_size);
	if (result)
		goto out;
	result = CAROUSEL_E_MEMORY;
	c->esi = memory_alloc(a, (size_t)places, sizeof(*c->esi));
	c->data = memory_alloc(a, (size_t)places, oti->symbol_size);
	if (c->esi && c->data)
		result = 0;
out:
	if (result)
		collector_free(c);
	else
		*out = c;
	return result;
}

void collector_free(struct collector *c)
{
	if (c == NULL)
		return;
	memory_free(c->allocator, c->blocks);
	memory_free(c->allocator, c->esi);
	memory_free(c->allocator, c->data);
	memory_free(c->allocator, c);
}

const struct fec_oti *collector_oti(const struct collector *c)
{
	return &c->layout.oti;
}

/* Only the object's last source symbol may be short, and by no more than the padding (RFC 5445 section 3.2.1). */
static bool collector_length_fits(const struct collector *c, uint32_t sbn, uint32_t esi, size_t len)
{
	const struct fec_oti *oti = &c->layout.oti;
	uint64_t last = oti->transfer_length % oti->symbol_size;
	if (len == oti->symbol_size)
		return true;
	return sbn + 1 == oti->num_blocks && esi + 1 == c->blocks[sbn].num_source && last && len >= last &&
	       len < oti->symbol_size;
}

int collector_add(struct collector *c, uint32_t sbn, uint32_t esi, const uint8_t *symbol, size_t len)
{
	const struct fec_oti *oti = &c->layout.oti;
	struct collector_block *b;
	size_t place;
	if (sbn >= oti->num_blocks || esi >= c->blocks[sbn].esi_limit || !collector_length_fits(c, sbn, esi, len))
		return CAROUSEL_E_SYMBOL;
	b = &c->blocks[sbn];
	if (b->have >= b->num_source && b->have != b->failed_at)
		return CAROUSEL_E_DUPLICATE;
	for (uint32_t i = 0; i < b->have; i++)
		if (c->esi[b->first + i] == esi)
			return CAROUSEL_E_DUPLICATE;
	if (b->have == b->cap)
		return CAROUSEL_E_LIMIT;
	place = (size_t)b->first + b->have;
	c->esi[place] = esi;
	memcpy(c->data + place * oti->symbol_size, symbol, len);
	memset(c->data + place * oti->symbol_size + len, 0, oti->symbol_size - len);
	b->have++;
	if (b->have == b->num_source || b->failed_at)
		c->blocks_short--;
	b->failed_at = 0;
	return 0;
}

bool collector_is_ready(const struct collector *c)
{
	return c->blocks_short == 0;
}

/* One block's symbols during decoding: what is held, and what the decoder writes. */
struct collector_view {
	const struct collector *c;
	const struct collector_block *block;
	uint32_t sbn;
	uint8_t *source; /* num_source symbols */
};

static const uint8_t *collector_direct(void *user, uint32_t esi)
{
	const struct collector_view *v = user;
	const size_t size = v->c->layout.oti.symbol_size;
	if (esi < v->block->num_source)
		return v->source + esi * size;
	for (uint32_t i = 0; i < v->block->have; i++)
		if (v->c->esi[v->block->first + i] == esi)
			return v->c->data + ((size_t)v->block->first + i) * size;
	return NULL;
}

static int collector_read(void *user, uint32_t esi, size_t off, size_t len, uint8_t *dst)
{
	const uint8_t *symbol = collector_direct(user, esi);
	if (symbol == NULL)
		return CAROUSEL_E_INTERNAL;
	memcpy(dst, symbol + off, len);
	return 0;
}

static int collector_write(void *user, uint32_t esi, size_t off, size_t len, const uint8_t *src)
{
	const struct collector_view *v = user;
	if (esi >= v->block->num_source)
		return CAROUSEL_E_INTERNAL;
	memcpy(v->source + esi * (size_t)v->c->layout.oti.symbol_size + off, src, len);
	return 0;
}

/* Copies the source symbols that are held to their places; returns how many they are. */
static uint32_t collector_fill(const struct collector_view *v)
{
	const size_t size = v->c->layout.oti.symbol_size;
	uint32_t held = 0;
	for (uint32_t i = 0; i < v->block->have; i++) {
		size_t place = (size_t)v->block->first + i;
		if (v->c->esi[place] >= v->block->num_source)
			continue;
		memcpy(v->source + v->c->esi[place] * size, v->c->data + place * size, size);
		held++;
	}
	return held;
}

static int collector_solve(struct collector *c, struct collector_view *v)
{
	const struct fec_symbols symbols = {v, collector_direct, collector_read, collector_write};
	struct fec_decoder *decoder = NULL;
	struct fec_block block;
	size_t bytes, strip = c->layout.oti.symbol_size < COLLECTOR_STRIP ? 0 : COLLECTOR_STRIP;
	uint8_t *memory = NULL, *aligned;
	int result = fec_block_of(&c->layout.oti, v->sbn, &block);
	if (result)
		return result;
	bytes = fec_decoder_bytes(&block, strip);
	if (bytes == 0)
		return CAROUSEL_E_UNSUPPORTED;
	memory = memory_alloc(c->allocator, bytes + 64, 1);
	if (memory == NULL)
		return CAROUSEL_E_MEMORY;
	aligned = memory + (64 - (uintptr_t)memory % 64) % 64;
	result = fec_decoder_init(&decoder, aligned, bytes, &block, strip);
	for (uint32_t i = 0; result == 0 && i < v->block->have; i++)
		result = fec_decoder_add(decoder, c->esi[v->block->first + i]);
	if (result == 0)
		result = fec_decoder_plan(decoder);
	if (result == 0)
		result = fec_decoder_apply(decoder, &symbols);
	if (decoder)
		fec_decoder_deinit(decoder);
	memory_free(c->allocator, memory);
	return result;
}

/* From source symbols to where their bytes lie in the object: sub-blocks are interleaved. */
static int collector_place(const struct collector_view *v, uint8_t *object)
{
	const struct object_layout *layout = &v->c->layout;
	for (uint32_t esi = 0; esi < v->block->num_source; esi++) {
		for (uint32_t i = 0; i < layout->oti.num_sub_blocks; i++) {
			struct object_piece piece;
			uint64_t left;
			int result = object_symbol_piece(layout, v->sbn, esi, i, &piece);
			if (result == OBJECT_PADDING)
				continue;
			if (result)
				return result;
			if (piece.image_offset >= layout->image_bytes)
				continue;
			left = layout->image_bytes - piece.image_offset;
			memcpy(object + piece.image_offset,
				v->source + esi * (size_t)layout->oti.symbol_size + piece.symbol_offset,
				piece.len < left ? piece.len : (size_t)left);
		}
	}
	return 0;
}

static int collector_decode_block(struct collector *c, uint32_t sbn, uint8_t *object)
{
	struct collector_block *b = &c->blocks[sbn];
	struct collector_view v = {.c = c, .block = b, .sbn = sbn};
	int result = 0;
	v.source = memory_alloc(c->allocator, b->num_source, c->layout.oti.symbol_size);
	if (v.source == NULL)
		return CAROUSEL_E_MEMORY;
	if (collector_fill(&v) < b->num_source)
		result = collector_solve(c, &v);
	if (result == 0)
		result = collector_place(&v, object);
	memory_free(c->allocator, v.source);
	return result;
}

int collector_decode(struct collector *c, uint8_t **object)
{
	uint64_t len = c->layout.oti.transfer_length;
	uint8_t *whole;
	int result = 0;
	if (!collector_is_ready(c))
		return CAROUSEL_E_NEED_MORE;
	whole = memory_alloc(c->allocator, (size_t)len + 1, 1);
	if (whole == NULL)
		return CAROUSEL_E_MEMORY;
	for (uint32_t sbn = 0; sbn < c->layout.oti.num_blocks; sbn++) {
		int solved = collector_decode_block(c, sbn, whole);
		if (solved == CAROUSEL_E_NEED_MORE) {
			c->blocks[sbn].failed_at = c->blocks[sbn].have;
			c->blocks_short++;
		}
		if (solved && (result == 0 || carousel_error_is_fatal(solved)))
			result = solved;
	}
	if (result)
		memory_free(c->allocator, whole);
	else
		*object = whole;
	return result;
}
