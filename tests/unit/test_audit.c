#include "tests/lib/fault_alloc.h"
#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "policy-map/audit.h"

#include <stdio.h>

static struct audit_entry example = {
	.time_s = 1795255200, .who = "someone \"quoted\"", .action = "sign", .subject = "map map.dsse", .sha256 = {1}};

static char *print(struct audit_chain *chain, size_t *len)
{
	char *line;
	assert_int_equal(audit_print(NULL, chain, &example, &line, len), 0);
	assert_int_equal(line[*len - 1], '\n');
	(*len)--;
	return line;
}

static int parse(void *user, const uint8_t *data, size_t len)
{
	return audit_parse(user, (const char *)data, len);
}

static void test_chain(void **state)
{
	struct audit_chain writing = {0}, reading = {0}, before;
	struct audit_entry e;
	char *lines[3];
	size_t lens[3];
	(void)state;
	for (unsigned i = 0; i < 3; i++)
		lines[i] = print(&writing, &lens[i]);
	test_truncations(parse, &e, (const uint8_t *)lines[1], lens[1]);
	assert_int_equal(audit_follow(&reading, lines[1], lens[1], &e), CAROUSEL_E_CONFLICT);
	assert_int_equal(audit_follow(&reading, lines[0], lens[0], &e), 0);
	assert_string_equal(e.who, example.who);
	assert_int_equal(e.sha256[0], 1);
	before = reading;
	assert_int_equal(audit_follow(&reading, lines[2], lens[2], &e), CAROUSEL_E_CONFLICT);
	assert_int_equal(audit_follow(&reading, lines[0], lens[0], &e), CAROUSEL_E_CONFLICT);
	assert_memory_equal(&reading, &before, sizeof reading);
	assert_int_equal(audit_follow(&reading, lines[1], lens[1], &e), 0);
	assert_int_equal(audit_follow(&reading, lines[2], lens[2], &e), 0);
	assert_memory_equal(&reading, &writing, sizeof reading);
	for (unsigned i = 0; i < 3; i++)
		memory_free(NULL, lines[i]);
}

/* The same words under another time: its digest differs, so the next line no longer follows. */
static void test_a_changed_line_breaks_the_chain(void **state)
{
	struct audit_chain writing = {0}, reading = {0};
	struct audit_entry e;
	char *first, *second, *digit;
	size_t first_len, second_len;
	(void)state;
	first = print(&writing, &first_len);
	second = print(&writing, &second_len);
	digit = strstr(first, "1795255200");
	assert_non_null(digit);
	digit[9] = '1';
	assert_int_equal(audit_follow(&reading, first, first_len, &e), 0);
	assert_int_equal(audit_follow(&reading, second, second_len, &e), CAROUSEL_E_CONFLICT);
	memory_free(NULL, first);
	memory_free(NULL, second);
}

static void test_bad_entries(void **state)
{
	struct audit_chain chain = {0};
	struct audit_entry e = example;
	char *line, big[AUDIT_MAX_LINE_BYTES + 2];
	size_t len;
	(void)state;
	strcpy(e.subject, "\xff");
	assert_int_equal(audit_print(NULL, &chain, &e, &line, &len), CAROUSEL_E_MALFORMED);
	memset(big, ' ', sizeof big);
	assert_int_equal(audit_parse(&e, big, AUDIT_MAX_LINE_BYTES + 1), CAROUSEL_E_LIMIT);
	assert_int_equal(audit_parse(&e, "{}", 2), CAROUSEL_E_MALFORMED);
}

static int attempt(const struct carousel_allocator *a, void *user)
{
	struct audit_chain chain = {0};
	char *line;
	size_t len;
	int result = audit_print(a, &chain, user, &line, &len);
	if (result == 0)
		memory_free(a, line);
	return result;
}

static void test_no_memory(void **state)
{
	struct audit_entry e = example;
	(void)state;
	assert_int_equal(fault_alloc_all(attempt, &e), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chain),
		cmocka_unit_test(test_a_changed_line_breaks_the_chain),
		cmocka_unit_test(test_bad_entries),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
