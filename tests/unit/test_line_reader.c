#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "policy-map/files/line_reader.h"

#include <stdio.h>

static struct line_reader reader;
static FILE *file;

static void open_text(const char *text, size_t len)
{
	file = tmpfile();
	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, len, file), len);
	rewind(file);
	assert_int_equal(line_reader_init(&reader, file, true), 0);
}

static void close_text(void)
{
	line_reader_deinit(&reader);
	fclose(file);
}

static void expect(char delimiter, int error, const char *text, uint64_t line)
{
	char *got = NULL;
	size_t len = 0;
	int result = line_reader_next(&reader, delimiter, &got, &len);
	if (result != error || reader.line != line || (error == 0 && strcmp(got, text) != 0))
		fail_msg("\"%s\": %s, line %u", got ? got : "", carousel_strerror(result), (unsigned)reader.line);
	if (error == 0)
		assert_int_equal(len, strlen(text));
}

static void test_lines(void **state)
{
	static const char text[] = "a\r\n\n\"b\nc\r\rd\0e\nlast";
	(void)state;
	open_text(text, sizeof text - 1);
	expect(0, 0, "a", 1);
	expect(0, 0, "", 2);
	expect(0, 0, "\"b", 3);
	expect(0, CAROUSEL_E_SYNTAX, NULL, 4);
	expect(0, 0, "last", 5);
	expect(0, CAROUSEL_E_NOT_FOUND, NULL, 5);
	expect(0, CAROUSEL_E_NOT_FOUND, NULL, 5);
	close_text();
}

static void test_records(void **state)
{
	static const char text[] = "a,\"b\n\"\"c\",d\r\n\"e\"x\nf,g\"h\n\"i\nj\n";
	(void)state;
	open_text(text, strlen(text));
	expect(',', 0, "a,\"b\n\"\"c\",d", 1);
	expect(',', CAROUSEL_E_SYNTAX, NULL, 3);
	expect(',', 0, "f,g\"h", 4);
	expect(',', CAROUSEL_E_SYNTAX, NULL, 5);
	expect(',', 0, "j", 6);
	expect(',', CAROUSEL_E_NOT_FOUND, NULL, 6);
	close_text();
}

/* Lines of every length about the limit, with and without quotes, over the edges of the buffer. */
static void test_limits(void **state)
{
	static char text[8 * LINE_READER_MAX], line[LINE_READER_MAX + 1];
	static const size_t lengths[] = {
		LINE_READER_MAX - 1, LINE_READER_MAX, LINE_READER_MAX + 1, 5 * LINE_READER_MAX};
	(void)state;
	for (unsigned quoted = 0; quoted < 2; quoted++) {
		for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
			size_t len = lengths[i];
			memset(text, 'x', len);
			if (quoted)
				text[0] = text[len - 1] = '"';
			strcpy(text + len, "\nnext\n");
			memcpy(line, text, len <= LINE_READER_MAX ? len : 0);
			line[len <= LINE_READER_MAX ? len : 0] = '\0';
			open_text(text, strlen(text));
			expect(quoted ? ',' : 0, len <= LINE_READER_MAX ? 0 : CAROUSEL_E_LIMIT, line, 1);
			expect(quoted ? ',' : 0, 0, "next", 2);
			close_text();
		}
	}
	/* An open quote followed by more than a record may hold: the first line goes, the others stay. */
	memset(text, 'y', sizeof text);
	text[0] = '"';
	for (size_t i = 100; i < sizeof text; i += 100)
		text[i] = '\n';
	open_text(text, sizeof text - 100);
	expect(',', CAROUSEL_E_SYNTAX, NULL, 1);
	memset(line, 'y', 99);
	line[99] = '\0';
	expect(',', 0, line, 2);
	close_text();
}

static void test_marks_and_digest(void **state)
{
	uint8_t digest[HASH_SHA256_BYTES], expected[HASH_SHA256_BYTES];
	(void)state;
	open_text("\xef\xbb\xbf"
		  "a\n",
		5);
	expect(0, 0, "a", 1);
	expect(0, CAROUSEL_E_NOT_FOUND, NULL, 1);
	assert_int_equal(line_reader_digest(&reader, digest), 0);
	assert_int_equal(hash_sha256("\xef\xbb\xbf"
				     "a\n",
				 5, expected),
		0);
	assert_memory_equal(digest, expected, sizeof digest);
	close_text();
	file = tmpfile();
	assert_non_null(file);
	fputs("\xff\xfe"
	      "a",
		file);
	rewind(file);
	assert_int_equal(line_reader_init(&reader, file, true), CAROUSEL_E_UNSUPPORTED);
	close_text();
}

/* A device without end, such as /dev/zero, is no text: it must not keep anybody reading for ever. */
static void test_a_line_without_end(void **state)
{
	char *got;
	size_t len;
	(void)state;
	file = fopen("/dev/zero", "r");
	assert_non_null(file);
	assert_int_equal(line_reader_init(&reader, file, false), 0);
	assert_int_equal(line_reader_next(&reader, 0, &got, &len), CAROUSEL_E_UNSUPPORTED);
	close_text();
}

static void test_a_last_line_without_its_end(void **state)
{
	(void)state;
	open_text("a\nb", 3);
	expect(0, 0, "a", 1);
	assert_true(reader.has_end);
	expect(0, 0, "b", 2);
	assert_false(reader.has_end);
	close_text();
}

static void split(const char *record, int error, const char *joined)
{
	char copy[128], *fields[4], text[128] = "";
	unsigned count;
	int result;
	strcpy(copy, record);
	result = line_reader_split(copy, ';', fields, 4, &count);
	assert_int_equal(result, error);
	for (unsigned i = 0; result == 0 && i < count; i++) {
		strcat(text, fields[i]);
		strcat(text, "|");
	}
	if (result == 0)
		assert_string_equal(text, joined);
}

static void test_split(void **state)
{
	(void)state;
	split("", 0, "|");
	split("a;b", 0, "a|b|");
	split(";;", 0, "|||");
	split("  a b  ; ;c", 0, "a b||c|");
	split("\"a;\"\"b\"\"\";\"\"", 0, "a;\"b\"||");
	split("a\"b;c", 0, "a\"b|c|");
	split("\" a \"", 0, " a |");
	split("1;2;3;4", 0, "1|2|3|4|");
	split("1;2;3;4;", CAROUSEL_E_LIMIT, NULL);
	split("\"a", CAROUSEL_E_SYNTAX, NULL);
	split("\"a\"b", CAROUSEL_E_SYNTAX, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_marks_and_digest),
		cmocka_unit_test(test_a_line_without_end),
		cmocka_unit_test(test_a_last_line_without_its_end),
		cmocka_unit_test(test_split),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
