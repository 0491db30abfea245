#include "fec/gf256/gf256.h"

#if defined(__aarch64__)
#include <arm_neon.h>

#define LEVEL(name) neon_##name
#define TARGET
#define VEC               uint8x16_t
#define VEC_BYTES         16
#define COEF              uint8x16x2_t
#define LOAD(p)           vld1q_u8(p)
#define STORE(p, x)       vst1q_u8(p, x)
#define STREAM(p, x)      vst1q_u8(p, x)
#define STREAM_END()      (void)0
#define XOR(a, b)         veorq_u8(a, b)
#define ZERO()            vdupq_n_u8(0)
#define PREPARE(c)        prepare(c)
#define MULTIPLY(coef, x) multiply(coef, x)
#define DOUBLE(x)         twice(x)

static inline uint8x16x2_t prepare(uint8_t c)
{
	return (uint8x16x2_t){{vld1q_u8(gf256_nibbles[c]), vld1q_u8(gf256_nibbles[c] + 16)}};
}

static inline uint8x16_t multiply(uint8x16x2_t t, uint8x16_t x)
{
	return veorq_u8(vqtbl1q_u8(t.val[0], vandq_u8(x, vdupq_n_u8(15))), vqtbl1q_u8(t.val[1], vshrq_n_u8(x, 4)));
}

static inline uint8x16_t twice(uint8x16_t x)
{
	const uint8x16_t lost = vreinterpretq_u8_s8(vshrq_n_s8(vreinterpretq_s8_u8(x), 7));
	return veorq_u8(vshlq_n_u8(x, 1), vandq_u8(lost, vdupq_n_u8(0x1d)));
}

#include "fec/gf256/kernels_template.h"

const struct gf256_kernels gf256_kernels_neon = KERNELS("neon");
#endif
