#include "carousel-tx/cursor.h"

#include "common/carousel_error.h"

static uint32_t first_repair_esi(const struct tx_cursor *c, uint32_t num_source)
{
	return num_source + (c->residue + c->step - num_source % c->step) % c->step;
}

/* Blocks come in two sizes, the larger ones first. Counts the rows that every block can give. */
static void init_repair(struct tx_cursor *c)
{
	const struct fec_oti *oti = &c->layout->oti;
	struct fec_block large, small;
	uint64_t rows[2], ignored[2];
	if (fec_block_of(oti, 0, &large) || fec_block_of(oti, c->num_blocks - 1, &small))
		return;
	fec_partition((oti->transfer_length + oti->symbol_size - 1) / oti->symbol_size, c->num_blocks, &ignored[0],
		&ignored[1], &c->num_large);
	c->first_esi[0] = first_repair_esi(c, large.num_source);
	c->first_esi[1] = first_repair_esi(c, small.num_source);
	rows[0] = c->first_esi[0] < large.esi_limit ? (large.esi_limit - 1 - c->first_esi[0]) / c->step + 1 : 0;
	rows[1] = c->first_esi[1] < small.esi_limit ? (small.esi_limit - 1 - c->first_esi[1]) / c->step + 1 : 0;
	c->repair_rows = rows[0] < rows[1] ? rows[0] : rows[1];
}

int tx_cursor_init(struct tx_cursor *c, const struct object_layout *layout, uint32_t sender, uint32_t senders)
{
	uint16_t symbol_size = layout->oti.symbol_size;
	if (senders == 0 || sender >= senders)
		return CAROUSEL_E_ARGUMENT;
	if (layout->oti.num_sub_blocks != 1)
		return CAROUSEL_E_UNSUPPORTED;
	*c = (struct tx_cursor){.layout = layout, .step = 1, .num_blocks = layout->oti.num_blocks};
	if (layout->oti.encoding_id == FEC_RAPTORQ) {
		c->step = senders;
		c->residue = sender;
	}
	c->source_symbols = (layout->image_bytes + symbol_size - 1) / symbol_size;
	if (layout->oti.encoding_id != FEC_COMPACT_NO_CODE && c->num_blocks > 0)
		init_repair(c);
	c->cycle = c->source_symbols + c->repair_rows * c->num_blocks;
	if (c->cycle == 0)
		return CAROUSEL_E_ARGUMENT;
	if (c->step == 1)
		c->offset = c->cycle / senders * sender;
	c->phase = c->offset % c->cycle;
	return 0;
}

void tx_cursor_resume(struct tx_cursor *c, uint64_t position, uint32_t step)
{
	uint64_t in_cycle = position % c->cycle, rows;
	if (step != c->step && step != 0 && in_cycle > c->source_symbols && c->num_blocks) {
		rows = (in_cycle - c->source_symbols) / c->num_blocks + 1;
		rows = (rows * step + c->step - 1) / c->step + 1;
		position = c->source_symbols + (rows < c->repair_rows ? rows : c->repair_rows) * c->num_blocks;
	}
	c->position = position;
	c->phase = (position + c->offset) % c->cycle;
}

uint32_t tx_cursor_repair_esi(const struct tx_cursor *c, uint32_t sbn, uint64_t row)
{
	return c->first_esi[sbn < c->num_large ? 0 : 1] + (uint32_t)(row * c->step);
}

bool tx_cursor_symbol(const struct tx_cursor *c, struct tx_symbol *symbol)
{
	if (c->phase < c->source_symbols) {
		symbol->is_source = true;
		symbol->image_offset = c->phase * c->layout->oti.symbol_size;
		if (object_symbol_at(c->layout, symbol->image_offset, &symbol->sbn, &symbol->esi))
			return false;
		return c->step == 1 || symbol->esi % c->step == c->residue;
	}
	symbol->is_source = false;
	symbol->repair_index = c->phase - c->source_symbols;
	symbol->sbn = (uint32_t)(symbol->repair_index % c->num_blocks);
	symbol->esi = tx_cursor_repair_esi(c, symbol->sbn, symbol->repair_index / c->num_blocks);
	return true;
}

void tx_cursor_advance(struct tx_cursor *c)
{
	c->position++;
	if (++c->phase == c->cycle)
		c->phase = 0;
}
