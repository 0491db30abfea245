#include "fec/gf256/gf256.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define LEVEL(name)       ssse3_##name
#define TARGET            __attribute__((target("ssse3")))
#define VEC               __m128i
#define VEC_BYTES         16
#define COEF              struct halves
#define LOAD(p)           _mm_loadu_si128((const __m128i *)(const void *)(p))
#define STORE(p, x)       _mm_storeu_si128((__m128i *)(void *)(p), x)
#define STREAM(p, x)      _mm_stream_si128((__m128i *)(void *)(p), x)
#define STREAM_END()      _mm_sfence()
#define XOR(a, b)         _mm_xor_si128(a, b)
#define ZERO()            _mm_setzero_si128()
#define PREPARE(c)        prepare(c)
#define MULTIPLY(coef, x) multiply(coef, x)
#define DOUBLE(x)         twice(x)

struct halves {
	__m128i low, high;
};

TARGET static inline struct halves prepare(uint8_t c)
{
	return (struct halves){LOAD(gf256_nibbles[c]), LOAD(gf256_nibbles[c] + 16)};
}

TARGET static inline __m128i multiply(struct halves t, __m128i x)
{
	const __m128i mask = _mm_set1_epi8(15);
	return _mm_xor_si128(_mm_shuffle_epi8(t.low, _mm_and_si128(x, mask)),
		_mm_shuffle_epi8(t.high, _mm_and_si128(_mm_srli_epi64(x, 4), mask)));
}

TARGET static inline __m128i twice(__m128i x)
{
	const __m128i lost = _mm_cmpgt_epi8(_mm_setzero_si128(), x);
	return _mm_xor_si128(_mm_add_epi8(x, x), _mm_and_si128(lost, _mm_set1_epi8(0x1d)));
}

#include "fec/gf256/kernels_template.h"

const struct gf256_kernels gf256_kernels_ssse3 = KERNELS("ssse3");
#endif
