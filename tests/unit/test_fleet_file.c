#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "policy-map/fleet/fleet_file.h"

#include <stdio.h>

static const char good[] = "carousel-fleet 1\n"
			   "boxes box production 100 2\n"
			   "boxes box beta 4294967295 1 and what comes later\n"
			   "\n"
			   "news of a later release\n"
			   "box 00a1 box production 100 10 20\n"
			   "box 00a2 box beta 4294967295 11 0 later\n"
			   "box 00a3   box production 100 12 22\n";

static struct fleet_file_reader reader;

static FILE *open_text(const char *text, size_t len)
{
	FILE *file = tmpfile();
	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, len, file), len);
	rewind(file);
	return file;
}

/* What stops the reader, and the line on which it does. */
static int read_all(const char *text, size_t len, unsigned *rows)
{
	FILE *file = open_text(text, len);
	struct fleet_file_row row;
	int result;
	fleet_file_init(&reader, file);
	for (*rows = 0; (result = fleet_file_next(&reader, &row)) == 0; (*rows)++)
		;
	assert_int_equal(fleet_file_next(&reader, &row), result);
	fclose(file);
	return result;
}

static void expect(const char *text, int error, uint64_t line)
{
	unsigned rows;
	int result = read_all(text, strlen(text), &rows);
	if (result != error || reader.line != line)
		fail_msg("%s: %s, line %u", text, carousel_strerror(result), (unsigned)reader.line);
}

static void test_rows(void **state)
{
	FILE *file = open_text(good, strlen(good));
	struct fleet_file_row row;
	(void)state;
	fleet_file_init(&reader, file);
	assert_int_equal(fleet_file_next(&reader, &row), 0);
	assert_true(row.kind == FLEET_FILE_BOXES && row.id == NULL && row.version == 100 && row.count == 2);
	assert_string_equal(row.class_name, "box");
	assert_string_equal(row.category, "production");
	assert_int_equal(fleet_file_next(&reader, &row), 0);
	assert_true(row.version == 4294967295u && row.count == 1);
	assert_int_equal(fleet_file_next(&reader, &row), 0);
	assert_true(row.kind == FLEET_FILE_BOX && row.count == 1 && row.since_s == 10 && row.seen_s == 20);
	assert_string_equal(row.id, "00a1");
	assert_int_equal(reader.line, 6);
	assert_int_equal(fleet_file_next(&reader, &row), 0);
	assert_string_equal(row.category, "beta");
	assert_true(row.since_s == 11 && row.seen_s == 0);
	assert_int_equal(fleet_file_next(&reader, &row), 0);
	assert_string_equal(row.id, "00a3");
	assert_int_equal(fleet_file_next(&reader, &row), CAROUSEL_E_NOT_FOUND);
	fclose(file);
}

#define HEAD "carousel-fleet 1\n"

static void test_bad_lines(void **state)
{
	unsigned rows;
	(void)state;
	expect("", CAROUSEL_E_SYNTAX, 0);
	expect("boxes box production 100 2\n", CAROUSEL_E_SYNTAX, 1);
	expect("carousel-fleet\n", CAROUSEL_E_SYNTAX, 1);
	expect("carousel-fleet 2\n", CAROUSEL_E_UNSUPPORTED, 1);
	expect(HEAD, CAROUSEL_E_NOT_FOUND, 1);
	expect(HEAD "boxes box production 100\n", CAROUSEL_E_SYNTAX, 2);
	expect(HEAD "boxes box production x 1\n", CAROUSEL_E_SYNTAX, 2);
	expect(HEAD "boxes box production 4294967296 1\n", CAROUSEL_E_RANGE, 2);
	expect(HEAD "boxes box production 1 9223372036854775808\n", CAROUSEL_E_RANGE, 2);
	expect(HEAD "boxes b c 1 9223372036854775807\nboxes b c 2 1\n", CAROUSEL_E_RANGE, 3);
	expect(HEAD "boxes box * 1 1\n", CAROUSEL_E_MALFORMED, 2);
	expect(HEAD "box 00A1 box production 1 0 0\n", CAROUSEL_E_MALFORMED, 2);
	expect(HEAD "box 00a1 box production 1 0\n", CAROUSEL_E_SYNTAX, 2);
	expect(HEAD "box 00a1 box production 1 -1 0\n", CAROUSEL_E_SYNTAX, 2);
	expect(HEAD "boxes b c 1 2\nbox 1 b c 1 0 0\n", CAROUSEL_E_TRUNCATED, 3);
	expect(HEAD "boxes b c 1 1\nbox 1 b c 1 0 0\nbox 2 b c 1 0 0\n", CAROUSEL_E_MALFORMED, 4);
	assert_int_equal(read_all(HEAD "boxes b c\0 1 1\n", sizeof HEAD + 14, &rows), CAROUSEL_E_SYNTAX);
}

static void test_long_lines(void **state)
{
	static char text[2 * 65536];
	unsigned rows;
	size_t head = strlen(HEAD);
	(void)state;
	memcpy(text, HEAD, head);
	memset(text + head, 'x', sizeof text - head);
	assert_int_equal(read_all(text, sizeof text, &rows), CAROUSEL_E_LIMIT);
	text[head + FLEET_FILE_MAX_LINE] = '\n';
	assert_int_equal(read_all(text, head + FLEET_FILE_MAX_LINE + 1, &rows), CAROUSEL_E_LIMIT);
	text[head + FLEET_FILE_MAX_LINE - 1] = '\n';
	assert_int_equal(read_all(text, head + FLEET_FILE_MAX_LINE, &rows), CAROUSEL_E_NOT_FOUND);
}

/* Cut anywhere but behind a whole line of the counts, a file is found to be cut. */
static void test_cut(void **state)
{
	unsigned rows;
	(void)state;
	for (size_t len = 0; len < strlen(good); len++) {
		int result = read_all(good, len, &rows);
		if (result == CAROUSEL_E_NOT_FOUND)
			assert_true(good[len - 1] == '\n' && reader.boxes_listed == 0);
		else
			assert_true(result == CAROUSEL_E_TRUNCATED || (result == CAROUSEL_E_SYNTAX && len == 0));
	}
}

/* Written and read again, over many refills of the buffer. */
static void test_round_trip(void **state)
{
	FILE *file = tmpfile();
	const unsigned boxes = 20000;
	struct fleet_file_row row = {.kind = FLEET_FILE_BOXES, .class_name = "box", .category = "x", .count = boxes};
	char id[16];
	(void)state;
	assert_non_null(file);
	assert_int_equal(fleet_file_write_head(file), 0);
	assert_int_equal(fleet_file_write(file, &row), 0);
	for (unsigned i = 0; i < boxes; i++) {
		snprintf(id, sizeof id, "%u", i);
		row = (struct fleet_file_row){FLEET_FILE_BOX, id, "box", "x", i, 1, i + 1, i * 3};
		assert_int_equal(fleet_file_write(file, &row), 0);
	}
	rewind(file);
	fleet_file_init(&reader, file);
	assert_int_equal(fleet_file_next(&reader, &row), 0);
	for (unsigned i = 0; i < boxes; i++) {
		snprintf(id, sizeof id, "%u", i);
		assert_int_equal(fleet_file_next(&reader, &row), 0);
		assert_string_equal(row.id, id);
		assert_true(row.version == i && row.since_s == i + 1 && row.seen_s == i * 3);
	}
	assert_int_equal(fleet_file_next(&reader, &row), CAROUSEL_E_NOT_FOUND);
	fclose(file);
	file = fopen("/dev/full", "w");
	assert_non_null(file);
	setvbuf(file, NULL, _IONBF, 0);
	assert_int_equal(fleet_file_write_head(file), CAROUSEL_E_IO);
	assert_int_equal(
		fleet_file_write(file, &(struct fleet_file_row){.class_name = "b", .category = "c"}), CAROUSEL_E_IO);
	fclose(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_bad_lines),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_round_trip),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
