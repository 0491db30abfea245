#include "carousel-rx/memo.h"
#include "common/carousel_error.h"
#include "tests/lib/fault_alloc.h"
#include "tests/lib/test.h"

static struct memo example(void)
{
	struct memo m = {.state = CAROUSEL_RX_SCHEDULED,
		.map_epoch = 3,
		.map_serial = 2026112101,
		.gate_time_s = 1795000000,
		.is_slot_dirty = true,
		.slot = 1,
		.has_accepted = true,
		.is_paused = true,
		.defer_until_s = 5,
		.offered_s = 6,
		.due_since_s = 7};
	uint8_t digest[32];
	m.install = (struct memo_install){
		.is_set = true, .is_switched = true, .version = 105, .from_version = 42, .retry = 2, .slot = 1};
	memset(m.install.sha256, 0xab, 32);
	memset(m.map_sha256, 0x01, 32);
	memset(m.slot_sha256, 0x02, 32);
	memset(m.accepted_sha256, 0x03, 32);
	memset(m.due_sha256, 0x04, 32);
	memset(digest, 0x05, 32);
	memo_add_failure(&m, digest, 1);
	memset(digest, 0x06, 32);
	memo_add_declined(&m, digest);
	return m;
}

static void test_comes_back_as_it_was(void **state)
{
	struct memo m = example(), back;
	char *text, *again;
	size_t len, again_len;
	(void)state;
	assert_int_equal(memo_encode(&m, NULL, &text, &len), 0);
	assert_int_equal(memo_decode(&back, text, len), 0);
	assert_int_equal(memo_encode(&back, NULL, &again, &again_len), 0);
	assert_string_equal(text, again);
	assert_int_equal(back.install.version, 105);
	assert_true(back.install.is_switched);
	assert_int_equal(back.failures[0].retry, 1);
	assert_int_equal(back.declined[0][31], 6);
	memory_free(NULL, text);
	memory_free(NULL, again);
}

static int decode(void *user, const uint8_t *data, size_t len)
{
	return memo_decode(user, (const char *)data, len);
}

static void test_truncations_of_a_memo(void **state)
{
	struct memo m = example(), back;
	char *text;
	size_t len;
	(void)state;
	assert_int_equal(memo_encode(&m, NULL, &text, &len), 0);
	test_truncations(decode, &back, (const uint8_t *)text, len);
	assert_int_equal(back.map_epoch, 0);
	memory_free(NULL, text);
}

static int decode_text(const char *text)
{
	struct memo m;
	return memo_decode(&m, text, strlen(text));
}

static void test_refuses(void **state)
{
	static char long_text[MEMO_MAX_BYTES + 2];
	(void)state;
	assert_int_equal(decode_text("x"), CAROUSEL_E_SYNTAX);
	assert_int_equal(decode_text("{}"), CAROUSEL_E_MALFORMED);
	assert_int_equal(decode_text("{\"format\":\"carousel-rx-state/2\"}"), CAROUSEL_E_MALFORMED);
#define BASE "{\"format\":\"carousel-rx-state/1\",\"state\":\"trial\""
	assert_int_equal(decode_text(BASE "}"), 0);
	assert_int_equal(decode_text(BASE ",\"new\":[1]}"), 0);
	assert_int_equal(
		decode_text("{\"format\":\"carousel-rx-state/1\",\"state\":\"napping\"}"), CAROUSEL_E_MALFORMED);
	assert_int_equal(decode_text(BASE ",\"gate_time_s\":-1}"), CAROUSEL_E_RANGE);
	assert_int_equal(decode_text(BASE ",\"gate_time_s\":\"1\"}"), CAROUSEL_E_MALFORMED);
	assert_int_equal(decode_text(BASE ",\"paused\":1}"), CAROUSEL_E_MALFORMED);
	assert_int_equal(decode_text(BASE ",\"slot_sha256\":\"00\"}"), CAROUSEL_E_MALFORMED);
	assert_int_equal(decode_text(BASE ",\"install\":{\"slot\":2}}"), CAROUSEL_E_RANGE);
	assert_int_equal(decode_text(BASE ",\"declined\":[1]}"), CAROUSEL_E_MALFORMED);
	assert_int_equal(
		decode_text(BASE ",\"failures\":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,"
				 "0]}"),
		CAROUSEL_E_LIMIT);
	memset(long_text, ' ', sizeof(long_text) - 1);
	assert_int_equal(decode_text(long_text), CAROUSEL_E_LIMIT);
}

static void test_lists_are_bounded(void **state)
{
	struct memo m = {0};
	uint8_t digest[32] = {0};
	(void)state;
	for (unsigned i = 0; i < 40; i++) {
		digest[0] = (uint8_t)i;
		assert_int_equal(memo_add_failure(&m, digest, 0), 1);
		memo_add_declined(&m, digest);
		memo_add_declined(&m, digest);
	}
	assert_int_equal(m.num_failures, MEMO_MAX_FAILURES);
	assert_int_equal(m.num_declined, MEMO_MAX_DECLINED);
	assert_int_equal(m.failures[MEMO_MAX_FAILURES - 1].sha256[0], 39);
	assert_int_equal(m.declined[0][0], 8);
	assert_int_equal(memo_add_failure(&m, digest, 0), 2);
	assert_int_equal(memo_add_failure(&m, digest, 1), 1); /* the row was told to try again */
	assert_int_equal(memo_add_failure(&m, digest, 1), 2);
	memo_remove_declined(&m, digest);
	assert_int_equal(m.num_declined, MEMO_MAX_DECLINED - 1);
	memo_remove_declined(&m, digest);
	assert_int_equal(m.num_declined, MEMO_MAX_DECLINED - 1);
}

static int attempt(const struct carousel_allocator *a, void *user)
{
	char *text;
	size_t len;
	int result = memo_encode(user, a, &text, &len);
	if (result == 0)
		memory_free(a, text);
	return result;
}

static void test_no_memory(void **state)
{
	struct memo m = example();
	(void)state;
	assert_int_equal(fault_alloc_all(attempt, &m), 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_comes_back_as_it_was),
		cmocka_unit_test(test_truncations_of_a_memo),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_lists_are_bounded),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
