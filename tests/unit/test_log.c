#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "common/log.h"

struct seen {
	unsigned lines;
	enum carousel_log_level level;
	char line[2048];
};

static void see(void *user, enum carousel_log_level level, const char *line)
{
	struct seen *s = user;
	s->lines++;
	s->level = level;
	strncpy(s->line, line, sizeof s->line - 1);
}

static void test_level_decides(void **state)
{
	struct seen s = {0};
	const struct carousel_log log = {&s, CAROUSEL_LOG_NOTICE, see};
	const struct carousel_log deaf = {&s, CAROUSEL_LOG_DEBUG, NULL};
	(void)state;
	log_write(&log, CAROUSEL_LOG_INFO, "no");
	assert_int_equal(s.lines, 0);
	log_write(&log, CAROUSEL_LOG_NOTICE, "%s %d", "yes", 5);
	assert_int_equal(s.lines, 1);
	assert_int_equal(s.level, CAROUSEL_LOG_NOTICE);
	assert_string_equal(s.line, "yes 5");
	log_write(&deaf, CAROUSEL_LOG_ERROR, "x");
	log_write(NULL, CAROUSEL_LOG_ERROR, "x");
	assert_int_equal(s.lines, 1);
}

static void test_input_cannot_forge_lines(void **state)
{
	struct seen s = {0};
	const struct carousel_log log = {&s, CAROUSEL_LOG_DEBUG, see};
	(void)state;
	log_write(&log, CAROUSEL_LOG_ERROR, "%s", "a\nb\r\tc\x1b[2J\x7f");
	assert_string_equal(s.line, "a?b??c?[2J?");
}

static void test_length_is_bounded(void **state)
{
	struct seen s = {0};
	const struct carousel_log log = {&s, CAROUSEL_LOG_DEBUG, see};
	char text[3000];
	(void)state;
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = 0;
	log_write(&log, CAROUSEL_LOG_ERROR, "%s", text);
	assert_int_equal(strlen(s.line), 1023);
}

static void test_names(void **state)
{
	enum carousel_log_level level;
	(void)state;
	for (int i = CAROUSEL_LOG_ERROR; i <= CAROUSEL_LOG_DEBUG; i++) {
		assert_int_equal(log_level_parse(log_level_name((enum carousel_log_level)i), &level), 0);
		assert_int_equal(level, i);
	}
	assert_int_equal(log_level_parse("loud", &level), CAROUSEL_E_UNKNOWN_WORD);
	assert_string_equal(log_level_name((enum carousel_log_level)9), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_level_decides),
		cmocka_unit_test(test_input_cannot_forge_lines),
		cmocka_unit_test(test_length_is_bounded),
		cmocka_unit_test(test_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
