/* Compact No-Code, RFC 5445 section 3: the encoding symbols are the source symbols. */
#include "common/carousel_error.h"
#include "fec/scheme_support.h"

#include <string.h>

struct no_code_decoder {
	struct fec_decoder head;
	struct fec_held held;
	bool identity_only;
};

struct no_code_encoder {
	struct fec_encoder head;
	uint8_t *symbols;
};

static int no_code_is_available(uint16_t instance_id)
{
	return instance_id == 0;
}

static size_t no_code_decoder_bytes(const struct fec_block *block, size_t strip)
{
	(void)strip;
	return fec_align64(sizeof(struct no_code_decoder)) + fec_held_bytes(block);
}

static int no_code_decoder_init(
	struct fec_decoder **decoder, void *mem, size_t mem_bytes, const struct fec_block *block, size_t strip)
{
	struct no_code_decoder *d = mem;
	(void)mem_bytes;
	fec_held_init(&d->held, (uint8_t *)mem + fec_align64(sizeof *d), block);
	d->head.scheme = &fec_scheme_no_code;
	d->head.block = *block;
	d->identity_only = strip == 1;
	*decoder = &d->head;
	return 0;
}

static void no_code_decoder_deinit(struct fec_decoder *decoder)
{
	(void)decoder;
}

static int no_code_decoder_add(struct fec_decoder *decoder, uint32_t esi)
{
	return fec_held_add(&((struct no_code_decoder *)decoder)->held, esi);
}

static uint32_t no_code_decoder_count(const struct fec_decoder *decoder)
{
	return ((const struct no_code_decoder *)decoder)->held.count;
}

static int no_code_decoder_plan(struct fec_decoder *decoder)
{
	return fec_held_plan(&((struct no_code_decoder *)decoder)->held);
}

static const uint32_t *no_code_decoder_missing(const struct fec_decoder *decoder, uint32_t *count)
{
	return fec_held_missing(&((const struct no_code_decoder *)decoder)->held, count);
}

/* Whoever holds K symbols holds them all. */
static int no_code_decoder_apply(struct fec_decoder *decoder, const struct fec_symbols *symbols)
{
	const struct no_code_decoder *d = (const struct no_code_decoder *)decoder;
	(void)symbols;
	if (d->identity_only)
		return CAROUSEL_E_UNSUPPORTED;
	return d->held.planned ? 0 : CAROUSEL_E_NEED_MORE;
}

static int no_code_plan_new(const struct carousel_allocator *a, const struct fec_block *block, struct fec_plan **plan)
{
	struct fec_plan *p = memory_alloc(a, 1, sizeof *p);
	*plan = p;
	if (p == NULL)
		return CAROUSEL_E_MEMORY;
	p->scheme = &fec_scheme_no_code;
	p->block = *block;
	p->allocator = a;
	return 0;
}

static void no_code_plan_free(struct fec_plan *plan)
{
	memory_free(plan->allocator, plan);
}

static int no_code_plan_save(const struct fec_plan *plan, uint8_t *buf, size_t *len)
{
	return fec_plan_identity_save(&plan->block, buf, len);
}

static int no_code_plan_load(const struct carousel_allocator *a, const struct fec_block *block, const uint8_t *buf,
	size_t len, struct fec_plan **plan)
{
	int result = fec_plan_identity_check(block, buf, len);
	return result ? result : no_code_plan_new(a, block, plan);
}

static size_t no_code_encoder_bytes(const struct fec_block *block)
{
	return fec_align64(sizeof(struct no_code_encoder)) + (size_t)block->num_source * block->symbol_size;
}

static int no_code_encoder_init(struct fec_encoder **encoder, void *mem, size_t mem_bytes, const struct fec_plan *plan,
	const struct fec_symbols *source)
{
	struct no_code_encoder *e = mem;
	(void)mem_bytes;
	e->head.scheme = &fec_scheme_no_code;
	e->head.block = plan->block;
	e->symbols = (uint8_t *)mem + fec_align64(sizeof *e);
	*encoder = &e->head;
	return fec_symbols_load(source, &plan->block, e->symbols);
}

static void no_code_encoder_deinit(struct fec_encoder *encoder)
{
	(void)encoder;
}

static int no_code_encoder_symbols(const struct fec_encoder *encoder, uint32_t first_esi, uint32_t step, uint32_t count,
	uint8_t *out, size_t stride)
{
	const struct no_code_encoder *e = (const struct no_code_encoder *)encoder;
	const size_t t = e->head.block.symbol_size;
	for (uint32_t i = 0; i < count; i++)
		memcpy(out + i * stride, e->symbols + ((size_t)first_esi + (size_t)i * step) * t, t);
	return 0;
}

const struct fec_scheme fec_scheme_no_code = {
	.encoding_id = FEC_COMPACT_NO_CODE,
	.name = "no-code",
	.is_available = no_code_is_available,
	.decoder_bytes = no_code_decoder_bytes,
	.decoder_init = no_code_decoder_init,
	.decoder_deinit = no_code_decoder_deinit,
	.decoder_add = no_code_decoder_add,
	.decoder_count = no_code_decoder_count,
	.decoder_plan = no_code_decoder_plan,
	.decoder_missing = no_code_decoder_missing,
	.decoder_apply = no_code_decoder_apply,
	.plan_new = no_code_plan_new,
	.plan_free = no_code_plan_free,
	.plan_save = no_code_plan_save,
	.plan_load = no_code_plan_load,
	.encoder_bytes = no_code_encoder_bytes,
	.encoder_init = no_code_encoder_init,
	.encoder_deinit = no_code_encoder_deinit,
	.encoder_symbols = no_code_encoder_symbols,
};
