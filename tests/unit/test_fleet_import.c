#include "tests/lib/test.h"

#include "tests/lib/fleet_site.h"

#include "common/carousel_error.h"
#include "common/envelope.h"
#include "policy-map/files/line_reader.h"
#include "policy-map/fleet/fleet_import.h"

#include <sodium.h>

static char path[FLEET_SITE_PATH_BYTES];
static struct fleet_import im;
static int last_error;
static uint64_t last_line;

static void note(void *user, uint64_t line, int error)
{
	(void)user;
	last_line = line;
	last_error = error;
}

static int set_up(void **state)
{
	(void)state;
	memset(&im, 0, sizeof im);
	im.now_s = 1000;
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
	assert_int_equal(run(fleet_import_csv, "class,version\nbox,7\n"), 0); /* no header, and no boxes */
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

/* An enrolled box is believed only under its own signature. */
static void test_signed_reports(void **state)
{
	static const char payload[] = REPORT("a1");
	uint8_t seed[KEY_SEED_BYTES] = {1}, der[KEY_MAX_DER_BYTES];
	char base64[128], line[256], *good, *forged;
	struct key_secret own, other;
	struct key_signer signer;
	struct envelope e;
	size_t len;
	(void)state;
	assert_int_equal(key_secret_init(&own, KEY_ED25519, seed), 0);
	seed[0] = 2;
	assert_int_equal(key_secret_init(&other, KEY_ED25519, seed), 0);
	sodium_bin2base64(
		base64, sizeof base64, der, key_public_der(&own.public_key, der), sodium_base64_VARIANT_ORIGINAL);
	snprintf(line, sizeof line, "box_id,public\na1,%s\na2,nonsense\n", base64);
	assert_int_equal(run(fleet_import_keys, line), 0);
	assert_int_equal(im.taken, 1);
	assert_int_equal(im.bad, 1);
	assert_int_equal(envelope_init(NULL, &e, ENVELOPE_TYPE_REPORT, payload, strlen(payload)), 0);
	signer = key_secret_signer(&other);
	assert_int_equal(envelope_sign(&e, &signer), 0);
	assert_int_equal(envelope_print(NULL, &e, &forged, &len), 0);
	signer = key_secret_signer(&own);
	assert_int_equal(envelope_sign(&e, &signer), 0);
	assert_int_equal(envelope_print(NULL, &e, &good, &len), 0);
	envelope_deinit(NULL, &e);
	assert_int_equal(run(fleet_import_reports, forged), 0);
	assert_int_equal(last_error, CAROUSEL_E_SIGNATURE);
	assert_int_equal(run(fleet_import_reports, payload), 0);
	assert_int_equal(im.bad, 1);
	assert_int_equal(last_error, CAROUSEL_E_SIGNATURE);
	assert_false(fleet_db_has_box(im.db, "a1"));
	assert_int_equal(run(fleet_import_reports, good), 0);
	assert_int_equal(im.signed_lines, 1);
	assert_true(fleet_db_has_box(im.db, "a1"));
	memory_free(NULL, good);
	memory_free(NULL, forged);
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
		cmocka_unit_test_setup_teardown(test_long_lines_are_passed_over, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
