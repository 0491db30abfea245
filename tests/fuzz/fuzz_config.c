/* Any configuration text: taken, or refused with a message that names the file; numbers never leave their range. */
#include "tests/fuzz/fuzz.h"

#include "common/config.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char *const words[] = {"ask", "install", NULL};
	const struct config_section *previous = NULL;
	struct config *c;
	int parsed = config_parse(&c, NULL, (const char *)data, len, "fuzz.ini");
	FUZZ_ASSERT(c != NULL);
	for (struct config_section *s = config_next(c, "channel", previous); s; s = config_next(c, "channel", s)) {
		uint64_t number = config_u64(s, "ttl", 1, 0, 255),
			 period = config_duration_ns(s, "period", 5, 5, 1000000000);
		double share = config_share(s, "share", 0.05, 0, 0.5);
		FUZZ_ASSERT(number <= 255 && period >= 5 && period <= 1000000000 && share >= 0 && share <= 0.5);
		FUZZ_ASSERT(config_rate_bps(s, "rate", 1, 1, 1000000) <= 1000000);
		FUZZ_ASSERT(config_bytes(s, "memory", 1, 1, 1u << 30) <= 1u << 30);
		FUZZ_ASSERT((unsigned)config_enum(s, "offers", 0, words) < 2);
		(void)config_bool(s, "verbose", false);
		(void)config_required(s, "group");
		FUZZ_ASSERT(config_section_line(s) > 0 && config_section_name(s) != NULL);
	}
	(void)config_string(config_section(c, "transmitter", NULL), "name", NULL);
	if (parsed != 0)
		FUZZ_ASSERT(config_end(c) == parsed);
	FUZZ_ASSERT((config_end(c) != 0) == (strncmp(config_error(c), "fuzz.ini", 8) == 0));
	config_free(c);
	return 0;
}
