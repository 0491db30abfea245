#include "carousel-rx/store/symbol_check.h"

#include <libdeflate.h>

uint32_t symbol_check(const uint8_t *symbol, size_t len, uint32_t esi)
{
	uint32_t x = libdeflate_crc32(0, symbol, len) ^ esi * 0x9e3779b1u;
	x = (x ^ x >> 16) * 0x85ebca6bu;
	x = (x ^ x >> 13) * 0xc2b2ae35u;
	return x ^ x >> 16;
}
