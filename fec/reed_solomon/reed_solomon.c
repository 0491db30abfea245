#include "fec/reed_solomon/reed_solomon.h"

#include "common/carousel_error.h"
#include "fec/gf256/gf256.h"
#include "fec/reed_solomon/interpolate.h"

#include <string.h>

struct reed_solomon_plan {
	struct fec_plan head;
	uint8_t coef[]; /* of each repair symbol a row of K: columns K to n-1 of the generator, RFC 5510 section 8.2.1
			 */
};

struct reed_solomon_encoder {
	struct fec_encoder head;
	const uint8_t *coef;
	uint8_t *source;
	const uint8_t *symbols[FEC_RS_MAX_N];
};

static int reed_solomon_is_available(uint16_t instance_id)
{
	return instance_id == 0;
}

static size_t repair_bytes(const struct fec_block *block)
{
	return (size_t)block->num_source * (block->esi_limit - block->num_source);
}

static int reed_solomon_plan_new(
	const struct carousel_allocator *a, const struct fec_block *block, struct fec_plan **plan)
{
	const uint32_t k = block->num_source, repair = block->esi_limit - k;
	struct reed_solomon_plan *p = memory_alloc(a, 1, sizeof *p + repair_bytes(block));
	uint32_t known[FEC_RS_MAX_N], wanted[FEC_RS_MAX_N];
	uint8_t weights[FEC_RS_MAX_N];
	*plan = NULL;
	if (p == NULL)
		return CAROUSEL_E_MEMORY;
	p->head.scheme = &fec_scheme_reed_solomon;
	p->head.block = *block;
	p->head.allocator = a;
	for (uint32_t i = 0; i < k; i++)
		known[i] = i;
	for (uint32_t i = 0; i < repair; i++)
		wanted[i] = k + i;
	interpolate(known, k, wanted, repair, weights, p->coef);
	*plan = &p->head;
	return 0;
}

static void reed_solomon_plan_free(struct fec_plan *plan)
{
	memory_free(plan->allocator, plan);
}

static int reed_solomon_plan_save(const struct fec_plan *plan, uint8_t *buf, size_t *len)
{
	return fec_plan_identity_save(&plan->block, buf, len);
}

static int reed_solomon_plan_load(const struct carousel_allocator *a, const struct fec_block *block, const uint8_t *buf,
	size_t len, struct fec_plan **plan)
{
	int result = fec_plan_identity_check(block, buf, len);
	return result ? result : reed_solomon_plan_new(a, block, plan);
}

static size_t reed_solomon_encoder_bytes(const struct fec_block *block)
{
	return fec_align64(sizeof(struct reed_solomon_encoder)) + fec_align64(repair_bytes(block)) +
	       (size_t)block->num_source * block->symbol_size;
}

static int reed_solomon_encoder_init(struct fec_encoder **encoder, void *mem, size_t mem_bytes,
	const struct fec_plan *plan, const struct fec_symbols *source)
{
	const struct reed_solomon_plan *p = (const struct reed_solomon_plan *)plan;
	const struct fec_block *block = &plan->block;
	struct reed_solomon_encoder *e = mem;
	uint8_t *coef = (uint8_t *)mem + fec_align64(sizeof *e);
	(void)mem_bytes;
	e->head.scheme = &fec_scheme_reed_solomon;
	e->head.block = *block;
	memcpy(coef, p->coef, repair_bytes(block));
	e->coef = coef;
	e->source = coef + fec_align64(repair_bytes(block));
	for (uint32_t i = 0; i < block->num_source; i++)
		e->symbols[i] = e->source + (size_t)i * block->symbol_size;
	*encoder = &e->head;
	return fec_symbols_load(source, block, e->source);
}

static void reed_solomon_encoder_deinit(struct fec_encoder *encoder)
{
	(void)encoder;
}

/* Columns [off, off + len) of repair symbols esi, esi + step, ...: count of them. */
static void encode_tile(const struct reed_solomon_encoder *e, uint32_t esi, uint32_t step, uint32_t count, size_t off,
	size_t len, uint8_t *out, size_t stride)
{
	const struct gf256_kernels *kernels = gf256_kernels();
	const uint32_t k = e->head.block.num_source;
	const uint8_t *source[FEC_RS_MAX_N];
	for (uint32_t i = 0; i < k; i++)
		source[i] = e->symbols[i] + off;
	while (count) {
		unsigned rows = count < GF256_DOT_ROWS ? count : GF256_DOT_ROWS;
		uint8_t *to[GF256_DOT_ROWS];
		for (unsigned r = 0; r < rows; r++)
			to[r] = out + r * stride + off;
		kernels->dot(to, rows, source, k, e->coef + (size_t)(esi - k) * k, (size_t)step * k, len);
		esi += step * rows;
		out += stride * rows;
		count -= rows;
	}
}

static int reed_solomon_encoder_symbols(const struct fec_encoder *encoder, uint32_t first_esi, uint32_t step,
	uint32_t count, uint8_t *out, size_t stride)
{
	const struct reed_solomon_encoder *e = (const struct reed_solomon_encoder *)encoder;
	uint32_t esi = first_esi;
	while (count && esi < e->head.block.num_source) {
		memcpy(out, e->symbols[esi], e->head.block.symbol_size);
		esi += step;
		out += stride;
		count--;
	}
	for (size_t off = 0, t = e->head.block.symbol_size; count && off < t; off += REED_SOLOMON_TILE)
		encode_tile(e, esi, step, count, off, t - off < REED_SOLOMON_TILE ? t - off : REED_SOLOMON_TILE, out,
			stride);
	return 0;
}

const struct fec_scheme fec_scheme_reed_solomon = {
	.encoding_id = FEC_REED_SOLOMON_GF256,
	.name = "reed-solomon",
	.is_available = reed_solomon_is_available,
	.decoder_bytes = reed_solomon_decoder_bytes,
	.decoder_init = reed_solomon_decoder_init,
	.decoder_deinit = reed_solomon_decoder_deinit,
	.decoder_add = reed_solomon_decoder_add,
	.decoder_count = reed_solomon_decoder_count,
	.decoder_plan = reed_solomon_decoder_plan,
	.decoder_missing = reed_solomon_decoder_missing,
	.decoder_apply = reed_solomon_decoder_apply,
	.plan_new = reed_solomon_plan_new,
	.plan_free = reed_solomon_plan_free,
	.plan_save = reed_solomon_plan_save,
	.plan_load = reed_solomon_plan_load,
	.encoder_bytes = reed_solomon_encoder_bytes,
	.encoder_init = reed_solomon_encoder_init,
	.encoder_deinit = reed_solomon_encoder_deinit,
	.encoder_symbols = reed_solomon_encoder_symbols,
};
