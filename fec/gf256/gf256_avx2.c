#include "fec/gf256/gf256.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define LEVEL(name)       avx2_##name
#define TARGET            __attribute__((target("avx2")))
#define VEC               __m256i
#define VEC_BYTES         32
#define COEF              struct halves
#define LOAD(p)           _mm256_loadu_si256((const __m256i *)(const void *)(p))
#define STORE(p, x)       _mm256_storeu_si256((__m256i *)(void *)(p), x)
#define STREAM(p, x)      _mm256_stream_si256((__m256i *)(void *)(p), x)
#define STREAM_END()      _mm_sfence()
#define XOR(a, b)         _mm256_xor_si256(a, b)
#define ZERO()            _mm256_setzero_si256()
#define PREPARE(c)        prepare(c)
#define MULTIPLY(coef, x) multiply(coef, x)
#define DOUBLE(x)         twice(x)

struct halves {
	__m256i low, high;
};

TARGET static inline struct halves prepare(uint8_t c)
{
	const __m128i *t = (const __m128i *)(const void *)gf256_nibbles[c];
	return (struct halves){
		_mm256_broadcastsi128_si256(_mm_loadu_si128(t)), _mm256_broadcastsi128_si256(_mm_loadu_si128(t + 1))};
}

TARGET static inline __m256i multiply(struct halves t, __m256i x)
{
	const __m256i mask = _mm256_set1_epi8(15);
	return _mm256_xor_si256(_mm256_shuffle_epi8(t.low, _mm256_and_si256(x, mask)),
		_mm256_shuffle_epi8(t.high, _mm256_and_si256(_mm256_srli_epi64(x, 4), mask)));
}

TARGET static inline __m256i twice(__m256i x)
{
	const __m256i lost = _mm256_cmpgt_epi8(_mm256_setzero_si256(), x);
	return _mm256_xor_si256(_mm256_add_epi8(x, x), _mm256_and_si256(lost, _mm256_set1_epi8(0x1d)));
}

#include "fec/gf256/kernels_template.h"

const struct gf256_kernels gf256_kernels_avx2 = KERNELS("avx2");
#endif
