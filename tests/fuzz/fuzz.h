/* fuzz.h - what libFuzzer and tests/fuzz/replay.c call. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* Takes any bytes; returns 0. What must hold is checked with FUZZ_ASSERT. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define FUZZ_ASSERT(condition)                                                                                         \
	do {                                                                                                           \
		if (!(condition))                                                                                      \
			abort();                                                                                       \
	} while (0)

#endif
