#include "common/lct.h"

#include "common/carousel_error.h"

/* First 16 bits, RFC 5651 section 5.1: V 4, C 2, PSI 2, S 1, O 2, H 1, reserved 2, A 1, B 1. */
#define LCT_FLAG_S  0x0080u
#define LCT_O_SHIFT 5
#define LCT_FLAG_H  0x0010u
#define LCT_FLAG_A  0x0002u
#define LCT_FLAG_B  0x0001u

/* A big-endian number of 0 to 14 bytes; those before the last eight must be zero. */
static int lct_number(const uint8_t *at, size_t len, uint64_t *value)
{
	*value = 0;
	for (; len > 8; len--)
		if (*at++ != 0)
			return CAROUSEL_E_UNSUPPORTED;
	if (len == 4) {
		*value = bytes_get_be32(at);
		return 0;
	}
	for (size_t i = 0; i < len; i++)
		*value = *value << 8 | at[i];
	return 0;
}

int lct_parse(const uint8_t *data, size_t len, struct lct_header *h, size_t *fixed, size_t *total)
{
	uint32_t flags;
	size_t cci_bytes, tsi_bytes, toi_bytes;
	int result;
	if (len < 4)
		return CAROUSEL_E_TRUNCATED;
	flags = bytes_get_be16(data);
	h->version = (uint8_t)(flags >> 12);
	if (h->version != LCT_VERSION)
		return CAROUSEL_E_UNSUPPORTED;
	h->psi = (uint8_t)(flags >> 8 & 3);
	h->close_session = (flags & LCT_FLAG_A) != 0;
	h->close_object = (flags & LCT_FLAG_B) != 0;
	h->codepoint = data[3];
	cci_bytes = 4 * ((flags >> 10 & 3) + 1);
	tsi_bytes = (flags & LCT_FLAG_S ? 4u : 0u) + (flags & LCT_FLAG_H ? 2u : 0u);
	toi_bytes = 4 * (flags >> LCT_O_SHIFT & 3) + (flags & LCT_FLAG_H ? 2u : 0u);
	*fixed = 4 + cci_bytes + tsi_bytes + toi_bytes;
	*total = (size_t)data[2] * 4;
	if (*total < *fixed)
		return CAROUSEL_E_MALFORMED;
	if (*total > len)
		return CAROUSEL_E_TRUNCATED;
	h->has_tsi = tsi_bytes != 0;
	h->has_toi = toi_bytes != 0;
	h->cci = bytes_get_be32(data + cci_bytes);
	result = lct_number(data + 4 + cci_bytes, tsi_bytes, &h->tsi);
	return result ? result : lct_number(data + 4 + cci_bytes + tsi_bytes, toi_bytes, &h->toi);
}

static size_t lct_toi_words(const struct lct_header *h)
{
	if (!h->has_toi)
		return 0;
	return h->toi > UINT32_MAX ? 2 : 1;
}

size_t lct_fixed_bytes(const struct lct_header *h)
{
	return 8 + (h->has_tsi ? 4u : 0u) + 4 * lct_toi_words(h);
}

int lct_write(struct bytes_writer *w, const struct lct_header *h, size_t extension_bytes)
{
	size_t fixed = lct_fixed_bytes(h), toi_words = lct_toi_words(h);
	uint32_t word;
	uint8_t *at;
	if (h->has_tsi && h->tsi > UINT32_MAX)
		return CAROUSEL_E_RANGE;
	if (extension_bytes > LCT_MAX_HEADER_BYTES - fixed)
		return CAROUSEL_E_LIMIT;
	at = bytes_write_reserve(w, fixed);
	if (at == NULL)
		return CAROUSEL_E_LIMIT;
	word = (uint32_t)LCT_VERSION << 12 | (h->psi & 3u) << 8 | (uint32_t)toi_words << LCT_O_SHIFT;
	word |= (h->has_tsi ? LCT_FLAG_S : 0) | (h->close_session ? LCT_FLAG_A : 0) |
		(h->close_object ? LCT_FLAG_B : 0);
	bytes_put_be32(at, word << 16 | (uint32_t)((fixed + extension_bytes) / 4) << 8 | h->codepoint);
	bytes_put_be32(at + 4, h->cci);
	at += 8;
	if (h->has_tsi) {
		bytes_put_be32(at, (uint32_t)h->tsi);
		at += 4;
	}
	if (toi_words == 2) {
		bytes_put_be32(at, (uint32_t)(h->toi >> 32));
		at += 4;
	}
	if (toi_words)
		bytes_put_be32(at, (uint32_t)h->toi);
	return 0;
}
