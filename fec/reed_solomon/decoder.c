#include "fec/reed_solomon/reed_solomon.h"

#include "common/carousel_error.h"
#include "fec/gf256/gf256.h"
#include "fec/reed_solomon/interpolate.h"

struct reed_solomon_decoder {
	struct fec_decoder head;
	struct fec_held held;
	size_t strip; /* 0: identities only */
	bool solved;
	uint32_t *known; /* the K symbols that decoding reads */
	uint8_t *weights;
	uint8_t *coef;   /* one row of K a missing symbol */
	uint8_t *strips; /* K strips of what was read, then GF256_DOT_ROWS of what is written */
	const uint8_t *source[FEC_RS_MAX_N];
};

/* What lies behind the struct, in bytes. */
struct decoder_shape {
	size_t held, known, weights, coef, strips, pitch;
};

static struct decoder_shape decoder_shape(const struct fec_block *block, size_t strip)
{
	const uint32_t k = block->num_source, repair = block->esi_limit - k;
	struct decoder_shape shape = {.held = fec_held_bytes(block)};
	if (strip == 1)
		return shape;
	shape.known = fec_align64(k * sizeof(uint32_t));
	shape.weights = fec_align64(k);
	shape.coef = fec_align64((size_t)k * (repair < k ? repair : k));
	shape.pitch = fec_align64(strip ? strip : block->symbol_size);
	shape.strips = (k + GF256_DOT_ROWS) * shape.pitch;
	return shape;
}

size_t reed_solomon_decoder_bytes(const struct fec_block *block, size_t strip)
{
	const struct decoder_shape s = decoder_shape(block, strip);
	return fec_align64(sizeof(struct reed_solomon_decoder)) + s.held + s.known + s.weights + s.coef + s.strips;
}

int reed_solomon_decoder_init(
	struct fec_decoder **decoder, void *mem, size_t mem_bytes, const struct fec_block *block, size_t strip)
{
	const struct decoder_shape s = decoder_shape(block, strip);
	struct reed_solomon_decoder *d = mem;
	uint8_t *at = (uint8_t *)mem + fec_align64(sizeof *d);
	(void)mem_bytes;
	d->head.scheme = &fec_scheme_reed_solomon;
	d->head.block = *block;
	fec_held_init(&d->held, at, block);
	at += s.held;
	d->known = (uint32_t *)(void *)at;
	at += s.known;
	d->weights = at;
	d->coef = d->weights + s.weights;
	d->strips = d->coef + s.coef;
	d->strip = strip == 1 ? 0 : strip ? strip : block->symbol_size;
	d->solved = false;
	*decoder = &d->head;
	return 0;
}

void reed_solomon_decoder_deinit(struct fec_decoder *decoder)
{
	(void)decoder;
}

int reed_solomon_decoder_add(struct fec_decoder *decoder, uint32_t esi)
{
	struct reed_solomon_decoder *d = (struct reed_solomon_decoder *)decoder;
	d->solved = false;
	return fec_held_add(&d->held, esi);
}

uint32_t reed_solomon_decoder_count(const struct fec_decoder *decoder)
{
	return ((const struct reed_solomon_decoder *)decoder)->held.count;
}

int reed_solomon_decoder_plan(struct fec_decoder *decoder)
{
	struct reed_solomon_decoder *d = (struct reed_solomon_decoder *)decoder;
	int result = fec_held_plan(&d->held);
	if (result || d->solved || d->strip == 0)
		return result;
	fec_held_choose(&d->held, d->known);
	interpolate(d->known, d->held.num_source, d->held.missing, d->held.num_missing, d->weights, d->coef);
	d->solved = true;
	return 0;
}

const uint32_t *reed_solomon_decoder_missing(const struct fec_decoder *decoder, uint32_t *count)
{
	return fec_held_missing(&((const struct reed_solomon_decoder *)decoder)->held, count);
}

static int decoder_read(struct reed_solomon_decoder *d, const struct fec_symbols *symbols, size_t off, size_t len)
{
	const size_t pitch = fec_align64(d->strip);
	for (uint32_t i = 0; i < d->held.num_source; i++) {
		int result = fec_symbols_fetch(symbols, d->known[i], off, len, d->strips + i * pitch, &d->source[i]);
		if (result)
			return result;
	}
	return 0;
}

static int decoder_write(struct reed_solomon_decoder *d, const struct fec_symbols *symbols, size_t off, size_t len)
{
	const struct gf256_kernels *kernels = gf256_kernels();
	const size_t pitch = fec_align64(d->strip);
	const uint32_t k = d->held.num_source;
	uint8_t *rows[GF256_DOT_ROWS];
	for (unsigned r = 0; r < GF256_DOT_ROWS; r++)
		rows[r] = d->strips + (k + r) * pitch;
	for (uint32_t done = 0; done < d->held.num_missing;) {
		uint32_t left = d->held.num_missing - done;
		unsigned now = left < GF256_DOT_ROWS ? left : GF256_DOT_ROWS;
		kernels->dot(rows, now, d->source, k, d->coef + (size_t)done * k, k, len);
		for (unsigned r = 0; r < now; r++) {
			int result = symbols->write(symbols->user, d->held.missing[done + r], off, len, rows[r]);
			if (result)
				return result;
		}
		done += now;
	}
	return 0;
}

int reed_solomon_decoder_apply(struct fec_decoder *decoder, const struct fec_symbols *symbols)
{
	struct reed_solomon_decoder *d = (struct reed_solomon_decoder *)decoder;
	const size_t t = d->head.block.symbol_size;
	if (d->strip == 0)
		return CAROUSEL_E_UNSUPPORTED;
	if (!d->solved)
		return CAROUSEL_E_NEED_MORE;
	if (d->held.num_missing == 0)
		return 0;
	for (size_t off = 0; off < t; off += d->strip) {
		size_t len = t - off < d->strip ? t - off : d->strip;
		int result = decoder_read(d, symbols, off, len);
		if (result == 0)
			result = decoder_write(d, symbols, off, len);
		if (result)
			return result;
	}
	return 0;
}
