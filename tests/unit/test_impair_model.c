#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "sim/cli/impair_model.h"

#include <math.h>
#include <unistd.h>

#define SECOND 1000000000ull
#define SHIPS  "sim/scenarios/ships.trace"

static int start(struct impair_model *m, const struct impair_wishes *wishes, char *message)
{
	message[0] = '\0';
	return impair_model_init(m, wishes, 5 * SECOND, message);
}

static int set(struct impair_model *m, const char *json, char *message)
{
	json_t *args = json_loads(json, 0, NULL);
	int result;
	assert_non_null(args);
	message[0] = '\0';
	result = impair_model_set(m, args, 100 * SECOND, message);
	json_decref(args);
	return result;
}

static void test_bad_wishes(void **state)
{
	static const struct {
		struct impair_wishes wishes;
		int code;
		const char *message;
	} bad[] = {
		{{.model = "loss=2"}, CAROUSEL_E_RANGE,
			"model: \"loss=2\" is not properties such as loss=5%,burst=8,jitter=20ms, each within its "
			"range"},
		{{.trace = "/nonexistent"}, CAROUSEL_E_NOT_FOUND, "trace: /nonexistent: there is no such thing here"},
		{{.trace = "sim/scenarios/night.ini"}, CAROUSEL_E_SYNTAX,
			"trace: sim/scenarios/night.ini:1: text does not follow its grammar"},
		{{.trace = SHIPS, .loss = 0.1}, CAROUSEL_E_CONFLICT,
			"trace: it says what is lost, and so does another model"},
		{{.outages = "9s-8s"}, CAROUSEL_E_RANGE,
			"outages: \"9s-8s\" is not a list of windows such as 10s-20s,1m-2m, ascending and within their "
			"period, or never"},
		{{.trace = SHIPS, .outages = "1s-20s", .every_ns = 10 * SECOND}, CAROUSEL_E_RANGE,
			"outages: \"1s-20s\" is not a list of windows such as 10s-20s,1m-2m, ascending and within "
			"their "
			"period, or never"},
	};
	char message[IMPAIR_MESSAGE_BYTES];
	(void)state;
	for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct impair_model m;
		assert_int_equal(start(&m, &bad[i].wishes, message), bad[i].code);
		assert_string_equal(message, bad[i].message);
	}
}

/* What passes of a thousand packets a second, for so many seconds from a moment on. */
static double loss_between(struct impair_model *m, double from_s, double to_s)
{
	struct channel ch;
	struct channel_fate fate;
	unsigned lost = 0, count = 0;
	channel_init(&ch, &m->config, 1, 0);
	for (double t = from_s; t < to_s; t += 0.001, count++) {
		channel_pass(&ch, (uint64_t)(t * 1e9), 1000, &fate);
		lost += fate.verdict != CHANNEL_PASSED;
	}
	return (double)lost / count;
}

static void test_all_models(void **state)
{
	const struct impair_wishes trace = {.trace = SHIPS, .outages = "2s-3s", .every_ns = 10 * SECOND};
	char message[IMPAIR_MESSAGE_BYTES];
	struct impair_model m;
	(void)state;
	assert_int_equal(start(&m, &trace, message), 0);
	assert_true(m.zero_ns == 5 * SECOND);
	assert_true(loss_between(&m, 2, 3) == 1 && loss_between(&m, 12, 13) == 1);
	assert_true(fabs(loss_between(&m, 3, 12) - channel_mean_loss(&m.config)) < 0.05);
	/* Outages anew, once, from now on; the trace stays. */
	assert_int_equal(set(&m, "{\"outages\":\"1s-2s\"}", message), 0);
	assert_true(m.zero_ns == 100 * SECOND);
	assert_true(loss_between(&m, 1, 2) == 1 && loss_between(&m, 12, 13) < 1);
	assert_int_equal(m.config.kind, CHANNEL_TRACE);
	assert_int_equal(set(&m, "{\"outages\":\"1s-2s\",\"every\":\"4s\",\"jitter\":\"3ms\"}", message), 0);
	assert_true(loss_between(&m, 5, 6) == 1);
	assert_true(m.config.jitter_ns == 3000000);
	/* A loss model takes the trace's place, and a trace that of a loss model. */
	assert_int_equal(set(&m, "{\"outages\":\"never\",\"gilbert\":\"0.01 0.1 0 1\"}", message), 0);
	assert_null(m.trace);
	assert_true(fabs(loss_between(&m, 0, 100) - 1 / 11.0) < 0.01);
	assert_int_equal(set(&m, "{\"trace\":\"" SHIPS "\"}", message), 0);
	assert_non_null(m.trace);
	assert_int_equal(set(&m, "{\"loss\":0.5}", message), 0);
	assert_true(fabs(loss_between(&m, 0, 100) - 0.5) < 0.01);
	impair_model_deinit(&m);
}

/* Nothing changes when one of several is wrong. */
static void test_all_or_nothing(void **state)
{
	static const struct {
		const char *args;
		int code;
		const char *message;
	} bad[] = {
		{"{\"loss\":1.5}", CAROUSEL_E_RANGE, "loss: \"1.500000000000\" is not a share, 0 to 1 or 0% to 100%"},
		{"{\"jitter\":\"1s\",\"los\":0.5}", CAROUSEL_E_UNKNOWN_WORD, "there is a key that is none of them"},
		{"{\"loss\":0.2,\"outages\":\"x\"}", CAROUSEL_E_SYNTAX,
			"outages: \"x\" is not a list of windows such as 10s-20s,1m-2m, ascending and within their "
			"period, or never"},
		{"{\"outages\":\"1s-2s\",\"trace\":\"gone\"}", CAROUSEL_E_NOT_FOUND,
			"trace: gone: there is no such thing here"},
		{"{\"every\":\"1s\"}", CAROUSEL_E_NOT_FOUND,
			"every: \"1s\" is not a duration such as 1h that goes with outages"},
		{"{\"loss\":[1]}", CAROUSEL_E_SYNTAX, "loss: \"\" is not a share, 0 to 1 or 0% to 100%"},
		{"{\"trace\":\"" SHIPS "\",\"bogus\":1}", CAROUSEL_E_UNKNOWN_WORD,
			"there is a key that is none of them"},
	};
	const struct impair_wishes wishes = {.model = "loss=5%,burst=8", .outages = "2s-3s"};
	char message[IMPAIR_MESSAGE_BYTES];
	struct impair_model m, before;
	(void)state;
	assert_int_equal(start(&m, &wishes, message), 0);
	before = m;
	for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_int_equal(set(&m, bad[i].args, message), bad[i].code);
		assert_string_equal(message, bad[i].message);
		assert_memory_equal(&before.config, &m.config, sizeof m.config);
		assert_ptr_equal(before.outages.windows, m.outages.windows);
		assert_true(m.zero_ns == 5 * SECOND);
	}
	impair_model_deinit(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_wishes),
		cmocka_unit_test(test_all_models),
		cmocka_unit_test(test_all_or_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
