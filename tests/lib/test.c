#include "tests/lib/test.h"

void test_truncations(
	int (*decode)(void *user, const uint8_t *data, size_t len), void *user, const uint8_t *valid, size_t len)
{
	for (size_t n = 0; n < len; n++) {
		uint8_t *copy = malloc(n ? n : 1);
		assert_non_null(copy);
		memcpy(copy, valid, n);
		assert_int_not_equal(decode(user, copy, n), 0);
		free(copy);
	}
}

uint64_t test_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}
