/* Any content-encoded bytes, the first of them the encoding: never more output than the limits allow. */
#include "tests/fuzz/fuzz.h"

#include "common/gzip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct gzip_limits limits = {.max_bytes = 100000, .max_ratio = 50};
	uint8_t *out;
	size_t out_len;
	if (len == 0)
		return 0;
	if (gzip_decode(NULL, data[0], &limits, data + 1, len - 1, &out, &out_len) == 0) {
		FUZZ_ASSERT(out != NULL && out_len <= limits.max_bytes);
		FUZZ_ASSERT(out_len <= 65536 || out_len / 50 <= len);
	} else {
		FUZZ_ASSERT(out == NULL && out_len == 0);
	}
	memory_free(NULL, out);
	return 0;
}
