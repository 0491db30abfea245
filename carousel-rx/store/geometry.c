#include "carousel-rx/store/geometry.h"

#include <string.h>

int geometry_init(struct geometry *g, const struct object_layout *layout, uint64_t slot_bytes)
{
	if (layout->image_bytes > slot_bytes)
		return CAROUSEL_E_SLOT_TOO_SMALL;
	if (layout->oti.num_blocks > GEOMETRY_MAX_BLOCKS || layout->oti.max_block_symbols > GEOMETRY_MAX_PLACES)
		return CAROUSEL_E_UNSUPPORTED;
	memset(g, 0, sizeof(*g));
	g->layout = *layout;
	g->slot_bytes = slot_bytes;
	g->blocks = layout->oti.num_blocks;
	g->max_source = layout->oti.max_block_symbols;
	g->symbol_size = layout->oti.symbol_size;
	g->num_pieces = layout->oti.num_sub_blocks;
	for (uint32_t sbn = 0; sbn < g->blocks; sbn++)
		g->real_symbols += geometry_real(g, sbn);
	return 0;
}

struct fec_block geometry_block(const struct geometry *g, uint32_t sbn)
{
	struct fec_block block;
	memset(&block, 0, sizeof(block));
	if (fec_block_of(&g->layout.oti, sbn, &block))
		block.num_source = block.esi_limit = 0;
	return block;
}

/* Whether no byte of a source symbol lies in the image. */
static bool geometry_is_padding(const struct geometry *g, uint32_t sbn, uint32_t esi)
{
	struct object_piece piece;
	for (uint32_t i = 0; i < g->num_pieces; i++)
		if (object_symbol_piece(&g->layout, sbn, esi, i, &piece) == 0)
			return false;
	return true;
}

uint32_t geometry_real(const struct geometry *g, uint32_t sbn)
{
	uint32_t real = geometry_block(g, sbn).num_source;
	while (real && geometry_is_padding(g, sbn, real - 1))
		real--;
	return real;
}

bool geometry_is_whole(const struct geometry *g, uint32_t sbn, uint32_t place)
{
	struct object_piece piece;
	for (uint32_t i = 0; i < g->num_pieces; i++) {
		if (object_symbol_piece(&g->layout, sbn, place, i, &piece))
			return false;
		if (piece.image_offset > g->slot_bytes || piece.len > g->slot_bytes - piece.image_offset)
			return false;
	}
	return true;
}

uint64_t geometry_offset(const struct geometry *g, uint32_t sbn, uint32_t place)
{
	struct object_piece piece = {0};
	return object_symbol_piece(&g->layout, sbn, place, 0, &piece) < 0 ? 0 : piece.image_offset;
}

size_t geometry_own_bytes(const struct geometry *g, uint32_t sbn, uint32_t place)
{
	uint64_t off = geometry_offset(g, sbn, place), left = 0;
	if (off < g->layout.image_bytes)
		left = g->layout.image_bytes - off;
	return left < g->symbol_size ? (size_t)left : g->symbol_size;
}

int place_io_write(struct place_io *io, enum carousel_rx_file file, uint64_t off, const void *src, size_t len)
{
	io->bytes_written += len;
	return io->storage->write(io->storage->user, file, off, src, len);
}

int place_io_read(struct place_io *io, enum carousel_rx_file file, uint64_t off, void *dst, size_t len)
{
	return io->storage->read(io->storage->user, file, off, dst, len);
}

bool place_io_is_unreadable(int result)
{
	return result == CAROUSEL_E_STORAGE || result == CAROUSEL_E_IO;
}

int place_io_sync(struct place_io *io, enum carousel_rx_file file)
{
	return io->storage->sync(io->storage->user, file);
}

/* The part of a piece that the wanted range [off, off + len) of the symbol touches. */
struct place_part {
	uint64_t slot_offset;
	size_t at, len;    /* within the range wanted */
	size_t len_stored; /* of len; the rest lies past the image's end: zeros */
};

static bool place_part_of(const struct place_io *io, const struct object_piece *piece, bool is_own, size_t off,
	size_t len, struct place_part *part)
{
	uint64_t end = is_own ? io->geometry->layout.image_bytes : io->geometry->slot_bytes;
	size_t first = piece->symbol_offset > off ? piece->symbol_offset : off;
	size_t last = (size_t)piece->symbol_offset + piece->len;
	if (last > off + len)
		last = off + len;
	if (first >= last)
		return false;
	part->at = first - off;
	part->len = part->len_stored = last - first;
	part->slot_offset = piece->image_offset + (first - piece->symbol_offset);
	if (part->slot_offset >= end)
		part->len_stored = 0;
	else if (part->len > end - part->slot_offset)
		part->len_stored = (size_t)(end - part->slot_offset);
	return true;
}

int place_read(struct place_io *io, uint32_t sbn, uint32_t place, bool is_own, size_t off, size_t len, uint8_t *dst)
{
	for (uint32_t i = 0; i < io->geometry->num_pieces; i++) {
		struct object_piece piece;
		struct place_part part;
		int result = object_symbol_piece(&io->geometry->layout, sbn, place, i, &piece);
		if (result < 0)
			return result;
		if (!place_part_of(io, &piece, is_own, off, len, &part))
			continue;
		if (part.len_stored)
			result = place_io_read(io, RX_SLOT_TARGET, part.slot_offset, dst + part.at, part.len_stored);
		if (result < 0)
			return result;
		memset(dst + part.at + part.len_stored, 0, part.len - part.len_stored);
	}
	return 0;
}

int place_write(
	struct place_io *io, uint32_t sbn, uint32_t place, bool is_own, size_t off, size_t len, const uint8_t *src)
{
	for (uint32_t i = 0; i < io->geometry->num_pieces; i++) {
		struct object_piece piece;
		struct place_part part;
		int result = object_symbol_piece(&io->geometry->layout, sbn, place, i, &piece);
		if (result < 0)
			return result;
		if (!place_part_of(io, &piece, is_own, off, len, &part))
			continue;
		if (part.len_stored)
			result = place_io_write(io, RX_SLOT_TARGET, part.slot_offset, src + part.at, part.len_stored);
		if (result < 0)
			return result;
	}
	return 0;
}
