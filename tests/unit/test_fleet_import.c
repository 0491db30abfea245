#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "common/envelope.h"
#include "policy-map/fleet/fleet_import.h"

#include <sodium.h>
#include <unistd.h>

static char path[64];
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
	snprintf(path, sizeof path, "/tmp/test_fleet_import.%d", (int)getpid());
	memset(&im, 0, sizeof im);
	im.now_s = 1000;
	im.report = note;
	return fleet_db_open(path, false, &im.db);
}

static int tear_down(void **state)
{
	static const char *const ends[] = {"", "-wal", "-shm"};
	char file[80];
	(void)state;
	fleet_db_close(im.db);
	for (unsigned i = 0; i < 3; i++) {
		snprintf(file, sizeof file, "%s%s", path, ends[i]);
		unlink(file);
	}
	return 0;
}

static int run(int (*import)(struct fleet_import *, FILE *), const char *text)
{
	FILE *file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
	int result;
	assert_non_null(file);
	im.lines = im.taken = im.older = im.bad = 0;
	result = import(&im, file);
	fclose(file);
	return result;
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
					       "a8,box,beta,1,,\n"
					       "a9,box,beta,4294967295,"),
		0);
	assert_int_equal(im.taken, 3);
	assert_int_equal(im.bad, 6);
	assert_true(fleet_db_has_box(im.db, "a1") && fleet_db_has_box(im.db, "a2") && fleet_db_has_box(im.db, "a9"));
	assert_false(fleet_db_has_box(im.db, "a4") || fleet_db_has_box(im.db, "a5"));
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
	char *text = malloc(2 * FLEET_IMPORT_MAX_LINE + 200);
	(void)state;
	memset(text, 'x', 2 * FLEET_IMPORT_MAX_LINE);
	strcpy(text + 2 * FLEET_IMPORT_MAX_LINE, "\na1,box,beta,7\n");
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
		cmocka_unit_test_setup_teardown(test_bare_reports, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_signed_reports, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_long_lines_are_passed_over, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
