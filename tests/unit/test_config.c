#include "tests/lib/fault_alloc.h"
#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "common/config.h"

#include <stdio.h>

static struct config *parse(const char *text, int expected)
{
	struct config *c;
	assert_int_equal(config_parse(&c, NULL, text, strlen(text), "tx.ini"), expected);
	assert_non_null(c);
	return c;
}

static const char good[] = "# a comment\n"
			   "[transmitter]\n"
			   "ttl = 4 ; why not\n"
			   "  name=headend one\n"
			   "rate = 50M\r\n"
			   "memory = 16M\n"
			   "period: 2s\n"
			   "verbose = yes\n"
			   "share = 5%\n"
			   "offers = monthly\n"
			   "[channel main]\n"
			   "group = 232.1.1.95:4001\n"
			   "[ channel  second one ]\n"
			   "group = [ff3e::95]:4001\n";

static void test_reads_every_type(void **state)
{
	static const char *const offers[] = {"ask", "install", "monthly", NULL};
	struct config *c = parse(good, 0);
	struct config_section *s = config_section(c, "transmitter", NULL);
	const struct config_section *channel;
	(void)state;
	assert_int_equal(config_section_line(s), 2);
	assert_true(config_has(s, "ttl"));
	assert_int_equal(config_u64(s, "ttl", 1, 0, 255), 4);
	assert_string_equal(config_string(s, "name", NULL), "headend one");
	assert_int_equal(config_rate_bps(s, "rate", 0, 16000, 1000000000), 50000000);
	assert_int_equal(config_bytes(s, "memory", 0, 1, 1u << 30), 16u << 20);
	assert_true(config_duration_ns(s, "period", 0, 1, UINT64_MAX) == 2000000000);
	assert_true(config_bool(s, "verbose", false));
	assert_true(config_share(s, "share", 0, 0, 0.5) == 0.05);
	assert_int_equal(config_enum(s, "offers", 0, offers), 2);
	assert_int_equal(config_u64(s, "absent", 42, 0, 1), 42);
	assert_false(config_has(s, "absent"));
	channel = config_next(c, "channel", NULL);
	assert_string_equal(config_section_name(channel), "main");
	assert_string_equal(config_required(config_section(c, "channel", "main"), "group"), "232.1.1.95:4001");
	channel = config_next(c, "channel", channel);
	assert_string_equal(config_section_name(channel), "second one");
	assert_string_equal(config_string(config_section(c, "channel", "second one"), "group", ""), "[ff3e::95]:4001");
	assert_null(config_next(c, "channel", channel));
	assert_int_equal(config_end(c), 0);
	assert_string_equal(config_error(c), "");
	config_free(c);
}

static void test_absent_section_gives_fallbacks(void **state)
{
	struct config *c = parse("", 0);
	struct config_section *s = config_section(c, "receiver", NULL);
	(void)state;
	assert_int_equal(config_u64(s, "x", 7, 0, 9), 7);
	assert_null(config_next(c, "receiver", NULL));
	assert_int_equal(config_end(c), 0);
	assert_string_equal(config_required(s, "group"), "");
	assert_int_equal(config_end(c), CAROUSEL_E_NOT_FOUND);
	assert_string_equal(config_error(c), "tx.ini: [receiver]: group: must be set");
	config_free(c);
}

static void check_error(const char *text, int code, const char *message)
{
	struct config *c;
	struct config_section *s;
	static const char *const words[] = {"ask", "install", NULL};
	(void)config_parse(&c, NULL, text, strlen(text), "tx.ini");
	assert_non_null(c);
	s = config_section(c, "a", NULL);
	(void)config_u64(s, "number", 5, 1, 10);
	(void)config_rate_bps(s, "rate", 5, 16000, 1000000);
	(void)config_duration_ns(s, "period", 5, 1000000, 2000000000);
	(void)config_bytes(s, "bytes", 5, 1, 4096);
	(void)config_bool(s, "flag", false);
	(void)config_share(s, "share", 0, 0, 0.5);
	(void)config_enum(s, "word", 0, words);
	assert_int_equal(config_end(c), code);
	assert_string_equal(config_error(c), message);
	config_free(c);
}

static void test_errors_name_the_place(void **state)
{
	(void)state;
	check_error("[a]\n\nnumber=11\n", CAROUSEL_E_RANGE, "tx.ini:3: number: 11 is not within 1 to 10");
	check_error("[a]\nnumber=0\n", CAROUSEL_E_RANGE, "tx.ini:2: number: 0 is not within 1 to 10");
	check_error("[a]\nnumber=ten\n", CAROUSEL_E_SYNTAX, "tx.ini:2: number: \"ten\" is not a whole number");
	check_error("[a]\nrate=1G\n", CAROUSEL_E_RANGE, "tx.ini:2: rate: 1G is not within 16000 to 1000000 bit/s");
	check_error("[a]\nperiod=3s\n", CAROUSEL_E_RANGE, "tx.ini:2: period: 3s is not within 1 to 2000 ms");
	check_error("[a]\nbytes=8K\n", CAROUSEL_E_RANGE, "tx.ini:2: bytes: 8K is not within 1 to 4096 bytes");
	check_error("[a]\nflag=2\n", CAROUSEL_E_UNKNOWN_WORD, "tx.ini:2: flag: \"2\" is neither yes nor no");
	check_error("[a]\nword=no\n", CAROUSEL_E_UNKNOWN_WORD, "tx.ini:2: word: \"no\" is none of ask, install");
	check_error("[a]\nshare=60%\n", CAROUSEL_E_RANGE,
		"tx.ini:2: share: \"60%\" is not a share within 0 to 0.5 (or the "
		"same in %)");
	check_error("[a]\ntypo=1\n", CAROUSEL_E_UNKNOWN_WORD, "tx.ini:2: unknown key \"typo\"");
	check_error("x=1\n[a]\n", CAROUSEL_E_UNKNOWN_WORD, "tx.ini:1: unknown key \"x\"");
	check_error("[a]\n[b c]\n", CAROUSEL_E_UNKNOWN_WORD, "tx.ini:2: unknown section [b c]");
	check_error("[a]\nflag=1\nflag=1\n", CAROUSEL_E_EXISTS, "tx.ini:3: flag is set already, at line 2");
	check_error("[a]\n[b]\n[a]\n", CAROUSEL_E_EXISTS, "tx.ini:3: section is there already, at line 1");
	check_error("[a]\njunk\n", CAROUSEL_E_SYNTAX, "tx.ini:2: neither [section] nor key = value");
	check_error("[a\n", CAROUSEL_E_SYNTAX, "tx.ini:1: a section needs ']'");
	check_error("[ ]\n", CAROUSEL_E_SYNTAX, "tx.ini:1: a section needs a name");
}

static void test_first_error_stays(void **state)
{
	struct config *c = parse("[a]\nx=1\ny=2\n", 0);
	struct config_section *s = config_section(c, "a", NULL);
	(void)state;
	config_fail(s, "y", CAROUSEL_E_ADDRESS, "\"%s\" is no address", config_string(s, "y", NULL));
	config_fail(s, "x", CAROUSEL_E_RANGE, "second");
	assert_int_equal(config_end(c), CAROUSEL_E_ADDRESS);
	assert_string_equal(config_error(c), "tx.ini:3: y: \"2\" is no address");
	config_free(c);
}

/* What is wrong with a section as a whole, whether the file has it or not. */
static void test_fails_without_a_key(void **state)
{
	struct config *c = parse("x=1\n[a]\ny=2\n", 0);
	(void)state;
	config_fail(config_section(c, "a", NULL), NULL, CAROUSEL_E_CONFLICT, "%d of %d", 1, 2);
	assert_int_equal(config_end(c), CAROUSEL_E_CONFLICT);
	assert_string_equal(config_error(c), "tx.ini:2: 1 of 2");
	config_free(c);
	c = parse("[a]\ny=2\n", 0);
	config_fail(config_section(c, "session", "main"), NULL, CAROUSEL_E_NOT_FOUND, "is needed");
	assert_string_equal(config_error(c), "tx.ini: [session main]: is needed");
	config_free(c);
}

static void test_limits(void **state)
{
	char line[400];
	char *big = malloc(CONFIG_MAX_BYTES + 1);
	struct config *c;
	(void)state;
	memset(line, 'x', sizeof line);
	memcpy(line, "[a]\nk=", 6);
	line[sizeof line - 1] = '\0';
	c = parse(line, CAROUSEL_E_LIMIT);
	assert_non_null(strstr(config_error(c), "tx.ini:2: line is longer"));
	config_free(c);
	memset(big, '\n', CONFIG_MAX_BYTES + 1);
	assert_int_equal(config_parse(&c, NULL, big, CONFIG_MAX_BYTES, "f"), 0);
	config_free(c);
	assert_int_equal(config_parse(&c, NULL, big, CONFIG_MAX_BYTES + 1, "f"), CAROUSEL_E_LIMIT);
	config_free(c);
	assert_int_equal(config_parse(&c, NULL, "a\0b", 3, "f"), CAROUSEL_E_MALFORMED);
	config_free(c);
	for (size_t i = 0, at = 0; i <= 256; i++)
		at += (size_t)sprintf(big + at, "[s%zu]\n", i);
	c = parse(big, CAROUSEL_E_LIMIT);
	config_free(c);
	for (size_t i = 0, at = 0; i <= 4096; i++)
		at += (size_t)sprintf(big + at, "k%zu=1\n", i);
	c = parse(big, CAROUSEL_E_LIMIT);
	config_free(c);
	free(big);
}

/* Every prefix of a good text, in a buffer of its own size, is either taken or refused with a place. */
static void test_truncated(void **state)
{
	(void)state;
	for (size_t len = 0; len < sizeof good; len++) {
		char *copy = malloc(len ? len : 1);
		struct config *c;
		int result;
		memcpy(copy, good, len);
		result = config_parse(&c, NULL, copy, len, "tx.ini");
		free(copy);
		assert_non_null(c);
		assert_int_equal(result != 0, strncmp(config_error(c), "tx.ini", 6) == 0);
		config_free(c);
	}
}

static int attempt(const struct carousel_allocator *allocator, void *user)
{
	struct config *c;
	struct config_section *s;
	int result = config_parse(&c, allocator, user, strlen(user), "tx.ini");
	if (result != 0) {
		config_free(c);
		return result;
	}
	s = config_section(c, "absent", "one");
	(void)config_u64(s, "x", 1, 0, 1);
	s = config_section(c, "a", NULL);
	(void)config_string(s, "x", NULL);
	result = config_end(c);
	config_free(c);
	return result;
}

static void test_every_allocation_may_fail(void **state)
{
	char text[] = "[a]\nx = 1\n";
	(void)state;
	assert_true(fault_alloc_all(attempt, text) >= 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_every_type),
		cmocka_unit_test(test_absent_section_gives_fallbacks),
		cmocka_unit_test(test_errors_name_the_place),
		cmocka_unit_test(test_first_error_stays),
		cmocka_unit_test(test_fails_without_a_key),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_every_allocation_may_fail),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
