/* covers: carousel-rx/daemon/tell.c */
#include "tests/lib/test.h"

#include "carousel-rx/daemon/tell.h"
#include "common/carousel_error.h"
#include "common/envelope.h"

static const char status_text[] =
	"{\"box\":{\"id\":\"00a1\",\"class\":\"box2\",\"category\":\"beta\",\"version\":105},"
	"\"map\":{\"epoch\":2,\"serial\":2026112101},\"state\":\"failed\",\"decision\":{\"reason\":\"failed-before\"},"
	"\"gate_time_s\":1795255200,\"failures\":{\"attempts\":2,\"version\":110},\"on_air\":{\"loss\":0.25}}";

static json_t *status_with(const char *path, const char *name, json_t *value)
{
	json_t *status = json_loads(status_text, 0, NULL);
	json_object_set_new(path ? json_object_get(status, path) : status, name, value);
	return status;
}

static void test_report(void **state)
{
	json_t *status = json_loads(status_text, 0, NULL);
	struct box_report r, back;
	char *line;
	(void)state;
	assert_int_equal(tell_report(status, &r), 0);
	assert_int_equal(tell_print(&r, NULL, &line), 0);
	assert_int_equal(box_report_parse(&back, (const uint8_t *)line, strlen(line)), 0);
	assert_memory_equal(&back, &r, sizeof r);
	assert_string_equal(r.box_id, "00a1");
	assert_string_equal(r.reason, "failed-before");
	assert_true(r.version == 105 && r.epoch == 2 && r.serial == 2026112101 && r.time_s == 1795255200);
	assert_int_equal(box_report_kpi(&r, "failures", 0), 2);
	assert_int_equal(box_report_kpi(&r, "failed_version", 0), 110);
	assert_int_equal(box_report_kpi(&r, "loss_ppm", 0), 250000);
	memory_free(NULL, line);
	json_decref(status);
}

/* Before there is a map, a decision or a heartbeat; and what no box says. */
static void test_little_to_tell(void **state)
{
	json_t *status = json_loads("{\"box\":{\"id\":\"00a1\",\"class\":\"box2\",\"version\":null},\"map\":null,"
				    "\"decision\":null,\"state\":\"waiting-map\"}",
		0, NULL);
	struct box_report r;
	(void)state;
	assert_int_equal(tell_report(status, &r), 0);
	assert_string_equal(r.category, "production");
	assert_true(r.version == 0 && r.epoch == 0 && r.time_s == 0);
	json_decref(status);
	status = status_with("box", "id", json_string("A B"));
	assert_int_equal(tell_report(status, &r), CAROUSEL_E_MALFORMED);
	json_decref(status);
	status = status_with("box", "version", json_integer(4294967296));
	assert_int_equal(tell_report(status, &r), CAROUSEL_E_MALFORMED);
	json_decref(status);
	assert_int_equal(tell_report(NULL, &r), CAROUSEL_E_MALFORMED);
}

static void test_signed(void **state)
{
	json_t *status = json_loads(status_text, 0, NULL);
	uint8_t seed[KEY_SEED_BYTES] = {7};
	const struct key_public *keys[1];
	struct key_secret key;
	struct box_report r;
	struct envelope e;
	char *line;
	(void)state;
	assert_int_equal(key_secret_init(&key, KEY_ED25519, seed), 0);
	assert_int_equal(tell_report(status, &r), 0);
	assert_int_equal(tell_print(&r, &key, &line), 0);
	assert_null(strchr(line, '\n'));
	assert_int_equal(envelope_parse(NULL, &e, line, strlen(line)), 0);
	keys[0] = &key.public_key;
	assert_string_equal(e.type, ENVELOPE_TYPE_REPORT);
	assert_int_equal(envelope_verify(&e, keys, 1, 1), 0);
	envelope_deinit(NULL, &e);
	memory_free(NULL, line);
	json_decref(status);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_report), cmocka_unit_test(test_little_to_tell), cmocka_unit_test(test_signed)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
