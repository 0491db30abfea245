/* kernels_template.h - the kernels in terms of one vector type; each ISA's file defines the type and includes this.
 *
 * Wanted: LEVEL(name) names a function, TARGET its attributes; VEC, VEC_BYTES, LOAD, STORE, STREAM (past the caches,
 * aligned), XOR, ZERO; COEF with
 * PREPARE(c) and MULTIPLY(coef, x); DOUBLE(x) multiplies by alpha. No include guard: one inclusion a file. */
#include <stdbool.h>

#if defined(__clang__)
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif
#define INLINE static inline __attribute__((always_inline)) TARGET

/* Vectors that an operation holds in registers at once. */
#define HELD(lines) ((lines)*64 / VEC_BYTES < 8 ? (lines)*64 / VEC_BYTES : 8)

TARGET static void LEVEL(add)(uint8_t *dst, const uint8_t *src, size_t len)
{
	size_t i = 0;
	for (; len - i >= VEC_BYTES; i += VEC_BYTES)
		STORE(dst + i, XOR(LOAD(dst + i), LOAD(src + i)));
	for (; i < len; i++)
		dst[i] ^= src[i];
}

TARGET static void LEVEL(mul)(uint8_t *dst, const uint8_t *src, uint8_t c, size_t len)
{
	const uint8_t *t = gf256_nibbles[c];
	COEF coef = PREPARE(c);
	size_t i = 0;
	for (; len - i >= VEC_BYTES; i += VEC_BYTES)
		STORE(dst + i, MULTIPLY(coef, LOAD(src + i)));
	for (; i < len; i++)
		dst[i] = t[src[i] & 15] ^ t[16 + (src[i] >> 4)];
}

TARGET static void LEVEL(mad)(uint8_t *dst, const uint8_t *src, uint8_t c, size_t len)
{
	const uint8_t *t = gf256_nibbles[c];
	COEF coef = PREPARE(c);
	size_t i = 0;
	for (; len - i >= VEC_BYTES; i += VEC_BYTES)
		STORE(dst + i, XOR(LOAD(dst + i), MULTIPLY(coef, LOAD(src + i))));
	for (; i < len; i++)
		dst[i] ^= t[src[i] & 15] ^ t[16 + (src[i] >> 4)];
}

INLINE void LEVEL(dot_vectors)(uint8_t *const *dst, const unsigned rows, const unsigned vecs, const uint8_t *const *src,
	unsigned count, const uint8_t *coef, size_t coef_stride, size_t at)
{
	VEC acc[GF256_DOT_ROWS][2];
	UNROLL for (unsigned r = 0; r < rows; r++) UNROLL for (unsigned v = 0; v < vecs; v++) acc[r][v] = ZERO();
	for (unsigned j = 0; j < count; j++) {
		VEC x[2];
		UNROLL for (unsigned v = 0; v < vecs; v++) x[v] = LOAD(src[j] + at + v * VEC_BYTES);
		UNROLL for (unsigned r = 0; r < rows; r++)
		{
			COEF c = PREPARE(coef[r * coef_stride + j]);
			UNROLL for (unsigned v = 0; v < vecs; v++) acc[r][v] = XOR(acc[r][v], MULTIPLY(c, x[v]));
		}
	}
	UNROLL for (unsigned r = 0; r < rows; r++) UNROLL for (unsigned v = 0; v < vecs; v++)
		STORE(dst[r] + at + v * VEC_BYTES, acc[r][v]);
}

INLINE void LEVEL(dot_rows)(uint8_t *const *dst, const unsigned rows, const uint8_t *const *src, unsigned count,
	const uint8_t *coef, size_t coef_stride, size_t len)
{
	size_t i = 0;
	for (; len - i >= 2 * VEC_BYTES; i += 2 * VEC_BYTES)
		LEVEL(dot_vectors)(dst, rows, 2, src, count, coef, coef_stride, i);
	for (; len - i >= VEC_BYTES; i += VEC_BYTES)
		LEVEL(dot_vectors)(dst, rows, 1, src, count, coef, coef_stride, i);
	for (; i < len; i++)
		for (unsigned r = 0; r < rows; r++) {
			uint8_t sum = 0;
			for (unsigned j = 0; j < count; j++)
				sum ^= gf256_mul(coef[r * coef_stride + j], src[j][i]);
			dst[r][i] = sum;
		}
}

TARGET static void LEVEL(dot)(uint8_t *const *dst, unsigned rows, const uint8_t *const *src, unsigned count,
	const uint8_t *coef, size_t coef_stride, size_t len)
{
	switch (rows) {
	case 1:
		LEVEL(dot_rows)(dst, 1, src, count, coef, coef_stride, len);
		break;
	case 2:
		LEVEL(dot_rows)(dst, 2, src, count, coef, coef_stride, len);
		break;
	case 3:
		LEVEL(dot_rows)(dst, 3, src, count, coef, coef_stride, len);
		break;
	default:
		LEVEL(dot_rows)(dst, GF256_DOT_ROWS, src, count, coef, coef_stride, len);
		break;
	}
}

/* Sums `arity` slots, three extra ones and a data row into acc, for the part of the slots that starts at byte h. */
INLINE void LEVEL(sum_slots)(VEC *acc, const unsigned vecs, const uint8_t *base, size_t stride, const uint16_t *sources,
	const unsigned arity)
{
	for (unsigned a = 0; a < arity; a++) {
		const uint8_t *from = base + sources[a] * stride;
		UNROLL for (unsigned v = 0; v < vecs; v++) acc[v] = XOR(acc[v], LOAD(from + v * VEC_BYTES));
	}
}

INLINE void LEVEL(solve_run)(const struct gf256_solve *s, const unsigned lines, const bool extra, size_t op,
	size_t count, const uint16_t *sources, const unsigned arity)
{
	const size_t slot = lines * (size_t)64;
	const unsigned vecs = HELD(lines);
	uint8_t *dst = s->work + (s->first + op) * slot;
	for (size_t end = op + count; op < end; op++, sources += arity, dst += slot) {
		const uint8_t *data = s->data ? s->data[op] + s->off : NULL;
		if (data && lines == 1)
			__builtin_prefetch(s->data[op + 24 < end ? op + 24 : op] + s->off);
		for (size_t h = 0; h < slot; h += vecs * VEC_BYTES) {
			VEC acc[8];
			UNROLL for (unsigned v = 0; v < vecs; v++) acc[v] =
				data ? LOAD(data + h + v * VEC_BYTES) : ZERO();
			LEVEL(sum_slots)(acc, vecs, s->work + h, slot, sources, arity);
			if (extra)
				LEVEL(sum_slots)(acc, vecs, s->work + h, slot, s->extra + 3 * op, 3);
			UNROLL for (unsigned v = 0; v < vecs; v++) STORE(dst + h + v * VEC_BYTES, acc[v]);
		}
	}
}

INLINE void LEVEL(solve_lines)(const struct gf256_solve *s, const unsigned lines, const bool extra)
{
	const uint16_t *sources = s->sources;
	size_t op = 0;
	for (size_t i = 0; i < s->num_runs; i++) {
		const size_t count = s->runs[i].count;
		const unsigned arity = s->runs[i].arity;
		if (extra && arity & GF256_RUN_COMBINED) {
			op += count;
			sources += count * (arity & ~GF256_RUN_COMBINED);
			continue;
		}
		switch (arity & ~GF256_RUN_COMBINED) {
		case 1:
			LEVEL(solve_run)(s, lines, extra, op, count, sources, 1);
			break;
		case 2:
			LEVEL(solve_run)(s, lines, extra, op, count, sources, 2);
			break;
		case 3:
			LEVEL(solve_run)(s, lines, extra, op, count, sources, 3);
			break;
		default:
			LEVEL(solve_run)(s, lines, extra, op, count, sources, arity & ~GF256_RUN_COMBINED);
			break;
		}
		op += count;
		sources += count * (arity & ~GF256_RUN_COMBINED);
	}
}

TARGET static void LEVEL(solve)(const struct gf256_solve *s)
{
	if (s->lines == 1 && s->extra)
		LEVEL(solve_lines)(s, 1, true);
	else if (s->lines == 1)
		LEVEL(solve_lines)(s, 1, false);
	else if (s->lines == 2 && s->extra)
		LEVEL(solve_lines)(s, 2, true);
	else if (s->lines == 2)
		LEVEL(solve_lines)(s, 2, false);
	else if (s->extra)
		LEVEL(solve_lines)(s, 4, true);
	else
		LEVEL(solve_lines)(s, 4, false);
}

INLINE void LEVEL(gather_lines)(const struct gf256_gather *g, const unsigned lines)
{
	const unsigned vecs = HELD(lines);
	const uint16_t *sources = g->sources;
	uint8_t *const *dst = g->dst;
	for (size_t i = 0; i < g->num_runs; i++) {
		const unsigned arity = g->runs[i].arity;
		for (unsigned n = g->runs[i].count; n; n--, sources += arity, dst++)
			for (size_t h = 0; h < lines * (size_t)64; h += vecs * VEC_BYTES) {
				VEC acc[8];
				UNROLL for (unsigned v = 0; v < vecs; v++) acc[v] = ZERO();
				LEVEL(sum_slots)(acc, vecs, g->base + g->off + h, g->stride, sources, arity);
				UNROLL for (unsigned v = 0; v < vecs; v++)
					STORE(*dst + g->dst_off + h + v * VEC_BYTES, acc[v]);
			}
	}
}

TARGET static void LEVEL(gather)(const struct gf256_gather *g)
{
	if (g->lines == 1)
		LEVEL(gather_lines)(g, 1);
	else if (g->lines == 2)
		LEVEL(gather_lines)(g, 2);
	else
		LEVEL(gather_lines)(g, 4);
}

INLINE void LEVEL(hdpc_lines)(const uint8_t *work, const unsigned lines, const uint16_t *order, const uint8_t *pairs,
	size_t n, uint8_t *sums, uint8_t *last)
{
	const size_t slot = lines * (size_t)64;
	const unsigned vecs = HELD(lines);
	for (size_t h = 0; h < slot; h += vecs * VEC_BYTES) {
		VEC acc[8];
		UNROLL for (unsigned v = 0; v < vecs; v++) acc[v] = ZERO();
		for (size_t j = 0; j < n; j++) {
			const uint8_t *z = work + order[j] * slot + h;
			uint8_t *one = sums + (pairs[j] & 15) * slot + h, *two = sums + (pairs[j] >> 4) * slot + h;
			UNROLL for (unsigned v = 0; v < vecs; v++) acc[v] =
				XOR(DOUBLE(acc[v]), LOAD(z + v * VEC_BYTES));
			if (j + 1 == n)
				break;
			UNROLL for (unsigned v = 0; v < vecs; v++)
				STORE(one + v * VEC_BYTES, XOR(LOAD(one + v * VEC_BYTES), acc[v]));
			UNROLL for (unsigned v = 0; v < vecs; v++)
				STORE(two + v * VEC_BYTES, XOR(LOAD(two + v * VEC_BYTES), acc[v]));
		}
		UNROLL for (unsigned v = 0; v < vecs; v++) STORE(last + h + v * VEC_BYTES, acc[v]);
	}
}

TARGET static void LEVEL(hdpc)(const uint8_t *work, unsigned lines, const uint16_t *order, const uint8_t *pairs,
	size_t n, uint8_t *sums, uint8_t *last)
{
	if (lines == 1)
		LEVEL(hdpc_lines)(work, 1, order, pairs, n, sums, last);
	else if (lines == 2)
		LEVEL(hdpc_lines)(work, 2, order, pairs, n, sums, last);
	else
		LEVEL(hdpc_lines)(work, 4, order, pairs, n, sums, last);
}

INLINE void LEVEL(combine_lines)(uint8_t *out, const uint16_t *place, size_t n, const uint8_t *in, unsigned count,
	const uint16_t *bits, size_t bits_stride, const unsigned lines, uint8_t *tables)
{
	const size_t slot = lines * (size_t)64;
	const unsigned vecs = HELD(lines);
	for (unsigned e = 0; e < 64; e++) {
		const unsigned low = (e & 15) & -(e & 15), input = (e & ~15u) / 4 + (unsigned)__builtin_ctz(low | 16);
		const uint8_t *rest = tables + (e - low) * slot, *one = in + input * slot;
		if (low && (e & ~15u) / 4 >= count)
			continue; /* no bit will ask for it */
		for (size_t h = 0; h < slot; h += vecs * VEC_BYTES) {
			VEC x[8];
			UNROLL for (unsigned v = 0; v < vecs; v++) x[v] = low ? LOAD(rest + h + v * VEC_BYTES) : ZERO();
			if (low && input < count)
				UNROLL for (unsigned v = 0; v < vecs; v++) x[v] =
					XOR(x[v], LOAD(one + h + v * VEC_BYTES));
			UNROLL for (unsigned v = 0; v < vecs; v++) STORE(tables + e * slot + h + v * VEC_BYTES, x[v]);
		}
	}
	for (size_t i = 0; i < n; i++, bits += bits_stride) {
		uint8_t *to = out + (place ? place[i] : i) * slot;
		const unsigned b = *bits;
		const uint8_t *t0 = tables + (b & 15) * slot, *t1 = tables + (16 + (b >> 4 & 15)) * slot,
			      *t2 = tables + (32 + (b >> 8 & 15)) * slot, *t3 = tables + (48 + (b >> 12)) * slot;
		for (size_t h = 0; h < slot; h += vecs * VEC_BYTES)
			UNROLL for (unsigned v = 0; v < vecs; v++)
			{
				const size_t at = h + v * VEC_BYTES;
				const VEC x = XOR(XOR(LOAD(t0 + at), LOAD(t1 + at)), XOR(LOAD(t2 + at), LOAD(t3 + at)));
				STORE(to + at, XOR(LOAD(to + at), x));
			}
	}
}

/* For few outputs: tables of the sums of two inputs cost less to make than they would save with four. */
INLINE void LEVEL(combine_few)(uint8_t *out, const uint16_t *place, size_t n, const uint8_t *in, unsigned count,
	const uint16_t *bits, size_t bits_stride, const unsigned lines, uint8_t *tables)
{
	const size_t slot = lines * (size_t)64;
	const unsigned vecs = HELD(lines), pairs = (count + 1) / 2;
	for (unsigned g = 0; g < pairs; g++, in += 2 * slot, tables += 4 * slot)
		for (size_t h = 0; h < slot; h += VEC_BYTES) {
			const VEC one = LOAD(in + h), two = 2 * g + 1 < count ? LOAD(in + slot + h) : ZERO();
			STORE(tables + h, ZERO());
			STORE(tables + slot + h, one);
			STORE(tables + 2 * slot + h, two);
			STORE(tables + 3 * slot + h, XOR(one, two));
		}
	tables -= pairs * 4 * slot;
	for (size_t i = 0; i < n; i++, bits += bits_stride) {
		uint8_t *to = out + (place ? place[i] : i) * slot;
		for (size_t h = 0; h < slot; h += vecs * VEC_BYTES) {
			VEC acc[8];
			unsigned b = *bits;
			UNROLL for (unsigned v = 0; v < vecs; v++) acc[v] = LOAD(to + h + v * VEC_BYTES);
			for (unsigned g = 0; g < pairs; g++, b >>= 2) {
				const uint8_t *from = tables + (4 * g + (b & 3)) * slot + h;
				UNROLL for (unsigned v = 0; v < vecs; v++) acc[v] =
					XOR(acc[v], LOAD(from + v * VEC_BYTES));
			}
			UNROLL for (unsigned v = 0; v < vecs; v++) STORE(to + h + v * VEC_BYTES, acc[v]);
		}
	}
}

INLINE void LEVEL(combine_any)(uint8_t *out, const uint16_t *place, size_t n, const uint8_t *in, unsigned count,
	const uint16_t *bits, size_t bits_stride, const unsigned lines, uint8_t *tables)
{
	if (n < 40)
		LEVEL(combine_few)(out, place, n, in, count, bits, bits_stride, lines, tables);
	else
		LEVEL(combine_lines)(out, place, n, in, count, bits, bits_stride, lines, tables);
}

TARGET static void LEVEL(combine)(uint8_t *out, const uint16_t *place, size_t n, const uint8_t *in, unsigned count,
	const uint16_t *bits, size_t bits_stride, unsigned lines, uint8_t *tables)
{
	if (lines == 1)
		LEVEL(combine_any)(out, place, n, in, count, bits, bits_stride, 1, tables);
	else if (lines == 2)
		LEVEL(combine_any)(out, place, n, in, count, bits, bits_stride, 2, tables);
	else
		LEVEL(combine_any)(out, place, n, in, count, bits, bits_stride, 4, tables);
}

TARGET static void LEVEL(spread)(uint8_t *stage, size_t tile_step, unsigned tile_lines, const uint8_t *const *rows,
	size_t n, size_t off, unsigned lines)
{
	const size_t slot = tile_lines * (size_t)64;
	for (size_t i = 0; i < n; i++, stage += slot) {
		const uint8_t *from = rows[i] + off, *ahead = rows[i + 16 < n ? i + 16 : n - 1] + off;
		for (unsigned l = 0; l < lines; l++) {
			uint8_t *to = stage + l / tile_lines * tile_step + l % tile_lines * 64;
			__builtin_prefetch(ahead + l * 64);
			UNROLL for (unsigned v = 0; v < 64 / VEC_BYTES; v++)
				STORE(to + v * VEC_BYTES, LOAD(from + l * 64 + v * VEC_BYTES));
		}
	}
}

TARGET static void LEVEL(collect)(uint8_t *dst, size_t stride, const uint8_t *work, unsigned lines,
	const uint16_t *order, size_t n, bool past_caches)
{
	const size_t slot = lines * (size_t)64;
	for (size_t i = 0; i < n; i++, dst += stride) {
		const uint8_t *from = work + order[i] * slot;
		for (size_t at = 0; at < slot; at += 64)
			if (past_caches)
				UNROLL for (unsigned v = 0; v < 64 / VEC_BYTES; v++)
					STREAM(dst + at + v * VEC_BYTES, LOAD(from + at + v * VEC_BYTES));
			else
				UNROLL for (unsigned v = 0; v < 64 / VEC_BYTES; v++)
					STORE(dst + at + v * VEC_BYTES, LOAD(from + at + v * VEC_BYTES));
	}
	if (past_caches)
		STREAM_END();
}

#define KERNELS(text)                                                                                                  \
	{                                                                                                              \
		.name = (text), .add = LEVEL(add), .mul = LEVEL(mul), .mad = LEVEL(mad), .dot = LEVEL(dot),            \
		.solve = LEVEL(solve), .gather = LEVEL(gather), .hdpc = LEVEL(hdpc), .combine = LEVEL(combine),        \
		.spread = LEVEL(spread), .collect = LEVEL(collect)                                                     \
	}
