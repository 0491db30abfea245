#include "fec/fec.h"

#include "common/carousel_error.h"
#include "fec/scheme.h"

static const struct fec_scheme *scheme_of(uint8_t encoding_id)
{
	static const struct fec_scheme *const schemes[] = {
		&fec_scheme_no_code,
		&fec_scheme_raptorq,
		&fec_scheme_reed_solomon,
#if WITH_RS
		&fec_scheme_small_block,
#endif
	};
	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
		if (schemes[i]->encoding_id == encoding_id)
			return schemes[i];
	return NULL;
}

int fec_scheme_is_available(uint8_t encoding_id, uint16_t instance_id)
{
	const struct fec_scheme *scheme = scheme_of(encoding_id);
	return scheme && scheme->is_available(instance_id);
}

/* The bounds that every scheme may rely on, so that none divides, shifts or sizes by what they forbid. */
static int block_check(const struct fec_block *block)
{
	uint64_t max_source = 0x10000, max_limit = 0x10000;
	switch (block->encoding_id) {
	case FEC_RAPTORQ:
		max_source = FEC_RAPTORQ_MAX_K;
		max_limit = FEC_RAPTORQ_MAX_ESI + 1;
		break;
	case FEC_REED_SOLOMON_GF256:
		max_source = max_limit = FEC_RS_MAX_N;
		break;
	case FEC_SMALL_BLOCK:
		max_source = max_limit = FEC_SMALL_BLOCK_MAX_N;
		break;
	default:
		break;
	}
	if (block->num_source == 0 || block->num_source > max_source || block->esi_limit < block->num_source ||
		block->esi_limit > max_limit)
		return CAROUSEL_E_OTI;
	if (block->symbol_size == 0 || block->symbol_size > FEC_MAX_SYMBOL_SIZE)
		return CAROUSEL_E_OTI;
	if (block->encoding_id == FEC_COMPACT_NO_CODE && block->esi_limit != block->num_source)
		return CAROUSEL_E_OTI;
	return 0;
}

static int scheme_for_block(const struct fec_block *block, const struct fec_scheme **scheme)
{
	*scheme = scheme_of(block->encoding_id);
	if (*scheme == NULL || !(*scheme)->is_available(block->instance_id))
		return CAROUSEL_E_UNSUPPORTED;
	return block_check(block);
}

static int is_misaligned(const void *mem)
{
	return mem == NULL || (uintptr_t)mem % 64 != 0;
}

static size_t fec_most_strip(const struct fec_block *block)
{
	return block->symbol_size + (block->encoding_id == FEC_RAPTORQ ? FEC_RAPTORQ_STRIP_WORK : 0);
}

size_t fec_decoder_bytes(const struct fec_block *block, size_t strip)
{
	const struct fec_scheme *scheme;
	if (scheme_for_block(block, &scheme) != 0 || strip > fec_most_strip(block))
		return 0;
	return scheme->decoder_bytes(block, strip);
}

int fec_decoder_init(
	struct fec_decoder **decoder, void *mem, size_t mem_bytes, const struct fec_block *block, size_t strip)
{
	const struct fec_scheme *scheme;
	int result = scheme_for_block(block, &scheme);
	*decoder = NULL;
	if (result)
		return result;
	if (is_misaligned(mem) || strip > fec_most_strip(block))
		return CAROUSEL_E_ARGUMENT;
	if (mem_bytes < scheme->decoder_bytes(block, strip))
		return CAROUSEL_E_LIMIT;
	return scheme->decoder_init(decoder, mem, mem_bytes, block, strip);
}

void fec_decoder_deinit(struct fec_decoder *decoder)
{
	if (decoder)
		decoder->scheme->decoder_deinit(decoder);
}

int fec_decoder_add(struct fec_decoder *decoder, uint32_t esi)
{
	return decoder->scheme->decoder_add(decoder, esi);
}

uint32_t fec_decoder_count(const struct fec_decoder *decoder)
{
	return decoder->scheme->decoder_count(decoder);
}

int fec_decoder_plan(struct fec_decoder *decoder)
{
	return decoder->scheme->decoder_plan(decoder);
}

const uint32_t *fec_decoder_missing(const struct fec_decoder *decoder, uint32_t *count)
{
	return decoder->scheme->decoder_missing(decoder, count);
}

int fec_decoder_apply(struct fec_decoder *decoder, const struct fec_symbols *symbols)
{
	return decoder->scheme->decoder_apply(decoder, symbols);
}

int fec_plan_new(const struct carousel_allocator *a, const struct fec_block *block, struct fec_plan **plan)
{
	const struct fec_scheme *scheme;
	int result = scheme_for_block(block, &scheme);
	*plan = NULL;
	return result ? result : scheme->plan_new(a, block, plan);
}

void fec_plan_free(struct fec_plan *plan)
{
	if (plan)
		plan->scheme->plan_free(plan);
}

int fec_plan_save(const struct fec_plan *plan, uint8_t *buf, size_t *len)
{
	return plan->scheme->plan_save(plan, buf, len);
}

int fec_plan_load(const struct carousel_allocator *a, const struct fec_block *block, const uint8_t *buf, size_t len,
	struct fec_plan **plan)
{
	const struct fec_scheme *scheme;
	int result = scheme_for_block(block, &scheme);
	*plan = NULL;
	return result ? result : scheme->plan_load(a, block, buf, len, plan);
}

size_t fec_encoder_bytes(const struct fec_block *block)
{
	const struct fec_scheme *scheme;
	return scheme_for_block(block, &scheme) == 0 ? scheme->encoder_bytes(block) : 0;
}

int fec_encoder_init(struct fec_encoder **encoder, void *mem, size_t mem_bytes, const struct fec_plan *plan,
	const struct fec_symbols *source)
{
	int result;
	*encoder = NULL;
	if (is_misaligned(mem))
		return CAROUSEL_E_ARGUMENT;
	if (mem_bytes < plan->scheme->encoder_bytes(&plan->block))
		return CAROUSEL_E_LIMIT;
	result = plan->scheme->encoder_init(encoder, mem, mem_bytes, plan, source);
	if (result)
		*encoder = NULL;
	return result;
}

void fec_encoder_deinit(struct fec_encoder *encoder)
{
	if (encoder)
		encoder->scheme->encoder_deinit(encoder);
}

int fec_encoder_symbols(const struct fec_encoder *encoder, uint32_t first_esi, uint32_t step, uint32_t count,
	uint8_t *out, size_t stride)
{
	if (count == 0)
		return 0;
	if (step == 0 || stride < encoder->block.symbol_size)
		return CAROUSEL_E_ARGUMENT;
	if (first_esi >= encoder->block.esi_limit || (encoder->block.esi_limit - 1 - first_esi) / step < count - 1)
		return CAROUSEL_E_SYMBOL;
	return encoder->scheme->encoder_symbols(encoder, first_esi, step, count, out, stride);
}
