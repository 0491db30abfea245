#include "common/object_layout.h"

#include "common/carousel_error.h"

#include <string.h>

static const char *const layout_names[] = {"linear", "striped"};

const char *object_layout_name(enum object_layout_kind kind)
{
	return (size_t)kind < sizeof layout_names / sizeof *layout_names ? layout_names[kind] : "unknown";
}

int object_layout_parse(const char *name, enum object_layout_kind *kind)
{
	for (size_t i = 0; i < sizeof layout_names / sizeof *layout_names; i++) {
		if (strcmp(name, layout_names[i]) == 0) {
			*kind = (enum object_layout_kind)i;
			return 0;
		}
	}
	return CAROUSEL_E_UNKNOWN_WORD;
}

static uint64_t divide_up(uint64_t value, uint64_t by)
{
	return value / by + (value % by ? 1 : 0);
}

static int layout_check_striped(const struct fec_oti *oti, uint64_t image_bytes)
{
	uint64_t chunks, image_chunks = divide_up(image_bytes, OBJECT_CHUNK_BYTES);
	if (OBJECT_CHUNK_BYTES % oti->symbol_size != 0 || oti->num_sub_blocks != 1 || oti->num_blocks == 0)
		return CAROUSEL_E_OTI;
	if (oti->transfer_length % OBJECT_CHUNK_BYTES != 0)
		return CAROUSEL_E_OTI;
	chunks = oti->transfer_length / OBJECT_CHUNK_BYTES;
	if (chunks % oti->num_blocks != 0)
		return CAROUSEL_E_OTI;
	if (image_chunks == 0 || image_chunks > chunks || chunks - image_chunks >= oti->num_blocks)
		return CAROUSEL_E_OTI;
	return 0;
}

int object_layout_init(
	struct object_layout *layout, enum object_layout_kind kind, const struct fec_oti *oti, uint64_t image_bytes)
{
	int result = CAROUSEL_E_OTI;
	if (kind == OBJECT_LINEAR)
		result = image_bytes == oti->transfer_length ? 0 : CAROUSEL_E_OTI;
	else if (kind == OBJECT_STRIPED)
		result = layout_check_striped(oti, image_bytes);
	if (result)
		return result;
	layout->kind = kind;
	layout->oti = *oti;
	layout->image_bytes = image_bytes;
	return 0;
}

static uint64_t scheme_max_blocks(uint8_t encoding_id)
{
	switch (encoding_id) {
	case FEC_RAPTORQ:
		return FEC_RAPTORQ_MAX_BLOCKS;
	case FEC_COMPACT_NO_CODE:
		return 0x10000;
	case FEC_REED_SOLOMON_GF256:
		return 0x1000000;
	default:
		return 0xffffffff;
	}
}

static uint64_t scheme_max_block_symbols(const struct object_layout_wish *wish)
{
	switch (wish->encoding_id) {
	case FEC_RAPTORQ:
		return FEC_RAPTORQ_MAX_K;
	case FEC_COMPACT_NO_CODE:
		return 0x10000;
	default:
		return wish->max_encoding_symbols;
	}
}

/* Distributes `items` of item_symbols symbols each over blocks: *blocks of them, *per_block items in the longest. */
static void wish_divide(const struct object_layout_wish *wish, uint64_t items, uint64_t item_symbols, uint64_t *blocks,
	uint64_t *per_block)
{
	uint64_t wanted = wish->block_symbols / item_symbols;
	*blocks = divide_up(items, wanted ? wanted : 1);
	if (*blocks > scheme_max_blocks(wish->encoding_id))
		*blocks = scheme_max_blocks(wish->encoding_id);
	if (*blocks == 0)
		*blocks = 1;
	*per_block = divide_up(items, *blocks);
	if (*per_block == 0)
		*per_block = 1;
}

int object_layout_choose(struct object_layout *layout, const struct object_layout_wish *wish, uint64_t image_bytes)
{
	struct fec_oti oti = {.encoding_id = wish->encoding_id,
		.instance_id = wish->instance_id,
		.transfer_length = image_bytes,
		.symbol_size = wish->symbol_size,
		.num_sub_blocks = 1,
		.alignment = 1,
		.max_encoding_symbols = wish->max_encoding_symbols};
	uint64_t item_bytes = wish->kind == OBJECT_STRIPED ? OBJECT_CHUNK_BYTES : wish->symbol_size;
	uint64_t item_symbols, blocks, per_block;
	int result;
	if (wish->symbol_size == 0 || wish->block_symbols == 0 || item_bytes % wish->symbol_size != 0)
		return CAROUSEL_E_ARGUMENT;
	if (image_bytes > UINT64_MAX / 2 || (image_bytes == 0 && wish->kind == OBJECT_STRIPED))
		return CAROUSEL_E_ARGUMENT;
	item_symbols = item_bytes / wish->symbol_size;
	wish_divide(wish, divide_up(image_bytes, item_bytes), item_symbols, &blocks, &per_block);
	if (per_block * item_symbols > scheme_max_block_symbols(wish))
		return CAROUSEL_E_LIMIT;
	if (wish->kind == OBJECT_STRIPED)
		oti.transfer_length = OBJECT_CHUNK_BYTES * blocks * per_block;
	oti.num_blocks = (uint32_t)blocks;
	oti.max_block_symbols = (uint32_t)(per_block * item_symbols);
	result = fec_oti_check(&oti, NULL);
	return result ? result : object_layout_init(layout, wish->kind, &oti, image_bytes);
}

static int layout_block(const struct object_layout *layout, uint32_t sbn, uint32_t esi, struct fec_block *block)
{
	int result = fec_block_of(&layout->oti, sbn, block);
	if (result == 0 && esi >= block->num_source)
		result = CAROUSEL_E_SYMBOL;
	return result;
}

static int layout_place(const struct object_layout *layout, uint64_t offset, uint64_t *image_offset)
{
	*image_offset = offset;
	return offset < layout->image_bytes ? 0 : OBJECT_PADDING;
}

int object_symbol_offset(const struct object_layout *layout, uint32_t sbn, uint32_t esi, uint64_t *image_offset)
{
	const struct fec_oti *oti = &layout->oti;
	struct fec_block block;
	uint32_t per_chunk;
	uint64_t chunk;
	int result = layout_block(layout, sbn, esi, &block);
	if (result)
		return result;
	if (oti->num_sub_blocks != 1)
		return CAROUSEL_E_UNSUPPORTED;
	if (layout->kind == OBJECT_LINEAR)
		return layout_place(layout, (fec_block_first_symbol(oti, sbn) + esi) * oti->symbol_size, image_offset);
	per_chunk = OBJECT_CHUNK_BYTES / oti->symbol_size;
	chunk = (uint64_t)(esi / per_chunk) * oti->num_blocks + sbn;
	return layout_place(
		layout, chunk * OBJECT_CHUNK_BYTES + (uint64_t)(esi % per_chunk) * oti->symbol_size, image_offset);
}

int object_symbol_piece(
	const struct object_layout *layout, uint32_t sbn, uint32_t esi, uint32_t index, struct object_piece *piece)
{
	const struct fec_oti *oti = &layout->oti;
	struct fec_block block;
	uint64_t large, small, num_large, before;
	int result = layout_block(layout, sbn, esi, &block);
	if (result)
		return result;
	if (index >= oti->num_sub_blocks)
		return CAROUSEL_E_SYMBOL;
	if (oti->num_sub_blocks == 1) {
		piece->symbol_offset = 0;
		piece->len = oti->symbol_size;
		return object_symbol_offset(layout, sbn, esi, &piece->image_offset);
	}
	/* Sub-block `index` follows the earlier ones of the block, each of K sub-symbols. */
	fec_partition(oti->symbol_size / oti->alignment, oti->num_sub_blocks, &large, &small, &num_large);
	before = index < num_large ? index * large : num_large * large + (index - num_large) * small;
	piece->symbol_offset = (uint32_t)(before * oti->alignment);
	piece->len = (uint32_t)((index < num_large ? large : small) * oti->alignment);
	return layout_place(layout,
		fec_block_first_symbol(oti, sbn) * oti->symbol_size +
			(uint64_t)block.num_source * piece->symbol_offset + (uint64_t)esi * piece->len,
		&piece->image_offset);
}

int object_symbol_at(const struct object_layout *layout, uint64_t image_offset, uint32_t *sbn, uint32_t *esi)
{
	const struct fec_oti *oti = &layout->oti;
	uint64_t symbol, chunk, large, small, num_large;
	if (image_offset >= layout->image_bytes)
		return CAROUSEL_E_RANGE;
	if (oti->num_sub_blocks != 1)
		return CAROUSEL_E_UNSUPPORTED;
	if (layout->kind == OBJECT_STRIPED) {
		chunk = image_offset / OBJECT_CHUNK_BYTES;
		*sbn = (uint32_t)(chunk % oti->num_blocks);
		*esi = (uint32_t)(chunk / oti->num_blocks * (OBJECT_CHUNK_BYTES / oti->symbol_size) +
				  image_offset % OBJECT_CHUNK_BYTES / oti->symbol_size);
		return 0;
	}
	symbol = image_offset / oti->symbol_size;
	fec_partition(divide_up(oti->transfer_length, oti->symbol_size), oti->num_blocks, &large, &small, &num_large);
	if (symbol < num_large * large) {
		*sbn = (uint32_t)(symbol / large);
		*esi = (uint32_t)(symbol % large);
	} else {
		symbol -= num_large * large;
		*sbn = (uint32_t)(num_large + symbol / small);
		*esi = (uint32_t)(symbol % small);
	}
	return 0;
}
