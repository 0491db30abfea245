/* test.h - cmocka with the headers it wants, and helpers every unit test uses. */
#ifndef TESTS_LIB_TEST_H
#define TESTS_LIB_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Calls decode(user, copy, n) for every n < len with a heap copy of exactly n bytes, so that a sanitizer sees one
 * byte too many. It must not return 0. */
void test_truncations(
	int (*decode)(void *user, const uint8_t *data, size_t len), void *user, const uint8_t *valid, size_t len);

/* A small deterministic generator (splitmix64), for tests and benches only. */
uint64_t test_random(uint64_t *state);

#endif
