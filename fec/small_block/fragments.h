/* fragments.h - liberasurecode by symbols: its fragment headers never leave the process, and no byte from outside
 * reaches the code that parses them. RFC 5445 section 5, common/PROTOCOL.md "FEC Instance IDs of 129". */
#ifndef FEC_SMALL_BLOCK_FRAGMENTS_H
#define FEC_SMALL_BLOCK_FRAGMENTS_H

#include <stddef.h>
#include <stdint.h>

/* An open code of k source and m >= 1 repair symbols. */
struct fragments_code {
	uint16_t instance_id;
	int descriptor;
	uint32_t k, m;
};

/* A stripe: k + m fragments of `len` bytes, all zero at first, with headers made here. */
struct fragments_stripe {
	const struct fragments_code *code;
	char **data, **parity;
	uint64_t fragment_bytes;
	size_t len, header;
};

/* 1 when the backend of a FEC Instance ID can be loaded. */
int fragments_is_available(uint16_t instance_id);
/* Octets that the length of a symbol must be a multiple of. */
size_t fragments_word(uint16_t instance_id);

/* Opens a code; when it succeeds, closed by the same thread. While one of the built-in backend is open, other threads
 * that open one wait, and this thread must not. Errors: UNSUPPORTED (the backend or its parameters), MEMORY. */
int fragments_open(struct fragments_code *, uint16_t instance_id, uint32_t k, uint32_t m);
void fragments_close(struct fragments_code *);

/* Encodes k * len bytes and hands each repair symbol i (0 to m-1) to out + i * len. Errors: MEMORY, INTERNAL. */
int fragments_encode(const struct fragments_code *, const uint8_t *source, size_t len, uint8_t *out);

/* Makes a stripe by encoding zeros. Errors: MEMORY, INTERNAL. */
int fragments_stripe_open(struct fragments_stripe *, const struct fragments_code *, size_t len);
void fragments_stripe_close(struct fragments_stripe *);
/* Where the len bytes of symbol esi (< k + m) belong. */
uint8_t *fragments_stripe_symbol(const struct fragments_stripe *, uint32_t esi);
/* Decodes from k symbols that were filled in: *source becomes k * len bytes, given back with
 * fragments_stripe_release(). Errors: MEMORY, INTERNAL. */
int fragments_stripe_decode(const struct fragments_stripe *, const uint32_t *esis, uint8_t **source);
void fragments_stripe_release(const struct fragments_stripe *, uint8_t *source);

#endif
