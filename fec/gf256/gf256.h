/* gf256.h - arithmetic in GF(2^8) on single octets and on long vectors, the fastest way this CPU knows.
 *
 * Polynomial x^8 + x^4 + x^3 + x^2 + 1, the field of RFC 6330 section 5.7 and of RFC 5510 with m = 8.
 * The kernels are pure functions and may be used by any thread. */
#ifndef FEC_GF256_GF256_H
#define FEC_GF256_GF256_H

#include "fec/gf256/tables.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline uint8_t gf256_mul(uint8_t a, uint8_t b)
{
	return a && b ? gf256_exp[gf256_log[a] + gf256_log[b]] : 0;
}

/* a must not be 0. */
static inline uint8_t gf256_inv(uint8_t a)
{
	return gf256_exp[255 - gf256_log[a]];
}

/* What the kernels want of a CPU, in rising order. A level is used when its bit and those it stands on are there. */
enum gf256_cpu {
	GF256_CPU_SSSE3 = 1,
	GF256_CPU_AVX2 = 2,
	GF256_CPU_GFNI = 4,   /* with AVX2 */
	GF256_CPU_AVX512 = 8, /* F, BW and VL, with GFNI */
	GF256_CPU_NEON = 16,
};

/* Outputs that dot computes at once. */
#define GF256_DOT_ROWS 4

/* Operations in a row that gather the same number of sources. With this bit in arity, solve leaves them out when it has
 * extra sources: they are computed by combine. */
#define GF256_RUN_COMBINED 0x8000u
struct gf256_run {
	uint16_t arity, count;
};

/* Column kernels work on a column tile: slots of `lines` * 64 bytes, one after the other, aligned to 64. */
#define GF256_LINE      64u
#define GF256_MAX_LINES 4u

/* slot[first + i] = data[i][off..] + sum of its run's next `arity` slots of sources + sum of its 3 extra slots (when
 * extra is not NULL), for each operation i in turn. Later operations see what earlier ones wrote. */
struct gf256_solve {
	uint8_t *work;
	unsigned lines; /* 1, 2 or 4 */
	uint32_t first;
	const struct gf256_run *runs;
	size_t num_runs;
	const uint16_t *sources;
	const uint16_t *extra;      /* three an operation, or NULL */
	const uint8_t *const *data; /* one an operation, or NULL: zeros */
	size_t off;
};

/* dst[i][dst_off..] = sum of rows base + source * stride + off. */
struct gf256_gather {
	const uint8_t *base;
	size_t stride, off;
	unsigned lines;
	const struct gf256_run *runs;
	size_t num_runs;
	const uint16_t *sources;
	uint8_t *const *dst;
	size_t dst_off;
};

/* One level's kernels. No alignment is asked of vectors (column tiles excepted); length 0 is fine. */
struct gf256_kernels {
	const char *name;
	/* dst += src */
	void (*add)(uint8_t *dst, const uint8_t *src, size_t len);
	/* dst = c * src; dst may be src */
	void (*mul)(uint8_t *dst, const uint8_t *src, uint8_t c, size_t len);
	/* dst += c * src; dst must not overlap src */
	void (*mad)(uint8_t *dst, const uint8_t *src, uint8_t c, size_t len);
	/* dst[r][0..len) = sum over j < count of coef[r * coef_stride + j] * src[j][0..len), for r < rows (1 to
	 * GF256_DOT_ROWS). A dst must not be a src. */
	void (*dot)(uint8_t *const *dst, unsigned rows, const uint8_t *const *src, unsigned count, const uint8_t *coef,
		size_t coef_stride, size_t len);
	/* Column kernels. */
	void (*solve)(const struct gf256_solve *);
	void (*gather)(const struct gf256_gather *);
	/* The HDPC sums of RFC 6330 section 5.3.3.3: with acc = alpha * acc + slot[order[j]] for j = 0, 1, ... n-1,
	 * sums[pairs[j] & 15] += acc and sums[pairs[j] >> 4] += acc, but for the last j, whose acc goes to *last.
	 * sums: 16 slots, read and written; last: one slot. */
	void (*hdpc)(const uint8_t *work, unsigned lines, const uint16_t *order, const uint8_t *pairs, size_t n,
		uint8_t *sums, uint8_t *last);
	/* Slot out[place[i]] (place NULL: out[i]) += sum of the in[j] whose bit is set, in[0] to in[15], bits of i
	 * being bits[i * bits_stride] (bit j of a 16-bit word), for i < n. Slots beyond count are not read. tables:
	 * room for 64 slots. */
	void (*combine)(uint8_t *out, const uint16_t *place, size_t n, const uint8_t *in, unsigned count,
		const uint16_t *bits, size_t bits_stride, unsigned lines, uint8_t *tables);
	/* Copies `lines` lines of n rows at off into tiles of tile_lines lines: tile t of row i goes to stage +
	 * t * tile_step + i * tile_lines * 64. */
	void (*spread)(uint8_t *stage, size_t tile_step, unsigned tile_lines, const uint8_t *const *rows, size_t n,
		size_t off, unsigned lines);
	/* Copies slot order[i] to dst + i * stride, i < n. past_caches: dst and stride are multiples of 64, and what is
	 * written will not be read soon. */
	void (*collect)(uint8_t *dst, size_t stride, const uint8_t *work, unsigned lines, const uint16_t *order,
		size_t n, bool past_caches);
};

/* Levels this CPU has, less those masked. */
unsigned gf256_cpu_flags(void);
/* For tests and benches: the process then uses only the levels whose bits are set. */
void gf256_set_cpu_mask(unsigned mask);
/* The best kernels for the flags; 0 gives plain C. Never NULL. */
const struct gf256_kernels *gf256_kernels_for(unsigned flags);
/* gf256_kernels_for(gf256_cpu_flags()). */
const struct gf256_kernels *gf256_kernels(void);

extern const struct gf256_kernels gf256_kernels_c;
#if defined(__x86_64__)
extern const struct gf256_kernels gf256_kernels_ssse3, gf256_kernels_avx2, gf256_kernels_gfni, gf256_kernels_avx512;
#elif defined(__aarch64__)
extern const struct gf256_kernels gf256_kernels_neon;
#endif

#endif
