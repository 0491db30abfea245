#include "fec/gf256/gf256.h"

#include <string.h>

#define LEVEL(name) c_##name
#define TARGET
#define VEC               uint64_t
#define VEC_BYTES         8
#define COEF              const uint8_t *
#define LOAD(p)           load(p)
#define STORE(p, x)       store(p, x)
#define STREAM(p, x)      store(p, x)
#define STREAM_END()      (void)0
#define XOR(a, b)         ((a) ^ (b))
#define ZERO()            ((uint64_t)0)
#define PREPARE(c)        gf256_nibbles[c]
#define MULTIPLY(coef, x) multiply(coef, x)
#define DOUBLE(x)         twice(x)

static inline uint64_t load(const uint8_t *p)
{
	uint64_t x;
	memcpy(&x, p, sizeof x);
	return x;
}

static inline void store(uint8_t *p, uint64_t x)
{
	memcpy(p, &x, sizeof x);
}

static inline uint64_t multiply(const uint8_t *t, uint64_t x)
{
	uint64_t out = 0;
	for (unsigned i = 0; i < 64; i += 8)
		out |= (uint64_t)(t[x >> i & 15] ^ t[16 + (x >> i >> 4 & 15)]) << i;
	return out;
}

/* Eight octets at once: what a shift loses of an octet comes back as the polynomial's low part. */
static inline uint64_t twice(uint64_t x)
{
	const uint64_t high = x >> 7 & 0x0101010101010101u;
	return (x << 1 & 0xfefefefefefefefeu) ^ high * 0x1d;
}

#include "fec/gf256/kernels_template.h"

const struct gf256_kernels gf256_kernels_c = KERNELS("c");
