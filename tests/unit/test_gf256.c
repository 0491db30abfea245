/* covers: fec/gf256/gf256_c.c fec/gf256/gf256_ssse3.c fec/gf256/gf256_avx2.c fec/gf256/gf256_gfni.c
 * covers: fec/gf256/gf256_avx512.c fec/gf256/gf256_neon.c fec/gf256/tables.c
 * Every level that this CPU has is compared with an octet-by-octet computation, on every length up to four vectors,
 * against a page that must not be touched. */
#include "tests/lib/test.h"

#include "fec/gf256/gf256.h"

#include <sys/mman.h>

enum { LENGTHS = 4 * 64 + 3, AREA = 4096 };

static const unsigned levels[] = {
	0, GF256_CPU_SSSE3, GF256_CPU_SSSE3 | GF256_CPU_AVX2, GF256_CPU_SSSE3 | GF256_CPU_AVX2 | GF256_CPU_GFNI, ~0u};

/* The multiplication of RFC 6330 section 5.7, by shifts. */
static uint8_t slow_mul(uint8_t a, uint8_t b)
{
	unsigned x = a, sum = 0;
	for (; b; b >>= 1, x <<= 1, x ^= x & 256 ? 0x11d : 0)
		sum ^= b & 1 ? x : 0;
	return (uint8_t)sum;
}

/* len octets that end where an unmapped page begins. */
static uint8_t *guarded(uint8_t **map, size_t len)
{
	*map = mmap(NULL, 2 * AREA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(*map, MAP_FAILED);
	assert_int_equal(mprotect(*map + AREA, AREA, PROT_NONE), 0);
	return *map + AREA - len;
}

static void fill(uint8_t *p, size_t len, uint64_t seed)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)test_random(&seed);
}

static void test_tables(void **state)
{
	(void)state;
	assert_int_equal(gf256_exp[0], 1);
	assert_int_equal(gf256_exp[8], 29);
	assert_int_equal(gf256_exp[509], 142);
	for (unsigned a = 0; a < 256; a++) {
		for (unsigned b = 0; b < 256; b++)
			assert_int_equal(gf256_mul((uint8_t)a, (uint8_t)b), slow_mul((uint8_t)a, (uint8_t)b));
		if (a)
			assert_int_equal(gf256_mul((uint8_t)a, gf256_inv((uint8_t)a)), 1);
	}
}

static void check_vectors(const struct gf256_kernels *k, size_t len, uint8_t c)
{
	uint8_t *map_a, *map_b, *a = guarded(&map_a, len), *b = guarded(&map_b, len), was[LENGTHS];
	fill(b, len, len * 256 + c);
	fill(a, len, c);
	memcpy(was, a, len);
	k->add(a, b, len);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(a[i], was[i] ^ b[i]);
	memcpy(a, was, len);
	k->mad(a, b, c, len);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(a[i], was[i] ^ slow_mul(c, b[i]));
	k->mul(a, b, c, len);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(a[i], slow_mul(c, b[i]));
	k->mul(b, b, c, len);
	assert_memory_equal(a, b, len);
	munmap(map_a, 2 * AREA);
	munmap(map_b, 2 * AREA);
}

static void check_dot(const struct gf256_kernels *k, unsigned rows, unsigned count, size_t len)
{
	uint8_t *maps[16], *dst[GF256_DOT_ROWS], coef[GF256_DOT_ROWS * 7];
	const uint8_t *src[7];
	for (unsigned j = 0; j < count; j++) {
		uint8_t *p = guarded(&maps[j], len);
		fill(p, len, j + len);
		src[j] = p;
	}
	for (unsigned r = 0; r < rows; r++)
		dst[r] = guarded(&maps[count + r], len);
	fill(coef, sizeof coef, len);
	k->dot(dst, rows, src, count, coef, 7, len);
	for (unsigned r = 0; r < rows; r++)
		for (size_t i = 0; i < len; i++) {
			uint8_t sum = 0;
			for (unsigned j = 0; j < count; j++)
				sum ^= slow_mul(coef[r * 7 + j], src[j][i]);
			assert_int_equal(dst[r][i], sum);
		}
	for (unsigned j = 0; j < count + rows; j++)
		munmap(maps[j], 2 * AREA);
}

static void test_vectors_at_every_level(void **state)
{
	(void)state;
	for (size_t l = 0; l < sizeof levels / sizeof *levels; l++) {
		const struct gf256_kernels *k = gf256_kernels_for(gf256_cpu_flags() & levels[l]);
		for (size_t len = 0; len < LENGTHS; len++)
			check_vectors(k, len, (uint8_t)(len * 7 + 1));
		for (unsigned c = 0; c < 256; c++)
			check_vectors(k, 67, (uint8_t)c);
		for (unsigned rows = 1; rows <= GF256_DOT_ROWS; rows++)
			for (size_t len = 0; len < LENGTHS; len += 5)
				check_dot(k, rows, (unsigned)(len % 7), len);
	}
}

/* A column area of `slots` slots on the heap, exactly as large as it must be. */
static uint8_t *area(size_t slots, unsigned lines, uint64_t seed)
{
	uint8_t *p = aligned_alloc(64, slots * lines * 64);
	assert_non_null(p);
	fill(p, slots * lines * 64, seed);
	return p;
}

static const struct gf256_run runs[] = {{0, 2}, {1, 3}, {2, 1}, {3, 2}, {4, 1}, {9, 2}, {1, 1}};
enum { OPS = 12, SOURCES = 2 * 0 + 3 + 2 + 6 + 4 + 18 + 1, SLOTS = 8 };

static void check_solve(const struct gf256_kernels *k, unsigned lines, int with_extra, int with_data)
{
	const size_t slot = lines * (size_t)64;
	uint8_t *work = area(SLOTS + OPS, lines, 1), *want = area(SLOTS + OPS, lines, 1);
	uint8_t *symbols = area(OPS, lines, 2), *copy = malloc(OPS * (slot + 3));
	uint16_t sources[SOURCES], extra[3 * OPS];
	const uint8_t *data[OPS];
	uint64_t seed = lines;
	size_t op = 0, at = 0;
	for (size_t i = 0; i < OPS; i++) {
		memcpy(copy + i * (slot + 3) + 3, symbols + i * slot, slot);
		data[i] = copy + i * (slot + 3);
	}
	for (size_t r = 0; r < sizeof runs / sizeof *runs; r++)
		for (unsigned n = 0; n < runs[r].count; n++, op++) {
			uint8_t *dst = want + (SLOTS + op) * slot;
			uint8_t sum[256] = {0};
			if (with_data)
				memcpy(sum, symbols + op * slot, slot);
			for (unsigned a = 0; a < runs[r].arity + (with_extra ? 3u : 0u); a++) {
				uint16_t from = (uint16_t)(test_random(&seed) % (SLOTS + op));
				if (a < runs[r].arity)
					sources[at++] = from;
				else
					extra[3 * op + a - runs[r].arity] = from;
				for (size_t i = 0; i < slot; i++)
					sum[i] ^= want[from * slot + i];
			}
			memcpy(dst, sum, slot);
		}
	k->solve(&(struct gf256_solve){work, lines, SLOTS, runs, sizeof runs / sizeof *runs, sources,
		with_extra ? extra : NULL, with_data ? data : NULL, 3});
	assert_memory_equal(work, want, (SLOTS + OPS) * slot);
	free(work);
	free(want);
	free(symbols);
	free(copy);
}

static void check_gather(const struct gf256_kernels *k, unsigned lines)
{
	const size_t slot = lines * (size_t)64, stride = slot + 7;
	uint8_t *base = malloc(SLOTS * stride), *out = malloc(OPS * slot), *dst[OPS];
	uint16_t sources[SOURCES];
	uint64_t seed = lines;
	size_t op = 0, at = 0;
	fill(base, SLOTS * stride, 5);
	for (size_t i = 0; i < SOURCES; i++)
		sources[i] = (uint16_t)(test_random(&seed) % SLOTS);
	for (size_t i = 0; i < OPS; i++)
		dst[i] = out + (OPS - 1 - i) * slot - 5;
	k->gather(&(struct gf256_gather){base, stride, 7, lines, runs, sizeof runs / sizeof *runs, sources, dst, 5});
	for (size_t r = 0; r < sizeof runs / sizeof *runs; r++)
		for (unsigned n = 0; n < runs[r].count; n++, op++, at += runs[r].arity)
			for (size_t i = 0; i < slot; i++) {
				uint8_t sum = 0;
				for (unsigned a = 0; a < runs[r].arity; a++)
					sum ^= base[sources[at + a] * stride + 7 + i];
				assert_int_equal(dst[op][5 + i], sum);
			}
	free(base);
	free(out);
}

static void check_hdpc(const struct gf256_kernels *k, unsigned lines)
{
	const size_t slot = lines * (size_t)64;
	uint8_t *work = area(SLOTS, lines, 3), *sums = area(16, lines, 4), *want = area(16, lines, 4);
	uint8_t *last = area(1, lines, 5), pairs[40], acc[256] = {0};
	uint16_t order[40];
	fill(pairs, sizeof pairs, 6);
	for (size_t j = 0; j < 40; j++)
		order[j] = (uint16_t)(j * 5 % SLOTS);
	for (size_t j = 0; j < 40; j++)
		for (size_t i = 0; i < slot; i++) {
			acc[i] = slow_mul(2, acc[i]) ^ work[order[j] * slot + i];
			if (j + 1 < 40) {
				want[(pairs[j] & 15) * slot + i] ^= acc[i];
				want[(pairs[j] >> 4) * slot + i] ^= acc[i];
			}
		}
	k->hdpc(work, lines, order, pairs, 40, sums, last);
	assert_memory_equal(sums, want, 16 * slot);
	assert_memory_equal(last, acc, slot);
	free(work);
	free(sums);
	free(want);
	free(last);
}

static void check_combine(const struct gf256_kernels *k, unsigned lines, unsigned count)
{
	enum { OUTPUTS = 45 };
	const size_t slot = lines * (size_t)64;
	uint8_t *in = area(count, lines, 7), *out = area(OUTPUTS, lines, 8), *want = area(OUTPUTS, lines, 8);
	uint8_t *tables = area(64, lines, 9);
	uint16_t bits[OUTPUTS * 3];
	static const uint16_t place[10] = {19, 3, 5, 0, 7, 11, 12, 1, 2, 18};
	uint64_t seed = count;
	for (size_t i = 0; i < sizeof bits / sizeof *bits; i++)
		bits[i] = (uint16_t)(test_random(&seed) & ((1u << count) - 1));
	for (size_t n = 0; n < OUTPUTS; n++)
		for (unsigned j = 0; j < count; j++)
			for (size_t i = 0; bits[3 * n] >> j & 1 && i < slot; i++)
				want[n * slot + i] ^= in[j * slot + i];
	k->combine(out, NULL, OUTPUTS, in, count, bits, 3, lines, tables);
	assert_memory_equal(out, want, OUTPUTS * slot);
	k->combine(out, place, 10, in, count, bits + 30, 3, lines, tables);
	for (size_t n = 0; n < 10; n++)
		for (unsigned j = 0; j < count; j++)
			for (size_t i = 0; bits[3 * (n + 10)] >> j & 1 && i < slot; i++)
				want[place[n] * slot + i] ^= in[j * slot + i];
	assert_memory_equal(out, want, OUTPUTS * slot);
	free(in);
	free(out);
	free(want);
	free(tables);
}

static void check_copies(const struct gf256_kernels *k, unsigned tile_lines, unsigned lines)
{
	enum { ROWS = 21 };
	const size_t slot = tile_lines * (size_t)64, tiles = (lines + tile_lines - 1) / tile_lines, step = ROWS * slot;
	uint8_t *rows = malloc(ROWS * 300 + 7), *stage = area(ROWS * tiles, tile_lines, 1), *back = area(ROWS, 9, 2);
	const uint8_t *row[ROWS];
	uint16_t order[ROWS];
	fill(rows, ROWS * 300 + 7, lines);
	for (unsigned i = 0; i < ROWS; i++) {
		row[i] = rows + i * 300 % 2000;
		order[i] = (uint16_t)(i * 2 % ROWS);
	}
	k->spread(stage, step, tile_lines, row, ROWS, 7, lines);
	for (unsigned i = 0; i < ROWS; i++)
		for (unsigned l = 0; l < lines; l++)
			assert_memory_equal(stage + l / tile_lines * step + i * slot + l % tile_lines * 64,
				row[i] + 7 + (size_t)l * 64, 64);
	for (int past_caches = 0; past_caches < 2; past_caches++) {
		fill(back, ROWS * 9 * 64, 3);
		k->collect(back, 9 * 64, stage, tile_lines, order, ROWS, past_caches);
		for (unsigned i = 0; i < ROWS; i++)
			assert_memory_equal(back + i * (size_t)9 * 64, stage + order[i] * slot, slot);
	}
	free(rows);
	free(stage);
	free(back);
}

static void test_columns_at_every_level(void **state)
{
	(void)state;
	for (size_t l = 0; l < sizeof levels / sizeof *levels; l++) {
		const struct gf256_kernels *k = gf256_kernels_for(gf256_cpu_flags() & levels[l]);
		for (unsigned lines = 1; lines <= GF256_MAX_LINES; lines *= 2) {
			for (int i = 0; i < 4; i++)
				check_solve(k, lines, i & 1, i & 2);
			check_gather(k, lines);
			check_hdpc(k, lines);
			for (unsigned wide = 1; wide <= 4; wide++)
				check_copies(k, lines, wide);
			for (unsigned count = 1; count <= 16; count++)
				check_combine(k, lines, count);
		}
	}
}

static void test_mask_lowers_the_level(void **state)
{
	(void)state;
	gf256_set_cpu_mask(0);
	assert_string_equal(gf256_kernels()->name, "c");
	gf256_set_cpu_mask(~0u);
	assert_ptr_equal(gf256_kernels(), gf256_kernels_for(~0u & gf256_cpu_flags()));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_vectors_at_every_level),
		cmocka_unit_test(test_columns_at_every_level),
		cmocka_unit_test(test_mask_lowers_the_level),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
