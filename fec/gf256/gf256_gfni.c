#include "fec/gf256/gf256.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define LEVEL(name)       gfni_##name
#define TARGET            __attribute__((target("avx2,gfni")))
#define VEC               __m256i
#define VEC_BYTES         32
#define COEF              __m256i
#define LOAD(p)           _mm256_loadu_si256((const __m256i *)(const void *)(p))
#define STORE(p, x)       _mm256_storeu_si256((__m256i *)(void *)(p), x)
#define STREAM(p, x)      _mm256_stream_si256((__m256i *)(void *)(p), x)
#define STREAM_END()      _mm_sfence()
#define XOR(a, b)         _mm256_xor_si256(a, b)
#define ZERO()            _mm256_setzero_si256()
#define PREPARE(c)        _mm256_set1_epi64x((long long)gf256_affine[c])
#define MULTIPLY(coef, x) _mm256_gf2p8affine_epi64_epi8(x, coef, 0)
#define DOUBLE(x)         MULTIPLY(PREPARE(2), x)

#include "fec/gf256/kernels_template.h"

const struct gf256_kernels gf256_kernels_gfni = KERNELS("avx2+gfni");
#endif
