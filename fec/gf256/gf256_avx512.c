#include "fec/gf256/gf256.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define LEVEL(name)       avx512_##name
#define TARGET            __attribute__((target("avx2,avx512f,avx512bw,avx512vl,gfni")))
#define VEC               __m512i
#define VEC_BYTES         64
#define COEF              __m512i
#define LOAD(p)           _mm512_loadu_si512(p)
#define STORE(p, x)       _mm512_storeu_si512(p, x)
#define STREAM(p, x)      _mm512_stream_si512((__m512i *)(void *)(p), x)
#define STREAM_END()      _mm_sfence()
#define XOR(a, b)         _mm512_xor_si512(a, b)
#define ZERO()            _mm512_setzero_si512()
#define PREPARE(c)        _mm512_set1_epi64((long long)gf256_affine[c])
#define MULTIPLY(coef, x) _mm512_gf2p8affine_epi64_epi8(x, coef, 0)
#define DOUBLE(x)         MULTIPLY(PREPARE(2), x)

#include "fec/gf256/kernels_template.h"

const struct gf256_kernels gf256_kernels_avx512 = KERNELS("avx512+gfni");
#endif
