/* covers: policy-map/fleet/fleet_lists.c policy-map/fleet/fleet_reports.c */
#include "tests/lib/test.h"

#include "tests/lib/fleet_site.h"

#include "common/carousel_error.h"
#include "common/envelope.h"
#include "policy-map/files/line_reader.h"
#include "policy-map/fleet/fleet_import.h"

#include <stdio.h>

static char path[FLEET_SITE_PATH_BYTES];
static struct fleet_import im;
static int last_error;
static uint64_t last_line;
static char faults[2048];

static void note(void *user, const struct fleet_import_fault *f)
{
	size_t at = strlen(faults);
	(void)user;
	last_line = f->line;
	last_error = f->error;
	snprintf(faults + at, sizeof faults - at, "%u %s %s %s\n", (unsigned)f->line, carousel_error_name(f->error),
		f->column ? f->column : "-", f->value);
}

static int set_up(void **state)
{
	(void)state;
	memset(&im, 0, sizeof im);
	im.now_s = 1000;
	im.max_faults = 100;
	im.report = note;
	return fleet_site_open("test_fleet_import", path, &im.db);
}

static int tear_down(void **state)
{
	(void)state;
	fleet_site_close(im.db, path);
	return 0;
}

static int run(int (*import)(struct fleet_import *, FILE *), const char *text)
{
	FILE *file = tmpfile();
	int result;
	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
	rewind(file);
	im.lines = im.taken = im.older = im.bad = im.signed_lines = im.unsigned_lines = 0;
	faults[0] = '\0';
	result = import(&im, file);
	fclose(file);
	return result;
}

static int last_version(void *user, uint32_t version, uint64_t since_s, uint64_t until_s)
{
	(void)since_s;
	(void)until_s;
	*(uint32_t *)user = version;
	return 0;
}

static uint32_t version_of(const char *id)
{
	uint32_t version = 0;
	assert_int_equal(fleet_db_history(im.db, id, last_version, &version), 0);
	return version;
}

static void test_csv(void **state)
{
	(void)state;
	assert_int_equal(run(fleet_import_csv, "box_id,class,category,version,time\n"
					       "a1,box,production,100,1970-01-01T00:01Z\r\n\n"
					       "a2,box,beta,0\n"
					       "A3,box,beta,1\n"
					       "a4,box,*,1\n"
					       "a5,box,beta,4294967296\n"
					       "a6,box,beta\n"
					       "a7,box,beta,1,yesterday\n"
					       "a8,box,beta,01\n"
					       "a9,box,beta,4294967295,"),
		0);
	assert_int_equal(im.taken, 3);
	assert_int_equal(im.bad, 6);
	assert_int_equal(last_line, 10);
	assert_true(fleet_db_has_box(im.db, "a1") && fleet_db_has_box(im.db, "a2") && fleet_db_has_box(im.db, "a9"));
	assert_false(fleet_db_has_box(im.db, "a4") || fleet_db_has_box(im.db, "a5"));
}

/* What factories and billing systems write: their own order, quotes, delimiters, line ends, marks. */
static void test_csv_of_all_kinds(void **state)
{
	(void)state;
	assert_int_equal(run(fleet_import_csv, "\xef\xbb\xbf\"version\";\"note\";class ; box_id\r\n"
					       "7;\"a \"\"note\"\" over\r\ntwo; lines\";box;a1\r\n"
					       "8;\xff\xfe;\"box\";\"a2\"\r\n"
					       " 9 ; 5\" disk ; box ; a3 \r\n"),
		0);
	assert_int_equal(im.bad, 0);
	assert_int_equal(im.taken, 3);
	assert_int_equal(version_of("a1"), 7);
	assert_int_equal(version_of("a2"), 8);
	assert_int_equal(version_of("a3"), 9);
	assert_int_equal(run(fleet_import_csv, "b1\tbox\tbeta\t5\n"), 0);
	assert_int_equal(version_of("b1"), 5);
	/* no header, and no boxes */
	assert_int_equal(run(fleet_import_csv, "class,version\nbox,7\n"), CAROUSEL_E_REFUSED);
	assert_int_equal(im.bad, 2);
	assert_int_equal(run(fleet_import_csv, "box_id,version\nb1,7\n"), CAROUSEL_E_SYNTAX);
	assert_int_equal(run(fleet_import_csv, "\xff\xfe"
					       "b\0"),
		CAROUSEL_E_UNSUPPORTED);
	assert_int_equal(run(fleet_import_csv, ""), 0);
	assert_int_equal(im.taken, 0);
}

/* A quote that nothing closes costs its own line. */
static void test_open_quotes(void **state)
{
	(void)state;
	assert_int_equal(run(fleet_import_csv, "c1,box,beta,1\nc2,\"box,beta,2\nc3,box,beta,3\n"), 0);
	assert_int_equal(im.bad, 1);
	assert_int_equal(last_line, 2);
	assert_int_equal(last_error, CAROUSEL_E_SYNTAX);
	assert_true(fleet_db_has_box(im.db, "c1") && fleet_db_has_box(im.db, "c3"));
	assert_int_equal(run(fleet_import_csv, "c4,\"box\"x,beta,1\nc5,box,beta,1\nc6,\"bo"), 0);
	assert_int_equal(im.bad, 2);
	assert_true(fleet_db_has_box(im.db, "c5"));
}

/* The same file once more changes nothing, not even when boxes were last heard of. */
static void test_again(void **state)
{
	static const char text[] = "d1,box,beta,1\nd1,box,beta,2\n";
	(void)state;
	assert_int_equal(run(fleet_import_csv, text), 0);
	im.now_s++;
	assert_int_equal(run(fleet_import_csv, text), CAROUSEL_E_DUPLICATE);
	assert_int_equal(im.taken, 0);
	assert_int_equal(version_of("d1"), 2);
	/* A file with a bad line may come again when the reason is gone; what is dated stays what it was. */
	assert_int_equal(
		run(fleet_import_csv, "d2,box,beta,1,1970-01-01T00:01Z\nd2,box,beta,2,1970-01-01T00:02Z\n?"), 0);
	assert_int_equal(
		run(fleet_import_csv, "d2,box,beta,1,1970-01-01T00:01Z\nd2,box,beta,2,1970-01-01T00:02Z\n?"), 0);
	assert_true(im.older == 1 && im.taken == 1 && im.bad == 1);
	assert_int_equal(version_of("d2"), 2);
}

static int seen_at(void *user, const struct fleet_box *b)
{
	*(uint64_t *)user = b->seen_s ? b->seen_s : b->since_s;
	return 0;
}

/* A clock that runs ahead must not make all that comes later count as old news. */
static void test_the_future(void **state)
{
	uint64_t seen = 0;
	(void)state;
	assert_int_equal(run(fleet_import_csv, "e1,box,beta,1,2999-01-01T00:00Z\n"), 0);
	assert_int_equal(fleet_db_each(im.db, seen_at, &seen), 0);
	assert_int_equal(seen, 1000);
	assert_int_equal(
		run(fleet_import_reports,
			"{\"box_id\":\"e1\",\"class\":\"box\",\"category\":\"x\",\"version\":2,\"time\":9999999999}\n"),
		0);
	assert_int_equal(fleet_db_each(im.db, seen_at, &seen), 0);
	assert_int_equal(seen, 1000);
	assert_int_equal(version_of("e1"), 2);
}

static int count_boxes(void *user, const char *class_name, const char *category, uint32_t version, uint64_t count)
{
	assert_string_equal(class_name, "box");
	assert_string_equal(category, "beta");
	assert_int_equal(version, 2);
	*(uint64_t *)user += count;
	return 0;
}

/* More boxes than are held in memory at a time, in no order, each of them twice. */
static void test_batches(void **state)
{
	FILE *file = tmpfile();
	const unsigned boxes = FLEET_BATCH / 2 + 5000;
	uint64_t boxes_seen = 0;
	(void)state;
	assert_non_null(file);
	for (unsigned round = 1; round <= 2; round++) {
		for (unsigned i = 0; i < boxes; i++)
			fprintf(file, "%08x,box,beta,%u\n", i * 2654435761u, round);
	}
	rewind(file);
	assert_int_equal(fleet_import_csv(&im, file), 0);
	assert_int_equal(im.taken, 2 * boxes);
	assert_int_equal(version_of("00000000"), 2);
	assert_int_equal(version_of("9e3779b1"), 2);
	assert_int_equal(fleet_db_each_version(im.db, count_boxes, &boxes_seen), 0);
	assert_int_equal(boxes_seen, boxes);
	fclose(file);
}

#define REPORT(id) "{\"box_id\":\"" id "\",\"class\":\"box\",\"category\":\"beta\",\"version\":7}"

static void test_bare_reports(void **state)
{
	(void)state;
	assert_int_equal(run(fleet_import_reports, REPORT("a1") "\nnonsense\n{}\n" REPORT("a2") "\n"), 0);
	assert_int_equal(im.lines, 4);
	assert_int_equal(im.taken, 2);
	assert_int_equal(im.bad, 2);
	assert_int_equal(last_line, 3);
	assert_int_equal(im.unsigned_lines, 2);
}

/* An enrolled box is believed only under its own key's signature: not bare, not under another box's key, not when what
 * was signed is no report, and not under the key that it had before. */
static void test_signed_reports(void **state)
{
	static const char payload[] = REPORT("a1");
	struct key_secret own = fleet_site_key(1), other = fleet_site_key(2);
	char line[512], enrol[256], *good = fleet_site_signed(ENVELOPE_TYPE_REPORT, payload, &own),
				    *forged = fleet_site_signed(ENVELOPE_TYPE_REPORT, payload, &other),
				    *mistaken = fleet_site_signed(ENVELOPE_TYPE_HEARTBEAT, payload, &own);
	(void)state;
	fleet_site_enrol(enrol, sizeof enrol, "a1", &own);
	snprintf(line, sizeof line, "box_id,public\n%sa2,nonsense\n", enrol);
	assert_int_equal(run(fleet_import_keys, line), 0);
	assert_true(im.taken == 1 && im.bad == 1);
	assert_string_equal(faults, "3 malformed public nonsense\n");
	fleet_site_enrol(enrol, sizeof enrol, "a2", &other);
	assert_int_equal(run(fleet_import_keys, enrol), 0);
	assert_int_equal(run(fleet_import_reports, forged), CAROUSEL_E_REFUSED);
	assert_string_equal(faults, "1 bad-signature box_id a1\n");
	assert_int_equal(run(fleet_import_reports, payload), CAROUSEL_E_REFUSED);
	assert_int_equal(last_error, CAROUSEL_E_SIGNATURE);
	assert_int_equal(run(fleet_import_reports, mistaken), CAROUSEL_E_REFUSED);
	assert_string_equal(faults, "1 wrong-type payloadType application/vnd.carousel.heartbeat\n");
	assert_false(fleet_db_has_box(im.db, "a1"));
	assert_int_equal(run(fleet_import_reports, good), 0);
	assert_int_equal(im.signed_lines, 1);
	assert_true(fleet_db_has_box(im.db, "a1"));
	fleet_site_enrol(enrol, sizeof enrol, "a1", &other);
	assert_int_equal(run(fleet_import_keys, enrol), 0);
	snprintf(line, sizeof line, " %s", good); /* not the file that is known */
	assert_int_equal(run(fleet_import_reports, line), CAROUSEL_E_REFUSED);
	assert_int_equal(run(fleet_import_reports, forged), 0);
	free(good);
	free(forged);
	free(mistaken);
}

/* What is no report must not count because nobody has enrolled the box that it names. */
static void test_other_documents(void **state)
{
	struct key_secret key = fleet_site_key(1);
	char *map = fleet_site_signed(ENVELOPE_TYPE_MANIFEST, REPORT("a1"), &key);
	(void)state;
	assert_int_equal(run(fleet_import_reports, map), CAROUSEL_E_REFUSED);
	assert_int_equal(last_error, CAROUSEL_E_WRONG_TYPE);
	assert_false(fleet_db_has_box(im.db, "a1"));
	free(map);
}

/* Each bad line says what is wrong with it, in so few printable characters that no terminal can come to harm. */
static void test_faults_are_named(void **state)
{
	char text[1024];
	(void)state;
	assert_int_equal(run(fleet_import_csv, "box_id;class;category;version;time\n"
					       "00a1;box;beta;7\n"
					       "00A1;box;beta;7\n"
					       "00a1;b x;beta;7\n"
					       "00a1;box;\x1b[2J\x9b;7\n"
					       "00a1;box;beta;99999999999\n"
					       "00a1;box;beta\n"
					       "00a1;box;beta;7;yesterday\n"),
		0);
	assert_string_equal(faults, "3 malformed box_id 00A1\n"
				    "4 malformed class b x\n"
				    "5 malformed category \\x1b[2J\\x9b\n"
				    "6 out-of-range version 99999999999\n"
				    "7 syntax version \n"
				    "8 syntax time yesterday\n");
	memset(text, 'x', 300);
	snprintf(text + 300, sizeof text - 300, "\n%s\n", REPORT("a2"));
	assert_int_equal(run(fleet_import_reports, text), 0);
	assert_string_equal(faults, "1 syntax - xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...\n");
	assert_int_equal(run(fleet_import_reports,
				 REPORT("a3") "\n"
					      "{\"box_id\":\"a1\",\"category\":\"beta\",\"version\":7}\n" REPORT(
						      "\\u001b") "\n{\"box_id\":\"a1\",\"class\":\"box\","
								 "\"category\":\"beta\",\"version\":-7}\n[]\n"),
		0);
	assert_string_equal(faults, "2 malformed class \n"
				    "3 malformed box_id \"\\u001B\"\n"
				    "4 out-of-range version -7\n"
				    "5 malformed - []\n");
}

/* A file of a million bad lines is not a million lines of complaint, and not a success. */
static void test_faults_are_bounded(void **state)
{
	static char text[64 * 1024];
	(void)state;
	for (size_t at = 0; at + 2 < sizeof text; at += 2)
		memcpy(text + at, "{\n", 3);
	im.max_faults = 2;
	assert_int_equal(run(fleet_import_reports, text), CAROUSEL_E_REFUSED);
	assert_string_equal(faults, "1 syntax - {\n2 syntax - {\n");
	assert_true(im.bad == im.lines && im.bad == sizeof text / 2 - 1 && im.taken == 0);
	im.max_faults = 0;
	assert_int_equal(run(fleet_import_reports, "{\n" REPORT("a1") "\n"), 0);
	assert_true(im.bad == 1 && im.taken == 1 && faults[0] == '\0');
}

/* Who names the wrong kind is told so at once, and nothing happens. */
static void test_files_of_another_kind(void **state)
{
	(void)state;
	assert_int_equal(run(fleet_import_reports, "a1,box,beta,7\na2,box,beta,7\n"), CAROUSEL_E_WRONG_TYPE);
	assert_true(im.kind == FLEET_KIND_LIST && im.bad == 0 && faults[0] == '\0');
	assert_int_equal(run(fleet_import_csv, REPORT("a1") "\n"), CAROUSEL_E_WRONG_TYPE);
	assert_int_equal(im.kind, FLEET_KIND_REPORTS);
	assert_int_equal(run(fleet_import_keys, "box_id,class,version\n"), CAROUSEL_E_WRONG_TYPE);
	assert_int_equal(im.kind, FLEET_KIND_LIST);
	assert_int_equal(run(fleet_import_csv, "box_id,public\n"), CAROUSEL_E_WRONG_TYPE);
	assert_int_equal(run(fleet_import_reports, "\x1f\x8b\x08"), CAROUSEL_E_WRONG_TYPE);
	assert_int_equal(im.kind, FLEET_KIND_PACKED);
	assert_false(fleet_db_has_box(im.db, "a1"));
	/* Only a header, or nothing at all: nothing is wrong with it. */
	assert_int_equal(run(fleet_import_csv, "box_id,class,version\n"), 0);
}

/* One bad line each; the line behind it counts. */
static void test_hostile_reports(void **state)
{
#define TAIL "\"class\":\"box\",\"category\":\"beta\",\"version\":"
	static const struct {
		const char *text;
		int error;
	} cases[] = {
		{"{\"box_id\":\"h1\"," TAIL "1e999}", CAROUSEL_E_SYNTAX},
		{"{\"box_id\":\"h1\"," TAIL "99999999999999999999999999}", CAROUSEL_E_SYNTAX},
		{"{\"box_id\":\"h1\"," TAIL "7.0}", CAROUSEL_E_MALFORMED},
		{"{\"box_id\":\"h1\"," TAIL "true}", CAROUSEL_E_MALFORMED},
		{"{\"box_id\":\"h1\"," TAIL "7,\"version\":8}", CAROUSEL_E_SYNTAX},
		{"{\"box_id\":\"h1\"," TAIL "7,\"box_id\":\"h2\"}", CAROUSEL_E_SYNTAX},
		{"{\"box_id\":\"h\\u0000\"," TAIL "7}", CAROUSEL_E_SYNTAX},
		{"{\"box_id\":\"h\xff\"," TAIL "7}", CAROUSEL_E_SYNTAX},
		{"{\"box_id\":\"h\xc3\xa4\"," TAIL "7}", CAROUSEL_E_MALFORMED},
		{"{\"box_id\":\"h1\"," TAIL "7,\"kpi\":{\"failures\":1e30}}", CAROUSEL_E_MALFORMED},
		{"{\"box_id\":\"h1\"," TAIL "7,\"time\":-1}", CAROUSEL_E_RANGE},
		{"{\"payload\":\"AA\",\"payloadType\":\"x\",\"signatures\":[]}", CAROUSEL_E_MALFORMED},
		{"{\"payload\":{},\"payloadType\":7,\"signatures\":[[]]}", CAROUSEL_E_MALFORMED},
	};
	char text[512];
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		snprintf(text, sizeof text, "%s\n%s\n", cases[i].text, REPORT("h9"));
		last_error = 0;
		assert_int_equal(run(fleet_import_reports, text), 0);
		if (im.taken != 1 || im.bad != 1 || last_error != cases[i].error)
			fail_msg("%s: %s", cases[i].text, carousel_strerror(last_error));
	}
	assert_false(fleet_db_has_box(im.db, "h1") || fleet_db_has_box(im.db, "h2") || fleet_db_has_box(im.db, "h"));
}

/* JSON that is all brackets, as deep as a line is long. */
static void test_deep_reports(void **state)
{
	static char text[LINE_READER_MAX + 256];
	(void)state;
	memset(text, '[', LINE_READER_MAX);
	snprintf(text + LINE_READER_MAX, sizeof text - LINE_READER_MAX, "\n%s\n", REPORT("a1"));
	assert_int_equal(run(fleet_import_reports, text), 0);
	assert_true(im.bad == 1 && im.taken == 1);
	for (size_t i = 0; i + 5 <= LINE_READER_MAX; i += 5)
		memcpy(text + i, "{\"a\":", 5);
	assert_int_equal(run(fleet_import_reports, text), 0);
	assert_true(im.bad == 1 && im.taken == 1);
}

/* ---- threads ---- */

#define MIXED_LINES 3000u

/* Good ones, forged ones, bare ones of enrolled boxes, bad ones, changes of version, in no order. */
static void write_mixed(FILE *file)
{
	struct key_secret keys[2] = {fleet_site_key(0), fleet_site_key(1)};
	uint64_t random = 7;
	for (unsigned i = 0; i < MIXED_LINES; i++) {
		const uint64_t draw = test_random(&random);
		char payload[256], *line;
		snprintf(payload, sizeof payload,
			"{\"box_id\":\"%03x\",\"class\":\"box%u\",\"category\":\"beta\",\"version\":%u,\"time\":%u,"
			"\"kpi\":{\"failures\":%u}}",
			(unsigned)(draw & 0xff), (unsigned)(draw >> 8 & 1), 1 + (unsigned)(draw >> 16 & 7),
			1 + (unsigned)(draw >> 24 & 0xff), (unsigned)(draw >> 32 & 3));
		line = fleet_site_signed(ENVELOPE_TYPE_REPORT, payload, &keys[draw >> 40 & 1]);
		switch (draw >> 48 & 7) {
		case 0:
			fprintf(file, "%s\n", payload);
			break;
		case 1:
			fprintf(file, "%.*s\n\n", (int)(draw >> 52 & 63), payload);
			break;
		default:
			fputs(line, file);
		}
		free(line);
	}
	rewind(file);
}

static void enrol_every_other(void)
{
	char line[256];
	for (unsigned i = 0; i < 256; i += 2) {
		const struct key_secret key = fleet_site_key(i / 2 % 2);
		char id[8];
		snprintf(id, sizeof id, "%03x", i);
		fleet_site_enrol(line, sizeof line, id, &key);
		assert_int_equal(run(fleet_import_keys, line), 0);
	}
}

static char *whole_file(const char *name, size_t *len)
{
	FILE *file = fopen(name, "r");
	char *bytes = malloc(4u << 20);
	assert_true(file && bytes);
	*len = fread(bytes, 1, 4u << 20, file);
	assert_true(*len > 4096 && *len < 4u << 20);
	fclose(file);
	return bytes;
}

/* The database is the same, byte for byte, and so is every count and complaint. */
static void test_threads_change_nothing(void **state)
{
	static const unsigned jobs[] = {1, 2, 4, CREW_MOST, 1000};
	char first_faults[sizeof faults], other[FLEET_SITE_PATH_BYTES], *bytes[2];
	struct fleet_import first = {0};
	size_t len[2];
	FILE *file = tmpfile();
	(void)state;
	assert_non_null(file);
	write_mixed(file);
	fleet_site_close(im.db, path);
	for (unsigned i = 0; i < sizeof jobs / sizeof *jobs; i++) {
		assert_int_equal(fleet_site_open("test_fleet_import_jobs", other, &im.db), 0);
		enrol_every_other();
		im.jobs = jobs[i];
		im.lines = im.taken = im.bad = 0;
		faults[0] = '\0';
		rewind(file);
		assert_int_equal(fleet_import_reports(&im, file), 0);
		fleet_db_close(im.db);
		bytes[i > 0] = whole_file(other, &len[i > 0]);
		if (i == 0) {
			first = im;
			strcpy(first_faults, faults);
			assert_true(im.taken > 500 && im.older > 500 && im.bad > 500 && im.signed_lines > 100 &&
				    im.unsigned_lines > 100);
		} else {
			assert_string_equal(faults, first_faults);
			assert_true(im.lines == first.lines && im.taken == first.taken && im.older == first.older &&
				    im.bad == first.bad && im.signed_lines == first.signed_lines &&
				    im.unsigned_lines == first.unsigned_lines);
			assert_true(len[1] == len[0] && memcmp(bytes[1], bytes[0], len[0]) == 0);
			free(bytes[1]);
		}
		fleet_site_close(NULL, other);
	}
	free(bytes[0]);
	fclose(file);
	im.db = NULL;
}

static void test_long_lines_are_passed_over(void **state)
{
	char *text = malloc(2 * LINE_READER_MAX + 200);
	(void)state;
	memset(text, 'x', 2 * LINE_READER_MAX);
	strcpy(text + 2 * LINE_READER_MAX, "\na1,box,beta,7\n");
	assert_int_equal(run(fleet_import_csv, text), 0);
	assert_int_equal(im.taken, 1);
	assert_int_equal(im.bad, 1);
	assert_int_equal(last_error, CAROUSEL_E_LIMIT);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_csv, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_csv_of_all_kinds, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_open_quotes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_the_future, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_batches, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_bare_reports, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_signed_reports, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_other_documents, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_faults_are_named, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_faults_are_bounded, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_files_of_another_kind, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_hostile_reports, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_deep_reports, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_threads_change_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_long_lines_are_passed_over, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
