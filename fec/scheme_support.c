#include "fec/scheme_support.h"

#include "common/bytes.h"
#include "common/carousel_error.h"

#include <string.h>
#include <zlib.h>

static size_t held_bits_bytes(const struct fec_block *block)
{
	return fec_align64((size_t)block->esi_limit / 8 + 1);
}

size_t fec_held_bytes(const struct fec_block *block)
{
	/* Of n symbols at least K are held when the missing ones are listed. */
	uint32_t repair = block->esi_limit - block->num_source;
	uint32_t missing = repair < block->num_source ? repair : block->num_source;
	return held_bits_bytes(block) + fec_align64((size_t)missing * sizeof(uint32_t));
}

void fec_held_init(struct fec_held *held, void *mem, const struct fec_block *block)
{
	memset(held, 0, sizeof *held);
	memset(mem, 0, fec_held_bytes(block));
	held->bits = mem;
	held->missing = (uint32_t *)(void *)((uint8_t *)mem + held_bits_bytes(block));
	held->limit = block->esi_limit;
	held->num_source = block->num_source;
}

bool fec_held_has(const struct fec_held *held, uint32_t esi)
{
	return (held->bits[esi / 8] >> esi % 8 & 1) != 0;
}

int fec_held_add(struct fec_held *held, uint32_t esi)
{
	if (esi >= held->limit)
		return CAROUSEL_E_SYMBOL;
	if (fec_held_has(held, esi))
		return CAROUSEL_E_DUPLICATE;
	held->bits[esi / 8] = (uint8_t)(held->bits[esi / 8] | 1u << esi % 8);
	held->count++;
	held->planned = false;
	return 0;
}

int fec_held_plan(struct fec_held *held)
{
	if (held->count < held->num_source)
		return CAROUSEL_E_NEED_MORE;
	if (held->planned)
		return 0;
	held->num_missing = 0;
	for (uint32_t esi = 0; esi < held->num_source; esi++)
		if (!fec_held_has(held, esi))
			held->missing[held->num_missing++] = esi;
	held->planned = true;
	return 0;
}

const uint32_t *fec_held_missing(const struct fec_held *held, uint32_t *count)
{
	*count = held->planned ? held->num_missing : 0;
	return held->missing;
}

void fec_held_choose(const struct fec_held *held, uint32_t *esis)
{
	uint32_t chosen = 0;
	for (uint32_t esi = 0; esi < held->limit && chosen < held->num_source; esi++)
		if (fec_held_has(held, esi))
			esis[chosen++] = esi;
}

int fec_symbols_fetch(
	const struct fec_symbols *symbols, uint32_t esi, size_t off, size_t len, uint8_t *buf, const uint8_t **at)
{
	const uint8_t *direct = symbols->direct ? symbols->direct(symbols->user, esi) : NULL;
	*at = direct ? direct + off : buf;
	return direct ? 0 : symbols->read(symbols->user, esi, off, len, buf);
}

int fec_symbols_load(const struct fec_symbols *symbols, const struct fec_block *block, uint8_t *to)
{
	const size_t t = block->symbol_size;
	for (uint32_t esi = 0; esi < block->num_source; esi++, to += t) {
		const uint8_t *at;
		int result = fec_symbols_fetch(symbols, esi, 0, t, to, &at);
		if (result)
			return result;
		if (at != to)
			memcpy(to, at, t);
	}
	return 0;
}

/* "CRPL", version 1, scheme, instance, K, n, T, zeros, CRC-32 of what is before it. */
static void identity_write(const struct fec_block *block, uint8_t buf[FEC_PLAN_IDENTITY_BYTES])
{
	memset(buf, 0, FEC_PLAN_IDENTITY_BYTES);
	memcpy(buf, "CRPL", 4);
	buf[4] = 1;
	buf[5] = block->encoding_id;
	bytes_put_le16(buf + 6, block->instance_id);
	bytes_put_le32(buf + 8, block->num_source);
	bytes_put_le32(buf + 12, block->esi_limit);
	bytes_put_le16(buf + 16, block->symbol_size);
	bytes_put_le32(buf + 28, (uint32_t)crc32(0, buf, 28));
}

int fec_plan_identity_save(const struct fec_block *block, uint8_t *buf, size_t *len)
{
	size_t cap = *len;
	*len = FEC_PLAN_IDENTITY_BYTES;
	if (buf == NULL)
		return 0;
	if (cap < FEC_PLAN_IDENTITY_BYTES)
		return CAROUSEL_E_LIMIT;
	identity_write(block, buf);
	return 0;
}

int fec_plan_identity_check(const struct fec_block *block, const uint8_t *buf, size_t len)
{
	uint8_t wanted[FEC_PLAN_IDENTITY_BYTES];
	if (len != FEC_PLAN_IDENTITY_BYTES || memcmp(buf, "CRPL", 4) != 0 || buf[4] != 1)
		return CAROUSEL_E_MALFORMED;
	if (bytes_get_le32(buf + 28) != (uint32_t)crc32(0, buf, 28))
		return CAROUSEL_E_CRC;
	identity_write(block, wanted);
	return memcmp(buf, wanted, sizeof wanted) == 0 ? 0 : CAROUSEL_E_CONFLICT;
}
