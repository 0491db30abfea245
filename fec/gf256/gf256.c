#include "fec/gf256/gf256.h"

#include <stdatomic.h>

static atomic_uint cpu_mask = ~0u;

void gf256_set_cpu_mask(unsigned mask)
{
	atomic_store(&cpu_mask, mask);
}

static unsigned detect(void)
{
	unsigned flags = 0;
#if defined(__x86_64__)
	__builtin_cpu_init();
	if (__builtin_cpu_supports("ssse3"))
		flags |= GF256_CPU_SSSE3;
	if (__builtin_cpu_supports("avx2"))
		flags |= GF256_CPU_AVX2;
	if (__builtin_cpu_supports("gfni"))
		flags |= GF256_CPU_GFNI;
	if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
		__builtin_cpu_supports("avx512vl"))
		flags |= GF256_CPU_AVX512;
#elif defined(__aarch64__)
	flags |= GF256_CPU_NEON;
#endif
	return flags;
}

unsigned gf256_cpu_flags(void)
{
	return detect() & atomic_load(&cpu_mask);
}

const struct gf256_kernels *gf256_kernels_for(unsigned flags)
{
	const struct gf256_kernels *best = &gf256_kernels_c;
#if defined(__x86_64__)
	const unsigned gfni = GF256_CPU_AVX2 | GF256_CPU_GFNI, avx512 = gfni | GF256_CPU_AVX512;
	if (flags & GF256_CPU_SSSE3)
		best = &gf256_kernels_ssse3;
	if (flags & GF256_CPU_AVX2)
		best = &gf256_kernels_avx2;
	if ((flags & gfni) == gfni)
		best = &gf256_kernels_gfni;
	if ((flags & avx512) == avx512)
		best = &gf256_kernels_avx512;
#elif defined(__aarch64__)
	if (flags & GF256_CPU_NEON)
		best = &gf256_kernels_neon;
#endif
	(void)flags;
	return best;
}

const struct gf256_kernels *gf256_kernels(void)
{
	return gf256_kernels_for(gf256_cpu_flags());
}
