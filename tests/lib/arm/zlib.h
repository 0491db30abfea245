/* zlib.h - crc32() alone, for cross builds where there is no zlib. */
#ifndef TESTS_LIB_ARM_ZLIB_H
#define TESTS_LIB_ARM_ZLIB_H

typedef unsigned int uInt;

static inline unsigned long crc32(unsigned long crc, const unsigned char *buf, uInt len)
{
	crc ^= 0xffffffffu;
	while (len--) {
		crc ^= *buf++;
		for (int i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return crc ^ 0xffffffffu;
}

#endif
