#include "common/fec_oti.h"

#include "common/carousel_error.h"

#define MAX_TRANSFER_LENGTH_48 0xffffffffffffu /* RFC 5445 section 3.2.2.2 */
#define NO_CODE_MAX_K          65536u          /* 16-bit SBN and ESI, RFC 5445 section 3.2.1 */
#define NO_CODE_MAX_BLOCKS     65536u
#define RS_MAX_BLOCKS          0x1000000u  /* 24-bit SBN, RFC 5510 section 5.1 */
#define SMALL_BLOCK_MAX_BLOCKS 0xffffffffu /* 32-bit SBN, RFC 5445 section 5.2.1 */

void fec_partition(uint64_t items, uint64_t parts, uint64_t *large, uint64_t *small, uint64_t *num_large)
{
	*small = items / parts;
	*num_large = items - *small * parts;
	*large = *small + (*num_large ? 1 : 0);
}

static uint64_t oti_num_symbols(const struct fec_oti *oti)
{
	return oti->transfer_length / oti->symbol_size + (oti->transfer_length % oti->symbol_size ? 1 : 0);
}

static int oti_check_raptorq(struct fec_oti *oti)
{
	uint64_t symbols, longest, small, num_long;
	if (oti->transfer_length == 0 || oti->transfer_length > FEC_RAPTORQ_MAX_TRANSFER_LENGTH)
		return CAROUSEL_E_OTI;
	if (oti->num_blocks == 0 || oti->num_blocks > FEC_RAPTORQ_MAX_BLOCKS)
		return CAROUSEL_E_OTI;
	if (oti->alignment == 0 || oti->symbol_size % oti->alignment != 0)
		return CAROUSEL_E_OTI;
	if (oti->num_sub_blocks == 0 || oti->num_sub_blocks > oti->symbol_size / oti->alignment)
		return CAROUSEL_E_OTI;
	symbols = oti_num_symbols(oti);
	if (oti->num_blocks > symbols)
		return CAROUSEL_E_OTI;
	fec_partition(symbols, oti->num_blocks, &longest, &small, &num_long);
	if (longest > FEC_RAPTORQ_MAX_K)
		return CAROUSEL_E_OTI;
	oti->max_block_symbols = (uint32_t)longest;
	oti->max_encoding_symbols = 0;
	return 0;
}

/* RFC 5052 section 9.1: the schemes that announce B and derive the number of blocks. */
static int oti_check_partitioned(struct fec_oti *oti, uint64_t max_blocks)
{
	uint64_t symbols, blocks;
	if (oti->transfer_length > MAX_TRANSFER_LENGTH_48 || oti->max_block_symbols == 0)
		return CAROUSEL_E_OTI;
	symbols = oti_num_symbols(oti);
	blocks = symbols / oti->max_block_symbols + (symbols % oti->max_block_symbols ? 1 : 0);
	if (blocks > max_blocks)
		return CAROUSEL_E_OTI;
	oti->num_blocks = (uint32_t)blocks;
	oti->num_sub_blocks = 1;
	oti->alignment = 1;
	return 0;
}

static uint32_t oti_longest_block(const struct fec_oti *oti)
{
	uint64_t longest = 0, small, num_long;
	if (oti->num_blocks)
		fec_partition(oti_num_symbols(oti), oti->num_blocks, &longest, &small, &num_long);
	return (uint32_t)longest;
}

static int oti_check_no_code(struct fec_oti *oti)
{
	int result = oti_check_partitioned(oti, NO_CODE_MAX_BLOCKS);
	if (result)
		return result;
	oti->max_encoding_symbols = 0;
	return oti_longest_block(oti) > NO_CODE_MAX_K ? CAROUSEL_E_OTI : 0;
}

static int oti_check_reed_solomon(struct fec_oti *oti)
{
	if (oti->transfer_length == 0 || oti->max_encoding_symbols > FEC_RS_MAX_N ||
		oti->max_block_symbols > oti->max_encoding_symbols)
		return CAROUSEL_E_OTI;
	return oti_check_partitioned(oti, RS_MAX_BLOCKS);
}

static int oti_check_small_block(struct fec_oti *oti)
{
	if (oti->instance_id != FEC_INSTANCE_RS_VAND && oti->instance_id != FEC_INSTANCE_ISA_L_CAUCHY)
		return CAROUSEL_E_UNSUPPORTED;
	if (oti->transfer_length == 0 || oti->max_encoding_symbols > FEC_SMALL_BLOCK_MAX_N ||
		oti->max_block_symbols >= oti->max_encoding_symbols)
		return CAROUSEL_E_OTI;
	return oti_check_partitioned(oti, SMALL_BLOCK_MAX_BLOCKS);
}

static int oti_check_scheme(struct fec_oti *oti)
{
	if (oti->symbol_size == 0 || oti->symbol_size > FEC_MAX_SYMBOL_SIZE)
		return CAROUSEL_E_OTI;
	if (oti->encoding_id != FEC_SMALL_BLOCK)
		oti->instance_id = 0;
	switch (oti->encoding_id) {
	case FEC_COMPACT_NO_CODE:
		return oti_check_no_code(oti);
	case FEC_REED_SOLOMON_GF256:
		return oti_check_reed_solomon(oti);
	case FEC_RAPTORQ:
		return oti_check_raptorq(oti);
	default:
		return oti_check_small_block(oti);
	}
}

static bool is_known_scheme(uint8_t encoding_id)
{
	return encoding_id == FEC_COMPACT_NO_CODE || encoding_id == FEC_REED_SOLOMON_GF256 ||
	       encoding_id == FEC_RAPTORQ || encoding_id == FEC_SMALL_BLOCK;
}

int fec_oti_check(struct fec_oti *oti, const struct fec_limits *limits)
{
	int result;
	if (!is_known_scheme(oti->encoding_id))
		return CAROUSEL_E_UNSUPPORTED;
	result = oti_check_scheme(oti);
	if (result || limits == NULL)
		return result;
	if (limits->max_transfer_length && oti->transfer_length > limits->max_transfer_length)
		return CAROUSEL_E_LIMIT;
	if (limits->max_symbol_size && oti->symbol_size > limits->max_symbol_size)
		return CAROUSEL_E_LIMIT;
	if (limits->max_blocks && oti->num_blocks > limits->max_blocks)
		return CAROUSEL_E_LIMIT;
	if (limits->max_block_symbols && oti_longest_block(oti) > limits->max_block_symbols)
		return CAROUSEL_E_LIMIT;
	return 0;
}

bool fec_oti_is_equal(const struct fec_oti *a, const struct fec_oti *b)
{
	return a->encoding_id == b->encoding_id && a->instance_id == b->instance_id &&
	       a->transfer_length == b->transfer_length && a->symbol_size == b->symbol_size &&
	       a->num_blocks == b->num_blocks && a->num_sub_blocks == b->num_sub_blocks &&
	       a->alignment == b->alignment && a->max_block_symbols == b->max_block_symbols &&
	       a->max_encoding_symbols == b->max_encoding_symbols;
}

int fec_block_of(const struct fec_oti *oti, uint32_t sbn, struct fec_block *block)
{
	uint64_t large, small, num_large;
	if (sbn >= oti->num_blocks)
		return CAROUSEL_E_SYMBOL;
	fec_partition(oti_num_symbols(oti), oti->num_blocks, &large, &small, &num_large);
	block->encoding_id = oti->encoding_id;
	block->instance_id = oti->instance_id;
	block->sbn = sbn;
	block->num_source = (uint32_t)(sbn < num_large ? large : small);
	block->symbol_size = oti->symbol_size;
	block->num_sub_blocks = oti->num_sub_blocks;
	block->alignment = oti->alignment;
	switch (oti->encoding_id) {
	case FEC_COMPACT_NO_CODE:
		block->esi_limit = block->num_source;
		break;
	case FEC_RAPTORQ:
		block->esi_limit = FEC_RAPTORQ_MAX_ESI + 1;
		break;
	default: /* the n-algorithm of RFC 5510 section 6.2, which Carousel uses for 129 too */
		block->esi_limit = block->num_source * oti->max_encoding_symbols / oti->max_block_symbols;
		break;
	}
	return 0;
}

uint64_t fec_block_first_symbol(const struct fec_oti *oti, uint32_t sbn)
{
	uint64_t large, small, num_large;
	fec_partition(oti_num_symbols(oti), oti->num_blocks, &large, &small, &num_large);
	return sbn < num_large ? sbn * large : num_large * large + (sbn - num_large) * small;
}

static void oti_decode_body(struct bytes_reader *r, struct fec_oti *oti)
{
	if (oti->encoding_id == FEC_RAPTORQ) { /* RFC 6330 sections 3.3.2 and 3.3.3 */
		oti->transfer_length = bytes_read_uint(r, 5);
		bytes_read_u8(r);
		oti->symbol_size = bytes_read_u16(r);
		oti->num_blocks = bytes_read_u8(r);
		oti->num_sub_blocks = bytes_read_u16(r);
		oti->alignment = bytes_read_u8(r);
		bytes_read_u16(r);
		return;
	}
	oti->num_sub_blocks = 1;
	oti->alignment = 1;
	oti->transfer_length = bytes_read_uint(r, 6);
	if (oti->encoding_id == FEC_REED_SOLOMON_GF256) { /* RFC 5510 section 5.2.4.1 */
		oti->symbol_size = bytes_read_u16(r);
		oti->max_block_symbols = bytes_read_u8(r);
		oti->max_encoding_symbols = bytes_read_u8(r);
	} else if (oti->encoding_id == FEC_SMALL_BLOCK) { /* RFC 5445 section 5.2.2.2 */
		oti->instance_id = bytes_read_u16(r);
		oti->symbol_size = bytes_read_u16(r);
		oti->max_block_symbols = bytes_read_u16(r);
		oti->max_encoding_symbols = bytes_read_u16(r);
	} else { /* RFC 5445 section 3.2.2.2; the reserved field is ignored */
		bytes_read_u16(r);
		oti->symbol_size = bytes_read_u16(r);
		oti->max_block_symbols = bytes_read_u32(r);
	}
}

int fec_oti_decode(struct bytes_reader *r, uint8_t encoding_id, struct fec_oti *oti)
{
	const struct fec_oti empty = {.encoding_id = encoding_id};
	*oti = empty;
	if (!is_known_scheme(encoding_id))
		return CAROUSEL_E_UNSUPPORTED;
	oti_decode_body(r, oti);
	return r->error;
}

int fec_oti_encode(struct bytes_writer *w, const struct fec_oti *oti)
{
	if (!is_known_scheme(oti->encoding_id))
		return CAROUSEL_E_UNSUPPORTED;
	if (oti->encoding_id == FEC_RAPTORQ) {
		bytes_write_uint(w, oti->transfer_length, 5);
		bytes_write_u8(w, 0);
		bytes_write_u16(w, oti->symbol_size);
		bytes_write_u8(w, (uint8_t)oti->num_blocks);
		bytes_write_u16(w, oti->num_sub_blocks);
		bytes_write_u8(w, oti->alignment);
		bytes_write_u16(w, 0); /* to whole words */
		return w->error;
	}
	bytes_write_uint(w, oti->transfer_length, 6);
	if (oti->encoding_id == FEC_REED_SOLOMON_GF256) {
		bytes_write_u16(w, oti->symbol_size);
		bytes_write_u8(w, (uint8_t)oti->max_block_symbols);
		bytes_write_u8(w, (uint8_t)oti->max_encoding_symbols);
	} else if (oti->encoding_id == FEC_SMALL_BLOCK) {
		bytes_write_u16(w, oti->instance_id);
		bytes_write_u16(w, oti->symbol_size);
		bytes_write_u16(w, (uint16_t)oti->max_block_symbols);
		bytes_write_u16(w, (uint16_t)oti->max_encoding_symbols);
	} else {
		bytes_write_u16(w, 0);
		bytes_write_u16(w, oti->symbol_size);
		bytes_write_u32(w, oti->max_block_symbols);
	}
	return w->error;
}

int fec_payload_id_decode(struct bytes_reader *r, uint8_t encoding_id, struct fec_payload_id *id)
{
	id->block_length = 0;
	switch (encoding_id) {
	case FEC_COMPACT_NO_CODE: /* RFC 5445 section 3.2.1 */
		id->sbn = bytes_read_u16(r);
		id->esi = bytes_read_u16(r);
		return r->error;
	case FEC_REED_SOLOMON_GF256: /* RFC 5510 section 5.1 */
		id->sbn = bytes_read_u24(r);
		id->esi = bytes_read_u8(r);
		return r->error;
	case FEC_RAPTORQ: /* RFC 6330 section 3.2 */
		id->sbn = bytes_read_u8(r);
		id->esi = bytes_read_u24(r);
		return r->error;
	case FEC_SMALL_BLOCK: /* RFC 5445 section 5.2.1 */
		id->sbn = bytes_read_u32(r);
		id->block_length = bytes_read_u16(r);
		id->esi = bytes_read_u16(r);
		return r->error;
	default:
		id->sbn = id->esi = 0;
		return CAROUSEL_E_UNSUPPORTED;
	}
}

int fec_payload_id_encode(struct bytes_writer *w, uint8_t encoding_id, const struct fec_payload_id *id)
{
	switch (encoding_id) {
	case FEC_COMPACT_NO_CODE:
		bytes_write_u16(w, (uint16_t)id->sbn);
		bytes_write_u16(w, (uint16_t)id->esi);
		return w->error;
	case FEC_REED_SOLOMON_GF256:
		bytes_write_u24(w, id->sbn);
		bytes_write_u8(w, (uint8_t)id->esi);
		return w->error;
	case FEC_RAPTORQ:
		bytes_write_u8(w, (uint8_t)id->sbn);
		bytes_write_u24(w, id->esi);
		return w->error;
	case FEC_SMALL_BLOCK:
		bytes_write_u32(w, id->sbn);
		bytes_write_u16(w, id->block_length);
		bytes_write_u16(w, (uint16_t)id->esi);
		return w->error;
	default:
		return CAROUSEL_E_UNSUPPORTED;
	}
}
