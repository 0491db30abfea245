/* Every document of policy-map while jansson has no memory: an error, or all of it; never a document with members
 * missing, and nothing left behind. */
#include "tests/lib/fault_json.h"
#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "common/envelope.h"
#include "common/json_fields.h"
#include "policy-map/audit.h"
#include "policy-map/box_report.h"
#include "policy-map/heartbeat.h"
#include "policy-map/key_file.h"
#include "policy-map/manifest.h"
#include "policy-map/schedule.h"
#include "policy-map/trust.h"

#include <stdio.h>

static char *file_of(const char *path, size_t *len)
{
	char *text = calloc(1, 1 << 16);
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	*len = fread(text, 1, (1 << 16) - 1, file);
	fclose(file);
	return text;
}

struct vector {
	const char *text;
	size_t len;
};

static int manifest_again(void *user, char **text)
{
	const struct vector *v = user;
	static struct manifest m;
	size_t len;
	int result = manifest_parse(&m, (const uint8_t *)v->text, v->len, NULL);
	return result ? result : manifest_print(NULL, &m, text, &len);
}

static int root_again(void *user, char **text)
{
	const struct vector *v = user;
	static struct trust_root root;
	size_t len;
	int result = trust_root_parse(&root, (const uint8_t *)v->text, v->len);
	return result ? result : trust_root_print(NULL, &root, text, &len);
}

static int schedule_again(void *user, char **text)
{
	const struct vector *v = user;
	struct schedule s;
	size_t len;
	int result = schedule_parse(NULL, &s, (const uint8_t *)v->text, v->len);
	if (result)
		return result;
	result = schedule_print(NULL, &s, text, &len);
	schedule_deinit(NULL, &s);
	return result;
}

static int report_again(void *user, char **text)
{
	const struct vector *v = user;
	struct box_report r;
	size_t len;
	int result = box_report_parse_any(&r, (const uint8_t *)v->text, v->len);
	return result ? result : box_report_print(NULL, &r, text, &len);
}

static int heartbeat_again(void *user, char **text)
{
	const struct vector *v = user;
	struct heartbeat h;
	size_t len;
	int result = heartbeat_parse(&h, (const uint8_t *)v->text, v->len);
	if (result)
		return result;
	*text = calloc(1, HEARTBEAT_MAX_BYTES + 1);
	return heartbeat_print(&h, *text, HEARTBEAT_MAX_BYTES, &len);
}

static int envelope_again(void *user, char **text)
{
	const struct vector *v = user;
	struct envelope e;
	size_t len;
	int result = envelope_parse(NULL, &e, v->text, v->len);
	if (result)
		return result;
	result = envelope_print(NULL, &e, text, &len);
	envelope_deinit(NULL, &e);
	return result;
}

/* The whole of a line: what it holds is only compared when it was printed. */
static int ended(int result, char *text, size_t len)
{
	if (result == 0)
		text[len - 1] = '\0'; /* in place of the line end */
	return result;
}

static int audit_again(void *user, char **text)
{
	const struct vector *v = user;
	struct audit_chain chain = {0};
	struct audit_entry e;
	size_t len = 0;
	int result = audit_parse(&e, v->text, v->len);
	if (result == 0)
		result = audit_print(NULL, &chain, &e, text, &len);
	return result ? result : ended(result, *text, len);
}

static int key_again(void *user, char **text)
{
	struct key_file_protection protection = {
		.passphrase = "x", .passphrase_len = 1, .operations = 1, .memory_bytes = 8192};
	struct key_secret secret, again;
	uint8_t seed[KEY_SEED_BYTES] = {1};
	size_t len;
	int result = key_secret_init(&secret, KEY_ED25519, seed);
	assert_int_equal(result, 0);
	result = key_file_print_secret(NULL, &secret, user ? &protection : NULL, text, &len);
	if (result == 0)
		result = key_file_parse_secret(&again, *text, len, "x", 1);
	if (result == 0)
		key_secret_deinit(&again);
	if (result) {
		free(*text);
		*text = NULL;
	} else {
		(*text)[len - 1] = '\0';
	}
	key_secret_deinit(&secret);
	return result;
}

static void of_text(int (*again)(void *, char **), const char *text)
{
	struct vector v = {text, strlen(text)};
	assert_true(fault_json_all(again, &v) > 3);
}

static void of_file(int (*again)(void *, char **), const char *path)
{
	struct vector v;
	char *text = file_of(path, &v.len);
	v.text = text;
	assert_true(fault_json_all(again, &v) > 10);
	free(text);
}

static void test_documents(void **state)
{
	(void)state;
	of_file(manifest_again, "tests/vectors/maps/manifest-0.1.json");
	of_file(manifest_again, "tests/vectors/maps/manifest-future.json");
	of_file(root_again, "tests/vectors/maps/root-0.1.json");
	of_file(envelope_again, "tests/vectors/maps/heartbeat-0.1.dsse");
	of_text(schedule_again,
		"{\"sequence\":3,\"until\":9,\"objects\":[{\"role\":\"image\",\"class\":\"box\","
		"\"version\":7,\"share\":5,\"cycle_s\":6,\"from\":8},{\"role\":\"map\",\"share\":1,\"cycle_s\":2}]}");
	of_text(report_again,
		"{\"box_id\":\"1\",\"class\":\"box\",\"category\":\"beta\",\"version\":5,\"epoch\":1,"
		"\"serial\":2,\"state\":\"failed\",\"reason\":\"x\",\"time\":9,\"kpi\":{\"failures\":1,\"b\":2}}");
	of_text(heartbeat_again,
		"{\"session\":\"main\",\"sequence\":1,\"time\":2,\"epoch\":1,\"serial\":3,\"map_sha256\":"
		"\"0000000000000000000000000000000000000000000000000000000000000007\",\"rate_bps\":1000}");
	of_text(audit_again,
		"{\"number\":1,\"previous\":\"0000000000000000000000000000000000000000000000000000000000000000\","
		"\"time\":7,\"who\":\"me\",\"action\":\"sign\",\"subject\":\"map\",\"sha256\":"
		"\"0000000000000000000000000000000000000000000000000000000000000007\"}");
}

/* Half a key file would be a key that is lost. */
static void test_key_files(void **state)
{
	int with_passphrase = 1;
	(void)state;
	assert_true(fault_json_all(key_again, NULL) > 10);
	assert_true(fault_json_all(key_again, &with_passphrase) > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_documents),
		cmocka_unit_test(test_key_files),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
