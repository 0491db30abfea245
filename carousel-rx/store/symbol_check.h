/* symbol_check.h - the checksum of a symbol on storage, made to be XORed with those of others. */
#ifndef CAROUSEL_RX_STORE_SYMBOL_CHECK_H
#define CAROUSEL_RX_STORE_SYMBOL_CHECK_H

#include <stddef.h>
#include <stdint.h>

/* CRC-32, mixed with the ESI so that it is not linear any more: the plain CRC-32 of two symbols that are equal cancel
 * out under XOR, whatever their bytes are, and so do two places that were never written. */
uint32_t symbol_check(const uint8_t *symbol, size_t len, uint32_t esi);

#endif
