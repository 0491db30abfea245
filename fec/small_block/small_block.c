/* Small-block systematic Reed-Solomon through liberasurecode, FEC Encoding ID 129, RFC 5445 section 5.
 * The library allocates for itself while it works: at most about three blocks when encoding, three of their strips
 * when decoding. */
#include "common/carousel_error.h"
#include "fec/scheme_support.h"
#include "fec/small_block/fragments.h"

#include <string.h>

struct small_block_decoder {
	struct fec_decoder head;
	struct fec_held held;
	size_t strip; /* 0: identities only */
};

struct small_block_encoder {
	struct fec_encoder head;
	uint8_t *symbols; /* all n */
};

static int small_block_is_available(uint16_t instance_id)
{
	return fragments_is_available(instance_id);
}

static size_t small_block_decoder_bytes(const struct fec_block *block, size_t strip)
{
	(void)strip;
	return fec_align64(sizeof(struct small_block_decoder)) + fec_held_bytes(block);
}

static int small_block_check(const struct fec_block *block)
{
	return block->symbol_size % fragments_word(block->instance_id) == 0 ? 0 : CAROUSEL_E_OTI;
}

static int small_block_decoder_init(
	struct fec_decoder **decoder, void *mem, size_t mem_bytes, const struct fec_block *block, size_t strip)
{
	struct small_block_decoder *d = mem;
	const size_t word = fragments_word(block->instance_id);
	int result = small_block_check(block);
	(void)mem_bytes;
	if (result)
		return result;
	fec_held_init(&d->held, (uint8_t *)mem + fec_align64(sizeof *d), block);
	d->head.scheme = &fec_scheme_small_block;
	d->head.block = *block;
	d->strip = 0;
	if (strip != 1)
		d->strip = strip ? strip / word * word : block->symbol_size;
	*decoder = &d->head;
	return 0;
}

static void small_block_decoder_deinit(struct fec_decoder *decoder)
{
	(void)decoder;
}

static int small_block_decoder_add(struct fec_decoder *decoder, uint32_t esi)
{
	return fec_held_add(&((struct small_block_decoder *)decoder)->held, esi);
}

static uint32_t small_block_decoder_count(const struct fec_decoder *decoder)
{
	return ((const struct small_block_decoder *)decoder)->held.count;
}

static int small_block_decoder_plan(struct fec_decoder *decoder)
{
	return fec_held_plan(&((struct small_block_decoder *)decoder)->held);
}

static const uint32_t *small_block_decoder_missing(const struct fec_decoder *decoder, uint32_t *count)
{
	return fec_held_missing(&((const struct small_block_decoder *)decoder)->held, count);
}

static int stripe_fill(
	const struct fragments_stripe *stripe, const struct fec_symbols *symbols, const uint32_t *esis, size_t off)
{
	for (uint32_t i = 0; i < stripe->code->k; i++) {
		uint8_t *to = fragments_stripe_symbol(stripe, esis[i]);
		const uint8_t *at;
		int result = fec_symbols_fetch(symbols, esis[i], off, stripe->len, to, &at);
		if (result)
			return result;
		if (at != to)
			memcpy(to, at, stripe->len);
	}
	return 0;
}

/* One strip of columns, wide as the stripe. */
static int strip_apply(const struct small_block_decoder *d, const struct fragments_stripe *stripe,
	const struct fec_symbols *symbols, const uint32_t *esis, size_t off)
{
	uint8_t *source;
	int result = stripe_fill(stripe, symbols, esis, off);
	if (result == 0)
		result = fragments_stripe_decode(stripe, esis, &source);
	if (result)
		return result;
	for (uint32_t i = 0; i < d->held.num_missing && result == 0; i++) {
		uint32_t esi = d->held.missing[i];
		result = symbols->write(symbols->user, esi, off, stripe->len, source + esi * stripe->len);
	}
	fragments_stripe_release(stripe, source);
	return result;
}

/* Columns [off, end) in strips of `strip` bytes, which divides them. */
static int strips_apply(const struct small_block_decoder *d, const struct fragments_code *code,
	const struct fec_symbols *symbols, const uint32_t *esis, size_t off, size_t end, size_t strip)
{
	struct fragments_stripe stripe;
	int result;
	if (off == end)
		return 0;
	result = fragments_stripe_open(&stripe, code, strip);
	if (result)
		return result;
	for (; off < end && result == 0; off += strip)
		result = strip_apply(d, &stripe, symbols, esis, off);
	fragments_stripe_close(&stripe);
	return result;
}

static int small_block_decoder_apply(struct fec_decoder *decoder, const struct fec_symbols *symbols)
{
	const struct small_block_decoder *d = (const struct small_block_decoder *)decoder;
	const struct fec_block *block = &d->head.block;
	struct fragments_code code;
	uint32_t esis[FEC_SMALL_BLOCK_MAX_N];
	size_t whole;
	int result;
	if (d->strip == 0)
		return CAROUSEL_E_UNSUPPORTED;
	if (!d->held.planned)
		return CAROUSEL_E_NEED_MORE;
	if (d->held.num_missing == 0)
		return 0;
	fec_held_choose(&d->held, esis);
	result = fragments_open(&code, block->instance_id, block->num_source, block->esi_limit - block->num_source);
	if (result)
		return result;
	whole = block->symbol_size / d->strip * d->strip;
	result = strips_apply(d, &code, symbols, esis, 0, whole, d->strip);
	if (result == 0)
		result = strips_apply(d, &code, symbols, esis, whole, block->symbol_size, block->symbol_size - whole);
	fragments_close(&code);
	return result;
}

static int small_block_plan_new(
	const struct carousel_allocator *a, const struct fec_block *block, struct fec_plan **plan)
{
	struct fec_plan *p;
	int result = small_block_check(block);
	*plan = NULL;
	if (result)
		return result;
	p = memory_alloc(a, 1, sizeof *p);
	if (p == NULL)
		return CAROUSEL_E_MEMORY;
	p->scheme = &fec_scheme_small_block;
	p->block = *block;
	p->allocator = a;
	*plan = p;
	return 0;
}

static void small_block_plan_free(struct fec_plan *plan)
{
	memory_free(plan->allocator, plan);
}

static int small_block_plan_save(const struct fec_plan *plan, uint8_t *buf, size_t *len)
{
	return fec_plan_identity_save(&plan->block, buf, len);
}

static int small_block_plan_load(const struct carousel_allocator *a, const struct fec_block *block, const uint8_t *buf,
	size_t len, struct fec_plan **plan)
{
	int result = fec_plan_identity_check(block, buf, len);
	return result ? result : small_block_plan_new(a, block, plan);
}

static size_t small_block_encoder_bytes(const struct fec_block *block)
{
	return fec_align64(sizeof(struct small_block_encoder)) + (size_t)block->esi_limit * block->symbol_size;
}

static int small_block_encoder_init(struct fec_encoder **encoder, void *mem, size_t mem_bytes,
	const struct fec_plan *plan, const struct fec_symbols *source)
{
	const struct fec_block *block = &plan->block;
	const uint32_t repair = block->esi_limit - block->num_source;
	struct small_block_encoder *e = mem;
	struct fragments_code code;
	int result;
	(void)mem_bytes;
	e->head.scheme = &fec_scheme_small_block;
	e->head.block = *block;
	e->symbols = (uint8_t *)mem + fec_align64(sizeof *e);
	*encoder = &e->head;
	result = fec_symbols_load(source, block, e->symbols);
	if (result || repair == 0) /* the built-in backend crashes without repair symbols */
		return result;
	result = fragments_open(&code, block->instance_id, block->num_source, repair);
	if (result)
		return result;
	result = fragments_encode(
		&code, e->symbols, block->symbol_size, e->symbols + (size_t)block->num_source * block->symbol_size);
	fragments_close(&code);
	return result;
}

static void small_block_encoder_deinit(struct fec_encoder *encoder)
{
	(void)encoder;
}

static int small_block_encoder_symbols(const struct fec_encoder *encoder, uint32_t first_esi, uint32_t step,
	uint32_t count, uint8_t *out, size_t stride)
{
	const struct small_block_encoder *e = (const struct small_block_encoder *)encoder;
	const size_t t = e->head.block.symbol_size;
	for (uint32_t i = 0; i < count; i++)
		memcpy(out + i * stride, e->symbols + ((size_t)first_esi + (size_t)i * step) * t, t);
	return 0;
}

const struct fec_scheme fec_scheme_small_block = {
	.encoding_id = FEC_SMALL_BLOCK,
	.name = "small-block",
	.is_available = small_block_is_available,
	.decoder_bytes = small_block_decoder_bytes,
	.decoder_init = small_block_decoder_init,
	.decoder_deinit = small_block_decoder_deinit,
	.decoder_add = small_block_decoder_add,
	.decoder_count = small_block_decoder_count,
	.decoder_plan = small_block_decoder_plan,
	.decoder_missing = small_block_decoder_missing,
	.decoder_apply = small_block_decoder_apply,
	.plan_new = small_block_plan_new,
	.plan_free = small_block_plan_free,
	.plan_save = small_block_plan_save,
	.plan_load = small_block_plan_load,
	.encoder_bytes = small_block_encoder_bytes,
	.encoder_init = small_block_encoder_init,
	.encoder_deinit = small_block_encoder_deinit,
	.encoder_symbols = small_block_encoder_symbols,
};
